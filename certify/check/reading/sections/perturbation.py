"""Perturbation sets other than a total budget of Euclidean length, and quantities that have a size."""

from __future__ import annotations

from functools import partial

from certify.check.reading.sections.demands import (
    BUDGETS,
    LABELS,
    LARGE,
    LINEAR,
    MODULI,
    SMALL,
    ZERO,
    Goes,
    Words,
    judged,
)
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

NORMS = (1, 2, "inf")
"""Of one row's change."""


def read(p: Json) -> Json:
    """Norm, count, direction and the one change of the perturbation set."""
    norm, number, direction = p.get("norm", 2), p.get("count"), p.get("direction")
    if direction not in (None, "down"):
        raise Invalid("spec, perturbation.direction", f"{show(direction)} is stated", 'this checker knows "down" alone')
    if not (type(norm) in (int, str) and norm in NORMS):
        raise Invalid("spec, perturbation.norm", f"{show(norm)} is stated", 'this checker knows 1, 2 and "inf"')
    if number is not None and (type(number) is not int or number < 1):
        raise Invalid("spec, perturbation.count", f"{show(number)} is stated", "a whole number from 1 on is needed")
    for key in ("file", "array"):
        if key in p and not isinstance(p[key], str):
            raise Invalid(f"spec, perturbation.{key}", f"it is {kind(p[key])}", "a string is needed")
    return {"norm": norm, "count": number, "direction": direction, "change": p.get("file"), "array": p.get("array")}


SIZED: tuple[Words, ...] = (
    {"quantity": LINEAR, "set": BUDGETS},
    {"quantity": ("distance", LABELS), "map": ("interpolation", "sublevel"), "set": BUDGETS},
    {"set": "sparse", "map": "interpolation"},
    {"set": "sparse", "finite": False},
)
"""What needs a size of the change; of the critical map some needs are its own."""
LINEAR_GIVEN: tuple[Words, ...] = (
    {"quantity": LINEAR}, {"set": "given", "map": "interpolation"}, {"set": "given", "finite": False})
"""What may state one that says nothing, but not 0."""

RULES = (
    Goes({"map": "sublevel"}, {"set": ("total", "per_sample")}, "perturbation.set", "set",
         "total or per_sample, with the sublevel map"),
    Goes({"map": "sublevel", "quantity": LINEAR}, None, "gate", "quantity", "another quantity, with the sublevel map"),
    Goes({"map": "sublevel"}, {"norm": 2}, "perturbation.norm", "norm", "2, unless rows have budgets of their own"),
    Goes({"set": ("total", "given")}, {"norm": 2}, "perturbation.norm", "norm",
         "2, unless rows have budgets of their own"),
    Goes({"set": "sparse"}, {"count": True}, "perturbation.count", "count", "a count with sparse alone"),
    Goes({"count": True}, {"set": "sparse"}, "perturbation.count", "count", "a count with sparse alone"),
    Goes({"set": "given", "parameter": ("features", "targets", "sample_weights", "labels")}, {"change": True},
         "perturbation.file", "change", "a file with given alone"),
    Goes({"change": True}, {"set": "given"}, "perturbation.file", "change", "a file with given alone"),
    Goes({"array": True}, {"set": "given"}, "perturbation.array", "array", "given"),
    Goes({"set": "given"}, {"units": False}, "perturbation.columns, .scale", "set", "neither, with given"),
    Goes({"set": ("sparse", "given"), "quantity": MODULI}, None, "gate", "quantity",
         "first_order_distance, with sparse or given"),
    *(Goes(about, {"radius": (ZERO, SMALL, LARGE)}, "perturbation.radius", "radius", "a radius") for about in SIZED),
    *(Goes(about, {"radius": (None, SMALL, LARGE)}, "perturbation.radius", "radius", "a radius above 0")
      for about in (*SIZED, *LINEAR_GIVEN)),
)
demands = partial(judged, RULES)
"""What a set goes with: wrong or not, where, what is stated, what is needed."""
