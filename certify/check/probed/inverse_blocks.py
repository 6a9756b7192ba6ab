"""Blocks of the inverse of a matrix, proved definite, by a proposed inverse whose error counts squared (W8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import frexp, inf

from flint import arb, arb_mat, ctx

from certify.check.kernel import Finding
from certify.check.linalg.cholesky import LARGEST, cut, factor
from certify.check.linalg.definite import Truth, definiteness, frobenius
from certify.check.linalg.large.corrected import is_below
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point

PLACES, FINE = 52, 96
"""Bits after the point of the proposed inverse, with which products are quick, and of the matrix, near 1 in size."""

Rule = Callable[[Point, int, float], Finding]


@dataclass(frozen=True)
class Inverse:
    """What is known of a matrix K, times a unit.

    Attributes:
        X: the proposed inverse, exact.
        R: `I − K̂X`, exact.
        loose: at least `|K − K̂|_F`.
        most: at least `‖K⁻¹‖`.
        size, lacks: upper bounds of `|X|_F` and `|R|_F`.
        unit: the power of two.
    """

    X: arb_mat
    R: arb_mat
    loose: arb
    most: arb
    size: arb
    lacks: arb
    unit: arb

    @cached_property
    def columns(self) -> tuple[list[list[arb]], list[list[arb]]]:
        """Those of X and of R."""
        return self.X.transpose().tolist(), self.R.transpose().tolist()

    def block(self, start: int, size: int) -> Iterator[tuple[arb_mat, arb]]:
        """P and ε with `P/(1 + ε) ⪯ (K⁻¹)_ii ⪯ P/(1 − ε)`; nothing where P is not proved definite."""
        x, r = (arb_mat(columns[start:start + size]) for columns in self.columns)
        length, left = ((M * M.transpose()).trace().sqrt() for M in (x, r))
        wide = arb_mat(size, size, [arb(0, (self.loose * length**2).upper())] * size**2)
        P = arb_mat([row[start:start + size] for row in x.tolist()]) + r * x.transpose() + wide
        held = definiteness(P)
        if held.R is not None:
            lost = self.most * (left + self.loose * length) ** 2
            yield P * self.unit, (lost * frobenius(held.R) ** 2 / (1 - held.defect)).upper()

    def is_above(self, least: float) -> bool:
        """Whether `K − least²·I ≻ 0` is proved, `least > 0`: the largest eigenvalue of `K⁻¹` is below `1/least²`.

        `K⁻¹ = X + XR + RᵀK⁻¹R` for `R = I − KX`, which is within `loose·|X|` of what it is for K̂.
        """
        radius = self.loose * self.size**2 + self.most * (self.lacks + self.loose * self.size) ** 2
        return is_below(self.X, self.R, self.size * self.lacks, 1 / (self.unit * arb(least) ** 2), radius)


def inverse_of(K: arb_mat) -> Inverse | None:
    """An inverse that proves K definite; None where nothing is proved."""
    N, top = K.nrows(), max(float(K[j, j].mid()) for j in range(K.nrows()))
    if not 0 < top < inf:
        return None
    unit = arb(2) ** -frexp(top)[1]
    with ctx.workprec(2 * FINE + LARGEST):
        A = K * unit
        found = factor(cut(A, PLACES), PLACES, True)
        if found is None or found[1] is None or not all(found[1][j, j] > 0 for j in range(N)):
            return None
        square = found[1].transpose() * found[1]
        X, near = cut(square, PLACES), cut(A, FINE)
        symmetric = near == near.transpose()
        if not symmetric:
            return None
        off = near * X * -1
        for j in range(N):
            off[j, j] += 1
        loose, apart = frobenius(A - near), frobenius(square - X)
        size, lacks = frobenius(X), frobenius(off)
        rest = lacks + loose * size
        if not rest + frobenius(A) * apart < 1:
            return None
        most = (square.trace() + apart) / (1 - rest)
        return Inverse(X, off, loose, most, size, lacks, unit)


def tried_first(rules: tuple[Rule, Rule], compared: Callable[..., Finding]) -> tuple[Rule, Rule]:
    """The rules of the upper and the lower ends of rows, by these blocks where they prove what is stated."""
    def by(rule: Rule, above: bool) -> Rule:
        def either(point: Point, number: int, end: float) -> Finding:
            for P, lost in point.of(_block_at, number) if end > 0 else ():
                said = compared(point, number, arb(end) ** 2, above, P, lost)
                if said.truth is Truth.PROVED:
                    return said
            return rule(point, number, end)
        return either
    return by(rules[0], True), by(rules[1], False)


def _block_at(point: Point, number: int) -> list[tuple[arb_mat, arb]]:
    """For both ends of a row, once."""
    found, k = point.of(_inverse_at), point.problem.block
    return [] if found is None else list(found.block(number * k, k))


def _inverse_at(point: Point) -> Inverse | None:
    at = point.of(Interpolation)
    at.inverse = found = inverse_of(at.kernel)
    return found
