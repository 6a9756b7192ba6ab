from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.format.errors import SpecError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.sets.exact.rational import flint_matrix
from certify.theorems.modulus.exact import exact_modulus

pytest.importorskip("sympy")

from certify.symbolic import interpolation  # noqa: E402
from tests.effort import examples

small = st.integers(-4, 4).filter(bool).map(lambda k: k / 2)


@st.composite
def problems(draw):
    widths = draw(st.sampled_from([[1, 2, 1], [2, 2, 1], [2, 3, 2], [3, 1], [2, 4, 1]]))
    activation = draw(st.sampled_from(["identity", "relu", "leaky_relu"]))
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    weights = tuple(np.array([[draw(small) for _ in range(j)] for _ in range(i)]) for i, j in pairs)
    biases = tuple(np.array([draw(small) for _ in range(i)]) if draw(st.booleans()) else None for i, _ in pairs)
    X = np.array(draw(st.lists(st.tuples(*[small] * widths[0]), min_size=1, max_size=3, unique=True)))
    rows = tuple(range(len(X))) if draw(st.booleans()) else (0,)
    return Problem(Network(weights, biases, activation), X, None, draw(st.sampled_from(["features", "targets"])), rows,
                   arithmetic="exact")  # fmt: skip


def neighbours(lower: float, upper: float) -> bool:
    """At most two floats apart: the lower end is missed by one where the modulus itself is a float."""
    return lower >= np.nextafter(np.nextafter(upper, 0), 0) or (lower == 0.0 and upper <= 2.0**-1022)


@settings(max_examples=examples(120), deadline=None)
@given(problems())
def test_ends_are_neighbours_around_the_closed_form_and_inside_the_float_bound(problem):
    found = bound(problem, "modulus")
    other = bound(replace(problem, arithmetic="float"), "modulus")
    if found.upper is None:
        assert other.upper is None and found.reason
        return
    net = problem.network
    system = interpolation([W.tolist() for W in net.weights], problem.X.tolist(), activation=net.activation,
                           biases=[None if b is None else b.tolist() for b in net.biases], rows=list(problem.rows),
                           parameter=problem.parameter)  # fmt: skip
    if system.surjective and not system.G_u.is_zero_matrix and len(system.equations) <= 3:
        exact = system.enclosure()
        assert found.lower <= exact.upper and exact.lower <= found.upper
    assert neighbours(found.lower, found.upper)
    if other.upper is not None:
        assert other.lower <= found.upper and found.lower <= other.upper


@settings(max_examples=examples(40), deadline=None)
@given(problems())
def test_rows_one_by_one(problem):
    if problem.parameter != "features":
        return
    found = bound(problem, "sample_modulus")
    other = bound(replace(problem, arithmetic="float"), "sample_modulus")
    for a, b, c, d in zip(found.row_lower, found.row_upper, other.row_lower, other.row_upper, strict=False):
        assert a <= b and (c is None or c <= b) and (d is None or a <= d)


def test_toy_in_closed_form():
    net = Network((np.array([[1.0, 1.0]]),), (None,), "identity")
    X = np.array([[1.0, 0.0], [1.0, 0.5]])
    found = bound(Problem(net, X, None, "features", (0,), arithmetic="exact"), "modulus")
    exact = np.sqrt(10.0)  # |g| √(K⁻¹)_00 = √2·√5
    assert found.lower <= exact * (1 + 1e-15) and exact * (1 - 1e-15) <= found.upper
    assert found.upper - found.lower <= 4 * np.spacing(exact)


@settings(max_examples=examples(60), deadline=None)
@given(problems(), st.sampled_from([-500, -300, -160, 160, 300, 500]), st.sampled_from([-400, 0, 400]))
def test_ends_are_neighbours_at_extreme_scales_also(problem, data, size):
    """Rows and weights far beyond those whose squares are floats.

    All layers get one scale: layers of unlike scale make a kernel so ill-conditioned that no z of floats comes near.
    """
    net = problem.network
    weights = tuple(np.ldexp(W, size) for W in net.weights)
    problem = replace(problem, network=Network(weights, (None,) * len(weights), net.activation),
                      X=np.ldexp(problem.X, data))
    found = bound(problem, "modulus")
    if found.upper is None:  # or the modulus is above the largest float, which is said
        assert "row rank" in found.reason or "exactly 0" in found.reason or "largest float" in found.reason
    else:
        assert neighbours(found.lower, found.upper)


def test_scales_that_differ_from_row_to_row():
    K = flint_matrix([[Fraction(10) ** 600, Fraction(0)], [Fraction(0), Fraction(10) ** -600]], 2)
    Q = flint_matrix([[Fraction(10) ** 590, Fraction(3)], [Fraction(3), 2 * Fraction(10) ** -590]], 2)
    ends = exact_modulus(K, Q)
    true = Fraction(2) * 10**10  # but for 9·10^(−600 + 600)/10^10, far below: the pencil is nearly diagonal
    assert neighbours(ends.lower, ends.upper)
    assert Fraction(ends.lower) ** 2 < true + 1 and Fraction(ends.upper) ** 2 > true - 1
    assert np.isfinite(ends.z).all()


def test_a_kink_and_lost_rank_are_open():
    net = Network((np.array([[1.0], [1.0]]), np.array([[1.0, 1.0]])), (np.array([-1.0, 0.0]), None), "relu")
    at_kink = bound(Problem(net, np.array([[1.0]]), None, "features", (0,), arithmetic="exact"), "modulus")
    assert at_kink.upper is None and "exactly 0" in at_kink.reason
    flat = Network((np.array([[1.0]]), np.array([[0.0]])), (None, None), "relu")
    lost = bound(Problem(flat, np.array([[-1.0]]), None, "features", (0,), arithmetic="exact"), "modulus")
    assert lost.upper is None and "row rank" in lost.reason


@pytest.mark.parametrize("more", [{"map": "sublevel", "y": np.zeros((1, 1))}, {"weight_norm": "relative"},
                                  {"set": "per_sample"}, {"base": "nearby", "y": np.zeros((1, 1))}])  # fmt: skip
def test_what_it_is_not_built_for_is_refused(more):
    problem = Problem(Network((np.array([[1.0]]),), (None,), "identity"), np.array([[2.0]]), None, "features", (0,))
    with pytest.raises(SpecError, match="exact"):
        bound(replace(problem, arithmetic="exact", **more), "modulus")
    smooth = replace(problem, network=Network((np.eye(1), np.eye(1)), (None, None), "tanh"), arithmetic="exact")
    with pytest.raises(SpecError, match="tanh"):
        bound(smooth, "modulus")
