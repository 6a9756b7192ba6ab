"""Finder: softmax refits far from where they start, many at a time, without a Hessian of their own. Nothing is trusted.

A changed label tilts the sum by a linear term, and outputs of rows near the changed one move by several units: there
the curvature at the start says little. Steps are those of L-BFGS with the parent's inverse, corrected for the changed
row, in the place of its first matrix: in four bytes until a gradient is short, then in eight.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.finders.head.near.leaves import Starts
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole

STEPS, SEARCH, MEMORY = 80, 12, 12
"""Most steps, most places along one, and how many steps are remembered."""

SHORT, STEEP = 3e-3, 0.5
"""Length of a gradient from which on eight bytes are used; how steep it may go up at the end of a step, of how steep it
went down at its beginning."""

CACHED = 1 << 17
"""Entries of outputs that are worked on at a time."""

Check = Callable[[], None]


class Descent:
    """The refits of one batch of changed labels.

    Attributes:
        V: `(B, k, m)` where they are.
        g: the gradients there.

    Args:
        head: with the cross-entropy, and rows that count alike.
        parent: `(k, m)` the weights that the starts start from; or `(B, k, m)`, of each.
        choices: B changes of labels.
        start: where they start.
    """

    def __init__(self, head: Head, parent: Array, choices: Choices, start: Starts) -> None:
        B, size = len(choices), parent.shape[-2] * parent.shape[-1]
        self._ridge = head.mu()[0] * head.decayed
        self._start, self._phi = start, head.phi
        self._fixed = _fixed(head, choices)
        self.V = np.broadcast_to(parent, (B, *parent.shape[-2:])).astype(np.float64)
        self.g = np.zeros_like(self.V)
        self._moves = np.zeros((MEMORY, B, size), np.float32), np.zeros((MEMORY, B, size), np.float32)
        self._per, self._count = np.zeros((MEMORY, B), np.float32), np.zeros(B, dtype=np.int64)
        self._use(np.float32)
        who = np.flatnonzero(np.isfinite(start.V).all(axis=(1, 2)))
        if len(who):
            self.g[who] = self._gradient(self.V[who].astype(np.float32), who)
            self._search(who, (self.V[who] - start.V[who]).astype(np.float32))

    def to(self, goal: Array, check: Check) -> None:
        """Go on until gradients are as short, `(B,)`, or steps bring nothing."""
        with np.errstate(all="ignore"):
            if self._kind is np.float32:
                self._descend(np.maximum(goal, SHORT), check)
            if (goal < SHORT).any():
                self._use(np.float64)
                who = np.flatnonzero(goal < SHORT)
                self.g[who] = self._gradient(self.V[who], who)
                self._descend(goal, check)

    def _use(self, kind: type[np.floating]) -> None:
        """So many bytes from now on."""
        self._kind = kind
        phi = np.ascontiguousarray(self._phi, dtype=kind)
        start = self._start
        self._in = phi, np.ascontiguousarray(phi.T), start.inverse.astype(kind), self._ridge.astype(kind)
        self._low = start.T.astype(kind), start.W.astype(kind), self._fixed.astype(kind)

    def _gradient(self, V: Array, who: Whole) -> Array:
        """`(A, k, m)`."""
        phi, turned, _, ridge = self._in
        A, k, m = V.shape
        g, step = np.empty_like(V), max(1, CACHED // (k * len(phi)))
        for begin in range(0, A, step):
            some = V[begin : begin + step]
            s = (some.reshape(-1, m) @ turned).reshape(len(some), k, -1)
            s -= s.max(axis=1, keepdims=True)
            np.exp(s, out=s)
            s /= s.sum(axis=1, keepdims=True)
            g[begin : begin + step] = (s.reshape(-1, s.shape[2]) @ phi).reshape(some.shape)
        g += self._low[2][who]
        g += V * ridge
        return g

    def _descend(self, goal: Array, check: Check) -> None:
        who = np.arange(len(self.V))
        for _ in range(STEPS):
            size = np.linalg.norm(self.g[who].reshape(len(who), self.V[0].size), axis=1)
            who = who[size > goal[who]]
            if not len(who):
                break
            check()
            who = self._search(who, self._direction(who))  # none may be left, where no step brings anything

    def _direction(self, who: Whole) -> Array:
        """What L-BFGS takes away."""
        q = self.g[who].astype(self._kind).reshape(len(who), -1)
        known = []
        for back in range(1, min(MEMORY, int(self._count[who].max(initial=0))) + 1):
            slot = (self._count[who] - back) % MEMORY
            s, y, per = self._moves[0][slot, who], self._moves[1][slot, who], self._per[slot, who]
            a = per * np.einsum("bx,bx->b", s, q)
            q -= a[:, None] * y
            known.append((s, y, per, a))
        T, W, _ = self._low
        T = T[who]
        along = np.matmul(W[who], np.matmul(T.transpose(0, 2, 1), q[..., None]))
        q = q @ self._in[2][0] - np.matmul(T, along)[..., 0]
        for s, y, per, a in known[::-1]:
            q += (a - per * np.einsum("bx,bx->b", y, q))[:, None] * s
        return np.asarray(q.reshape(len(who), *self.V.shape[1:]))

    def _search(self, who: Whole, d: Array) -> Whole:
        """A step against d, as far as it goes down; those that made one."""
        V, g = self.V[who].astype(self._kind), self.g[who].astype(self._kind)
        slope = np.einsum("bkm,bkm->b", g, d)
        todo, t = np.flatnonzero(slope > 0), np.ones(len(who), self._kind)
        won = np.zeros(len(who), dtype=bool)
        for _ in range(SEARCH):
            x = V[todo] - t[todo, None, None] * d[todo]
            new = self._gradient(x, who[todo])
            ends = np.einsum("bkm,bkm->b", new, d[todo])
            good = ends >= -STEEP * slope[todo]
            self._take(who[todo[good]], V[todo[good]], g[todo[good]], x[good], new[good])
            won[todo[good]] = True
            left = todo[~good]
            t[left] *= np.clip(slope[left] / (slope[left] - ends[~good]), 0.1, 0.6)
            todo = left[np.isfinite(t[left])]
            if not len(todo):
                break
        return who[won]

    def _take(self, who: Whole, V: Array, g: Array, x: Array, new: Array) -> None:
        s, y = (one.reshape(len(who), self.V[0].size) for one in (x - V, new - g))
        bend = np.einsum("bx,bx->b", s, y)
        slot = self._count[who] % MEMORY
        self._moves[0][slot, who], self._moves[1][slot, who] = s, y
        self._per[slot, who] = np.where(bend > 0, 1 / np.maximum(bend, 1e-30), 0.0)
        self._count[who] += 1
        self.V[who], self.g[who] = x, new


def _fixed(head: Head, choices: Choices) -> Array:
    """`(B, k, m)` the part of gradients that weights do not change: `−Σ y'_i ⊗ φ_i`."""
    assert head.codes is not None
    found = np.repeat(-(head.Y.T @ head.phi)[None], len(choices), axis=0)
    for rows, codes in zip(choices.rows.T, choices.codes.T, strict=True):
        found += (head.Y[rows] - head.codes[codes])[:, :, None] * head.phi[rows][:, None, :]
    return found
