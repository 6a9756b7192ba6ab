"""Containment of the moduli, of `bound` on whole problems, of the equal-rows refutation and of the base point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import fmpq

from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.problem.bound import Bound
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from certify.systems.interpolation.base_point import base_point
from certify.systems.interpolation.congruence import Congruence, congruence, jacobian_congruence
from certify.systems.interpolation.equal_rows import refuting_pair
from certify.systems.interpolation.row_moduli import enclose_sample_moduli
from certify.theorems.modulus.direct import direct_modulus, verify_modulus_below
from certify.theorems.modulus.kernel import enclose_modulus
from tests.containment.network import direction, kernel_member
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation, expect, refusing
from tests.families import adversarial as families
from tests.families.draws import any_arithmetic
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles


def factor_member(Q: BlockFactor, rng: np.random.Generator, corner: bool) -> list[exact.Rows]:
    """Blocks Q_i with `‖Q_i − C_iC_iᵀ‖₂ ≤ eta_i`: `C_iC_iᵀ`, or that ± eta_i (kept semidefinite)."""
    blocks = []
    for C, eta in zip(Q.C, Q.eta, strict=True):
        rows = exact.matrix(C)
        block = exact.product_transposed(rows, rows)
        step = exact.rational(eta) * int(rng.choice([-1, 1]))
        moved = exact.shifted(block, -step) if corner else block
        blocks.append(moved if exact.is_semidefinite(moved) else exact.shifted(block, -exact.rational(eta)))
    return blocks


def _given(K: Kernel, Q: BlockFactor) -> dict[str, Any]:
    return {"mid": K.mid, "e": K.e, "s": K.s, "C": Q.C, "eta": Q.eta}


def moduli(K: Kernel, Q: BlockFactor, arithmetic: Arithmetic, rng: np.random.Generator) -> Outcome:
    """Both enclosures contain the truth for members of kernel and factor."""
    X = refusing(lambda: congruence(K, arithmetic))
    if not isinstance(X, Congruence):
        return "refused"
    ends = refusing(lambda: enclose_modulus(K, Q, X, arithmetic))
    rows = refusing(lambda: enclose_sample_moduli(X, Q, np.arange(len(Q.eta))))
    for corner in (False, True, True):
        truth = network_oracles.Truth([], kernel_member(K, rng, corner), factor_member(Q, rng, corner), [])
        if ends is not None and ends.upper is not None:
            expect(network_oracles.modulus_at_most(truth, ends.upper), "enclose_modulus upper", **_given(K, Q))
        if ends is not None and ends.lower is not None:
            expect(network_oracles.modulus_at_least(truth, ends.lower), "enclose_modulus lower", **_given(K, Q))
        for i in range(len(Q.eta) if rows is not None else 0):
            row_holds(truth, i, float(rows.lower[i]), float(rows.upper[i]), **_given(K, Q))
    return "decided" if ends is not None and rows is not None and ends.upper is not None else "refused"


def jacobian_moduli(J: Jacobian, Q: BlockFactor, arithmetic: Arithmetic, rng: np.random.Generator) -> Outcome:
    """The same from a formed Jacobian, for members of its row radii."""
    X = refusing(lambda: jacobian_congruence(J, arithmetic))
    if not isinstance(X, Congruence):
        return "refused"
    ends = refusing(lambda: enclose_modulus(J, Q, X, arithmetic))
    rows = refusing(lambda: enclose_sample_moduli(X, Q, np.arange(len(Q.eta))))
    inputs = {"mid": J.mid, "rad": J.rad, "C": Q.C, "eta": Q.eta}
    for corner in (False, True, True):
        M = exact.pair(J.mid)
        if corner:
            steps = [[exact.rational(r) * v for v in direction(rng, len(M[0]))] for r in J.rad]
            M = exact.add(M, steps)
        truth = network_oracles.Truth([], exact.product_transposed(M, M), factor_member(Q, rng, corner), [])
        sigma = exact.rational(X.sigma)
        expect(exact.is_semidefinite(exact.shifted(truth.K, sigma * sigma)), "sigma of the Jacobian", **inputs)
        if ends is not None and ends.upper is not None:
            expect(network_oracles.modulus_at_most(truth, ends.upper), "enclose_modulus(J) upper", **inputs)
        if ends is not None and ends.lower is not None:
            expect(network_oracles.modulus_at_least(truth, ends.lower), "enclose_modulus(J) lower", **inputs)
        for i in range(len(Q.eta) if rows is not None else 0):
            row_holds(truth, i, float(rows.lower[i]), float(rows.upper[i]), **inputs)
    return "decided" if ends is not None and rows is not None and ends.upper is not None else "refused"


def direct(K: Kernel, Q: BlockFactor, rng: np.random.Generator) -> Outcome:
    """The fast tier contains the truth, and `verify_modulus_below` proves only what is true."""
    ends = refusing(lambda: direct_modulus(K, Q, Binary64()))
    if ends is None or ends.lower is None:
        return "refused"
    kappa = ends.lower * (1.0 + float(rng.choice([-1e-3, -1e-9, -1e-13, 0.0, 1e-14, 1e-9, 1e-3])))
    below = refusing(lambda: verify_modulus_below(K, Q, kappa))
    for corner in (False, True, True):
        truth = network_oracles.Truth([], kernel_member(K, rng, corner), factor_member(Q, rng, corner), [])
        expect(network_oracles.modulus_at_least(truth, ends.lower), "direct_modulus lower", **_given(K, Q))
        if ends.upper is not None:
            expect(network_oracles.modulus_at_most(truth, ends.upper), "direct_modulus upper", **_given(K, Q))
        if below:
            expect(network_oracles.modulus_at_most(truth, kappa), f"verify_modulus_below {kappa!r}", **_given(K, Q))
    return "decided" if ends.upper is not None else "refused"


def row_holds(truth: network_oracles.Truth, i: int, lower: float, upper: float, **inputs: Any) -> None:
    """`lower ≤ κ_i ≤ upper` for sample i."""
    expect(network_oracles.modulus_at_most(truth, upper, only=i), f"sample {i}: κ ≤ {upper!r}", **inputs)
    expect(network_oracles.modulus_at_least(truth, lower, only=i), f"sample {i}: κ ≥ {lower!r}", **inputs)


def described(problem: Problem) -> dict[str, Any]:
    """A problem in words that reproduce it."""
    net = problem.network
    return {"weights": net.weights, "biases": net.biases, "activation": net.activation, "X": problem.X, "y": problem.y,
            "parameter": problem.parameter, "rows": problem.rows, "layer": problem.layer,
            "merge": problem.merge_duplicates, "scale": problem.scale, "norm": problem.weight_norm,
            "reference": None if problem.reference is None else (problem.reference.X, problem.reference.tau)}


def whole_problem(problem: Problem, quantity: str) -> Outcome:
    """`bound(problem, quantity)` against the exact network."""
    with np.errstate(all="ignore"):
        found = bound(problem, quantity)
    if found.refuted:
        return _refuted(problem, found)
    if found.lower is None and found.upper is None:
        expect(bool(found.reason), "an open bound says why", **described(problem))
        return "refused"

    def holds() -> Outcome:
        truth = network_oracles.linearise(problem)
        kinked = problem.network.activation in network_oracles.KINKED
        expect(not kinked or truth.kinks() == 0, "no kink", **described(problem))
        if quantity == "modulus":
            _modulus_holds(problem, truth, found)
        else:
            _rows_hold(problem, truth, found)
        _hypotheses_hold(problem, truth, found)
        return "decided"

    try:
        return exact.decided(holds)
    except exact.Undecided as error:  # a claim that no precision confirms
        raise Violation(f"undecidable claim: {error}: {described(problem)}") from None


def _modulus_holds(problem: Problem, truth: network_oracles.Truth, found: Bound) -> None:
    if found.upper is not None:
        expect(network_oracles.modulus_at_most(truth, found.upper), f"lip ≤ {found.upper!r}", **described(problem))
    if found.lower is not None and found.lower > 0:
        expect(network_oracles.modulus_at_least(truth, found.lower), f"lip ≥ {found.lower!r}", **described(problem))
        z = exact.vector(found.witness["z"])[: len(truth.K)]  # function norm: entries for the reference rows follow
        square = exact.rational(found.lower) ** 2
        gap = network_oracles.quadratic(truth.pencil(square), z)
        expect(exact.sign(gap) <= 0, "zᵀQz ≥ lower² zᵀKz", **described(problem))


def _rows_hold(problem: Problem, truth: network_oracles.Truth, found: Bound) -> None:
    kept = list(problem.kept)
    expect(tuple(found.rows) == tuple(problem.rows), "every listed row has its value", **described(problem))
    for row, low, high in zip(found.rows, found.row_lower, found.row_upper, strict=True):
        row_holds(truth, kept.index(row), low, high, **described(problem))
    expect(found.lower == max(found.row_lower) and found.upper == max(found.row_upper), "maximum over rows",
           **described(problem))


def _hypotheses_hold(problem: Problem, truth: network_oracles.Truth, found: Bound) -> None:
    for hypothesis in found.hypotheses:
        if hypothesis.name == "rank" and hypothesis.holds:
            sigma = exact.rational(float(hypothesis.value))
            gram = truth.K if problem.reference is None else exact.product_transposed(truth.J, truth.J)
            expect(exact.is_semidefinite(exact.shifted(gram, sigma * sigma)), "σ(J)", **described(problem))
        if hypothesis.name == "smooth" and hypothesis.holds and hypothesis.value is not None:
            least = min(abs(z) for s in truth.samples for layer in s.before for z in layer)
            expect(exact.at_most(exact.rational(float(hypothesis.value)), least), "margin", **described(problem))


def _refuted(problem: Problem, found: Bound) -> Outcome:
    i, j = found.witness["equal_rows"]
    pair_moves(problem, i, j)
    return "decided"


def pair_moves(problem: Problem, i: int, j: int) -> None:
    """Equal rows i ≠ j of which one may move, with `Q z ≠ 0` proved: S is not Lipschitz-like."""
    inputs = described(problem)
    expect(i != j and bool((problem.X[i] == problem.X[j]).all()), "equal rows", **inputs)
    expect(not problem.merge_duplicates and bool({i, j} & set(problem.rows)), "a row that may move", **inputs)
    sample = network_oracles.evaluate(problem.network, problem.X[i])
    if problem.parameter == "features":
        moving = exact.size_square(network_oracles.scaled_columns(sample.adjoints[0], problem.scale))
        expect(exact.decided(lambda: exact.sign(moving) > 0), "∂f/∂x ≠ 0", **inputs)


def refutation(problem: Problem) -> Outcome:
    """Whatever `refuting_pair` returns is a refutation."""
    pair = refusing(lambda: refuting_pair(problem))
    if pair is None:
        return "refused"
    pair_moves(problem, *pair)
    return "decided"


def base(problem: Problem) -> Outcome:
    """residual and shift_worst are upper bounds of the exact shift of the targets."""
    found = refusing(lambda: base_point(problem))
    if found is None or problem.y is None:
        return "refused"

    def holds() -> Outcome:
        shifts = {}
        for i in problem.kept:
            output = network_oracles.evaluate(problem.network, problem.X[i]).output
            shifts[i] = exact.square([f - y for f, y in zip(output, exact.vector(problem.y[i]), strict=True)])
        total = sum(shifts.values(), fmpq(0))
        worst = exact.rational(found["shift_worst"])
        expect(exact.at_most(total, exact.rational(found["residual"]) ** 2), "residual", **described(problem))
        for shift in shifts.values():
            expect(exact.at_most(shift, worst * worst), "shift_worst", **described(problem))
        return "decided"

    return exact.decided(holds)


def random_jacobian(rng: np.random.Generator) -> tuple[Jacobian, BlockFactor]:
    """A Jacobian of any condition number with row radii, and block factors."""
    n, k = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2]))
    A = rng.standard_normal((n * k, n * k + int(rng.integers(0, 4))))
    A = np.linalg.qr(A.T)[0].T if rng.random() < 0.5 else A
    mix = rng.standard_normal((len(A), len(A))) if rng.random() < 0.5 else np.eye(len(A))
    A = mix @ (A * np.logspace(0, -float(rng.choice([0, 3, 7, 12])), len(A))[:, None])
    rad = np.linalg.norm(A, axis=1) * float(rng.choice([0.0, 0.0, 1e-16, 1e-12, 1e-6, 1e-2])) * rng.random(len(A))
    lo = A * 2.0**-54 * rng.uniform(-1, 1, A.shape) if rng.random() < 0.5 else None
    return Jacobian(Pair(A, lo), rad), random_factor(rng, n, k)


def random_factor(rng: np.random.Generator, n: int, k: int) -> BlockFactor:
    """Block factors with and without slack, some rows still."""
    C = rng.standard_normal((n, k, int(rng.integers(1, 4)))) * (rng.random((n, 1, 1)) < 0.8)
    return BlockFactor(C, rng.random(n) * float(rng.choice([0.0, 1e-16, 1e-9, 1e-3])) * (rng.random(n) < 0.7))


def random_kernel(rng: np.random.Generator, arithmetic: Arithmetic) -> tuple[Kernel, BlockFactor]:
    """A definite kernel with a radius, and block factors, of sizes nobody's network gives."""
    n, k = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
    N = n * k
    A = rng.standard_normal((N, N + int(rng.integers(0, 3))))
    A *= np.logspace(0, -float(rng.choice([0, 0, 2, 5, 7])), N)[:, None]
    if rng.random() < 0.3:
        A = rng.integers(-3, 4, A.shape) + 4.0 * np.eye(*A.shape)
    mid = arithmetic.product(Pair(A), Pair(A))
    s = np.sqrt(np.maximum(np.diagonal(mid.hi), 1e-300)) * (1 + 1e-9)
    e = s * float(rng.choice([1e-300, 1e-16, 1e-12, 1e-8, 1e-4, 1e-2])) * (rng.random(N) < 0.7) + 1e-300
    return Kernel(mid, e, s), random_factor(rng, n, k)


@attack("moduli", "M2", slow=1)
def any_moduli(rng: np.random.Generator) -> Outcome:
    arithmetic = any_arithmetic(rng)
    return moduli(*random_kernel(rng, arithmetic), arithmetic, rng)


@attack("jacobian_moduli", slow=1)
def any_jacobian_moduli(rng: np.random.Generator) -> Outcome:
    return jacobian_moduli(*random_jacobian(rng), DoubleDouble(), rng)


@attack("direct_modulus", "M2", slow=1)
def any_direct_modulus(rng: np.random.Generator) -> Outcome:
    return direct(*random_kernel(rng, Binary64()), rng)


@attack("modulus", "M2", slow=1)
def any_modulus(rng: np.random.Generator) -> Outcome:
    return whole_problem(families.problem(rng), "modulus")


@attack("sample_modulus", "C2", "M4", slow=1)
def any_sample_modulus(rng: np.random.Generator) -> Outcome:
    return whole_problem(families.problem(rng), "sample_modulus")


@attack("weight_norms", "S1", "S2", slow=2)
def any_weight_norms(rng: np.random.Generator) -> Outcome:
    problem = families.normed(rng, families.problem(rng))
    quantity = str(rng.choice(["modulus", "sample_modulus"]))
    return "refused" if problem is None else whole_problem(problem, quantity)


@attack("refuting_pair", "M2")
def any_equal_rows(rng: np.random.Generator) -> Outcome:
    problem = families.problem(rng)
    if not problem.groups and problem.n > 1:
        X = problem.X.copy()
        X[-1] = X[0]
        problem = replace(problem, X=X, groups=None)
    return refutation(problem)


@attack("base_point")
def any_base_point(rng: np.random.Generator) -> Outcome:
    return base(families.problem(rng))
