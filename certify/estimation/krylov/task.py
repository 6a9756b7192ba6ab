"""What a Krylov method is told and what it asks of the driver: options, operator, preconditioner, right-hand sides."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from certify.estimation.krylov.operator import Operator
from certify.estimation.krylov.preconditioner import Preconditioner
from certify.format.errors import InputError

LEAST_PRODUCTS = 10  # a start, one iteration, and the checks after it
NEARLY = 1e-5  # a normal residual of one that may be a least-squares solution, not finished


@dataclass(frozen=True)
class Options:
    r"""What all solvers are told.

    Attributes:
        tolerance: :math:`|b - Ax| \le \text{tolerance}\,|b|` is `CONVERGED`.
        normal_tolerance: :math:`|A^Tr| \le \text{normal\_tolerance}\,|A||r|` is `OUTSIDE`: what is left of b lies
            outside the range, or where A is weaker than about this share of its norm. None: as `tolerance`, but at
            most 1e-5: a verdict on b asks for more care than a loose solution.
        max_products: products with A or its transpose that may be made for one right-hand side, those of the final
            checks included. Never exceeded; at least 10.

    Raises:
        InputError: a value out of range.

    >>> Options(tolerance=1e-6).normal
    1e-06
    """

    tolerance: float = 1e-8
    normal_tolerance: float | None = None
    max_products: int = 10_000

    def __post_init__(self) -> None:
        if not (0 <= self.tolerance < 1 and 0 <= self.normal < 1):
            raise InputError(
                type(self).__name__,
                f"tolerance={self.tolerance}, normal_tolerance={self.normal_tolerance}",
                "give numbers from 0 to below 1",
            )
        if self.max_products < LEAST_PRODUCTS:
            raise InputError(
                type(self).__name__, f"max_products={self.max_products}", f"give at least {LEAST_PRODUCTS}"
            )

    @property
    def normal(self) -> float:
        """The tolerance of the normal residual."""
        return min(self.tolerance, NEARLY) if self.normal_tolerance is None else self.normal_tolerance


@dataclass(frozen=True)
class State:
    """An operator that a method applies to, with the preconditioner to use."""

    operator: Operator
    preconditioner: Preconditioner | None


def symmetric_state(name: str, operator: Operator, preconditioner: Preconditioner | None) -> State:
    """The state, for a method that needs a symmetric operator.

    Raises:
        InputError: the operator is not declared symmetric.
    """
    if not operator.symmetric:
        raise InputError(f"{name}.init", "an operator not declared symmetric", "use Lsmr, or say symmetric=True")
    return State(operator, preconditioner)


@dataclass(frozen=True)
class Task:
    """What a method asks of the driver.

    Attributes:
        reported: how many leading entries of the residual count as b - Ax (damping adds others).
        damped: whether a least-squares solution is the answer wanted.
        lift: whether A is symmetric, so that r may be taken out of a least-squares solution.
        recurs_normal: whether the sweeps know |A^T r|.
        matrix_tolerance: slack :math:`|A||x|` times this in the test of the residual.
    """

    name: str
    operator: Operator
    preconditioner: Preconditioner | None
    options: Options
    reported: int
    damped: bool = False
    lift: bool = False
    recurs_normal: bool = False
    matrix_tolerance: float = 0.0


def require_shapes(task: Task, b: torch.Tensor, start: torch.Tensor | None) -> None:
    """Refuse right-hand sides and starts that do not fit the operator.

    Raises:
        InputError: another shape, type or device.
    """
    asked = f"{task.name}.compute"
    if b.ndim != 2 or b.shape[1] != task.operator.rows:
        raise InputError(asked, f"b of shape {tuple(b.shape)}", f"give rows, (r, {task.operator.rows})")
    if b.dtype not in (torch.float32, torch.float64):
        raise InputError(asked, f"b of {b.dtype}", "give float32 or float64")
    if start is None:
        return
    if start.shape != (b.shape[0], task.operator.columns) or start.dtype != b.dtype or start.device != b.device:
        raise InputError(
            asked,
            f"start of {start.dtype}, shape {tuple(start.shape)}, on {start.device}",
            f"give {b.dtype} of shape {(b.shape[0], task.operator.columns)} on {b.device}",
        )
