"""Methods whose time was up: whether more time is worth giving, by what they gained and by how long they would take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from certify.problem.limits import duration
from certify.rigor.finder import proposed
from certify.theorems.head.rows.searches.methods import STAGES

TIMES: Final = 10.0
"""Times the seconds there were: what is known to need more is no reason to advise more time."""

PATIENT: Final = 10.0
"""Seconds after which a method that decided nothing, and of which nobody knows how long it takes, is no such reason."""

HARDLY: Final = "more time would hardly help"
WORTH: Final = 6 * 3600.0
"""Seconds up to which somebody may give what a method is known to need."""

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

    @cached_property
    def needed(self) -> float:
        """About the seconds that it needs at least, measured; 0.0 where nobody knows."""
        return proposed(self.least) or 0.0

    def against(self, seconds: float) -> str:
        """Why more time than there was would hardly help it, in words; "" where it may.

        >>> Stopped("softmax_tree", 15.0, 0, lambda: 0.0).against(20.0)
        'nothing was decided in 15 s (a tree over the rows that pull most)'
        >>> Stopped("enumeration", 15.0, 2, lambda: 7200.0).against(20.0)
        'about 2.0 h would be needed (a refit for each choice)'
        >>> Stopped("enumeration", 0.0, 0, lambda: 90.0).against(20.0), Stopped("box", 9.0, 0, lambda: 0.0).against(9.0)
        ('', '')
        """
        if self.needed > TIMES * seconds:
            return f"about {duration(self.needed)} would be needed ({STAGES[self.name]})"
        if self.spent < max(self.needed, PATIENT) or self.gained:
            return ""
        return f"nothing was decided in {duration(self.spent)} ({STAGES[self.name]})"


def nearest(stopped: Sequence[Stopped], seconds: float) -> str:
    """How near the time was to what a stopped method is known to need, in words; "" where nobody measured it.

    Args:
        stopped: those that were; of these the measures that are there are looked at, and none is made.
        seconds: that there were for all.

    >>> one = Stopped("enumeration", 15.0, 0, lambda: 21.0)
    >>> nearest([one], 20.0), one.needed, nearest([one], 20.0)
    ('', 21.0, 'a refit for each choice needs about 21 s, and there were 20 s')
    """
    known = [(one.__dict__.get("needed", 0.0), one.name) for one in stopped]
    beyond = [(needed, name) for needed, name in known if seconds < needed <= TIMES * seconds]
    if not beyond:
        return ""
    needed, name = min(beyond)
    return f"{STAGES[name]} needs about {duration(needed)}, and there were {duration(seconds)}"


def hardly(stopped: Sequence[Stopped], seconds: float) -> str:
    """Why more time would hardly help any of them, in words; "" where it may help one, or none was stopped.

    Args:
        stopped: those that were.
        seconds: that there were for all.

    >>> hardly([Stopped("enumeration", 10.0, 0, lambda: 1440.0)], 10.0)
    'there were 10 s, and a refit for each choice would need about 24 min'
    >>> hardly([Stopped("enumeration", 10.0, 0, lambda: 1e6)], 10.0)[:27]
    'more time would hardly help'
    """
    said: list[str] = []
    for one in sorted(stopped, key=lambda one: -one.spent):  # to know what one had costs nothing, to measure it may
        if not (why := one.against(seconds)):
            return ""
        said.append(why)
    if known := [(one.needed, one.name) for one in stopped if TIMES * seconds < one.needed <= WORTH]:
        needed, name = min(known)
        return f"there were {duration(seconds)}, and {STAGES[name]} would need about {duration(needed)}"
    return f"{HARDLY}: {', '.join(list(dict.fromkeys(said))[:SHOWN])}" if said else ""
