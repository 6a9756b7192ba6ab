"""D1f: how far outputs of a softmax head at a refit are from those at proposed weights, by pairs of outputs.

The curvature of a row is `Σ_{a<b} s_a s_b (d_a − d_b)²`; of a whole block of weights the least `s_a s_b` counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head

ROOM = 2.0**-24
"""Relative room for the rounding of products of at most a few thousand numbers, which is far below it."""

ROUNDS, MORE = 6, 1.05
"""How often motions of outputs are guessed, and how much larger the next guess is than what the last one gave."""

NEAR, LOST = 15.9, 16.1
"""Differences of outputs to the one of a row's own label up to which a checker's table reaches, and surely not."""

FARTHEST, OFF = 500.0, 2.0**-42
"""Differences up to which probabilities are computed, and what they err by."""

STEEPEST, DIGITS = 32.0, 2.0**12
"""What a checker's whole numbers hold of gradients, and of roots and forms."""

CELL, CUT, FLAT = 2.0**-14, 2.0**-21, 2.0**-20
"""A checker's cells, what it cuts off slopes and inputs, and probabilities or their products."""


@dataclass(frozen=True, eq=False)
class Pulls:
    """Gradients of a block.

    Attributes:
        gradient: `(km, B)` in floats.
        error: the true ones, and those that a checker finds, lie within that Euclidean distance.
        products: `(pairs, n)` `s_a s_b` of every row, from below, at all weights of the block but those of which a
            checker surely says nothing.
        near: `(B,)` the changes of which a checker says something.
    """

    gradient: Array
    error: float
    products: Array
    near: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PairForm:
    """A quadratic form `A(Δ) = μ|ΔU|² + c(Σβ)² + Σ_i κ_i Σ_{a<b} D_iab ((Δ_a − Δ_b)·φ_i)²` that the pull exceeds.

    Attributes:
        reach: where it does: `A(Δ) ≤ reach²`.
        root: `(km, km)`: `KᵀK` is the inverse, up to `ROOM` in the form.
        size: its Frobenius norm, at most.
    """

    reach: float
    root: Array
    size: float

    def lengths(self, vectors: Array, error: float = 0.0) -> Array:
        """`(B,)` upper bounds of lengths of `(km, B)` vectors, known within an error, in the dual form."""
        y = self.root @ vectors
        long = np.sqrt(np.einsum("xb,xb->b", vectors, vectors)) * fp.dot_unit(len(vectors)) * 2 + error
        return np.asarray((np.sqrt(np.einsum("xb,xb->b", y, y)) + self.size * long) * (1 + ROOM) + fp.FLOOR)


class Pairs:
    """A softmax head with few weights whose inputs are known exactly.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head, self.pairs = head, tuple(combinations(range(head.k), 2))
        assert head.label is not None
        self._label = head.label
        self._upper = np.triu_indices(head.m)
        self._products = head.phi[:, self._upper[0]] * head.phi[:, self._upper[1]]
        self._taken = head.Y.T @ head.phi
        self._mu, self._wrong = head.mu()
        self._held = np.where(head.decayed, self._mu, 0.0)
        self._stretch = float(np.linalg.norm(head.phi, 2)) * 1.05
        self._rows = np.ascontiguousarray(head.phi.T)

    def at(self, V: Array, choices: Choices) -> Pulls | None:
        """At `(B, k, m)` weights after deletions and changes of labels; None where numbers are too large."""
        head, (B, k, m) = self.head, V.shape
        n, each, label = head.n, np.arange(B), self._label
        flat = np.ascontiguousarray(V.transpose(1, 0, 2)).reshape(k * B, m)
        Z = (head.phi @ flat.T).reshape(n, k, B)
        length = float(np.sqrt(np.einsum("bkm,bkm->b", V, V).max(initial=0.0)) * RAISE)
        Z -= Z[np.arange(n), label][:, None, :].copy()
        if not (np.isfinite(length) and Z.max(initial=0.0) < FARTHEST):
            return None
        largest = Z.max(axis=(0, 1), initial=0.0)
        s = exp(Z)
        s *= (1.0 / s.sum(axis=1))[:, None, :]
        away = fp.dot_unit(m) * head.phi_norm * length  # outputs err by that, as vectors
        off = (away / 2 + OFF) * RAISE
        wide = np.sqrt(k - 1) * CELL / 2 + np.sqrt(m) * CUT * float(np.sqrt((V * V).max(axis=0).sum()))
        seen = s if largest.max(initial=0.0) <= LOST else s[:, :, largest <= LOST]
        products = np.stack([(seen[:, a] * seen[:, b]).min(axis=1, initial=1.0) for a, b in self.pairs])
        products = np.maximum(products * (1 - 4 * wide) - 2 * off - FLAT, 0.0)
        missed = 1 - seen[np.arange(n), label].min(axis=1, initial=1.0)
        for rows, codes in zip(choices.rows.T, choices.codes.T, strict=True):
            gone = codes == DELETED
            s[rows[gone], :, each[gone]] = 0.0  # what is taken of it below is all that it pulls with
            s[rows, label[rows], each] += 1.0
            s[rows[~gone], codes[~gone], each[~gone]] -= 1.0
        products[:, choices.rows[choices.codes == DELETED]] = 0.0
        pull = (self._rows @ s.reshape(n, k * B)).reshape(m, k, B).transpose(1, 0, 2) - self._taken[:, :, None]
        gradient = (pull + self._held[:, None] * V.transpose(1, 2, 0)).reshape(k * m, B)
        own = float(np.sqrt(k) * (off @ head.phi_norm) + 4 * fp.dot_unit(n + 4) * head.phi_norm.sum())
        own += (self._wrong + 8 * U * self._mu) * length
        coarse = self._stretch * (wide * np.linalg.norm(np.minimum(0.5, 2 * missed + FLAT)) + np.sqrt(n) * k * CUT)
        coarse += (2 * n + 1) * np.sqrt(k * m) * CUT
        near = (largest <= NEAR) & (np.abs(gradient).max(axis=0) < STEEPEST)
        return Pulls(gradient, (own * RAISE + float(coarse)) * RAISE, products, near)

    def hold(self, products: Array, reach: float) -> PairForm | None:
        """The form at weights where every row has at least the products; None where nothing holds them.

        Curvature is left of a row by how far its outputs move where the form is at most `reach²`: they are guessed
        until none moves farther.
        """
        moves = np.zeros(self.head.n)
        for _ in range(ROUNDS):
            form = self._form(products * _left(moves), reach)
            if form is None:
                return None
            found = reach * self._farthest(form) * RAISE
            if (found <= moves).all():
                return form
            moves = np.where(found <= moves, moves, found * MORE)
        return None

    def _form(self, weighed: Array, reach: float) -> PairForm | None:
        """With `κ_i D_iab` as they are."""
        head = self.head
        k, m = head.k, head.m
        blocks, low = np.zeros((k, m, k, m)), (self._mu - self._wrong) * (1 - 4 * U)
        W, upper = np.empty((m, m)), weighed @ self._products
        for (a, b), entries in zip(self.pairs, upper, strict=True):
            W[self._upper], W.T[self._upper] = entries, entries
            blocks[a, :, a] += W
            blocks[b, :, b] += W
            blocks[a, :, b] -= W
            blocks[b, :, a] -= W
        A = blocks.reshape(k * m, k * m)
        on = np.arange(k * m)
        A[on, on] += np.tile(np.where(head.decayed, low, 0.0), k)
        trace = float(np.trace(A))
        if head.free_intercept:  # the sum of the intercepts is free: any value will do
            last = np.arange(k) * m + m - 1
            A[last[:, None], last] += trace / (k * k * m)
            trace *= 2
        try:
            root = np.linalg.inv(np.linalg.cholesky(A))
        except np.linalg.LinAlgError:
            return None
        size = float(np.linalg.norm(root)) * RAISE
        off = float(np.abs(root @ A @ root.T - np.eye(k * m)).sum())
        rounding = 16 * fp.dot_unit(head.n + k * m + 8) * size * size * trace
        held = k * m * float(np.abs(root).max()) * np.sqrt(trace) < DIGITS
        if not (held and low > 0 and rounding < ROOM / 4 and off < ROOM / 4):
            return None
        return PairForm(reach, root, size)

    def _farthest(self, form: PairForm) -> Array:
        """`(n,)` what the outputs of a row, less each other, move by at most where the form is at most 1."""
        k, m = self.head.k, self.head.m
        along = (form.root.reshape(k * m, k, m).transpose(1, 0, 2).reshape(-1, m) @ self._rows).reshape(k, k * m, -1)
        squares = [np.einsum("xi,xi->i", y, y) for y in (along[a] - along[b] for a, b in self.pairs)]
        found = np.sqrt(np.max(squares, axis=0))
        slack = 4 * fp.dot_unit(m + k * m) * form.size * self.head.phi_norm
        return np.asarray((found + slack) * (1 + ROOM))


def _left(moves: Array) -> Array:
    """`(1 − e^(−ω))/ω`, at most: what is left of curvature on average on the way.

    >>> _left(np.array([0.0, 1.0])).round(6)
    array([1.      , 0.632121])
    """
    far = np.maximum(moves, 2.0**-10)
    left = np.where(moves < 2.0**-10, 1 - moves / 2, (1 - exp(-far) * (1 + 2.0**-40)) / far)
    return np.asarray(left * (1 - 2.0**-40))
