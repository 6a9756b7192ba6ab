"""D17: a tree of hot rows in which all choices of the others are looked at one by one, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.stated import nodes, oriented
from certify.check.theorems.head.rows.by_choice.tree import proved as tree_proves
from certify.check.theorems.head.rows.head import Head
from certify.format.refusal import Invalid

COUNTS = (2, 3)
"""Deleted rows that the theorem is about."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every deletion.

    Args:
        head: the head.
        arrays: the tree, as :func:`certify.check.theorems.head.rows.boxes.stated.nodes` has it; codes for slabs.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays are no tree, or the theorem is not about this problem.
    """
    if head.weights is not None or head.relabels or head.count not in COUNTS:
        raise Invalid(where, "choices one by one are stated",
                      "they are for two and three deleted rows that count the same")
    if extra := {"second", "wide"} & set(arrays):
        raise Invalid(where, f"there is {sorted(extra)[0]}", "choices one by one have none")
    s, points = oriented(head, where)
    found = tree_proves(s, points, nodes(head, arrays, where, asked), head.moving, head.count, where)
    return [yes and old >= 0 for yes, old in zip(found, head.today, strict=True)]
