"""What a word of `training.loss` says of the targets; values and slopes are those of `enclosure/losses`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class LossTargets:
    """Real numbers, `signs` (±1 or 0 and 1), numbers of `classes`, or `shares` of them, which a common shift leaves."""

    signs: bool = False
    classes: bool = False
    shares: bool = False

    def labels(self, values: Collection[float], outputs: int) -> set[int]:
        """The labels that there are, by those of some rows."""
        if self.classes and (outputs > 1 or not self.signs):
            return set(range(outputs))
        return {-1, 1} if min(values) < 0 else {0, 1}


OF_HEADS = {"one_vs_rest": LossTargets(classes=True), "squared_hinge": LossTargets(signs=True, classes=True),
            **dict.fromkeys(("huber", "poisson", "gamma"), LossTargets())}  # known where rows change whole, alone
LOSSES = {"squared": LossTargets(), "cross_entropy": LossTargets(classes=True, shares=True),
          "logistic": LossTargets(signs=True), **OF_HEADS}
