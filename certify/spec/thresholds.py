"""Thresholds: of gates, which must leave something to promise, and of labels, which must have a meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import SpecError
from certify.format.labels import QUANTITY

if TYPE_CHECKING:
    from certify.problem.problem import Problem
    from certify.spec.models import Gate, Spec


def check_promise(gate: Gate, where: str) -> None:
    """Refuse a gate that every outcome meets: no quantity is below 0.

    Raises:
        SpecError: names the threshold.
    """
    if gate.min is not None and gate.min <= 0:
        raise SpecError(f"{where}: min = {gate.min!r}", f"{gate.quantity} is never below 0, so every outcome meets the "
                        "gate, which is an empty promise", "give a min above 0, or remove the gate")


def check_label_threshold(spec: Spec, name: str) -> None:
    """Refuse a threshold of labels where no label is counted.

    Raises:
        SpecError: with what would work.
    """
    if spec.evaluation is None or spec.evaluation.threshold is None:
        return
    if QUANTITY not in {gate.quantity for gate in spec.gate}:
        raise SpecError(f"{name}: evaluation.threshold", "no gate is about labels",
                        f"remove it, or add a gate on {QUANTITY}")


def check_labels_counted(problem: Problem) -> None:
    """Refuse to count labels that have no meaning, and gates on more rows than there are or on all whatever happens.

    With several outputs a label is the largest of them, with one the side of the threshold, and without a threshold the
    sign: with the logistic loss the likelier class, with the squared one the nearer target where all are −1 or 1.

    Args:
        problem: read from files.

    Raises:
        SpecError: with what would work.
    """
    gates = () if problem.spec is None else tuple(gate for gate in problem.spec.gate if gate.quantity == QUANTITY)
    if not gates or problem.evaluation is None:
        return
    _check_meaning(problem)
    rows = len(problem.evaluation)
    for gate in gates:
        if gate.min is not None and gate.min > rows:
            raise SpecError(f"gate on {QUANTITY}: min = {gate.min!r}",
                            f"there are {rows} evaluation rows, so no outcome meets this gate",
                            f"give a min of at most {rows}, the number of rows")
        if gate.max is not None and gate.max >= rows:
            raise SpecError(f"gate on {QUANTITY}: max = {gate.max!r}", f"there are {rows} evaluation rows, so every "
                            "outcome meets this gate, which is an empty promise", "give min, the labels that must stay")


def _check_meaning(problem: Problem) -> None:
    evaluation = None if problem.spec is None else problem.spec.evaluation
    threshold = None if evaluation is None else evaluation.threshold
    if problem.outputs > 1 or threshold is not None or problem.loss != "squared":
        return
    targets = problem.y if problem.y is not None else problem.labels
    if targets is not None and np.isin(targets, (-1, 1)).all():
        return
    found = "the data names no targets" if targets is None else "the targets are not all -1 and 1"
    raise SpecError(f"gate on {QUANTITY}", f"the network has one output with the squared loss, and {found}, so nothing "
                    "says what the label of a row is",
                    "give evaluation.threshold: the label is then the side of it that the output lies on, e.g. "
                    "threshold = 0.5 for targets 0 and 1, threshold = 0.0 for the sign")
