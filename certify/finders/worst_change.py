"""Worst changes of the data, by search: multipliers z whose changes move the weights far. Nothing here is trusted.

For a change with `s_i = G_iu_i` the squared motion is `sᵀK⁻¹s = max_z ⟨z, s⟩²/(zᵀKz)`, so that the worst change over a
set and its z are found by turns: `s` the best for z, `z = K⁻¹s`. No turn makes the motion smaller. With one output a
local search over signs and supports goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.gram import Form, Gram, diagonal_blocks
from certify.problem.norms.row_norm import ROW_NORMS
from certify.rigor.fp import Array

STARTS, TURNS, FLIPS = 24, 60, 20_000


@dataclass(frozen=True, eq=False)
class Changes:
    """All changes with at most `count` rows, each `|u_i|_norm ≤ 1`.

    Attributes:
        G: `(n, k, d)`, 0 for rows that may not move.
        norm: 1, 2 or ``"inf"``.
        count: most rows that move.
    """

    G: Array
    norm: int | str
    count: int

    def best(self, z: Array) -> Array:
        """`(n, k)` sums `G_iu_i` of the best change for multipliers z."""
        y = np.einsum("ikd,ik->id", self.G, z)
        if self.norm == 2:
            gains = np.sqrt(np.einsum("id,id->i", y, y))
            u = y / np.maximum(gains, 1e-300)[:, None]
        elif self.norm == 1:
            at = np.argmax(np.abs(y), axis=1)
            rows = np.arange(len(y))
            gains = np.abs(y[rows, at])
            u = np.zeros_like(y)
            u[rows, at] = np.sign(y[rows, at])
        else:
            gains, u = np.abs(y).sum(axis=1), np.sign(y)
        if self.count < len(gains):
            u[np.argpartition(-gains, self.count)[self.count:]] = 0.0
        support: Array = np.einsum("ikd,id->ik", self.G, u)
        return support


def propose_multipliers(P: Array, changes: Changes, sums: Array, seed: int = 0) -> Array | None:
    """Multipliers `z = K⁻¹s` of a change that moves the weights far, `(N,)`; arguments as for :func:`propose_sums`."""
    s = propose_sums(P, changes, sums, seed)
    return None if s is None else np.asarray(P @ s)


def propose_sums(P: Form, changes: Changes, sums: Array, seed: int = 0) -> Array | None:
    """Sums `s_i = G_iu_i` of a change that moves the weights far, `(N,)`; None where nothing moves.

    Args:
        P: `(N, N)` approximate `K⁻¹`: the square of the motion is `sᵀPs`.
        changes: what may change.
        sums: `(N, r)` factor of a relaxation; random combinations of its columns are rounded.
        seed: of the combinations.
    """
    n, k, _ = changes.G.shape
    rng = np.random.default_rng(seed)
    starts = sums @ rng.standard_normal((sums.shape[1], STARTS))
    found: list[tuple[float, Array]] = [_ascend(P, changes, start) for start in starts.T]
    if changes.count < n:
        found += [_grow(P, changes, i) for i in _sensitive(P, changes)]
    found = [entry for entry in found if np.isfinite(entry[0])]
    if not found or max(value for value, _ in found) <= 0:
        return None
    found.sort(key=lambda entry: -entry[0])
    if k == 1 and not isinstance(P, Gram):
        found = [_local(P, changes, s) for _, s in found[:4]]
    return np.asarray(max(found, key=lambda entry: entry[0])[1])


def _ascend(P: Form, changes: Changes, s: Array) -> tuple[float, Array]:
    """Turns until the motion grows no more; its square and `s`."""
    n, k, _ = changes.G.shape
    value = -1.0
    for _ in range(TURNS):
        s = changes.best((P @ s).reshape(n, k)).ravel()
        now = float(s @ (P @ s))
        if not now > value * (1 + 1e-10):
            break
        value = now
    return now, s


def _sensitive(P: Form, changes: Changes) -> list[int]:
    """The rows that move the weights farthest alone, roughly."""
    blocks = diagonal_blocks(P, changes.G.shape[1])
    sizes = np.einsum("iab,iad,ibd->i", blocks, changes.G, changes.G)
    return [int(i) for i in np.argsort(-sizes)[:8]]


def _grow(P: Form, changes: Changes, row: int) -> tuple[float, Array]:
    """From one row alone to `count` rows, one more at a time, with turns between."""
    n, k, _ = changes.G.shape
    z = np.zeros((n, k))
    z[row] = np.linalg.eigh(diagonal_blocks(P, k)[row])[1][:, -1]
    entry = (0.0, z.ravel())
    only = Changes(np.where((np.arange(n) == row)[:, None, None], changes.G, 0.0), changes.norm, n)
    s = only.best(z).ravel()
    for _ in range(10):
        s = only.best((P @ s).reshape(n, k)).ravel()
    entry = (float(s @ (P @ s)), s)
    for m in range(2, changes.count + 1):
        entry = _ascend(P, Changes(changes.G, changes.norm, m), entry[1])
    return entry


def _local(P: Array, changes: Changes, s: Array) -> tuple[float, Array]:
    """One output: flip a sign, or exchange a moving row for a resting one, while that helps."""
    y = changes.G[:, 0, :]
    D = ROW_NORMS[changes.norm].dual(y)
    M = D[:, None] * P * D
    t = np.where(s != 0, np.sign(s), 0.0)
    g, diagonal = M @ t, np.diagonal(M)
    for _ in range(FLIPS):
        gains = np.where(t != 0, 4 * (diagonal - t * g), -np.inf)
        i = int(np.argmax(gains))
        scale = max(float(t @ g), 1e-300)
        if gains[i] > 1e-11 * scale:
            g = g - 2 * t[i] * M[i]
            t[i] = -t[i]
            continue
        swap = _exchange(M, t, g, scale) if changes.count < len(t) else None
        if swap is None:
            break
        out, into, sign = swap
        g = g - t[out] * M[out] + sign * M[into]
        t[out], t[into] = 0.0, sign
    return float(t @ (M @ t)), D * t


def _exchange(M: Array, t: Array, g: Array, scale: float) -> tuple[int, int, float] | None:
    """The exchange of a moving row for a resting one that gains most: `(out, into, sign)`."""
    diagonal = np.diagonal(M)
    best: tuple[float, tuple[int, int, float] | None] = (1e-11 * scale, None)
    for out in np.flatnonzero(t):
        left = g - t[out] * M[out]
        gains = np.where(t == 0, 2 * np.abs(left) + diagonal, -np.inf) + diagonal[out] - 2 * t[out] * g[out]
        into = int(np.argmax(gains))
        if gains[into] > best[0]:
            best = (float(gains[into]), (int(out), into, float(np.sign(left[into])) or 1.0))
    return best[1]
