"""Q6: how far the one solution of a strongly convex last layer moves, at finite size, over a whole budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.network.loss.losses import loss_named
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.singular import enclose_norm2
from certify.systems.head.change import Change, moving_rows
from certify.systems.head.last_layer import LastLayer, Metric, enclose_metric

THETAS = (0.95, 0.85, 0.75, 0.65, 0.55, 0.45, 0.35, 0.25, 0.18, 0.12, 0.08, 0.04, 0.0)
"""Metrics tried; with squared loss the first one is the best."""
ROOM = 1.0 + 2.0**-30
"""What is added to a radius, so that the inequality it must meet is strict, and met in a checker's own numbers."""

ROOMY = 1.0 + 2.0**-7
"""Factor on norms of all rows together: room for a checker's own, by the trace of a high power."""

GRAM = 4000
"""Most rows whose inner products are formed."""


@dataclass(frozen=True, eq=False)
class Moved:
    """`|w(u) − w̄|_B < reach` for all u of the budget, w̄ the weights in the file.

    Attributes:
        metric: of B.
        reach: T.
        distance: upper bound of `|w(u) − w*|`, w* the exact solution of the data as given.
        base: upper bound of `|w* − w̄|`.
        gradient, lost: N and κ.
        spread: how far the outputs at a training row may spread, on the ball.
        change: the budget.
        bent: ς, how far moved features alone may spread the outputs at a training row.
    """

    metric: Metric
    reach: float
    distance: float
    base: float
    gradient: float
    lost: float
    spread: float
    change: Change
    bent: float = 0.0


@dataclass(frozen=True, eq=False)
class _Seen:
    """The rows as a metric sees them: `X(e_a ⊗ φ_i)`, their errors, σ_i."""

    metric: Metric
    Z: Array
    error: Array
    spans: Array

    @staticmethod
    def of(layer: LastLayer, metric: Metric) -> _Seen:
        Z, error = metric.images(layer.phi, layer.phi_rad, layer.phi_norm, len(layer.V))
        return _Seen(metric, Z, error, metric.spans(Z, error))


def enclose_motion(
    layer: LastLayer, change: Change, thetas: Sequence[float] = THETAS, check: Callable[[], None] = lambda: None,
) -> tuple[Moved, ...]:
    """All proved bounds on how far the solution moves, the least distance first; empty: none was proved.

    For θ in [0, 1], `B = θ(∇²F − λ) + λ`: if `(1 − κ)T > N + |∇F(w̄)|_{B⁻¹}`, where N bounds the change's gradient at w̄
    in `|·|_{B⁻¹}` and the Hessian of the changed loss keeps `(1 − κ)B` within T of w̄, then `|w(u) − w̄|_B < T` (Q6b).

    Args:
        layer: the last layer.
        change: the budget.
        thetas: which θ to try.
        check: called between the steps; raises when the time is up.

    Raises:
        SpecError: a budget no theorem is about.
    """
    return enclose_motions(layer, (change,), thetas, check)[0]


def enclose_motions(
    layer: LastLayer, changes: Sequence[Change], thetas: Sequence[float] = THETAS,
    check: Callable[[], None] = lambda: None,
) -> list[tuple[Moved, ...]]:
    """:func:`enclose_motion` of several budgets, which share the metrics."""
    for change in changes:
        _require_change(layer, change)
    best: list[list[Moved]] = [[] for _ in changes]
    for theta in thetas if not layer.row_loss.quadratic else (1.0,):
        check()
        try:
            seen = _Seen.of(layer, enclose_metric(layer, theta))
        except EnclosureError:
            continue
        for at, change in enumerate(changes):
            if theta == 0.0 and change.moving.inputs:
                continue  # the rows' own curvature is what bounds their slopes
            found = _one(layer, change, seen)
            if found is not None:
                best[at].append(found)
    return [tuple(sorted(found, key=lambda moved: moved.distance)) for found in best]


def _require_change(layer: LastLayer, change: Change) -> None:
    if change.parameter not in _EFFECTS:
        raise SpecError("parameter", f"'{change.parameter}'", f"use one of {', '.join(_EFFECTS)}")
    if not (math.isfinite(change.radius) and change.radius > 0):
        raise SpecError("radius", f"{change.radius}", "give a finite number above 0")
    if change.moving.reweighs and change.radius > 1:
        raise SpecError("radius", f"{change.radius} for sample weights", "give at most 1: −1 deletes a row, and less "
                        "would make the training loss non-convex")
    if not change.moving.suits(layer.row_loss.slides):
        raise SpecError("parameter", f"'{change.parameter}' with the {layer.loss} loss",
                        "use targets with squared loss, labels with the others")
    if change.total and (change.count is not None or change.moving.relabels):
        raise SpecError("budget", "a total budget with a count or of labels", "give one of them")
    if change.down and not change.moving.reweighs:
        raise SpecError("direction", f"down, of {change.parameter}", "it belongs to sample weights")
    rows = range(layer.n) if change.rows is None else change.rows
    if not rows or not set(rows) <= set(range(layer.n)) or (change.count is not None and change.count < 1):
        raise SpecError("rows", f"{list(rows)[:3]}…, count {change.count}", "give row numbers and a count from 1 on")


def _one(layer: LastLayer, change: Change, seen: _Seen) -> Moved | None:
    """The bound of one metric, if curvature keeps its factor on the whole ball that it speaks of."""
    metric, effect = seen.metric, _EFFECTS[change.parameter](layer, change, seen)
    start = layer.residual / math.sqrt(metric.least) * RAISE
    rest = (1 - metric.omega - effect.lost * RAISE) * (1 - 2.0**-50)
    if not (rest > 0 and math.isfinite(effect.gradient)):
        return None
    T = (effect.gradient + start) / rest * ROOM  # strictly more than the barrier needs
    worst = (float(seen.spans.max()) + effect.wider) * RAISE
    if not math.isfinite(T) or not keeps(layer.loss, metric.theta, T * worst * RAISE, effect.bent):
        return None
    base = layer.residual / layer.decay * RAISE
    return Moved(metric, T, (T / math.sqrt(metric.least) + base) * RAISE, base, effect.gradient, effect.lost * RAISE,
                 T * worst * RAISE, change, effect.bent)


def keeps(loss: str, theta: float, spread: float, bent: float = 0.0) -> bool:
    """Whether curvature keeps, on average along the way, the factor θ: `e^{−ς}(1 − e^{−s})/s ≥ θ`.

    >>> keeps("cross_entropy", 0.5, 1.0), keeps("cross_entropy", 0.7, 1.0), keeps("squared", 1.0, 9.0)
    (True, False, True)
    """
    if loss_named(loss).quadratic or theta == 0:
        return True
    s = flint.arb(max(spread, 2.0**-40))
    return bool((1 - (-s).exp()) / s * (-flint.arb(bent)).exp() >= flint.arb(theta))


@dataclass(frozen=True)
class _Effect:
    """What a budget does, in one metric.

    Attributes:
        gradient: N, a bound of `|∇F_u(w̄) − ∇F(w̄)|_{B⁻¹}`.
        lost: the part of B that the Hessian may lose with rows or with inputs that move.
        wider: what the rows' spans grow by.
        bent: ς, how far the outputs at w̄ spread.
    """

    gradient: float
    lost: float = 0.0
    wider: float = 0.0
    bent: float = 0.0


def _count(layer: LastLayer, change: Change) -> int:
    """How many rows may move by the whole radius at once."""
    rows = layer.n if change.rows is None else len(change.rows)
    return 1 if change.total else rows if change.count is None else min(change.count, rows)


def _top(values: Array, count: int) -> float:
    """Upper bound of the sum of the largest values; values are not negative."""
    return float(np.sum(np.sort(values)[-count:])) * fp.sum_up(count)


def _sample_weights(layer: LastLayer, change: Change, seen: _Seen) -> _Effect:
    """`(1/n) Σ u_i g_i ⊗ φ_i`, and the curvature `(1/n) Σ u_i M_i ⊗ φ_iφ_iᵀ` that goes with it (Q6c)."""
    metric, rows, count = seen.metric, moving_rows(layer, change), _count(layer, change)
    Y, slack = pulls(layer, seen.Z, seen.error)
    norms = ((fp.row_norms(Y) + slack) * metric.inverse * RAISE)[rows]
    held = _held(layer, seen)[rows]
    joint = (enclose_norm2(Y[rows]).upper + math.sqrt(_top(slack[rows] ** 2, len(rows)))) * metric.inverse * ROOMY
    first = math.sqrt(count) * joint * RAISE
    if not change.total:
        first = min(first, _together(Y[rows], slack[rows], metric, count, norms, change.down))
    away = math.sqrt(_top(held * held, len(rows))) * RAISE if change.total else _top(held, count)
    share = change.radius / layer.n * RAISE
    return _Effect(share * first * RAISE, metric.theta * share * away * RAISE)


def pulls(layer: LastLayer, Z: Array, error: Array) -> tuple[Array, Array]:
    """`Xy_i`, `y_i = g_i ⊗ φ_i`, from the images of the rows, and bounds of what they err by."""
    k = len(Z)
    Y = np.einsum("ia,aip->ip", layer.g, Z)
    size = np.max(np.stack([fp.row_norms(z) for z in Z]), axis=0) + error
    return Y, math.sqrt(k) * (layer.g_norm * (error + (k + 2) * fp.U * size) + layer.g_rad * size) * RAISE


def largest_sum(values: Array, layer: LastLayer, change: Change) -> Array:
    """Upper bounds of `Σ |u_i| v_i / n` over the budget, a row `(…, moving)` of values ≥ 0 each; labels: |u_i| = 1."""
    N, radius = values.shape[-1], 1.0 if change.moving.relabels else change.radius
    if change.total:
        return np.asarray(fp.row_norms(values) * radius / layer.n * RAISE)
    count = _count(layer, change)
    top = np.partition(values, N - count, axis=-1)[..., N - count:]
    return np.asarray(np.sum(top, axis=-1) * fp.sum_up(count) * radius / layer.n * RAISE)


def _held(layer: LastLayer, seen: _Seen) -> Array:
    """Upper bounds of `‖B^{−1/2}(M_i ⊗ φ_iφ_iᵀ)B^{−1/2}‖ = λ_max(M_i^½ R_i M_i^½)` of every row (Q6c)."""
    Z, (k, _, p) = seen.Z, seen.Z.shape
    size = np.max(np.stack([fp.row_norms(z) for z in Z]), axis=0) + seen.error
    error = k * (fp.dot_unit(p) * size * size + 3 * size * seen.error) * RAISE
    found = top_of_product(layer, np.einsum("aip,bip->iab", Z, Z), error) * seen.metric.inverse ** 2 * RAISE
    if layer.row_loss.quadratic:  # M_i = I
        found = np.minimum(found, seen.metric.leverages(Z, seen.error) ** 2 * RAISE)
    return np.asarray(found)


def top_of_product(layer: LastLayer, R: Array, error: Array) -> Array:
    """Upper bounds of `λ_max(M_i^½ R_i M_i^½)` by `tr((M_iR_i)⁴)^¼`, as `M_iR_i` has the same eigenvalues, ≥ 0.

    Args:
        layer: gives the second derivatives.
        R: `(n, k, k)` or `(1, k, k)`, positive semidefinite up to its error.
        error: Frobenius bounds of what R errs by.
    """
    k = R.shape[1]
    sizes = np.sqrt(np.einsum("iab,iab->i", R, R)) * (1 + (k * k + 4) * fp.U) + fp.FLOOR
    T = layer.M @ R
    short = fp.dot_unit(k)
    eta = layer.M_norm * error + layer.M_rad * (sizes + error) + short * layer.M_norm * sizes + fp.FLOOR
    tau = layer.M_norm * sizes * (1 + 2 * short)
    unit = np.ldexp(1.0, np.frexp(tau + eta)[1])  # fourth powers would underflow, and a bound of 0 be no bound
    T, tau, eta = T / unit[:, None, None], tau / unit, eta / unit
    square = T @ T
    lost = short * tau * tau
    trace = np.einsum("iab,iba->i", square, square)
    slack = fp.dot_unit(k * k) * (tau * tau + lost) ** 2 + lost * (2 * tau * tau + lost) + 4 * eta * (tau + eta) ** 3
    return np.asarray(unit * np.sqrt(np.sqrt(np.maximum(trace, 0.0) + slack * RAISE)) * RAISE)


def _together(Y: Array, slack: Array, metric: Metric, count: int, norms: Array, down: bool) -> float:
    """Upper bound of `|Σ u_i y_i|_{B⁻¹}`, |u_i| ≤ 1, over at most `count` rows: sums of sizes, or of inner products.

    Where all u_i have one sign, only inner products above 0 count.
    """
    plain = _top(norms, count)
    n, p = Y.shape
    if count == 1 or n > GRAM:
        return plain
    sizes = (fp.row_norms(Y) + slack) * RAISE
    G = np.maximum(Y @ Y.T, 0.0) if down else np.abs(Y @ Y.T)
    G += np.outer(fp.dot_unit(p) * sizes + 2 * slack, sizes) + np.outer(sizes, slack)
    np.fill_diagonal(G, 0.0)
    others = np.sum(np.partition(G, n - count, axis=1)[:, n - count + 1:], axis=1) * fp.sum_up(n)
    square = _top((sizes * sizes + others) * RAISE, count)
    return min(plain, math.sqrt(square * RAISE) * metric.inverse * RAISE)


def _targets(layer: LastLayer, change: Change, seen: _Seen) -> _Effect:
    """`(1/n) Σ u_i ⊗ φ_i`: row by row, or `|u|_F/√n`, as `(1/n) Σ I ⊗ φφᵀ ⪯ (1 + ω)B`."""
    count = _count(layer, change)
    joint = math.sqrt(count / layer.n) * math.sqrt(1 + seen.metric.omega) * RAISE
    if change.total:
        return _Effect(change.radius * joint * RAISE)
    levers = seen.metric.leverages(seen.Z, seen.error)[moving_rows(layer, change)]
    return _Effect(change.radius * min(joint, _top(levers, count) / layer.n) * RAISE)


def _labels(layer: LastLayer, change: Change, seen: _Seen) -> _Effect:
    """`(1/n) Σ (q_i − q'_i) ⊗ φ_i`: a label that becomes another moves the gradient by at most W_iσ_i."""
    spans, k = seen.spans, len(layer.V)
    if layer.labels is not None and k > 1:  # from the label a row has, not between any two
        spans = np.zeros(layer.n)
        for a in range(k):
            at = np.flatnonzero(layer.labels == a)
            for b in range(k):
                spans[at] = np.maximum(spans[at], seen.metric.apart(seen.Z, seen.error, a, b)[at])
    moved = (layer.weight * spans)[moving_rows(layer, change)] * RAISE
    return _Effect(_top(moved, _count(layer, change)) / layer.n * RAISE)


def _features(layer: LastLayer, change: Change, seen: _Seen) -> _Effect:
    """The three parts of Q6d: slopes that move, slopes that move times inputs that move, inputs that move."""
    metric, rows, count, n = seen.metric, moving_rows(layer, change), _count(layer, change), layer.n
    k, squared = len(layer.V), layer.row_loss.quadratic
    W = layer.plain
    r = layer.omega * change.radius * RAISE
    size = fp.frobenius(W)
    loose = np.full(1, 2 * fp.dot_unit(W.shape[1]) * size * size + fp.FLOOR)
    steep = top_of_product(layer, (W @ W.T)[None], loose)  # λ_max(WᵀM_iW)
    wide = size if k == 1 else max(fp.frobenius(W[a : a + 1] - W[b : b + 1]) for a in range(k) for b in range(a))
    bent = 0.0 if squared else (wide + 4 * fp.U * size) * r * RAISE
    root = math.sqrt(metric.least) * (1 - 2.0**-50)
    slope = enclose_norm2(layer.g[rows]).upper + math.sqrt(_top(layer.g_rad[rows] ** 2, len(rows))) * RAISE
    factor = 1.0 if squared else growth_of(bent)
    first = factor * r * math.sqrt((1 + metric.omega) / metric.theta * _top(steep[rows], count) / n) * RAISE
    # in total Σ|γ_i||d_i| is at most that of one row by |γ_i| ≤ √2 W ς_i/4, and not by |γ_i| ≤ √2 W
    part = bent / 4 if change.total else min(1.0, bent / 4)
    gamma = size * r if squared else float(layer.weight.max()) * math.sqrt(2) * part * RAISE
    second = gamma * r * count / n * RAISE
    third = r * math.sqrt(count / n) * slope / math.sqrt(n) * RAISE
    eta = r * r * metric.theta * _top(layer.M_norm[rows], count) / n / layer.decay * RAISE
    lost = (math.sqrt(eta * eta + 4 * eta) - eta) / 2 * ROOM  # the least t with t²/(1 − t) ≥ η
    if not (lost < 1 and Fraction(lost) ** 2 >= (1 - Fraction(lost)) * fp.exact(eta)):
        lost = math.inf
    wider = math.sqrt(2) * r / root * RAISE
    return _Effect(((first * RAISE + (second + third) / root) * RAISE) * RAISE, lost, wider, bent)


def growth_of(s: float) -> float:
    """Upper bound of `(e^s − 1)/s`."""
    if s > 700:
        return math.inf
    x = flint.arb(max(s, 2.0**-40))
    return float((x.expm1() / x).abs_upper()) * RAISE


_EFFECTS: dict[str, Callable[[LastLayer, Change, _Seen], _Effect]] = {
    "sample_weights": _sample_weights, "targets": _targets, "labels": _labels, "features": _features,
}


def global_modulus(layer: LastLayer, rows: int | None = None) -> float:
    """Upper bound of `λ⁻¹ sup ‖∇²_{wu}F‖` for feature changes, `|u|` total, over all solutions (Q6a).

    `‖∂_u(g_i ⊗ φ_i)‖ ≤ ω(½W_i·|V|·|φ_i| + √2 W_i)`, `|V| ≤ √(2F(0)/λ)` at every solution. Needs inputs of the last
    layer that are bounded whatever the features: tanh and sigmoid; |φ| ≤ √m.

    Args:
        layer: with cross-entropy or logistic loss.
        rows: rows that may move; default all. Rows add as squares, so that the bound is that of one row over n.
    """
    if layer.row_loss.slides:
        raise SpecError("global_modulus", "squared loss", "its slopes are not bounded: use enclose_motion")
    if not layer.bounded:
        raise SpecError("global_modulus", "inputs of the last layer that are not bounded by its activation",
                        "use tanh or sigmoid, or enclose_motion")
    k, m = layer.V.shape
    W = float(layer.weight.max())
    size = float(flint.arb(2 * max(k, 2)).log().abs_upper()) * 2 * W / layer.decay
    most = math.sqrt(size) * RAISE
    each = layer.omega * W * (most * math.sqrt(m) / 2 + math.sqrt(2)) * RAISE
    count = layer.n if rows is None else rows
    return each * math.sqrt(count) / layer.n / layer.decay * RAISE
