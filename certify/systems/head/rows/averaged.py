"""D1c: how far outputs at a refit are from those at proposed weights, by averages of rows that hold the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head

ROOM = 2.0**-24
"""Relative room for the rounding of products of at most a few thousand numbers, which is far below it."""

AVERAGES, FIRST = 8, 0.25
"""Averages beside that of all rows, which has this share of each row's curvature."""

UNITS = 2.0**-19, 2.0**-27
"""Halves of the units in which a checker has parts of vectors and inverses."""

LEAST = 2.0**-40
"""Curvature that an average has at least."""


@dataclass(frozen=True, eq=False)
class Held:
    """A quadratic form `A(Δ) = μ|ΔU|² + Σ κ_d s_d (v_d·Δ)²` that the pull back to the weights exceeds.

    Attributes:
        reach: where it does: `A(Δ) ≤ reach²`.
        v: `(d, m)` averages.
        strength: `(d,)` `κ_d s_d`.
        parts: `(d, m)`: times a vector its parts along the averages.
        inverse: `(m, m)` of the form, nearly: times a vector it errs by no more than `ROOM` of it.
        mu: μ from below.
        free: whether the last weight carries no decay.
        per_error: a vector of length 1 has at most that length in the dual form.
        rough: about what a checker's whole numbers add to that of a vector of length 1.
    """

    reach: float
    v: Array
    strength: Array
    parts: Array
    inverse: Array
    mu: float
    free: bool
    per_error: float
    rough: float

    def lengths(self, vectors: Array) -> Array:
        """`(B,)` upper bounds of lengths of `(m, B)` vectors in the dual form.

        It is `|h|²/μ + Σ c_d²/(κ_d s_d)` for `h + Σ c_d v_d`, at least.
        """
        c = self.parts @ vectors
        h = vectors - self.v.T @ c
        size = np.sqrt(np.einsum("mb,mb->b", vectors, vectors)) + np.abs(c).sum(axis=0) * np.abs(self.v).max()
        if self.free:
            h = h[:-1]
        form = np.einsum("mb,mb->b", h, h) / self.mu + np.einsum("db,db,d->b", c, c, 1 / self.strength)
        return np.asarray(np.sqrt(form) * (1 + ROOM) + size * (ROOM * len(self.v) * self.per_error) + fp.FLOOR)


class Averages:
    """How the curvature of the rows is shared out among averages of them, with signs.

    Attributes:
        shares: `(n, d)` float32: `±` the share of a row in an average; the absolute ones of a row add up to at most 1.

    Args:
        head: the head.
        curvature: `(n,)` curvatures at a typical place, as a guess.
        count: averages beside that of all rows.
    """

    def __init__(self, head: Head, curvature: Array, count: int = AVERAGES) -> None:
        self.head = head
        x = head.phi[:, :-1] if head.free_intercept else head.phi
        centred = x - (curvature @ x / max(float(curvature.sum()), 1e-300) if head.free_intercept else 0.0)
        _, axes = np.linalg.eigh((centred.T * curvature) @ centred)
        along = centred @ axes[:, ::-1][:, : min(count, x.shape[1])]
        squares = along**2
        squares /= np.maximum(squares.sum(axis=1, keepdims=True), 1e-300)
        signed = squares * np.where(along < 0, -1.0, 1.0) * (1 - FIRST)
        shares = np.hstack([np.full((head.n, 1), FIRST), signed]) * (1 - 2.0**-20)
        self.shares = shares.astype(np.float32)

    def hold(self, curvature: Array, reach: float, mu: tuple[float, float]) -> Held | None:
        """The form at weights where every row has at least a curvature; None where nothing holds them."""
        head, shares = self.head, self.shares.astype(np.float64)
        weighed = shares * curvature[:, None]
        s = np.abs(weighed).sum(axis=0)
        there = s > LEAST
        if not there[0]:
            return None
        s, weighed = s[there], weighed[:, there]
        v = weighed.T @ head.phi / s[:, None]
        strength = (reach / farthest(reach * reach / (s * (1 - ROOM)))) ** 2 * (1 - ROOM)
        low = (mu[0] - mu[1]) * (1 - ROOM)
        form = (v.T * strength) @ v + np.diag(np.where(head.decayed, low, 0.0))
        try:
            inverse = np.linalg.inv(form)
        except np.linalg.LinAlgError:
            return None
        size = float(np.linalg.norm(form) * np.linalg.norm(inverse))
        if not (low > 0 and size * 8 * fp.dot_unit(head.n + head.m) < ROOM / 4
                and np.abs(form @ inverse - np.eye(head.m)).sum() < ROOM / 4):
            return None
        parts = strength[:, None] * (v @ inverse)
        per_error = 1.0 / low
        if head.free_intercept:  # what is left has no part along the intercept
            parts[0] = np.eye(head.m)[-1] - v[1:, -1] @ parts[1:]
            # a vector is its last entry times the first average, and a part that carries decay
            per_error = (1.0 + float(np.linalg.norm(v[0]))) ** 2 / low + 1.0 / strength[0]
        per = float(np.sqrt(per_error) * (1 + ROOM))
        parts_off = np.sqrt(np.trace(form) * head.m * (head.m + len(v))) * UNITS[0]
        rough = parts_off + np.linalg.norm(form) * head.m * UNITS[1]
        return Held(reach, v, strength, parts, inverse, float(low), head.free_intercept, per, float(per * rough))


def farthest(x: Array) -> Array:
    """z with `M(z) ≥ x`, `M(z) = z(1 − e^(−z))` up to 1 and `z − 1/e` beyond, convex and rising.

    `1 − e^(−z) ≥ 1 − 1/(1 + z + z²/2 + z³/6)` is what is used.

    >>> farthest(np.array([0.25, 2.0])).round(3)
    array([0.574, 2.368])
    """
    x = x * (1 + ROOM)
    y = np.minimum(np.sqrt(x), 1.0)
    for _ in range(6):  # Newton's method, of a guess
        y = np.clip(y + (x - _pull(y)) / np.maximum(1 - np.exp(-y) * (1 - y), 1e-300), 0.0, 1.0)
    y = y * (1 + 1e-6)
    fine = (x < LINEAR) & (_pull(y) >= x * (1 + ROOM)) & (y <= 1)
    return np.asarray(np.where(fine, y, (x + FAR) * (1 + ROOM)))


LINEAR, FAR = 0.62, 0.36788
"""Below `M(1)`, and above 1/e."""


def _pull(y: Array) -> Array:
    return np.asarray(y * (1 - 1 / (1 + y + y * y / 2 + y * y * y / 6)))
