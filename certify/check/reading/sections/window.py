"""The section `[window]`, and what excess and Pompeiu–Hausdorff distance go with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from certify.check.reading.numbers import is_number
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def read(section: Json) -> Json:
    """The radius of `[window]`, which has to be given."""
    radius: Any = section.get("radius")
    if not is_number(radius, 0) or radius == 0:
        raise Invalid("spec, window.radius", f"{show(radius)} is stated", "a number above 0 is needed")
    return {"window": float(radius)}


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """What a window, and the quantities on it, go with."""
    gated = bool(quantities & {"excess", "hausdorff"})
    asked = (spec.map, spec.base, spec.set, spec.weight_norm)
    last = spec.layer == len(spec.widths) - 1 or (spec.layer == "all" and len(spec.widths) == 2)
    return (
        (gated and spec.window is None, "window", None, "a radius, for excess and hausdorff,"),
        (spec.window is not None and bool(spec.gates) and not gated, "window", spec.window,
         "a gate on excess or hausdorff"),
        (spec.window is not None and asked != ("interpolation", "given", "given", "euclidean"), "window", spec.window,
         "interpolation with base and set given and norm euclidean"),
        (spec.window is not None and not last, "solution.layer", spec.layer, "the last layer, with a window,"),
    )
