"""Targets that are class labels: one of those that the loss knows for each row, and when a change may make others."""

from __future__ import annotations

from certify.check.reading.arrays import Array
from certify.check.reading.sections.demands import Goes, judged
from certify.check.reading.spec import Spec
from certify.check.words.losses import LOSSES
from certify.check.words.parameters import PARAMETERS
from certify.format.refusal import Invalid

RULES = (Goes({}, {"map": "critical", "base": "nearby", "set": "given", "quantity": "distance"},
              "perturbation.parameter", "parameter", "the distance of critical points after one given change"),)


def allowed(spec: Spec) -> bool:
    """Whether labels may change to others: every gate of the spec, of which there is one, asks for that distance."""
    return not any(wrong for wrong, *_ in judged(RULES, spec, {gate.quantity for gate in spec.gates}))


def require_labels(y: Array, column: bool, spec: Spec, where: str) -> tuple[float, ...]:
    """The labels; raises `Invalid` where they are none, or may move and not as labels do."""
    if PARAMETERS[spec.parameter].outer and not allowed(spec):
        raise Invalid("spec, perturbation.parameter", "targets may move", "the data holds class labels")
    if not column:
        raise Invalid(where, f"its shape is {y.shape}", "one label for each row is needed")
    known = LOSSES[spec.loss].labels(y.values, spec.widths[-1])
    strange = next((v for v in y.values if v not in known), None)
    if strange is not None:
        raise Invalid(where, f"a label is {strange}", f"the labels of this loss are {sorted(known)}")
    return y.values
