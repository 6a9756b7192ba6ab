"""The right labels of evaluation rows (V67): of one output 1 above the threshold and else 0, otherwise classes."""

from __future__ import annotations

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.format.canonical import show
from certify.format.refusal import Invalid

WHERE = "labels of the evaluation file"


def right_labels(head: Head, given: Array | None) -> list[int]:
    """Every row's right label, counted as those of today.

    Raises:
        Invalid: there is none for a row, or what stands there is no label.
    """
    N = len(head.today)
    if given is None:
        raise Invalid(WHERE, "there are none", "they are needed where right labels are counted")
    if given.shape not in ((N,), (N, 1), (N, head.k)):
        raise Invalid(WHERE, f"their shape is {given.shape}", f"one label for each of {N} rows is needed")
    values = list(given.values)
    if head.k == 1:
        return _sides(head, values)
    if len(values) == N:
        return [_class(head, value) for value in values]
    return [_largest(values[j * head.k : (j + 1) * head.k]) for j in range(N)]


def _sides(head: Head, values: list[float]) -> list[int]:
    """Two labels, -1 and 1 or 0 and 1, where the training targets are -1 and 1; else on which side of the threshold.

    The threshold parts outputs, log-odds for one, and not these labels: 0 is the first of them whatever it is.
    """
    if all(value in (-1.0, 1.0) for target in head.targets for value in target):
        low = -1.0 if min(values) < 0 else 0.0
        if set(values) <= {low, 1.0}:
            return [int(value > 0) for value in values]
        if head.threshold == 0:
            raise Invalid(WHERE, f"a label is {next(v for v in values if v not in (low, 1.0))!r}",
                          "-1 and 1, or 0 and 1, are needed")
    if head.threshold in values:
        raise Invalid(WHERE, f"one is {head.threshold!r}", "that is the threshold itself, which is no label")
    return [int(value > head.threshold) for value in values]


def _class(head: Head, value: float) -> int:
    if value not in range(head.k):
        raise Invalid(WHERE, f"a label is {value!r}", f"they are {show(list(range(head.k)))}")
    return int(value)


def _largest(row: list[float]) -> int:
    if row.count(max(row)) > 1:
        raise Invalid(WHERE, f"a row is {show(row)}", "one entry has to be the largest")
    return row.index(max(row))
