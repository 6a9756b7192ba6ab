"""How far refits lie from today's: the distance of the weights, or the largest change of the outputs, in balls (D1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, largest, norm
from certify.check.theorems.head.rows.head import Head


class Measure(ABC):
    """A seminorm of motions from today's refit.

    Attributes:
        by_outputs: whether it looks at outputs at the evaluation rows; else at the weights.

    Args:
        head: the head.
        today: weights near the refit of the unchanged data, row by row.
        near: that refit lies within it of them.
    """

    by_outputs: ClassVar[bool] = False

    def __init__(self, head: Head, today: Sequence[float], near: arb) -> None:
        self.head, self.today, self.near = head, today, near

    def motion(self, v: Sequence[float]) -> list[arb]:
        """From today's weights to others."""
        return [arb(x) - arb(y) for x, y in zip(v, self.today, strict=True)]

    @abstractmethod
    def ends(self, v: Sequence[float], radius: arb) -> tuple[arb, arb]:
        """Bounds of the measure of `w − w_0` for all w within a radius of v; a radius that is none gives no bound."""

    @abstractmethod
    def seen(self, most: arb) -> arb:
        """An upper bound of the measure of any motion of at most that length."""


class Distance(Measure):
    """Of the weights."""

    def ends(self, v: Sequence[float], radius: arb) -> tuple[arb, arb]:
        """`|v − today|` and both radii."""
        far, off = norm(self.motion(v)), radius + self.near
        return (far - off).lower(), (far + off).upper()

    def seen(self, most: arb) -> arb:
        """Itself."""
        return most


class Outputs(Measure):
    """Of the outputs at the evaluation rows: `|(v − today)x|`, the largest."""

    by_outputs: ClassVar[bool] = True

    def ends(self, v: Sequence[float], radius: arb) -> tuple[arb, arb]:
        """Row by row, both radii times the length of the row."""
        m, step = self.head.m, self.motion(v)
        D = arb_mat([step[a * m : (a + 1) * m] for a in range(self.head.k)])
        off, low, high = radius + self.near, ZERO, ZERO
        for f, size in zip((self.head.evaluated * D.transpose()).tolist(), self.head.lengths, strict=True):
            far = norm(f)
            low, high = low.max((far - off * size).lower()), high.max((far + off * size).upper())
        return low, high

    def seen(self, most: arb) -> arb:
        """Times the length of the longest row."""
        return (most * largest(self.head.lengths)).upper()


MEASURES: dict[str, type[Measure]] = {"distance": Distance, "prediction_change": Outputs}
"""By quantity."""
