"""The section `[solution]`: what a map's solutions solve, and where the one is that claims are about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SolutionMap:
    """What a word of `solution.map` means: one of the three is so.

    Attributes:
        by_row: whether every row gives equations of its own, `f(x_i, w) = …`: then equal rows are one equation twice.
        stationary: whether the solutions are the zeros of the loss's gradient, one equation a parameter.
        below: whether they are all weights whose loss is small enough, `L(w) ≤ ℓ`.
    """

    by_row: bool = False
    stationary: bool = False
    below: bool = False

    def equations(self, rows: int, parameters: int) -> int:
        """How many there are, by rows times outputs and the number of parameters."""
        return rows if self.by_row else parameters if self.stationary else 1


MAPS = {"interpolation": SolutionMap(by_row=True), "critical": SolutionMap(stationary=True),
        "sublevel": SolutionMap(below=True)}
NEARBY = {"given": False, "nearby": True}
"""Whether an exact solution is proved near the weights in the file, by the word of a base."""
