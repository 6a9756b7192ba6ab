"""D1c for one row deleted and one other relabelled: points that stay after each of these choices.

No change and single ones are judged at refits of their own. Every choice of two is judged with all those that delete
the same row, near the sum of both refits; or with others like it, near that sum corrected; or at weights of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.both_pairs.sums import PairSums
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.enumeration import AGAIN, others_of
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.logistic import Logistic
from certify.check.theorems.head.rows.refitted.last import TOO_LARGE, Last, averages, corrected_of
from certify.check.theorems.head.rows.refitted.packed import Packed, fits
from certify.check.theorems.head.rows.refitted.packed_held import PackedHeld
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after
from certify.format.canonical import show
from certify.format.refusal import Invalid

NAMES = {"basis", "moved", "shares", "units", "weights"}


@dataclass(frozen=True)
class Balls:
    """Refits one by one, in balls."""

    head: Head

    def after(self, changes: list[Change], weights: Sequence[Sequence[float]], stays: list[bool]) -> list[bool]:
        """Which rows stay after some changes as well."""
        for labels in labels_after(self.head, changes, weights):
            stays = [was and new == old for was, new, old in zip(stays, labels, self.head.today, strict=True)]
        return stays


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every choice.

    Args:
        head: the head.
        arrays: `weights`, `(1 + 2f, m)`: near the refit of all rows, without each of the f rows that may change, and
            with the other label of each; `shares`, `basis`, `moved` and `units` as of `enumeration`, the choices of two
            rows numbered by the deleted one and then the relabelled one; and of some choices, by number, in `again`
            others that are used: `exact`.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the theorem is not about this problem, or the arrays have other shapes.
    """
    rows = _rows(head, where)
    names = set(arrays) - AGAIN if set(arrays) >= AGAIN else set(arrays)
    if names != NAMES:
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}",
                      f"{show(sorted(NAMES))} are needed, and again and exact or neither")
    f, weights = len(rows), arrays["weights"]
    if weights.shape != (1 + 2 * f, head.m) or weights.kind != "f":
        raise Invalid(f"{where}, weights", f"its shape is {weights.shape}, its type {weights.kind}",
                      f"{1 + 2 * f} times {head.m} weights are needed")
    codes = [1 - head.codes.label[row] for row in rows]
    others = others_of(arrays, where, head.m) if set(arrays) >= AGAIN else {}
    try:
        sums = PairSums(rows, codes, weights.values, head.m)
    except (OverflowError, ValueError):
        raise Invalid(f"{where}, weights", TOO_LARGE, "weights whose sums fit are needed") from None
    count = f * (f - 1)
    if beyond := [number for number in others if not sums.smaller <= number < sums.smaller + count]:
        raise Invalid(f"{where}, again", f"it names choice {beyond[0]}", f"choices of two rows are numbered from "
                      f"{sums.smaller} to {sums.smaller + count - 1}")
    last = Last(Balls(head), PackedHeld(Packed(head), averages(head, arrays["shares"], where)), sums,
                corrected_of(arrays, head.m, count, where), count, where)
    stays = [yes and old >= 0 for yes, old in zip(asked, head.today, strict=True)]
    single: list[Change] = [(), *(((row, DELETED),) for row in rows)]
    single += [((row, code),) for row, code in zip(rows, codes, strict=True)]
    stays = last.judge.after(single, [weights.values[b * head.m : (b + 1) * head.m] for b in range(len(single))], stays)
    return last.after(stays, others)


def _rows(head: Head, where: str) -> tuple[int, ...]:
    """The rows that may change.

    Raises:
        Invalid: it is another problem.
    """
    kind = head.kind
    if not isinstance(kind, Both) or (kind.deleted, kind.relabelled) != (1, 1) or head.remaining or head.new:
        raise Invalid(where, "both_pairs is stated", "it is for one row deleted and one other relabelled, and a decay "
                      "that does not follow the number of rows")
    if not isinstance(head.loss, Logistic) or head.k != 1 or not fits(head):
        raise Invalid(where, "both_pairs is stated", "it is for the logistic loss of one output, and rows that count "
                      "the same and fit into whole numbers")
    if sorted(head.codes.rows) != [[-1.0], [1.0]] or head.threshold - head.threshold != 0:
        raise Invalid(where, f"labels stand for {show(head.codes.rows)}", "−1 and 1 are needed, and a finite threshold")
    return tuple(kind.moving)
