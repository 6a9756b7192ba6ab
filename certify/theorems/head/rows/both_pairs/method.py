"""D1c for one row deleted and one other relabelled, as certificates state it."""

from __future__ import annotations

from typing import ClassVar

from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.both_pairs.walk import PairWalk
from certify.theorems.head.rows.both_refits.method import BothRefits
from certify.theorems.head.rows.both_refits.walk import Walk

LOOKS = 1_000_000_000
"""Most choices times rows: a checker looks at each, some 3 million a second, so for six minutes at most."""

FEW = 1000
"""Choices of fewer of which each is refitted instead: 2.4 ms each in a check of 426 rows, and it rests on less."""


class BothPairs(BothRefits):
    """Any one row deleted and any one other relabelled, of a logistic head with one output: every choice by itself."""

    name: ClassVar[str] = "both_pairs"
    walk: ClassVar[type[Walk]] = PairWalk

    def able(self, head: Head, change: BothChange) -> str:
        """Whether the choices can be counted out, and checked again."""
        if head.loss.shifted or (change.deleted, change.relabelled) != (1, 1):
            return "certificates state one row deleted and one other relabelled of a logistic head, and no more"
        if (leaves := change.leaves(head)) * head.n > LOOKS:
            return f"there are {leaves} choices of {head.n} rows, and a checker would take more than some minutes"
        return super().able(head, change)

    def complete(self, head: Head, change: BothChange) -> bool:
        """The choices that take most of a point are refitted first; but where there are few choices all of them are."""
        return change.leaves(head) >= FEW and super().complete(head, change)
