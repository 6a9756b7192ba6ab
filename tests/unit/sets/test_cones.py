from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.sets import (
    Ball,
    Curve,
    Ellipsoid,
    FiniteUnion,
    PolyhedralFamily,
    Polyhedron,
    limiting_normal_cone,
    normal_cone,
    tangent_cone,
)
from tests.effort import examples

small = st.integers(-3, 3).map(Fraction)
points = st.lists(st.tuples(small, small, small), min_size=1, max_size=5)


@settings(max_examples=examples(100), deadline=None)
@given(points, st.data())
def test_cones_of_a_hull_are_polar_and_see_every_point(corners, data):
    hull = Polyhedron.hull(corners)
    x = data.draw(st.sampled_from(sorted(hull.vertices)))
    T, N = tangent_cone(hull, x), normal_cone(hull, x)
    for p in corners:
        assert T.contains([a - b for a, b in zip(p, x, strict=True)])
    for v in (*N.generators.rays, *N.generators.lines):
        assert all(sum((a * (b - c) for a, b, c in zip(v, p, x, strict=True)), Fraction(0)) <= 0 for p in corners)
    y = [data.draw(small) for _ in range(3)]
    polar = all(sum((a * (b - c) for a, b, c in zip(y, p, x, strict=True)), Fraction(0)) <= 0 for p in corners)
    assert N.contains(y) == polar


def test_two_axes_have_more_limiting_normals_than_regular_ones():
    cross = FiniteUnion([Polyhedron.affine([[1, 0]], [0]), Polyhedron.affine([[0, 1]], [0])])
    assert normal_cone(cross, [0, 0]).generators.rays == normal_cone(cross, [0, 0]).generators.lines == ()
    limiting = limiting_normal_cone(cross, [0, 0])
    for v, belongs in (((1, 0), True), ((0, -2), True), ((1, 1), False), ((0, 0), True)):
        assert limiting.contains(v) is belongs


def test_round_sets_and_curves():
    assert tangent_cone(Ball([0, 0], 5), [3, 4]).contains([4, -3])
    assert not tangent_cone(Ball([0, 0], 5), [3, 4]).contains([1, 0])
    assert normal_cone(Ellipsoid([0, 0], [[1, 0], [0, 4]]), [0, Fraction(1, 2)]).contains([0, 1])
    assert tangent_cone(Ball([0, 0], 5), [0, 0]).contains([-7, 9])
    hyperbola = Curve({(1, 1): 1, (0, 0): -2})
    assert tangent_cone(hyperbola, [1, 2]).contains([1, -2]) and normal_cone(hyperbola, [1, 2]).contains([-4, -2])
    with pytest.raises(InputError, match="singular"):
        tangent_cone(Curve({(0, 2): 1, (3, 0): -1}), [0, 0])
    with pytest.raises(InputError, match="not in the set"):
        tangent_cone(hyperbola, [0, 0])


def test_families_that_are_not_lipschitz_like():
    argmin = PolyhedralFamily([  # of uw over 0 ≤ w ≤ 1
        Polyhedron([[-1, 0]], [0], E=[[0, 1]], f=[0]), Polyhedron([[1, 0]], [0], E=[[0, 1]], f=[1]),
        Polyhedron([[0, -1], [0, 1]], [0, 1], E=[[1, 0]], f=[0])])  # fmt: skip
    outer = argmin.outer_limit(0)
    assert outer.contains([0]) and outer.contains([1]) and not outer.contains(["1/2"])
    assert argmin.inner_limit(0) is None and argmin.at(0).contains(["1/2"])
    for w, holds in ((0, False), (1, False), ("1/2", False)):
        assert argmin.aubin(0, [w]).holds is holds
    assert argmin.aubin(1, [0]).holds and argmin.aubin(1, [0]).modulus.upper == 0
    rank = PolyhedralFamily([Polyhedron.affine([[1, 0]], [0]), Polyhedron.affine([[0, 1]], [0])])  # uw = 0
    assert rank.inner_limit(0).contains([0]) and not rank.inner_limit(0).contains([1]) and rank.at(0).contains([1])
    assert rank.aubin(0, [1]).holds is False and rank.aubin(0, [0]).holds is False and rank.aubin(2, [0]).holds
    assert rank.contraction(1, 0, Ball([0], 3)).square == 9 and rank.expansion(1, 0, Ball([0], 3)).upper == 0


@pytest.mark.parametrize(("slope", "square"), [(2, 4), (Fraction(-3, 2), Fraction(9, 4)), (0, 0)])
def test_a_line_moves_at_its_slope(slope, square):
    line = PolyhedralFamily([Polyhedron.affine([[-slope, 1]], [0])])
    found = line.aubin(1, [slope])
    assert found.holds and found.modulus.square == square


def test_half_lines_of_different_slope_move_at_the_larger_one():
    family = PolyhedralFamily([Polyhedron([[-1, 0]], [0], E=[[-3, 1]], f=[0]),
                               Polyhedron([[1, 0]], [0], E=[[-1, 1]], f=[0])])  # fmt: skip
    found = family.aubin(0, [0])
    assert found.holds and found.modulus.square == 9


def test_limiting_normals_where_round_pieces_meet_are_refused():
    # boundary points of the left ball near 0 have normals near (1, 0); the two tangent half-planes cover everything
    touching = FiniteUnion([Ball([-1, 0], 1), Ball([1, 0], 1)])
    with pytest.raises(InputError, match="not all polyhedra"):
        limiting_normal_cone(touching, [0, 0])
    assert limiting_normal_cone(touching, [-1, 1]).contains([0, 1])  # one piece alone is convex
