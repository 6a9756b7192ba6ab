"""D1: the largest, or the smallest, value of linear functionals over every change of rows: form and both ends (V72)."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from flint import arb, ctx

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder
from certify.check.theorems.head.in_doubles import check_ordinary
from certify.check.theorems.head.rows.claims import HYPOTHESES, arrays_of, change_of, whole_numbers
from certify.check.theorems.head.rows.head import BITS, Head, head_at
from certify.check.theorems.head.rows.moves.boxed import check_directions
from certify.check.theorems.head.rows.moves.claims import ARRAYS, REACHED, Reaches
from certify.check.theorems.head.rows.moves.counted import batches_of
from certify.check.theorems.head.rows.refitted.refit import Change, distance, distances
from certify.format.canonical import show
from certify.format.refusal import Invalid

UNITS = {"max": "largest value of a functional", "min": "smallest value of a functional"}
BOXES = ("which", "bounds", "today")


def side_of(claim: Claim[object]) -> str:
    """Which value the claim encloses: that of the side of its gate.

    Raises:
        Invalid: it has no gate, or one without a side.
    """
    sides = [side for side in UNITS if claim.gate is not None and side in claim.gate]
    if len(sides) != 1:
        raise Invalid(f"{claim.where}.gate", show(claim.gate), "a gate with a max or a min is needed")
    return sides[0]


def check_form(claim: Claim[Reaches], problem: Problem) -> None:
    """V8: ends of every functional, of which the claim states the largest or the smallest; what some change reaches.

    Raises:
        Invalid: the claim has another form.
    """
    where, found, N = claim.where, claim.witness, len(problem.evaluation)
    if (claim.lower, claim.upper, claim.rows, found.array, found.changed, found.by) == (None, None, (), *(None,) * 3):
        return  # it says nothing
    if claim.rows != tuple(range(N)) or not N:
        raise Invalid(f"{where}.rows", show(list(claim.rows)), f"the functionals are 0 to {N - 1}")
    largest = side_of(claim) == "max"
    reached, proved = (claim.row_lower, claim.row_upper) if largest else (claim.row_upper, claim.row_lower)
    for row, low, high in zip(claim.rows, claim.row_lower, claim.row_upper, strict=True):
        if low is not None and high is not None and low > high:
            raise Invalid(f"{where}.row_lower of row {row}", show(low), f"the upper end is {show(high)}")
    if None in reached:
        raise Invalid(f"{where}.row_{'lower' if largest else 'upper'}", show(list(reached)),
                      "what some change reaches is needed of every functional")
    pick = max if largest else min
    ends = [None if None in side else pick(v for v in side if v is not None) for side in (
        claim.row_lower, claim.row_upper)]
    if [claim.lower, claim.upper] != ends:
        raise Invalid(f"{where}.lower, .upper", show([claim.lower, claim.upper]), f"the functionals give {show(ends)}")
    there = any(v is not None for v in proved)
    if found.array is None or found.changed is None or found.by not in ((*ARRAYS,) if there else (None, *ARRAYS)):
        raise Invalid(f"{where}.witness", f"array, changed and by are {show([found.array, found.changed, found.by])}",
                      f"array and changed are needed, and one of {show(list(ARRAYS))} where an end bounds every change")


def check_ends(claim: Claim[Reaches], ladder: Ladder, side: Side) -> None:
    """Some change takes every functional as far as is stated, and none farther.

    Raises:
        Invalid: it cannot be re-derived.
    """
    if claim.witness.array is None:
        return
    where, arrays = f"{claim.where}, arrays {claim.witness.array}", arrays_of(claim.witness.array, side)
    with ctx.workprec(BITS):
        head = head_at(ladder)
        if ladder.problem.functionals is None:
            raise Invalid(where, "functionals are bounded", "the spec names what multiplies the intercept nowhere")
        centre = arrays.pop("centre", None)  # of `base`, which reads it where the intercept is free
        if centre is None or centre.shape != (head.m,) or centre.kind != "f":
            raise Invalid(f"{where}.centre", "it is missing, or of another form", f"{head.m} weights are needed")
        reached = {name: arrays.pop(f"reached.{name}") for name in REACHED if f"reached.{name}" in arrays}
        _check_reached(claim, head, reached, where)
        start = ARRAYS.get(claim.witness.by or "", "")
        parts = {name.removeprefix(start): array for name, array in arrays.items() if start and name.startswith(start)}
        if len(parts) != len(arrays) or bool(parts) != bool(start):
            raise Invalid(where, f"there are arrays {show(sorted(arrays))}",
                          "those of counted or of boxes are needed where it is stated, and no others")
        if start:
            low, high = BY[claim.witness.by or ""](head, parts, f"{where}.{claim.witness.by}")
            _check_proved(claim, low, high)


def _check_reached(claim: Claim[Reaches], head: Head, reached: dict[str, Array], where: str) -> None:
    """Every functional has a change of its own, one that is asked about, whose refit takes it as far as is said."""
    N, largest = len(head.today), side_of(claim) == "max"
    shape = reached["rows"].shape if set(reached) == set(REACHED) else (0,)
    if len(shape) != 2 or shape[0] != 2 * N or reached["weights"].shape != (2 * N, head.m):
        raise Invalid(f"{where}.reached", f"its arrays are {show(sorted(reached))}",
                      "rows and codes of two changes for every functional, and weights near their refits, are needed")
    rows, codes = (whole_numbers(reached[name], f"{where}.reached.{name}", shape) for name in ("rows", "codes"))
    r, m, first = shape[1], head.m, N if largest else 0
    changes: list[Change] = [change_of(head, rows[a * r : (a + 1) * r], codes[a * r : (a + 1) * r],
                                       f"{where}.reached, change {a}") for a in range(first, first + N)]
    V = [list(reached["weights"].values[a * m : (a + 1) * m]) for a in range(first, first + N)]
    ends = claim.row_lower if largest else claim.row_upper
    lines = head.evaluated.tolist()
    for j, (v, radius, stated) in enumerate(zip(V, distances(head, changes, V), ends, strict=True)):
        value = _dot(lines[j], v) + head.lengths[j] * radius * arb(0, 1)
        if stated is None or not (value >= stated if largest else value <= stated):
            raise Invalid(f"{claim.where}.row_{'lower' if largest else 'upper'} of row {j}", show(stated),
                          f"{value.str(5)} is proved")
    place = (max if largest else min)(range(N), key=lambda j: float(ends[j] or 0.0))
    told = sorted(row for row, _ in changes[place])
    if told != list(claim.witness.changed or ()):
        raise Invalid(f"{claim.where}.witness.changed", show(claim.witness.changed), f"the side file says {show(told)}")


def _check_proved(claim: Claim[Reaches], low: list[arb | None], high: list[arb | None]) -> None:
    largest = side_of(claim) == "max"
    for j, (stated, found) in enumerate(zip(claim.row_upper if largest else claim.row_lower, high if largest else low,
                                            strict=True)):
        if stated is not None and (found is None or not (found <= stated if largest else found >= stated)):
            raise Invalid(f"{claim.where}.row_{'upper' if largest else 'lower'} of row {j}", show(stated),
                          "nothing is proved" if found is None else f"{found.str(5, radius=False)} is proved")


def _counted(head: Head, arrays: Mapping[str, Array], where: str) -> tuple[list[arb | None], list[arb | None]]:
    """The least and the largest value of every functional over all choices, each refitted.

    Raises:
        Invalid: the weights are not those of every choice, or of one nothing is proved.
    """
    if set(arrays) != {"weights"} or arrays["weights"].shape[1:] != (head.m,):
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", f"{head.m} weights a choice are needed")
    weights, m, at, lines = arrays["weights"], head.m, 0, head.evaluated.tolist()
    low: list[arb | None] = [None] * len(lines)
    high = low.copy()
    for some in batches_of(head):
        if weights.shape[0] < at + len(some):
            break
        V = [list(weights.values[b * m : (b + 1) * m]) for b in range(at, at + len(some))]
        for b, (v, radius) in enumerate(zip(V, distances(head, some, V), strict=True)):
            if not radius.is_finite():
                raise Invalid(f"{where}, choice {at + b}", "its weights are stated", "its refit is not proved near")
            for j, line in enumerate(lines):
                middle, off = _dot(line, v), head.lengths[j] * radius
                below, above, a, c = (middle - off).lower(), (middle + off).upper(), low[j], high[j]
                low[j], high[j] = below if a is None else a.min(below), above if c is None else c.max(above)
        at += len(some)
    every = sum(len(some) for some in batches_of(head))
    if weights.shape[0] != every:
        raise Invalid(f"{where}, weights", f"it has {weights.shape[0]} rows", f"there are {every} choices")
    return low, high


def _boxed(head: Head, arrays: Mapping[str, Array], where: str) -> tuple[list[arb | None], list[arb | None]]:
    """The same of the functionals, or their negatives, that trees of boxes keep within a bound of today's.

    Raises:
        Invalid: the arrays have another form, or a tree proves no bound.
    """
    check_ordinary(head, "boxes", where)
    own, N = {name: arrays[name] for name in BOXES if name in arrays}, len(head.today)
    K = own["which"].shape[0] if set(own) == set(BOXES) and own["which"].shape else 0
    if not K or own["bounds"].shape != (K,) or own["today"].shape != (head.m,) or not all(
            map(isfinite, (*own["bounds"].values, *own["today"].values))):
        raise Invalid(where, f"its arrays are {show(sorted(arrays))}", "directions, bounds and weights are needed")
    which = whole_numbers(own["which"], f"{where}.which", (K,))
    if len(set(which)) < K or not all(0 <= a < 2 * N for a in which) or not all(b > 0 for b in own["bounds"].values):
        raise Invalid(f"{where}.which", show(which), f"numbers below {2 * N}, each once, with bounds above 0, are "
                      "needed")
    today, lines = list(own["today"].values), head.evaluated.tolist()
    near = distance(head, (), today, head.outputs(today))
    E = [lines[a] if a < N else [-x for x in lines[a - N]] for a in which]
    bounds = [arb(b) for b in own["bounds"].values]
    rest = {name: array for name, array in arrays.items() if name not in BOXES}
    check_directions(head, (today, near), (E, bounds), rest, where)
    low: list[arb | None] = [None] * N
    high = low.copy()
    for a, e, bound in zip(which, E, bounds, strict=True):
        least = (_dot(e, today) - norm(e) * near - bound).lower()
        if a < N:
            low[a] = least
        else:
            high[a - N] = -least
    return low, high


BY = {"counted": _counted, "boxes": _boxed}


def _dot(line: list[arb], v: list[float]) -> arb:
    return sum((x * arb(y) for x, y in zip(line, v, strict=True)), arb(0))


RULE = Rule(always("D1"), lambda claim, problem: (UNITS[side_of(claim)],), check_form, check_ends,
            lambda claim, problem: HYPOTHESES, Reaches)
