"""Second derivatives of the losses with respect to the network's outputs, enclosed (H2)."""

from __future__ import annotations

import numpy as np

from certify.network.graph.maps import enclosed_pair
from certify.network.layers.stacks import Stack
from certify.network.loss.losses import LossTerms
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.fp import RAISE, Array


def enclose_loss_hessians(
    loss: str, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
) -> Stack:
    """`∇²_f ℓ_i` at every output of the balls that `terms` was computed from.

    ``squared``: I. ``logistic``: `|c|(1 − |c|)`. ``cross_entropy``: `diag(t) − ttᵀ/W`, `t = c + q`, `W = Σq`.

    Args:
        loss: name of the loss.
        terms: its slopes c.
        targets: `(n, k)` probabilities q of cross-entropy, or None.
        labels: `(n,)` labels, or None.
        arithmetic: what computes the midpoints.

    Returns:
        `(n, k, k)` stack.
    """
    n, k = terms.slopes.mid.shape
    if loss == "squared":
        return Stack.make(Pair(np.tile(np.eye(k), (n, 1, 1))), np.zeros(n), arithmetic)
    if loss == "logistic":
        return _logistic(terms, arithmetic)
    q = np.eye(k)[np.asarray(labels, dtype=np.int64)] if targets is None else targets
    return _cross_entropy(terms, q, arithmetic)


def _logistic(terms: LossTerms, arithmetic: Arithmetic) -> Stack:
    """`s(1 − s)`, `s = |c| ∈ [0, 1]`, is 1-Lipschitz in s."""
    c = terms.slopes
    sign = np.where(c.mid.hi < 0, -1.0, 1.0)
    s = Pair(c.mid.hi * sign, None if c.mid.lo is None else c.mid.lo * sign)
    minus = Pair(-s.hi, None if s.lo is None else -s.lo)
    other = arithmetic.add(Pair(np.ones((1, 1))), minus)
    value = arithmetic.multiply(s, other)
    size = c.norm
    # the midpoint may leave [0, 1] by rad; 1 − s and the product are rounded, by unit·(1 + s)s each
    rad = (1.0 + c.rad) * c.rad + 2.0 * arithmetic.unit * size * (1.0 + size)
    n = len(c.rad)
    return Stack.make(value.reshape(n, 1, 1), rad * RAISE, arithmetic)


def _cross_entropy(terms: LossTerms, q: Array, arithmetic: Arithmetic) -> Stack:
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
