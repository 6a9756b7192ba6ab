"""D3 for tolerances: with the squared loss both ends of every number of changed labels come from one sort."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.claims import whole_numbers
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.squared.ridge import nearest, ridge_of
from certify.check.theorems.head.rows.squared_labels import Labels
from certify.format.refusal import Invalid


def check_sorted(head: Head, arrays: Mapping[str, Array], low: list[int], high: list[int], where: str) -> None:
    """Every row that is marked has the ends that are stated; every other states nothing.

    Args:
        head: the head.
        arrays: `squared_labels` alone, 1 for every evaluation row whose ends are proved.
        low, high: the ends.
        where: the claim, for messages.

    Raises:
        Invalid: that is not so, or the theorem is not about this problem.
    """
    if set(arrays) != {"squared_labels"} or not isinstance(head.loss, Squared) or not head.relabels:
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      "squared_labels alone, of changed labels and the squared loss, is needed")
    if head.balanced or head.labelled is not None:
        raise Invalid(where, "squared_labels is stated", "weights go by the labels, and that is for weights that stay")
    marked = whole_numbers(arrays["squared_labels"], f"{where}.squared_labels", (len(low),))
    change, moving = AnyRows(head.change.labels, True, head.count, head.moving), set(head.moving)
    may = [change.may(i) if i in moving else [] for i in range(head.n)]
    labels = Labels(ridge_of(head), head.targets, head.codes.rows, may, head.threshold)
    at = [j for j, mark in enumerate(marked) if mark == 1 and head.today[j] >= 0]
    every = head.evaluated.tolist()
    points, loose = nearest([every[j] for j in at])
    today = [head.today[j] for j in at]
    stays = dict(zip(at, labels.stays(points, today, [low[j] for j in at], loose), strict=True))
    falls = dict(zip(at, labels.falls(points, today, [high[j] + 1 for j in at], loose), strict=True))
    for j, (least, most) in enumerate(zip(low, high, strict=True)):
        if least > 0 and not stays.get(j, False):
            raise Invalid(f"{where}, row_lower of row {j}", f"{least} is stated", "that is not proved")
        if most < head.count and not falls.get(j, False):
            raise Invalid(f"{where}, row_upper of row {j}", f"{most} is stated", "that is not proved")
