"""Methods whose time was up: whether more time is worth giving, by what they gained and by how long they would take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from certify.problem.limits import duration
from certify.rigor.finder import proposed
from certify.theorems.head.rows.searches.methods import STAGES

TIMES: Final = 10.0
"""Times the seconds there were: what is known to need more is no reason to advise more time."""

PATIENT: Final = 10.0
"""Seconds after which a method that decided nothing, and of which nobody knows how long it takes, is no such reason."""

HARDLY: Final = "more time would hardly help"
SHOWN: Final = 2
"""Methods that are named."""


@dataclass(frozen=True)
class Stopped:
    """A method that applies, and whose time was up.

    Attributes:
        name: of the method.
        spent: seconds that it had; 0: none was left for it.
        gained: predictions that it decided in them.
        least: measures about the seconds without which it proves nothing; 0.0 where nobody knows.
        waits: whether it did not begin, as it knew that its time would not do.
    """

    name: str
    spent: float
    gained: int
    least: Callable[[], float]
    waits: bool = False

    def against(self, seconds: float) -> str:
        """Why more time than there was would hardly help it, in words; "" where it may.

        >>> Stopped("softmax_tree", 15.0, 0, lambda: 0.0).against(20.0)
        'nothing was decided in 15 s (a tree over the rows that pull most)'
        >>> Stopped("enumeration", 15.0, 2, lambda: 7200.0).against(20.0)
        'about 2.0 h would be needed (a refit for each choice)'
        >>> Stopped("enumeration", 0.0, 0, lambda: 90.0).against(20.0), Stopped("box", 9.0, 0, lambda: 0.0).against(9.0)
        ('', '')
        """
        needed = proposed(self.least) or 0.0
        if needed > TIMES * seconds:
            return f"about {duration(needed)} would be needed ({STAGES[self.name]})"
        if self.spent < max(needed, PATIENT) or self.gained:
            return ""
        return f"nothing was decided in {duration(self.spent)} ({STAGES[self.name]})"


def hardly(stopped: Sequence[Stopped], seconds: float) -> str:
    """Why more time would hardly help any of them, in words; "" where it may help one, or none was stopped.

    Args:
        stopped: those that were.
        seconds: that there were for all.
    """
    said: list[str] = []
    for one in sorted(stopped, key=lambda one: -one.spent):  # to know what one had costs nothing, to measure it may
        if not (why := one.against(seconds)):
            return ""
        said.append(why)
    return f"{HARDLY}: {', '.join(list(dict.fromkeys(said))[:SHOWN])}" if said else ""
