"""A critical point nearby of which another process proposed X, and a factor for a bound of `‖X‖`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from flint import arb

from certify.check.enclosure.network import Forward, Parameters
from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import LARGE
from certify.check.linalg.fixed import Fixed
from certify.check.probed.bounding import is_below
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.systems.critical import Stationary

NEAR = 1 - 2.0**-31
"""Of the bound that is stated: what it leaves is for what X lacks of an inverse."""


class Asked(Stationary):
    """What the rules look at.

    Args:
        problem, parameters, passed, tilt, width, near: as of :class:`Stationary`.
        bounding: R for this bound of `‖X‖`; of neither is anything proved.
    """

    def __init__(
        self, problem: Problem, parameters: Parameters, passed: Forward, tilt: str | None, width: int,
        near: Fixed | None, bounding: tuple[Fixed, float],
    ) -> None:
        super().__init__(problem, parameters, passed, tilt, width, near)
        self._bounding = bounding

    @cached_property
    def _below(self) -> bool:
        """Whether it is a bound."""
        return self.inverse.X is not None and is_below(self.inverse.X, *self._bounding)

    def rank(self, least: float) -> Truth:
        """Whether `‖X‖ < (1 − ε)/least`, by R where it was made for no more; else as it is found without."""
        if arb(self._bounding[1]) * least <= 1 - self.inverse.error and self._below:
            return Truth.PROVED
        return super().rank(least)


def most_of(problem: Problem, claims: Sequence[Claim[object]]) -> float | None:
    """The bound of `‖X‖` that the largest stated `rank` asks for; None where none is, or of too many parameters."""
    stated = [hypothesis.value for claim in claims for hypothesis in claim.hypotheses
              if hypothesis.name == "rank" and hypothesis.holds and isinstance(hypothesis.value, float)]
    least = max(stated, default=0.0)
    return NEAR / least if 1e-300 < least < 1e300 and problem.parameters <= LARGE else None
