"""Preconditioners: symmetric positive definite maps that change the speed of a solver, never its answer."""

from certify.estimate.krylov.preconditioner.base import Preconditioner
from certify.estimate.krylov.preconditioner.diagonal import Diagonal
from certify.estimate.krylov.preconditioner.low_rank import LowRank, low_rank_preconditioner
from certify.estimate.krylov.preconditioner.nystrom import Nystrom, nystrom_preconditioner

__all__ = [
    "Diagonal", "LowRank", "Nystrom", "Preconditioner", "low_rank_preconditioner", "nystrom_preconditioner",
]
