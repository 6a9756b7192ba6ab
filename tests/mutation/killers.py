"""Crafted attacks, each aimed at one constant or one line of logic; `tests.mutation.mutants` says which.

Every killer is a containment test that the product passes and at least one mutant fails. Where a bound only matters
beside an adversarial finder (LAPACK is not trusted), the finder is replaced by one that lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.linalg
from scipy.linalg.lapack import dpotrf

from certify.network.layers import passes
from certify.network.layers.jacobian import jacobian
from certify.network.layers.passes import Forward, Slope
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.rigor.ball import Balls, exact_points
from tests.containment import network, rigor
from tests.oracles import matrices as exact

KILLERS: dict[str, Callable[[], None]] = {}


def killer(attack: Callable[[], None]) -> Callable[[], None]:
    """Register a crafted attack under its name."""
    KILLERS[attack.__name__] = attack
    return attack


def seeds(count: int) -> Iterator[np.random.Generator]:
    """Generators with fixed seeds."""
    return (np.random.default_rng([7, i]) for i in range(count))


def biased_constants(k: int, count: int = 6, low: float = 0.5) -> list[float]:
    """Constants c whose k-fold sum of c² goes most wrong, downwards first, in this BLAS's order."""
    found = []
    for c in np.random.default_rng(k).uniform(low, 1.0, 200).tolist():
        x = np.full((2, k), c)
        x[1, ::2] *= -1.0
        found.append((Fraction(float((x @ x.T)[0, 0])) / (Fraction(c) ** 2 * k) - 1, c))
    found.sort()
    return [c for _, c in found[:count] + found[-count:]]


def wide(c: float, k: int) -> np.ndarray:
    """Two rows of length k and size c that are orthogonal."""
    x = np.full((2, k), c)
    x[1, ::2] *= -1.0
    return x


def lying(name: str, answer: Callable[..., Any]) -> Any:
    """Replace a finder."""
    return patch(name, answer)


# fp and arithmetics


@killer
def underflowing_product() -> None:
    """2^-540 squared is flushed: only the floor of the norms pays for it."""
    x = Pair(np.full((1, 1), 1.5 * 2.0**-540))
    rigor.product(x, x, Binary64())
    rigor.product(x, x, DoubleDouble())


@killer
def long_products() -> None:
    """Rounding errors of a long inner product that all point the same way."""
    for c in biased_constants(1000):
        rigor.product(Pair(wide(c, 1000)), Pair(wide(c, 1000)), Binary64())


@killer
def pairs_at_their_limit() -> None:
    """Products of pairs near 1 whose low parts are 2u: the dropped product of low parts counts."""
    for rng in seeds(40):
        hi = 1.0 + rng.random((2, 3, 40)) * 1e-3
        lo = hi * 2.0**-52 * (1.0 - rng.random(hi.shape) * 1e-2) * rng.choice([-1.0, 1.0], (2, 1, 1))
        rigor.elementwise(Pair(hi[0], lo[0]), Pair(hi[1], lo[1]), DoubleDouble(), "multiply")


@killer
def slices_cut_off() -> None:
    """Digits of every slice as large as they can be, so that the dropped pairs of slices add up."""
    ulp = [Fraction(2) ** (1 - 24 * (p + 1)) for p in range(4)]
    full = 2**23 - 1
    a = full * ulp[1] + full * ulp[2] + (2**23 - 2**18) * ulp[3]
    b = 1 + full * ulp[1] + (2**23 - 2**19) * ulp[2]
    a_low = (2**17 - 1 + Fraction(499, 1000)) * ulp[3]
    b_low = (2**18 - 1) * ulp[2] + (full + Fraction(49, 100)) * ulp[3]
    for k in (9, 16):
        A = Pair(np.array([[float(a)] * (k - 1) + [1.0]]), np.array([[float(a_low)] * (k - 1) + [0.0]]))
        rigor.product(A, Pair(np.full((1, k), float(b)), np.full((1, k), float(b_low))), DoubleDouble())


@killer
def slices_summed() -> None:
    """One long row with a single entry: the sum of five orders of slices rounds, nothing is cut off."""
    a, b = np.zeros((2, 1, 33)), np.zeros((2, 1, 33))
    a[:, 0, 0] = [float.fromhex("0x1.000bc6b963240p+0"), float.fromhex("-0x1.5f66bc165988ep-54")]
    b[:, 0, 0] = [float.fromhex("0x1.021ebcf166ec1p+0"), float.fromhex("0x1.71287d2c59388p-54")]
    rigor.product(Pair(*a), Pair(*b), DoubleDouble())


@killer
def row_sums_that_round() -> None:
    """1 + 2^-54 rounds to 1, and the spectral norm is exactly 1 + 2^-54."""
    R = np.array([[1.0, 2.0**-54], [2.0**-54, 1.0]])
    rigor.norm_of_nonnegative(R, R)


@killer
def maximum_norm_is_no_norm() -> None:
    """All ones: the norm is n, neither the largest entry nor the root of the row sum."""
    rigor.norm_of_nonnegative(np.ones((4, 4)), np.ones((4, 4)))
    for M in (np.array([[3.0], [4.0]]), np.array([[3.0, 4.0]])):
        rigor.norm_of_nonnegative(M, M)


# Cholesky and singular values


def arrow(n: int, c: float, last: float) -> np.ndarray:
    """The identity bordered by c and `last`."""
    G = np.eye(n + 1)
    G[-1, :-1] = G[:-1, -1] = c
    G[-1, -1] = last
    return G


def pivot_bias(n: int, c: float) -> Fraction:
    """How far LAPACK's last pivot of an arrow lies above the truth, relative to the sum it subtracts."""
    total = Fraction(c) ** 2 * n
    last = float(2 * total)
    L, _ = dpotrf(np.array(arrow(n, c, last), order="F"), lower=1, clean=1)
    return (Fraction(float(L[-1, -1])) ** 2 - Fraction(last) + total) / total


@killer
def arrow_with_biased_pivot() -> None:
    """An arrow matrix whose last pivot rounds up past zero: LAPACK factors it, and it is indefinite."""
    rng = np.random.default_rng(0)
    n = 300
    constants = sorted(rng.uniform(0.5, 1.0, 100).tolist(), key=lambda c: -pivot_bias(n, c))[:3]
    for c in constants:
        for step in (1, 2, 4, 6, 8, 10):
            last = float(Fraction(c) ** 2 * n * (1 - step * Fraction(fp.U)))
            for method in ("a-priori", "residual"):
                rigor.definite(arrow(n, c, last), None, method, rng)


@killer
def residual_that_hides() -> None:
    """`fl(LLᵀ) = M` although `LLᵀ ≠ M`."""
    for rng in seeds(20):
        L = np.tril(rng.standard_normal((4, 4)))
        M = L @ L.T
        rigor.residual(np.tril(M) + np.tril(M, -1).T, L)


@killer
def scaled_arrow() -> None:
    """The same arrow with its diagonal at one level: its last pivot moves λ_min by more than LAPACK errs."""
    rng = np.random.default_rng(0)
    n = 200
    scale = np.append(np.full(n, 8.0), 1.0)
    for c in sorted(rng.uniform(0.5, 1.0, 100).tolist(), key=lambda c: -pivot_bias(n, c))[:6]:
        for step in (0, 1, 2, 4):
            last = float(Fraction(c) ** 2 * n * (1 - step * Fraction(fp.U)))
            rigor.lambda_min(scale[:, None] * arrow(n, c, last) * scale, None, "a-priori", rng)


@killer
def gram_of_long_rows() -> None:
    """Rows whose float Gram matrix is wrong by many u; a vector that lies keeps the other end out of the way."""
    rng = np.random.default_rng(0)
    honest = scipy.linalg.eigh

    def answer(G: np.ndarray, **options: Any) -> Any:
        return honest(G, **options)[0], np.eye(len(G))[:, -1:]

    for c in biased_constants(1000):
        A = np.vstack([wide(c, 1000), np.eye(1, 1000)])
        for method in ("residual", "a-priori"):
            rigor.norm2(wide(c, 1000), None, method, rng)
            rigor.sigma_min(wide(c, 1000), None, method, rng)
            with lying("scipy.linalg.eigh", answer):
                rigor.norm2(A, None, method, rng)


@killer
def indefinite_forms() -> None:
    """Upper triangles that agree with the lower ones, forms that round, and vectors that cancel."""
    for rng in seeds(20):
        G = rng.standard_normal((5, 5))
        rigor.form(G + G.T, rng.standard_normal(5))


@killer
def radius_at_its_corner() -> None:
    """A radius that reaches exactly the edge of definiteness, and one for singular values."""
    rng = np.random.default_rng(0)
    A = np.array([[2.0, 1.0], [1.0, 2.0]])
    for radius in (0.4999, 0.5, np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 0.999], [0.999, 0.0]])):
        for method in ("residual", "a-priori"):
            rigor.definite(A, radius, method, rng)
            rigor.lambda_min(A, radius, method, rng)
            rigor.sigma_min(A, radius, method, rng)
            rigor.norm2(A, radius, method, rng)
    for method in ("residual", "a-priori"):  # 2.7 I − 1 is indefinite
        rigor.definite(2.7 * np.eye(3), 1.0, method, rng)
        rigor.lambda_min(2.7 * np.eye(3), 1.0, method, rng)


@killer
def witness_that_hides() -> None:
    """Long orthonormal rows: the float Gram matrix of XA is wrong by many u, nothing else is."""
    for c in biased_constants(1024, low=0.85):
        A, rng = Pair(wide(c / 32.0, 1024)), np.random.default_rng(0)
        network.orthonormal(A, Fraction(0), np.eye(2), DoubleDouble(), rng)


@killer
def witness_of_wide_radius() -> None:
    """A radius so large that its square counts."""
    for rng in seeds(4):
        network.orthonormal(Pair(np.ones((1, 1))), np.array([0.19]), np.ones((1, 1)), Binary64(), rng)


# passes, kernel, Jacobian


def cancelling_tanh(rng: np.random.Generator) -> tuple[Network, np.ndarray]:
    """tanh of a number near 0.66 (the largest curvature) that a cancellation has blurred."""
    p, q = rng.uniform(1e8, 2e8, 2)
    W = np.array([[p, q, -float(Fraction(p) + Fraction(q)) + 0.66]])
    return Network((W, np.ones((1, 1))), (None, None), "tanh"), np.array([[1.0, 1.0, 1.0]]) * rng.uniform(1, 1.00001)


@killer
def blurred_tanh() -> None:
    """Radii that come from the pre-activation, not from the activation's own error."""
    for rng in seeds(12):
        net, X = cancelling_tanh(rng)
        network.forward_pass(net, X, Binary64())
        network.backward_pass(net, X, Binary64())
        for layers in ((1,), (2,), (1, 2)):
            network.kernel(net, X, layers, Binary64())
        network.forward_pass(replace(net, activation="relu"), X, Binary64())


@killer
def slope_times_exact_ball() -> None:
    """`_times_slope` on exact inputs: only its own rounding."""
    for rng in seeds(10):
        b, d = rng.standard_normal((1, 4)), rng.random((1, 4))
        out = passes._times_slope(exact_points(b, Binary64()), Slope(Pair(d), np.zeros(1), 1.0), 1, Binary64())
        truth = [x * y for x, y in zip(exact.vector(b[0]), exact.vector(d[0]), strict=True)]
        network.ball_holds("times_slope", truth, out, 0, b=b, d=d)


@killer
def tiny_input_with_bias() -> None:
    """The bias' column of the Jacobian, where all others are negligible."""
    for rng in seeds(8):
        weights = (rng.standard_normal((3, 1)), rng.standard_normal((1, 3)))
        net = Network(weights, (rng.standard_normal(3), None), "tanh")
        network.jacobian_rows(net, np.full((1, 1), 2.0**-100), (1,), Binary64())


@killer
def jacobian_of_exact_balls() -> None:
    """The Jacobian's products on exact factors: only their rounding."""
    for rng in seeds(8):
        a, b = rng.standard_normal((1, 3)), rng.standard_normal((1, 2))
        inputs = exact_points(a, Binary64())
        passed = Forward((inputs,), (), (), exact_points(np.zeros((1, 1)), Binary64()), (0, ()), None, ())
        J = jacobian(passed, (inputs, exact_points(b, Binary64())), (1,), (False,), Binary64())
        truth = [x * y for x in exact.vector(b[0]) for y in exact.vector(a[0])]
        network.ball_holds("Jacobian", truth, Balls(J.mid, J.rad, np.full(1, 100.0)), 0, a=a, b=b)


@killer
def wide_linear_kernel() -> None:
    """One linear layer with 1000 inputs: the kernel is XXᵀ, wrong by many u."""
    for c in biased_constants(1000):
        net = Network((np.zeros((1, 1000)),), (None,), "tanh")
        network.kernel(net, wide(c, 1000), (1,), Binary64())


@killer
def wide_hidden_kernel() -> None:
    """1000 hidden units with equal adjoints: ⟨B, B⟩ is wrong by many u, B itself is exact."""
    for c in biased_constants(1000):
        net = Network((np.ones((1000, 1)), wide(c, 1000)[:1]), (None, None), "relu")
        network.kernel(net, np.array([[1.0], [2.0]]), (1,), Binary64())


@killer
def flushed_kernel_entry() -> None:
    """Two factors near 2^-538: their product is below half the least float, the kernel's radius must not be."""
    net = Network((np.ones((1, 1)), np.full((1, 1), 2.0**-268)), (None, None), "relu")
    network.kernel(net, np.full((1, 1), 1.2 * 2.0**-270), (1,), Binary64())
    network.kernel(net, np.full((1, 1), 1.2 * 2.0**-270), (1,), DoubleDouble())
    net = Network((np.ones((1, 1)), np.full((1, 1), 2.0**-400)), (None, None), "relu")
    network.kernel(net, np.full((1, 1), 2.0**-400), (1,), Binary64())


# perturbation factor


@killer
def qr_that_lies() -> None:
    """An R that is off by 1e-6: the gap GGᵀ − CCᵀ must be paid for."""
    honest = np.linalg.qr
    moves, rng = np.ones(2, dtype=bool), np.random.default_rng(0)
    with lying("numpy.linalg.qr", lambda A, mode: honest(A, mode=mode) * (1 + 1e-6)):
        network.factor(Pair(rng.standard_normal((2, 3))), np.zeros(2), 1, moves, None, Binary64(), rng)
        network.factor(Pair(rng.standard_normal((4, 3))), np.zeros(4), 2, moves, None, Binary64(), rng)


@killer
def qr_that_agrees_with_rounding() -> None:
    """An R with RᵀR = fl(GGᵀ): the gap is zero, the rounding of the long product GGᵀ is not."""
    moves, rng = np.ones(1, dtype=bool), np.random.default_rng(0)

    def answer(A: np.ndarray, mode: str) -> np.ndarray:
        G = np.swapaxes(A, 1, 2)
        return np.sqrt(np.matmul(G, np.swapaxes(G, 1, 2)))[:, :1, :]

    for c in biased_constants(1000):
        with lying("numpy.linalg.qr", answer):
            network.factor(Pair(np.full((2, 1000), c)), np.zeros(2), 2, moves, None, Binary64(), rng)


@killer
def qr_that_is_wide() -> None:
    """An R with 1000 rows and fl(CCᵀ) = GGᵀ: the rounding of CCᵀ must be paid for."""
    moves, rng = np.ones(1, dtype=bool), np.random.default_rng(0)
    for c in biased_constants(1000):
        C = np.full((1, 2, 1000), c)
        g = np.sqrt(np.matmul(C, np.swapaxes(C, 1, 2))[0, 0, 0])
        R = np.swapaxes(C, 1, 2)
        with lying("numpy.linalg.qr", lambda A, mode, R=R: R):
            network.factor(Pair(np.full((2, 1), g)), np.zeros(2), 2, moves, None, Binary64(), rng)
