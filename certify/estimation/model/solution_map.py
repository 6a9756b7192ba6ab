"""The solution maps that estimates know, and what the base says of the given weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol

import torch

from certify.estimation.model.losses import Loss


@dataclass(frozen=True)
class Base:
    """What the given weights count as.

    Attributes:
        name: its word.
        shifted: whether a shift of the problem makes them a solution; else the step towards one is part of the answer.
        distance: how far they are from a solution; None where nobody knows.
    """

    name: str
    shifted: bool
    distance: float | None


BASES: Final[Mapping[str, Base]] = MappingProxyType({base.name: base for base in (
    Base("given", shifted=True, distance=0.0), Base("nearby", shifted=False, distance=None))})
"""By its word."""


class Moving(Protocol):
    """A change of the data (:class:`certify.estimation.change.Change`), as a map sees it."""

    def keeping_fits(self, problem: Any) -> torch.Tensor:
        """How the outputs of its rows have to change so that exact fits stay exact, (m, k)."""

    def keeping_slopes(self, problem: Any) -> torch.Tensor:
        """How they have to change so that no slope of a loss does, (m, k)."""


@dataclass(frozen=True)
class SolutionMap(ABC):
    """What is asked to stay solved; one subclass a word.

    Attributes:
        name: its word.
        in_outputs: whether it is a system in the outputs, solved in output space alone.
    """

    base: Base
    name: ClassVar[str]
    in_outputs: ClassVar[bool]

    @abstractmethod
    def keeps_outputs(self, weight_decay: float) -> bool:
        """Whether a solution stays one while its outputs do."""

    @abstractmethod
    def curvature(self, weight_decay: float) -> str:
        """The matrix of its system in weight space: ``"hessian"`` or ``"gauss_newton"``."""

    @abstractmethod
    def centres(self, loss: Loss) -> bool:
        """Whether outputs count up to one number a row."""

    @abstractmethod
    def wanted(self, change: Moving, problem: Any) -> torch.Tensor:
        """How the outputs of the changed rows, as functions of the weights, have to change, (m, k)."""

    @property
    @abstractmethod
    def approaches(self) -> bool:
        """Whether the rows that change also take a step towards a solution, in output space."""


class Interpolation(SolutionMap):
    """Every output is kept."""

    name = "interpolation"
    in_outputs = True

    def keeps_outputs(self, weight_decay: float) -> bool:
        """Always."""
        return True

    def curvature(self, weight_decay: float) -> str:
        """No shift takes a part of it away."""
        return "hessian"

    def centres(self, loss: Loss) -> bool:
        """They do not."""
        return False

    def wanted(self, change: Moving, problem: Any) -> torch.Tensor:
        """As the change says of fits."""
        return change.keeping_fits(problem)

    @property
    def approaches(self) -> bool:
        """They fit."""
        return False


class Critical(SolutionMap):
    """The weights stay a critical point of the training loss, shifted where the base says so."""

    name = "critical"
    in_outputs = False

    def keeps_outputs(self, weight_decay: float) -> bool:
        """A shift through the outputs keeps every slope, unless decay pulls at the weights themselves."""
        return self.base.shifted and not weight_decay

    def curvature(self, weight_decay: float) -> str:
        """A shift through the outputs leaves the Gauss–Newton part alone."""
        return "gauss_newton" if self.keeps_outputs(weight_decay) else "hessian"

    def centres(self, loss: Loss) -> bool:
        """Of a loss after softmax."""
        return loss.shift

    def wanted(self, change: Moving, problem: Any) -> torch.Tensor:
        """As the change says of slopes."""
        return change.keeping_slopes(problem)

    @property
    def approaches(self) -> bool:
        """Where the given weights are no critical point."""
        return not self.base.shifted


SOLUTION_MAPS: Final[Mapping[str, type[SolutionMap]]] = MappingProxyType({
    kind.name: kind for kind in (Interpolation, Critical)})
"""By its word."""
