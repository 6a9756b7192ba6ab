"""Where a change of the targets may change class labels to others: the distance of critical points, and that alone."""

from __future__ import annotations

from certify.check.reading.sections.demands import Goes, judged
from certify.check.reading.spec import Spec

RULES = (Goes({}, {"map": "critical", "base": "nearby", "set": "given", "quantity": "distance"},
              "perturbation.parameter", "parameter", "the distance of critical points after one given change"),)


def allowed(spec: Spec) -> bool:
    """Whether every gate of a spec, of which there is one, asks for that."""
    return not any(wrong for wrong, *_ in judged(RULES, spec, {gate.quantity for gate in spec.gates}))
