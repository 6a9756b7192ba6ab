"""The changes of most rows where their weights are sums of those of smaller changes (D1c, D2)."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import comb
from typing import Protocol

from certify.check.limits.shares import JOBS, shared
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.block import Block, Change, Corrected, Sums
from certify.check.theorems.head.rows.refitted.held import averages_of
from certify.check.theorems.head.rows.refitted.judge import Judge
from certify.check.theorems.head.rows.refitted.packed import HALF, Packed, V
from certify.check.theorems.head.rows.refitted.packed_held import CORRECTED, PackedHeld
from certify.check.theorems.head.rows.refitted.packed_pairs import PackedPairs
from certify.format.refusal import Invalid

SUMS = {"basis", "moved", "units"}
AT_ONCE, TOGETHER = 128, 32
"""Changes that are judged together by themselves, and blocks that are shared among processes, with memory of all."""
TOO_LARGE = "a weight is too large"
Part = Callable[[list[bool]], list[bool]]


def sums_of(head: Head) -> set[str]:
    """The arrays that sums need: averages of rows serve one output alone."""
    return SUMS | {"shares"} if head.k == 1 else SUMS


def last_of(head: Head, judge: Judge, arrays: Mapping[str, Array], where: str) -> Last:
    """Those of a head whose labels change, from the arrays of a certificate.

    Raises:
        Invalid: sums are no weights of this head, or the arrays have other shapes.
    """
    packed, size = judge.packed, head.k * head.m
    if packed is None or not (head.relabels and 2 <= head.count <= len(head.moving)):
        raise Invalid(where, "the weights of the largest changes are sums",
                      "two or more labels of a logistic head or a softmax head have to change")
    codes = [[c for c in range(len(head.codes.rows)) if c != head.codes.label[row]] for row in head.moving]
    count = comb(len(head.moving), head.count) * len(codes[0]) ** head.count
    held = (PackedHeld(packed, averages(head, arrays["shares"], where)) if isinstance(packed, Packed) else
            PackedPairs(packed))
    corrected = corrected_of(arrays, size, count, where)
    try:
        sums = Sums(head.moving, codes, head.count, arrays["weights"].values, size)
    except OverflowError:
        raise Invalid(f"{where}, weights", TOO_LARGE, "weights whose sums fit are needed") from None
    return Last(judge, held, sums, corrected, count, where)


def corrected_of(arrays: Mapping[str, Array], size: int, count: int, where: str) -> Corrected:
    """The corrections in the arrays of a certificate.

    Args:
        arrays: `basis`, `moved` and `units`.
        size: weights of a change.
        count: how many changes there are.
        where: the claim, for messages.

    Raises:
        Invalid: the arrays have other shapes.
    """
    basis, moved, units = (arrays[name] for name in ("basis", "moved", "units"))
    if basis.shape != (size, size):
        raise Invalid(f"{where}, basis", f"its shape is {basis.shape}", f"{size} times {size} numbers are needed")
    if moved.kind != "i" or len(moved.shape) != 1 or units.kind != "i" or units.shape != (moved.shape[0], size):
        raise Invalid(f"{where}, units", f"the shapes of moved and units are {moved.shape}, {units.shape}",
                      f"numbers of changes and {size} whole numbers of each are needed")
    numbers = [int(x) for x in moved.values]
    if any(not a < b for a, b in zip([-1, *numbers], [*numbers, count], strict=True)):
        raise Invalid(f"{where}, moved", "they do not ascend, or name no change",
                      f"ascending numbers of {count} changes are needed")
    try:
        return Corrected(numbers, [int(x) for x in units.values], basis.values, size)
    except OverflowError:
        raise Invalid(f"{where}, weights", TOO_LARGE, "weights whose sums fit are needed") from None


def averages(head: Head, shares: Array, where: str) -> list[list[int]]:
    """Shares of the rows in averages.

    Raises:
        Invalid: a row has more than it has, or they have another shape.
    """
    fine = len(shares.shape) == 2 and shares.shape[0] == head.n
    found = averages_of(shares.values, head.n) if fine else None
    if not found:
        raise Invalid(f"{where}, shares", f"its shape is {shares.shape}",
                      "shares of every row are needed that add up to 1 at most")
    return found


class Summed(Protocol):
    """Weights of all changes of the most rows, from those of smaller ones, of which there are `smaller`."""

    @property
    def smaller(self) -> int:
        """How many smaller changes there are."""
        ...

    def blocks(self) -> Iterator[Block]:
        """All changes, in order."""
        ...


class Alone(Protocol):
    """What looks at changes one by one."""

    def after(self, changes: list[Change], weights: Sequence[Sequence[float]], stays: list[bool]) -> list[bool]:
        """Which rows stay after some changes as well, weights being floats near their refits."""
        ...


@dataclass(frozen=True)
class Last:
    """All changes of the most rows.

    Attributes:
        judge: of refits one by one.
        held: of blocks.
        sums: the changes with their weights; `corrected`: the corrections of some.
        count: how many there are.
        where: the claim, for messages.
    """

    judge: Alone
    held: PackedHeld | PackedPairs
    sums: Summed
    corrected: Corrected
    count: int
    where: str

    def after(self, stays: list[bool], others: Mapping[int, Sequence[float]]) -> list[bool]:
        """Which rows stay after these changes as well.

        Args:
            stays: the rows that stay after the smaller ones.
            others: weights of some changes, by their number among all.
        """
        gc.freeze()  # the weights of all smaller changes are not looked through for garbage over and over
        try:
            return self._after(stays, others)
        finally:
            gc.unfreeze()

    def _after(self, stays: list[bool], others: Mapping[int, Sequence[float]]) -> list[bool]:
        """Every part is judged for the rows that stay after the groups before it, for any number of processes."""
        every = self._parts(others)
        while True:
            group = islice(every, TOGETHER)
            if JOBS.get() > 1:
                some = list(group)
                found = shared(partial(_of, some, stays), len(some))
            else:  # one after the other, as each has memory of its own
                found = [part(stays) for part in group]
            if not found:
                return stays
            stays = [all(ok) for ok in zip(*found, strict=True)]

    def _parts(self, others: Mapping[int, Sequence[float]]) -> Iterator[Part]:
        """The blocks, and those of them that are judged elsewhere, of the rows before it which stay after it."""
        smaller, many, few = self.sums.smaller, self.corrected.at_once, AT_ONCE
        exact = {number - smaller: weights for number, weights in others.items() if number >= smaller}
        waiting: list[tuple[int, Change, list[int]]] = []
        alone: list[tuple[Change, Sequence[float]]] = []
        for block in self.sums.blocks():
            at = self.corrected.within(block)
            gone = [self.corrected.moved[place] for place in at]
            more = [number for number in block.numbers if number in exact] if exact else []
            if both := set(more) & set(gone):
                raise Invalid(f"{self.where}, again", f"it names choice {smaller + min(both)}", "units correct it")
            alone += [(block.changes[number - block.numbers[0]], exact[number]) for number in more]
            if at:
                lists = block.lists()
                waiting += [(place, block.changes[b], [x[b] - HALF for x in lists])
                            for place, b in zip(at, (number - block.numbers[0] for number in gone), strict=True)]
            # with those that are judged elsewhere: curvature is shared out as it was for the prover
            yield partial(self._judged, block, reaches=self.held.summed, elsewhere={*gone, *more})
            while len(waiting) >= many:
                yield partial(self._corrected, waiting[:many])
                waiting = waiting[many:]
            while len(alone) >= few:
                yield partial(self._alone, alone[:few])
                alone = alone[few:]
        if waiting:
            yield partial(self._corrected, waiting)
        if alone:
            yield partial(self._alone, alone)

    def _corrected(self, some: list[tuple[int, Change, list[int]]], stays: list[bool]) -> list[bool]:
        try:
            block = self.corrected.block(some)
        except OverflowError:
            raise Invalid(f"{self.where}, units", TOO_LARGE, "corrections that fit are needed") from None
        return self._judged(block, stays, CORRECTED)

    def _alone(self, some: list[tuple[Change, Sequence[float]]], stays: list[bool]) -> list[bool]:
        return self.judge.after([change for change, _ in some], [weights for _, weights in some], stays)

    def _judged(self, block: Block, stays: list[bool], reaches: Sequence[float],
                elsewhere: Collection[int] = ()) -> list[bool]:
        which = [j for j, yes in enumerate(stays) if yes]
        if not block.size or not which:
            return stays
        kept = self.held.keep(block, which, reaches, elsewhere)
        rest = [b for b, ok in enumerate(kept) if not ok and block.numbers[b] not in elsewhere]
        if not rest:
            return stays
        lists = block.lists()
        return self.judge.after([block.changes[b] for b in rest],
                                [[(x[b] - HALF) / 2.0**V for x in lists] for b in rest], stays)


def _of(parts: Sequence[Part], stays: list[bool], number: int) -> list[bool]:
    return parts[number](stays)
