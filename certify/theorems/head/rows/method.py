"""A method: one way of proving that predictions stay under every choice of changed rows."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole

Mask = NDArray[np.bool_]

INEXACT: Final = "inputs of the last layer are inexact, known within a radius, and it needs them exactly"
"""Why a method is not for a last layer behind others: these give its inputs up to rounding."""

BALANCED: Final = "the weights are balanced, and every change of rows changes all of them"
"""Why a method is not for weights that do not stay."""

AMONG, LEAST = 16, 0.5
"""Rows whose changes are refitted to learn how long all take, and the seconds for that at least."""


@dataclass
class Budget:
    """Seconds that a method may use.

    Attributes:
        seconds: from `started` on.
        started: on the clock of `time.monotonic`.
        of: that of which it is a share.
        ended: whether somebody who asked was told that it, or a share of it, was up.
    """

    seconds: float = float("inf")
    started: float = field(default_factory=time.monotonic)
    of: Budget | None = None
    ended: bool = False

    def left(self) -> float:
        """Seconds left; where there are none, that this is known is kept."""
        left, one = self.seconds - (time.monotonic() - self.started), self
        while left <= 0 and not one.ended:
            one.ended, one = True, one.of or one
        return left

    def check(self) -> None:
        """Raise :class:`OutOfTime` if the time is up."""
        if self.left() <= 0:
            raise OutOfTime

    def share(self, part: float) -> Budget:
        """A budget that ends earlier.

        >>> whole = Budget(60.0)
        >>> whole.share(0.0).left() > 0, whole.ended, whole.left() > 0
        (False, True, True)
        """
        return Budget(max(self.left(), 0.0) * part, of=self)


@dataclass(frozen=True, eq=False)
class Flips:
    """Changes that flip predictions, each proved by its refit.

    Attributes:
        point: `(N,)` number of the change that flips a point; −1 where none does.
        rows, codes: `(A, r)` the changes, as of :class:`certify.systems.head.rows.change.Choices`.
        weights: `(A, k, m)` weights near their refits.
    """

    point: Whole
    rows: Whole
    codes: Whole
    weights: Array


@dataclass(frozen=True, eq=False)
class Part:
    """What one method proved.

    Attributes:
        method: its name.
        proved: `(N,)` the points that stay.
        arrays: what a checker needs to derive it again, by name.
        flips: changes it met that flip points; None: it looked for none.
        tolerated: `(N,)` both ends of the number of changes that each point survives, whatever number was asked about;
            None where the method does not know.
        why: what kept it from proving more, in words; "" where it does not say.
        late: whether that was the time, though some is left: it could not have ended what it did not begin.
        begun: whether it began; else `why` says how much time it needs.
    """

    method: str
    proved: Mask
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    flips: Flips | None = None
    tolerated: tuple[Whole, Whole] | None = None
    why: str = ""
    late: bool = False
    begun: bool = True


class Method(ABC):
    """One way of proving that predictions stay.

    Attributes:
        name: as certificates name it.
        takes_all: whether it may use all the time it is given.
        weighs: whether it takes rows that carry weights.
    """

    name: ClassVar[str]
    weighs: ClassVar[bool] = False
    takes_all: ClassVar[bool] = False

    def takes(self, change: Change) -> Change | str:
        """The change that it is asked about: that one, or a plain one that contains it; else why none, in words."""
        return change.within or change.apart

    @abstractmethod
    def able(self, head: Head, change: Any) -> str:
        """Empty where the method applies; else why not, in words."""

    def complete(self, head: Head, change: Any) -> bool:
        """Whether it finds the changes that flip as well, so that no search need go before it."""
        return False

    def sure(self, head: Head, change: Any, left: float) -> bool:
        """The same, by how long it takes as measured here, where nothing else decides as much in as many seconds."""
        return False

    def seconds(self, head: Head, change: Any) -> float:
        """About how long it takes to decide every point, measured here; infinite where that is not known."""
        return float("inf")

    def least(self, head: Head, change: Any) -> float:
        """About the seconds without which it proves nothing, measured here; 0.0 where that is not known."""
        return known if np.isfinite(known := self.seconds(head, change)) else 0.0

    @abstractmethod
    def prove(self, head: Head, change: Any, todo: Mask, budget: Budget) -> Part | None:
        """What it proves of the points that are left; a method that runs out of time returns what it has.

        Args:
            head: the head.
            change: what it takes.
            todo: `(N,)` the points in question.
            budget: the time.
        """


def seconds_of_all(method: Method, head: Head, change: RowChange, left: float) -> float:
    """About how long it takes to refit every choice, from those among a few rows; infinite where it gives up.

    Args:
        method: one that refits every choice.
        head, change: what it is asked.
        left: seconds that there are; where they are too few for all, the few are not looked at to the end.
    """
    few = replace(change, rows=change.rows[: max(AMONG, change.count)])
    times, started = change.leaves(head) / few.leaves(head), time.monotonic()
    try:
        if method.prove(head, few, head.today >= 0, Budget(max(left / times, LEAST))) is None:
            return float("inf")
    except EnclosureError:
        return float("inf")
    took = time.monotonic() - started
    return took * times if took < max(left / times, LEAST) else float("inf")


def attempt(name: str, left: int, why: str, late: bool) -> str:
    """What a method left open, and why, in words.

    >>> attempt("box", 3, "", True)
    'tried box: 3 predictions stay open, as its time was up'
    >>> attempt("box", 1, "no box was found", False)
    'tried box: 1 prediction stays open, as no box was found'
    """
    because = why or ("its time was up" if late else "")
    return f"tried {name}: {left} prediction{'s stay' if left > 1 else ' stays'} open{', as ' * bool(because)}{because}"
