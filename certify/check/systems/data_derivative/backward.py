"""C where the data stands beside the outputs, as targets and sample weights do: by backward passes alone."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

from flint import arb, arb_mat, fmpz_mat

from certify.check.enclosure.network import backward
from certify.check.enclosure.units import extended
from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import Fixed, common, enclosed
from certify.check.linalg.outer import facing
from certify.check.systems.data_derivative.base import DataDerivative


class ByBackward(DataDerivative):
    """`C_i = t·J_iᵀS_i`, with one number t and seeds S_i at the outputs."""

    @abstractmethod
    def seeds(self) -> tuple[arb_mat | None, arb]:
        """One slope S_i a row, or None for every output by itself; and t."""

    @cached_property
    def columns(self) -> Fixed:
        """C, row by row."""
        problem, passed, each = self.problem, self.curvature.passed, self.each
        slopes, factor = self.seeds()
        adjoints = backward(problem, self.curvature.parameters, passed, slopes).adjoints
        parts = []
        for h in problem.free:
            t = self.curvature.scale[h] * factor
            inputs, deltas = extended(problem, h, passed).tolist(), (adjoints[h - 1] * t).tolist()
            rows = [i * each + a for i in problem.moving for a in range(each)]
            parts.append(facing(enclosed(arb_mat([deltas[r] for r in rows]), self.width),
                                enclosed(arb_mat([inputs[r // each] for r in rows]), self.width), self.width))
        cutoff = common(parts)
        mid = fmpz_mat([[x for row in rows for x in row]
                        for rows in zip(*(part.mid.tolist() for part in cutoff), strict=True)])
        return Fixed(mid, cutoff[0].bits, norm(part.radius for part in cutoff).upper()).turned
