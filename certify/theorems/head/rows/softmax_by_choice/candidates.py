"""D18: candidates for refits, what is left of the gradient there, and which evaluation rows they prove."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import Slopes
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax.below import lengths_in
from certify.theorems.head.rows.softmax.trap import ROOT2, own_blocks, seen
from certify.theorems.head.rows.softmax_by_choice.metric import Metric, distances
from certify.theorems.head.rows.softmax_by_choice.sums import Found

ROOM = 1.0 + 2.0**-20
"""Factor on every distance."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Some evaluation rows, each with today's class against all others.

    Attributes:
        head: the head.
        at: `(L,)` the evaluation rows; `own` `(L, 1)` their classes, `other` `(L, k − 1)` all others.
    """

    head: Head
    at: Whole
    own: Whole
    other: Whole

    def part(self, some: Whole) -> Lines:
        """Some of them."""
        return Lines(self.head, self.at[some], self.own[some], self.other[some])

    def lengths(self, m: Metric) -> Array:
        """`(L, k − 1)` upper bounds of `|x ⊗ (e_q − e_r)|` in the norm of the inverse."""
        x, norms = self.head.points[self.at], self.head.points_norm[self.at]
        pairs = np.broadcast_to(self.own, self.other.shape), self.other
        return seen(own_blocks(m.blocks, x), m.off, norms, pairs)

    def gaps(self, W: Array) -> Array:
        """`(B, L, k − 1)` lower bounds of the margins at weights `(B, k, m)`."""
        B, k, m = W.shape
        F = (self.head.points[self.at] @ W.reshape(B * k, m).T).reshape(len(self.at), B, k).transpose(1, 0, 2)
        rows = np.arange(len(self.at))[:, None]
        top, rest = F[:, rows, self.own], F[:, rows, self.other]
        size = np.sqrt(np.einsum("bkm,bkm->b", W, W)) * fp.sum_up(k * m) + fp.FLOOR
        unit = ROOT2 * fp.dot_unit(m) * self.head.points_norm[self.at] * RAISE
        gap = top - rest
        gap -= (size[:, None] * unit)[..., None] * RAISE + 4 * U * (np.abs(top) + np.abs(rest))
        return np.asarray(gap)

    def margins(self, W: Array) -> tuple[Array, Array]:
        """`(B, L, k − 1)` margins at weights `(B, k, m)` in floats, and what they and sums of a few of them are off by.

        For sums, each part of one counts with what it is off by itself.
        """
        B, k, m = W.shape
        F = (self.head.points[self.at] @ W.reshape(B * k, m).T).reshape(len(self.at), B, k).transpose(1, 0, 2)
        each = np.arange(len(self.at))[:, None]
        top, rest = F[:, each, self.own], F[:, each, self.other]
        size = np.sqrt(np.einsum("bkp,bkp->b", W, W)) * fp.sum_up(k * m) + fp.FLOOR
        unit = ROOT2 * fp.dot_unit(m) * self.head.points_norm[self.at] * RAISE
        off = (size[:, None] * unit)[..., None] * RAISE + 16 * U * (np.abs(top) + np.abs(rest))
        return np.asarray(top - rest), np.asarray(off)


def lines_of(head: Head, at: Whole) -> Lines:
    """Evaluation rows against every other class."""
    own = head.today[at][:, None]
    other = np.arange(head.k - 1)[None, :]
    return Lines(head, at, own, other + (other >= own))


def deletions(rows: Whole) -> Choices:
    """Choices of rows `(B, r)` that are deleted."""
    return Choices(np.ascontiguousarray(rows), np.full_like(rows, DELETED))


def left_of(m: Metric, slopes: Slopes) -> Array:
    """`(B,)` at least what candidates leave of the gradient, in the norm of the inverse."""
    g = slopes.gradient.reshape(len(slopes.gradient), -1)
    raw = np.sqrt(np.einsum("bi,bi->b", g, g)) * (1.0 - (g.shape[1] + 8) * U)
    return long_of(m, slopes.gradient, np.maximum(slopes.size - raw, 0.0) * RAISE)


def long_of(m: Metric, gradient: Array, error: Array) -> Array:
    """`(B,)` at least the lengths of gradients `(B, k, p)` that are off by at most `error` `(B,)`."""
    return np.asarray((lengths_in(m.flat, m.off, gradient.reshape(len(gradient), -1)) + error * m.root) * RAISE)


@dataclass(frozen=True, eq=False)
class Look:
    """What candidates leave open.

    Attributes:
        open: `(B, L)` the evaluation rows.
        low: `(B, L)` lower bounds of margins at the candidates.
        left: `(B,)` what they leave of the gradient, at least.
        e: `(n, B)` what other rows keep of their curvature there, at most, but for rounding.
        gradient: `(B, k, p)` what is left of it, in floats.
    """

    open: Mask
    low: Array
    left: Array
    e: Array
    gradient: Array


def look(m: Metric, found: Found, out: Whole, W: Array, lines: Lines, lengths: Array,
         least: Array | None = None) -> Look:
    """Candidates for the refits of choices, and evaluation rows.

    Args:
        m: the matrix.
        found: what the candidates leave.
        out: `(B, r)` the deleted rows.
        W: `(B, k, p)` candidates.
        lines: the evaluation rows; `lengths` of these.
        least: `(B, L)` lower bounds of all margins at the candidates, by which most are judged, where they are known.
    """
    left, e = long_of(m, found.gradient, found.error), found.e
    far = distances(m, e, left, out)[:, None] * ROOM
    low = np.full((len(W), len(lines.at)), -np.inf) if least is None else least.copy()
    open_ = ~(lengths.max(axis=-1) * far < low)
    some: Whole = np.flatnonzero(open_.any(axis=0))
    gaps = lines.part(some).gaps(W)
    open_[:, some] &= ~(lengths[some] * far[..., None] < gaps).all(axis=-1)
    low[:, some] = gaps.min(axis=-1)
    e[out.T, np.arange(len(out))] = 1.0
    return Look(open_, low, left, e, found.gradient)
