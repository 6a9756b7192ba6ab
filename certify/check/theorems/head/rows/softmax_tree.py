"""D10: a tree of softmax boxes that covers every choice of changed rows, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.softmax.tree import proved as tree_proves
from certify.check.theorems.head.rows.softmax.tree_stated import nodes
from certify.check.theorems.head.rows.softmax_box import about
from certify.format.refusal import Invalid

DEEPEST = 128
"""Most changed rows."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: the tree, see :func:`certify.check.theorems.head.rows.softmax.tree_stated.nodes`.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays are no tree, or the theorem is not about this problem.
    """
    about(head, where)
    if head.count > DEEPEST:
        raise Invalid(where, f"{head.count} rows may change", f"a tree is for {DEEPEST} at most")
    good = tree_proves(head, nodes(head, arrays, where), asked)
    return [yes and want and old >= 0 for yes, want, old in zip(good, asked, head.today, strict=True)]
