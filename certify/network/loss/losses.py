"""Losses of single samples and their derivatives with respect to the network's outputs, enclosed (L1)."""

from __future__ import annotations

from dataclasses import dataclass

import flint
import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair, two_sum
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array

_PRECISION = 160
_ERROR = 2.0**-95
"""Relative error (to 1 + size) within which Arb's values are accepted as pairs of floats."""


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Per-sample losses `ℓ_i` and slopes `c_i = ∂ℓ_i/∂f`.

    Attributes:
        value, value_error: `(n,)` arrays, `|ℓ_i − value_i| ≤ value_error_i`.
        slopes: balls around `c_i`, `(n, k)`.
        slope_lipschitz: `(n,)` Lipschitz constants of `f ↦ c_i`: 1 squared, ¼ logistic, ½·Σq cross-entropy.
    """

    value: Array
    value_error: Array
    slopes: Balls
    slope_lipschitz: Array


def enclose_losses(
    loss: str, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
) -> LossTerms:
    """Enclose losses and slopes of every sample at its output ball.

    ``squared``: `½|f − y|²`, `c = f − y`. ``logistic`` with sign s: `log(1 + e^(−sf))`, `c = −s/(1 + e^(sf))`.
    ``cross_entropy`` with weights q (a unit vector for a label): `(Σq)·log Σ e^f − q·f`, `c = (Σq)·softmax f − q`.

    Args:
        loss: name of the loss.
        output: `(n, k)` balls around the outputs.
        targets: `(n, k)` real targets (squared) or probabilities (cross-entropy), or None.
        labels: `(n,)` labels: 0/1 or −1/1 (logistic), 0 … k − 1 (cross-entropy), or None.
        arithmetic: what computes the squared loss' slopes.
    """
    if loss == "squared":
        if targets is None:
            raise SpecError("squared loss", "no real targets", "name data.targets")
        return _squared(output, targets, arithmetic)
    if loss == "logistic":
        if labels is None:
            raise SpecError("logistic loss", "no labels", "name data.targets")
        return _logistic(output, np.where(labels > 0, 1.0, -1.0))
    q = targets if targets is not None else _one_hot(labels, output.mid.shape[1])
    return _cross_entropy(output, q)


def _one_hot(labels: Array | None, k: int) -> Array:
    if labels is None:
        raise SpecError("cross-entropy loss", "no targets", "name data.targets")
    return np.eye(k)[np.asarray(labels, dtype=np.int64)]


def _squared(output: Balls, y: Array, arithmetic: Arithmetic) -> LossTerms:
    c = arithmetic.add(output.mid, Pair(-y))
    rad = (output.rad + arithmetic.unit * (output.norm + fp.row_norms(y))) * RAISE
    slopes = Balls.make(c, rad, arithmetic)
    square = np.sum(c.hi * c.hi, axis=1)
    size = fp.row_norms(c.hi)
    low = 0.0 if c.lo is None else fp.row_norms(c.lo)
    error = (fp.dot_unit(c.shape[1]) + 4 * fp.U) * size**2 + (size + slopes.norm) * (rad + low)
    return LossTerms(0.5 * square, 0.5 * error * RAISE, slopes, np.ones(len(y)))


def loss_ball(
    loss: str, f: list[flint.arb], target: Array | None, label: int | None
) -> tuple[flint.arb, list[flint.arb]]:
    """`ℓ` and `∂ℓ/∂f` of one sample in balls, at the current precision (L1).

    Args:
        loss: name of the loss.
        f: the outputs.
        target: real target or probabilities, or None.
        label: class label, or None.
    """
    if loss == "squared" and target is not None:
        c = [x - flint.arb(y) for x, y in zip(f, target.tolist(), strict=True)]
        return sum((x * x for x in c), flint.arb(0)) / 2, c
    if loss == "logistic" and label is not None:
        return _logistic_ball(f, 1.0 if label > 0 else -1.0)
    if target is None and label is None:
        raise SpecError(f"{loss} loss", "no target", "name data.targets")
    q = [float(a == label) for a in range(len(f))] if target is None else target.tolist()
    return _cross_entropy_ball(f, q)


def _logistic_ball(f: list[flint.arb], s: float) -> tuple[flint.arb, list[flint.arb]]:
    e = (-s * f[0]).exp()
    return e.log1p(), [-s * e / (1 + e)]


def _cross_entropy_ball(f: list[flint.arb], row: list[float]) -> tuple[flint.arb, list[flint.arb]]:
    top = max(float(x.mid()) for x in f)
    e = [(x - top).exp() for x in f]
    total, weight = sum(e[1:], e[0]), sum((flint.arb(p) for p in row), flint.arb(0))
    value = weight * (total.log() + top) - sum((p * x for p, x in zip(row, f, strict=True)), flint.arb(0))
    return value, [weight * x / total - p for x, p in zip(e, row, strict=True)]


def _logistic(output: Balls, sign: Array) -> LossTerms:
    if output.mid.shape[1] != 1:
        raise SpecError("logistic loss", f"{output.mid.shape[1]} outputs", "use one output, or cross_entropy")
    return _by_arb(output, sign.tolist(), _logistic_ball, np.full(len(sign), 0.25), np.ones(len(sign)))


def _cross_entropy(output: Balls, q: Array) -> LossTerms:
    lipschitz = 0.5 * fp.require_finite(q.sum(axis=1), "targets") * fp.sum_up(q.shape[1])
    hard = ((q == 0) | (q == 1)).all(axis=1) & (q.sum(axis=1) == 1)
    return _by_arb(output, q.tolist(), _cross_entropy_ball, lipschitz, np.where(hard, 2.0, np.inf))


def _by_arb(
    output: Balls, targets: list, one: object, lipschitz: Array, factor: Array  # type: ignore[type-arg]
) -> LossTerms:
    """Evaluate at the midpoints in balls, and widen for the output's radius r.

    By a Lipschitz constant, or, where it is less, by `factor·|c|·r(1 + factor·r(1 + factor·r))`, as slopes and
    curvatures of a row that is fitted well are small (L1).
    """
    n, k = output.mid.shape
    hi = output.mid.hi.tolist()
    lo = np.zeros((n, k)).tolist() if output.mid.lo is None else output.mid.lo.tolist()
    value, first, second = np.empty(n), np.empty((n, k)), np.empty((n, k))
    precision, flint.ctx.prec = flint.ctx.prec, _PRECISION
    try:
        for i in range(n):
            ball, slopes = one([flint.arb(a) + flint.arb(b) for a, b in zip(hi[i], lo[i], strict=True)], targets[i])  # type: ignore[operator]
            value[i] = float(ball.mid())
            _accept(ball - value[i], 2.0**-52 * (1 + abs(value[i])))
            for a, c in enumerate(slopes):
                first[i, a] = float(c.mid())
                second[i, a] = float((c - first[i, a]).mid())
                _accept(c - first[i, a] - second[i, a], _ERROR)
    finally:
        flint.ctx.prec = precision
    double = output.mid.lo is not None
    known = (fp.row_norms(first) + 2.0**-50) * RAISE
    rad = _spread(output.rad, known, lipschitz, factor)
    rad = rad + _ERROR * np.sqrt(k) * 2 + (0.0 if double else fp.row_norms(second))
    mid = Pair(*two_sum(first, second)) if double else Pair(first)
    norm = (fp.row_norms(first) + rad) * RAISE
    slopes_ball = Balls(mid, fp.require_finite(rad * RAISE, "loss"), norm * RAISE)
    error = (2.0**-52 * (1 + np.abs(value)) + norm * output.rad) * RAISE
    return LossTerms(value, error, slopes_ball, lipschitz)


def _spread(r: Array, slope: Array, lipschitz: Array, factor: Array) -> Array:
    """How far slopes of at most that size at the midpoints can differ within r of them (L1)."""
    wide = np.where(np.isfinite(factor), factor, 0.0)
    near = np.isfinite(factor) & (wide * r <= 1.0)
    reach = np.where(near, r, 0.0)
    local = wide * slope * reach * (1.0 + wide * reach * (1.0 + wide * reach))
    return np.where(near, np.minimum(lipschitz * r, local), lipschitz * r)


def _accept(rest: flint.arb, bound: float) -> None:
    if not abs(rest) < bound:
        raise EnclosureError("loss", "a value that ball arithmetic cannot pin down", "look for huge outputs")
