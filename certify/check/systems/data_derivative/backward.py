"""C where the data stands beside the outputs, as targets and sample weights do: by backward passes alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property

from flint import arb, arb_mat, fmpz_mat

from certify.check.enclosure.network import backward
from certify.check.enclosure.units import extended
from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import common
from certify.check.linalg.outer import facing, facings
from certify.check.systems.data_derivative.base import DataDerivative, together


class ByBackward(DataDerivative):
    """`C_i = t·J_iᵀS_i`, with one number t and seeds S_i at the outputs."""

    @abstractmethod
    def seeds(self) -> tuple[arb_mat | None, arb]:
        """One slope S_i a row, or None for every output by itself; and t."""

    def parts(self) -> Iterator[tuple[list[int], Fixed]]:
        """By the slopes of the rows, which say how large these are."""
        problem, passed, each = self.problem, self.curvature.passed, self.each
        slopes, factor = self.seeds()
        adjoints = backward(problem, self.curvature.parameters, passed, slopes).adjoints
        sides = {h: ((adjoints[h - 1] * (self.curvature.scale[h] * factor)).tolist(),
                     extended(problem, h, passed).tolist()) for h in problem.free}
        rows = [[]] * passed.outputs.nrows() if slopes is None else slopes.tolist()
        for some in together([_length(rows[i]) for i in problem.moving], each * problem.parameters):
            own = [(problem.moving[place], a) for place in some for a in range(each)]
            yield some, facings([[(enclosed(arb_mat([deltas[i * each + a] for i, a in own]), self.width),
                                   enclosed(arb_mat([inputs[i] for i, _ in own]), self.width))]
                                 for deltas, inputs in sides.values()], self.width)

    @cached_property
    def columns(self) -> Fixed:
        """C, row by row."""
        return self._columns(None)

    def times(self, factors: Sequence[arb]) -> Fixed:
        """Factors go to the slopes, before anything is cut: a large one does not enlarge what C errs by."""
        return self._columns(factors)

    def _columns(self, factors: Sequence[arb] | None) -> Fixed:
        problem, passed, each = self.problem, self.curvature.passed, self.each
        slopes, factor = self.seeds()
        adjoints = backward(problem, self.curvature.parameters, passed, slopes).adjoints
        parts = []
        for h in problem.free:
            t = self.curvature.scale[h] * factor
            inputs, deltas = extended(problem, h, passed).tolist(), (adjoints[h - 1] * t).tolist()
            rows = [i * each + a for i in problem.moving for a in range(each)]
            own = [deltas[r] for r in rows]
            if factors is not None:
                own = [[x * u for x in row] for row, u in zip(own, factors, strict=True)]
            parts.append(facing(enclosed(arb_mat(own), self.width),
                                enclosed(arb_mat([inputs[r // each] for r in rows]), self.width), self.width))
        cutoff = common(parts)
        mid = fmpz_mat([[x for row in rows for x in row]
                        for rows in zip(*(part.mid.tolist() for part in cutoff), strict=True)])
        return Fixed(mid, cutoff[0].bits, norm(part.radius for part in cutoff).upper()).turned


def _length(values: Sequence[arb]) -> int:
    """About the binary logarithm of the largest; 0 of none but zeros."""
    sizes = [m.bit_length() + int(e) for m, e in (v.mid().man_exp() for v in values if v.is_finite()) if m != 0]
    return max(sizes, default=0)
