"""Krylov methods for many right-hand sides: symmetric or least-squares, singular or not, each with its own evidence.

Vectors are rows. ``solver.compute(solver.init(operator), b)`` returns a :class:`Solved`. What to use:

* :class:`MinresQlp`: symmetric A of any kind; the pseudo-inverse solution.
* :class:`Lsmr`: any A; least squares of minimum norm, optionally damped.
* :class:`Cg`: symmetric positive semidefinite A and b in its range; the one to precondition. With
  :func:`dual_operator` for the minimum-norm solution of Jx = b.
"""

from certify.estimation.krylov.cg import Cg
from certify.estimation.krylov.lsmr import Lsmr
from certify.estimation.krylov.minres_qlp import MinresQlp
from certify.estimation.krylov.operator import Operator, dual_operator, matrix_operator
from certify.estimation.krylov.preconditioner import Diagonal, Nystrom, Preconditioner, nystrom_preconditioner
from certify.estimation.krylov.result import Interrupted, Solved, Status, Stop

__all__ = [
    "Cg",
    "Diagonal",
    "Interrupted",
    "Lsmr",
    "MinresQlp",
    "Nystrom",
    "Operator",
    "Preconditioner",
    "Solved",
    "Status",
    "Stop",
    "dual_operator",
    "matrix_operator",
    "nystrom_preconditioner",
]
