"""What a word of `training.loss` says of the targets; values and slopes are those of `enclosure/losses`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class LossTargets:
    """What the targets of a loss are: real numbers, where it is neither of the two.

    Attributes:
        signs: whether every row has one of two labels: −1 and 1, or 0 and 1.
        classes: whether every output stands for a class: a row has the number of its class, or probabilities. Then
            nothing changes where all outputs of a row grow by the same number.
    """

    signs: bool = False
    classes: bool = False

    def labels(self, values: Collection[float], outputs: int) -> set[int]:
        """The labels that there are, by those of some rows."""
        return set(range(outputs)) if self.classes else {-1, 1} if min(values) < 0 else {0, 1}


LOSSES = {"squared": LossTargets(), "cross_entropy": LossTargets(classes=True), "logistic": LossTargets(signs=True)}
