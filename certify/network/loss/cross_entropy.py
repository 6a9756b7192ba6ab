"""Cross-entropy `W·log Σ e^f − q·f`, `W = Σq`: slope `c = W·softmax f − q`, curvature `diag(t) − ttᵀ/W`, `t = c + q`.

The statements are L1 and H2.
"""

from __future__ import annotations

import flint
import numpy as np

from certify.format.errors import SpecError
from certify.network.graph.maps import enclosed_pair
from certify.network.layers.stacks import Stack
from certify.network.loss.base import Loss, LossTerms
from certify.network.loss.by_arb import enclose_by_arb
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


class CrossEntropy(Loss):
    """`(Σq)·log Σ e^f − q·f` with weights q of the classes: rows of probabilities, or a unit vector for a label."""

    name = "cross_entropy"
    weighs = shifts = True

    def terms(self, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic) -> LossTerms:
        """By balls at the midpoints."""
        q = targets if targets is not None else _one_hot(labels, output.mid.shape[1])
        return _cross_entropy(output, q)

    def ball(
        self, f: list[flint.arb], target: Array | None, label: int | None
    ) -> tuple[flint.arb, list[flint.arb]]:
        """Of one row."""
        if target is None and label is None:
            raise SpecError("cross_entropy loss", "no target", "name data.targets")
        q = [float(a == label) for a in range(len(f))] if target is None else target.tolist()
        return _cross_entropy_ball(f, q)

    def curvatures(
        self, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
    ) -> Stack:
        """From the slopes and the weights of the classes."""
        k = terms.slopes.mid.shape[1]
        q = np.eye(k)[np.asarray(labels, dtype=np.int64)] if targets is None else targets
        return _curvatures(terms, q, arithmetic)

    def alphabets(self, k: int) -> tuple[set[int], ...]:
        """0 … k − 1."""
        return (set(range(k)),)

    def label_words(self, k: int) -> str:
        """With what suits one output."""
        return f"0 … {k - 1}, one for each output" + ('; for one output give loss = "logistic"' if k == 1 else "")

    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Either will do."""
        if y is not None or labels is not None:
            return None
        return "no labels and no probabilities", "give labels or rows of probabilities"

    def aims(self, y: Array | None, labels: Array | None, k: int) -> Array:
        """The weights q."""
        if labels is None:
            assert y is not None
            return y
        return _one_hot(labels, k)

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """The largest output predicts the label."""
        top = f.max(axis=1, keepdims=True)
        normed = top[:, 0] + np.log(np.sum(np.exp(f - top), axis=1))
        hits = np.argmax(f, axis=1) == np.argmax(aims, axis=1)
        return aims.sum(axis=1) * normed - np.sum(aims * f, axis=1), int(np.sum(hits))

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """By probabilities, which are kept from 0."""
        e = np.exp(f - f.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        value = -float((aims * np.log(np.maximum(p, 1e-300))).sum())
        return value, aims.sum(axis=1, keepdims=True) * p - aims

    def rough_slopes(self, f: Array, aims: Array) -> Array:
        """`(Σq)·softmax f − q`."""
        e = np.exp(f - f.max(axis=1, keepdims=True))
        return np.asarray(aims.sum(axis=1, keepdims=True) * e / e.sum(axis=1, keepdims=True) - aims)

    def rough_curvature(self, slopes: Array, aims: Array, a: int, b: int) -> Array:
        """`diag(t) − ttᵀ/W`, `t = c + q`."""
        t, W = slopes + aims, np.maximum(aims.sum(axis=1), 1e-300)
        return np.asarray((t[:, a] if a == b else 0.0) - t[:, a] * t[:, b] / W)

    def endless(self, aims: Array) -> bool:
        """Where every row has one class."""
        return bool(((aims > 0).sum(axis=1) == 1).all())

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """`t∘d − t(t·d)/W`, `t = c + q`."""
        t, W = slopes + aims, np.maximum(aims.sum(axis=1, keepdims=True), 1e-300)
        return np.asarray(t * (directions - (t * directions).sum(axis=1, keepdims=True) / W))


def _one_hot(labels: Array | None, k: int) -> Array:
    if labels is None:
        raise SpecError("cross-entropy loss", "no targets", "name data.targets")
    return np.eye(k)[np.asarray(labels, dtype=np.int64)]


def _cross_entropy_ball(f: list[flint.arb], row: list[float]) -> tuple[flint.arb, list[flint.arb]]:
    top = max(float(x.mid()) for x in f)
    e = [(x - top).exp() for x in f]
    total, weight = sum(e[1:], e[0]), sum((flint.arb(p) for p in row), flint.arb(0))
    value = weight * (total.log() + top) - sum((p * x for p, x in zip(row, f, strict=True)), flint.arb(0))
    return value, [weight * x / total - p for x, p in zip(e, row, strict=True)]


def _cross_entropy(output: Balls, q: Array) -> LossTerms:
    lipschitz = 0.5 * fp.require_finite(q.sum(axis=1), "targets") * fp.sum_up(q.shape[1])
    hard = ((q == 0) | (q == 1)).all(axis=1) & (q.sum(axis=1) == 1)
    return enclose_by_arb(output, q.tolist(), _cross_entropy_ball, lipschitz, np.where(hard, 2.0, np.inf))


def _curvatures(terms: LossTerms, q: Array, arithmetic: Arithmetic) -> Stack:
    """`diag(t) − ttᵀ/W`: t errs by δ, `ttᵀ/W` by `(|t| + |t̂|)δ/W`, and both are rounded."""
    c = terms.slopes
    n, k = c.mid.shape
    t = arithmetic.add(c.mid, Pair(q))
    size_q = fp.row_norms(q)
    delta = (c.rad + arithmetic.unit * (c.norm + size_q)) * RAISE
    size = (arithmetic.row_norms(t) + delta) * RAISE
    (hi, lo, error), bound = _inverse_weights(q, arithmetic)
    outer = arithmetic.multiply(t.reshape(n, k, 1), t.reshape(n, 1, k))
    outer = arithmetic.multiply(outer, Pair(-hi[:, None, None], None if lo is None else -lo[:, None, None]))
    on = np.arange(k)
    diagonal = Pair(outer.hi[:, on, on], None if outer.lo is None else outer.lo[:, on, on])
    total = arithmetic.add(diagonal, t)
    outer.hi[:, on, on] = total.hi
    if outer.lo is not None and total.lo is not None:
        outer.lo[:, on, on] = total.lo
    unit = arithmetic.unit
    square = size * size * bound
    rad = delta + 2.0 * size * delta * bound + size * size * error + 3.0 * unit * square + unit * (size + square)
    return Stack.make(outer, rad * RAISE, arithmetic)


def _inverse_weights(q: Array, arithmetic: Arithmetic) -> tuple[tuple[Array, Array | None, Array], Array]:
    """`1/W_i` as pairs with errors, from exact rational sums, and upper bounds; all 0 where W = 0 (then t = 0)."""
    rows: list[tuple[float, float, float, float]] = []
    for row in q:
        W = fp.total(row)
        hi, lo, error = enclosed_pair(1 / W) if W else (0.0, 0.0, 0.0)
        if not arithmetic.extended:
            lo, error = 0.0, (error + abs(lo)) * RAISE
        rows.append((hi, lo, error, (abs(hi) + abs(lo) + error) * RAISE))
    hi_, lo_, error_, bound = (np.array(column) for column in zip(*rows, strict=True))
    return (hi_, lo_ if arithmetic.extended else None, error_), bound
