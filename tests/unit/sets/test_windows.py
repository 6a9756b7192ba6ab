"""Windows around round sets: what a ball leaves of a ball or an ellipsoid, a polyhedron of a ball."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.sets import Ball, Curve, Ellipsoid, FiniteUnion, Polyhedron, excess, rho_distance, truncated_hausdorff
from certify.sets.excess import excess_where_met
from tests.effort import examples

entry = st.integers(-12, 12).map(lambda v: Fraction(v, 4))
sizes = st.integers(1, 12).map(lambda v: Fraction(v, 4))
balls = st.builds(lambda x, y, r: Ball([x, y], r), entry, entry, sizes)
ellipsoids = st.builds(lambda x, y, a, b, c: Ellipsoid([x, y], [[a * a + 1, a * b], [a * b, b * b + c]]),
                       entry, entry, entry, entry, sizes)  # fmt: skip
boxes = st.builds(lambda x, y, a, b: Polyhedron.box([x, y], [x + a, y + b]), entry, entry, sizes, sizes)
TURN = np.linspace(0, 2 * np.pi, 100, endpoint=False)
CIRCLE = np.stack([np.cos(TURN), np.sin(TURN)], 1)


def inside(S, x: np.ndarray, slack: float) -> np.ndarray:
    if isinstance(S, Polyhedron):
        return np.all(x @ np.array(S.A, float).T <= np.array(S.b, float) + slack, axis=1)
    off = x - np.array(S.centre, float)
    if isinstance(S, Ball):
        return np.linalg.norm(off, axis=1) <= float(S.radius) + slack
    return (off @ np.array(S.P, float) * off).sum(axis=1) <= 1 + slack


def boundary(S) -> np.ndarray:
    """About evenly on it, so that every point of it is close to one of these."""
    if isinstance(S, Polyhedron):
        low, high = np.array(S.vertices, float).min(axis=0), np.array(S.vertices, float).max(axis=0)
        t = np.linspace(0, 1, 40)[:, None]
        corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]], low])
        return np.concatenate([a + t * (b - a) for a, b in pairwise(corners)])
    if isinstance(S, Ball):
        return np.array(S.centre, float) + float(S.radius) * CIRCLE
    return np.array(S.centre, float) + CIRCLE @ np.linalg.cholesky(np.array(S.inverse, float)).T


@settings(max_examples=examples(100), deadline=None)
@given(st.one_of(balls, ellipsoids), balls, st.one_of(boxes, balls, ellipsoids))
def test_what_a_ball_leaves_of_a_round_set(C, window, D):
    compare(C, window, D)


@settings(max_examples=examples(100), deadline=None)
@given(balls, boxes, st.one_of(boxes, balls))
def test_what_a_polyhedron_leaves_of_a_ball(C, window, D):
    compare(C, window, D)


def compare(C, window, D):
    """No point of both may be farther than the upper end; the lower end must be reached, but for the sampling."""
    x = np.concatenate([boundary(C), boundary(window)])
    x = x[inside(C, x, -1e-9) & inside(window, x, -1e-9)]
    found = excess_where_met(C, D, window)
    if found is None:
        assert not len(x)
        return
    # C and the window are convex, so that the largest distance from D is at the boundary of one of them
    distances = [D.distance([Fraction(v) for v in p.tolist()]) for p in x]
    assert all(d.lower <= found.upper for d in distances)
    if len(x) > 20 and not found.reason:
        assert found.lower <= max(d.upper for d in distances) + 0.3


def test_lenses_in_closed_form():
    lens = excess(Ball([0, 0], 5), Polyhedron.point([0, 0]), Ball([8, 0], 5))
    assert 5.0 in lens and lens.width < 1e-4  # along a whole arc
    touching = excess(Ball([0, 0], 1), Polyhedron.point([4, 0]), Ball([3, 0], 2))
    assert 3.0 in touching and touching.width < 1e-6 and touching.lower > 0  # (1, 0) alone
    with pytest.raises(InputError, match="does not meet"):
        excess(Ball([0, 0], 1), Polyhedron.point([4, 0]), Ball([4, 0], 2))
    half = excess(Ball([0, 0], 1), Polyhedron.point([0, 0]), Polyhedron([[1, 0]], ["-4/5"]))
    assert 1.0 in half and half.width < 1e-4
    assert excess(Ball([0, 0], 2), FiniteUnion.of_points([[-1, 0], [1, 0]])).upper >= 5**0.5 * (1 - 1e-6)


def test_truncated_distances_of_balls():
    C, D = Ball([0, 0], 1), Polyhedron.affine([[0, 1]], [0])
    found = truncated_hausdorff(C, D, 3)  # (0, ±1) from the line, (±3, 0) from the ball
    assert 2.0 in found and found.width < 1e-6
    assert 2.0 in rho_distance(C, D, 3, cells=50)


def test_a_ray_that_no_piece_follows_is_infinite_and_one_that_a_piece_follows_is_not():
    ray = Polyhedron.hull([[0, 0]], [[1, 0]])
    points = FiniteUnion.of_points([[0, 0], [9, 9]])
    assert excess(ray, points).lower == float("inf")
    followed = FiniteUnion([Polyhedron.point([0, 0]), Polyhedron.affine([[0, 1]], [2])])
    assert excess(ray, followed).upper <= 2.0


@pytest.mark.parametrize(("call", "said"), [
    (lambda: excess(Ball([0], 1), Ball([0], 1), "window"), "a str"),
    (lambda: excess(Ball([0], 1), Ball([0], 1), Ellipsoid([0], [[1]])), "a Ellipsoid"),
    (lambda: excess(Ball([0], 1), [0]), "a list"),
    (lambda: excess(None, Ball([0], 1)), "a NoneType"),
    (lambda: excess(Ellipsoid([0, 0], [[1, 0], [0, 1]]), Curve({(1, 1): 1, (0, 0): -1})), "a Ellipsoid against"),
    (lambda: excess(Ellipsoid([0], [[1]]), Ball([0], 1), Polyhedron.box([0], [1])), "a polyhedron around a Ellipsoid"),
    (lambda: FiniteUnion(Ball([0], 1)), "a Ball"),
    (lambda: Polyhedron(space=-1), "-1"),
    (lambda: Polyhedron(space=1.5), "1.5"),
    (lambda: Polyhedron.box([0, 0], [1]), "1 numbers in dimension 2"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError) as refused:
        call()
    assert refused.value.found.startswith(said)
