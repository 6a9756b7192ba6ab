"""Which labels stay after changes: many refits at a time in whole numbers, what these leave open in balls."""

from __future__ import annotations

from collections.abc import Sequence

from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.packed import Packed, fits
from certify.check.theorems.head.rows.refitted.packed_softmax import PackedSoftmax
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after


class Judge:
    """D1 for batches of refits.

    Attributes:
        packed: the head in whole numbers; None where it does not fit.

    Args:
        head: the head.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.packed = None if not fits(head) else Packed(head) if head.loss.sigmoid else PackedSoftmax(head)

    def after(self, changes: list[Change], V: Sequence[Sequence[float]], stays: list[bool]) -> list[bool]:
        """Which rows stay after changes of equally many rows as well.

        Args:
            changes: the changes.
            V: weights near their refits.
            stays: the rows that stayed so far.
        """
        which = [j for j, yes in enumerate(stays) if yes]
        kept = self.packed.keep(changes, V, which) if self.packed else [False] * len(changes)
        rest = [b for b, ok in enumerate(kept) if not ok]
        for labels in labels_after(self.head, [changes[b] for b in rest], [V[b] for b in rest]):
            stays = [was and new == old for was, new, old in zip(stays, labels, self.head.today, strict=True)]
        return stays
