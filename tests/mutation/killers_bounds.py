"""Crafted attacks on congruence, moduli and whole problems; registered beside those of `tests.mutation.killers`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import scipy.linalg
from flint import fmpq

from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.network.network import Network
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.problem import Problem, equal_rows
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.eigenvalues import largest_eigenvalues
from certify.systems.interpolation.congruence import Congruence, congruence
from certify.systems.interpolation.row_moduli import enclose_sample_moduli
from certify.theorems.modulus.direct import verify_modulus_below
from certify.theorems.modulus.kernel import enclose_modulus
from tests.containment import bounds, network
from tests.containment.rigor import expect
from tests.mutation.killers import biased_constants, killer, lying, seeds, wide
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles


def exact_kernel(M: np.ndarray, radius: float = 0.0, size: float = 1.0) -> Kernel:
    """A kernel known to `2·radius·size` an entry."""
    return Kernel(Pair(M, np.zeros_like(M)), np.full(len(M), max(radius, 1e-300)), np.full(len(M), size))


@killer
def ill_conditioned_congruence() -> None:
    """cond(K) = 1e10 and no radius: the product XK loses the most."""
    for rng in seeds(30):
        A = rng.standard_normal((2, 2)) * np.array([[1.0], [1e-5]])
        A = np.array([[1.0, 0.3], [0.7, 1.0]]) @ A
        network.congruent(Kernel(Pair(A @ A.T), np.full(2, 1e-300), np.full(2, 3.0)), Binary64(), rng)


@killer
def kernel_with_radius() -> None:
    """Kernel and factor at the corners of a radius of 1e-4, one and several outputs."""
    for rng in seeds(12):
        n, k = (3, 1) if rng.random() < 0.5 else (2, 2)
        A = rng.standard_normal((n * k, n * k + 1)) + 2.0 * np.eye(n * k, n * k + 1)
        Q = BlockFactor(rng.standard_normal((n, k, 2)), np.full(n, 1e-4))
        for arithmetic in (Binary64(), DoubleDouble()):
            K = Kernel(arithmetic.product(Pair(A), Pair(A)), np.full(n * k, 1e-4), np.linalg.norm(A, axis=1) + 1e-9)
            bounds.moduli(K, Q, arithmetic, rng)
            bounds.moduli(Kernel(K.mid, np.full(n * k, 1e-300), K.s), replace(Q, eta=np.zeros(n)), arithmetic, rng)
        bounds.direct(Kernel(Pair(A @ A.T), np.full(n * k, 1e-4), K.s), Q, rng)
        J = Jacobian(Pair(A, np.zeros_like(A)), np.full(n * k, 1e-4))
        bounds.jacobian_moduli(J, Q, DoubleDouble(), rng)
        bounds.jacobian_moduli(replace(J, rad=np.zeros(n * k)), Q, DoubleDouble(), rng)


@killer
def factor_that_cancels() -> None:
    """cond(K) = 1e14, double-double: XC cancels, and its rounding error is 1e-9, far above everything else."""
    for rng in seeds(12):
        rho = 1.0 - 2.0 ** -int(rng.choice([46, 48]))
        c = rng.uniform(0.5, 1.0)
        s = c * float(np.sqrt(1.0 - rho * rho))  # a double eigenvalue, which an error splits
        Q = BlockFactor(np.array([[[c, 0.0], [c, s]]]), np.zeros(1))
        bounds.moduli(exact_kernel(np.array([[1.0, rho], [rho, 1.0]])), Q, DoubleDouble(), rng)


def orthogonal_blocks(c: float) -> tuple[BlockFactor, Fraction]:
    """One sample, two outputs, two orthogonal rows of length 1000: `Q = q I`, q wrong by many u in floats."""
    return BlockFactor(wide(c, 1000)[None], np.zeros(1)), Fraction(c) ** 2 * 1000


@killer
def eigenvector_that_lies() -> None:
    """LAPACK's θ a little below the truth, where the float YYᵀ agrees with it: the upper end must still hold."""
    honest = scipy.linalg.eigh
    K = exact_kernel(np.eye(2))
    X = congruence(K, DoubleDouble())
    for c in biased_constants(1000, 3):
        Q, truth = orthogonal_blocks(c)
        for step in (10, 20, 40):
            want = float(truth * (1 - step * Fraction(fp.U)) / (1 + Fraction(1, 10**10)))

            def answer(S: np.ndarray, *rest: Any, want: float = want, **options: Any) -> Any:
                return np.array([want]), honest(S, *rest, **options)[1]

            with lying("scipy.linalg.eigh", answer):
                upper = enclose_modulus(K, Q, X, DoubleDouble()).upper
            expect(upper is None or Fraction(upper) ** 2 >= truth, f"lip ≤ {upper!r}", c=c, step=step)


@killer
def threshold_below_the_truth() -> None:
    """`verify_modulus_below` just below a modulus that floats underestimate."""
    K = Kernel(Pair(np.eye(2)), np.full(2, 1e-300), np.ones(2))
    for c in biased_constants(1000):
        Q, square = orthogonal_blocks(c)
        for step in range(2, 70, 4):
            kappa = float(np.sqrt(float(square * (1 - step * Fraction(fp.U)))))
            if Fraction(kappa) ** 2 <= square:
                expect(not verify_modulus_below(K, Q, kappa), f"lip < {kappa!r} is not proved", c=c)


@killer
def moduli_at_thresholds() -> None:
    """`verify_modulus_below` on either side of the modulus of small kernels."""
    for rng in seeds(60):
        bounds.direct(*bounds.random_kernel(rng, Binary64()), rng)


def crafted(F: np.ndarray, error: float, epsilon: float) -> Congruence:
    """A congruence with X = I: K may be any `I + F + D`, `‖D‖ ≤ error`."""
    return Congruence(np.eye(len(F)), F, Fraction(error), Fraction(epsilon), 0.1)


def rows_hold(X: Congruence, Q: BlockFactor, D: exact.Rows, eta: int = 0) -> None:
    """Row moduli of `K = I + F + D` and `Q_i = C_iC_iᵀ + eta·eta_i`."""
    K = exact.add(exact.add(exact.identity(len(X.F)), exact.matrix(X.F)), D)
    blocks = []
    for C, slack in zip(Q.C, Q.eta, strict=True):
        rows = exact.matrix(C)
        blocks.append(exact.shifted(exact.product_transposed(rows, rows), -eta * exact.rational(slack)))
    truth = network_oracles.Truth([], K, blocks, [])
    ends = enclose_sample_moduli(X, Q, np.arange(len(Q.eta)))
    for i in range(len(Q.eta)):
        bounds.row_holds(truth, i, float(ends.lower[i]), float(ends.upper[i]), F=X.F, C=Q.C, eta=Q.eta)


@killer
def coarse_witness() -> None:
    """F of size 0.3: the second-order remainder, the factor 1/(1 − ε) and the error at both of its ends."""
    for size, error in ((0.3, 0.0), (-0.3, 0.0), (0.3, 0.1), (-0.3, 0.1), (0.0, 0.1), (0.0, 1e-6)):
        F = np.array([[size, 0.0], [0.0, -size]])
        X = crafted(F, error, abs(size) + error)
        for side in (-1, 0, 1):
            D = exact.scaled(exact.identity(2), fmpq(side) * exact.rational(error))
            for eta in (-1, 0, 1):
                slack = np.full(2, 0.0 if eta == 0 else 1e-3)
                rows_hold(X, BlockFactor(np.ones((2, 1, 1)), slack), D, eta)
                rows_hold(X, BlockFactor(np.eye(2)[None] + 0.5, slack[:1]), D, eta)


@killer
def eigenvectors_that_lie() -> None:
    """Eigenvectors that are not of unit length, or of another basis: the ends of λ_max must still hold."""
    M = np.array([[[2.0, 1.0], [1.0, 3.0]]])
    rotation = np.array([[[0.6, -0.8], [0.8, 0.6]]])
    for V in (1.1 * rotation, 0.95 * rotation, rotation, np.eye(2)[None], np.eye(2)[None] * np.array([1.1, 0.95])):
        with lying("numpy.linalg.eigh", lambda _, V=V: (None, V)):
            low, high = largest_eigenvalues(M)
        rows = exact.scaled(exact.matrix(M[0]), fmpq(-1))
        inside = exact.lambda_min_between(rows, -exact.rational(high[0]), -exact.rational(low[0]))
        expect(inside, "ends of λ_max", V=V)


# whole problems


def net(*layers: tuple[Any, Any], activation: str = "tanh") -> Network:
    """A network from (weight, bias) lists."""
    return Network(tuple(np.array(W, dtype=float) for W, _ in layers),
                   tuple(None if b is None else np.array(b, dtype=float) for _, b in layers), activation)


def asked(network_: Network, X: Any, parameter: str = "features", **members: Any) -> Problem:
    """A problem about a network and rows."""
    X = np.array(X, dtype=float)
    given = {"rows": tuple(range(len(X))), "groups": equal_rows(X), **members}
    return Problem(network_, X, given.pop("y", None), parameter, **given)


def both(problem: Problem) -> None:
    """Both quantities of a problem."""
    bounds.whole_problem(problem, "modulus")
    bounds.whole_problem(problem, "sample_modulus")


HIDDEN = ([[0.5, -0.3], [0.2, 0.8], [-0.7, 0.4]], [0.1, -0.2, 0.3])
TWO_OUTPUTS = net(HIDDEN, ([[1.0, 0.4, -0.6], [0.3, -0.9, 0.5]], None))
ONE_OUTPUT = net(HIDDEN, ([[1.0, 0.4, -0.6]], [0.2]))
X3 = [[0.3, -0.5], [1.2, 0.4], [-0.8, 0.9]]


@killer
def small_problems() -> None:
    """One and two outputs, biases or none, all layers or one, all rows or some, features and targets."""
    kinked = (replace(ONE_OUTPUT, activation="relu"), replace(TWO_OUTPUTS, activation="relu"))
    for network_ in (ONE_OUTPUT, TWO_OUTPUTS, *kinked):
        X = X3[: 3 if network_.widths[-1] == 1 else 2]
        for parameter in ("features", "targets"):
            for layer in ("all", 1, 2):
                both(asked(network_, X, parameter, layer=layer))
            both(asked(network_, X, parameter, rows=(1,)))


@killer
def equal_rows_of_the_data() -> None:
    """Equal rows: refuted only if one may move and moves the output; merged, or apart by the sign of a zero."""
    X = [[0.3, 0.0], [1.2, 0.4], [0.3, -0.0]]
    flat = net(([[0.0, 0.0]], [0.3]), ([[1.0]], [0.0]))
    for network_ in (ONE_OUTPUT, flat, replace(flat, activation="relu")):
        for parameter in ("features", "targets"):
            for rows in ((0, 1, 2), (0,), (2,), (1,)):
                problem = asked(network_, X, parameter, rows=rows)
                bounds.refutation(problem)
                both(problem)
            both(asked(network_, X, parameter, rows=(0, 1), merge_duplicates=True))


@killer
def relu_kinks() -> None:
    """Pre-activations that are exactly or almost 0: no claim may rest on the slope there."""
    for shift in (0.0, 2.0**-60, -(2.0**-60), 2.0**-52, 1e-3, -1e-3):
        network_ = net(([[1.0], [2.0]], [shift - 0.1, 0.3]), ([[1.0, -1.0]], None), activation="relu")
        both(asked(network_, [[0.1], [0.7]]))
        for arithmetic in (Binary64(), DoubleDouble()):
            network.forward_pass(network_, np.array([[0.1], [0.7]]), arithmetic)
    for row in ([1.0, 2.0**-54, -1.0, -(2.0**-55)], [-1.0, -(2.0**-54), 1.0, 2.0**-55]):  # floats: wrong sign
        network_ = net(([[1.0] * 4, [0.5, -0.5, 0.25, 2.0]], [0.0, 0.3]), ([[1.0, 0.5]], None), activation="relu")
        both(asked(network_, [row, [1.0, 2.0, 3.0, 4.0]]))
        both(asked(network_, [row]))
        alone = net(([[1.0] * 4], None), ([[1.0]], None), activation="relu")
        for order in permutations(row):
            bounds.refutation(asked(alone, [order, order]))


@killer
def shifts_of_the_targets() -> None:
    """The base point: outputs whose radius dominates, targets that agree to the last bit, rows merged."""
    for rng in seeds(8):
        blurred = net((rng.uniform(1e8, 2e8, (1, 3)), None), ([[1.0]], None))
        W = blurred.weights[0]
        W[0, 2] = -float(Fraction(float(W[0, 0])) + Fraction(float(W[0, 1])))
        x = np.full((2, 3), rng.uniform(1, 1.1))
        x[1, 0] += 1e-8
        y = np.tanh(x @ W.T)
        bounds.base(asked(blurred, x, y=y))
        bounds.base(asked(ONE_OUTPUT, X3, y=rng.standard_normal((3, 1))))
        bounds.base(asked(TWO_OUTPUTS, X3[:2], y=rng.standard_normal((2, 2))))
