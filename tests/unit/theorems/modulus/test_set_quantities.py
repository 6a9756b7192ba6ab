"""N1, N2 and N3: closed forms, wrong formulas that must be caught, refusals, cvxpy's optimum, and the reports' nets."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from certify.finders.low_rank import Ball, propose_weights
from certify.finders.oracle import weights_optimum
from certify.format.errors import EnclosureError, InputError, SpecError
from certify.network.layers.kernel import Kernel
from certify.network.network import Network
from certify.problem.load import load_problem
from certify.problem.perturbations.factor import BlockFactor, box_factor, feature_factor
from certify.problem.perturbations.row_sets import RowSets, boxes_around, feature_sets, hulls_around, intervals
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import bound
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.ball import Balls
from certify.systems.interpolation.congruence import Congruence, congruence
from certify.systems.interpolation.linearisation import Linearisation, linearise
from certify.theorems.modulus.given_change import enclose_change
from certify.theorems.modulus.pairs import pair_norms
from certify.theorems.modulus.row_budgets import BudgetEnds, enclose_row_budgets
from tests.containment import sets as sets_
from tests.containment.attack import attack
from tests.containment.rigor import Violation
from tests.oracles import matrices as exact

REPORTS = Path(__file__).resolve().parents[4] / "reports" / "audits"
NAMES = {"box": 60, "sparse": 60, "given_change": 60}


@pytest.mark.parametrize("name", NAMES)
def test_random_attacks(name):
    _, tally, messages, _ = attack(name, 5, range(NAMES[name]))
    assert messages == [] and tally["decided"] > NAMES[name] // 2


def kernel(A: np.ndarray) -> Kernel:
    return Kernel(Pair((A + A.T) / 2), np.full(len(A), 1e-300), np.sqrt(np.diagonal(A)) + 1e-100)


def ends_of(A: np.ndarray, G: np.ndarray, norm: int | str = 2, count: int | None = None) -> BudgetEnds:
    """Ends for a float kernel and float matrices G, `(n, k, d)`."""
    n, k, d = G.shape
    balls = Balls.make(Pair(G.reshape(n * k, d)), np.zeros(n * k), Binary64())
    moves = np.ones(n, dtype=bool)
    X = congruence(kernel(A), Binary64())
    assert isinstance(X, Congruence)
    return enclose_row_budgets(kernel(A), feature_sets(balls, n, k, moves, norm), feature_factor(balls, n, k, moves), X,
                               Binary64(), n if count is None else count)


def encloses(ends: BudgetEnds, square: float, accuracy: float = 1e-6) -> bool:
    assert ends.lower is not None and ends.upper is not None
    within = ends.lower <= square**0.5 * (1 + 1e-12) and square**0.5 <= ends.upper * (1 + 1e-12)
    return within and ends.upper <= ends.lower * (1 + accuracy)


# closed forms


def equicorrelated(n: int, delta: float) -> np.ndarray:
    """K with `K⁻¹ = 11ᵀ + δI`."""
    return np.linalg.inv(np.ones((n, n)) + delta * np.eye(n))


def test_box_of_equicorrelated_rows_is_known():
    n, delta = 6, 0.25  # every sign +1; d_i = n + δ is the best dual and exact
    assert encloses(ends_of(equicorrelated(n, delta), np.ones((n, 1, 1))), n * n + delta * n)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_sparse_of_equicorrelated_rows_is_known_by_pairs(m):
    ends = ends_of(equicorrelated(6, 0.25), np.ones((6, 1, 1)), count=m)
    assert encloses(ends, m * m + 0.25 * m) and ends.member in ("pairs", "rows")


@pytest.mark.parametrize("m", [1, 2, 3])
def test_sparse_of_independent_rows_is_the_sum_of_the_largest(m):
    sizes = np.array([1.0, 3.0, 2.0])  # K = I: the motion of row i is |g_i|
    ends = ends_of(np.eye(3), sizes[:, None, None], count=m)
    assert encloses(ends, float(np.sort(sizes**2)[::-1][:m].sum()))


@pytest.mark.parametrize(("norm", "square"), [(1, 3.0), (2, 3.0), ("inf", 6.0)])
def test_two_outputs_of_independent_rows(norm, square):
    ends = ends_of(np.eye(6), np.tile(np.eye(2), (3, 1, 1)), norm)  # R_i is the unit ball of the norm in the plane
    assert encloses(ends, square)


def test_one_output_takes_the_dual_norm():
    g = np.array([[[3.0, -4.0]]])
    for norm, size in ((1, 4.0), (2, 5.0), ("inf", 7.0)):
        assert encloses(ends_of(np.eye(1), g, norm), size**2)


def test_one_change_of_a_diagonal_kernel():
    X = congruence(kernel(np.diag([4.0, 9.0])), Binary64())
    found = enclose_change(RowSets(np.ones((2, 1, 1)), np.zeros(2), 2), np.array([[2.0], [6.0]]), X)
    assert found.lower <= 5**0.5 <= found.upper and found.upper - found.lower < 1e-12  # 4/4 + 36/9


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_nothing_moves_nothing(norm):
    for k in (1, 2):
        ends = ends_of(np.eye(2 * k), np.zeros((2, k, 3)), norm)
        assert (ends.lower, ends.upper) == (0.0, 0.0)
        assert (ends.shape is not None) == (k == 2 and norm == "inf")  # the checker asks for the array


# wrong formulas are caught by the test that the right ones pass


def _wrong(A: np.ndarray, G: np.ndarray, m: int, which: str) -> float:
    M = np.linalg.inv(A) * np.abs(G[:, 0, 0])[:, None] * np.abs(G[:, 0, 0])
    diagonal = np.sort(np.diagonal(M))[::-1]
    return float(np.sqrt(m * diagonal[0] if which == "m max κ²" else diagonal[:m].sum()))


@pytest.mark.parametrize("which", ["m max κ²", "sum of the m largest M_ii"])
def test_wrong_formulas_are_caught(which):
    caught = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n, m = int(rng.integers(3, 6)), 2
        A = equicorrelated(n, float(rng.choice([1e-3, 0.1, 1.0])))
        G = rng.uniform(0.5, 2.0, (n, 1, 1))
        rows = RowSets(G, np.zeros(n), 2)
        with exact.precision(256):
            sets_.check(ends_of(A, G, count=m), kernel(A), rows, m, rng, False)  # the right one passes
            try:
                sets_.check(BudgetEnds(None, _wrong(A, G, m, which), None, "rows", None, None), kernel(A), rows, m, rng,
                            False)
            except Violation:
                caught += 1
    assert caught == 20


def test_proved_lower_end_exceeds_the_wrong_formulas():
    A, G = equicorrelated(6, 1e-3), np.ones((6, 1, 1))
    ends = ends_of(A, G, count=3)
    assert ends.lower is not None and ends.lower > max(_wrong(A, G, 3, w) for w in ("m max κ²", "sum")) * 1.7


# refusals


def test_ellipsoids_that_contain_nothing_are_refused():
    rows = RowSets(np.ones((1, 2, 2)), np.zeros(1), 1)
    for C in (np.zeros((1, 2, 2)), np.array([[[1.0, 0.0], [1.0, 1e-200]]]), np.full((1, 2, 2), np.nan)):
        with pytest.raises(EnclosureError), np.errstate(all="ignore"):
            hulls_around(rows, C)
    for W in (np.zeros((1, 2)), np.array([[1.0, -1.0]]), np.array([[1.0, np.inf]])):
        with pytest.raises(EnclosureError):
            boxes_around(rows, W, BlockFactor(np.ones((1, 2, 2)), np.zeros(1)))
    with pytest.raises(InputError, match="2 outputs"):
        intervals(rows)
    with pytest.raises(InputError, match="norm"):
        RowSets(np.ones((1, 1, 1)), np.zeros(1), 3)


def test_wide_radii_leave_the_upper_end_open_or_wide():
    A = np.eye(2)
    wide = Kernel(Pair(A), np.full(2, 0.1), np.ones(2))
    X = congruence(wide, Binary64())
    assert isinstance(X, Congruence)
    rows, Q = RowSets(np.ones((2, 1, 1)), np.zeros(2), 2), BlockFactor(np.ones((2, 1, 1)), np.zeros(2))
    ends = enclose_row_budgets(wide, rows, Q, X, Binary64(), 2)
    assert ends.upper is None or ends.upper >= (2 / 0.8) ** 0.5  # a member with both eigenvalues 0.8 exists
    assert ends.lower is None or ends.lower <= (2 / 1.2) ** 0.5
    assert (pair_norms(X, Q) >= np.diag([1 / 0.8] * 2)).all()


NET = Network((np.random.default_rng(0).standard_normal((8, 2)), np.random.default_rng(1).standard_normal((1, 8))),
              (np.random.default_rng(2).standard_normal(8), None), "tanh")
X3 = np.random.default_rng(3).standard_normal((3, 2))


def problem(**members) -> Problem:
    return Problem(NET, X3, None, **({"parameter": "features", "rows": (0, 1, 2)} | members))


def test_quantities_ask_for_what_they_need():
    with pytest.raises(SpecError, match="no perturbation.radius"):
        bound(problem(set="per_sample"), "first_order_distance")
    with pytest.raises(SpecError, match="has no modulus"):
        bound(problem(set="sparse", count=1, radius=1.0), "modulus")
    for bad in ({"set": "sparse"}, {"count": 2}, {"set": "given"}, {"norm": 1}, {"norm": 3, "set": "per_sample"},
                {"set": "sparse", "count": 0}, {"change": X3}, {"set": "given", "change": X3, "rows": (0,)},
                {"radius": -1.0}, {"map": "sublevel", "set": "sparse", "count": 1}):
        with pytest.raises(InputError):
            problem(**bad)


def test_sets_agree_where_they_must():
    """One moving row: all sets are the same; total is never above per sample, sparse with all rows is per sample."""
    one = [bound(problem(rows=(1,), radius=0.5, **m), "first_order_distance")
           for m in ({}, {"set": "per_sample"}, {"set": "sparse", "count": 3})]
    assert max(b.lower for b in one) <= min(b.upper for b in one) and max(b.upper for b in one) < 1.001 * one[0].lower
    assert [b.theorem for b in one] == ["M2", "N1", "N2"]
    total, each = (bound(problem(set=s), "modulus") for s in ("total", "per_sample"))
    assert total.lower <= each.upper <= total.upper * 3**0.5 * 1.001
    every = bound(problem(set="sparse", count=3, radius=1.0), "first_order_distance")
    assert every.lower <= each.upper and each.lower <= every.upper


def test_given_change_lies_within_its_budget():
    u = np.array([[0.3, -0.4], [0.0, 0.0], [0.1, 0.1]])
    found = bound(problem(set="given", change=u), "first_order_distance")
    assert found.theorem == "N3" and found.upper < found.lower * (1 + 1e-6)
    assert found.lower <= bound(problem(set="per_sample", radius=0.5), "first_order_distance").upper
    assert found.lower <= bound(problem(radius=0.53), "first_order_distance").upper
    nothing = bound(problem(set="given", change=0 * u), "first_order_distance")
    assert nothing.lower == 0 and nothing.upper < 1e-100


def test_equal_rows_refute_every_set_that_parts_them():
    twins = np.vstack([X3[:2], X3[:1]])
    base = {"parameter": "features", "rows": (0, 1, 2), "radius": 1.0}
    for members in ({}, {"set": "per_sample"}, {"set": "sparse", "count": 1}):
        assert bound(Problem(NET, twins, None, **base, **members), "first_order_distance").refuted
    change = Problem(NET, twins, None, **base, set="given", change=np.ones((3, 2)))
    found = bound(change, "first_order_distance")  # one change may leave equal rows equal: left open
    assert not found.refuted and found.upper is None and found.reason


# the optimum

HUNDRED = pytest.param(100, None, marks=pytest.mark.benchmark)  # the interior-point solver takes a minute or two


@pytest.mark.parametrize(("n", "count"), [(30, None), (40, 5), HUNDRED])
def test_dual_is_within_1e4_of_the_optimum(n, count):
    pytest.importorskip("cvxpy")
    rng = np.random.default_rng(n)
    B = rng.standard_normal((n, n + 5))
    A = B @ B.T / n
    best = weights_optimum(np.linalg.inv(A), 1, count)
    ends = ends_of(A, np.ones((n, 1, 1)), count=count)
    assert best.status == "optimal" and ends.upper is not None
    assert ends.upper**2 <= best.value * (1 + 1e-4) and ends.lower**2 <= best.value * (1 + 1e-6)


def test_dual_of_several_outputs_is_within_1e4_of_the_optimum():
    pytest.importorskip("cvxpy")
    rng = np.random.default_rng(2)
    n, k = 12, 3
    B = rng.standard_normal((n * k, n * k + 4))
    P = np.linalg.inv(B @ B.T / n)
    found = propose_weights(P, k, Ball(np.tile(np.eye(k), (n, 1, 1))), np.ones(n, dtype=bool), n,
                            rng.standard_normal((n * k, 10)))
    scaled = P / np.sqrt(np.repeat(found.weights, k))[:, None] / np.sqrt(np.repeat(found.weights, k))
    value = found.weights.sum() * np.linalg.eigvalsh(scaled)[-1]
    assert value <= weights_optimum(P, k).value * (1 + 1e-4)


def test_oracle_refuses_what_it_cannot_do():
    with pytest.raises(InputError, match="at most 100"):
        weights_optimum(np.eye(101))


def test_bounds_do_not_import_cvxpy():
    code = "import sys, certify.prove.prover, certify.finders.oracle;"
    code += " sys.exit(bool({'cvxpy', 'torch'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# the nets of the reports


@lru_cache(maxsize=1)
def _linearised(path: str, norm: int | str, double: bool) -> Linearisation:
    arithmetic = DoubleDouble() if double else Binary64()
    return linearise(replace(load_problem(REPORTS / path), set="per_sample", norm=norm), arithmetic, silent)


def _report(path: str, norm: int | str, count: int | None, double: bool) -> BudgetEnds:
    found = _linearised(path, norm, double)
    arithmetic = found.arithmetic
    assert isinstance(found.congruence, Congruence)
    return enclose_row_budgets(found.kernel, found.sets, found.Q, found.congruence, arithmetic, count or len(found.Q.C))


@pytest.mark.parametrize(("count", "most"), [
    (None, 1.1), (1, 1.3), *(pytest.param(count, 1.3, marks=pytest.mark.long) for count in (5, 20))])
def test_breast_cancer(count, most):
    ends = _report("breast-cancer/certify.toml", 2, count, double=True)
    assert ends.lower is not None and ends.upper is not None and ends.lower <= ends.upper <= most * ends.lower


@pytest.mark.parametrize("norm", [1, 2, "inf"])
def test_wine(norm):
    ends = _report("wine/interpolation/certify.toml", norm, None, double=False)
    assert ends.lower is not None and ends.upper is not None and ends.lower <= ends.upper <= 1.5 * ends.lower


@pytest.mark.benchmark
def test_digits():
    ends = _report("digits/interpolation-200/certify.toml", 2, None, double=False)
    assert ends.lower is not None and ends.upper is not None and ends.lower <= ends.upper <= 1.5 * ends.lower


def test_box_factor_encloses():
    G, W = np.array([[[1.0, 2.0]], [[0.0, 0.0]]]), np.array([[2.0, 0.5], [1.0, 1.0]])
    Q = box_factor(G, np.zeros(2), W)
    assert abs(Q.C[0, 0, 0] ** 2 - 5.0) <= Q.eta[0] < 1e-12 and not Q.C[1].any() and Q.eta[1] == 0
