"""Jacobi's preconditioner: divide by a positive diagonal."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from certify.format.errors import InputError


@dataclass(frozen=True, eq=False)
class Diagonal:
    r"""The map :math:`v \mapsto v / d`, entry by entry.

    It keeps the range of a singular A only if all entries are equal: otherwise what comes out for a singular consistent
    system is the solution of minimum :math:`\sum d_i x_i^2`. Fit for definite A and for the dual system.

    Attributes:
        diagonal: the entries of :math:`d`, shape (n,).

    Raises:
        InputError: not a vector of positive finite numbers.

    >>> Diagonal(torch.tensor([2.0, 4.0])).apply(torch.ones(1, 2))
    tensor([[0.5000, 0.2500]])
    """

    diagonal: torch.Tensor

    def __post_init__(self) -> None:
        d = self.diagonal
        if d.ndim != 1 or not bool((torch.isfinite(d) & (d > 0)).all()):
            raise InputError(
                "Diagonal", f"shape {tuple(d.shape)} or an entry that is not positive", "give positive ones"
            )

    @property
    def keeps_range(self) -> bool:
        """Whether the map is a multiple of the identity."""
        return bool((self.diagonal == self.diagonal[:1]).all())

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """V over the diagonal, shape (r, n)."""
        return V / self.diagonal.to(V)
