"""Preconditioners: symmetric positive definite maps that change the speed of a solver, never its answer."""

from certify.estimation.krylov.preconditioner.base import Preconditioner
from certify.estimation.krylov.preconditioner.diagonal import Diagonal
from certify.estimation.krylov.preconditioner.nystrom import Nystrom, nystrom_preconditioner

__all__ = ["Diagonal", "Nystrom", "Preconditioner", "nystrom_preconditioner"]
