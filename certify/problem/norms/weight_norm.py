"""What every norm of the weights knows of itself: how layers count, and what reference rows see of a motion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from certify.network.layer_scale import LayerScale
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.network.network import Network
from certify.problem.norms.function import Passes, Reference
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.fp import Array


class Counted(Protocol):
    """What can be counted in the kernel of S2."""

    def in_function_norm(self: C, tau: float) -> C:
        """The same for that kernel."""


C = TypeVar("C", bound=Counted)


@dataclass(frozen=True, eq=False)
class WeightNorm(ABC):
    """How a motion of the weights is measured; one subclass a word, in a file of its own.

    A norm of layers says its scale; one that sees more overrides the rest.

    Attributes:
        reference: the rows in whose outputs weights are compared, where the norm has them.
        word: as a spec says it.
        by_layer: what follows the name of a matrix in a sentence where its columns count by layers.
        own_units: whether the unit of a layer is that of these very weights, so that two networks have no common one.
    """

    reference: Reference | None
    word: ClassVar[str]
    by_layer: ClassVar[str] = ""
    own_units: ClassVar[bool] = False

    @abstractmethod
    def scale(self, network: Network, layers: tuple[int, ...]) -> LayerScale:
        """The scale of every layer.

        Raises:
            InputError: a layer has no size, and the norm needs one.
        """

    @property
    def rows(self) -> int:
        """Number of the reference rows."""
        return 0

    @property
    def points(self) -> Array | None:
        """Their features."""
        return None

    @property
    def tau(self) -> float | None:
        """τ of a norm with reference rows."""
        return None

    def stated(self) -> dict[str, float | int]:
        """What a certificate states of it beside its word."""
        return {}

    def joined(self, network: Network, passes: Passes, arithmetic: Arithmetic) -> Passes:
        """The passes that the kernel is made of: those over the training rows."""
        return passes

    def padded(self, Q: BlockFactor) -> BlockFactor:
        """Q over the rows of the kernel."""
        return Q

    def regularised(self, K: Kernel, equations: int, arithmetic: Arithmetic) -> Kernel:
        """The kernel of the equations in this norm, from that of the joined passes."""
        return K

    def regularised_jacobian(self, J: Jacobian, equations: int) -> Jacobian:
        """The Jacobian that it is the Gram matrix of."""
        return J

    def counted(self, found: C) -> C:
        """Sets of changes in the units of that kernel."""
        return found

    def lengths(self, lower: float | None, upper: float | None) -> tuple[float | None, float | None]:
        """Ends of a length of weights, from those by that kernel."""
        return lower, upper
