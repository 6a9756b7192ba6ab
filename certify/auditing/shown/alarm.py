"""What has to be read before any answer: signs that the model, its data and what was said of them are not of one piece.

Everything that is proved may be true then, of a function or of a solution that is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from certify.auditing.subject import Subject
from certify.format.digits import at_most
from certify.problem.fit import percent
from certify.report.messages import share_of

WHOLE: Final = 1.0
"""Of the length of the given weights: a solution farther from them is another model."""


def misfit(subject: Subject) -> str:
    """That the model is right less often than one that always answers the commonest label; "" where it is not."""
    fit, labels = subject.fit, subject.labels
    if labels is None or fit.right is None:
        return ""
    most = int(np.unique(np.asarray(labels)[: fit.rows], return_counts=True)[1].max())
    if fit.right >= most:
        return ""
    return (f"the model as it was understood is right on {percent(fit.right, fit.rows)} of the training rows, and "
            f"always answering the commonest label on {percent(most, fit.rows)}: are labels swapped, or is it another "
            "model, loss or file? What is proved is about this model")


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
