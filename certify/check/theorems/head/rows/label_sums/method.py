"""D20: points that one bound of all choices leaves positive, and for the others those choices that it leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, isfinite, ldexp

from flint import fmpz_mat

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.fixed_rows import few
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.label_sums.bound import Bound, bound, lengths_of
from certify.check.theorems.head.rows.label_sums.choices import falling, most, reaching
from certify.check.theorems.head.rows.label_sums.refits import Refits
from certify.check.theorems.head.rows.label_sums.settings import Setting, require_labels, seen, settings
from certify.check.theorems.head.rows.label_sums.steps import LONG, steps
from certify.check.theorems.head.rows.pair_tree.numbers import UP, up
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.format.canonical import show
from certify.format.refusal import Invalid

WHOLE = "weights"
LOOKS, AT_ONCE = 20_000, 64
"""Choices that are refitted in all; points that need more are left open. How many are refitted together."""
LISTED = 4_000_000
"""Choices that are looked at in all by their own sums."""
SURE = 2.0**-40
"""Of numbers: more than what the sum of a few rounds."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label whichever labels change.

    Args:
        head: the head.
        arrays: `weights` (m), near the refit of all rows; of balanced labels also those near the minimum with the
            weights of each case of a labels 0 and b labels 1 that change, named `a-b`.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays are no such weights, or the theorem is not about this problem.
    """
    require_labels(head, where)
    every = settings(head, where)
    names = {WHOLE, *(name for name in every if name)}
    if set(arrays) != names:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{show(sorted(names))} are needed")
    for name, array in arrays.items():
        if array.shape != (head.m,) or array.kind != "f" or not all(map(isfinite, array.values)):
            raise Invalid(f"{where}.{name}", f"its shape is {array.shape}, its type {array.kind}",
                          f"{head.m} finite numbers are needed")
    left = [j for j, want in enumerate(asked) if want and head.today[j] >= 0]
    if head.balanced:
        labels, = labels_after(head, [()], [list(arrays[WHOLE].values)])
        left = [j for j in left if labels[j] == head.today[j]]
    effort = Effort(LISTED, LOOKS)
    for name, setting in every.items():
        if left:
            left = _stay(head, setting, arrays[name or WHOLE].values, left, effort, where)
    stay = set(left)
    return [j in stay for j in range(len(asked))]


@dataclass
class Effort:
    """How many choices may still be listed, and how many of these refitted."""

    listed: int
    refits: int


def _stay(head: Head, setting: Setting, weights: Sequence[float], asked: list[int], effort: Effort, where: str,
          ) -> list[int]:
    """The points that stay in a setting."""
    b = base(centre(setting.sums, [], weights))
    st = None if b is None else steps(setting, b)
    found = None if st is None else bound(st)
    if found is None:
        return []
    look = _Look(found, seen(head, asked, where), weights, effort)
    return [j for at, j in enumerate(asked) if look.stays(at)]


class _Look:
    """Points of a setting.

    Attributes:
        margins, lengths: below the margins at the centre, and above the lengths in the norm of the inverse of A.
        pushes: above what every step takes of them, of either sign.
    """

    def __init__(self, found: Bound, e: Points, weights: Sequence[float], effort: Effort) -> None:
        self.found, self.effort = found, effort
        st = found.steps
        self.margins = [float(x.lower()) for x in e.margins(st.b.c.w)]
        self.lengths = lengths_of(found, e.forms(found.M, (found.big + found.off).upper()), e.norms)
        self.refits = Refits(found, weights, e, self.lengths)
        short, longest = few(st.delta.mid(), st.setting.sums.p), max(
            up(sum((x.abs_upper() for x in column), start=column[0] * 0)) for column in st.delta.transpose().tolist())
        off = (up(e.short.epsilon) * longest + 2.0 * (up(short.column) + st.loose)) * UP
        whole = (fmpz_mat(e.short.rows) * short.mat).tolist()
        self.pushes = [[ldexp(-float(int(x)), unit + short.unit) + off * up(r) * UP for x in line]
                       if up(r) * longest < LONG else [inf] for line, unit, r in zip(
                           whole, e.short.unit, e.norms, strict=True)]

    def stays(self, at: int) -> bool:
        """Whether a point stays under every choice: by the bound of all, or each that this leaves open by itself."""
        found, margin, length, push = self.found, self.margins[at], self.lengths[at], self.pushes[at]
        if not isfinite(sum(push)):
            return False
        taken = [x + length * y * UP for x, y in zip(push, found.rho, strict=True)]
        taken = [x + SURE * (abs(x) + abs(y)) for x, y in zip(taken, push, strict=True)]
        left = margin - length * found.fixed * UP
        left -= SURE * (abs(margin) + length * found.fixed)
        if not isfinite(sum(taken)) or not isfinite(left):  # what is no number has no place in an order
            return False
        kinds = [[(falling(taken, places), size) for places, size in kind] for kind in found.steps.setting.kinds]
        for kind in kinds:
            sure = SURE * (abs(left) + sum([size * max(map(abs, values)) for (values, _), size in kind]))
            if most(kind) < left - sure:
                continue
            some = self._open(reaching(kind, left - 2.0 * sure), push, margin, length)
            while batch := list(islice(some, AT_ONCE)):
                self.effort.refits -= len(batch)
                if self.effort.refits < 0 or not self.refits.keep(batch, at):
                    return False
            if self.effort.listed < 0:
                return False
        return True

    def _open(self, choices: Iterator[tuple[int, ...]], push: list[float], margin: float, length: float,
              ) -> Iterator[tuple[int, ...]]:
        """Those of some choices that their own sum of steps leaves open."""
        for which in choices:
            self.effort.listed -= 1
            if self.effort.listed < 0:
                return
            some = [push[u] for u in which]
            lost = sum(some) + SURE * sum(map(abs, some)) + length * self.found.far(which) * UP
            if not lost < margin:
                yield which
