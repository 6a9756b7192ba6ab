"""What a loss of a convex head promises about a whole batch of outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from certify.rigor.fp import Array


class HeadLoss(ABC):
    """A convex loss `ℓ(z; y)` of k outputs.

    Attributes:
        name: its word.
        steepest: upper bound of `|∇_zℓ|`, of floats near it as well; infinite where there is none.
        lipschitz: upper bound of `‖∇²ℓ‖₂`, hence a Lipschitz constant of the slopes.
        fading: bound of how fast the logarithm of the curvature falls as outputs move.
        floored: whether the curvature is the same everywhere, so that it never dies out.
        shifted: whether `ℓ(z + c·1; y) = ℓ(z; y)`, so that only differences of outputs are determined.
        quadratic: whether it is `½|z − y|²`, so that solutions are linear in the targets.
        sigmoid: whether it is `log(1 + e^(−yz))` of one output.
    """

    name: ClassVar[str]
    lipschitz: ClassVar[float]
    steepest: ClassVar[float] = float("inf")
    fading: ClassVar[float] = 0.0
    floored: ClassVar[bool] = False
    shifted: ClassVar[bool] = False
    quadratic: ClassVar[bool] = False
    sigmoid: ClassVar[bool] = False

    @abstractmethod
    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """`∇_zℓ` at the floats Z, and an upper bound of the error of every entry.

        Args:
            Z: `(…, k)` outputs, finite.
            Y: targets that broadcast to Z, as the loss takes them.
        """

    def moves(self, Y: Array, new: Array) -> Array:
        """By what a slope moves when its target Y becomes another one; both as the loss takes them."""
        return np.asarray(Y - new)

    @abstractmethod
    def curvatures(self, g: Array, error: float) -> Array:
        """Lower bounds `(…)` of the curvature (of a shifted loss on `1^⊥`) where slopes are g within an error."""

    @abstractmethod
    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """The slopes in plain floats, for finders: nothing is promised."""

    @abstractmethod
    def guess_curvatures(self, Z: Array) -> Array:
        """`(…, k, k)` second derivatives in plain floats, for finders: nothing is promised."""
