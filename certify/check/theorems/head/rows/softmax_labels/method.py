"""D18 for changed labels: every choice has weights near its refit, and keeps the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from certify.check.limits.shares import shared
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.enumeration import changes_of, others_of
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after
from certify.check.theorems.head.rows.softmax_labels.candidates import Candidates
from certify.check.theorems.head.rows.softmax_labels.margins import Margins
from certify.check.theorems.head.rows.softmax_labels.matrix import Matrix, matrix
from certify.check.theorems.head.rows.softmax_pairs.centre import centre
from certify.check.theorems.head.rows.softmax_pairs.data import Data, in_numbers
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.format.refusal import Invalid

AT_ONCE, TOGETHER = 16, 64
"""Choices of a batch, and batches that are shared among processes."""
MATRICES = 8
"""Most matrices, as each takes an inverse; runs state two."""
NAMES = {"weights", "again", "exact", "parts"}


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label whichever one label is wrong, and if none is.

    Args:
        head: the head.
        arrays: `weights`, `(choices, km)` for no change and every choice in the order of enumerations; of some, by
            number, in `again` others that are used: `exact`, that of no change among them; `parts`, `(M, n)` what of
            each row's curvature is in each of M matrices.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays do not fit, or the theorem is not about this problem.
    """
    if not head.relabels or head.count != 1:
        raise Invalid(where, "another change than that of one label", "one label that changes is needed")
    data, size = in_numbers(head, where), head.k * head.m
    changes = list(changes_of(head))
    if set(arrays) != NAMES:
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", f"{', '.join(sorted(NAMES))} are needed")
    weights = arrays["weights"]
    if weights.shape != (len(changes), size) or weights.kind != "f":
        raise Invalid(f"{where}.weights", f"its shape is {weights.shape}", f"{len(changes)} choices of {size} weights "
                      "are needed")
    others = others_of(arrays, where, size)
    if beyond := [number for number in others if not 0 <= number < len(changes)]:
        raise Invalid(f"{where}.again", f"it names choice {beyond[0]}", f"there are {len(changes)}, numbered from 0")
    if 0 not in others:
        raise Invalid(f"{where}.again", "choice 0 is missing", "the weights of no change are needed in eight bytes")
    if not all(sorted(row) == [0.0] * (head.k - 1) + [1.0] for row in head.codes.rows):
        raise Invalid(where, "a label stands for no unit vector", "cross-entropy of classes is needed")
    stays = [yes and old >= 0 for yes, old in zip(asked, data.today, strict=True)]
    parts = _parts(arrays["parts"], data.n, where)
    known = _known(data, others[0], parts, [j for j, yes in enumerate(stays) if yes])

    def after(at: int, before: list[bool]) -> list[bool]:
        some = range(at, min(at + AT_ONCE, len(changes)))
        V = [others.get(b, weights.values[b * size : (b + 1) * size]) for b in some]
        return _after(data, known, [changes[b] for b in some], V, before)

    for start in range(0, len(changes), AT_ONCE * TOGETHER):
        starts = range(start, min(start + AT_ONCE * TOGETHER, len(changes)), AT_ONCE)

        def one(number: int, starts: range = starts, before: list[bool] = stays) -> list[bool]:
            return after(starts[number], before)

        stays = [all(some) for some in zip(*shared(one, len(starts)), strict=True)]
    return stays


def _parts(array: Array, n: int, where: str) -> list[list[float]]:
    """By matrix what of each row's curvature is in it.

    Raises:
        Invalid: the shape is another one, there are too many, or a number is not from 0 to 1.
    """
    if len(array.shape) != 2 or array.shape[1] != n or array.kind != "f" or not array.shape[0]:
        raise Invalid(f"{where}.parts", f"its shape is {array.shape}", f"{n} numbers of each matrix are needed")
    if array.shape[0] > MATRICES:
        raise Invalid(f"{where}.parts", f"there are {array.shape[0]} matrices", f"{MATRICES} at most are needed")
    if not all(0.0 <= x <= 1.0 for x in array.values):
        raise Invalid(f"{where}.parts", "a number is not from 0 to 1", "such are needed")
    return [list(map(float, array.values[at * n : at * n + n])) for at in range(array.shape[0])]


@dataclass(frozen=True)
class Known:
    """What all choices share: gradients at steps, margins, and the matrices that are proved to be some."""

    gradients: Gradients
    margins: Margins
    matrices: list[Matrix]


def _known(data: Data, weights: Sequence[float], parts: list[list[float]], live: Sequence[int]) -> Known | None:
    """All of it for the points in question; None where there is none."""
    try:
        if not live or (c := centre(data, weights, None)) is None:
            return None
        found = [matrix(c, h, live) for h in parts]
        return Known(Gradients(replace(c, tie=0.0)), Margins(c, live), [one for one in found if one is not None])
    except (OverflowError, ValueError):  # numbers that no double holds: nothing is proved by matrices
        return None


def _after(data: Data, known: Known | None, changes: Sequence[Change], V: Sequence[Sequence[float]],
           stays: list[bool]) -> list[bool]:
    """Which points stay after some choices as well: by a matrix, or by distances without one (D1)."""
    open_ = [{j for j, yes in enumerate(stays) if yes}] * len(changes)
    if known is not None:
        try:
            found = Candidates(known.gradients, changes, V, known.margins)
            for one in known.matrices:
                open_ = [a & b for a, b in zip(open_, one.open(found, open_), strict=True)]
        except (OverflowError, ValueError):
            pass  # nothing is proved by these
    rest = [b for b, some in enumerate(open_) if some]
    found_labels = labels_after(data.head, [changes[b] for b in rest], [V[b] for b in rest]) if rest else []
    kept = list(stays)
    for b, labels in zip(rest, found_labels, strict=True):
        for j in open_[b]:
            kept[j] = kept[j] and labels[j] == data.today[j]
    return kept
