"""The section `[aubin]`, and what the quantity goes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.check.reading.numbers import is_number
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def read(section: Json) -> Json:
    """The radii of `[aubin]`, both, one or none of them given."""
    found: Json = {}
    for key in ("radius_u", "radius_w"):
        value = section.get(key)
        if value is not None and (not is_number(value, 0) or value == 0):
            raise Invalid(f"spec, aubin.{key}", f"{show(value)} is stated", "a number above 0 is needed")
        found[key] = None if value is None else float(value)
    return found


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """With what it goes: wrong or not, where, what is stated, what is needed."""
    quantities = quantities | {"aubin"} if spec.aubin and not spec.gates else quantities
    sublevel = spec.map == "sublevel"
    return (
        ("aubin" in quantities and (spec.map == "critical" or (spec.layer != "all" and not sublevel) or (
            spec.base, spec.set, spec.weight_norm) != ("given", "total", "euclidean")), "gate", "aubin",
         "sublevel, or interpolation with all layers, with base given, set total and norm euclidean"),
        ("aubin" in quantities and sublevel and (
            spec.level is not None or spec.parameter == "sample_weights" or spec.graph is not None), "gate", "aubin",
         "with the sublevel map no level, features or targets that move, and no graph"),
        ("aubin" in quantities and (spec.columns or spec.scale) is not None, "perturbation.columns, .scale", "aubin",
         "features in units of the data, all of them"),
        (spec.aubin and bool(spec.gates) and "aubin" not in quantities, "aubin", "the section", "a gate on aubin"),
    )
