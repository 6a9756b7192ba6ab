"""What changes of a finite size go with, where exact fits are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.check.reading.sections.evaluation import LABELS

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """With what they go: wrong or not, where, what is stated, what is needed."""
    at_size = sorted(quantities & {"distance", LABELS}) if spec.map != "critical" else []
    budget = bool(at_size) and spec.set != "given"
    return (
        (bool(at_size) and (spec.map, spec.base) != ("interpolation", "given"), "gate", at_size,
         "interpolation with base given"),
        (budget and spec.parameter != "features", "gate", at_size, "moving features, or set given"),
        (bool(at_size) and spec.map == "interpolation" and spec.weight_norm == "function", "gate", at_size,
         "the norm euclidean or relative"),
    )
