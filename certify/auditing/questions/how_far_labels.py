"""How many training labels may be wrong until each prediction changes?"""

from __future__ import annotations

import re
from typing import Final

from certify.auditing.questions.base import Options
from certify.auditing.questions.how_far import HowFar
from certify.auditing.questions.labels_wrong import LabelsWrong, against_labels
from certify.auditing.subject import Subject

LABELS: Final = r"\b(labels?|mislabell?ed|relabell?(?:ed)?|labelled)\b"
FAR: Final = (r"\b(how far|margins?|tolerated?|until|before|how many (?:of (?:the|my) )?(?:training )?"
              r"(?:wrong |bad |flipped |poisoned |mislabell?ed )?(?:training )?(?:labels|rows))\b")
"""What a phrase is about, and that it asks for how many of them: both together mean this question alone."""


class HowFarLabels(HowFar):
    """For every prediction how many labels may be wrong, up to a number, until it changes."""

    slug = "how-far-labels"
    words = ("how many labels wrong", "how far from changing by wrong labels", "how many wrong labels until it flips",
             "how many mislabelled rows before it flips", "how many labels are tolerated")
    besides = ("this", *LabelsWrong.besides)
    option = "relabel"
    parameter = "labels"
    may = "training labels may be wrong"
    one = "training label is wrong"
    single = "wrong label"
    plural = "wrong labels"
    unit = "labels"

    def meant(self, options: Options) -> str:
        """Itself."""
        return self.slug

    def claims(self, phrase: str) -> bool:
        """A phrase about labels that asks how many of them."""
        return all(re.search(pattern, phrase, re.IGNORECASE) for pattern in (LABELS, FAR))

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        return super().against(subject, options) or against_labels(subject, self.most(options))
