"""Moduli of whole problems: containment, refutation, refusal, tightness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError, SpecError
from certify.format.words import Rigour
from certify.network.network import Network
from certify.problem.problem import Problem, equal_rows
from certify.prove.prover import bound
from certify.systems.interpolation.base_point import base_point
from tests.containment import bounds as contained
from tests.effort import examples
from tests.families import strategies

QUANTITIES = pytest.mark.parametrize("quantity", ["modulus", "sample_modulus"])


@QUANTITIES
@settings(max_examples=examples(150))
@given(problem=strategies.problems())
def test_the_truth_lies_in_the_bound(quantity, problem):
    contained.whole_problem(problem, quantity)


@given(strategies.problems())
def test_refutations_and_base_points(problem):
    contained.refutation(problem)
    contained.base(problem)


def tanh_problem(n: int = 4, k: int = 1, seed: int = 0, **members) -> Problem:
    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal((9, 3)), rng.standard_normal((k, 9)))
    network = Network(weights, (rng.standard_normal(9), rng.standard_normal(k)), "tanh")
    given_ = {"parameter": "features", "rows": tuple(range(n)), "y": None} | members
    X = given_.pop("X", rng.standard_normal((n, 3)))
    return Problem(network, X, given_.pop("y"), groups=equal_rows(X), **given_)


@QUANTITIES
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("parameter", ["features", "targets"])
@pytest.mark.parametrize("layer", ["all", 1])
def test_ends_meet(quantity, k, parameter, layer):
    b = bound(tanh_problem(k=k, parameter=parameter, layer=layer), quantity)
    assert b.rigour is Rigour.PROVED and not b.reason and not b.refuted
    for low, high in [(b.lower, b.upper), *zip(b.row_lower, b.row_upper, strict=True)]:
        assert 0 < low <= high <= low * (1 + 1e-5)


@QUANTITIES
def test_ill_conditioned_problems_are_still_decided(quantity):
    """Two rows 1e-5 apart: condition number about 1e11, decided in double-double."""
    X = np.random.default_rng(3).standard_normal((4, 3))
    X[1] = X[0] + 1e-5
    problem = tanh_problem(X=X)
    b = bound(problem, quantity)
    assert b.upper <= b.lower * (1 + 1e-5) and b.upper > 1e3
    contained.whole_problem(problem, quantity)


def test_known_modulus_of_a_linear_model():
    """f = w·x, one row: K = |x|², Q = |w|², lip = |w|/|x|; targets: 1/|x|."""
    network = Network((np.array([[3.0, 4.0]]),), (None,), "tanh")
    for parameter, truth in (("features", 5.0), ("targets", 1.0)):
        b = bound(Problem(network, np.array([[0.0, 1.0]]), None, parameter, (0,)), "modulus")
        assert b.lower <= truth <= b.upper <= truth * (1 + 1e-5)


def test_paper_is_only_a_lower_bound():
    """Row moduli are at least |∂_x f_i|/|∂_w f_i| (what the paper states), and strictly more here."""
    problem = tanh_problem(n=8)
    truth = contained.network_oracles.linearise(problem)
    b = bound(problem, "sample_modulus")
    for i, low in enumerate(b.row_lower):
        paper = float(truth.Q[i][0][0]) / float(truth.K[i][i])
        assert low >= np.sqrt(paper) * (1 - 1e-9)
    assert max(b.row_lower) <= bound(problem, "modulus").upper


@QUANTITIES
def test_duplicated_rows(quantity):
    X = np.random.default_rng(1).standard_normal((4, 3))
    X[2] = X[0]
    b = bound(tanh_problem(X=X), quantity)
    assert b.refuted and b.witness == {"equal_rows": [0, 2]} and "merge" in b.reason
    assert b.lower is None and b.upper is None
    merged = bound(tanh_problem(X=X, merge_duplicates=True, rows=(0, 1, 3)), quantity)
    assert not merged.refuted and merged.upper <= merged.lower * (1 + 1e-5)
    still = bound(tanh_problem(X=X, rows=(1, 3)), quantity)
    assert not still.refuted and still.upper is None and still.reason


@QUANTITIES
@pytest.mark.parametrize("case", ["dead units", "kink", "more equations than parameters", "zero weights"])
def test_losses_of_rank_and_kinks_stay_open(quantity, case):
    X = np.array([[1.0, 0.5], [-0.5, 2.0], [0.25, 0.125]])
    networks = {
        "dead units": ((np.ones((4, 2)), np.ones((1, 4))), (np.full(4, -99.0), np.zeros(1)), "relu"),
        "kink": ((np.array([[1.0, -2.0], [1.0, 1.0], [1.0, 3.0]]), np.ones((1, 3))), (np.full(3, 0.5), None), "relu"),
        "more equations than parameters": ((np.ones((2, 2)),), (None,), "tanh"),
        "zero weights": ((np.zeros((3, 2)), np.zeros((1, 3))), (None, None), "tanh"),
    }
    X = X if case != "kink" else np.array([[0.0, 0.25], [1.0, 2.0]])
    problem = Problem(Network(*networks[case]), X, None, "features", tuple(range(len(X))), groups=equal_rows(X))
    b = bound(problem, quantity)
    assert b.upper is None and not b.refuted and b.reason and "\n" not in b.reason


@QUANTITIES
def test_fewer_rows_that_move_give_no_larger_modulus(quantity):
    b = bound(tanh_problem(rows=(2,)), quantity)
    assert b.rows == (() if quantity == "modulus" else (2,))
    whole = bound(tanh_problem(), quantity)
    assert b.upper <= whole.upper * (1 + 1e-9)


def test_unknown_quantity():
    with pytest.raises(SpecError, match="not built; use modulus, sample_modulus"):
        bound(tanh_problem(), "volume")
    with pytest.raises(SpecError, match=r"give perturbation.file \(.*\) and \[window\] radius"):
        bound(tanh_problem(), "hausdorff")
    with pytest.raises(SpecError, match='use solution.map = "sublevel"'):
        bound(tanh_problem(), "persistence_radius")


def test_progress_is_told():
    seen = []
    bound(tanh_problem(), "modulus", lambda stage, fraction: seen.append((stage, fraction)))
    assert seen and all(stage and 0 <= fraction <= 1 for stage, fraction in seen)


def test_base_point_is_close():
    problem = tanh_problem(y=np.ones((4, 1)))
    found = base_point(problem)
    W, b = problem.network.weights, problem.network.biases
    shift = np.abs(np.tanh(problem.X @ W[0].T + b[0]) @ W[1].T + b[1] - 1.0).ravel()
    assert found["residual"] == pytest.approx(np.linalg.norm(shift), rel=1e-12)
    assert found["shift_worst"] == pytest.approx(shift.max(), rel=1e-12)
    assert found["shift_worst_row"] == int(shift.argmax()) and found["distance"] == 0
    assert base_point(tanh_problem())["residual"] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_data_that_is_not_finite_is_refused(bad):
    """Readers refuse NaN and infinity; a problem built in Python must not turn them into a claim either."""
    X = np.random.default_rng(0).standard_normal((3, 3))
    X[1, 2] = bad
    with pytest.raises(InputError):
        tanh_problem(n=3, X=X)


@QUANTITIES
def test_data_out_of_range_leaves_the_bound_open(quantity):
    X = np.random.default_rng(0).standard_normal((3, 3))
    X[1, 2] = 1e200
    with np.errstate(all="ignore"):
        b = bound(tanh_problem(n=3, X=X), quantity)
    assert b.lower is None and b.upper is None and b.reason


@given(st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, 5e-324]), min_size=2, max_size=2), min_size=1, max_size=6))
def test_equal_rows_are_those_equal_as_vectors(rows):
    X = np.array(rows)
    groups = equal_rows(X)
    same = {(i, j) for i in range(len(X)) for j in range(i) if (X[i] == X[j]).all()}
    assert same == {(i, j) for g in groups for i in g for j in g if j < i}
