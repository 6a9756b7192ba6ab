from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.errors import SpecError
from certify.network.network import Network
from certify.problem import Problem

pytest.importorskip("sympy")

from certify.symbolic import interpolation  # noqa: E402

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


@settings(max_examples=120, deadline=None)
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
    assert found.upper <= found.lower * (1 + 1e-12) + 1e-300
    if other.upper is not None:
        assert other.lower <= found.upper and found.lower <= other.upper


@settings(max_examples=40, deadline=None)
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
