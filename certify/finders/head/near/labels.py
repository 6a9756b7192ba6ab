"""Finder: Newton steps of a logistic head whose labels are changed, thousands of changes at a time.

Systems are solved by conjugate gradients in four bytes, preconditioned by one inverse for all. Nothing is trusted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Whole

Short = NDArray[np.floating[Any]]

WIDEST, TINY = np.float32(80.0), np.float32(1e-30)
"""Largest margin of which the slope is asked; and least curvature along a direction."""

AT_ONCE = 1 << 16
"""Entries of the largest array that is worked on at a time: what the cache of a core holds."""

LONGEST = np.float32(1.5)
"""Longest step, in the norm of the Hessian."""


class LabelSteps:
    """Newton steps of a head of one output with the logistic loss.

    Args:
        refitter: of the head.
    """

    def __init__(self, refitter: Refitter) -> None:
        self._refitter, head = refitter, refitter.head
        self.S: Short = (head.phi * head.Y).astype(np.float32)
        self._back = np.ascontiguousarray(self.S.T)
        self._decay = (head.mu()[0] * np.where(head.decayed, 1.0, 0.0)).astype(np.float32)

    def inverse(self, V: Array) -> Array:
        """`(m, m)` of the Hessian at weights `(m,)`, whatever the labels are."""
        nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
        return np.asarray(np.linalg.inv(self._refitter.hessians(nothing, V[None, None])[0]))

    def nearer(self, rows: Whole, V: Array, inverse: Array, inner: int, near: float = 0.0) -> Array:
        """`(B, m)` weights one step nearer to the refits after rows `(B, r)` get their other label.

        Args:
            rows: B changes.
            V: `(B, m)` weights.
            inverse: of a Hessian that is like theirs.
            inner: products with a Hessian that a step may take.
            near: gradients as short as that in the norm of the inverse are left as they are.
        """
        P, found, step = inverse.astype(np.float32), V.copy(), max(1, AT_ONCE // len(self.S))
        for start in range(0, len(V), step):
            at = slice(start, start + step)
            x = self._stepped(rows[at], V[at].astype(np.float32), P, inner, near)
            good = np.isfinite(x).all(axis=1)
            found[at][good] = x[good]
        return found

    def _stepped(self, rows: Whole, x: Short, P: Short, inner: int, near: float) -> Short:
        p, r = self._pulled(rows, x)
        z = r @ P
        size = np.einsum("bm,bm->b", r, z)
        far = np.flatnonzero(size > near * near)
        if len(far):
            D = p[far] * (1.0 - p[far])
            x[far] += self._step(D, r[far], z[far], size[far], P, inner)
        return x

    def _pulled(self, rows: Whole, x: Short) -> tuple[Short, Short]:
        """Slopes of rows `(B, n)`, and gradients with their sign turned."""
        p = x @ self._back
        np.clip(p, -WIDEST, WIDEST, out=p)
        np.exp(p, out=p)
        p += np.float32(1.0)
        np.reciprocal(p, out=p)
        r = p @ self.S
        r -= x * self._decay
        for column in rows.T:
            r -= self.S[column]
        return p, r

    def _step(self, D: Short, r: Short, z: Short, size: Short, P: Short, inner: int) -> Short:
        """Nearly `H⁻¹r` for curvatures `(B, n)`."""
        total, d, first = np.zeros_like(r), z, r
        for at in range(inner):
            y = d @ self._back
            y *= D
            Hd = y @ self.S
            Hd += self._decay * d
            part = (size / np.maximum(np.einsum("bm,bm->b", d, Hd), TINY))[:, None]
            total += part * d
            if at < inner - 1:
                r = r - part * Hd
                z = r @ P
                last, size = size, np.einsum("bm,bm->b", r, z)
                d = z + (size / np.maximum(last, TINY))[:, None] * d
        long = np.sqrt(np.maximum(np.einsum("bm,bm->b", total, first), TINY))
        return np.asarray(total * np.minimum(1.0, LONGEST / long)[:, None], np.float32)
