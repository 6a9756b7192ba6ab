"""D1: how many rows may be left out or relabelled until a prediction changes, for every evaluation row (V69)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flint import arb_mat, ctx

from certify.check.reading import label_rules
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Witness, stated
from certify.check.reading.side import array_start
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder
from certify.check.theorems.head.rows.claims import (
    FLIPS,
    HYPOTHESES,
    arrays_of,
    check_classes,
    check_methods,
    flipped_by,
    read,
    whole_numbers,
    within_doubles,
)
from certify.check.theorems.head.rows.head import BITS, Head, head_at
from certify.check.theorems.head.rows.tolerance.by_sorting import check_sorted
from certify.format.canonical import Json, show
from certify.format.methods import FIRST, OPEN
from certify.format.refusal import Invalid

SORTED = "squared_labels"
"""The array of the rows whose ends are both those of D3."""


@dataclass(frozen=True)
class Tolerances(Witness):
    """Several arrays, whose names begin with `array`."""

    array: str | None = stated(array_start)

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """What a label is."""
        return label_rules.scope(problem)


def check_form(claim: Claim[Tolerances], problem: Problem) -> None:
    """V8: ends of every evaluation row, whole numbers up to the count, and what half of them reach.

    Raises:
        Invalid: the claim has another form.
    """
    N, count, where = len(problem.evaluation), problem.count or 0, claim.where
    if (claim.lower, claim.upper, claim.rows, claim.witness.array) == (None, None, (), None):
        return  # it says nothing
    if claim.rows != tuple(range(N)) or not N:
        raise Invalid(f"{where}.rows", show(list(claim.rows)), f"the evaluation rows are 0 to {N - 1}")
    for row, low, high in zip(claim.rows, claim.row_lower, claim.row_upper, strict=True):
        if low is None or high is None or low % 1 or high % 1 or not 0 <= low <= high <= count:
            raise Invalid(f"{where}.row_lower, .row_upper of row {row}", show([low, high]),
                          f"whole numbers from 0 to {count} are needed, the first not above the second")
    ends = [half(claim.row_lower), half(claim.row_upper)]
    if [claim.lower, claim.upper] != ends:
        raise Invalid(f"{where}.lower, .upper", show([claim.lower, claim.upper]),
                      f"the largest numbers that half of the rows reach are {show(ends)}")
    if claim.witness.array is None:
        raise Invalid(f"{where}.witness", "array is missing", "the proofs are needed")


def half(values: tuple[float | int | None, ...]) -> float:
    """The largest number that at least half of some numbers reach."""
    known = sorted((float(v) for v in values if v is not None), reverse=True)
    return known[(len(known) + 1) // 2 - 1]


def check_ends(claim: Claim[Tolerances], ladder: Ladder, side: Side) -> None:
    """Every lower end by the proofs for its number of rows, every upper end by a change that flips.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.witness.array is None:
        return
    where, arrays = f"{claim.where}, arrays {claim.witness.array}", arrays_of(claim.witness.array, side)
    with ctx.workprec(BITS):
        head = head_at(ladder)
        centre = arrays.pop("centre", None)  # of `base`, which reads it where the intercept is free
        if centre is None or centre.shape != (head.k * head.m,) or centre.kind != "f":
            raise Invalid(f"{where}.centre", "it is missing, or of another form",
                          f"{head.k * head.m} weights are needed")
        low = [int(v or 0) for v in claim.row_lower]
        high = [int(v or 0) for v in claim.row_upper]
        if SORTED in arrays:
            with within_doubles(where, "both ends of rows are stated"):
                check_sorted(head, arrays, low, high, where)
            return
        flips = {name: arrays.pop(f"flips.{name}") for name in FLIPS if f"flips.{name}" in arrays}
        with within_doubles(where, "upper ends of rows are stated"):
            _check_upper(head, high, flips, where)
        proved = [0] * len(low)
        parts: dict[str, dict[str, Array]] = {}
        for name, array in arrays.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = array
        for part, some in sorted(parts.items()):
            for j, count in _proved(head, part, some, f"{where}.{part}", ladder):
                proved[j] = max(proved[j], count)
        for j, (said, found) in enumerate(zip(low, proved, strict=True)):
            if said > found:
                raise Invalid(f"{claim.where}.row_lower of row {j}", f"{said} is stated", f"{found} is proved")


def _check_upper(head: Head, high: list[int], flips: dict[str, Array], where: str) -> None:
    """An upper end below the count has a change of one row more, or fewer, that flips the row."""
    turned = flipped_by(head, flips, where) if flips else [False] * len(high)
    for j, (most, yes) in enumerate(zip(high, turned, strict=True)):
        size = head.count + 1
        if yes:
            width = flips["rows"].shape[1]
            at = int(flips["point"].values[j]) * width
            size = max(1, sum(int(row) != -1 for row in flips["rows"].values[at : at + width]))
        if most < size - 1:
            raise Invalid(f"{where}, row_upper of row {j}", f"{most} is stated",
                          f"a change of at most {most + 1} rows that flips it is needed" if most < head.count else "")


def _proved(head: Head, part: str, arrays: dict[str, Array], where: str, ladder: Ladder) -> list[tuple[int, int]]:
    """Evaluation rows that are proved to stay under any so many changes, the number being the name of the part."""
    if not part.isdecimal() or str(int(part)) != part or not 1 <= int(part) <= head.count:
        raise Invalid(where, f"there are arrays of {show(part)}", f"numbers of rows from 1 to {head.count} are needed")
    count, points = int(part), arrays.pop("points", None)
    at = whole_numbers(points, f"{where}.points", () if points is None else points.shape)
    if len(set(at)) < len(at) or not all(0 <= j < len(head.today) for j in at) or not at:
        raise Invalid(f"{where}.points", show(at), "numbers of evaluation rows, each once, are needed")
    every = head.evaluated.tolist()
    some = replace(head, count=count, evaluated=arb_mat([every[j] for j in at]), lengths=[head.lengths[j] for j in at],
                   today=[head.today[j] for j in at])
    status, flips, _ = read(some, arrays, where)
    if flips or any(OPEN < s < FIRST for s in status):
        raise Invalid(f"{where}.status", show(status), "0, or a method that proves, is needed here")
    if any(s >= FIRST for s in status):
        check_classes(some, some.change, f"{where}.status", f"{count} changed rows are survived")
    check_methods(some, status, arrays, where, ladder.tell)
    return [(j, count) for j, s in zip(at, status, strict=True) if s >= FIRST]


RULE = Rule(always("D1"), lambda claim, problem: label_rules.changed_rows(problem), check_form, check_ends,
            lambda claim, problem: HYPOTHESES, Tolerances)
