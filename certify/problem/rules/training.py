"""The training problem of a problem: whether loss, targets, labels, level and weight decay fit together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss

if TYPE_CHECKING:
    from certify.problem.statement import Statement


def against_outputs(loss: str, outputs: int) -> tuple[str, str] | None:
    """Why a loss does not take so many outputs, and what to give; None where it does.

    >>> against_outputs("logistic", 10)
    ('it takes one output, and the network has 10', 'give cross_entropy, which takes an output for each class')
    >>> against_outputs("logistic", 1) is None, against_outputs("squared", 10) is None
    (True, True)
    """
    if outputs > 1 and Loss(loss).one_output:
        return (f"it takes one output, and the network has {outputs}",
                "give cross_entropy, which takes an output for each class")
    if outputs == 1 and Loss(loss).outputs_by_class:
        return "it takes an output for each class, and the network has one", "give logistic, which takes one output"
    return None


def require_losses(problem: Statement) -> None:
    """Refuse levels, decays, labels and probabilities for which the loss is not what the theorems say.

    Args:
        problem: network, data and loss; its arrays are real and finite.

    Raises:
        InputError: with what would work.
    """
    if problem.level is not None and not math.isfinite(problem.level):
        raise InputError("level", f"{problem.level}", "give a finite number")
    if not (math.isfinite(problem.weight_decay) and problem.weight_decay >= 0):
        raise InputError("weight_decay", f"{problem.weight_decay}", "give a finite number from 0 on")
    if problem.scale is not None and (problem.scale < 0).any():
        raise InputError("scale", "a negative unit", "give 0 (may not move) or a positive unit a feature")
    loss = problem.row_loss
    if loss.weighs and problem.y is not None:
        if problem.labels is not None:
            raise InputError("targets", "labels and rows of probabilities", "give one of them")
        if not (problem.y >= 0).all():
            raise InputError("targets", "a negative or missing probability", "give rows of probabilities")
    if problem.labels is not None:
        k = problem.network.widths[-1]
        values = set(np.asarray(problem.labels).ravel().tolist())
        if np.shape(problem.labels) != (problem.n,):
            raise InputError("labels", f"shape {np.shape(problem.labels)}", f"give one label a row, ({problem.n},)")
        allowed = loss.alphabets(k)
        if allowed and not any(values <= a for a in allowed):
            raise InputError("labels", f"{sorted(values)[:5]} with the {problem.loss} loss",
                             f"give {loss.label_words(k)}")
    if not problem.solutions.trains:
        return
    outputs = problem.network.widths[-1]
    against = against_outputs(problem.loss, outputs)
    if against is not None and outputs > 1:  # of one output the cross-entropy is a constant, and true as it is
        raise InputError(f"loss '{problem.loss}'", *against)
    lacking = loss.lacking(problem.y, problem.labels)
    if lacking is not None:
        raise InputError("targets", *lacking)
    problem.moving.require(problem)


def require_threshold(problem: Statement) -> None:
    """Refuse a threshold of labels but for the one output at evaluation rows.

    Raises:
        InputError: with what would work.
    """
    if problem.threshold is None:
        return
    if not math.isfinite(problem.threshold):
        raise InputError("evaluation.threshold", f"{problem.threshold}", "give a finite number")
    if problem.evaluation is None:
        raise InputError("evaluation.threshold", "no evaluation rows", "give evaluation rows, or leave it out")
    if problem.outputs != 1:
        raise InputError("evaluation.threshold", f"a network with {problem.outputs} outputs, whose label is the "
                         "largest", "leave it out; it is for one output")
