"""What of the data moves: the numbers of one row, and what their motion is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """What a word of `perturbation.parameter` means.

    Attributes:
        moved: one unit of its motion, in words.
        budget: how large a motion of it is, in words.
        inputs: whether the points x_i move, and with them what the network makes of them.
        outer: whether what the outputs are compared with moves.
        single: whether it is one number a row, of which all norms are equal.
        sized: whether a motion has a size; else a row changes whole or not at all.
        leaves: whether it is a row that is left out.
    """

    moved: str
    budget: str
    inputs: bool = False
    outer: bool = False
    single: bool = False
    sized: bool = True
    leaves: bool = False

    def width(self, inputs: int, outputs: int) -> int:
        """Numbers of one row's change, by those of inputs and outputs."""
        return inputs if self.inputs else 1 if self.single else outputs

    def movable(self, inputs: int, outputs: int, scale: Sequence[float] | None) -> list[int]:
        """Those of them that may change: all, or the features with a unit."""
        every = range(self.width(inputs, outputs))
        return [a for a in every if not self.inputs or scale is None or scale[a]]


PARAMETERS = {
    "features": Parameter("feature change", "feature distance", inputs=True),
    "targets": Parameter("target change", "target distance", outer=True),
    "sample_weights": Parameter("change of the sample weights", "change of the sample weights", single=True),
    "labels": Parameter("label that changes", "labels that change", sized=False),
    "deletions": Parameter("row left out", "rows left out", sized=False, leaves=True),
}
