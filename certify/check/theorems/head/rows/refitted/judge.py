"""Which labels stay after changes: many refits at a time in whole numbers, what these leave open in balls."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.block import Block, ones
from certify.check.theorems.head.rows.refitted.packed import HALF, Packed, V, fits, packed
from certify.check.theorems.head.rows.refitted.packed_pairs import PackedPairs
from certify.check.theorems.head.rows.refitted.packed_softmax import PackedSoftmax
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after

FEW = 64
"""Weights of which a form is made (D1f): a factor of it is as many numbers squared, each a sum in Python."""


class Judge:
    """D1 for batches of refits.

    Attributes:
        packed: the head in whole numbers; None where it does not fit.
        pairs: the same with D1f, for a softmax head of few weights.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.packed = None if not fits(head) else Packed(head) if head.loss.sigmoid else PackedSoftmax(head)
        whole, small = self.packed, head.k * head.m <= FEW
        self.pairs = PackedPairs(whole) if isinstance(whole, PackedSoftmax) and small else None

    def after(self, changes: list[Change], weights: Sequence[Sequence[float]], stays: list[bool]) -> list[bool]:
        """Which rows stay after changes of equally many rows as well.

        Args:
            changes: the changes.
            weights: floats near their refits.
            stays: the rows that stayed so far.
        """
        which = [j for j, yes in enumerate(stays) if yes]
        if not which:
            return stays
        kept = self._kept(changes, weights, which)
        rest = [b for b, ok in enumerate(kept) if not ok]
        for labels in labels_after(self.head, [changes[b] for b in rest], [weights[b] for b in rest]):
            stays = [was and new == old for was, new, old in zip(stays, labels, self.head.today, strict=True)]
        return stays

    def _kept(self, changes: list[Change], weights: Sequence[Sequence[float]], which: Sequence[int]) -> list[bool]:
        """After which changes all of some points are proved to keep today's label."""
        none = [False] * len(changes)
        if self.packed is None:
            return none
        kept = none if self.pairs is None else self._by_pairs(self.pairs, changes, weights, which)
        rest = [b for b, ok in enumerate(kept) if not ok]
        # where all weights decay D1 needs no form, and decides more of long weights
        more = self.packed.keep([changes[b] for b in rest], [weights[b] for b in rest], which) if rest else []
        for b, ok in zip(rest, more, strict=True):
            kept[b] = ok
        return kept

    @staticmethod
    def _by_pairs(pairs: PackedPairs, changes: list[Change], weights: Sequence[Sequence[float]],
                  which: Sequence[int]) -> list[bool]:
        bias, unit = HALF * ones(len(changes)), 2.0**V
        try:
            columns = [packed([int(v * unit) for v in column], bias) for column in zip(*weights, strict=True)]
        except (OverflowError, ValueError):  # too large, or no number
            return [False] * len(changes)
        return pairs.keep(Block(list(range(len(changes))), changes, columns), which, again=False)
