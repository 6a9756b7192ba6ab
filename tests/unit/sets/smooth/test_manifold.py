from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.format.errors import InputError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.sets import Ball, Curve, Manifold, Polyhedron, Polynomials, excess, normal_cone, tangent_cone
from certify.sets.smooth.semidefinite import least_eigenvalue
from tests.oracles import brute

pytest.importorskip("sympy")

from certify.symbolic import System, critical, interpolation  # noqa: E402
from tests.effort import examples, some

eighths = st.integers(-24, 24).map(lambda v: Fraction(v, 8))


def sphere(centre: tuple[int, ...], square: int) -> Polynomials:
    p = len(centre)
    unit = lambda j, e: tuple(e * int(i == j) for i in range(p))  # noqa: E731
    terms = {unit(j, 2): Fraction(1) for j in range(p)}
    terms |= {unit(j, 1): Fraction(-2 * c) for j, c in enumerate(centre)}
    return Polynomials([terms | {(0,) * p: Fraction(sum(c * c for c in centre) - square)}])


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=5), st.integers(1, 9), st.data())
def test_spheres_in_closed_form(centre, radius, data):
    """d(p, sphere) = | |p − c| − r |, from both sides, off the centre."""
    p = len(centre)
    M = Manifold(sphere(tuple(centre), radius**2), [centre[0] + radius, *centre[1:]])
    point = data.draw(st.tuples(*[eighths] * p))
    off = math.sqrt(sum(float(a - c) ** 2 for a, c in zip(point, centre, strict=True)))
    found = M.distance(point)
    true = abs(off - radius)
    assert found.lower <= true * (1 + 1e-14) + 1e-14 and true * (1 - 1e-14) - 1e-14 <= found.upper
    if off > 0.6 * radius:  # the Lagrangian is convex on the ball that reaches the sphere: I − (1 − r/|p−c|)…
        assert found.upper <= true * (1 + 1e-6) + 1e-12


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(1, 20).map(lambda v: Fraction(v, 4)), eighths, eighths)
def test_hyperbolas_against_the_roots_of_the_stationarity_polynomial(c, a, b):
    M = Manifold(Polynomials([{(1, 1): 1, (0, 0): -c}]), [1, c])
    true = brute.hyperbola_distance(c, (a, b))
    found = M.distance((a, b))
    assert found.lower <= true + 1e-7 and true - 1e-7 <= found.upper  # 1e-7: a double root in floats
    other = Curve({(1, 1): 1, (0, 0): -c}).distance((a, b))
    assert found.lower <= other.upper and other.lower <= found.upper


def test_two_equations_and_the_nearest_point():
    """A great circle: |w|² = 25 and w₁ = 0; nearest to (1, 6, 8) is (0, 3, 4), at √26."""
    M = Manifold(Polynomials([{(2, 0, 0): 1, (0, 2, 0): 1, (0, 0, 2): 1, (0, 0, 0): -25}, {(1, 0, 0): 1}]), [0, 3, 4])
    found = M.nearest([1, 6, 8])
    true = math.sqrt(26)
    assert found.distance.lower <= true <= found.distance.upper and found.distance.width < 1e-12
    assert found.within is not None and found.within < 1e-6
    assert max(abs(float(a) - b) for a, b in zip(found.point, (0, 3, 4), strict=True)) <= found.within
    T, N = tangent_cone(M, [0, 3, 4]), normal_cone(M, [0, 3, 4])
    assert T.contains([0, 4, -3]) and not T.contains([0, 3, 4]) and not T.contains([1, 0, 0])
    assert N.contains([5, 3, 4]) and not N.contains([0, 4, -3])
    assert M.off_tangent([0, 3, 4], [0, 4, -3]).upper < 1e-12 and M.off_normal([0, 3, 4], [0, 4, -3]).lower > 4.99


def test_toy_of_the_paper_as_a_manifold():
    system = critical([[[1, 2]]], [[1], [2]], [2, 4], product=True)
    assert system.manifold().contains([1, 2])
    moved = system.manifold(["-1/5", "-2/5"])
    found = moved.nearest([1, 2])
    assert found.distance.lower <= 0.2150265 + 1e-7 and found.distance.upper >= 0.2150265 - 1e-7
    assert found.distance.width < 1e-12 and found.within < 1e-6
    assert tangent_cone(system.manifold(), [1, 2]).contains([1, -2])


def tanh_system(seed: int) -> tuple[System, Problem, list[float]]:
    rng = np.random.default_rng(seed)
    W, V, X = rng.integers(-3, 4, (2, 2)) / 2, rng.integers(1, 4, (1, 2)) / 2, rng.integers(-4, 5, (1, 2)) / 2
    X[0, 0] = X[0, 0] or 0.5
    change = np.array([[1 / 16, -1 / 32]])
    problem = Problem(Network((W, V), (None, None), "tanh"), X, None, "features", (0,), set="given", change=change)
    system = interpolation([W.tolist(), V.tolist()], X.tolist(), activation="tanh")
    return system, problem, change.ravel().tolist()


@pytest.mark.parametrize("seed", some(range(8), 2))
def test_solution_set_of_a_network_agrees_with_the_bound_that_is_checked(seed):
    """d(w̄, S(u)) by Q7 and F1 of the certificate, and as the distance from a manifold."""
    system, problem, change = tanh_system(seed)
    certified = bound(problem, "distance")
    M = system.manifold(change)
    w = [v for W in problem.network.weights for v in W.ravel().tolist()]
    found = M.distance(w)
    assert certified.lower <= found.upper and found.lower <= certified.upper
    assert found.width <= 1e-6 * found.upper
    base = system.manifold()
    assert base.distance(w).upper < 1e-12 and base.membership(w)[0] is not False


def test_a_point_beyond_the_focal_distance_keeps_a_valid_lower_end():
    M = Manifold(sphere((0, 0), 1), [1, 0])
    found = M.distance([Fraction(1, 100), 0])  # near the centre every direction is almost as short
    assert 0 < found.lower <= 0.99 <= found.upper <= 1.02


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(1, 3), st.integers(1, 7).map(lambda v: Fraction(v, 8)), st.sampled_from(["plane", "point", "ball"]))
def test_excess_of_the_cap_of_a_circle_in_closed_form(radius, part, kind):
    """The circle of radius r within ρ of (r, 0): up to (r − ρ²/2r, ±h)."""
    r, rho = Fraction(radius), part * radius
    C, window = Manifold(sphere((0, 0), radius**2), [radius, 0]), Ball([r, 0], rho)
    x = r - rho**2 / (2 * r)
    height = math.sqrt(r**2 - x**2)
    D, truth = {
        "plane": (Polyhedron.affine([[0, 1]], [0]), height),
        "point": (Polyhedron.point([r, 0]), float(rho)),
        "ball": (Ball([-r, 0], r), float(r)),  # (r, 0) is the farthest point of the circle from it
    }[kind]
    found = excess(C, D, window)
    assert found.lower <= truth * (1 + 1e-12) and truth * (1 - 1e-12) <= found.upper
    assert found.width <= 0.01 * truth


def test_excess_of_a_curve_in_space():
    round_one = {(2, 0, 0): 1, (0, 2, 0): 1, (0, 0, 2): 1, (0, 0, 0): -1}
    arc = Manifold(Polynomials([round_one, {(1, 0, 0): 1, (0, 1, 0): -1}]), [0, 0, 1])
    top, window = Polyhedron.affine([[0, 0, 1]], [1]), Ball([0, 0, 1], "1/2")
    assert 0.125 in excess(arc, top, window) and excess(arc, top, window).width < 1e-3  # |x − pole|² = 2 − 2z
    with pytest.raises(InputError, match="does not meet"):
        excess(arc, top, Ball([0, 0, 3], 1))


@pytest.mark.parametrize(("call", "said"), [
    (lambda: excess(Manifold(sphere((0, 0), 1), [1, 0]), Ball([0, 0], 1)), "a manifold without a ball as"),  # no window
    (lambda: excess(Manifold(sphere((0,) * 5, 1), [1, 0, 0, 0, 0]), Ball([0] * 5, 1), Ball([0] * 5, 1)), "a manifold"),
    (lambda: Manifold(Polynomials([{(2, 0): 1, (0, 2): 1, (0, 0): 1}]), [0, 0]), "no zero was proved"),  # no real zero
    (lambda: Manifold(Polynomials([{(1, 1): 1}]), [0, 0]), "no zero was proved"),  # a singular point
    (lambda: Manifold(Polynomials([{(1, 0): 1}, {(1, 0): 1, (0, 0): -1}]), [0, 0]), "no zero was proved"),  # empty
    (lambda: Polynomials([{(1,): 1}, {(1, 0): 1}]), "exponents of [1, 2] variables"),
    (lambda: Polynomials([]), "exponents of [] variables"),
    (lambda: Polynomials([{(1.5, 0): 1}]), "(1.5, 0)"),
    (lambda: Manifold(sphere((0, 0), 1), [1, 0, 0]), "3 numbers in dimension 2"),
    (lambda: tangent_cone(Manifold(sphere((0, 0), 1), [1, 0]), [1, 1]), "(1.0, 1.0) is not in the set"),
    (lambda: Manifold(sphere((0, 0), 1), [1, 0]).off_tangent([2, 0], [1, 0]), "(2.0, 0.0) is not in the set"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(call, said):
    with pytest.raises(InputError) as refused:
        call()
    assert refused.value.found.startswith(said)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_least_eigenvalue_bounds_every_member(size, seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((size, size))
    A, R = A + A.T, np.abs(rng.standard_normal((size, size))) * 1e-3
    R = R + R.T
    found = least_eigenvalue([[arb(a, r) for a, r in zip(*rows, strict=True)] for rows in zip(A, R, strict=True)])
    signs = np.triu(rng.choice([-1, 1], (size, size)))
    signs = signs + np.triu(signs, 1).T
    assert found is not None and float(found) <= np.linalg.eigvalsh(A + R * signs)[0] + 1e-12
