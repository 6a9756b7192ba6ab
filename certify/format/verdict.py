"""Verdicts, and kinds of rigour: the words that end every claim."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What became of a claim. No tolerance turns one verdict into another."""

    CERTIFIED = "certified"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Rigour(StrEnum):
    """How a number is known, strongest first.

    >>> Rigour.PROVED.at_least(Rigour.ESTIMATED), Rigour.ESTIMATED.at_least(Rigour.PROVED)
    (True, False)
    """

    PROVED = "proved"
    CONDITIONAL = "conditional"
    ESTIMATED = "estimated"

    def at_least(self, other: Rigour) -> bool:
        """Whether a number of this rigour counts where `other` is asked for."""
        order = list(Rigour)
        return order.index(self) <= order.index(other)
