"""A number between two proved ends, compared as a test compares: proved, refuted, or not decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

Undecided = Callable[[str], NoReturn]
"""What happens where a comparison is neither proved nor refuted: it is told why, and raises."""


class Inconclusive(AssertionError):
    """A comparison that is neither proved nor refuted."""


def fails(why: str) -> NoReturn:
    """Raise :class:`Inconclusive`: neither `assert a >= b` nor `assert not a >= b` passes."""
    raise Inconclusive(why)


@dataclass(frozen=True, eq=False)
class Measured:
    """A quantity with both ends.

    `>=` and `>` hold where the lower end proves them, `<=` and `<` where the upper one does; each is false where the
    other end proves the contrary. Between the ends nothing is decided, and a comparison raises.

    Attributes:
        what: it in words, e.g. ``"predictions proved to stay, any 5 rows deleted"``.
        lower, upper: what is proved.
        lines: what helps who reads a failure: rows that flip, reasons.
        undecided: what to do between the ends.

    >>> five = Measured("rows", 3, 7)
    >>> five >= 3, five > 7, five <= 7, five < 3
    (True, False, True, False)
    >>> five >= 5
    Traceback (most recent call last):
    ...
    certify.testing.measured.Inconclusive: rows: proved in [3, 7], and >= 5 lies between: inconclusive
    """

    what: str
    lower: float
    upper: float
    lines: tuple[str, ...] = ()
    undecided: Undecided = field(default=fails, repr=False)

    def __ge__(self, other: float) -> bool:
        return self._judged(self.lower >= other, self.upper < other, ">=", other)

    def __gt__(self, other: float) -> bool:
        return self._judged(self.lower > other, self.upper <= other, ">", other)

    def __le__(self, other: float) -> bool:
        return self._judged(self.upper <= other, self.lower > other, "<=", other)

    def __lt__(self, other: float) -> bool:
        return self._judged(self.upper < other, self.lower >= other, "<", other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | float):
            return NotImplemented
        return self._judged(self.lower == other == self.upper, not self.lower <= other <= self.upper, "==", other)

    __hash__ = None  # type: ignore[assignment]  # equal to whatever number both ends are

    def __repr__(self) -> str:
        return f"<{self.what}: proved in [{self.lower:g}, {self.upper:g}]>"

    def explained(self, sign: str, other: object) -> list[str]:
        """Lines for a failed comparison."""
        return [f"{self.what}: proved in [{self.lower:g}, {self.upper:g}], so {sign} {other} is refuted", *self.lines]

    def _judged(self, holds: bool, fails: bool, sign: str, other: float) -> bool:
        if holds == fails:  # between the ends, or compared with NaN
            lines = "".join(f"\n{line}" for line in self.lines)
            self.undecided(f"{self.what}: proved in [{self.lower:g}, {self.upper:g}], and {sign} {other:g} lies "
                           f"between: inconclusive{lines}")
        return holds
