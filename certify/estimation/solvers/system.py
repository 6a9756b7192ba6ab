"""Which linear system was solved for a step: its matrix, its damping and who chose it, and what helped to solve it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MATRICES: Final = {"hessian": "H", "gauss_newton": "G", "kernel": "JJᵀ/n"}
"""What a matrix is called in a formula, by its word."""

UNSOLVED: Final = 0.5
"""Residual of the system that was solved beyond which an estimate has failed: most of what was asked is unanswered."""


@dataclass(frozen=True)
class System:
    """The system of an estimate.

    Attributes:
        matrix: ``"hessian"``, ``"gauss_newton"`` (weight space) or ``"kernel"`` (output space, of the Jacobian).
        damping: δ, what was added to its diagonal.
        chosen: whether the program chose δ, since the undamped system is indefinite or did not converge.
        why: why this δ, where it was chosen.
        undamped: relative residual of the system without δ at the response; None where nobody measured it.
        least_curvature: the most negative curvature that was found; None where none was.
        preconditioner: what helped the solver, in words.
    """

    matrix: str
    damping: float = 0.0
    chosen: bool = False
    why: str = ""
    undamped: float | None = None
    least_curvature: float | None = None
    preconditioner: str = ""

    @property
    def formula(self) -> str:
        """The matrix as a formula.

        >>> System("hessian", 0.3).formula, System("kernel").formula
        ('H + 0.3·I', 'JJᵀ/n')
        """
        name = MATRICES[self.matrix]
        return f"{name} + {self.damping:.3g}·I" if self.damping else name

    def words(self) -> str:
        """Which system it is, and why, as a clause that follows others; empty where nothing was added.

        >>> System("hessian", 0.3, undamped=0.4).words()
        '; damping 0.3, as asked; 0.4 is left of the system without it'
        """
        parts = []
        if self.damping:
            parts.append(f"damping {self.damping:.3g} {'chosen: ' + self.why if self.chosen else ', as asked'}"
                         .replace(" ,", ","))
            if self.undamped is not None:
                parts.append(f"{self.undamped:.2g} is left of the system without it")
        if self.preconditioner:
            parts.append(self.preconditioner)
        return "".join(f"; {part}" for part in parts)


def failure(residual: float, system: System) -> str:
    """Why a residual makes an estimate a failure, as a sentence; empty where it is none.

    >>> failure(0.97, System("hessian"))
    'the system H was not solved: the relative residual is 0.97, above 0.5'
    >>> failure(0.5, System("hessian"))
    ''
    """
    if residual <= UNSOLVED:
        return ""
    size = f"is {residual:.2g}, above {UNSOLVED}" if math.isfinite(residual) else "is not finite"
    return f"the system {system.formula} was not solved: the relative residual {size}"


def with_failure(words: str, residual: float, system: System) -> str:
    """The words on a status, led by the failure where it is one."""
    why = failure(residual, system)
    return f"failed, {why}; {words}" if why else words


@dataclass(frozen=True)
class FirstAnswer:
    """What can be said of an estimate within seconds, before all of it is computed.

    Attributes:
        loss_before, loss_after: mean loss on the moved rows, data changed, at the given and at the first new weights.
        residual: relative residual of the system that this answers.
        of: which that is, in words.
    """

    loss_before: float
    loss_after: float
    residual: float
    of: str

    def words(self) -> str:
        """One line.

        >>> FirstAnswer(4.5e-3, 3.2e-4, 1e-6, "other rows not held yet").words()
        'first answer, other rows not held yet: mean loss of the moved rows 0.0045 -> 0.00032, residual 1e-06'
        """
        return (f"first answer, {self.of}: mean loss of the moved rows "
                f"{self.loss_before:.3g} -> {self.loss_after:.3g}, residual {self.residual:.2g}")
