"""One given change where the loss counts: class labels that flip, `u_i = new − old`, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.problem.statement import Statement


def require_flips(problem: Statement) -> None:
    """Refuse one change of the targets of a critical problem that no theorem is about.

    Raises:
        InputError: probabilities, or what comes out is no label.
    """
    if problem.moving.suits(problem.row_loss.slides) or problem.change is None:
        return
    if problem.labels is None:
        raise InputError("parameter", f"targets with the {problem.loss} loss and probabilities",
                         "use features or sample_weights, or class labels")
    if problem.change.shape == (problem.n, problem.outputs):
        flipped_labels(problem.loss, problem.labels, problem.change)


def flipped_labels(loss: str, labels: Array, u: Array) -> Array:
    """The labels of the changed problem.

    Args:
        loss: ``"logistic"``: labels 0 and 1, or −1 and 1, and `new = old + u_i`; ``"cross_entropy"``: labels 0 …
            k − 1, and with unit vectors `e_new = e_old + u_i`.
        labels: `(n,)` labels.
        u: `(n, 1)` or `(n, k)` change.

    Raises:
        InputError: what comes out is no label.

    >>> flipped_labels("logistic", np.array([0, 1]), np.array([[1.0], [0.0]])).tolist()
    [1, 1]
    """
    old = np.asarray(labels).ravel()
    if Loss(loss).one_output:
        new = old + u[:, 0]
        values = set(old.tolist()) | set(new.tolist())
        if not (values <= {0, 1} or values <= {-1, 1}):
            raise InputError("change", f"it leads to the labels {sorted(values)[:5]}",
                             "give new − old, e.g. 1 for a label 0 that becomes 1")
        return new.astype(np.int64)
    unit = np.eye(u.shape[1])[old.astype(np.int64)] + u
    if not (((unit == 0) | (unit == 1)).all() and (unit.sum(axis=1) == 1).all()):
        row = int(np.argmax(~(((unit == 0) | (unit == 1)).all(axis=1) & (unit.sum(axis=1) == 1))))
        raise InputError("change", f"row {row} does not lead from its class to another",
                         "give −1 at the old class and 1 at the new one")
    return np.asarray(np.argmax(unit, axis=1))
