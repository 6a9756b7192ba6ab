"""D1: how far refits move when whole rows are left out or get other labels: form and both ends (V68)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from math import isfinite

from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Witness, stated, text
from certify.check.reading.side import array_start
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder
from certify.check.theorems.head.claims import UNITS
from certify.check.theorems.head.in_doubles import check_ordinary
from certify.check.theorems.head.rows.claims import (
    HYPOTHESES,
    arrays_of,
    change_of,
    places,
    whole_numbers,
    within_doubles,
)
from certify.check.theorems.head.rows.head import BITS, head_at
from certify.check.theorems.head.rows.moves.boxed import check_boxed
from certify.check.theorems.head.rows.moves.counted import check_all
from certify.check.theorems.head.rows.moves.measures import MEASURES, Measure
from certify.check.theorems.head.rows.moves.norms import farthest
from certify.check.theorems.head.rows.refitted.refit import distance, distances
from certify.format.canonical import show
from certify.format.refusal import Invalid

BY = ("counted", "norms", "boxes", "trees", "sums", "bent")
IN_DOUBLES = ("boxes", "bent")
"""Those with bounds in doubles, of heads of ordinary numbers alone."""
ARRAYS = {"counted": "counted.", "boxes": "boxes.", "trees": "trees.", "bent": "bent."}
"""How the arrays begin on which an upper end rests."""
SUMS = "sums"
REACHED = ("rows", "codes", "weights")


def by_word(value: object, where: str) -> str:
    """A word of `BY`, or `Invalid`."""
    found = text(value, where)
    if found not in BY:
        raise Invalid(where, f"{show(found)} is stated", f"one of {show(list(BY))} is needed")
    return found


@dataclass(frozen=True)
class Reaches(Witness):
    """Several arrays, whose names begin with `array`; the rows whose change moves most; what bounds every motion."""

    array: str | None = stated(array_start)
    changed: tuple[int, ...] | None = stated(places)
    by: str | None = stated(by_word)


def check_form(claim: Claim[Reaches], problem: Problem) -> None:
    """V8: arrays and rows where a number is stated, and what bounds the upper end exactly where there is one.

    Raises:
        Invalid: the claim has another form.
    """
    found = claim.witness
    if (claim.lower, claim.upper, found.array, found.changed, found.by) == (None,) * 5:
        return  # it says nothing
    if claim.lower is None or claim.lower < 0:
        raise Invalid(f"{claim.where}.lower", show(claim.lower), "a number from 0 on is needed")
    if found.array is None or found.changed is None or (found.by is None) != (claim.upper is None):
        raise Invalid(f"{claim.where}.witness",
                      f"array, changed and by are {show([found.array, found.changed, found.by])}",
                      "array and changed are needed, and by with an upper end alone")


def check_ends(claim: Claim[Reaches], ladder: Ladder, side: Side) -> None:
    """One choice moves as far as is stated, and none farther.

    Raises:
        Invalid: it cannot be re-derived.
    """
    if claim.witness.array is None:
        return
    where, arrays = f"{claim.where}, arrays {claim.witness.array}", arrays_of(claim.witness.array, side)
    with ctx.workprec(BITS):
        head = head_at(ladder)
        size = head.k * head.m
        today, centre = arrays.pop("today", None), arrays.pop("centre", None)  # the latter is of `base`
        for name, array in (("today", today), ("centre", centre)):
            if array is None or array.shape != (size,) or array.kind != "f" or not all(map(isfinite, array.values)):
                raise Invalid(f"{where}.{name}", "it is missing, or of another form", f"{size} weights are needed")
        assert today is not None
        if head.free_intercept and head.loss.shifted:
            raise Invalid(f"{where}", f"{claim.quantity} is stated", "without decay of the intercepts they have a "
                          "common shift that nothing determines")
        flat = list(today.values)
        reached = {name: arrays.pop(f"reached.{name}") for name in REACHED if f"reached.{name}" in arrays}
        with within_doubles(where, f"{show([claim.lower, claim.upper])} are stated"):
            measure = MEASURES[claim.quantity](head, flat, distance(head, (), flat, head.outputs(flat)))
            _check_lower(claim, measure, reached, where)
            _check_upper(claim, measure, flat, arrays, where)


def _check_lower(claim: Claim[Reaches], measure: Measure, reached: dict[str, Array], where: str) -> None:
    """The stated choice is one of those asked about, and its refit lies as far from today's as is said."""
    if not claim.lower:
        if reached or claim.witness.changed:
            raise Invalid(f"{where}.reached", "a change is stated", "the lower end is 0")
        return
    head = measure.head
    shape = reached["rows"].shape if set(reached) == set(REACHED) else (0, 0)
    if len(shape) != 1 or reached["weights"].shape != (head.k * head.m,):
        raise Invalid(f"{where}.reached", f"its arrays are {show(sorted(reached))}",
                      "rows and codes of one change, and weights near its refit, are needed")
    rows, codes = (whole_numbers(reached[name], f"{where}.reached.{name}", shape) for name in ("rows", "codes"))
    change, v = change_of(head, rows, codes, f"{where}.reached"), list(reached["weights"].values)
    if sorted(row for row, _ in change) != list(claim.witness.changed or ()):
        raise Invalid(f"{claim.where}.witness.changed", show(claim.witness.changed),
                      f"the side file says {show(sorted(row for row, _ in change))}")
    low = measure.ends(v, distances(head, [change], [v])[0])[0]
    if not low >= claim.lower:
        raise Invalid(f"{claim.where}.lower", show(claim.lower), f"{low.str(5, radius=False)} is proved")


def _check_upper(claim: Claim[Reaches], measure: Measure, today: list[float], arrays: dict[str, Array],
                 where: str) -> None:
    """No choice moves farther, by what is said to bound it."""
    by = claim.witness.by
    start = ARRAYS.get(by or "", "")
    parts = {name.removeprefix(start): array for name, array in arrays.items() if start and name.startswith(start)}
    if len(parts) != len(arrays) or bool(parts) != bool(start):
        raise Invalid(where, f"there are arrays {show(sorted(arrays))}",
                      "those of counted, boxes, trees or bent are needed where it is stated, and no others")
    if claim.upper is None or by is None:
        return
    if by in IN_DOUBLES:
        check_ordinary(measure.head, by, f"{claim.where}.witness.by")
    if start:
        BY_ARRAYS[by](measure, float(claim.upper), parts, f"{where}.{by}")
        return
    if by == SUMS:
        import_module(f"{__package__}.summed").check_summed(measure, float(claim.upper), f"{claim.where}.upper")
        return
    most = measure.seen(farthest(measure.head, today, f"{claim.where}.witness.by") + measure.near)
    if not most <= claim.upper:
        raise Invalid(f"{claim.where}.upper", show(claim.upper), f"{most.str(5, radius=False)} is proved")


def _check_deleted(measure: Measure, most: float, arrays: Mapping[str, Array], where: str) -> None:
    """By trees of deletions (D23), which few claims rest on."""
    import_module("certify.check.theorems.head.rows.moves.deleted").check_deleted(measure, most, arrays, where)


def _check_bent(measure: Measure, most: float, arrays: Mapping[str, Array], where: str) -> None:
    """By one box of all choices (D24)."""
    import_module(f"{__package__}.bent").check_bent(measure, most, arrays, where)


BY_ARRAYS = {"counted": check_all, "boxes": check_boxed, "trees": _check_deleted, "bent": _check_bent}
MOVED = {"prediction_change": "change of a functional"}
RULE = Rule(always("D1"), lambda claim, problem: ((MOVED if problem.functionals else {}).get(
    claim.quantity, UNITS[claim.quantity]),), check_form, check_ends,
            lambda claim, problem: HYPOTHESES, Reaches)
