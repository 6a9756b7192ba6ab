"""H5: one trapping box for all choices of changed rows, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import Margins, box, centre
from certify.check.theorems.head.rows.head import Head
from certify.format.refusal import Invalid


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `weights`, the centre; `slabs`, one number a row.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays have another form, or the theorem is not about this problem.
    """
    s, points = oriented(head, where)
    if set(arrays) != {"weights", "slabs"} or arrays["weights"].shape != (head.m,) or arrays["slabs"].shape != (
            head.n,) or not all(0 <= x < 2**48 and x == int(x) for x in arrays["slabs"].values):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      f"weights, {head.m} numbers, and slabs, {head.n} whole numbers below 2^48, are needed")
    c = centre(s, [], arrays["weights"].values)
    found = box(c, list(head.moving), head.count, slabs(arrays["slabs"].values))
    if found is None:
        return [False] * len(asked)
    margins = Margins(found, points)
    return [want and old >= 0 and margins.holds(j, set()) for j, (want, old) in
            enumerate(zip(asked, head.today, strict=True))]
