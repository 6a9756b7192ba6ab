"""How many rows of each label may be left out, and the head whose weights and decay are those of such a case."""

from __future__ import annotations

from dataclasses import replace

from flint import arb

from certify.check.theorems.head.rows.boxes.tree import Follow
from certify.check.theorems.head.rows.head import Head
from certify.format.refusal import Invalid

Case = tuple[int, int]
"""So many rows of label 0 and of label 1 are left out."""


def cases(head: Head, where: str) -> list[Case]:
    """Every way in which 1 to `count` of the rows that may go fall on the two labels.

    Raises:
        Invalid: a label may lose all its rows.
    """
    label = head.codes.label
    own = [sum(label[row] == y for row in head.moving) for y in (0, 1)]
    for y in (0, 1):
        if label.count(y) <= min(head.count, own[y]):
            raise Invalid(where, "by_counts is stated", f"label {y} may lose all its {label.count(y)} rows, and then "
                          "balanced weights have no meaning")
    return [(a, b) for a in range(min(head.count, own[0]) + 1) for b in range(min(head.count - a, own[1]) + 1) if a + b]


def head_of(head: Head, case: Case) -> Head:
    """The head whose rows carry the weights of a case, which stay, and of whose rows any that the case has are deleted.

    Divided by `n'/(2n'_0n'_1)` the weights `n'/(2n'_y)` of the rows that are left are the whole numbers of the other
    label, `n'_0n'_1/n'_y`, and μ becomes `2μn'_0n'_1/n'`. The rows are those of the labels that lose one.
    """
    label = head.codes.label
    left = [label.count(y) - gone for y, gone in enumerate(case)]
    return replace(
        head, balanced=False, kind=None, weights=[arb(left[1 - y]) for y in label],
        decay=head.decay * (2 * left[0] * left[1]) / sum(left), count=sum(case),
        moving=tuple(row for row in head.moving if case[label[row]]))


def following(head: Head, case: Case) -> Follow:
    """Which rows may follow others: of a label of which fewer have changed than the case has."""
    label = head.codes.label

    def of(out: list[int], free: list[int]) -> list[int]:
        left = [gone - sum(label[i] == y for i in out) for y, gone in enumerate(case)]
        return [i for i in free if left[label[i]] > 0]

    return of
