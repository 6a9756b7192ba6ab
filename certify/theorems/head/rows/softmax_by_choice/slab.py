"""D18: all choices with one row and one of those after it, cheap bounds first and refits last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.refit import enclose_refits, enclose_slopes
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax.below import block_lengths
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice.candidates import ROOM, Lines, deletions, left_of, look
from certify.theorems.head.rows.softmax_by_choice.metric import (
    Metric,
    as_it_is,
    kept,
    left_at,
    metric,
    ranges,
    without_steps,
)
from certify.theorems.head.rows.softmax_by_choice.pairs import Pairs
from certify.theorems.head.rows.softmax_by_choice.singles import Singles
from certify.theorems.head.rows.softmax_by_choice.sums import Base, at_sums, at_weights, base_of
from certify.theorems.head.rows.softmax_pairs.steps import settled

AROUND, UNMOVED = 0.01, 0.35
"""How far is looked around a refit without one row, to see whether the matrix of the unchanged one will do for it; and
what part of it has to be kept for that."""

AT_ONCE, LEAVES = 32, 16
"""Choices at a time, and refits."""

NEARER = (2, 1e-2), (6, 1e-3), (16, 1e-5)
"""Corrections of candidates before each further look, and how short their gradients are to be."""

CHORDS, SHORT, GOAL = 40, 1e-11, 1e-9
"""Corrections before a refit, most of which then need no matrix of their own, and how short their gradients are to be
in the norm of the inverse; and how short those of refits."""

LESS, MOST = 4, 0.6
"""Matrices with less curvature of rows that candidates move; and what part of the candidates one is made for."""

LEAST_KEPT = 2.0**-9
"""Part of a row's curvature below which a matrix is not made for a candidate."""

FEW = 4
"""Choices up to which refits take less time than a matrix."""


@dataclass(frozen=True, eq=False)
class Open:
    """Choices that leave evaluation rows open.

    Attributes:
        l: `(B,)` their other rows.
        W: `(B, k, p)` candidates for their refits.
        wanted: `(B, L)` the evaluation rows.
        low: `(B, L)` margins there, in floats.
        e: `(n, B)` what other rows keep of their curvature at the candidates.
        left: `(B,)` what they leave of the gradient; `gradient` `(B, k, p)` that in floats.
        before: candidates before a correction that was not looked at yet.
    """

    l: Whole
    W: Array
    wanted: Mask
    low: Array
    e: Array
    left: Array
    gradient: Array
    before: Array | None = None

    def rest(self) -> Open:
        """Those that still do."""
        at = np.flatnonzero(self.wanted.any(axis=1))
        return Open(self.l[at], self.W[at], self.wanted[at], self.low[at], self.e[:, at], self.left[at],
                    self.gradient[at])

    def without(self, gone: Mask) -> Open:
        """The same without some evaluation rows."""
        return replace(self, wanted=self.wanted & ~gone)


class Slab:
    """The choices whose first row is the a-th.

    Args:
        s: the single refits.
        a: the number of the row.
        lines: the evaluation rows in question.
        found: takes rows whose deletion flips one.
        check: raises when the time is up.

    Attributes:
        refits: by two rows, the lesser one first, weights at which labels that were asked about stay.
    """

    def __init__(self, s: Singles, a: int, lines: Lines, found: Found, check: Callable[[], None]) -> None:
        self.s, self.a, self.lines, self.found, self.check = s, a, lines, found, check
        self.row, self.after = int(s.order[a]), s.order[a + 1 :]
        self._seen: tuple[Metric, Array] | None = None
        self._here: Array | None = None
        self.refits: dict[tuple[int, int], Array] = {}

    def open(self) -> Mask:
        """`(L,)` which evaluation rows are left open by some choice."""
        m = self._metric()
        if m is None:
            return np.ones(len(self.lines.at), dtype=bool)
        alone, wanted = self._without_steps(m)
        gone = self._alone(alone)
        if m is self.s.root and self.s.pairs is not None:
            wanted = self._paired(self.s.pairs, wanted & ~gone)
        o = self._judged(m, self._sums(wanted & ~gone), sums=True)
        gone |= self._flipped(o)
        for turns, goal in NEARER:
            o = self._judged(m, self._nearer(o.without(gone).rest(), turns, goal))
        gone |= self._flipped(o)
        o = o.without(gone).rest()
        for _ in range(LESS):
            if len(o.l) <= FEW or (less := self._less(o)) is None:
                break
            o = self._judged(less, replace(o, left=o.left + np.inf)).rest()
        return gone | self._refitted(o)

    def _paired(self, pairs: Pairs, wanted: Mask) -> Mask:
        """`(f, L)` what is open after sums of two steps were judged by what each of the steps does."""
        s, at = self.s, np.flatnonzero(wanted.any(axis=1))
        W, others, lengths, wanted = s.W[self.a], s.place[self.after[at]], self._lengths(s.root), wanted.copy()
        r = pairs.distances(self.a, others)
        bear = (self.lines.gaps(W[None])[0] / lengths).min(axis=-1) * (1.0 - 8.0 * U)
        wanted[at] &= ~(((pairs.far[others] + r) * (RAISE * RAISE))[:, None] < bear)
        near = np.flatnonzero(np.isfinite(r) & wanted[at].any(axis=1))
        size = np.sqrt(np.einsum("kp,kp->", W, W)) + s.steps.size[others]
        for start in range(0, len(near), AT_ONCE):
            self.check()
            b = near[start : start + AT_ONCE]
            some = np.flatnonzero(wanted[at[b]].any(axis=0))
            lines, V = self.lines.part(some), W + s.steps.delta[others[b]]
            rounded = 8.0 * U * size[b, None] * s.head.points_norm[lines.at]  # of V, which is the sum of floats
            need = lengths[some] * (r[b, None, None] * ROOM) + rounded[..., None]
            wanted[np.ix_(at[b], some)] &= ~(need < lines.gaps(V)).all(axis=-1)
        return wanted

    def _sums(self, wanted: Mask) -> Open:
        """The sums of two single steps of choices with one of the rows after it, as far as these are wanted."""
        s, at = self.s, np.flatnonzero(wanted.any(axis=1))
        l, wanted = self.after[at], wanted[at]
        W = s.W[self.a] + s.steps.delta[s.place[l]]
        none = np.full_like(W, np.nan)
        return Open(l, W, wanted, np.zeros(wanted.shape), np.ones((s.head.n, len(l))), np.full(len(l), np.inf), none)

    def _less(self, o: Open) -> Metric | None:
        """The matrix with less curvature of rows that candidates move."""
        assert self.near is not None
        return metric(self.near.c, self.s.root.h * np.maximum(np.quantile(o.e, 1.0 - MOST, axis=1), LEAST_KEPT))

    def _metric(self) -> Metric | None:
        """The matrix of the unchanged head, or of its own where the row moves too much."""
        s, head = self.s, self.s.head
        slopes = enclose_slopes(head, deletions(np.array([[self.row]])), s.W[self.a][None])
        e = left_at(ranges(s.root, slopes.Z, slopes.off))
        if kept(s.root, e, np.array([AROUND]), np.array([[self.row]]))[0] > UNMOVED:
            self.near: Metric | None = s.root
        else:
            self.near = metric(as_it_is(centre(head, s.W[self.a], (self.row,))), s.root.h)
        return self.near

    def _without_steps(self, m: Metric) -> tuple[Mask, Mask]:
        """What the refit without the row alone leaves open: `(L,)` without another one, `(f, L)` with each."""
        head, V, norms = self.s.head, self.s.W[self.a][None], self.s.head.phi_norm[self.after]
        out = np.array([self.row])
        slopes = enclose_slopes(head, deletions(out[None]), V)
        left = left_of(m, slopes)[0]
        own = block_lengths(m.own[self.after], m.off, norms, slopes.g[self.after, 0])
        own += norms * m.root * (np.sqrt(head.k) * slopes.error + 0.5 * slopes.off[self.after, 0]) * RAISE
        lefts = np.append((left + own) * RAISE, left)
        e = left_at(ranges(m, slopes.Z, slopes.off)[:, 0])
        r = without_steps(m, e, lefts, np.append(m.lever[self.after], 0.0), out)
        bear = (self.lines.gaps(V)[0] / self._lengths(m)).min(axis=-1) * (1.0 - 8.0 * U)
        wanted = ~(r[:, None] * RAISE < bear)
        return wanted[-1], wanted[:-1]

    def _sets(self, l: Whole) -> Whole:
        return np.stack([np.full_like(l, self.row), l], axis=1)

    def _lengths(self, m: Metric) -> Array:
        """Lengths of the evaluation rows in the norm of an inverse; those of the last one are kept."""
        if m is self.s.root:
            return self.s.lengths[self.lines.at]
        if self._seen is None or self._seen[0] is not m:
            self._seen = m, self.lines.lengths(m)
        return self._seen[1]

    def _judged(self, m: Metric, o: Open, sums: bool = False) -> Open:
        """What is still open after a look at candidates; those that are worse than the ones before are left."""
        o = replace(o, **{name: getattr(o, name).copy() for name in ("wanted", "e", "low", "left", "W", "gradient")})
        sets, lengths, before = self._sets(o.l), self._lengths(m), o.before if o.before is not None else o.W
        base, place = base_of(m, self.s.W[self.a]), self.s.place[o.l]
        if base is None:
            return replace(o, W=before, before=None)
        for start in range(0, len(o.l), AT_ONCE):
            self.check()
            at = np.arange(start, min(start + AT_ONCE, len(o.l)))
            some: Whole = np.flatnonzero(o.wanted[at].any(axis=0))
            W, steps = o.W[at], self.s.steps
            left = at_sums(base, steps, place[at], sets[at], W) if sums else at_weights(base, sets[at], W)
            least = self._least(base, place[at], some) if sums else None
            found = look(m, left, sets[at], W, self.lines.part(some), lengths[some], least)
            o.wanted[np.ix_(at, some)] &= found.open
            good = found.left < o.left[at]
            o.W[at[~good]] = before[at[~good]]
            at = at[good]
            o.low[np.ix_(at, some)], o.left[at], o.e[:, at] = found.low[good], found.left[good], found.e[:, good]
            o.gradient[at] = found.gradient[good]
        return replace(o, before=None)

    def _least(self, base: Base, which: Whole, some: Whole) -> Array:
        """`(B, L)` lower bounds of all margins of some evaluation rows at sums of steps: those of both, added up."""
        if self._here is None:
            self._here = self.lines.gaps(base.V[None])[0].min(axis=-1)
        at, size = self.lines.at[some], base.size + self.s.steps.size[which]
        rounded = 8.0 * U * size[:, None] * self.s.head.points_norm[at]  # of candidates, which are sums of floats
        low = self._here[some] + self.s.gaps[which[:, None], at]
        return np.asarray(low - rounded - 2.0 * U * np.abs(low))

    def _nearer(self, o: Open, turns: int, goal: float) -> Open:
        """Candidates that are corrected with the matrix of the centre."""
        found = o.W.copy()
        for start in range(0, len(o.l), AT_ONCE):
            self.check()
            at = np.arange(start, min(start + AT_ONCE, len(o.l)))
            found[at] = self._settled(o, at, turns, goal)
        return replace(o, W=found, before=o.W)

    def _settled(self, o: Open, at: Whole, turns: int, goal: float) -> Array:
        """Some of them, corrected; as they are where that fails."""
        assert self.near is not None
        rows = self._sets(o.l[at]) if self.near is self.s.root else o.l[at, None]
        V = settled(self.near.c, self.near.blocks, rows, o.W[at], turns, goal, o.gradient[at])
        return np.where(np.isfinite(V).all(axis=(1, 2), keepdims=True), V, o.W[at])

    def _alone(self, wanted: Mask) -> Mask:
        """Of the evaluation rows that the row alone leaves open, those that its refit does as well."""
        W = self.s.W[self.a][None]
        return self._proved(np.array([[self.row]]), W, wanted[None]) if wanted.any() else wanted

    def _flipped(self, o: Open) -> Mask:
        """`(L,)` evaluation rows that candidates flip, and what refits say of those that do most."""
        low = np.where(o.wanted, o.low, np.inf)
        points = np.flatnonzero(low.min(axis=0, initial=np.inf) < 0.0)
        wanted = np.zeros_like(o.wanted)
        if len(points):
            wanted[low[:, points].argmin(axis=0), points] = True
        return self._refitted(replace(o, wanted=wanted).rest())

    def _refitted(self, o: Open) -> Mask:
        """The evaluation rows, of those that are open, whose labels refits do not keep; for these no more are made."""
        gone = np.zeros(len(self.lines.at), dtype=bool)
        order = np.argsort(-o.wanted.sum(axis=1), kind="stable")
        for start in range(0, len(order), LEAVES):
            self.check()
            at = order[start : start + LEAVES]
            at = at[(o.wanted[at] & ~gone).any(axis=1)]
            if len(at):
                sets = np.sort(self._sets(o.l[at]), axis=1)
                gone |= self._proved(sets, self._best(sets, o, at), o.wanted[at] & ~gone)
        return gone

    def _best(self, sets: Whole, o: Open, at: Whole) -> Array:
        """Where refits begin: some candidates after corrections, or as they are where these have gone astray."""
        refitter, found = self.s.refitter, self._settled(o, at, CHORDS, SHORT)
        old, new = (np.linalg.norm(refitter.gradients(deletions(sets), W).reshape(len(at), -1), axis=1)
                    for W in (o.W[at], found))
        return np.where((new < old)[:, None, None], found, o.W[at])

    def _proved(self, sets: Whole, W: Array, wanted: Mask) -> Mask:
        """`(L,)` the evaluation rows, of those that are wanted, whose labels refits do not keep."""
        choices, head = deletions(sets), self.s.head
        W = self.s.refitter.newton(choices, W, GOAL, self.check)
        sides, _ = head.sides(W, enclose_refits(head, choices, W))
        self.found.take(choices, W, sides)
        at = self.lines.at
        kept = sides[:, at] == head.today[at]
        self.refits |= {(int(T[0]), int(T[-1])): V for T, V, ok in zip(sets, W, wanted & kept, strict=True)
                        if len(T) > 1 and ok.any()}
        return np.asarray((wanted & ~kept).any(axis=0))
