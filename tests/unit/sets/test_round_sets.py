from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.sets import Ball, Curve, Ellipsoid, FiniteUnion, Polyhedron, excess, hausdorff
from certify.sets.extent import Extent, largest, root, smallest
from tests.effort import examples
from tests.oracles import brute

entry = st.integers(-12, 12).map(lambda v: Fraction(v, 4))


def sampled(C, count: int = 400) -> list[np.ndarray]:
    """Points of a ball or an ellipsoid, its boundary most of all."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((count, C.dimension))
    y /= np.linalg.norm(y, axis=1)[:, None] * (1 + 1e-12)
    if isinstance(C, Ball):
        return list(np.array(C.centre, float) + float(C.radius) * y)
    L = np.linalg.cholesky(np.array(C.inverse, float))
    return list(np.array(C.centre, float) + y @ L.T)


@st.composite
def ellipsoids(draw):
    d = draw(st.integers(1, 3))
    L = np.array([[draw(st.integers(-2, 2)) for _ in range(d)] for _ in range(d)])
    return Ellipsoid([draw(entry) for _ in range(d)], (L @ L.T + np.eye(d, dtype=int)).tolist())


@settings(max_examples=examples(60), deadline=None)
@given(ellipsoids(), st.data())
def test_distance_of_an_ellipsoid_lies_between_samples_and_planes(C, data):
    p = [data.draw(st.integers(-40, 40).map(lambda v: Fraction(v, 4))) for _ in range(C.dimension)]
    found = C.distance(p)
    near = min(np.linalg.norm(x - np.array(p, float)) for x in sampled(C))
    assert found.lower <= near + 1e-12 or C.contains(p)
    assert found.width <= 1e-9 * (1 + found.upper)


@settings(max_examples=examples(40), deadline=None)
@given(ellipsoids(), st.data())
def test_excess_of_round_sets_is_not_below_samples_and_closed_form_of_balls(C, data):
    d = C.dimension
    D = data.draw(st.sampled_from([
        Ball([data.draw(entry) for _ in range(d)], data.draw(st.integers(0, 3))),
        Polyhedron.box([-1] * d, [1] * d), Polyhedron([[1] * d], [1]), Polyhedron.point([0] * d)]))  # fmt: skip
    found = excess(C, D)
    assert max(D.distance([Fraction(float(v)) for v in x]).lower for x in sampled(C, 60)) <= found.upper + 1e-9
    assert found.lower <= found.upper
    B = Ball(C.centre, data.draw(st.integers(0, 3)))
    if isinstance(D, Ball):
        exact = max(0.0, math.dist(map(float, B.centre), map(float, D.centre)) + float(B.radius - D.radius))
        assert excess(B, D).lower <= exact + 1e-12 and exact <= excess(B, D).upper + 1e-12
    direct, by_support = excess(B, D), excess(Ellipsoid(B.centre, np.eye(d, dtype=int).tolist()), D)
    if B.radius == 1:
        assert direct.lower <= by_support.upper and by_support.lower <= direct.upper


def test_balls_and_half_spaces():
    assert hausdorff(Ball([0, 0], 1), Ball([3, 4], 2)).square == 36
    assert excess(Ball([0, 0], 3), Polyhedron([[1, 0]], [1])).square == 4
    assert excess(Ball([0, 0], 3), Polyhedron.affine([[1, 0]], [0])).square == 9
    assert excess(Ball([0, 0], 1), Polyhedron([[1, 0]], [5])).square == 0
    assert excess(Polyhedron.box([0, 0], [3, 4]), Ball([0, 0], 1)).square == 16


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(1, 8).map(lambda v: Fraction(v, 2)), st.tuples(entry, entry))
def test_distance_of_a_hyperbola_against_its_stationary_points(c, p):
    found = Curve({(1, 1): 1, (0, 0): -c}).distance(p)
    exact = brute.hyperbola_distance(c, p)
    assert found.lower <= exact * (1 + 1e-15) and exact <= found.upper * (1 + 1e-15)
    assert found.width <= 2e-9 or found.reason


def test_curves_with_a_known_distance():
    circle = Curve({(2, 0): 1, (0, 2): 1, (0, 0): -1})
    for p, exact in (([3, 4], 4.0), ([0.5, 0], 0.5), ([0, 0], 1.0)):
        assert exact in circle.distance(p)
    cusp = Curve({(0, 2): 1, (3, 0): -1})  # the nearest point is singular
    assert 1.0 in cusp.distance([-1, 0])
    toy = Curve({(1, 1): 1, (0, 0): "-5/2"}).distance([1, 2])
    assert round(toy.lower, 6) == round(toy.upper, 6) == 0.215027


@pytest.mark.long
def test_excess_of_a_curve_over_another():
    moved = excess(Curve({(1, 1): 1, (0, 0): "-5/2"}), Curve({(1, 1): 1, (0, 0): -2}), Ball([1, 2], "1/2"))
    assert 0 < moved.lower <= moved.upper <= moved.lower * (1 + 1e-3)


def test_excess_against_a_union():
    two = FiniteUnion.of_points([[0, 0], [2, 0]])
    found = excess(Polyhedron.hull([[0, 0], [2, 0]]), two)
    assert 1.0 in found and found.width < 1e-4
    box = Polyhedron.box([0, 0], [1, 1])
    assert excess(box, FiniteUnion([box, Ball([9, 9], 1)])).upper == 0
    with pytest.raises(InputError, match="curve"):
        excess(Curve({(1, 1): 1, (0, 0): -1}), two)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: Ball([0], -1), "radius -1 in dimension 1"),
    (lambda: Ball([], 1), "radius 1 in dimension 0"),
    (lambda: Ball([math.nan], 1), "nan"),
    (lambda: Ellipsoid([0, 0], [[1, 2], [2, 1]]), "P is not symmetric positive"),
    (lambda: Ellipsoid([0, 0], [[1, 1], [0, 1]]), "P is not symmetric positive"),
    (lambda: Curve({}), "a constant polynomial"),
    (lambda: Curve({(0, 0): 1}), "a constant polynomial"),
    (lambda: Curve({(1,): 1}), "(1,)"),
    (lambda: Curve([1]), "[1]"),
    (lambda: Curve({(2, 0): 1, (0, 2): 1, (0, 0): 1}).distance([0, 0]), "no zero was found within"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError) as refused:
        call()
    assert refused.value.found.startswith(said)


def test_large_sets_are_looked_at_from_every_side():
    # the farthest points lie on the second axis, and all sides of the cube of directions promise more than 1e9
    C = Ellipsoid([0, 0], [[Fraction(1, 10**22), 0], [0, Fraction(1, 10**26)]])
    assert 10**13 - 1 in excess(C, Ball([0, 0], 1))
    thin = Ellipsoid([0, 0], [[Fraction(1, 10**26), 0], [0, Fraction(1, 10**22)]])
    assert 10**13 - 1 in excess(thin, Ball([0, 0], 1))


def test_a_centre_outside_by_less_than_the_least_float_is_outside():
    off = Fraction(1, 10**400)
    for D in (Polyhedron(E=[[1, 0]], f=[0]), Polyhedron([[1, 0]], [0]), Polyhedron([[1, 0], [0, 1]], [0, 5])):
        found = excess(Ball([off, 0], 1), D)
        assert 1 + off in found and found.square in (None, (1 + off) ** 2)


def test_an_exact_square_is_claimed_only_of_the_value_itself():
    exact, loose = root(Fraction(2)), Extent(root(Fraction(2)).lower, root(Fraction(2)).upper)
    assert largest([exact, loose]).square is None and smallest([exact, loose]).square is None
    assert largest([exact, Extent(0.5, 1.0)]).square == 2 and smallest([exact, Extent(3.0, 4.0)]).square == 2
