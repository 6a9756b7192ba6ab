"""What of the data moves, with the sheets of the mixed derivative that each parameter has (H3)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from certify.format.errors import InputError, SpecError
from certify.network.layers.hessian import Sheets, Tilde
from certify.network.layers.objective import Derivatives, Objective, pulled
from certify.network.layers.stacks import Stack, scaled, times
from certify.network.loss.losses import loss_named
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import rounded
from certify.rigor.fp import Array

Sheet = tuple[Array, Array, Array]
"""Of one layer: `(n, q, parameters)` midpoints, radii, norms."""


class Kind(ABC):
    """What one parameter says of itself."""

    name: ClassVar[str]

    @abstractmethod
    def width(self, objective: Objective) -> int:
        """Columns of C a row."""

    @abstractmethod
    def sheets(
        self, objective: Objective, d: Derivatives, layers: tuple[int, ...], arithmetic: Arithmetic
    ) -> list[Sheet]:
        """The transposed columns of every row, one sheet a free layer."""

    def moving(self, objective: Objective, scale: Array | None) -> Objective:
        """The part of the objective that moves.

        Raises:
            InputError: units of what has none.
            SpecError: targets that cannot move.
        """
        if scale is not None:
            raise _units(objective, scale)
        return objective


class Features(Kind):
    """`x_i + scale ∘ u_i`: what the Hessian would have with the features as the parameters of a layer 0."""

    name = "features"

    def width(self, objective: Objective) -> int:
        """As many as a row has features."""
        return objective.network.widths[0]

    def moving(self, objective: Objective, scale: Array | None) -> Objective:
        """All of it."""
        d = objective.network.widths[0]
        if scale is not None and (scale.shape != (d,) or not (np.abs(scale) <= fp.RANGE).all()):
            raise _units(objective, scale)
        return objective

    def sheets(
        self, objective: Objective, d: Derivatives, layers: tuple[int, ...], arithmetic: Arithmetic
    ) -> list[Sheet]:
        """The sheets of `h = 0`."""
        found: dict[int, Sheet] = {}
        for part in pulled(d, layers, 0, arithmetic):
            if part.h == 0:
                found[part.g] = _whole(objective, d, part.g, part.P, part.G)
        return [found[g] for g in layers]


class Targets(Kind):
    """`y_i + u_i` of a loss whose targets can move a little."""

    name = "targets"

    def width(self, objective: Objective) -> int:
        """As many as a row has targets."""
        return objective.network.widths[-1]

    def moving(self, objective: Objective, scale: Array | None) -> Objective:
        """All of it."""
        if not loss_named(objective.loss).slides:
            raise SpecError("targets", f"with the {objective.loss} loss", 'use parameter = "features"')
        return super().moving(objective, scale)

    def sheets(
        self, objective: Objective, d: Derivatives, layers: tuple[int, ...], arithmetic: Arithmetic
    ) -> list[Sheet]:
        """`N_iᵀ ∂f/∂W_g` for N = −I."""
        n, k = d.passed.output.mid.shape
        seeds = Stack.make(Pair(np.tile(-np.eye(k), (n, 1, 1))), np.zeros(n), arithmetic)
        return _seeded(objective, d, seeds, layers, arithmetic)


class SampleWeights(Kind):
    """`(1/n) Σ (1 + u_i) ℓ_i`."""

    name = "sample_weights"

    def width(self, objective: Objective) -> int:
        """One."""
        return 1

    def moving(self, objective: Objective, scale: Array | None) -> Objective:
        """The losses: the tilt does not move."""
        return replace(super().moving(objective, scale), tilt=None)

    def sheets(
        self, objective: Objective, d: Derivatives, layers: tuple[int, ...], arithmetic: Arithmetic
    ) -> list[Sheet]:
        """`N_iᵀ ∂f/∂W_g` for `N = ∂ℓ_i/∂f`."""
        return _seeded(objective, d, d.adjoints[-1], layers, arithmetic)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType({
    kind.name: kind for kind in (Features(), Targets(), SampleWeights())})
"""By its word."""


@dataclass(frozen=True, eq=False)
class Move:
    """What moves: u.

    Attributes:
        parameter: ``"features"`` (`x_i + scale ∘ u_i`), ``"targets"`` (`y_i + u_i`, squared loss) or
            ``"sample_weights"`` (`(1/n) Σ (1 + u_i) ℓ_i`).
        rows: the rows that move, ascending; columns of C are theirs, row by row.
        scale: `(d,)` units of the features, or None.
    """

    parameter: str
    rows: tuple[int, ...]
    scale: Array | None = None

    @property
    def kind(self) -> Kind:
        """What is known of the parameter.

        Raises:
            InputError: it is none of those that move.
        """
        if self.parameter not in KINDS:
            raise InputError("parameter", f"'{self.parameter}'", "use features, targets or sample_weights")
        return KINDS[self.parameter]

    def width(self, objective: Objective) -> int:
        """Columns of C a row: d, k or 1."""
        return self.kind.width(objective)


def _units(objective: Objective, scale: Array) -> InputError:
    d = objective.network.widths[0]
    return InputError("scale", f"shape {scale.shape}", f"give ({d},) finite units of features")


def _seeded(
    objective: Objective, d: Derivatives, X: Stack, layers: tuple[int, ...], arithmetic: Arithmetic
) -> list[Sheet]:
    """Sheets `N_iᵀ ∂f/∂W_g` from the N_i."""
    found: dict[int, Sheet] = {}
    for g in range(objective.network.depth, layers[0] - 1, -1):
        if g in layers:
            found[g] = _whole(objective, d, g, X.transposed(), None)
        if g > layers[0]:
            X = scaled(times(X, d.turned[g - 1], arithmetic), d.passed.slopes[g - 2], arithmetic)
    return [found[g] for g in layers]


def _whole(
    objective: Objective, d: Derivatives, g: int, P: Stack, G: Stack | None
) -> Sheet:
    """All sheets of a layer, its parameters in their order."""
    bias = objective.network.biases[g - 1] is not None
    a = Tilde.of(rounded(d.passed.inputs[g - 1]), bias)
    sheets = Sheets.of(P.rounded(), None if G is None else G.rounded(), d.adjoints[g - 1].rounded(), a)
    R = sheets.sheet(slice(0, P.mid.shape[2]))
    n, q, m, _ = R.shape
    width = a.mid.shape[1] - bias
    ordered = np.concatenate([R[..., :width].reshape(n, q, -1), R[..., width:].reshape(n, q, -1)], axis=2)
    return ordered, sheets.rad, sheets.norm
