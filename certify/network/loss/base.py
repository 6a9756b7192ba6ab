"""What every loss knows of itself: value, slope and curvature of one row, enclosed, and the targets that fit it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import flint

from certify.network.layers.stacks import Stack
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.ball import Balls
from certify.rigor.fp import Array


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Per-sample losses `ℓ_i` and slopes `c_i = ∂ℓ_i/∂f`.

    Attributes:
        value, value_error: `(n,)` arrays, `|ℓ_i − value_i| ≤ value_error_i`.
        slopes: balls around `c_i`, `(n, k)`.
        slope_lipschitz: `(n,)` Lipschitz constants of `f ↦ c_i`: 1 squared, ¼ logistic, ½·Σq cross-entropy.
    """

    value: Array
    value_error: Array
    slopes: Balls
    slope_lipschitz: Array


class Loss(ABC):
    """A loss ℓ(f, y) of one row, with its enclosures; one subclass a word, in a file of its own.

    Attributes:
        name: its word.
        slides: whether its targets are numbers that can move a little.
        weighs: whether its targets weigh the classes, so that none may be negative.
    """

    name: ClassVar[str]
    slides: ClassVar[bool] = False
    weighs: ClassVar[bool] = False

    @abstractmethod
    def terms(self, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic) -> LossTerms:
        """Values and slopes of every row (:func:`certify.network.loss.losses.enclose_losses`)."""

    @abstractmethod
    def ball(
        self, f: list[flint.arb], target: Array | None, label: int | None
    ) -> tuple[flint.arb, list[flint.arb]]:
        """`ℓ` and `∂ℓ/∂f` of one row in balls (:func:`certify.network.loss.losses.loss_ball`)."""

    @abstractmethod
    def curvatures(
        self, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
    ) -> Stack:
        """`∇²_f ℓ_i` of every row (:func:`certify.network.loss.hessian.enclose_loss_hessians`)."""

    @abstractmethod
    def alphabets(self, k: int) -> tuple[set[int], ...]:
        """Sets of labels, of which the rows have to keep to one, for k outputs; none where labels are not read."""
