"""The kernel of many equations where random probes may decide: what it is a sum of, and a factor that is proposed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from flint import arb_mat

from certify.check.linalg.by_probes import ByProbes, Found, factor_found
from certify.check.linalg.definite import Definiteness
from certify.check.probed.many_equations import ManyEquations
from certify.check.systems.near.many import Many

if TYPE_CHECKING:
    from certify.check.linalg.by_factor import ByFactor
    from certify.check.linalg.large.whole_factor import WholeFactor


class Probed(Many):
    """As :class:`Many`, which is asked where no factor is proposed and proved."""

    @property
    def kernel(self) -> arb_mat:
        """K, without reference rows and contrasts."""
        return super().kernel if self.summed is None else self.summed.factored.formed.balls()

    @cached_property
    def summed(self) -> ManyEquations | None:  # type: ignore[override]
        """K by what it is a sum of; None where it is made in another way."""
        problem = self._at.problem
        return None if problem.reference or problem.contrasts else ManyEquations(self._at.point)

    @cached_property
    def proposed(self) -> Found | None:  # type: ignore[override]
        """Whether K ≻ 0."""
        return factor_found(self._at.kernel if self.summed is None else self.summed.factored, self._at.moved)

    @property
    def definite(self) -> Definiteness:
        """Whether K ≻ 0, as sharply as is known."""
        return super().definite if self.proposed is None else self.proposed.sharpest.definite

    @property
    def factor(self) -> ByFactor | WholeFactor | None:
        """The one proposed."""
        at = self._at
        return super().factor if self.proposed is None else ByProbes(self.proposed, at.moved, at.point.width)

    @property
    def known(self) -> bool:
        """Whether a factor is there, or is asked for anyway."""
        return self.proposed is not None or super().known
