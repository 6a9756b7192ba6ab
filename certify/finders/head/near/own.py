"""Finder: Newton steps from weights near refits, each with its own Hessian, for thousands of changes at a time.

Systems are solved by conjugate gradients in four bytes, preconditioned by one inverse for all. Nothing is trusted.
"""

from __future__ import annotations

import numpy as np

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head

LONGEST = 1.5
"""Longest step, in the norm of the Hessian."""


class OwnSteps:
    """Newton steps of a softmax head, its labels changed.

    Args:
        refitter: of the head.
        held: whether the sum of free intercepts is held, along which nothing curves: for weights near their refits.
    """

    def __init__(self, refitter: Refitter, held: bool = False) -> None:
        self._refitter, self.head = refitter, refitter.head
        self._held = held and refitter.head.free_intercept
        head, kind = self.head, np.float32
        self._phi = head.phi.astype(kind)
        self._back = np.ascontiguousarray(self._phi.T)
        self._decay = (head.mu()[0] * np.where(head.decayed, 1.0, 0.0)).astype(kind)[None, :, None]
        self._taken = (head.Y.T @ head.phi).astype(kind)[:, :, None]

    def nearer(self, choices: Choices, V: Array, steps: int, inner: int) -> Array:
        """`(B, k, m)` weights some steps nearer to the refits, or the ones that are given where steps lead astray.

        Args:
            choices: B changes of labels.
            V: `(B, k, m)` weights.
            steps: Newton steps.
            inner: products with a Hessian that each may take.
        """
        with np.errstate(all="ignore"):
            inverse = self._inverse(choices, V)
            x: Array = np.asarray(np.ascontiguousarray(V.transpose(1, 2, 0)).astype(np.float32))
            for _ in range(steps):
                x = x - self._step(choices, x, inverse, inner)
        found = x.transpose(2, 0, 1).astype(np.float64)
        return np.where(np.isfinite(found).all(axis=(1, 2), keepdims=True), found, V)

    def _inverse(self, choices: Choices, V: Array) -> Array:
        """Of the Hessian at the middle of all weights."""
        H = self._refitter.hessians(choices.part(slice(0, 1)), V.mean(axis=0)[None])[0]
        return np.asarray(np.linalg.inv(H).astype(np.float32))

    def _out(self, x: Array) -> Array:
        k, m, B = x.shape
        flat = np.ascontiguousarray(x.transpose(1, 0, 2)).reshape(m, k * B)
        return np.asarray((self._phi @ flat).reshape(-1, k, B))

    def _in(self, y: Array) -> Array:
        n, k, B = y.shape
        return np.asarray((self._back @ y.reshape(n, k * B)).reshape(-1, k, B).transpose(1, 0, 2))

    def _step(self, choices: Choices, x: Array, inverse: Array, inner: int) -> Array:
        head: Head = self.head
        each = np.arange(x.shape[2])
        s = self._out(x)
        s -= s.max(axis=1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(axis=1, keepdims=True)
        y = s.copy()
        for rows, codes in zip(choices.rows.T, choices.codes.T, strict=True):
            assert head.label is not None
            y[rows, head.label[rows], each] += 1
            y[rows, codes, each] -= 1
        r = self._in(y) - self._taken + self._decay * x
        if self._held:  # what rounding leaves there is no step
            r[:, -1] -= r[:, -1].mean(axis=0)
        total, first = np.zeros_like(x), r.copy()
        p = z = self._by(inverse, r)
        size = np.einsum("kmb,kmb->b", r, z)
        for at in range(inner):
            d = self._out(p)
            d -= (s * d).sum(axis=1, keepdims=True)
            d *= s
            Hp = self._in(d) + self._decay * p
            far = size / np.maximum(np.einsum("kmb,kmb->b", p, Hp), 1e-30)
            total += far * p
            if at + 1 == inner:
                break
            r -= far * Hp
            z = self._by(inverse, r)
            new = np.einsum("kmb,kmb->b", r, z)
            p = z + new / np.maximum(size, 1e-30) * p
            size = new
        far = np.sqrt(np.maximum(np.einsum("kmb,kmb->b", total, first), 1e-30))
        return np.asarray(total * np.minimum(1.0, LONGEST / far).astype(np.float32))

    @staticmethod
    def _by(inverse: Array, r: Array) -> Array:
        return np.asarray((inverse @ r.reshape(-1, r.shape[2])).reshape(r.shape))
