"""That a matrix of balls is positive definite, and what the tangent kernel K is larger than so.

Where no factor in whole numbers decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from flint import arb, arb_mat, ctx

from certify.check.kernel import Finding
from certify.check.linalg.definite import MANY, Definiteness, Truth, definiteness

if TYPE_CHECKING:
    from certify.check.systems.interpolation import Interpolation


@dataclass(frozen=True)
class Positive:
    """A symmetric matrix of balls is positive definite.

    Attributes:
        matrix: the balls.
        words: the statement.
    """

    matrix: arb_mat
    words: str

    def judged(self) -> Finding:
        """By a factorisation: proved, or refuted by a vector."""
        soon = self.matrix.nrows() >= MANY and import_module("certify.check.linalg.cholesky").proved(self.matrix)
        truth = Truth.PROVED if soon else definiteness(self.matrix, sharp=False).truth
        said = {Truth.PROVED: "is proved", Truth.DISPROVED: "takes a negative value",
                Truth.UNDECIDED: f"is not proved at {ctx.prec} bits"}
        return Finding(truth, f"{self.words} {said[truth]}")


def above(K: arb_mat, least: float) -> Finding:
    """Whether `K − least²·I ≻ 0`."""
    square, rows = arb(least) ** 2, K.tolist()
    for r, row in enumerate(rows):
        row[r] -= square
    return Positive(arb_mat(rows), f"K − {least!r}²·I ≻ 0").judged()


def is_beyond_row(at: Interpolation, number: int, square: arb) -> bool:
    """Whether `square·K_ii − Q_i` takes a negative value, of the kept row at that position."""
    k = at.problem.block
    block = arb_mat([[at.kernel[number * k + a, number * k + b] for b in range(k)] for a in range(k)])
    return definiteness(square * block - arb_mat(at.moved[number])).truth is Truth.DISPROVED


def beyond(at: Interpolation, square: arb, near: bool) -> Definiteness:
    """Whether `square·K − Q ≻ 0`; :func:`~certify.check.theorems.modulus.kernel.upper` says what `near` is."""
    k, rows = at.problem.block, (at.kernel * square).tolist()
    for i, Q in at.moved.items():
        for a in range(k):
            for b in range(k):
                rows[i * k + a][i * k + b] -= Q[a][b]
    matrix = arb_mat(rows)
    if matrix.nrows() >= MANY and import_module("certify.check.linalg.cholesky").proved(matrix, near):
        return Definiteness(Truth.PROVED)
    return definiteness(matrix, sharp=False)
