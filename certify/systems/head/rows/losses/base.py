"""What a loss of a convex head promises about a whole batch of outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from flint import arb

from certify.rigor.fp import Array


class HeadLoss(ABC):
    """A convex loss `ℓ(z; y)` of k outputs.

    Attributes:
        name: its word.
        steepest: upper bound of `|∇_zℓ|`, of floats near it as well; infinite where there is none.
        lipschitz: upper bound of `‖∇²ℓ‖₂`, hence a Lipschitz constant of the slopes.
        fading: bound of how fast the logarithm of the curvature falls as outputs move.
        read_off: whether :meth:`moves` and :meth:`curvatures` are known, so that slopes alone say what changed rows do.
        floored: whether the curvature is the same everywhere, so that it never dies out.
        shifted: whether `ℓ(z + c·1; y) = ℓ(z; y)`, so that only differences of outputs are determined.
        quadratic: whether it is `½|z − y|²`, so that solutions are linear in the targets.
        sigmoid: whether it is `log(1 + e^(−yz))` of one output.
        kinked: whether the slopes have kinks.
        targeted: whether the curvature depends on the target, though there are no kinks.
    """

    name: ClassVar[str]
    lipschitz: ClassVar[float]
    steepest: ClassVar[float] = float("inf")
    fading: ClassVar[float] = 0.0
    floored: ClassVar[bool] = False
    shifted: ClassVar[bool] = False
    quadratic: ClassVar[bool] = False
    sigmoid: ClassVar[bool] = False
    kinked: ClassVar[bool] = False
    targeted: ClassVar[bool] = False
    read_off: ClassVar[bool] = False

    @abstractmethod
    def slopes(self, Z: Array, Y: Array) -> tuple[Array, float]:
        """`∇_zℓ` at the floats Z, and an upper bound of the error of every entry.

        Args:
            Z: `(…, k)` outputs, finite.
            Y: targets that broadcast to Z, as the loss takes them.
        """

    def moves(self, Y: Array, new: Array) -> Array:
        """By what a slope moves when its target Y becomes another one, both as the loss takes them; if `read_off`."""
        raise NotImplementedError(self.name)

    def curvatures(self, g: Array, error: float) -> Array:
        """Lower bounds `(…)` of the curvature (of a shifted loss on `1^⊥`) where slopes are g within an error; or 0."""
        return np.zeros(g.shape[:-1])

    def bends(self, Z: Array) -> tuple[Array, float]:
        """`(n, k, k)` second derivatives at `(n, k)` floats, and an upper bound of what each errs by (Frobenius).

        Losses that know them say by :meth:`drift` too how fast they fade.
        """
        raise NotImplementedError(self.name)

    def drift(self, D: Array) -> Array:
        """`(…)` upper bounds of δ with `∇²ℓ(z + d) ⪰ e^(−δ)∇²ℓ(z)` for all z, of moves `(…, k)` of the outputs."""
        raise NotImplementedError(self.name)

    def moved(self, Z: Array, off: Array, slopes: Array) -> Array:
        """Upper bounds of `|∇ℓ(z) − ∇ℓ(Z)|₂` for all `|z − Z|₂ ≤ off`.

        Args:
            Z: `(…, k)` outputs.
            off: `(…)` numbers ≥ 0.
            slopes: of :meth:`slopes` at Z and the targets, with a finite error; of rows that are left out any numbers.
        """
        return self.lipschitz * off

    def ball(self, z: list[arb], y: list[float]) -> list[arb]:
        """`∇_zℓ` of one row in balls, of a loss that is not `read_off`."""
        raise NotImplementedError(self.name)

    @abstractmethod
    def floor(self, Z: Array, radius: Array, slopes: Array) -> Array:
        """Lower bounds of the curvature where `|z − Z|₂ ≤ radius`: there `ℓ(z) − floor·|z|²/2` is convex.

        Of a shifted loss along changes of the outputs with sum 0.

        Args:
            Z: `(…, k)` outputs.
            radius: `(…)` numbers ≥ 0.
            slopes: of :meth:`slopes` at Z and the targets; at 0 where the row is left out.
        """

    def floors(self, Z: Array, radius: Array, slopes: Array) -> Sequence[Array]:
        """The same for every output by itself, of a loss that is a sum over the outputs; of any other the one floor."""
        return (self.floor(Z, radius, slopes),)

    def bottomless(self, Y: Array, rows: Sequence[int], count: int) -> str:
        """Why a free intercept may have no finite minimum once `count` of the rows are left out; empty where it has.

        Of labels the survey knows; this is about targets that are numbers.
        """
        return ""

    @abstractmethod
    def guess_slopes(self, Z: Array, Y: Array) -> Array:
        """The slopes in plain floats, for finders: nothing is promised."""

    @abstractmethod
    def guess_curvatures(self, Z: Array, Y: Array) -> Array:
        """`(…, k, k)` second derivatives in plain floats, for finders: nothing is promised."""
