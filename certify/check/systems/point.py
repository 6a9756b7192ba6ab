"""Where rules look: a problem at one precision after another, and what was computed there, each thing once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

from certify.check.enclosure.network import Backward, Forward, Parameters, backward, forward, given
from certify.check.kernel import PRECISIONS, WIDTH
from certify.check.reading.subject import Problem

RUNGS = tuple((bits, WIDTH * bits // PRECISIONS[0]) for bits in PRECISIONS)
"""Bits of the midpoints, and in fixed point, that are tried in turn."""

T = TypeVar("T")


class Ball(Protocol):
    """Where a solution lies."""

    def ball(self, problem: Problem) -> Parameters:
        """Balls around every parameter that hold it."""
        ...


class Point:
    """One problem at one precision, at the weights in the file or at those of a solution.

    Args:
        problem, precision: the problem, and bits of the midpoints.
        centre: the ball that holds the weights of the solution; None for the weights in the file.
        known: what is known over that ball already (critical map).
        tilt: critical map, base given: what makes the weights a critical point.
        width: critical map, bits in fixed point.

    Use it only while python-flint works at that precision (see :func:`certify.check.kernel.decide`).
    """

    def __init__(
        self, problem: Problem, precision: int, centre: Ball | None = None, known: object = None,
        tilt: str | None = None, width: int = WIDTH,
    ) -> None:
        self.problem, self.precision, self.centre, self.tilt = problem, precision, centre, tilt
        self.known, self.width = known, width
        self._found: dict[Hashable, Any] = {}

    def of(self, what: Callable[..., T], *key: Hashable) -> T:
        """What a system or a theorem computes here, `what(self, *key)`, once."""
        return self.once((what, *key), lambda: what(self, *key))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """The same for what needs more than can be a key."""
        if key not in self._found:
            self._found[key] = make()
        found: T = self._found[key]
        return found

    @cached_property
    def parameters(self) -> Parameters:
        """Weights and biases."""
        return given(self.problem) if self.centre is None else self.centre.ball(self.problem)

    @cached_property
    def forward(self) -> Forward:
        """The forward pass."""
        return forward(self.problem, self.parameters, [self.problem.features[i] for i in self.problem.kept])

    @cached_property
    def backward(self) -> Backward:
        """The backward pass; raises `NotSmooth`."""
        return backward(self.problem, self.parameters, self.forward)


class Ladder:
    """The points of every precision, made when they are needed and shared by all rules.

    Args:
        problem, centre, known, tilt: as of :class:`Point`.
        tell: called with a line of progress.
        rungs: bits of the midpoints, and in fixed point, from the lowest up.
    """

    def __init__(
        self, problem: Problem, tell: Callable[[str], None] = lambda _: None, centre: Ball | None = None,
        known: object = None, tilt: str | None = None, rungs: Sequence[tuple[int, int]] = RUNGS,
    ) -> None:
        self.problem, self.tell = problem, tell
        self.centre, self.known, self.tilt, self.rungs = centre, known, tilt, rungs
        self.made: dict[int, Point] = {}
        self.kept: dict[str, Any] = {}  # what several claims rest on, derived once, by its name

    def __iter__(self) -> Iterator[Point]:
        """Points from the lowest precision up."""
        for precision, width in self.rungs:
            if width not in self.made:
                self.tell(f"{precision}-bit balls, {self.problem.equations} equations")
                self.made[width] = Point(self.problem, precision, self.centre, self.known, self.tilt, width)
            yield self.made[width]
