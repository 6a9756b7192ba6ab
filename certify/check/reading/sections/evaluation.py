"""What a spec has to say where a strongly convex last layer is asked for (Q6): finite changes of the critical map."""

from __future__ import annotations

from functools import partial
from typing import Any

from certify.check.reading.numbers import is_number
from certify.check.reading.sections.demands import (
    CONVEX,
    CORRECT,
    FINITE,
    FIRST_ORDER,
    FUNCTIONAL,
    LABELS,
    LARGE,
    LINEAR,
    MODULI,
    SMALL,
    TOLERATED,
    ZERO,
    Goes,
    judged,
)
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

POINTWISE = (*MODULI, *LINEAR)
CRITICAL = ("modulus, sample_modulus, first_order_distance, distance with base nearby and set given, or quantities at "
            "finite size alone, with the critical map")

RULES = (
    Goes({"map": "critical", "finite": False}, {"quantity": (None, *POINTWISE)}, "gate", "quantity", CRITICAL),
    Goes({"map": "critical", "set": "given", "parameter": ("features", "targets", "sample_weights")},
         {"quantity": (None, *POINTWISE, "distance")}, "gate", "quantity", CRITICAL),
    Goes({"map": "critical", "set": "given", "quantity": "distance"}, {"base": "nearby", "weights": "euclidean"},
         "gate", "quantity", CRITICAL),
    *(Goes({"quantity": quantity}, {"map": maps}, "gate", "quantity",
           f"the critical map, with predictions at finite size, or interpolation with {LABELS}")
      for quantity, maps in (("prediction_change", "critical"), (CORRECT, "critical"), (TOLERATED, "critical"),
                             (FUNCTIONAL, "critical"),
                             (LABELS, ("critical", "interpolation")))),
    *(Goes({one: True}, {other: True}, "evaluation", "evaluation", "evaluation rows with predictions alone")
      for one, other in (("predicts", "evaluation"), ("evaluation", "predicts"))),
    Goes({"threshold": True}, {"counts": True}, "evaluation.threshold", "threshold",
         f"none without a gate on {LABELS}"),
    Goes({"quantity": FIRST_ORDER}, {"weights": "euclidean"}, "weights.norm", "weight_norm",
         f"euclidean, with {FIRST_ORDER}"),
    Goes(CONVEX, {"quantity": FINITE}, "gate", "quantity",
         f"one or more of {', '.join(sorted(FINITE))} and no other, at finite size"),
    Goes(CONVEX, {"norm": 2}, "perturbation.norm", "norm", "2, at finite size"),
    Goes(CONVEX, {"weights": "euclidean"}, "weights.norm", "weight_norm", "euclidean, at finite size"),
    Goes(CONVEX, {"base": "nearby"}, "solution.base", "base", "nearby, at finite size"),
    Goes(CONVEX, {"last": True}, "solution.layer", "layer", "the last layer alone, at finite size"),
    Goes(CONVEX, {"decay": True}, "training.weight_decay", "weight_decay", "one above 0"),
    Goes(CONVEX | {"parameter": ("features", "targets", "sample_weights")}, {"radius": (SMALL, LARGE)},
         "perturbation.radius", "radius", "a radius above 0"),
    Goes({"direction": True}, CONVEX | {"parameter": "sample_weights"}, "perturbation.direction", "direction",
         "none but for finite changes of sample weights, of a convex last layer"),
    Goes(CONVEX | {"parameter": "sample_weights"}, {"radius": (None, ZERO, SMALL)}, "perturbation.radius", "radius",
         "at most 1 for sample weights"),
)
demands = partial(judged, RULES)
"""Of the critical map and of evaluation rows: wrong or not, where, what is stated, what is needed."""


def threshold(section: Json) -> float | None:
    """The threshold of a section `[evaluation]`.

    Raises:
        Invalid: it is no finite number.
    """
    value = section.get("threshold")
    if value is not None and not is_number(value):
        raise Invalid("spec, evaluation.threshold", f"{show(value)} is stated", "a finite number is needed")
    return None if value is None else float(value)


def read(value: Json) -> Json:
    """The evaluation rows: their file, its features and targets where they differ from the data's, the threshold."""
    features: Any = value.get("features")
    listed = isinstance(features, list)
    names: list[Any] = features if listed else [features]
    if "file" not in value or not names:
        raise Invalid("spec, evaluation", show(value), "a file is needed, and names of features where they are listed")
    for key, name in (("file", value["file"]), ("targets", value.get("targets")), *(("features", n) for n in names)):
        if name is not None and (not isinstance(name, str) or not name) or (name is None and listed):
            raise Invalid(f"spec, evaluation.{key}", f"it is {kind(name)}", "a name is needed")
    return {"evaluation": value["file"], "evaluation_targets": value.get("targets"),
            "threshold": threshold(value), "evaluation_features": tuple(features) if listed else features}
