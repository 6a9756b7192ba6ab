"""D16: choices that no bound proves, each judged by a refit of its own (D1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.refitted.judge import Judge
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after
from certify.check.theorems.head.rows.softmax_pairs.data import Data
from certify.check.theorems.head.rows.softmax_pairs.stated import Stated

AT_ONCE, OWN, BESIDE = 64, 96, 16
"""Leaves at a time; and choices without one that are refitted here, as bounds differ a little, at the root and at each
child."""


@dataclass
class Leaves:
    """Which points keep their label at named refits, each looked at once.

    Attributes:
        data: the head; `stated`: the weights of the leaves; `live`: the points in question.
        all_kept: by pair the points that were proved together; `labels`: labels at refits that were looked
            at alone; `refits`: how many of these are this program's own, of `most`.
    """

    data: Data
    stated: Stated
    live: list[int]
    labels: dict[tuple[int, ...], list[int]] = field(default_factory=dict)
    all_kept: dict[tuple[int, ...], set[int]] = field(default_factory=dict)
    refits: int = 0
    most: int = field(default_factory=lambda: OWN)

    def beside(self) -> Leaves:
        """The same for a child, which counts its own refits: what it finds is the same in any process."""
        return Leaves(self.data, self.stated, self.live, self.labels, self.all_kept, 0, min(BESIDE, self.most))

    def keep(self, rows: tuple[int, ...], j: int, refit: Callable[[], list[float]] | None) -> bool:
        """Whether a point keeps its label without one or two rows: at a leaf, or of a few at weights found here.

        Args:
            rows: the rows.
            j: the point.
            refit: finds weights; None: leaves and what is known count alone.
        """
        named = self.stated.leaves.get((rows[0], rows[-1])) if len(rows) == 2 else None
        if named is not None:
            if not self.all_kept:
                self.together()
            if j in self.all_kept[rows]:
                return True
        if rows not in self.labels:
            if named is None:
                if refit is None or self.refits >= self.most:
                    return False
                self.refits += 1
                named = refit()
            self.labels[rows] = labels_after(self.data.head, [_deleted(rows)], [named])[0]
        return self.labels[rows][j] == self.data.today[j]

    def together(self) -> None:
        """Find the leaves at which all points in question are soon proved to keep their labels."""
        packed, pairs = Judge(self.data.head).packed, list(self.stated.leaves)
        for at in range(0, len(pairs), AT_ONCE):
            some = pairs[at : at + AT_ONCE]
            kept = [False] * len(some) if packed is None else packed.keep(
                [_deleted(pair) for pair in some], [self.stated.leaves[pair] for pair in some], self.live)
            self.all_kept |= {pair: set(self.live) if ok else set() for pair, ok in zip(some, kept, strict=True)}


def _deleted(rows: tuple[int, ...]) -> Change:
    return tuple((i, DELETED) for i in rows)
