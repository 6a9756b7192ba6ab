"""The function norm where equations are interpolated: sets of changes (S2, N0 to N3), and critical points (M5a)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.format.errors import SpecError
from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer, bound
from certify.rigor.arithmetic import Binary64, DoubleDouble
from certify.systems.critical.point import CriticalPoint
from certify.systems.interpolation import contrasts, linearisation
from tests.containment import critical
from tests.containment import critical_seen as seen_
from tests.containment import critical_sets as sets_
from tests.containment import one_row as one_row_
from tests.containment.rigor import Violation
from tests.effort import some
from tests.families import critical as families
from tests.unit.prove.test_critical import interpolating_tanh


def line(tau: float = 0.5, **members) -> Problem:
    """`f = wx + b` at one row x = 2; reference rows 1 and 5."""
    network = Network((np.array([[3.0]]),), (np.array([1.0]),), "identity")
    return Problem(network, np.array([[2.0]]), np.array([[4.0]]), "targets", (0,), map="critical",
                   weight_norm="function", reference=Reference(np.array([[1.0], [5.0]]), tau), **members)


@pytest.mark.parametrize("tau", [0.5, 2.0**-10, 4.0])
def test_a_line_through_one_row(tau):
    """`1/√(J S⁻²Jᵀ)`, J = (2, 1), `S² = [[26, 6], [6, 2]] + τ²I`; by moving x the weight 3 times that."""
    t = Fraction(tau) ** 2
    a, b, d = 26 + t, Fraction(6), 2 + t
    square = (4 * d - 4 * b + a) / (a * d - b * b)
    for parameter, factor in (("targets", 1), ("features", 3)):
        found = bound(replace(line(tau), parameter=parameter), "modulus")
        truth = factor / float(square) ** 0.5
        assert found.theorem == "M5a" and found.unit.startswith("weight distance as the reference rows see it")
        assert found.lower <= truth * (1 + 1e-12) and truth * (1 - 1e-12) <= found.upper <= found.lower * (1 + 1e-5)


@pytest.mark.parametrize("parameter", ["features", "targets"])
def test_it_is_the_interpolation_map_of_the_outputs(parameter):
    problem = replace(interpolating_tanh(), parameter=parameter, weight_norm="function",
                      reference=Reference(np.array([[0.3, -1.0], [2.0, 0.1]]), 0.1))
    own = replace(problem, map="interpolation", y=None)
    for quantity in ("modulus", "sample_modulus"):
        a, b = bound(problem, quantity), bound(own, quantity)
        assert a.theorem == "M5a" and (a.lower, a.upper, a.row_upper) == (b.lower, b.upper, b.row_upper)


def fitted(rng: np.random.Generator, loss: str, k: int) -> Problem:
    """A tanh net with more parameters than equations, base given."""
    d, m, n = 2, 3, 2
    network = Network((rng.standard_normal((m, d)), rng.standard_normal((k, m))),
                      (rng.standard_normal(m), rng.standard_normal(k)), "tanh")
    labels = None if loss == "squared" else rng.integers(0, k, n)
    y = rng.standard_normal((n, k)) if loss == "squared" else None
    X, seen = rng.standard_normal((n, d)), rng.standard_normal((int(rng.integers(1, 4)), d))
    return Problem(network, X, y, "features", (0, 1), labels=labels, map="critical", loss=loss, weight_norm="function",
                   reference=Reference(seen, 0.2))


@pytest.mark.parametrize("seed", some(range(2), 2))
@pytest.mark.parametrize("loss, k", [("squared", 2), ("cross_entropy", 2), ("cross_entropy", 3)])
def test_against_jets_and_brute_force(loss, k, seed):
    """With k − 1 differences a row the reference outputs do not always fill whole blocks."""
    rng = np.random.default_rng([seed, k])
    problem = fitted(rng, loss, k)
    assert CriticalPoint(problem, answer, silent).settled.theorem == "M5a"
    assert critical.whole_problem(problem) == "decided"
    for kind in ("per_sample", "sparse", "given"):
        assert sets_.whole_problem(sets_.with_set(problem, rng, kind), rng) == "decided"
    assert one_row_.whole_problem(problem, rng) == "decided"


def test_the_witness_is_one_of_the_equations_and_reference_outputs_alone():
    """Three outputs at one reference row, equations in blocks of two: one more is added, and taken out again."""
    problem, rows = odd(), 1
    assert critical.whole_problem(problem) == "decided"
    found = bound(problem, "modulus")
    assert len(found.witness["z"]) == 2 * 2 + 3 * rows
    budgets = bound(replace(problem, set="per_sample", radius=1.0, norm="inf"), "first_order_distance")
    assert len(budgets.witness["z"]) == 2 * 2 + 3 * rows
    assert len(budgets.witness["dual"]) == len(budgets.witness["array"].content) == 2


def odd() -> Problem:
    """Two rows of two differences, one reference row of three outputs."""
    problem = fitted(np.random.default_rng(0), "cross_entropy", 3)
    return replace(problem, reference=Reference(np.array([[0.3, -1.0]]), 0.2))


@pytest.mark.parametrize("arithmetic", [Binary64(), DoubleDouble()])
def test_kernel_and_jacobian_of_the_differences_agree(arithmetic):
    """`J̃J̃ᵀ` with `J̃ = [[VJ, 0, 0], [J_ref, τI, 0], [0, 0, τ]]`, formed in either way."""
    derived = replace(odd(), map="interpolation", loss="squared", labels=None)
    formed, kernel = (contrasts.contrasted(linearisation.linearise(derived, arithmetic, silent, form), 3, 0.2)
                      for form in (True, False))
    J, K = formed.kernel, kernel.kernel
    assert formed.idle == kernel.idle == 1 and len(K.e) == len(J.rad) == 4 + 3 + 1
    gram = J.mid.hi @ J.mid.hi.T
    size = np.linalg.norm(J.mid.hi, axis=1)
    slack = np.outer(K.e, K.s) + np.outer(K.s, K.e) + np.outer(J.rad, size) + np.outer(size, J.rad) + 1e-13 * np.outer(
        size, size)
    assert (np.abs(gram - K.mid.hi) <= slack).all() and (size <= K.s * (1 + 1e-12)).all()
    assert J.mid.hi[-1].tolist() == [0.0] * (J.mid.shape[1] - 1) + [0.2]
    plain = linearisation.linearise(derived, arithmetic, silent, True).kernel.mid.hi
    assert np.allclose(J.mid.hi[:2, :-1], plain[:2] - plain[2], rtol=1e-12)  # the first row's two differences
    assert np.array_equal(J.mid.hi[4:7, :-1], plain[6:])  # reference outputs as they are
    assert kernel.Q.C.shape[:2] == (4, 2) and not kernel.Q.C[2:].any()


def fell(problem: Problem, rng: np.random.Generator) -> bool:
    try:
        sets_.whole_problem(problem, rng)
    except Violation:
        return True
    return False


def test_sets_that_are_not_scaled_by_tau_are_caught(monkeypatch):
    right = linearisation.Linearisation.in_function_norm
    monkeypatch.setattr(linearisation.Linearisation, "in_function_norm", lambda lin, tau: right(lin, tau / 2))
    rng = np.random.default_rng(1)
    problem = fitted(rng, "squared", 1)
    for kind in ("per_sample", "sparse", "given"):
        assert fell(sets_.with_set(problem, rng, kind), rng)


def test_differences_of_reference_outputs_would_be_another_norm(monkeypatch):
    """The norm is about outputs: what a change of all of them by one number does is seen."""
    problem = replace(fitted(np.random.default_rng(3), "cross_entropy", 2), reference=Reference(np.ones((1, 2)), 0.2))
    assert critical.whole_problem(problem) == "decided"
    right = contrasts._differences

    def wrong(A, k, n, arithmetic):
        return right(A, k, len(A.hi) // k, arithmetic)

    monkeypatch.setattr(contrasts, "_differences", wrong)
    with pytest.raises((Violation, ValueError, IndexError)):
        critical.whole_problem(problem)


def derivatives(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """J and G (all rows beside each other) of a net of one hidden tanh layer and one output, and J_ref, in floats."""
    (W, v), (b, _) = problem.network.weights, problem.network.biases

    def jacobian(X: np.ndarray) -> np.ndarray:
        h = np.tanh(X @ W.T + b)
        s = v * (1 - h**2)
        return np.hstack([(s[:, :, None] * X[:, None, :]).reshape(len(X), -1), s, h, np.ones((len(X), 1))])

    slopes = v * (1 - np.tanh(problem.X @ W.T + b) ** 2)
    return jacobian(problem.X), slopes @ W, jacobian(problem.reference.X)


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize("kind", ["per_sample", "sparse", "given"])
@pytest.mark.parametrize("tau", [0.2, 2.0**-10])
def test_interpolation_under_sets_of_changes(kind, norm, tau):
    """`|S·J_S⁺ s|` in floats over vertices, or many points, of the set."""
    if kind == "given" and norm != 2:
        return
    rng = np.random.default_rng(5)
    base = replace(interpolating_tanh(), map="interpolation", y=None, weight_norm="function",
                   reference=Reference(rng.standard_normal((2, 2)), tau))
    change = rng.standard_normal((3, 2)) if kind == "given" else None
    problem = replace(base, set=kind, norm=norm, count=2 if kind == "sparse" else None, change=change,
                      radius=None if kind == "given" else 1.0)
    found = bound(problem, "first_order_distance")
    J, G, J_ref = derivatives(problem)
    S = np.linalg.cholesky(J_ref.T @ J_ref + tau**2 * np.eye(J.shape[1])).T
    M = np.linalg.pinv(J @ np.linalg.inv(S))
    drawn = [change.ravel()] if change is not None else sets_.changes(problem, rng)
    best = max(np.linalg.norm(M @ (G * u.reshape(G.shape)).sum(axis=1)) for u in drawn)
    assert best <= found.upper * (1 + 1e-6)
    assert found.lower <= best * (1 + 1e-6) if norm != 2 or kind == "given" else best >= 0.6 * found.lower
    assert found.upper <= 1.6 * found.lower


def test_solving_again_on_moved_data():
    """The exact fit nearest in S, over t, for the worst change and for others."""
    problem = replace(interpolating_tanh(), map="interpolation", y=None, weight_norm="function",
                      reference=Reference(np.array([[0.3, -1.0], [2.0, 0.1]]), 0.1))
    found, t, rng = bound(problem, "modulus"), 1e-5, np.random.default_rng(2)
    J, G, J_ref = derivatives(problem)
    S = np.linalg.cholesky(J_ref.T @ J_ref + 0.01 * np.eye(J.shape[1])).T
    back, Gu = np.linalg.inv(S), np.zeros((3, 6))
    for i in range(3):
        Gu[i, 2 * i:2 * i + 2] = G[i]
    worst = np.linalg.svd(np.linalg.pinv(J @ back) @ Gu)[2][0]

    def output(net: Network, X: np.ndarray) -> np.ndarray:
        return np.tanh(X @ net.weights[0].T + net.biases[0]) @ net.weights[1].T + net.biases[1]

    for u in [worst, *rng.standard_normal((3, 6))]:
        moved = replace(problem, X=problem.X + t * (u / np.linalg.norm(u)).reshape(3, 2))
        at, step = moved, np.zeros(J.shape[1])
        for _ in range(8):
            r = output(at.network, moved.X)[:, 0] - output(problem.network, problem.X)[:, 0]
            j = derivatives(at)[0]
            step = back @ np.linalg.pinv(j @ back) @ (j @ step - r)
            at = families.shifted(moved, -step)
        assert np.abs(r).max() < 1e-13
        distance = float(np.linalg.norm(S @ step)) / t
        assert distance <= found.upper * (1 + 1e-3)
        assert u is not worst or distance >= found.lower * (1 - 1e-3)


def test_sample_weights_do_not_move_an_exact_fit():
    """Base nearby, every residual 0: both ends are 0 in any norm."""
    problem = replace(interpolating_tanh(), parameter="sample_weights", base="nearby", weight_norm="function",
                      reference=Reference(np.array([[0.3, -1.0]]), 0.1))
    network = problem.network
    y = np.tanh(problem.X @ network.weights[0].T + network.biases[0]) @ network.weights[1].T + network.biases[1]
    found = bound(replace(problem, y=y), "modulus")
    assert found.theorem == "M5a" and found.lower == found.upper == 0


def test_the_distance_at_finite_size_is_refused():
    problem = replace(line(), map="interpolation", y=None, set="given", change=np.array([[0.1]]))
    with pytest.raises(SpecError, match="function"):
        bound(problem, "distance")


def test_the_attack_on_interpolating_problems():
    """Few rows, no decay: most are M5a, and half of them under a set of changes."""
    decided = 0
    for seed in range(16):
        rng = np.random.default_rng([seed, 5])
        problem = seen_.few_rows(seen_.with_reference(replace(families.critical_problem(rng, "given"),
                                                              weight_decay=0.0), rng), rng)
        if CriticalPoint(problem, answer, silent).settled.theorem != "M5a":
            continue
        whole = rng.random() < 0.5
        decided += (critical.whole_problem(problem) if whole else sets_.whole_problem(
            sets_.with_set(problem, rng), rng)) == "decided"
    assert decided >= 5
