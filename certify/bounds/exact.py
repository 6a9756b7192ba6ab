"""Both ends of the moduli in exact rational arithmetic: small piecewise linear problems (`run.arithmetic = "exact"`).

Network, kernel and perturbation are rational numbers; `κ²K − Q ≻ 0` (M2) is decided by exact elimination, so the ends
are neighbouring floats but for the search for a vector below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg
from flint import fmpq, fmpq_mat

from certify.errors import InputError, SpecError
from certify.network.network import Network
from certify.problem import Problem
from certify.rigor import fp
from certify.rigor.activation.leaky_relu import NEGATIVE_SLOPE
from certify.rigor.fp import Array
from certify.verdict import Bound, Hypothesis, Rigour

MOST_EQUATIONS, MOST_PARAMETERS = 40, 2000
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
    """Refuse what exact arithmetic is not built for.

    Raises:
        SpecError: another map, base or set, a smooth activation, or too large a problem.
    """
    name = 'run.arithmetic = "exact"'
    net = problem.network
    use = 'use arithmetic = "float"'
    if problem.map != "interpolation" or problem.base != "given" or problem.set != "total":
        raise SpecError(name, f"map {problem.map}, base {problem.base}, set {problem.set}",
                        f"it is built for interpolation, base given, set total; {use}")
    if not isinstance(net, Network) or net.activation not in SLOPES:
        raise SpecError(name, f"activation {getattr(net, 'activation', 'of a graph')}",
                        f"it is built for {', '.join(SLOPES)}; {use}")
    if problem.weight_norm != "euclidean":
        raise SpecError(name, f"weights.norm = {problem.weight_norm}", f"it is built for euclidean; {use}")
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
            z = [_dot(row, a) + (b[j] if b is not None else 0) for j, row in enumerate(W)]
            if h < len(weights) - 1:
                if 0 in z and net.activation != "identity" and not kink:
                    kink = f"row {i}, layer {h + 1}, unit {z.index(0)}"
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
    kernel = _matrix(J)
    Q = fmpq_mat(N, N)
    for r in range(N):
        for s in range(r // k * k, r // k * k + k):
            if problem.parameter == "features":
                Q[r, s] = _fmpq(_dot(moved[r], moved[s]))
            else:
                Q[r, s] = int(r == s and problem.kept[r // k] in problem.rows)
    margin = fp.down(min(sizes)) if sizes and net.activation != "identity" else None
    return ExactSystem(kernel * kernel.transpose(), Q, kink, margin)


def _gradient(weights: list, shifts: list, inputs: list, slopes: list, out: int, free: set[int]) -> list:
    """`∂f_out/∂w` over the free layers, part by part, and `∂f_out/∂x` last."""
    g = [Fraction(int(j == out)) for j in range(len(weights[-1]))]
    parts: list[list[Fraction]] = []
    for h in range(len(weights) - 1, -1, -1):
        if h + 1 in free:
            parts.append([v * a for v in g for a in inputs[h]])
            if shifts[h] is not None:
                parts.append(list(g))
        g = [_dot(g, column) for column in zip(*weights[h], strict=True)]
        if h:
            g = [v * s for v, s in zip(g, slopes[h - 1], strict=True)]
    return [*parts, g]


def exact_modulus(K: fmpq_mat, Q: fmpq_mat) -> ExactEnds:
    """`lip S` (M2): a Rayleigh quotient below, the least float κ found with `κ²K − Q ≻ 0` above."""
    z = _proposed(K, Q)
    vector = fmpq_mat(1, len(z), [_fmpq(Fraction(v)) for v in z.tolist()])
    energy, gain = ((vector * M * vector.transpose())[0, 0] for M in (K, Q))
    lower = fp.down(fp.sqrt_down(_fraction(gain / energy))) if energy > 0 else 0.0
    if not _definite(K):
        return ExactEnds(lower, None, z)
    if not gain and not any(Q.entries()):
        return ExactEnds(0.0, 0.0, z)
    upper, step = max(float(np.nextafter(lower, np.inf)), 2.0**-1000), 1.0  # no subnormal: it may read as 0
    while not _below(K, Q, upper):
        upper = fp.up(Fraction(float(upper)) * (1 + Fraction(step) / 2**52))
        step *= 4
        if not math.isfinite(upper):
            raise InputError("exact modulus", "no finite bound was found", "this is a defect: report it")
    low, high = Fraction(lower), Fraction(float(upper))
    while True:
        middle = float((low + high) / 2)
        if not float(low) < middle < float(high):
            return ExactEnds(lower, float(high), z)
        low, high = (low, Fraction(middle)) if _below(K, Q, middle) else (Fraction(middle), high)


def problem_is_exact(problem: Problem, quantity: str) -> bool:
    """Whether a quantity is computed in rationals."""
    return problem.arithmetic == "exact" and quantity in ("modulus", "sample_modulus")


def exact_bound(
    problem: Problem, quantity: str, unit: str, hypotheses: tuple[Hypothesis, ...], check: Callable[[], None]
) -> Bound:
    """`modulus` or `sample_modulus` with ends that are neighbouring floats, but for the vector of the lower one.

    Args:
        problem: one that :func:`require_exact` lets pass.
        quantity: which of them.
        unit, hypotheses: of the bound; `smooth` and `rank` are added, decided exactly.
        check: called between the rows; raises when the time is up.
    """
    system = exact_system(problem)
    theorem = "M4" if quantity == "sample_modulus" else "M2"
    smooth = Hypothesis("smooth", "no pre-activation is 0, in exact numbers", system.margin, not system.kink)
    if system.kink:
        return Bound(quantity, theorem, Rigour.PROVED, None, None, unit, (*hypotheses, smooth), {},
                     f"a pre-activation is exactly 0 ({system.kink}), where there is no derivative")
    k, ends = problem.outputs, []
    blocks = [system.Q]
    if quantity == "sample_modulus":
        blocks = [_of_row(system.Q, problem.kept.index(i), k) for i in problem.rows]
    for Q in blocks:
        check()
        ends.append(exact_modulus(system.K, Q))
    proved = all(e.upper is not None for e in ends)
    rank = Hypothesis("rank", "the Jacobian of all outputs has full row rank, in exact numbers", None, proved)
    reason = "" if proved else "the Jacobian does not have full row rank, in exact numbers"
    low, high = tuple(e.lower for e in ends), tuple(e.upper for e in ends)
    upper = max(v for v in high if v is not None) if proved else None
    if quantity == "modulus":
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
    """A vector near the largest eigenvalue of the pencil, in floats; not trusted."""
    k, q = (np.array([[float(_fraction(M[i, j])) for j in range(M.ncols())] for i in range(M.nrows())]) for M in (K, Q))
    try:
        z = scipy.linalg.eigh(q, k)[1][:, -1]
    except np.linalg.LinAlgError:
        z = np.linalg.eigh(q)[1][:, -1]
    return np.asarray(z) if np.isfinite(z).all() and z.any() else np.ones(len(k))


def _below(K: fmpq_mat, Q: fmpq_mat, kappa: float) -> bool:
    return _definite(K * _fmpq(Fraction(kappa) ** 2) - Q)


def _definite(M: fmpq_mat) -> bool:
    """Whether a symmetric rational matrix is positive definite: all pivots of exact elimination are positive."""
    rows = [[M[i, j] for j in range(M.ncols())] for i in range(M.nrows())]
    for k in range(len(rows)):
        pivot = rows[k][k]
        if not pivot > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / pivot
            if factor:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]  # column k becomes 0
    return True


def _dot(x: list, y: list | tuple) -> Fraction:
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def _matrix(rows: list[list[Fraction]]) -> fmpq_mat:
    return fmpq_mat(len(rows), len(rows[0]), [_fmpq(v) for row in rows for v in row])


def _fmpq(x: Fraction) -> fmpq:
    return fmpq(x.numerator, x.denominator)


def _fraction(x: fmpq) -> Fraction:
    return Fraction(int(x.p), int(x.q))
