"""The diagonal matrices of V25 that claims will ask about, in whole numbers, said before anything is derived."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import frexp, inf, ldexp, sqrt
from typing import Any

from flint import arb, arb_mat

from certify.check.linalg.fixed import scale
from certify.check.probed.suited import BUDGETS, diagonal
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.table import row_of

LONG, FAR = 44, 300
"""Bits of the largest number of a row, which are rounded up, and of the fraction, on both sides, at most."""


@dataclass(frozen=True)
class Weights:
    """A diagonal matrix for every moving row, exact: `2^−bits` times whole numbers, not negative.

    Attributes:
        whole: of each row.
        bits: of each row.
    """

    whole: tuple[tuple[int, ...], ...]
    bits: tuple[int, ...]

    def cover(self, matrices: Sequence[arb_mat]) -> bool:
        """Whether each matrix is diagonal, exactly, and no larger than that of its row; false of what is no number."""
        return len(matrices) == len(self.whole) and all(
            E.nrows() == len(row) and all(v <= arb(x) * scale(bits) if a == b else v == 0
                                          for a, (x, own) in enumerate(zip(row, E.tolist(), strict=True))
                                          for b, v in enumerate(own))
            for E, row, bits in zip(matrices, self.whole, self.bits, strict=True))

    @property
    def roots(self) -> bytes:
        """Doubles near the roots, row after row."""
        return array("d", [sqrt(ldexp(x, -bits)) for row, bits in zip(self.whole, self.bits, strict=True)
                           for x in row]).tobytes()

    @property
    def largest(self) -> list[arb]:
        """Of each row."""
        return [arb(max(row)) * scale(bits) for row, bits in zip(self.whole, self.bits, strict=True)]


def weightings(
    problem: Problem, claims: Sequence[Claim[Any]], arrays: Mapping[str, Array],
) -> tuple[Weights, ...]:
    """Near and above `E_i/d_i` of every claim with weights, each once; nothing is believed of them.

    Args:
        problem, claims: of the certificate, before its rules have looked at their form.
        arrays: of the side file, likewise.
    """
    found = list[Weights]()
    for claim in claims:
        if row_of(claim, problem).module == BUDGETS and claim.upper is not None and diagonal(claim, problem):
            weights = _weights(problem, claim.witness.dual, arrays.get(claim.witness.array or ""))
            found += [] if weights is None or weights in found else [weights]
    return tuple(found)


def _weights(problem: Problem, dual: Sequence[float] | None, shape: Array | None) -> Weights | None:
    """`w²/d`, or `1/d` without an array, rounded up; None where they are no such numbers."""
    d, rows, bits = len(problem.features[0]), list[tuple[int, ...]](), list[int]()
    beyond = 1 + max(problem.moving, default=-1)
    if not beyond or dual is None or len(dual) < beyond or (shape is not None and len(shape.values) < d * beyond):
        return None
    for i in problem.moving:
        own = [1.0] * d if shape is None else [float(v) for v in shape.values[i * d:i * d + d]]
        try:
            values = [v * v / dual[i] for v in own]
        except ZeroDivisionError:
            return None
        if not all(0 <= v < inf for v in values) or not any(values):
            return None
        bits.append(LONG - frexp(max(values))[1])
        rows.append(tuple(int(ldexp(v, bits[-1])) + 1 for v in values))
    return Weights(tuple(rows), tuple(bits)) if max(map(abs, bits)) <= FAR else None
