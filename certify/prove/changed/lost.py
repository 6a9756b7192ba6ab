"""Labels that a change may leave without a row: scikit-learn then fits another model than the loss that is stated."""

from __future__ import annotations

from typing import Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss, Parameter
from certify.problem.perturbations.codes import Codes, codes_of
from certify.problem.problem import Problem
from certify.problem.progress import warn
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.of_problem import change_of_rows, last_of

WITHOUT: Final = {
    False: "refuses to fit without it, and answers are about the minimum of the loss of what is left",
    True: "then fits the others alone and never predicts it, and answers are about the minimum of the loss with an "
          "output for each of today's labels",
}
"""What scikit-learn does without a label, and what is answered, by whether other two are left."""
ALONE: Final = ("then always predicts the other one, as answers about labels do, with an output of -1 whichever it is; "
                "outputs here are 1 where that is the second")
"""The same of two labels that a `RidgeClassifier` with an intercept tells apart: it fits a constant."""


def said_of_lost(problem: Problem, change: Change | None = None, numbers: bool = True) -> str:
    """What a reader has to know where the changes of whole rows may leave a label without rows; "" where none may.

    Args:
        problem: with its labels.
        change: what may happen to the rows; None: what the problem says.
        numbers: whether outputs or weights are told of, and not labels alone.
    """
    parameter = Parameter(problem.parameter)
    if change is None and not (parameter.leaves or parameter.relabels):
        return ""
    if problem.classes is None and problem.outputs == 1 and Loss(problem.loss).least_squares:
        return ""  # two amounts, and a regression is fitted to one of them as to both
    if (constant := _fits_constant(problem)) and not numbers:
        return ""
    try:
        found = codes_of(problem)
    except InputError:  # targets are no labels
        return ""
    head, change = _labels_alone(found), change_of_rows(problem) if change is None else change
    counts = np.bincount(found.label, minlength=len(found.codes))
    least = min((int(counts[c]) for c in change.emptied(head) if counts[c]), default=0)
    if not least:
        return ""
    rows = "1 row" if least == 1 else f"{least} rows"
    may = (f"a label has {rows}, and any {change.count} may be {'relabelled' if change.relabels else 'deleted'}"
           if isinstance(change, RowChange) else f"a label may lose all its rows ({change.words})")
    return f"{may}: scikit-learn {ALONE if constant else WITHOUT[several_left(problem)]}"


def tell_of_lost(problem: Problem, change: Change | None = None, numbers: bool = True) -> None:
    """Warn of it the caller of the function that calls this."""
    said = said_of_lost(problem, change, numbers)
    if said:
        warn(said)


def _fits_constant(problem: Problem) -> bool:
    """Whether rows of one label alone are fitted by squares with a free intercept, and the label is that of the sign.

    Their targets are all -1 or all 1, so that the minimum is that constant without weights, and its label theirs. The
    estimator fits -1 to them, which it reads as the only label it then knows.
    """
    return (problem.outputs == 1 and Loss(problem.loss).least_squares and last_of(problem.network)[1] is not None
            and not problem.bias_decay and not problem.threshold)


def several_left(problem: Problem) -> bool:
    """Whether two labels or more are left where one goes."""
    return len(np.unique(codes_of(problem).label)) > 2


def _labels_alone(found: Codes) -> Head:
    """A head that has the labels of the rows and nothing else of them."""
    n, k = len(found.label), found.codes.shape[1]
    return Head(np.zeros((n, 1)), np.zeros(n), found.codes[found.label], found.codes, found.label,
                HEAD_LOSSES["squared"], np.zeros((k, 1)), 1.0, np.ones(1, dtype=bool), False, np.zeros((1, 1)),
                np.zeros(1))
