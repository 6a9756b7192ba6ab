"""What a solver asks of a preconditioner."""

from __future__ import annotations

from typing import Protocol

import torch


class Preconditioner(Protocol):
    r"""A symmetric positive definite map M, near the inverse of A (or of :math:`|A|`)."""

    @property
    def keeps_range(self) -> bool:
        """Whether M maps range A to itself, and so also ker A to itself: the minimum-norm solution then comes out.

        With it, M range A = range A, where every iterate lies; otherwise x has minimum :math:`x^TM^{-1}x`.
        """
        ...

    def apply(self, V: torch.Tensor) -> torch.Tensor:
        """M v for each row v of V, shape (r, n)."""
        ...
