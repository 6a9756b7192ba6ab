from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.sets import FiniteUnion, Polyhedron, excess, hausdorff, segment
from certify.sets.exact.projection import Infeasible, project, verify
from tests.effort import examples
from tests.oracles import brute

small = st.integers(-4, 4).map(Fraction)
quarters = st.integers(-20, 20).map(lambda v: Fraction(v, 4))


@st.composite
def systems(draw, feasible: bool = False):
    d = draw(st.integers(1, 4))
    A = draw(st.lists(st.tuples(*[small] * d), max_size=6))
    E = draw(st.lists(st.tuples(*[small] * d), max_size=2))
    inside = draw(st.tuples(*[small] * d))
    inner = lambda r: sum((u * v for u, v in zip(r, inside, strict=True)), Fraction(0))  # noqa: E731
    if feasible:
        b = tuple(inner(r) + draw(st.integers(0, 5)) for r in A)
        return d, A, b, E, tuple(inner(r) for r in E)
    return d, A, tuple(draw(small) for _ in A), E, tuple(draw(st.sampled_from([inner(r), Fraction(1)])) for r in E)


@settings(max_examples=examples(500), deadline=None)
@given(systems(), st.data())
def test_projection_is_the_least_distance_over_all_faces_or_a_proof_of_emptiness(system, data):
    d, A, b, E, f = system
    p = data.draw(st.tuples(*[quarters] * d))
    found = project(p, tuple(A), b, tuple(E), f)
    assert verify(p, tuple(A), b, tuple(E), f, found)
    expected = brute.squared_distance(p, A, b, E, f)
    if isinstance(found, Infeasible):
        assert expected is None
    else:
        assert expected == sum(((u - v) ** 2 for u, v in zip(p, found.point, strict=True)), Fraction(0))


@settings(max_examples=examples(300), deadline=None)
@given(systems(), st.data())
def test_altered_multipliers_prove_nothing(system, data):
    d, A, b, E, f = system
    p = data.draw(st.tuples(*[quarters] * d))
    found = project(p, tuple(A), b, tuple(E), f)
    if isinstance(found, Infeasible):
        flipped = Infeasible(tuple(-v for v in found.multipliers), tuple(-v for v in found.equality_multipliers))
        assert not verify(p, tuple(A), b, tuple(E), f, flipped)
    else:
        moved = tuple(v + 1 for v in found.point)
        wrong = type(found)(moved, found.multipliers, found.equality_multipliers)
        assert not verify(p, tuple(A), b, tuple(E), f, wrong)


@settings(max_examples=examples(600), deadline=None)
@given(systems(feasible=True), systems(feasible=True), st.data())
def test_excess_of_polyhedra_against_brute_force(first, second, data):
    d = min(first[0], second[0])
    cut = lambda s: ([r[:d] for r in s[1]], s[2], [r[:d] for r in s[3]], s[4])  # noqa: E731
    (A, b, E, f), (A2, b2, E2, f2) = cut(first), cut(second)
    try:
        C, D = Polyhedron(A, b, E, f, space=d), Polyhedron(A2, b2, E2, f2, space=d)
    except InputError:  # a cut row may say 0 ≤ −1
        return
    found = excess(C, D)
    g = C.generators
    weights = [data.draw(st.integers(0, 3)) for _ in g.vertices]
    if not any(weights):
        weights[0] = 1
    total = sum(weights)
    x = [sum((w * v[j] for w, v in zip(weights, g.vertices, strict=True)), Fraction(0)) / total for j in range(d)]
    assert brute.holds(A, b, E, f, x)
    size = brute.squared_distance(tuple(x), A2, b2, E2, f2)
    assert size <= (found.upper if found.square is None else found.square)
    if found.lower == math.inf:  # some ray runs away: far along it the distance exceeds any bound
        far = max(brute.squared_distance(tuple(v + 10**6 * s * r for v, r in zip(g.vertices[0], ray, strict=True)),
                                         A2, b2, E2, f2)
                  for ray in (*g.rays, *g.lines) for s in ((1, -1) if ray in g.lines else (1,)))
        assert far > 10**8
    else:
        assert found.square == max(brute.squared_distance(v, A2, b2, E2, f2) for v in g.vertices)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(quarters, quarters, quarters), min_size=1, max_size=7))
def test_hull_contains_its_points_and_has_no_other_corners(points):
    hull = Polyhedron.hull(points)
    assert all(hull.contains(p) for p in points)
    assert set(hull.vertices) <= set(points)
    assert not hull.rays if hasattr(hull, "rays") else not hull.generators.rays


def test_closed_forms():
    assert hausdorff(Polyhedron.affine([[3, 4]], [0]), Polyhedron.affine([[3, 4]], [10])).square == 4  # parallel lines
    assert excess(segment([0, 0], [0, 2]), segment([1, 0], [1, 1])).square == 2
    assert excess(segment([1, 0], [1, 1]), segment([0, 0], [0, 2])).square == 1
    line, other = Polyhedron.affine([[0, 1]], [0]), Polyhedron.affine([[1, -1]], [0])
    assert excess(line, other).upper == math.inf and "ray" in excess(line, other).reason
    assert excess(Polyhedron([[-1, 0]], [0]), Polyhedron([[-1, 0]], [1])).square == 0
    assert hausdorff(Polyhedron([[-1, 0]], [0]), Polyhedron([[-1, 0]], [1])).square == 1
    points = FiniteUnion.of_points([[0], [100]])
    assert excess(points, Polyhedron.point([0])).square == 10**4
    assert excess(Polyhedron.point([0]), points).upper == 0


@pytest.mark.parametrize("call", [
    lambda: Polyhedron([[1], [-1]], [0, -1]),
    lambda: Polyhedron([[0, 0]], [-1]),
    lambda: Polyhedron([[1, 2], [3]], [0, 1]),
    lambda: Polyhedron([[1.0, math.nan]], [0]),
    lambda: Polyhedron([[1]], [math.inf]),
    lambda: Polyhedron([[1]], [1, 2]),
    lambda: Polyhedron(),
    lambda: Polyhedron.hull([]),
    lambda: FiniteUnion([]),
    lambda: FiniteUnion([3]),
    lambda: Polyhedron.point([0]).distance([1, 2]),
    lambda: excess(Polyhedron.point([0]), Polyhedron.point([0, 0])),
    lambda: excess(Polyhedron.point([5]), Polyhedron.point([0]), window=Polyhedron.box([0], [1])),
    lambda: excess(Polyhedron(space=2), FiniteUnion.of_points([[0, 0]]), window=None).upper + "",
])  # fmt: skip
def test_bad_input_is_refused_in_words(call):
    with pytest.raises((InputError, TypeError)) as caught:
        call()
    if isinstance(caught.value, InputError):
        assert ";" in str(caught.value)
