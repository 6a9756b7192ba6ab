"""How far each prediction moves when every training target is off by some amount, and the model is trained again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certify.format.errors import EnclosureError, InputError
from certify.format.quantities import PREDICTION_CHANGE
from certify.format.support import applying
from certify.format.words import Parameter, Set
from certify.problem.problem import Problem
from certify.problem.progress import Progress, told
from certify.problem.question import question_of
from certify.prove.changed.amounts import Off, off_of
from certify.prove.rows import asked_of, distance_of
from certify.prove.rows_asked import PLAIN
from certify.rigor.fp import Array
from certify.spec.nearest import refusal
from certify.systems.head.rows.of_problem import head_of
from certify.theorems.head.targets import ends_of, radii_of


@dataclass(frozen=True, eq=False)
class TargetsOff:
    """`lower ≤ the largest change of a prediction ≤ upper`, one of each for every row of X_eval.

    Attributes:
        lower, upper: `(N,)`; some targets within the amount move the prediction by `lower`, none by more than `upper`.
        by: how far every target may be off, in words.
    """

    lower: Array
    upper: Array
    by: str

    def __repr__(self) -> str:
        return f"TargetsOff(every target by {self.by}: {len(self.upper)} predictions, at most {self.upper.max():.6g})"


def targets_off(problem: Problem, X_eval: Any, by: float | str, progress: Progress | None = None) -> TargetsOff:
    """How far every prediction may move when each training target is off by up to an amount, all at once.

    For the squared loss with a weight decay, such as Ridge, where predictions are linear in the targets (D22). The
    change is between the minimum for the targets as they are and that for the changed ones.

    Args:
        problem: from :func:`certify.from_sklearn` and its like.
        X_eval: `(N, d)` rows to predict, as the model takes them.
        by: an amount in the units of the targets, or ``"2%"`` of each target itself; of several outputs the length of
            what the targets of a row are off by (root of the sum of squares), and so with what predictions move by.
        progress: told the stage in words and the fraction done.

    Raises:
        InputError: another loss, no weight decay, weights of rows, targets kept without their mean, or a share of
            several outputs.

    >>> import certify, numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> X, y = np.array([[-1.0], [1.0]]), np.array([1.0, 3.0])
    >>> found = targets_off(certify.from_sklearn(Ridge(alpha=2.0).fit(X, y), X, y), [[0.0]], 0.5)  # the mean of y
    >>> round(float(found.lower[0]), 9), round(float(found.upper[0]), 9)
    (0.5, 0.5)
    """
    off = off_of(str(by), "by")
    assert off is not None  # something was said
    _require_known(problem, off)
    asked = asked_of(problem, X_eval, {**PLAIN, "parameter": Parameter.TARGETS, "set": Set.PER_SAMPLE, "norm": 2,
                                       "radius": off.radius, "relative": off.share})
    question = question_of(asked, PREDICTION_CHANGE.name)
    why = None if applying(question) else refusal(question)
    if why is not None:
        raise InputError("targets_off", why.found, why.remedy)
    head = head_of(asked)
    distance_of(head, problem.ended)
    with told(progress) as tell:
        tell("influences of all rows", 0.0)
        found = ends_of(head, radii_of(asked))
    if isinstance(found, str):
        raise EnclosureError("targets_off", found, "give more weight decay")
    by = off.words if problem.outputs == 1 else f"{off.words}, all of a row together (root of the sum of squares)"
    return TargetsOff(found.lower, found.upper, by)


def _require_known(problem: Problem, off: Off) -> None:
    """Refuse a model without one minimum, one whose rows carry weights, and a share of targets that are not known here.

    Raises:
        InputError: one of these.
    """
    if not problem.weight_decay > 0:
        raise InputError("targets_off", "a loss without weight decay, whose minimum need not be one point",
                         "ask about a fit with a penalty, e.g. Ridge with a small alpha")
    if problem.weights is not None:
        raise InputError("targets_off", "rows that carry weights of their own", "nothing is known of these here")
    if getattr(problem.prepare, "mean", ()):
        raise InputError("targets_off", "targets that are kept without their mean, which a fit to others takes anew",
                         "fit with normalize_y=False")
    if off.share and problem.outputs > 1:
        raise InputError("by", f"a share, of {problem.outputs} outputs", "give an amount in the units of the targets")
