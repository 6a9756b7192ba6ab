"""The critical map in the function norm beside symmetries: the motion is the shortest as the reference rows see it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer, bound
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.inverse import Inverse, Matrix, invert
from certify.systems.critical import settle as critical_base
from certify.systems.critical.function_norm import Seen
from certify.systems.critical.function_norm_fields import invert_seen, loosened, spanning_seen, turned
from certify.systems.critical.point import CriticalPoint
from certify.systems.critical.reduction import completed, field_length, spanning
from certify.systems.critical.symmetry import Fields
from tests.containment import critical as contained
from tests.containment import one_row as one_row_
from tests.containment.attack import attack
from tests.containment.rigor import Violation
from tests.oracles import critical as oracle
from tests.unit.prove.test_critical import always_active, deep_linear, toy


def seen_toy(tau: float = 0.5) -> Problem:
    """`f = w₁w₂x` at (1, 2), one reference row x = 3, which does not see the field (1, −2)."""
    return toy(weight_norm="function", reference=Reference(np.array([[3.0]]), tau))


def awake(tau: float = 0.25) -> Problem:
    """Unit 1 is linear and unit 2 dead at the data, both are alive at the reference row; the targets are fitted."""
    network = Network((np.array([[1.0], [1.0]]), np.array([[2.0, -1.0]])), (np.array([0.5, -5.0]), None), "relu")
    X = np.array([[1.0], [2.0], [3.0]])
    return Problem(network, X, 2 * X + 1, "targets", (0, 1, 2), map="critical", weight_norm="function",
                   reference=Reference(np.array([[10.0]]), tau))


def test_a_field_that_no_reference_output_sees_changes_nothing():
    """The toy: motions `0.4·(2, 1)/√5`, `J_ref = (6, 3)`: `√(0.4²·45 + τ²·0.4²)`."""
    for tau in (0.5, 2.0**-10, 8.0):
        found, truth = bound(seen_toy(tau), "modulus"), (7.2 + 0.16 * tau**2) ** 0.5
        assert found.theorem == "M5b" and found.unit.startswith("weight distance as the reference rows see it")
        assert found.lower <= truth * (1 + 1e-12) and truth * (1 - 1e-12) <= found.upper <= found.lower * (1 + 1e-6)


@pytest.mark.parametrize("tau", [0.25, 2.0**-10, 3.0])
def test_a_dead_unit_that_wakes_at_a_reference_row_makes_up_for_what_that_row_would_see(tau):
    """`min_k (a + ⟨c, k⟩)² + τ²|k|² = a²τ²/(τ² + |c|²)`, a what the living unit does and c the dead unit's derivatives.

    The living unit's own field is seen by no row, and orthogonal to the rest.
    """
    problem = awake(tau)
    X = problem.X[:, 0]
    J = np.stack([2 * X, np.full(3, 2.0), X + 0.5], axis=1)  # by a₁, b₁, v₁
    alive, dead = np.array([20.0, 2.0, 10.5]), np.array([-10.0, -1.0, 5.0])
    V = np.linalg.pinv(J, rcond=1e-12)
    share = tau / np.hypot(tau, np.linalg.norm(dead))
    lengths = np.vstack([tau * V, share * (alive @ V)[None, :]])
    truth, rows = np.linalg.norm(lengths, 2), np.linalg.norm(lengths, axis=0)
    whole, single = (bound(problem, quantity) for quantity in ("modulus", "sample_modulus"))
    assert whole.theorem == single.theorem == "M5b"
    assert whole.lower <= truth * (1 + 1e-9) and truth * (1 - 1e-9) <= whole.upper <= whole.lower * (1 + 1e-4)
    for low, high, row in zip(single.row_lower, single.row_upper, rows, strict=True):
        assert low <= row * (1 + 1e-9) and row * (1 - 1e-9) <= high <= low * (1 + 1e-4)
    euclidean = tau * V, (alive @ V)[None, :]  # the shortest Euclidean motion, measured in the norm, is far longer
    assert np.linalg.norm(np.vstack(euclidean), 2) > 1.5 * whole.upper


@pytest.mark.parametrize("kind, count", [("per_sample", None), ("sparse", 1), ("sparse", 2), ("given", None)])
def test_sets_of_changes_beside_symmetries(kind, count):
    """One number a row: all sign patterns, against both ends of M5e."""
    change = np.array([[0.5], [-1.0], [2.0]]) if kind == "given" else None
    problem = replace(awake(), set=kind, count=count, radius=None if kind == "given" else 1.0, change=change)
    found = bound(problem, "first_order_distance")
    with oracle.precision():
        M = np.array(oracle.derive(oracle.System(problem), oracle.System(problem).weights()).image.tolist(), float)
    signs = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1)
    kept = signs[:, (signs != 0).sum(axis=0) <= (count or 3)]
    truth = np.linalg.norm(M @ (kept if change is None else change), axis=0).max()
    assert found.lower <= truth * (1 + 1e-9) and truth * (1 - 1e-9) <= found.upper <= 1.5 * found.lower
    assert one_row_.whole_problem(awake(), np.random.default_rng(0)) == "decided"


def solved_again(problem: Problem, moved: Problem, tilt: list[list[oracle.arb]], S: np.ndarray) -> float:
    """`|S(w − w̄)|` of the critical point of the moved data that is nearest in S: tangent steps on the solution set."""
    first = oracle.System(problem).weights()
    start, p = np.array([float(x) for x in first]), len(first)
    system, w = oracle.System(moved, tilt), start
    back = np.linalg.inv(S)
    for _ in range(12):
        jet = system.whole([oracle.arb(x) for x in w])
        g = np.array([float(jet.g[i, 0].mid()) for i in range(p)])
        H = np.array([[float(jet.h[i, j].mid()) for j in range(p)] for i in range(p)])
        w = start + back @ np.linalg.pinv(H @ back, rcond=1e-7) @ (H @ (w - start) - g)
    assert np.linalg.norm(g) < 1e-12
    return float(np.linalg.norm(S @ (w - start)))


@pytest.mark.parametrize("which", ["toy", "awake", "linear"])
def test_solving_again_on_moved_data(which):
    """Data moved by t in the worst direction and in others: distance over t tends to the modulus, or stays below."""
    problem = {"toy": seen_toy(), "awake": replace(awake(), parameter="features"), "linear": replace(
        deep_linear(), weight_norm="function", reference=Reference(np.array([[1.0, -2.0, 0.5]]), 0.3))}[which]
    found, t, rng = bound(problem, "modulus"), 1e-5, np.random.default_rng(0)
    with oracle.precision():
        proving = CriticalPoint(problem, answer, silent)
        system, w = contained.base_of(problem, proving)
        truth = oracle.derive(system, w)
        S = np.array(mp.cholesky(oracle.seen_square(problem)).T.tolist(), float)
        worst = np.linalg.svd(np.array(truth.image.tolist(), float))[2][0]
        for u in [worst, *rng.standard_normal((3, len(worst)))]:
            u = u / np.linalg.norm(u)
            moved = replace(problem, X=problem.X + t * u.reshape(problem.X.shape))
            distance = solved_again(problem, moved, system.tilt, S) / t
            assert distance <= found.upper * (1 + 1e-3)
            if u @ worst > 0.999:
                assert distance >= found.lower * (1 - 1e-3)
    assert found.theorem == "M5b" and found.upper <= found.lower * (1 + 1e-4)


@pytest.mark.parametrize("problem", [always_active(), deep_linear(), toy(), awake()])
@pytest.mark.parametrize("parameter", ["features", "sample_weights"])
@pytest.mark.parametrize("tau", [0.5, 2.0**-10])
def test_the_oracle_finds_the_same_shortest_motion(problem, parameter, tau):
    """It projects along the eigenvectors of H for 0 and knows no field."""
    problem = replace(problem, parameter=parameter, weight_norm="function", reference=Reference(problem.X[:2] + 6, tau))
    assert bound(problem, "modulus").theorem == "M5b"
    assert contained.whole_problem(problem) == "decided"


def test_forgetting_the_minimum_over_the_kernel_is_caught(monkeypatch):
    """`|FH⁺Cu|`, the length of some motion: false as a lower end of a row."""
    proving = CriticalPoint(replace(awake(), weight_norm="euclidean", reference=None), answer, silent)
    plain = proving.settled.point.inverse
    monkeypatch.setattr(critical_base, "invert_seen", lambda H, fields, seen, distance: (plain, Fraction(0)))
    with pytest.raises(Violation, match="sample_modulus lower"):
        contained.whole_problem(awake())


def test_the_attack_catches_it_too(monkeypatch):
    def wrong(H, fields, seen, distance):
        found = invert(completed(H, spanning(fields, field_length(H.mid.hi), distance), Binary64()), Binary64())
        return (found, Fraction(0)) if isinstance(found, Inverse) else found.reason

    monkeypatch.setattr(critical_base, "invert_seen", wrong)
    _, _, messages, _ = attack("critical_seen", 6, range(110, 120))
    assert any("lower" in message or "motion" in message for message in messages)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Fraction, Fraction]:
    """Fields of parameters and F, each with another one as far from it as is said."""
    rng = np.random.default_rng(seed)
    p, m, r = 5, 3, 2
    T = rng.standard_normal((p, m)) * 10.0 ** rng.uniform(-2, 2, m)
    if seed % 2:
        T[:, 2] = T[:, 0] - 2 * T[:, 1]
    F = np.vstack([rng.standard_normal((r, p)), 10.0 ** rng.uniform(-4, 1) * np.eye(p)])
    dT, dF = rng.standard_normal(T.shape), rng.standard_normal(F.shape)
    near, radius = 10.0 ** rng.uniform(-14, -9), 10.0 ** rng.uniform(-14, -9)
    dT[:, 2] = dT[:, 0] - 2 * dT[:, 1] if seed % 2 else dT[:, 2]
    dT *= near / np.linalg.norm(dT, axis=0).max() * (1 - 1e-9)
    dF *= radius / np.linalg.norm(dF) * (1 - 1e-9)
    return T, dT, F, dF, Fraction(near), Fraction(radius)


def excess(seed: int, forget: bool = False) -> bool:
    """Whether the columns are farther from the span of the true `S²T` than is said."""
    T, _, F, dF, _, radius = drawn(seed)
    seen = Seen(Pair(F), Fraction(0) if forget else radius, Fraction(float(np.linalg.norm(F)) * 1.01),
                Fraction(float(F[-1, -1])))
    found = spanning_seen(Fields(T, {"linear": 3}, 3), seen, 1.0)
    with oracle.precision():
        exact = mp.matrix(F.tolist()) + mp.matrix(dF.tolist())
        image = exact.T * exact * (mp.matrix(T.tolist())[:, :2] if seed % 2 else mp.matrix(T.tolist()))
        columns = mp.matrix(found.columns.tolist())
        away = columns - image * (mp.inverse(image.T * image) * (image.T * columns))
        return bool(mp.mnorm(away, "f") > mp.mpf(found.error.numerator) / found.error.denominator)


def test_the_columns_hold_the_image_of_the_fields():
    assert not any(excess(seed) for seed in range(40))
    assert any(excess(seed, forget=True) for seed in range(40))


def understated(seed: int, moving: int) -> bool:
    """Whether fields that move turn more, as S measures angles, than is said."""
    T, dT, F, _, near, _ = drawn(2 * (seed // 2))  # of full rank: any combination is a basis
    seen = Seen(Pair(F), Fraction(0), Fraction(float(np.linalg.norm(F)) * 1.01), Fraction(float(F[-1, -1])))
    eta = turned(Fields(T, {"linear": 3}, moving), seen, near)
    with oracle.precision():
        S, d = mp.matrix(F.tolist()), mp.matrix(dT.tolist())
        there = S * (mp.matrix(T.tolist()) + d)
        most = oracle.norm(S * d * (mp.inverse(there.T * there) * there.T))
        return bool(most > mp.mpf(eta.numerator) / eta.denominator)


def test_how_far_fields_turn_is_not_understated():
    assert not any(understated(seed, 3) for seed in range(0, 40, 2))
    assert any(understated(seed, 0) for seed in range(0, 40, 2))


def test_fields_that_turn_make_lower_ends_smaller_and_no_upper_end():
    found = Inverse(np.eye(2), Fraction(1, 10), Fraction(1))
    assert loosened(found, Fraction(0)).epsilon == found.epsilon
    looser = loosened(found, Fraction(1, 8)).epsilon
    assert 1 / (1 + looser) == Fraction(63, 64) / (1 + found.epsilon) and looser < Fraction(1, 5)


def test_an_inverse_that_is_not_proved_is_refused_in_words():
    fields = Fields(np.array([[1.0], [-2.0]]), {"linear": 1}, 1)
    H = Matrix(Pair(np.array([[4.0, 2.0], [2.0, 1.0]])), Fraction(0))
    F = Pair(np.vstack([np.array([[6.0, 3.0]]), 0.5 * np.eye(2)]))
    own = Seen(F, Fraction(0), Fraction(7), Fraction(1, 2))
    good = invert_seen(H, fields, own, Fraction(0))
    assert isinstance(good, tuple) and isinstance(good[0], Inverse) and good[1] == 0
    near = invert_seen(H, fields, own, Fraction(1, 1000))
    assert isinstance(near, tuple) and 0 < near[1] < Fraction(1, 8)
    for seen, distance in ((Seen(F, Fraction(1), Fraction(8), Fraction(1, 2)), Fraction(0)), (own, Fraction(1))):
        found = invert_seen(H, fields, seen, distance)
        assert isinstance(found, str) and "weights.tau" in found
    blind = invert_seen(Matrix(Pair(np.zeros((2, 2))), Fraction(0)), fields,
                        Seen(F, Fraction(0), Fraction(7), Fraction(1, 2)), Fraction(0))
    assert isinstance(blind, str)


def test_too_small_a_tau_leaves_a_lower_end_and_says_why():
    found = bound(replace(awake(), reference=Reference(np.array([[10.0]]), 2.0**-40)), "modulus")
    assert found.theorem == "M5d" and found.upper is None and "in the norm function" in found.reason
