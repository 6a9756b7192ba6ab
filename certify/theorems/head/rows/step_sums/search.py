"""D20: points that one bound proves, and for the others those choices one by one that it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.bound import top
from certify.theorems.head.rows.step_sums.bound import Bound, Drops, drops
from certify.theorems.head.rows.step_sums.listed import listed

TURNS, REFITS = 4, 512
"""Steps towards a refit from a sum, and refits at a time."""

HELD = 4_000_000
"""Numbers of points and changes that are held at a time."""

LOOKS, SOLVED = 4_000_000, 60_000
"""Choices of a point that are looked at by their own sums, and those of them that are refitted; else it stays open."""


@dataclass(frozen=True, eq=False)
class Case:
    """Choices that are asked about.

    Attributes:
        bound: what is proved of their changes.
        labels: `(f,)` the label of the row of every change, 0 or 1; and `exactly`, how many changes of either label a
            choice has; None: up to k of any.
        made: changes that every choice has beside these, one batch of one; None: none.
    """

    bound: Bound
    labels: Whole
    exactly: tuple[int, int] | None = None
    made: Choices | None = None

    def most(self, each: Array) -> Array:
        """`(N,)` at least what a choice takes, from what every change does."""
        if self.exactly is None:
            return self.bound.kinds.top(each)
        of = [top(each[:, self.labels == y], 0.0, count) if count else np.zeros(len(each))
              for y, count in enumerate(self.exactly)]
        return np.asarray(sum(of) * RAISE)

    def worst(self, push: Array) -> Whole:
        """`(N, k)` the choice that takes most of every point to first order."""
        if self.exactly is None:
            return np.argsort(-push, axis=1, kind="stable")[:, : self.bound.k]
        parts = []
        for y, count in enumerate(self.exactly):
            own = np.flatnonzero(self.labels == y)
            parts.append(own[np.argsort(-push[:, own], axis=1, kind="stable")[:, :count]])
        return np.hstack(parts)

    def listed(self, each: Array, need: float) -> Iterator[Whole]:
        """Batches of choices that are asked about, among them all whose changes take at least so much together."""
        for which in listed(each, self.bound.k, need):
            yield which[self.asked(which)]

    def asked(self, which: Whole) -> Mask:
        """`(B,)` which choices of changes are asked about."""
        if self.exactly is None:
            return np.ones(len(which), dtype=bool)
        ones = self.labels[which].sum(axis=1)
        return np.asarray((ones == self.exactly[1]) & (which.shape[1] - ones == self.exactly[0]))


class Search:
    """Points of one case.

    Args:
        head: the head whose refits are asked about.
        case: the choices.
        found: takes the choices that flip points.
        check: raises when the time is up.
        boxed: which of some points another bound of all choices proves.
    """

    def __init__(self, head: Head, case: Case, found: Found, check: Callable[[], None],
                 boxed: Callable[[Whole], Whole]) -> None:
        self.head, self.case, self.found, self.check, self.boxed = head, case, found, check, boxed
        self._plain = PlainRefits(head)
        st = case.bound.steps
        self._inverse = PlainRefits(st.head).inverse(st.w[None])

    def at_once(self, at: Whole) -> Whole:
        """Those of some points that stay by one bound of all choices; of the others the worst choices are refitted."""
        good = np.zeros(len(at), dtype=bool)
        for some in self._parts(at):
            d = self._drops(at[some])
            good[some] = self.case.most(d.each) < lowered(d.margin, d.fixed)
            rest = ~good[some]
            if rest.any():
                self._refitted(np.unique(np.sort(self.case.worst(d.push[rest]), axis=1), axis=0))
        rest = at[~good & ~self.found.flipped[at]]
        return np.concatenate([at[good], self.boxed(rest)]) if len(rest) else at[good]

    def in_turn(self, at: Whole) -> Iterator[int]:
        """Those of some points that stay, choice by choice, one after another: first those with fewest open choices."""
        gap = np.empty(len(at))
        for some in self._parts(at):
            d = self._drops(at[some])
            gap[some] = lowered(d.margin, d.fixed) / np.maximum(self.case.most(d.each), 2.0**-500)
        for point in at[np.argsort(-gap, kind="stable")].tolist():
            self.check()
            if not self.found.flipped[point] and self._one_by_one(point):
                yield point

    def _parts(self, at: Whole) -> Iterator[slice]:
        """Parts of some points whose numbers fit into memory, and whose worst choices are refitted together."""
        step = min(REFITS, max(1, HELD // len(self.case.labels)))
        for start in range(0, len(at), step):
            self.check()
            yield slice(start, start + step)

    def _drops(self, at: Whole) -> Drops:
        return drops(self.case.bound, self.head, at, self.case.exactly is not None)

    def _one_by_one(self, point: int) -> bool:
        """Whether each choice that the bound leaves open keeps a point's label, by its own sum or its refit."""
        b, d, looked, solved = self.case.bound, self._drops(np.array([point])), 0, 0
        need = float(lowered(d.margin, d.fixed)[0])
        if not (need > 0.0 and np.isfinite(d.each).all()):  # lists of choices pass over what is no number
            return False
        push, seen, margin = d.push[0], float(d.seen[0]), float(d.margin[0])
        for which in self.case.listed(d.each[0], need):
            self.check()
            looked += len(which)
            taken = push[which].sum(axis=1) + 2.0**-40 * np.abs(push[which]).sum(axis=1)
            rest = which[~(taken + seen * b.far(which) * RAISE < margin)]
            solved += len(rest)
            if looked > LOOKS or solved > SOLVED:
                return False
            for start in range(0, len(rest), REFITS):
                self.check()
                sides = self._refitted(rest[start : start + REFITS])[:, point]
                if (sides != self.head.today[point]).any():
                    return False
        return True

    def _refitted(self, which: Whole) -> Whole:
        """`(B, N)` the labels that are proved at the refits of some choices; those that flip a point are taken down."""
        st = self.case.bound.steps
        rows, codes = st.rows[which], st.choices.codes[:, 0][which]
        if (made := self.case.made) is not None:
            rows, codes = (np.hstack([np.repeat(old, len(new), axis=0), new])
                           for old, new in ((made.rows, rows), (made.codes, codes)))
        turn = np.argsort(rows, axis=1, kind="stable")
        order, codes = (np.take_along_axis(of, turn, axis=1) for of in (rows, codes))
        choices = Choices(order, codes)
        V = (st.w + st.delta[which].sum(axis=1))[:, None, :]
        V = self._plain.chords(choices, V, self._inverse, TURNS)
        sides, _ = self.head.sides(V, enclose_refits(self.head, choices, V))
        open_ = np.flatnonzero((sides < 0).any(axis=1))
        if len(open_):
            part = Choices(order[open_], codes[open_])
            V[open_] = self._plain.newton(part, V[open_], 0.0, self.check)
            sides[open_], _ = self.head.sides(V[open_], enclose_refits(self.head, part, V[open_]))
        self.found.take(choices, V, sides)
        return sides


def lowered(margin: Array, fixed: Array) -> Array:
    """Lower bounds of the differences of two numbers, rounding included."""
    return np.asarray(margin - fixed - 4 * U * (np.abs(margin) + np.abs(fixed)))
