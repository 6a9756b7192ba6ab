"""Any m training labels are wrong: which predictions stay?"""

from __future__ import annotations

from certify.auditing.questions.base import (
    Asked,
    Claim,
    Options,
    of_head,
    of_rows,
    wanted,
)
from certify.auditing.questions.counted import Counted
from certify.auditing.subject import Subject, is_code
from certify.network.loss.losses import loss_named


class LabelsWrong(Counted):
    """Any `relabel` labels become any others, and the model is trained again to its minimum."""

    slug = "labels-wrong"
    words = ("labels wrong", "label", "mislabelled", "mislabeled", "relabel", "flipped labels", "label noise",
             "poisoned labels")
    besides = ("flip", "flips", "relabels", "poison", "poisons", "tampered")
    option = "relabel"

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"which predictions stay, whichever {_labels(options.relabel)} wrong {subject.reweighed.again}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        return against_labels(subject, options.relabel)

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change = {"parameter": "labels", "set": "sparse", "count": options.relabel}
        return Asked(of_head(subject.reweighed, change, fewer=False), wanted(subject))

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        return of_rows(subject, claim, f"whichever {_labels(options.relabel)} wrong {subject.reweighed.again}")


def against_labels(subject: Subject, count: int) -> str:
    """Why no so many labels of a subject can be wrong, or none be asked about; "" where they can."""
    if subject.against_head:
        return subject.against_head
    if subject.labels is None and loss_named(subject.loss).slides and not _codes(subject):
        return "the targets are amounts, not labels: labels, or targets -1 and 1, can be wrong"
    return f"{count} of {subject.n} labels cannot all be wrong" if count >= subject.n else ""


def _labels(count: int) -> str:
    return "training label is" if count == 1 else f"{count} training labels are"


def _codes(subject: Subject) -> bool:
    return subject.y is not None and is_code(subject.y)
