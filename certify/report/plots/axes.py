"""A pair of axes as inline SVG: ranks or iterations across, a logarithmic scale up.

Colours come from the page, so that pictures follow light, dark and print. A plotting library took longer to load than
most proofs take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certify.report.digits import typeset

INK, QUIET, LINE, ACCENT = "var(--ink)", "var(--quiet)", "var(--line)", "var(--accent)"

_LETTER = 6.1
"""Width of a figure in text of 10 pixels."""


@dataclass(frozen=True)
class Shape:
    """Size of a picture in pixels and the class that the page shows it by."""

    name: str
    width: float
    height: float


WIDE, NARROW = Shape("wide", 518.4, 216.0), Shape("narrow", 309.6, 237.6)

Point = tuple[float, float]


@dataclass(frozen=True)
class Axes:
    """Where a point lies in a picture.

    Attributes:
        shape: size of the picture.
        last: the last rank or iteration across; the first is 1.
        low: power of ten at the bottom.
        high: power of ten at the top.
    """

    shape: Shape
    last: int
    low: float
    high: float

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round numbers of the scale, with their labels."""
        return _decades(self.low, self.high)

    @property
    def left(self) -> float:
        """Where the labels of the scale end and the picture begins."""
        return 23.0 + _LETTER * max([len(label) for _, label in self.ticks], default=0)

    @property
    def right(self) -> float:
        """Where it ends: half a label from the edge."""
        return self.shape.width - 4.0 - _LETTER / 2 * len(str(self.last))

    @property
    def bottom(self) -> float:
        """Where the scale begins."""
        return self.shape.height - 34.0

    @property
    def top(self) -> float:
        """Where it ends."""
        return 6.0

    def at(self, place: float, power: float) -> Point:
        """A rank and a power of ten, in pixels."""
        first = 1 - 0.015 * self.last
        across = (place - first) / (self.last - first)
        up = (power - self.low) / (self.high - self.low)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def line(self, points: Iterable[Point]) -> str:
        """A line through points of the axes."""
        return f'<polyline points="{self._joined(points)}" style="fill: none; stroke: {INK}; stroke-width: 1.1"/>'

    def band(self, points: Iterable[Point]) -> str:
        """An area that points of the axes enclose."""
        return f'<polygon points="{self._joined(points)}" style="fill: {QUIET}; fill-opacity: 0.25"/>'

    def dots(self, points: Iterable[Point]) -> str:
        """A dot on each of these points of the axes."""
        found = (self.at(*point) for point in points)
        return "".join(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="2" style="fill: {ACCENT}"/>' for x, y in found)

    def name(self, point: Point, text: str) -> str:
        """A word beside a point."""
        x, y = self.at(*point)
        return f'<text x="{x + 7:.2f}" y="{y - 2:.2f}" style="fill: {ACCENT}; font-weight: bold">{text}</text>'

    def level(self, power: float) -> str:
        """A dashed line across."""
        return self._across(power, f"stroke: {QUIET}; stroke-width: 0.8; stroke-dasharray: 3.2 2.4")

    def picture(self, label: str, across: str, up: str, drawn: Sequence[str]) -> str:
        """What was drawn, on the axes, as an SVG element.

        Args:
            label: what the picture shows, for those who do not see it.
            across: what stands below.
            up: what stands on the left.
            drawn: elements.
        """
        shape, middle = self.shape, (self.top + self.bottom) / 2
        faint = f"stroke: {LINE}; stroke-width: 0.6; stroke-opacity: 0.7"
        parts = [self._across(power, faint) for power, _ in self.ticks]
        parts += [self._text(self.left - 3.5, self.at(1, power)[1] + 3.8, word, "end") for power, word in self.ticks]
        parts.append(self._across(self.low, f"stroke: {LINE}; stroke-width: 0.8"))
        for place in _places(self.last):
            x = self.at(place, self.low)[0]
            parts.append(f'<path d="M{x:.2f} {self.bottom:.2f}v3.5" style="stroke: {LINE}; stroke-width: 0.8"/>')
            parts.append(self._text(x, self.bottom + 14.6, str(place)))
        parts.append(self._text((self.left + self.right) / 2, shape.height - 5.4, across))
        parts.append(f'<g transform="translate(10.6 {middle:.2f}) rotate(-90)">{self._text(0, 0, up)}</g>')
        return (f'<svg class="{shape.name}" role="img" aria-label="{label}" '
                f'viewBox="0 0 {shape.width:g} {shape.height:g}" style="font: 10px var(--sans); fill: {QUIET}">'
                f'{"".join(parts)}{"".join(drawn)}</svg>')

    def _joined(self, points: Iterable[Point]) -> str:
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in (self.at(*point) for point in points))

    def _across(self, power: float, style: str) -> str:
        y = self.at(1, power)[1]
        return f'<path d="M{self.left:.2f} {y:.2f}H{self.right:.2f}" style="fill: none; {style}"/>'

    def _text(self, x: float, y: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{words}</text>'


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers on a logarithmic scale between two powers of ten, with their labels."""
    step = max(1, math.ceil((high - low) / 6))
    steps = (1,) if high - low > 3 else (1, 2, 5) if high - low > 0.6 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    numbers = [(m, e) for e in range(math.floor(low), math.ceil(high) + 1) if e % step == 0 for m in steps]
    placed = [(e + math.log10(m), f"{m * 10.0**e:g}" if -5 < e < 6 else f"{m}e{e}") for m, e in numbers]
    return [(place, typeset(label)) for place, label in placed if low <= place <= high]


def _places(n: int) -> list[int]:
    """The first and last rank and a few round ones between."""
    step = next(s * 10**e for e in range(9) for s in (1, 2, 5) if n / (s * 10**e) <= 6)
    return [1, *(place for place in range(step, n, step) if 1 < place < n - 0.4 * step), n]
