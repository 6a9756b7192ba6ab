"""A softmax head at its centre: rows there, how much their curvature turns, and the pulls of changed rows (D9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, Choices, RowChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.losses.cross_entropy import softmax
from certify.systems.head.rows.refit import enclose_slopes

SMALL, LARGE = 0.5, 600.0


@dataclass(frozen=True, eq=False)
class Centre:
    """Weights near the minimiser, and every row there.

    Attributes:
        head: the head.
        V: `(k, p)` the weights.
        Z: `(n, k)` outputs in floats; `off` bounds their errors as vectors.
        S: `(n, k)` probabilities; `s_off` bounds the error of every entry.
        variance: `(n,)` at least `P(1 − P)` of every set of classes: covariances are at most that times both ranges.
        decay: `(p,)` the decay of a column, each off by `decay_off` at most.
        tie: weight of the squared change of the sum of the intercepts, where they carry no decay.
        gradient: at least `|∇G|`.
        kept: `(n,)` 1 for rows that are in the sum, 0 for those that are deleted already.
        check: raises when time is up; what goes over all rows piece by piece asks it between two pieces.
    """

    head: Head
    V: Array
    Z: Array
    off: Array
    S: Array
    s_off: Array
    variance: Array
    decay: Array
    decay_off: float
    tie: float
    gradient: float
    kept: Array
    check: Callable[[], None] = lambda: None


def centre(head: Head, V: Array, out: tuple[int, ...] = (), check: Callable[[], None] = lambda: None) -> Centre:
    """Everything at weights V, of the sum without the rows `out`."""
    rows = np.array([out], dtype=np.int64).reshape(1, len(out))
    slopes = enclose_slopes(head, Choices(rows, np.full_like(rows, DELETED)), V[None])
    kept = np.ones(head.n)
    kept[list(out)] = 0.0
    Z, off = np.ascontiguousarray(slopes.Z[:, 0]), slopes.off[:, 0]
    S, error = softmax(Z)
    s_off = (error + 0.5 * off) * RAISE
    mid, wrong = head.mu()
    tie = float(np.mean((S * (1 - S)).sum(axis=1))) * head.n / head.k**2 if head.free_intercept else 0.0
    return Centre(head, V, Z, off, S, s_off, spread_of(S.max(axis=1), s_off), np.where(head.decayed, mid, 0.0), wrong,
                  tie, float(slopes.size[0]), kept, check)


def spread_of(top: Array, off: Array) -> Array:
    """Upper bounds of `P(1 − P)` over all sets of classes, the largest probability within `off` of `top`."""
    least = (top - off) * (1 - 4 * U)
    return np.asarray(np.where(least > 0.5, np.minimum(least * (1 - least) * RAISE, 0.25), 0.25))


def mean_most(r: Array) -> Array:
    """Upper bounds of `(e^r − 1)/r`, 1 at 0."""
    q = np.minimum(r, LARGE)
    far = (exp(q) * RAISE - 1) / np.maximum(q, SMALL)
    near = 1 + q * (0.5 + q * (1 / 6 * RAISE + q * (0.042 * np.sqrt(np.e))))
    return np.asarray(np.where(r < LARGE, np.where(r < SMALL, near, far), np.inf) * RAISE)


def mean_least(r: Array) -> Array:
    """Lower bounds of `(1 − e^(−r))/r`, 1 at 0."""
    q = np.minimum(r, LARGE)
    far = (1 - exp(-q) * RAISE) / np.maximum(r, SMALL)
    near = 1 - q * (0.5 - q * (1 / 6 / RAISE - q * 0.042))
    return np.asarray(np.maximum(np.where(r < SMALL, near, far) / RAISE, 0.0))


@dataclass(frozen=True, eq=False)
class Changes:
    """What rows may become.

    Attributes:
        rows: `(f,)` the free rows.
        new: `(f, c, k)` targets that a row may get, its own where it is deleted.
        relabels: whether labels change.
        count: most rows at once.
    """

    rows: Whole
    new: Array
    relabels: bool
    count: int


def changes_of(head: Head, change: RowChange) -> Changes:
    """The changes as arrays."""
    rows = np.array(change.rows, dtype=np.int64)
    if not change.relabels:
        return Changes(rows, head.Y[rows][:, None, :], False, min(change.count, len(rows)))
    assert head.codes is not None
    codes = np.array([change.alternatives(head, int(i)) for i in rows], dtype=np.int64)
    return Changes(rows, head.codes[codes], True, min(change.count, len(rows)))


def turns(c: Centre, R: Array, pairs: tuple[Whole, Whole]) -> tuple[Array, Array]:
    """`(n,)` how fast `log A(z_i + tδ)` falls and grows on the way from t = 0 to 1, at most (D9, Lemma 2).

    Args:
        c: the centre.
        R: `(n, q)` at least `δ_a − δ_b`.
        pairs: classes a and b.
    """
    a, b = pairs
    wide = R.max(axis=1)
    weigh = c.S + c.s_off[:, None]
    falls, grows = np.zeros_like(wide), np.zeros_like(wide)
    for one in range(c.head.k):
        grows = np.maximum(grows, (R[:, a == one] * weigh[:, b[a == one]]).sum(axis=1) * RAISE)
        falls = np.maximum(falls, (R[:, b == one] * weigh[:, a[b == one]]).sum(axis=1) * RAISE)
    there = spread_of(least_top(c.S.max(axis=1) - c.s_off, wide), np.zeros_like(wide))
    return np.minimum(wide, (falls + 0.5 * there * wide * wide) * RAISE), np.minimum(wide, grows)


def least_top(top: Array, x: Array) -> Array:
    """Lower bounds of a probability after outputs moved by ranges of at most x: odds against it grow by e^x."""
    low = np.maximum(top, 0.0) / RAISE
    return np.asarray(low / (low + (1 - low) * exp(np.minimum(x, LARGE)) * RAISE) / RAISE * (x < LARGE))


@dataclass(frozen=True, eq=False)
class Pulls:
    """Pulls of changed rows: `P̂ = sp − Aξ`, `|ξ|_A ≤ slack`; of a new label `P̂ = sp`.

    Attributes:
        p: `(f, c, k)` floats.
        off: `(f, c)` bounds of `|p − true|`.
        slack: `(f,)`.
        root: `(f, k, k)` matrices E with `|v|_A ≤ |Ev|` but for rounding.
    """

    p: Array
    off: Array
    slack: Array
    root: Array


def pulls(c: Centre, changes: Changes, shift: Array, x: Array) -> Pulls:
    """The pulls where a deleted row's outputs move by `s·shift + ξ`, `|ξ|_A` at most x.

    Args:
        c: the centre.
        changes: the changes.
        shift: `(f, c, k)` any floats.
        x: `(f,)` numbers ≥ 0.
    """
    rows, k = changes.rows, c.head.k
    S, Y = c.S[rows][:, None, :], c.head.Y[rows][:, None, :]
    if changes.relabels:  # their curvature is among that of the others, and the pull is a difference of unit vectors
        zero = np.zeros(changes.new.shape[:2])
        return Pulls(np.asarray(Y - changes.new), zero, zero[:, 0], np.zeros((len(rows), k, k)))
    bent = S * (shift - (S * shift).sum(axis=-1, keepdims=True))
    size = np.sqrt((shift * shift).sum(axis=-1)) * RAISE
    off = np.broadcast_to(c.s_off[rows][:, None], size.shape)
    error_of_p = k * (off + (k + 8) * U) * (2 + 4 * size) * RAISE
    return Pulls(Y - S - bent, error_of_p, x, roots(c, rows))


def roots(c: Centre, rows: Whole) -> Array:
    """`(f, k, k)` matrices `E = diag(√π)(1 − 1sᵀ)` of rows, π at least their probabilities.

    `vᵀAv`, the least of `Σ σ_a(v_a − t)²` over t, is at most `|Ev|²`.
    """
    S = c.S[rows]
    big = np.sqrt(S + c.s_off[rows][:, None]) * RAISE
    return np.asarray(big[:, :, None] * (np.eye(c.head.k) - S[:, None, :]))
