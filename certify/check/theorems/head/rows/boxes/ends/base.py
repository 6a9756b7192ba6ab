"""D6, what is proved at the minimisers of a tree's nodes and leaves: one class a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.trap import Centre

Leaves = Sequence[tuple[int, Sequence[float]]]
"""Pairs of a row and weights."""


class End(ABC):
    """What is known near a node's centre.

    Args:
        c: the centre.
    """

    def __init__(self, c: Centre) -> None:
        self.c = c

    @abstractmethod
    def pulling(self, free: list[int]) -> list[int]:
        """The free rows but for some of which any number, changed together, leave the minimiser where it is."""

    @abstractmethod
    def alone(self, e: Points, wanted: list[int]) -> list[bool]:
        """Whether points lie above their levels at the minimiser."""

    @abstractmethod
    def open(self, free: list[int], e: Points) -> dict[int, list[int]]:
        """At k = 1 and without a box: rows that need a leaf, each with the points that ask for it."""

    @abstractmethod
    def refused(self, stated: Leaves, e: Points, rows: dict[int, int], needed: dict[int, list[int]]) -> set[int]:
        """The points that a leaf they need does not prove.

        Args:
            stated: all leaves.
            e: the points.
            rows: of a changed row the number of its leaf.
            needed: of changed rows the points that ask for their leaves.
        """
