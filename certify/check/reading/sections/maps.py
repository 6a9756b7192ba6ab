"""What the maps of a loss, a solution nearby and units of features go with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """With what they go: wrong or not, where, what is stated, what is needed."""
    sublevel, loss = spec.map == "sublevel", spec.map != "interpolation"
    return (
        (sublevel and spec.base != "given", "solution.base", spec.base, "given, with the sublevel map"),
        (spec.within is not None and spec.base != "nearby", "solution.within", spec.within, "base nearby"),
        (loss and spec.targets is None, "data.targets", None, f"targets, with the {spec.map} map"),
        (loss and spec.loss == "logistic" and spec.widths[-1:] not in ((), (1,)), "model.widths", spec.widths,
         "one output"),
        (loss and spec.parameter == "targets" and spec.loss != "squared"
         and not spec.flips, "training.loss", spec.loss, "squared, where targets move"),
        (not sublevel and spec.level is not None, "solution.level", spec.level, "none, without the sublevel map"),
        (not loss and spec.parameter == "sample_weights", "perturbation.parameter", spec.parameter,
         "features or targets, with the interpolation map"),
        (spec.base == "nearby" and spec.targets is None, "data.targets", None, "targets, with base nearby"),
        ((spec.columns or spec.scale) is not None and spec.parameter != "features", "perturbation.columns, .scale",
         spec.parameter, "parameter features"),
        ("persistence_radius" in quantities and spec.level is None, "gate", "persistence_radius",
         "the sublevel map with a level"),
    )
