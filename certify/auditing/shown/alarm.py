"""What has to be read before any answer: signs that the model, its data and what was said of them are not of one piece.

Everything that is proved may be true then, of a function or of a solution that is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from certify.auditing.subject import Subject
from certify.format.digits import at_most
from certify.network.loss.losses import loss_named
from certify.problem.fit import percent
from certify.problem.fitting import outputs_of
from certify.report.phrases.decisions.beside import share_of

WHOLE: Final = 1.0
"""Of the length of the given weights: a solution farther from them is another model."""


def misfit(subject: Subject) -> str:
    """That the model is right less often than one that always answers the commonest label; "" where it is not.

    Where a label is rare an honest model may be that, too, above all with class weights: it still tells labels apart,
    and is right more often than a guess on the average label. So this has to fail as well, at the threshold that
    somebody gave and at the model's own.
    """
    fit, labels = subject.fit, subject.labels
    if labels is None or fit.right is None:
        return ""
    kinds, which, counts = np.unique(np.asarray(labels)[: fit.rows], return_inverse=True, return_counts=True)
    most = int(counts.max())
    if fit.right >= most:
        return ""
    shares = [_of_average_label(hits, which, subject) for hits in _right(subject, fit.rows)]
    if not all(share * len(kinds) <= 1.0 for share in shares):
        return ""
    return (f"the model as it was understood is right on {percent(fit.right, fit.rows)} of the training rows, and "
            f"always answering the commonest label on {percent(most, fit.rows)}; of the average label it is right on "
            f"{max(shares):.1%}, no more than a guess: are labels swapped, or is it another model, loss or file? What "
            "is proved is about this model")


def _right(subject: Subject, rows: int) -> list[NDArray[np.bool_]]:
    """Which of the first rows have the label that is predicted, parted at the model's own threshold and as asked."""
    outputs = np.concatenate([f for _, f in outputs_of(subject.network, subject.X[:rows])])
    y, labels = (None if array is None else array[:rows] for array in (subject.y, subject.labels))
    aims = loss_named(subject.loss).aims(y, labels, outputs.shape[1])
    if outputs.shape[1] > 1:
        return [np.argmax(outputs, axis=1) == np.argmax(aims, axis=1)]
    return [(outputs[:, 0] > at) == (aims[:, 0] > 0) for at in {0.0, subject.threshold or 0.0}]


def _of_average_label(hits: NDArray[np.bool_], which: NDArray[np.int64], subject: Subject) -> float:
    """The mean over labels of the share of their rows that are right, rows counted as in training."""
    weights = np.ones(len(hits)) if subject.weights is None else subject.weights[: len(hits)]
    return float((np.bincount(which, weights * hits) / np.bincount(which, weights)).mean())


def astray(certificate: Mapping[str, Any]) -> str:
    """That the claims are about a solution farther from the given weights than these are long; "" where they are not.

    >>> astray({"problem": {"weights_length": 2.0, "base": "nearby"}, "base": {"distance": 1.0}})
    ''
    >>> astray({"problem": {"weights_length": 2.0, "base": "nearby"}, "base": {"distance": 105.0}})[:93]
    'the answer is about a minimum that is only known to lie within 52.5 lengths of the weights in'
    """
    share = share_of(dict(certificate["problem"]), certificate["base"]["distance"])
    if share is None or share <= WHOLE:
        return ""
    return (f"the answer is about a minimum that is only known to lie within {at_most(share, 3)} lengths of the "
            "weights in the file: it may be another model. Is this the loss, the weight decay and the data of its "
            "training?")
