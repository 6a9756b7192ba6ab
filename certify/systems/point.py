"""What is known at the point that a problem is about: computed once, and shared by every theorem about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from certify.format.errors import EnclosureError, SpecError
from certify.format.labels import MOVED, OUTPUTS, label_unit
from certify.format.quantities import QUANTITIES, unit
from certify.format.theorems import System
from certify.format.words import Map
from certify.problem.bound import Bound
from certify.problem.cost import Cost
from certify.problem.limits import Limits, limits_of, named
from certify.problem.problem import Problem
from certify.problem.progress import Progress, silent
from certify.systems.interpolation.nearby import Solution

T = TypeVar("T")


class Point(ABC):
    """One problem, what is known of it, and the bounds that were proved so far.

    Attributes:
        system: what is solved at the point.
        map: the solution map of its problems.
        problem: the problem.
        limits: memory and time it may use.
        progress: told the stage in words and the fraction done; may end the work when the time is up.
    """

    system: ClassVar[System]
    map: ClassVar[Map]

    def __init__(
        self, problem: Problem, answer: Answer, progress: Progress = silent, limits: Limits | None = None
    ) -> None:
        """Keep a problem; nothing is computed.

        Args:
            problem: of this map.
            answer: bounds a quantity at a point, by the theorem that applies.
            progress: told the stage in words and the fraction done.
            limits: memory and time it may use; default those of the problem.

        Raises:
            SpecError: another map.
        """
        if problem.map != self.map:
            raise SpecError(f"solution map '{problem.map}'", f"not the {self.map} map", "use certify.bound")
        self.problem = problem
        self.limits = limits or limits_of(problem)
        self.progress = self.limits.watched(progress)
        self._answer = answer
        self._bounds: dict[str, Bound] = {}
        self._shared: dict[str, Any] = {}

    def bound(self, quantity: str) -> Bound:
        """Two-sided bound on a quantity, with the theorem's hypotheses and their verified values.

        Raises:
            SpecError: no theorem answers, with what would work.
        """
        if quantity not in self._bounds:
            self._bounds[quantity] = self._answer(self, quantity)
        return self._bounds[quantity]

    @property
    def solution(self) -> Solution | None:
        """The ball that holds an exact solution near the given weights; None: there is none, or none is needed."""
        return None

    @abstractmethod
    def base(self) -> dict[str, Any]:
        """The base point: how far it, or the problem, was moved; upper bounds."""

    @abstractmethod
    def remedy(self, able: tuple[Cost, ...]) -> str:
        """What would fit into the limits, in words.

        Args:
            able: the ways of computing that could bound what is asked.
        """

    def attempt(self, what: str, work: Callable[[], T]) -> T | str:
        """What `work()` returns, or in words what blocked it or ran out.

        Args:
            what: the tier.
            work: returns no string of its own that is no reason.
        """
        try:
            return self.limits.attempt(named(what), work)
        except EnclosureError as error:
            return error.reason

    def shared(self, name: str, work: Callable[[], T]) -> T:
        """What `work()` returns, which several quantities of one theorem rest on: computed once."""
        if name not in self._shared:
            self._shared[name] = work()
        found: T = self._shared[name]
        return found

    def knows(self, name: str) -> bool:
        """Whether what several quantities rest on is computed already."""
        return name in self._shared

    def unit(self, quantity: str) -> str:
        """Unit of a quantity here."""
        p = self.problem
        if QUANTITIES[quantity].counts:
            return label_unit(p.outputs, p.threshold, QUANTITIES[quantity].unit, p.functionals is not None)
        if QUANTITIES[quantity].unit == OUTPUTS and p.functionals is not None:
            return MOVED
        return unit(quantity, p.parameter, p.set, p.weight_norm, p.merge_duplicates and bool(p.groups))


Answer = Callable[[Point, str], Bound]
"""Bounds a quantity at a point, by the theorem that applies."""
