"""D12: a tree of single refits and their pairs that covers every choice of deleted rows, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.stated import nodes, oriented
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.pair_tree.tree import proved as tree_proves
from certify.format.refusal import Invalid


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
    if head.weights is not None or (head.count != 2 if head.relabels else head.count < 2):
        raise Invalid(where, "pairs of single refits are stated",
                      "they are for two and more deleted rows, and for two labels, of rows that count the same")
    if extra := {"second", "wide"} & set(arrays):
        raise Invalid(where, f"there is {sorted(extra)[0]}", "pairs of single refits have none")
    s, points = oriented(head, where)
    found = tree_proves(s, points, nodes(head, arrays, where, asked), head.moving, head.count, where)
    return [yes and old >= 0 for yes, old in zip(found, head.today, strict=True)]
