"""The section `[aubin]`, and what the quantity goes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.check.reading.numbers import is_number
from certify.check.reading.sections.demands import Goes, judged
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.optional.parts import Demand
    from certify.check.reading.spec import Spec


def read(section: Json) -> Json:
    """The radii of `[aubin]`, both, one or none of them given."""
    found: Json = {"aubin": True}
    for key in ("radius_u", "radius_w"):
        value = section.get(key)
        if value is not None and (not is_number(value, 0) or value == 0):
            raise Invalid(f"spec, aubin.{key}", f"{show(value)} is stated", "a number above 0 is needed")
        found[key] = None if value is None else float(value)
    return found


RULES = (
    Goes({"quantity": "aubin"}, {"map": ("interpolation", "sublevel"), "base": "given", "set": "total",
                                 "weights": "euclidean"}, "gate", "quantity",
         "sublevel, or interpolation with all layers, with base given, set total and norm euclidean"),
    Goes({"quantity": "aubin", "map": "interpolation"}, {"whole": True}, "gate", "quantity",
         "sublevel, or interpolation with all layers, with base given, set total and norm euclidean"),
    Goes({"quantity": "aubin", "map": "sublevel"}, {"level": False, "graph": False, "parameter": (
        "features", "targets", "labels")}, "gate", "quantity",
         "with the sublevel map no level, features or targets that move, and no graph"),
    Goes({"quantity": "aubin"}, {"units": False}, "perturbation.columns, .scale", "quantity",
         "features in units of the data, all of them"),
    Goes({"aubin": True, "gates": True}, {"radii": True}, "aubin", "the section", "a gate on aubin"),
)


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """With what it goes; without gates the section asks for it."""
    return judged(RULES, spec, quantities | {"aubin"} if spec.aubin and not spec.gates else quantities)
