"""Conditions between numbers, as rules return them: a comparison of balls each."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.check.kernel import Finding, judged


@dataclass(frozen=True)
class AtMost:
    """`value ≤ bound`; `words` says what the value is."""

    value: arb
    bound: arb
    words: str

    def judged(self) -> Finding:
        """Proved or disproved by all points of both balls."""
        return judged(self.value <= self.bound, self.value > self.bound, self.words)


@dataclass(frozen=True)
class AtLeast:
    """`value ≥ bound`, and above 0 where it has to be `strict`; `words` says what the value is."""

    value: arb
    bound: arb
    words: str
    strict: bool = False

    def judged(self) -> Finding:
        """Proved or disproved by all points of both balls."""
        enough = not self.strict or self.value > 0
        below = self.value < self.bound or (self.strict and self.value <= 0)
        return judged(enough and self.value >= self.bound, below, self.words)


@dataclass(frozen=True)
class Within:
    """`|value| < room`: over a whole ball something stays within its room. It is never disproved so."""

    value: arb
    room: arb
    words: str

    def judged(self) -> Finding:
        """Proved, or not decided: a bound over a ball may be larger than what it bounds."""
        return judged(self.room > self.value, False, self.words)


@dataclass(frozen=True)
class HasZero:
    """A ball of a `radius` has a zero: the Newton step at its middle, and how much the map contracts there.

    `|T(0)| ≤ step` and `‖T'‖ ≤ defect` on the ball: `step ≤ (1 − defect)·radius` makes T a contraction of it.
    """

    step: arb
    defect: arb
    radius: arb
    words: str

    def judged(self) -> Finding:
        """Proved, or not decided."""
        return judged(self.step <= (1 - self.defect) * self.radius, False, self.words)


@dataclass(frozen=True)
class Equal:
    """Two numbers of the data, or counts, are equal."""

    stated: object
    found: object
    words: str

    def judged(self) -> Finding:
        """Proved or disproved."""
        return judged(self.stated == self.found, self.stated != self.found, self.words)
