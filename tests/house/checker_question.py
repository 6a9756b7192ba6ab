"""The questions that a spec asks, in the words of `certify.format.question`, from this checker's own reading of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.question import Question
from certify.format.support import default_quantities
from certify.format.words import Layer, Network

if TYPE_CHECKING:
    from certify.check.reading.spec import Spec


def questions(spec: Spec) -> tuple[Question, ...]:
    """One question for each gate of a spec, or for each quantity that is asked without any."""
    names = tuple(gate.quantity for gate in spec.gates) or default_quantities(
        spec.set, spec.norm, spec.parameter, spec.aubin, spec.window is not None)
    depth = 0 if spec.graph is not None else len(spec.widths) - 1
    layer = Layer.LAST if spec.layer in (depth, "last") else Layer.INNER
    if spec.layer == "all":
        layer = Layer.ONLY if depth == 1 else Layer.ALL
    return tuple(Question(
        quantity=name, map=spec.map, base=spec.base, network=Network.CHAIN if spec.graph is None else Network.GRAPH,
        layer=layer, loss=spec.loss, set=spec.set, parameter=spec.parameter, norm=spec.norm,
        weight_norm=spec.weight_norm, normalization=spec.normalization, decay=spec.weight_decay > 0,
        undecayed=not spec.bias_decay, down=spec.direction is not None,
        relative=bool((spec.kind or {}).get("relative")),
        targets=spec.targets is not None, radius=bool(spec.radius), level=spec.level is not None,
        count=spec.count is not None, change=spec.change is not None or spec.array is not None,
        reference=spec.reference is not None, units=spec.columns is not None or spec.scale is not None,
        window=spec.window is not None, evaluation=(spec.evaluation or spec.functionals) is not None,
        weighed=spec.row_weights is not None, balanced=spec.class_weight is not None) for name in names)
