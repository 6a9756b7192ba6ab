"""Thresholds: of gates, which must leave something to promise, and of labels, which must have a meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.format.labels import COUNTED, STABLE
from certify.format.quantities import CORRECT_PREDICTIONS, LARGER, QUANTITIES
from certify.format.words import LOGARITHMS

if TYPE_CHECKING:
    from certify.spec.models import Gate, Spec


def require_threshold(gate: Gate, where: str) -> None:
    """Refuse a gate without a threshold, with two, with one that every outcome meets, or against the better way.

    Raises:
        SpecError: names the threshold.
    """
    if gate.max is None and gate.min is None and not gate.over_time:
        raise SpecError(where, "neither max nor min", "give one of them; two thresholds are two gates")
    if gate.max is not None and gate.min is not None:
        raise SpecError(where, "both max and min", "give one of them; two thresholds are two gates")
    if gate.over_time:
        require_over_time(gate, where)
    row = QUANTITIES.get(gate.quantity)
    for side, value in (("max", gate.max), ("min", gate.min)):
        if row is not None and row.counts and not row.per_row and value is not None and not value.is_integer():
            raise SpecError(f"{where}: {side} = {value!r}", f"{gate.quantity} counts predictions, which are whole ones",
                            f"write how many; certify audit --{side} {gate.quantity}={min(100 * value, 100):g}% makes "
                            "a number of a share")
    signed = row is not None and row.signed
    if gate.min is not None and gate.min <= 0 and not signed:
        raise SpecError(f"{where}: min = {gate.min!r}", f"{gate.quantity} is never below 0, so every outcome meets the "
                        "gate, which is an empty promise", "give a min above 0, or remove the gate")


def require_over_time(gate: Gate, where: str) -> None:
    """Refuse a tolerance over time that is not about getting worse, or on what has no baseline.

    Raises:
        SpecError: names the key, and the one that fits.
    """
    row = QUANTITIES.get(gate.quantity)
    if row is None or not row.better:
        why = "it is estimated, and only what is proved has a baseline" if row is None else (
            "neither a larger nor a smaller one is better by itself")
        raise SpecError(f"{where}: {'max_increase' if gate.max_decrease is None else 'max_decrease'}",
                        f"{gate.quantity} has no gate over time: {why}", "give max or min alone")
    right, wrong = ("max_decrease", "max_increase") if row.better == LARGER else ("max_increase", "max_decrease")
    if getattr(gate, wrong) is not None:
        raise SpecError(f"{where}: {wrong}", f"a {row.better} {gate.quantity} is better, so this does not bound how "
                        "much worse it gets", f"give {right}")


def require_label_threshold(spec: Spec, name: str) -> None:
    """Refuse a threshold of labels where no label is counted.

    Raises:
        SpecError: with what would work.
    """
    if spec.training.loss in LOGARITHMS and any(gate.quantity == CORRECT_PREDICTIONS.name for gate in spec.gate):
        raise SpecError(f"{name}: gate, correct_predictions", f"the output of the loss {spec.training.loss} is the "
                        "logarithm of what a target is, so that no threshold says which labels are right",
                        "ask for stable_predictions, with the logarithm of what parts two labels as the threshold")
    if spec.evaluation is None or spec.evaluation.threshold is None:
        return
    if not any(gate.quantity in COUNTED for gate in spec.gate):
        raise SpecError(f"{name}: evaluation.threshold", "no gate is about labels",
                        f"remove it, or add a gate on {STABLE}")
