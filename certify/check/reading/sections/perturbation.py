"""Perturbation sets other than a total budget of Euclidean length, and quantities that have a size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.check.reading.sections.evaluation import FINITE, FIRST_ORDER, LABELS
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def read(p: Json) -> Json:
    """Norm, count, direction and the one change of the perturbation set."""
    norm, number, direction = p.get("norm", 2), p.get("count"), p.get("direction")
    if direction not in (None, "down"):
        raise Invalid("spec, perturbation.direction", f"{show(direction)} is stated", 'this checker knows "down" alone')
    if not (type(norm) is int and norm in (1, 2) or norm == "inf"):
        raise Invalid("spec, perturbation.norm", f"{show(norm)} is stated", 'this checker knows 1, 2 and "inf"')
    if number is not None and (type(number) is not int or number < 1):
        raise Invalid("spec, perturbation.count", f"{show(number)} is stated", "a whole number from 1 on is needed")
    for key in ("file", "array"):
        if key in p and not isinstance(p[key], str):
            raise Invalid(f"spec, perturbation.{key}", f"it is {kind(p[key])}", "a string is needed")
    return {"norm": norm, "count": number, "direction": direction, "change": p.get("file"), "array": p.get("array")}


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """What a set goes with: wrong or not, where, what is stated, what is needed."""
    sublevel, by_itself = spec.map == "sublevel", spec.set in ("sparse", "given")
    finite = spec.map == "critical" and bool(quantities & FINITE)
    linear = {"first_order_distance", FIRST_ORDER}
    first_order = bool(quantities & linear) or (by_itself and not finite)
    budget = bool(quantities & {"distance", LABELS}) and spec.map != "critical" and spec.set != "given"
    sized = first_order or budget
    moduli = quantities & {"modulus", "sample_modulus"}
    return (
        (sublevel and by_itself, "perturbation.set", spec.set, "total or per_sample, with the sublevel map"),
        (sublevel and first_order, "gate", sorted(quantities & linear), "another quantity, with the sublevel map"),
        (spec.norm != 2 and (sublevel or spec.set in ("total", "given")), "perturbation.norm", spec.norm,
         "2, unless rows have budgets of their own"),
        ((spec.count is None) != (spec.set != "sparse"), "perturbation.count", spec.count, "a count with sparse alone"),
        ((spec.change is None) != (spec.set != "given"), "perturbation.file", spec.change, "a file with given alone"),
        (spec.array is not None and spec.set != "given", "perturbation.array", spec.array, "given"),
        (spec.set == "given" and (spec.columns or spec.scale) is not None, "perturbation.columns, .scale", spec.set,
         "neither, with given"),
        (by_itself and bool(moduli), "gate", sorted(moduli), "first_order_distance, with sparse or given"),
        (sized and spec.radius is None and spec.set != "given", "perturbation.radius", None, "a radius"),
        (sized and spec.radius == 0, "perturbation.radius", 0, "a radius above 0"),
    )
