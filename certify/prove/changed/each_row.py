"""Outputs of a large head with a softmax or a sigmoid after each row alone is left out, by one Hessian (D1h)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.anderson import Mixed
from certify.finders.head.near.whole import near_whole
from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.left_out.reduced import Reduced
from certify.systems.head.rows.left_out.reference import Reference
from certify.systems.head.rows.left_out.slopes import enclose_gradients
from certify.systems.head.rows.left_out.steps import Left, first_step, next_step, taken, whole_near

LARGE, LARGEST = 1500, 12_000
"""Numbers of a head from which, and up to which, it is asked this way."""

NARROW = 2.0**-21
"""Half width of outputs, of the largest at a row, that is narrow enough."""

SMALL = 2.0**-6
"""An output that is less of the largest of all is as wide as if it were that much."""

STEPS, PATIENCE, FALLS = 40, 3, 0.7
"""Steps of a row; after so many that leave more than that of the shortest gradient there are no more."""

AT_ONCE = 1 << 24
"""Entries of the largest array that is worked on at a time."""

Tell = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Ends:
    """Outputs after each row is left out.

    Attributes:
        low, high: `(r, N, k)`; infinite where nothing is proved.
        base: `(N, k)` ends with all rows.
        whole: `(k, m)` weights near the refit with all rows, of which nothing is promised.
        wide: places of the rows of which less is proved than asked for.
        V: `(len(wide), k, m)` weights near their refits, of which nothing is promised.
    """

    low: Array
    high: Array
    base: tuple[Array, Array]
    whole: Array
    wide: Whole
    V: Array


def able(head: Head) -> bool:
    """Whether a head is asked this way."""
    return Reduced.able(head) and LARGE <= head.k * head.m <= LARGEST


def each_left_out(head: Head, rows: Whole, tell: Tell) -> Ends | None:
    """Every row of some left out by itself; None where nothing is proved.

    Args:
        head: one that is `able`, of any size.
        rows: `(r,)`.
        tell: told the share that is done; it may raise.
    """
    reduced = Reduced.of(head)
    with np.errstate(all="ignore"):
        at = _reference(reduced, tell)
        if at is None:
            return None
        shape = len(rows), len(reduced.points), len(reduced.E)
        low, high = np.full(shape, -np.inf), np.full(shape, np.inf)
        z, off = _outputs(at, np.zeros((*at.V.shape, 1)))
        far = off[0] + at.contrast * whole_near(at) * RAISE
        good = np.isfinite(far) & np.isfinite(z[0])  # an evaluation row may be so long that its square overflows
        base = (np.where(good, z[0] - far - 2 * U * np.abs(z[0]), -np.inf),
                np.where(good, z[0] + far + 2 * U * np.abs(z[0]), np.inf))
        steep = _steepest(at.contrast, np.abs(z[0]).max(axis=1, keepdims=True))
        order = np.argsort(-np.abs(at.pull[rows]).sum(axis=1), kind="stable")  # hot rows need more steps
        wide: list[int] = []
        weights: list[Array] = []
        block = max(1, min(256, AT_ONCE // (reduced.n * reduced.q)))
        for start in range(0, len(rows), block):
            some = order[start : start + block]
            d, near = _refits(at, rows[some], steep, _Share(tell, start / len(rows), len(some) / len(rows)))
            _write(at, d, near, some, (low, high))
            for b in np.flatnonzero(_open(near, steep)):
                wide.append(int(some[b]))
                weights.append(reduced.restored(at.V + d[..., b]))
    restored = np.array(weights).reshape(-1, head.k, head.m)
    return Ends(low, high, base, _whole(head, reduced, at.V), np.array(wide, dtype=np.int64), restored)


def _whole(head: Head, reduced: Reduced, V: Array) -> Array:
    """Weights of the head; what may be added to all intercepts alike is as in the given ones."""
    whole = reduced.restored(V)
    if head.free_intercept and head.loss.shifted:
        whole[:, -1] += head.V[:, -1].mean()
    return whole


def _steepest(contrast: Array, largest: Array) -> float:
    """What a move of the weights does to outputs at most, of rows where that is a number, beside the largest."""
    parts = contrast / np.maximum(largest, SMALL * largest.max(initial=0.0, where=np.isfinite(largest)))
    return float(parts.max(initial=0.0, where=np.isfinite(parts)))


def _reference(reduced: Reduced, tell: Tell) -> Reference | None:
    """Near the minimum; None where numbers overflow on the way, or nothing is proved."""
    try:
        V = near_whole(reduced, lambda: tell(0.0))
        return Reference.of(reduced, V) if np.isfinite(V).all() else None
    except EnclosureError:
        return None


@dataclass(frozen=True)
class _Share:
    """Tells of a part of the work."""

    tell: Tell
    start: float
    size: float

    def __call__(self, share: float) -> None:
        self.tell(self.start + self.size * share)


def _refits(at: Reference, rows: Whole, steep: float, tell: Tell) -> tuple[Array, Array]:
    """Moves `(q, m, B)` from V₀ to weights near the refits, and how near outputs are, of `|c|_*`."""
    tell(0.0)
    left = Left.of(at, rows)
    best, near = taken(at, np.zeros((*at.V.shape, len(rows))), first_step(at, left))
    near = near * left.room * RAISE
    active = np.flatnonzero(_open(near, steep))
    d, part, mixed = best[..., active], left.part(active), Mixed()
    since, least = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), np.inf)
    for step in range(STEPS if len(active) else 0):
        tell(step / STEPS)
        found = enclose_gradients(at, part.rows, d)
        one = next_step(at, part, found)
        new, reached = taken(at, d, one)
        reached = reached * part.room * RAISE
        better = ~(reached > near[active])
        best[..., active[better]], near[active[better]] = new[..., better], reached[better]
        falls = one.size < FALLS * least[active]
        since[active] = np.where(falls, 0, since[active] + 1)
        least[active] = np.fmin(least[active], one.size)
        go = _open(near[active], steep) & (since[active] < PATIENCE) & np.isfinite(one.size)
        mixed.keep(np.flatnonzero(go))
        if not go.any():
            break
        d = _mix(mixed, d[..., go], found.g[..., go], one.t[..., go])
        active, part = active[go], part.part(np.flatnonzero(go))
    return best, near


def _open(near: Array, steep: float) -> NDArray[np.bool_]:
    """Which are wider than they need to be."""
    return np.asarray(~(near * steep <= NARROW))


def _mix(mixed: Mixed, *batch: Array) -> Array:
    """Where to go on, from places, gradients and steps `(q, m, B)`."""
    shape = batch[0].shape
    flat = [np.ascontiguousarray(one.reshape(-1, shape[2]).T) for one in batch]
    return np.ascontiguousarray(mixed.step(*flat).T).reshape(shape)


def _outputs(at: Reference, d: Array) -> tuple[Array, Array]:
    """`(B, N, k)` outputs at `V₀ + d`, and how far their rounding goes."""
    reduced = at.reduced
    x, m, k = reduced.points, reduced.m, len(reduced.E)
    here = x @ at.V.T  # (N, q)
    moved = np.matmul(x[None], d)  # (q, N, B)
    z = np.einsum("aNb,ca->bNc", moved + here.T[:, :, None], reduced.E, optimize=True)
    sizes = fp.frobenius(at.V) + np.sqrt(np.einsum("amb,amb->b", d, d)) * fp.sum_up(d.shape[0] * m)
    lengths = fp.row_norms(x)
    off = (2 * fp.dot_unit(m) + 4 * (k + 4) * U) * lengths[None, :, None] * sizes[:, None, None] * RAISE + fp.FLOOR
    return z, off


def _write(at: Reference, d: Array, near: Array, some: Whole, ends: tuple[Array, Array]) -> None:
    """Put what is proved of some rows into its place."""
    z, off = _outputs(at, d)
    off = (off + near[:, None, None] * at.contrast) * RAISE + 2 * U * np.abs(z)
    good = np.isfinite(off) & np.isfinite(z)
    ends[0][some] = np.where(good, z - off, -np.inf)
    ends[1][some] = np.where(good, z + off, np.inf)
