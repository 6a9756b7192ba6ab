"""The condition that a symmetric matrix of balls is positive definite, as rules return it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from flint import arb_mat, ctx

from certify.check.kernel import Finding
from certify.check.linalg.definite import MANY, Truth, definiteness


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
