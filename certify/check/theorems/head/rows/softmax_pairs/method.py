"""D16: any one or two rows deleted from a softmax head, by single refits and their pairs, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.softmax_pairs.data import data_of
from certify.check.theorems.head.rows.softmax_pairs.stated import stated
from certify.check.theorems.head.rows.softmax_pairs.tree import proved as tree_proves


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every deletion.

    Args:
        head: the head.
        arrays: see :func:`certify.check.theorems.head.rows.softmax_pairs.stated.stated`.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays do not fit, or the theorem is not about this problem.
    """
    data = data_of(head, where)
    return tree_proves(data, stated(data, arrays, where), asked)
