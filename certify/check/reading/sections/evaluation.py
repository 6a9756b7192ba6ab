"""What a spec has to say where a strongly convex last layer is asked for (Q6): finite changes of the critical map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from certify.check.reading import label_rules
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec

LABELS, FIRST_ORDER = "stable_predictions", "first_order_prediction_change"
PREDICTIONS = frozenset({LABELS, "prediction_change"})
FINITE = PREDICTIONS | {"distance"}
"""Quantities at finite size, of the critical map."""
LEAVING = frozenset({"deletions"})
WHOLE = frozenset({"labels"}) | LEAVING
"""Parameters of which a row is left out or stays; of which it changes whole or not at all, without a size."""


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """Of the critical map and of evaluation rows: wrong or not, where, what is stated, what is needed."""
    critical, convex = spec.map == "critical", asked(spec, quantities)
    predictions = bool(quantities & (PREDICTIONS | {FIRST_ORDER}))
    fits = spec.map == "interpolation" and quantities & PREDICTIONS <= {LABELS}
    pointwise = {"modulus", "sample_modulus", "first_order_distance", FIRST_ORDER}
    if (spec.base, spec.set, spec.weight_norm) == ("nearby", "given", "euclidean"):
        pointwise.add("distance")
    last, whole = len(spec.widths) - 1, spec.parameter in WHOLE
    return (
        (critical and not convex and bool(quantities - pointwise), "gate",
         sorted(quantities), "modulus, sample_modulus, first_order_distance, distance with base nearby and set "
         "given, or quantities at finite size alone, with the critical map"),
        (bool(quantities & PREDICTIONS) and not critical and not fits, "gate", sorted(quantities),
         f"the critical map, with predictions at finite size, or interpolation with {LABELS}"),
        (predictions != (spec.evaluation is not None), "evaluation", spec.evaluation,
         "evaluation rows with predictions alone"),
        (spec.threshold is not None and LABELS not in quantities, "evaluation.threshold", spec.threshold,
         f"none without a gate on {LABELS}"),
        (FIRST_ORDER in quantities and spec.weight_norm != "euclidean", "weights.norm", spec.weight_norm,
         f"euclidean, with {FIRST_ORDER}"),
        (convex and not quantities <= FINITE, "gate", sorted(quantities),
         f"one or more of {', '.join(sorted(FINITE))} and no other, at finite size"),
        (convex and (spec.set == "given" or spec.norm != 2), "perturbation.set, .norm", [spec.set, spec.norm],
         "total, per_sample or sparse with norm 2, at finite size"),
        (convex and spec.weight_norm != "euclidean", "weights.norm", spec.weight_norm, "euclidean, at finite size"),
        (convex and spec.base != "nearby", "solution.base", spec.base, "nearby, at finite size"),
        (convex and spec.layer != last and not (spec.layer == "all" and last == 1), "solution.layer", spec.layer,
         "the last layer alone, at finite size"),
        (convex and not spec.weight_decay > 0, "training.weight_decay", spec.weight_decay, "one above 0"),
        (convex and not whole and not (spec.radius or 0) > 0, "perturbation.radius", spec.radius, "a radius above 0"),
        (spec.direction is not None and not (convex and spec.parameter == "sample_weights"), "perturbation.direction",
         spec.direction, "none but for finite changes of sample weights, of a convex last layer"),
        (convex and spec.parameter == "sample_weights" and (spec.radius or 0) > 1, "perturbation.radius", spec.radius,
         "at most 1 for sample weights"),
    )


def asked(spec: Spec, quantities: set[str]) -> bool:
    """Whether a spec is about finite changes of a convex last layer."""
    return spec.map == "critical" and spec.set != "given" and bool(quantities & FINITE)


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
            "threshold": label_rules.threshold(value), "evaluation_features": tuple(features) if listed else features}
