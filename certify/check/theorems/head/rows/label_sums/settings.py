"""D20, the settings: what rows count before and after a change, and which choices are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp

from flint import arb

from certify.check.linalg.balls import ONE, ZERO
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums, power, sums
from certify.check.theorems.head.rows.boxes.margins import Points, points
from certify.check.theorems.head.rows.boxes.stated import exact_rows
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.logistic import Logistic
from certify.format.canonical import show
from certify.format.refusal import Invalid

Group = tuple[list[int], int]
"""Places of changes, and how many of them a choice has."""


@dataclass(frozen=True)
class Setting:
    """A sum whose weights do not follow counts of labels, and the choices that are about it.

    Attributes:
        sums: the oriented rows; what they count is at most 1.
        after: what every row counts with its other label, in the same unit.
        rows: those that may change, a change each.
        k: most changes of a choice.
        kinds: every choice has so many changes of each group of one of these; the choice of none is one, too.
    """

    sums: Sums
    after: list[arb]
    rows: list[int]
    k: int
    kinds: list[list[Group]]


def settings(head: Head, where: str) -> dict[str, Setting]:
    """The head as it is, of the name ""; of balanced weights one of the name `a-b` for each pair of numbers of changes.

    With `n'_y` rows of label y after them, and divided by `n/(2n'_0n'_1)`, a row weighs as many rows as the other label
    has, and `μ = 2μn'_0n'_1/n`.

    Raises:
        Invalid: the theorem is not about this problem, or a label may lose all its rows.
    """
    rows, label, f = list(head.moving), head.codes.label, len(head.moving)
    oriented = [[x * y[0] for x in row] for row, y in zip(exact_rows(head.rows, where), head.targets, strict=True)]
    own = [ONE] * head.n if head.weights is None else head.weights
    if not head.balanced:
        after = own if head.labelled is None else [head.labelled[1 - y] for y in label]
        kinds: list[list[Group]] = [[(list(range(f)), size)] for size in range(min(head.count, f) + 1)]
        return {"": _setting(head, (oriented, own, after, head.mu()), rows, kinds)}
    found = {}
    places = [[a for a, row in enumerate(rows) if label[row] == y] for y in (0, 1)]
    for first in range(min(head.count, len(places[0])) + 1):
        for second in range(min(head.count - first, len(places[1])) + 1):
            left = (label.count(0) - first + second, label.count(1) - second + first)
            if not min(left) > 0:
                raise Invalid(where, "label_sums is stated", f"a label may lose all its rows by {first} and {second} "
                              "changes, and then balanced weights have no meaning")
            if first + second:
                weights = [arb(left[1 - y]) for y in label]
                after = [arb(left[y]) for y in label]
                mu = head.mu() * (2 * left[0] * left[1]) / head.n
                numbers = [(own_places, size) for own_places, size in zip(places, (first, second), strict=True) if size]
                found[f"{first}-{second}"] = _setting(head, (oriented, weights, after, mu), rows, [numbers])
    return found


def _setting(head: Head, what: tuple[list[list[float]], list[arb], list[arb], arb], rows: list[int],
             kinds: list[list[Group]]) -> Setting:
    """A setting of some of the rows that may change, in a unit in which no row counts more than 1."""
    oriented, weights, after, mu = what
    used = sorted({a for kind in kinds for group, _ in kind for a in group})
    place = {a: at for at, a in enumerate(used)}
    unit = power(-max((frexp(float(c.upper()))[1] for c in weights), default=0))
    decay = [mu * unit] * (head.m - 1) + [ZERO if head.free_intercept else mu * unit]
    return Setting(
        sums(oriented, decay, True, [c * unit for c in weights]), [c * unit for c in after], [rows[a] for a in used],
        max(sum(size for _, size in kind) for kind in kinds),
        [[([place[a] for a in group], size) for group, size in kind] for kind in kinds])


def require_labels(head: Head, where: str) -> None:
    """Changed labels of a logistic head of one output, whatever its threshold.

    Raises:
        Invalid: it is another problem.
    """
    if not isinstance(head.loss, Logistic) or head.k != 1 or head.remaining or head.threshold - head.threshold != 0:
        raise Invalid(where, "label_sums is stated", "it is for the logistic loss, a fixed decay, a finite threshold")
    if not head.relabels or head.kind is not None or head.new:
        raise Invalid(where, "label_sums is stated", "it is for any rows whose labels change")
    if head.count < 1 or not head.moving:
        raise Invalid(where, f"{head.count} of {len(head.moving)} labels change", "at least one is needed")
    if sorted(head.codes.rows) != [[-1.0], [1.0]]:
        raise Invalid(where, f"labels stand for {show(head.codes.rows)}", "sums of steps are for −1 and 1")


def seen(head: Head, asked: Sequence[int], where: str) -> Points:
    """Evaluation rows times today's side of the threshold.

    Raises:
        Invalid: their inputs are not exact.
    """
    rows = exact_rows(head.evaluated.tolist(), where)
    signs = {j: 1.0 if head.today[j] == 1 else -1.0 for j in asked}
    return points([[x * signs[j] for x in rows[j]] for j in asked], head.m,
                  [signs[j] * head.threshold for j in asked])
