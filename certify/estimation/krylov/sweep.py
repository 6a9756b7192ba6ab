"""What the methods share: one sweep of a Krylov method from zero for some of the right-hand sides, in lockstep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import torch

from certify.estimation.krylov.operator import Operator, Product
from certify.estimation.krylov.preconditioner import Preconditioner
from certify.estimation.krylov.vectors import Mask, Scalars
from certify.format.errors import InputError

Rows = npt.NDArray[np.int64]


class Claim(IntEnum):
    """Why a sweep ends for a right-hand side. Only a claim: the residual is recomputed before it becomes a status."""

    RUNNING = 0
    REACHED = 1  # the recurred residual says that the target is met, or that this sweep can do no more
    LEAST_SQUARES = 2
    BUDGET = 3
    CURVATURE = 4
    CONDITION = 5
    NOT_FINITE = 6
    STOPPED = 7


class Ledger:
    """The operator, with the number of products made for each right-hand side."""

    def __init__(self, operator: Operator, count: int) -> None:
        self.operator = operator
        self.spent = np.zeros(count, dtype=np.int64)

    def product(self, rows: Rows, V: torch.Tensor) -> torch.Tensor:
        """A v for the right-hand sides `rows`."""
        return self._charge("product", self.operator.product, rows, V, self.operator.rows)

    def adjoint(self, rows: Rows, U: torch.Tensor) -> torch.Tensor:
        """A^T u for the right-hand sides `rows`."""
        return self._charge("adjoint", self.operator.adjoint, rows, U, self.operator.columns)

    def _charge(self, name: str, apply: Product, rows: Rows, V: torch.Tensor, length: int) -> torch.Tensor:
        self.spent[rows] += 1
        image = apply(V).detach()
        if image.shape != (len(rows), length) or image.dtype != V.dtype or image.device != V.device:
            raise InputError(
                f"Operator.{name}",
                f"{image.dtype} of shape {tuple(image.shape)} on {image.device} for {V.dtype} of {tuple(V.shape)}",
                f"return {V.dtype} of shape {(len(rows), length)} on {V.device}",
            )
        return image


@dataclass(frozen=True)
class Job:
    """What a sweep is to solve.

    Attributes:
        ledger: the operator.
        rows: indices of the right-hand sides.
        r: what A d is to be, shape (len(rows), n).
        target: the length that the residual is to reach, for each.
        norm: a lower bound of |A| that is known.
        preconditioner: to use, or None.
        early: whether to end for a right-hand side that looks as if it lay outside the range, before it is sure:
            short recurrences are good for half the digits there.
    """

    ledger: Ledger
    rows: Rows
    r: torch.Tensor
    target: Scalars
    norm: Scalars
    preconditioner: Preconditioner | None
    early: bool


class Sweep(ABC):
    """A Krylov iteration for A d = r from d = 0, for the right-hand sides `rows`.

    Every tensor and array that is an attribute has one row for each of `rows`, so that ended ones can be dropped.

    Attributes:
        rows: indices of the right-hand sides that are still going.
        norm: for each, the largest |Av| / |v| met.
    """

    rows: Rows
    norm: Scalars

    def keep(self, mask: Mask) -> None:
        """Drop the right-hand sides where the mask is False."""
        if mask.all():
            return
        chosen = np.flatnonzero(mask)
        for name, value in vars(self).items():
            if isinstance(value, torch.Tensor):
                setattr(self, name, value[torch.as_tensor(chosen, device=value.device)])
            elif isinstance(value, np.ndarray):
                setattr(self, name, value[chosen])

    @abstractmethod
    def costs(self) -> npt.NDArray[np.int64]:
        """The most products the next iteration makes, for each right-hand side."""

    @abstractmethod
    def advance(self) -> Mask:
        """Make the products of one iteration; False where a number is not finite. The iterate is not touched."""

    @abstractmethod
    def update(self) -> tuple[Scalars, Scalars | None, npt.NDArray[np.int64]]:
        """Move the iterate; return the recurred |r|, |A^T r| (None: not known) and the claims."""

    @abstractmethod
    def solution(self) -> torch.Tensor:
        """The iterates d, one row each."""

    def directions(self) -> torch.Tensor | None:
        """The direction last multiplied with, where the method may meet negative curvature."""
        return None

    def recurred(self) -> tuple[torch.Tensor, Scalars] | None:
        """The recurred r - A d, one row each, and how far rounding may have led it from the true one; None: unknown."""
        return None
