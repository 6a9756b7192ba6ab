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
        quadratic: whether its second derivative by the outputs is the identity everywhere.
        output: what an output is, in words, where it is not what a target is.
        unit: in what an output is counted, where it has a unit of its own.
        shifts: whether one number added to all outputs of a row changes nothing.
    """

    name: ClassVar[str]
    slides: ClassVar[bool] = False
    weighs: ClassVar[bool] = False
    quadratic: ClassVar[bool] = False
    shifts: ClassVar[bool] = False
    output: ClassVar[str] = ""
    unit: ClassVar[str] = ""

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

    def label_words(self, k: int) -> str:
        """These sets in words."""
        return "0 and 1, or -1 and 1"

    @abstractmethod
    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Where targets or labels are missing that it takes: what was found, and what to give."""

    @abstractmethod
    def aims(self, y: Array | None, labels: Array | None, k: int) -> Array:
        """What the rows aim at as one array, for what follows: real targets, signs, or weights of the classes."""

    @abstractmethod
    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """Losses row by row, and how many rows have the label that is predicted, in floats; nobody bounds their error.

        Args:
            f: `(n, k)` outputs.
            aims: as of :meth:`aims`.
        """

    @abstractmethod
    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """`Σ ℓ_i` and `∂ℓ_i/∂f` in floats, for finders."""

    def rough_slopes(self, f: Array, aims: Array) -> Array:
        """`∂ℓ_i/∂f` in floats, for finders."""
        return self.ascent(f, aims)[1]

    @abstractmethod
    def rough_curvature(self, slopes: Array, aims: Array, a: int, b: int) -> Array:
        """`∂²ℓ_i/∂f_a∂f_b` of every row in floats, from the slopes, for finders."""

    def endless(self, aims: Array) -> bool:
        """Whether outputs that grow lower the loss of every row for ever: then rows that are all right have no least.

        Args:
            aims: as of :meth:`aims`.
        """
        return False

    @abstractmethod
    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """`∇²_f ℓ_i d_i` of every row in floats, from the slopes, for finders and for what promises nothing.

        Args:
            slopes: `(n, k)`, as of :meth:`rough_slopes`.
            aims: as of :meth:`aims`.
            directions: `(n, k)` the `d_i`.
        """
