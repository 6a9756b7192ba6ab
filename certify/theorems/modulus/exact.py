"""Both ends of the moduli in exact rational arithmetic: small piecewise linear problems (`run.arithmetic = "exact"`).

Network, kernel and perturbation are rational numbers; `κ²K − Q ≻ 0` (M2) is decided by exact elimination, so the upper
end is the least float there is. The lower one is the quotient of a vector of floats, for a witness holds floats: the
float below it, unless the kernel is so ill-conditioned (beyond about 1e15) that no such vector comes near.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg
from flint import fmpq_mat

from certify.format.errors import SpecError
from certify.format.quantities import QUANTITIES
from certify.format.words import Rigour
from certify.network.network import Network
from certify.problem.bound import Bound, Hypothesis
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.activation.leaky_relu import NEGATIVE_SLOPE
from certify.rigor.finder import proposed
from certify.rigor.fp import Array
from certify.sets.exact.rational import dot, flint_matrix, flint_number, fraction, positive_definite

MOST_EQUATIONS, MOST_PARAMETERS = 40, 2000
SMALLEST, REFINEMENTS = 2.0**-1022, 4
"""The least end that is stated, and the most steps of inverse iteration."""

SLOPES = {"identity": 1.0, "relu": 0.0, "leaky_relu": NEGATIVE_SLOPE}
"""Activations that are piecewise linear, with their slope below 0."""


@dataclass(frozen=True)
class ExactEnds:
    """Ends of one modulus, and the vector of the lower one; `upper` None: G_w is not surjective."""

    lower: float
    upper: float | None
    z: Array


@dataclass(frozen=True)
class ExactSystem:
    """`K = G_wG_wᵀ` and `Q = G_uG_uᵀ` of the kept rows, and the blocks of Q by row.

    Attributes:
        K, Q: `(N, N)`.
        kink: words on a pre-activation that is 0, empty where there is none.
        margin: least size of a pre-activation, rounded down; None where there are no kinks.
    """

    K: fmpq_mat
    Q: fmpq_mat
    kink: str
    margin: float | None


def require_exact(problem: Problem) -> None:
    """Refuse what exact arithmetic is not built for, beside what the laws of the format refuse.

    Raises:
        SpecError: a smooth activation, or too large a problem.
    """
    name = 'run.arithmetic = "exact"'
    net = problem.network
    use = 'use arithmetic = "float"'
    if not isinstance(net, Network) or net.activation not in SLOPES:
        raise SpecError(name, f"activation {getattr(net, 'activation', 'of a graph')}",
                        f"it is built for {', '.join(SLOPES)}; {use}")
    if problem.equations > MOST_EQUATIONS or problem.parameters > MOST_PARAMETERS:
        raise SpecError(name, f"{problem.equations} equations, {problem.parameters} parameters",
                        f"it is for at most {MOST_EQUATIONS} and {MOST_PARAMETERS}; {use}")


def exact_system(problem: Problem) -> ExactSystem:
    """Kernel and perturbation from the definitions: one backward pass an output, the Jacobian formed."""
    net = problem.network
    assert isinstance(net, Network)
    free, rows, moved, kink = set(net.layers(problem.layer)), [], [], ""
    units = [Fraction(1)] * problem.inputs if problem.scale is None else [Fraction(v) for v in problem.scale.tolist()]
    weights = [[[Fraction(v) for v in row] for row in W.tolist()] for W in net.weights]
    shifts = [None if b is None else [Fraction(v) for v in b.tolist()] for b in net.biases]
    low = Fraction(SLOPES[net.activation])
    sizes: list[Fraction] = []
    for i in problem.kept:
        a, inputs, slopes = [Fraction(v) for v in problem.X[i].tolist()], [], []
        for h, (W, b) in enumerate(zip(weights, shifts, strict=True)):
            inputs.append(a)
            z = [dot(row, a) + (b[j] if b is not None else 0) for j, row in enumerate(W)]
            if h < len(weights) - 1:
                if 0 in z and net.activation != "identity" and not kink:
                    kink = f"row {i}, layer {h + 1}, unit {z.index(Fraction(0))}"
                sizes += map(abs, z)
                slopes.append([Fraction(1) if v > 0 else low for v in z])
                a = [s * v for s, v in zip(slopes[-1], z, strict=True)]
        for out in range(problem.outputs):
            rows.append(_gradient(weights, shifts, inputs, slopes, out, free))
            g = rows[-1].pop()
            moves = i in problem.rows
            moved.append([v * u if moves else Fraction(0) for v, u in zip(g, units, strict=True)])
    N, k = len(rows), problem.outputs
    J = [[v for part in row for v in part] for row in rows]
    kernel = flint_matrix(J, len(J[0]))
    Q = fmpq_mat(N, N)
    for r in range(N):
        for s in range(r // k * k, r // k * k + k):
            if problem.moving.inputs:
                Q[r, s] = flint_number(dot(moved[r], moved[s]))
            else:
                Q[r, s] = int(r == s and problem.kept[r // k] in problem.rows)
    margin = fp.down(min(sizes)) if sizes and net.activation != "identity" else None
    return ExactSystem(kernel * kernel.transpose(), Q, kink, margin)


def _gradient(
    weights: list[list[list[Fraction]]], shifts: list[list[Fraction] | None], inputs: list[list[Fraction]],
    slopes: list[list[Fraction]], out: int, free: set[int],
) -> list[list[Fraction]]:
    """`∂f_out/∂w` over the free layers, part by part, and `∂f_out/∂x` last."""
    g = [Fraction(int(j == out)) for j in range(len(weights[-1]))]
    parts: list[list[Fraction]] = []
    for h in range(len(weights) - 1, -1, -1):
        if h + 1 in free:
            parts.append([v * a for v in g for a in inputs[h]])
            if shifts[h] is not None:
                parts.append(list(g))
        g = [dot(g, column) for column in zip(*weights[h], strict=True)]
        if h:
            g = [v * s for v, s in zip(g, slopes[h - 1], strict=True)]
    return [*parts, g]


def exact_modulus(K: fmpq_mat, Q: fmpq_mat) -> ExactEnds:
    """`lip S` (M2): a Rayleigh quotient below, the least float κ found with `κ²K − Q ≻ 0` above.

    A quotient that is not the float below the upper end is followed by inverse iteration at that end, in rationals.
    """
    z = _proposed(K, Q)
    lower = _quotient(K, Q, z)
    if not positive_definite(K):
        return ExactEnds(lower, None, z)
    if not any(Q.entries()):
        return ExactEnds(0.0, 0.0, z)
    upper = _least_above(K, Q, lower)
    for _ in range(REFINEMENTS):
        if lower >= math.nextafter(upper, 0.0):
            break
        better = _refined(K, Q, upper, z)
        value = _quotient(K, Q, better)
        if not value > lower:
            break
        lower, z = value, better
    return ExactEnds(lower, upper, z)


def _least_above(K: fmpq_mat, Q: fmpq_mat, lower: float) -> float:
    """The least normal float κ with `κ²K − Q ≻ 0`, K definite and Q not 0; `lower` is below it."""
    upper, step = max(math.nextafter(lower, math.inf), SMALLEST), 1.0  # no subnormal: it may read as 0
    while not _below(K, Q, upper):
        upper = fp.up(Fraction(upper) * (1 + Fraction(step) / 2**52))
        step *= 4
    low, high = Fraction(lower), upper
    while True:
        middle = float((low + Fraction(high)) / 2)
        if middle < SMALLEST or not float(low) < middle < high:
            return high
        if _below(K, Q, middle):
            high = middle
        else:
            low = Fraction(middle)


def _quotient(K: fmpq_mat, Q: fmpq_mat, z: Array) -> float:
    """`√(zᵀQz/zᵀKz)`, rounded down; 0 where the form of K is 0."""
    vector = flint_matrix([[Fraction(v) for v in z.tolist()]], len(z))
    energy, gain = (fraction((vector * M * vector.transpose())[0, 0]) for M in (K, Q))
    return fp.down(fp.sqrt_down(gain / energy)) if energy > 0 else 0.0


def _refined(K: fmpq_mat, Q: fmpq_mat, upper: float, z: Array) -> Array:
    """A step of inverse iteration, `(κ²K − Q)⁻¹Kz`, exactly, then rounded."""
    column = flint_matrix([[Fraction(v)] for v in z.tolist()], 1)
    found = (K * flint_number(Fraction(upper) ** 2) - Q).solve(K * column)
    return _floats([fraction(found[i, 0]) for i in range(len(z))])


def _floats(x: list[Fraction]) -> Array:
    """A multiple of x in floats, its largest entry 1 in size."""
    largest = max(map(abs, x))
    return np.array([float(v / largest) for v in x]) if largest else np.ones(len(x))


def exact_bound(
    problem: Problem, quantity: str, theorem: str, unit: str, hypotheses: tuple[Hypothesis, ...],
    check: Callable[[], None],
) -> Bound:
    """`modulus` or `sample_modulus` with neighbouring floats as ends, where a vector of floats shows the lower one.

    Args:
        problem: one that :func:`require_exact` lets pass.
        quantity: which of them.
        theorem: its label.
        unit, hypotheses: of the bound; `smooth` and `rank` are added, decided exactly.
        check: called between the rows; raises when the time is up.
    """
    system, by_row = exact_system(problem), QUANTITIES[quantity].per_row
    smooth = Hypothesis("smooth", "no pre-activation is 0, in exact numbers", system.margin, not system.kink)
    if system.kink:
        return Bound(quantity, theorem, Rigour.PROVED, None, None, unit, (*hypotheses, smooth), {},
                     f"a pre-activation is exactly 0 ({system.kink}), where there is no derivative")
    k, ends = problem.outputs, []
    blocks = [system.Q]
    if by_row:
        blocks = [_of_row(system.Q, problem.kept.index(i), k) for i in problem.rows]
    for Q in blocks:
        check()
        ends.append(exact_modulus(system.K, Q))
    proved = all(e.upper is not None for e in ends)
    rank = Hypothesis("rank", "the Jacobian of all outputs has full row rank, in exact numbers", None, proved)
    reason = "" if proved else "the Jacobian does not have full row rank, in exact numbers"
    low, high = tuple(e.lower for e in ends), tuple(e.upper for e in ends)
    upper = max(v for v in high if v is not None) if proved else None
    if not by_row:
        witness = {"z": ends[0].z.tolist()} if low[0] > 0 else {}
        return Bound(quantity, theorem, Rigour.PROVED, low[0], upper, unit, (*hypotheses, smooth, rank), witness,
                     reason)
    if not proved:
        return Bound(quantity, theorem, Rigour.PROVED, None, None, unit, (*hypotheses, smooth, rank), {}, reason)
    return Bound(quantity, theorem, Rigour.PROVED, max(low), upper, unit, (*hypotheses, smooth, rank), {}, "",
                 problem.rows, low, high)


def _of_row(Q: fmpq_mat, at: int, k: int) -> fmpq_mat:
    """The part of Q that belongs to one row."""
    part = fmpq_mat(Q.nrows(), Q.ncols())
    for r in range(at * k, (at + 1) * k):
        for s in range(at * k, (at + 1) * k):
            part[r, s] = Q[r, s]
    return part


def _proposed(K: fmpq_mat, Q: fmpq_mat) -> Array:
    """A vector near the largest eigenvalue of the pencil, in floats; not trusted.

    Rows and columns are scaled so that the diagonal of K is about 1: its entries may be beyond the range of floats.
    """
    size = K.nrows()
    scale = [Fraction(2) ** -_half_exponent(fraction(K[i, i])) for i in range(size)]
    # a common factor of Q alone changes no eigenvector
    most = max((abs(fraction(Q[i, i])) * scale[i] ** 2 for i in range(size)), default=Fraction(0)) or Fraction(1)
    k, q = (np.array([[float(fraction(M[i, j]) * scale[i] * scale[j] / unit) for j in range(size)]
                      for i in range(size)]) for M, unit in ((K, Fraction(1)), (Q, most)))
    try:
        z = scipy.linalg.eigh(q, k)[1][:, -1]
    except np.linalg.LinAlgError:
        z = proposed(lambda: np.linalg.eigh(q)[1][:, -1])
    if z is None or not (np.isfinite(z).all() and z.any()):
        return np.ones(size)
    return _floats([Fraction(v) * s for v, s in zip(z.tolist(), scale, strict=True)])


def _half_exponent(x: Fraction) -> int:
    """About half the binary exponent of a number, 0 of 0."""
    return (x.numerator.bit_length() - x.denominator.bit_length()) // 2 if x else 0


def _below(K: fmpq_mat, Q: fmpq_mat, kappa: float) -> bool:
    return positive_definite(K * flint_number(Fraction(kappa) ** 2) - Q)
