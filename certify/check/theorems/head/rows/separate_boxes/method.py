"""D34: boxes of outputs that are fitted apart, and a tree of them, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.separate_boxes.outputs import outputs_of
from certify.check.theorems.head.rows.separate_boxes.stated import tree_of
from certify.check.theorems.head.rows.separate_boxes.tree import Follow


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: the tree, see :mod:`certify.check.theorems.head.rows.separate_boxes.stated`.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays are no tree, or the theorem is not about this problem.
    """
    o = outputs_of(head, where)
    tree = tree_of(o, arrays, where)
    open_, numbers = Follow(o, tree).open(), tree.nodes[0].numbers
    return [want and old >= 0 and numbers[j] >= 0 and j not in open_
            for j, (want, old) in enumerate(zip(asked, head.today, strict=True))]
