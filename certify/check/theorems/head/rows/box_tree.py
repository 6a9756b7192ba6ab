"""D6: a tree of trapping boxes that covers every choice of changed rows, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.stated import nodes, oriented
from certify.check.theorems.head.rows.boxes.tree import Follow
from certify.check.theorems.head.rows.boxes.tree import proved as tree_proves
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.on_slabs import LOGISTIC, ON_SLABS
from certify.format.refusal import Invalid


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool], follow: Follow | None = None,
           ) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: the tree, see :func:`certify.check.theorems.head.rows.boxes.stated.nodes`.
        where: the claim, for messages.
        asked: the rows in question.
        follow: where exactly so many rows of each kind change, which rows may follow others; None: at most so many.

    Raises:
        Invalid: the arrays are no tree, or the theorem is not about this problem.
    """
    loss = next((one for one in ON_SLABS if isinstance(head.loss, one.of)), LOGISTIC)
    s, points = oriented(head, where, loss)
    if follow is not None and loss is not LOGISTIC:
        raise Invalid(where, "a tree for so many rows of each kind", "it is for the logistic loss")
    if (head.weights is not None or loss is not LOGISTIC) and "second" in arrays and any(
            not x < 0 for x in arrays["second"].values):
        raise Invalid(f"{where}, second", "the second order is stated", "it is for the logistic loss and rows that "
                      "count the same")
    found = tree_proves(s, points, nodes(head, arrays, where, asked), head.moving, head.count, where,
                        follow, loss)
    return [yes and old >= 0 for yes, old in zip(found, head.today, strict=True)]
