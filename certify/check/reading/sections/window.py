"""The section `[window]`, and what excess and Pompeiu–Hausdorff distance go with."""

from __future__ import annotations

from functools import partial
from typing import Any

from certify.check.reading.numbers import is_number
from certify.check.reading.sections.demands import WINDOW, Goes, judged
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


def read(section: Json) -> Json:
    """The radius of `[window]`, which has to be given."""
    radius: Any = section.get("radius")
    if not is_number(radius, 0) or radius == 0:
        raise Invalid("spec, window.radius", f"{show(radius)} is stated", "a number above 0 is needed")
    return {"window": float(radius)}


RULES = (
    Goes({"quantity": WINDOW}, {"window": True}, "window", "window", "a radius, for excess and hausdorff,"),
    Goes({"window": True, "gates": True}, {"gated": True}, "window", "window", "a gate on excess or hausdorff"),
    Goes({"window": True}, {"map": "interpolation", "base": "given", "set": "given", "weights": "euclidean"}, "window",
         "window", "interpolation with base and set given and norm euclidean"),
    Goes({"window": True}, {"last": True}, "solution.layer", "layer", "the last layer, with a window,"),
)
demands = partial(judged, RULES)
"""What a window, and the quantities on it, go with."""
