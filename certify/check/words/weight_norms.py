"""The norms of the weights: what distances between networks are measured in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightNorm:
    """What a word of `weights.norm` means; the Euclidean norm where it is neither of the two.

    Attributes:
        distance: such a distance in words, the beginning of a unit.
        layered: whether every layer counts relative to its own size, `|Δw|² = Σ_h |Δw_h|²/‖W_h‖_F²` (S1).
        seen: whether it compares outputs at reference rows (S2).
    """

    distance: str
    layered: bool = False
    seen: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is the Euclidean norm of all free weights."""
        return not self.layered and not self.seen


WEIGHT_NORMS = {"euclidean": WeightNorm("weight distance"),
                "relative": WeightNorm("weight distance relative to each layer", layered=True),
                "function": WeightNorm("weight distance as the reference rows see it", seen=True)}
