"""Q6: how far the one solution of a strongly convex last layer moves, at finite size, over a whole budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import flint
import numpy as np

from certify.bounds.last_layer import LastLayer, Metric, enclose_metric
from certify.errors import EnclosureError, SpecError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.rigor.singular import enclose_norm2

THETAS = (0.95, 0.85, 0.75, 0.6, 0.45, 0.3, 0.15, 0.05, 0.0)
"""Metrics tried; with squared loss the first one is the best."""
STEPS, ROOM = 80, 1.0 + 1e-9


@dataclass(frozen=True)
class Change:
    """A budget of changes of the training data; every one of them is star-shaped about no change.

    Attributes:
        parameter: ``"sample_weights"`` (`1 + u_i`, −1 deletes a row), ``"targets"`` (squared loss), ``"labels"`` (a
            label becomes any other) or ``"features"``.
        radius: size of one row's change (`total`: of all); no meaning for labels.
        count: most rows that change at once; None: all of them.
        total: whether the radius is for all rows together.
        rows: rows that may change; None: all.
    """

    parameter: str
    radius: float = 1.0
    count: int | None = None
    total: bool = False
    rows: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Moved:
    """`|w(u) − w̄|_B < reach` for all u of the budget, w̄ the weights in the file.

    Attributes:
        metric: of B.
        reach: T.
        distance: upper bound of `|w(u) − w*|`, w* the exact solution of the data as given.
        base: upper bound of `|w* − w̄|`.
    """

    metric: Metric
    reach: float
    distance: float
    base: float


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
) -> Moved | None:
    """The least proved bound on how far the solution moves; None: none was proved.

    For θ in [0, 1], `B = θ(∇²F − λ) + λ`: if `T > N(T) + |∇F(w̄)|_{B⁻¹}`, where N(T) bounds the change's gradient in
    `|·|_{B⁻¹}` at all weights within T of w̄, and losses change their curvature by no less than the factor θ there,
    then `|w(u) − w̄|_B < T` (Q6b).

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
) -> list[Moved | None]:
    """:func:`enclose_motion` of several budgets, which share the metrics."""
    for change in changes:
        _check_change(layer, change)
    best: list[Moved | None] = [None] * len(changes)
    for theta in thetas if layer.loss != "squared" else (1.0,):
        check()
        try:
            seen = _Seen.of(layer, enclose_metric(layer, theta))
        except EnclosureError:
            continue
        for at, change in enumerate(changes):
            if theta == 0.0 and change.parameter == "features":
                continue  # the rows' own curvature is what bounds their slopes
            found, known = _one(layer, change, seen), best[at]
            if found is not None and (known is None or found.distance < known.distance):
                best[at] = found
    return best


def _check_change(layer: LastLayer, change: Change) -> None:
    known = ("sample_weights", "targets", "labels", "features")
    if change.parameter not in known:
        raise SpecError("parameter", f"'{change.parameter}'", f"use one of {', '.join(known)}")
    if not (math.isfinite(change.radius) and change.radius > 0):
        raise SpecError("radius", f"{change.radius}", "give a finite number above 0")
    if change.parameter == "sample_weights" and change.radius > 1:
        raise SpecError("radius", f"{change.radius} for sample weights", "give at most 1: −1 deletes a row, and less "
                        "would make the training loss non-convex")
    if (change.parameter == "targets") != (layer.loss == "squared") and change.parameter in ("targets", "labels"):
        raise SpecError("parameter", f"'{change.parameter}' with the {layer.loss} loss",
                        "use targets with squared loss, labels with the others")
    if change.total and (change.count is not None or change.parameter == "labels"):
        raise SpecError("budget", "a total budget with a count or of labels", "give one of them")
    rows = range(layer.n) if change.rows is None else change.rows
    if not rows or not set(rows) <= set(range(layer.n)) or (change.count is not None and change.count < 1):
        raise SpecError("rows", f"{list(rows)[:3]}…, count {change.count}", "give row numbers, and a count of 1 or more")


def _one(layer: LastLayer, change: Change, seen: _Seen) -> Moved | None:
    """The bound of one metric: the least T found by iteration; the inequality itself is what proves it."""
    metric, bound = seen.metric, _GRADIENTS[change.parameter](layer, change, seen)
    start = layer.residual / math.sqrt(metric.least) * RAISE
    worst = float(seen.spans.max()) * RAISE
    T = 0.0
    for _ in range(STEPS):
        needed = (bound(T) + start) / (1 - metric.omega) * RAISE
        if not math.isfinite(needed) or needed > 1e6:
            return None
        if needed < T and keeps(layer.loss, metric.theta, T * worst):
            base = layer.residual / layer.decay * RAISE
            return Moved(metric, T, (T / math.sqrt(metric.least) + base) * RAISE, base)
        T = max(needed, T) * ROOM
        if not keeps(layer.loss, metric.theta, T * worst):
            return None
    return None


def keeps(loss: str, theta: float, spread: float) -> bool:
    """Whether curvature keeps, on average along the way, the factor θ: `(1 − e^{−s})/s ≥ θ`.

    >>> keeps("cross_entropy", 0.5, 1.0), keeps("cross_entropy", 0.7, 1.0), keeps("squared", 1.0, 9.0)
    (True, False, True)
    """
    if loss == "squared" or theta == 0 or spread == 0:
        return True
    s = flint.arb(spread)
    return bool((1 - (-s).exp()) / s >= flint.arb(theta))


def _exp_up(s: float) -> float:
    """Upper bound of `e^s`; infinity beyond the floats."""
    return math.inf if s > 700 else float(flint.arb(s).exp().abs_upper()) * RAISE


def _rows(layer: LastLayer, change: Change) -> Array:
    return np.arange(layer.n) if change.rows is None else np.array(change.rows)


def _top(values: Array, change: Change) -> float:
    """Upper bound of the sum of the largest values that may be taken together; values are not negative."""
    count = len(values) if change.count is None else min(change.count, len(values))
    count = 1 if change.total else count
    return float(np.sum(np.sort(values)[-count:])) * fp.sum_up(count)


def _sample_weights(layer: LastLayer, change: Change, seen: _Seen) -> Callable[[float], float]:
    """`(1/n) Σ u_i g_i(w) ⊗ φ_i`, `|g_i(w)|_R ≤ |g_i(w̄)|_R + (what T can change)` (Q6c)."""
    metric, Z, error, spans = seen.metric, seen.Z, seen.error, seen.spans
    k, rows = len(Z), _rows(layer, change)
    Y = np.einsum("ia,aip->ip", layer.g, Z)
    size = np.max(np.stack([fp.row_norms(z) for z in Z]), axis=0) + error
    slack = math.sqrt(k) * (layer.g_norm * (error + (k + 2) * fp.U * size) + layer.g_rad * size) * RAISE
    norms = ((fp.row_norms(Y) + slack) * metric.inverse * RAISE)[rows]
    first = _together(Y[rows], slack[rows], metric, change, norms)
    levers = metric.leverages(Z, error)[rows] if layer.loss == "squared" else np.zeros(0)
    cap = spans[rows] if layer.hard else np.inf  # with a label, `g = Σ_b p_b (e_b − e_y)` at all weights

    def bound(T: float) -> float:
        if layer.loss == "squared":  # g(w) − g(w̄) = vφ_i, and |vφ_i| ≤ T·lever
            more = T * levers * levers * RAISE
        else:
            more = layer.weight[rows] * np.minimum(1.0, T * spans[rows] / 4 * RAISE) * spans[rows] * RAISE
        if change.total:
            each = float(np.sqrt(np.sum(np.minimum(norms + more, cap) ** 2))) * fp.sum_up(len(rows))
            return change.radius * each / layer.n * RAISE
        rise = min(first + _top(more, change), _top(np.minimum(norms + more, cap), change))
        return change.radius * rise / layer.n * RAISE

    return bound


def _together(Y: Array, slack: Array, metric: Metric, change: Change, norms: Array) -> float:
    """Upper bound of `|Σ u_i y_i|_{B⁻¹}`, |u_i| ≤ 1, over at most `count` rows: sums of sizes, or of inner products."""
    plain = _top(norms, change)
    n, p = Y.shape
    count = n if change.count is None else min(change.count, n)
    if change.total or count == 1 or n > 4000:
        return plain
    sizes = (fp.row_norms(Y) + slack) * RAISE
    G = np.abs(Y @ Y.T)
    G += np.outer(fp.dot_unit(p) * sizes + 2 * slack, sizes) + np.outer(sizes, slack)
    np.fill_diagonal(G, 0.0)
    others = np.sum(np.partition(G, n - count, axis=1)[:, n - count + 1:], axis=1) * fp.sum_up(n)
    square = _top((sizes * sizes + others) * RAISE, change)
    return min(plain, math.sqrt(square * RAISE) * metric.inverse * RAISE)


def _targets(layer: LastLayer, change: Change, seen: _Seen) -> Callable[[float], float]:
    """`(1/n) Σ u_i ⊗ φ_i`: row by row, or `|u|_F/√n`, as `(1/n) Σ I ⊗ φφᵀ ⪯ (1 + ω)B`."""
    metric, rows = seen.metric, _rows(layer, change)
    levers = metric.leverages(seen.Z, seen.error)[rows]
    count = 1 if change.total else len(rows) if change.count is None else min(change.count, len(rows))
    joint = math.sqrt(count / layer.n) * math.sqrt(1 + metric.omega) * RAISE
    most = change.radius * joint if change.total else change.radius * min(joint, _top(levers, change) / layer.n) * RAISE
    return lambda T: most * RAISE


def _labels(layer: LastLayer, change: Change, seen: _Seen) -> Callable[[float], float]:
    """`(1/n) Σ (q_i − q'_i) ⊗ φ_i`: a label that becomes another moves the gradient by at most σ_i (logistic too)."""
    most = _top((layer.weight * seen.spans)[_rows(layer, change)] * RAISE, change) / layer.n * RAISE
    return lambda T: most


def _features(layer: LastLayer, change: Change, seen: _Seen) -> Callable[[float], float]:
    """The three parts of Q6d: slopes that move, slopes that move times inputs that move, inputs that move."""
    metric, spans, rows = seen.metric, seen.spans, _rows(layer, change)
    k, squared = len(layer.V), layer.loss == "squared"
    W = layer.V[:, :-1] if layer.biased else layer.V
    moved = layer.omega * change.radius * RAISE
    count = 1 if change.total else len(rows) if change.count is None else min(change.count, len(rows))
    rms = moved * math.sqrt(count / layer.n) * RAISE
    gram = W @ W.T
    size = fp.frobenius(W)
    trace = np.abs(np.einsum("iab,ab->i", layer.M, gram)) + size * size * (
        layer.M_rad + 4 * fp.dot_unit(k * k + W.shape[1]) * layer.M_norm)
    steep = np.sqrt(trace * RAISE) * RAISE
    wide = size if k == 1 else max(fp.frobenius(W[a : a + 1] - W[b : b + 1]) for a in range(k) for b in range(a))
    wide = (wide + 4 * fp.U * size) * RAISE
    slope = enclose_norm2(layer.g[rows]).upper + float(np.sqrt(np.sum(layer.g_rad**2))) * RAISE
    root = math.sqrt(metric.least) * (1 - 2.0**-50)
    scale = math.sqrt((1 + metric.omega) / metric.theta) * RAISE
    weight = float(layer.weight.max())

    def bound(T: float) -> float:
        v = T / root * RAISE
        s = (wide + math.sqrt(2) * RAISE * v) * moved * RAISE
        bent = 1.0 if squared else _exp_up((T * float(spans.max()) + s) * RAISE)
        zeta = (bent * (steep + np.sqrt(layer.M_norm) * v) * moved)[rows] * RAISE
        first = scale * math.sqrt(_top(zeta * zeta, change) / layer.n) * RAISE
        gamma = (size + v) * moved if squared else weight * math.sqrt(2) * min(1.0, s / 4) * RAISE
        second = gamma * moved * count / layer.n / root * RAISE
        curved = math.sqrt(_top(layer.M_norm[rows] * moved * moved, change) / layer.n) * RAISE
        third = (rms * slope / math.sqrt(layer.n) + T * bent * scale * curved) / root * RAISE
        return (first + second + third) * RAISE

    return bound


_GRADIENTS: dict[str, Callable[[LastLayer, Change, _Seen], Callable[[float], float]]] = {
    "sample_weights": _sample_weights, "targets": _targets, "labels": _labels, "features": _features,
}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a bound on the motion says of evaluation rows.

    Attributes:
        labels: `(N,)` the label of every row at the weights in the file.
        stable: `(N,)` whether it is proved the same for the solution after every change of the budget (and for w*).
        change: `(N,)` upper bounds of `|f(x, w(u)) − f(x, w*)|`.
    """

    labels: Array
    stable: Array
    change: Array


def enclose_predictions(layer: LastLayer, moved: Moved, evaluation: LastLayer | None = None) -> Predictions:
    """P2 in the metric: `|f_a − f_b|` moves by at most `T·|(e_a − e_b) ⊗ φ|_{B⁻¹}`.

    Args:
        layer: the last layer.
        moved: its motion.
        evaluation: the same layer at the evaluation rows (loss and targets are not used); None: the training rows.
    """
    rows, metric, k = evaluation or layer, moved.metric, layer.g.shape[1]
    Z, error = metric.images(rows.phi, rows.phi_rad, rows.phi_norm, k)
    f = rows.phi @ layer.V.T
    off = (fp.frobenius(layer.V) * (fp.dot_unit(rows.phi.shape[1]) * rows.phi_norm + rows.phi_rad)) * RAISE
    start = layer.residual / math.sqrt(metric.least) * RAISE
    change = (moved.reach + start) * metric.leverages(Z, error) * RAISE
    if k == 1:
        labels = (f[:, 0] > 0).astype(np.int64)
        return Predictions(labels, np.abs(f[:, 0]) > (moved.reach * metric.spans(Z, error) + off) * RAISE, change)
    labels, stable = np.argmax(f, axis=1), np.ones(len(f), dtype=bool)
    for a in range(k):
        for b in range(k):
            if a == b or not (labels == a).any():
                continue
            at = labels == a
            room = (moved.reach * metric.apart(Z, error, a, b) + 2 * off + 2 * fp.U * np.abs(f).max(axis=1)) * RAISE
            stable[at] &= (f[:, a] - f[:, b] > room)[at]
    return Predictions(labels, stable, change)


def global_modulus(layer: LastLayer, rows: int | None = None) -> float:
    """Upper bound of `λ⁻¹ sup ‖∇²_{wu}F‖` for feature changes, `|u|` total, over all solutions (Q6a).

    `‖∂_u(g_i ⊗ φ_i)‖ ≤ ω(½W_i·|V|·|φ_i| + √2 W_i)`, `|V| ≤ √(2F(0)/λ)` at every solution. Needs inputs of the last
    layer that are bounded whatever the features: tanh and sigmoid; |φ| ≤ √m.

    Args:
        layer: with cross-entropy or logistic loss.
        rows: rows that may move; default all. Rows add as squares, so that the bound is that of one row over n.
    """
    if layer.loss == "squared":
        raise SpecError("global_modulus", "squared loss", "its slopes are not bounded: use enclose_motion")
    k, m = layer.V.shape
    W = float(layer.weight.max())
    size = float(flint.arb(2 * max(k, 2)).log().abs_upper()) * 2 * W / layer.decay
    most = math.sqrt(size) * RAISE
    each = layer.omega * W * (most * math.sqrt(m) / 2 + math.sqrt(2)) * RAISE
    count = layer.n if rows is None else rows
    return each * math.sqrt(count) / layer.n / layer.decay * RAISE


def with_radius(change: Change, radius: float) -> Change:
    """The same budget of another size."""
    return replace(change, radius=radius)
