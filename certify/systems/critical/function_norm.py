"""The critical map in the function norm: `|SA⁻¹Cu|` for `S² = J_refᵀJ_ref + τ²I`, of which no root is taken (M5s)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg

from certify.format.errors import EnclosureError
from certify.network.layers.jacobian import jacobian
from certify.network.layers.passes import backward, forward, known_weights
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble, Pair
from certify.rigor.fp import RAISE, Array
from certify.rigor.inverse import Block, Blocks, Inverse
from certify.rigor.singular import enclose_norm2

MOST = Fraction(1, 2)
"""θ has to stay below: the ends are `1 ± θ` apart."""

REFINED = 2
"""Steps of refinement of the linear system with S²; they cost tightness alone."""


@dataclass(frozen=True, eq=False)
class Seen:
    """`F = [J_ref; τI]`, so that `|Sv| = |Fv|` and `S² = FᵀF`.

    Attributes:
        F: `(m + p, p)` pair, m the reference outputs.
        radius: bound of the Frobenius norm of what F leaves out.
        norm: upper bound of `‖F‖₂`, radius included.
        tau: τ > 0.
    """

    F: Pair
    radius: Fraction
    norm: Fraction
    tau: Fraction


def seen_by(problem: Problem, layers: tuple[int, ...]) -> Seen:
    """F at the weights in the file, in double-double.

    Args:
        problem: a critical problem with the function norm.
        layers: the free layers.

    Raises:
        EnclosureError: a pre-activation of a reference row that may be at a kink; overflow.
    """
    reference, net, arithmetic = problem.reference, problem.network, DoubleDouble()
    assert reference is not None and isinstance(net, Network)
    weights = known_weights(net)
    passed = forward(net, weights, reference.X, arithmetic)
    if passed.kinks[0]:
        at = passed.kinks[1][0]
        raise EnclosureError("Jacobian at the reference rows", f"a pre-activation that may be at a kink (row {at.row}, "
                             f"layer {at.layer}, unit {at.unit})", "leave this reference row out")
    biases = tuple(b is not None for b in net.biases)
    J = jacobian(passed, backward(net, weights, passed, arithmetic), layers, biases, arithmetic)
    own = reference.tau * np.eye(J.mid.shape[1])
    hi = np.vstack([J.mid.hi, own])
    lo = None if J.mid.lo is None else np.vstack([J.mid.lo, np.zeros_like(own)])
    radius = fp.exact(float(fp.row_norms(J.rad[None, :])[0]))
    size = Fraction(fp.frobenius(hi))
    try:
        size = min(size, Fraction(enclose_norm2(hi).upper))
    except EnclosureError:
        pass
    return Seen(Pair(hi, lo), radius, size + _low(lo) + radius, fp.exact(reference.tau))


def measured(inverse: Inverse, seen: Seen) -> Inverse | str:
    """`D = FX` as if it were an inverse: `|Dg|/(1 + θ) ≤ |FA⁻¹g| ≤ |Dg|/(1 − θ)`, `θ = ‖F‖ε/τ`; else why it is none.

    `X = (I + E)A⁻¹`, so `D = FA⁻¹ + FEA⁻¹` and `|FEA⁻¹g| ≤ ‖F‖ε|A⁻¹g| ≤ (‖F‖ε/τ)|FA⁻¹g|`. The float matrix errs by d;
    `size = ‖fl(FX)‖ + d`, and :func:`widened` charges d to the columns that it meets.

    Args:
        inverse: of A.
        seen: F.

    >>> one = Pair(np.vstack([np.array([[3.0, 4.0]]), np.eye(2)]))
    >>> X = Inverse(np.eye(2), Fraction(0), Fraction(1))
    >>> measured(X, Seen(one, Fraction(0), Fraction(6), Fraction(1))).X[0].tolist()
    [3.0, 4.0]
    """
    theta = seen.norm * inverse.epsilon / seen.tau
    if theta >= MOST:
        return f"only ‖S‖ε/τ ≤ {fp.shown(theta)} is proved, where 0.5 is needed: take a larger weights.tau"
    D = fp.require_finite(seen.F.hi @ inverse.X, "inverse as the reference rows see it")
    size = Fraction(fp.frobenius(D))
    try:
        size = min(size, Fraction(enclose_norm2(D).upper))
    except EnclosureError:
        pass
    return Inverse(D, theta, size + _product_error(inverse, seen))


def widened(C: Blocks, inverse: Inverse, found: Inverse, seen: Seen) -> Blocks:
    """The blocks with radii that hold what `fl(FX)` errs too: `‖D‖·(d/‖D‖)|C_i| = d|C_i|`.

    Args:
        C: the rows' blocks.
        inverse: of A.
        found: the measured one.
        seen: F.
    """
    share = fp.up(_product_error(inverse, seen) / found.size)

    def make() -> Iterator[Block]:
        for block in C():
            size = fp.row_norms(block.mid.reshape(len(block.mid), -1))
            yield Block(block.mid, (block.radius + share * size + fp.FLOOR) * RAISE)

    return make


def dual_length_above(seen: Seen, h: Array, error: Fraction) -> Fraction:
    """Upper bound of `|S⁻¹h|` for all vectors within `error` of h.

    With any q and `r = h − S²q`: `|S⁻¹h|² = |Fq|² + 2qᵀr + |S⁻¹r|²`, and `|S⁻¹v| ≤ |v|/τ`. q comes from a QR
    factorisation in floats, F and r are in double-double.

    Args:
        seen: F.
        h: `(p,)` float64, exact.
        error: how far the vector may be from it.
    """
    arithmetic, F = DoubleDouble(), seen.F
    rows, p = F.shape
    size, turned = Fraction(fp.frobenius(F.hi)) * Fraction(RAISE), _turned(F)
    best, factor = _length(h) / seen.tau, _factor(F.hi)
    q, residual = np.zeros(p), h
    for _ in range(0 if factor is None else 1 + REFINED):
        assert factor is not None  # without a factor there is no round
        q = q + _solved(factor, residual)
        if not np.isfinite(q).all() or not q.any():
            break
        length = _length(q)
        s = arithmetic.product(Pair(q[None, :]), F)
        slack = Fraction(arithmetic.product_unit(p)) * size * length
        t = arithmetic.product(s, turned)
        r = arithmetic.add(Pair(h[None, :]), Pair(-t.hi, None if t.lo is None else -t.lo))
        wrong = Fraction(arithmetic.product_unit(rows)) * size * _pair_length(s) + size * slack
        wrong += (2 * size + seen.radius) * seen.radius * length
        wrong += Fraction(arithmetic.unit) * (_length(h) + _pair_length(t)) + Fraction(fp.FLOOR)
        across = sum((fp.inner(q, part[0]) for part in (r.hi, r.lo) if part is not None), Fraction(0)) + length * wrong
        seen_length = _pair_length(s) + slack + seen.radius * length
        square = seen_length**2 + 2 * across + ((_pair_length(r) + wrong) / seen.tau) ** 2
        best = min(best, fp.sqrt_up(max(square, Fraction(0))))
        residual = r.hi[0]
    return best + error / seen.tau


def _factor(F: Array) -> Array | None:
    """R of `F = QR`, None where LAPACK gives up; a finder."""
    try:
        R: Array = np.asarray(np.linalg.qr(F, mode="r"), np.float64)
    except np.linalg.LinAlgError:
        return None
    return R if np.isfinite(R).all() and np.diag(R).all() else None


def _solved(R: Array, h: Array) -> Array:
    """q with `RᵀRq ≈ h`, R without a 0 on its diagonal (:func:`_factor`); a finder."""
    y = scipy.linalg.solve_triangular(R, h, trans="T", check_finite=False)
    return np.asarray(scipy.linalg.solve_triangular(R, y, check_finite=False))


def _product_error(inverse: Inverse, seen: Seen) -> Fraction:
    """d with `‖fl(FX) − FX‖ ≤ d`: the product's rounding, and what the high part of F leaves out."""
    size = Fraction(fp.frobenius(seen.F.hi)) * Fraction(fp.frobenius(inverse.X))
    left_out = _low(seen.F.lo) + seen.radius
    return Fraction(fp.dot_unit(len(inverse.X))) * size + left_out * inverse.size


def _turned(F: Pair) -> Pair:
    lo = None if F.lo is None else np.ascontiguousarray(F.lo.T)
    return Pair(np.ascontiguousarray(F.hi.T), lo)


def _low(lo: Array | None) -> Fraction:
    return Fraction(0) if lo is None else Fraction(fp.frobenius(lo))


def _length(v: Array) -> Fraction:
    return Fraction(float(fp.row_norms(v[None, :])[0]))


def _pair_length(v: Pair) -> Fraction:
    return _length(v.hi[0]) + (Fraction(0) if v.lo is None else _length(v.lo[0]))
