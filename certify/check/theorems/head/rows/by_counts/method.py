"""D19: each number of rows of each label that may go has a tree of boxes, with the weights that are then balanced."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import box_tree
from certify.check.theorems.head.rows.by_counts.cases import cases, following, head_of
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.format.canonical import show
from certify.format.refusal import Invalid


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label whichever rows are left out.

    Args:
        head: a head whose labels are balanced.
        arrays: for each case of a rows of label 0 and b of label 1 those of a tree, named `a-b.box_tree.…`; and
            `weights` (km) near the refit of all rows.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: a case has no tree, there are arrays of none, or the theorem is not about this problem.
    """
    if not head.balanced or head.relabels or len(head.codes.rows) != 2:
        raise Invalid(where, "by_counts is stated", "it is for rows left out, and balanced weights of two labels")
    every = {f"{a}-{b}": (a, b) for a, b in cases(head, where)}
    trees: dict[str, dict[str, Array]] = {}
    whole = arrays.get("weights")
    if whole is None or whole.shape != (head.m,) or whole.kind != "f":
        raise Invalid(f"{where}.weights", "they are missing, or of another form", f"{head.m} numbers are needed")
    for name, array in ((name, array) for name, array in arrays.items() if array is not whole):
        case, _, part = name.partition(".box_tree.")
        trees.setdefault(case, {})[part] = array
    if set(trees) != set(every):
        raise Invalid(where, f"there are trees of {show(sorted(trees))}", f"those of {show(sorted(every))} are needed: "
                      "each so many rows of the two labels, as may be left out")
    labels, = labels_after(head, [()], [list(whole.values)])
    stays = [want and 0 <= old == now for want, old, now in zip(asked, head.today, labels, strict=True)]
    for name, gone in every.items():
        found = box_tree.proved(head_of(head, gone), trees[name], f"{where}.{name}", asked, following(head, gone))
        stays = [was and ok for was, ok in zip(stays, found, strict=True)]
    return stays
