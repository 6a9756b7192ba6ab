"""The features, in their units: `C_i = ∂_x∇_w L · diag(scale)`, by the second derivatives of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from flint import arb, arb_mat

from certify.check.enclosure.hessian import beside
from certify.check.linalg.fixed import Fixed, enclosed, squares
from certify.check.linalg.large.products import product
from certify.check.systems.data_derivative.base import DataDerivative


class OfFeatures(DataDerivative):
    """Everything passes through the points."""

    @property
    def structured(self) -> bool:
        """Where C has more than twice as many columns as rows."""
        return len(self.problem.moving) * self.each > 2 * self.problem.parameters

    @cached_property
    def columns(self) -> Fixed:
        """The blocks side by side."""
        return enclosed(beside([self.curvature.feature_block(i) for i in self.problem.moving]), self.width)

    def parts(self) -> Iterator[tuple[list[int], Fixed]]:
        """By products of vectors."""
        from certify.check.systems.data_derivative.feature_columns import parts

        return parts(self.curvature)

    def through(self, Y: Fixed) -> Iterator[tuple[list[list[arb]], arb]]:
        """Some rows at a time, never all at once."""
        d, turned = self.each, Y.turned
        each = d * self.problem.parameters
        for places, part in self.parts():
            reached, values = product(part, turned, self.width).balls().tolist(), part.mid.entries()
            for at in range(len(places)):
                size = squares(values[at * each:(at + 1) * each], part.bits).sqrt() + part.radius
                yield [list(v) for v in zip(*reached[at * d:(at + 1) * d], strict=True)], size.upper()

    def image(self, change: Mapping[int, Sequence[arb]]) -> Fixed:
        """Row by row."""
        found = arb_mat(self.problem.parameters, 1)
        for row, u in change.items():
            found = found + self.curvature.feature_image(row, u)
        return enclosed(found, self.width)

    def row_forms(self, z: Sequence[arb]) -> list[list[arb]]:
        """`Σ_h δ̇_hᵀ(Zã) + ȧ_{h−1}ᵀ(Zᵀδ_h)`."""
        return self.curvature.feature_forms(z)


DERIVATIVE = OfFeatures
