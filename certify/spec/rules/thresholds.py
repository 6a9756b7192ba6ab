"""Thresholds: of gates, which must leave something to promise, and of labels, which must have a meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.format.labels import COUNTED, STABLE
from certify.format.quantities import QUANTITIES

if TYPE_CHECKING:
    from certify.spec.models import Gate, Spec


def require_threshold(gate: Gate, where: str) -> None:
    """Refuse a gate without a threshold, with two, or with one that every outcome meets.

    Raises:
        SpecError: names the threshold.
    """
    if (gate.max is None) == (gate.min is None):
        found = "neither max nor min" if gate.max is None else "both max and min"
        raise SpecError(where, found, "give one of them; two thresholds are two gates")
    signed = gate.quantity in QUANTITIES and QUANTITIES[gate.quantity].signed
    if gate.min is not None and gate.min <= 0 and not signed:
        raise SpecError(f"{where}: min = {gate.min!r}", f"{gate.quantity} is never below 0, so every outcome meets the "
                        "gate, which is an empty promise", "give a min above 0, or remove the gate")


def require_label_threshold(spec: Spec, name: str) -> None:
    """Refuse a threshold of labels where no label is counted.

    Raises:
        SpecError: with what would work.
    """
    if spec.evaluation is None or spec.evaluation.threshold is None:
        return
    if not any(gate.quantity in COUNTED for gate in spec.gate):
        raise SpecError(f"{name}: evaluation.threshold", "no gate is about labels",
                        f"remove it, or add a gate on {STABLE}")
