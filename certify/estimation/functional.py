"""A torch module as a function of one flat parameter vector and of its rows of data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from certify.estimation.chunks import Chunks


@dataclass(frozen=True, eq=False)
class Functional:
    r"""The map :math:`(w, x) \mapsto f(x, w)` of a module whose buffers are constants.

    Attributes:
        module: the module, in eval mode.
        names: names of its parameters, in the module's order; a shared parameter is listed once.
        shapes: their shapes.
        buffers: its buffers (frozen batch statistics among them).
        chunks: how many rows are passed through at once.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> f = Functional.of(net, Chunks(8))
    >>> f.outputs(torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 4.0]])).tolist()
    [[11.0]]
    """

    module: nn.Module
    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    buffers: Mapping[str, torch.Tensor]
    chunks: Chunks

    @staticmethod
    def of(module: nn.Module, chunks: Chunks) -> Functional:
        """The function of a module."""
        named = dict(module.named_parameters())
        buffers = {name: value.detach() for name, value in module.named_buffers()}
        return Functional(module, tuple(named), tuple(p.shape for p in named.values()), buffers, chunks)

    @property
    def sizes(self) -> list[int]:
        """Number of entries of each parameter."""
        return [shape.numel() for shape in self.shapes]

    def weights(self) -> torch.Tensor:
        """The module's parameters as one vector, (p,)."""
        named = dict(self.module.named_parameters())
        return torch.cat([named[name].detach().flatten() for name in self.names])

    def named(self, w: torch.Tensor) -> dict[str, torch.Tensor]:
        """A flat vector as the module's parameters by name."""
        pieces = torch.split(w, self.sizes)
        return {n: piece.view(shape) for n, piece, shape in zip(self.names, pieces, self.shapes, strict=True)}

    def outputs(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """`f(x, w)`, (rows, k), of rows that are passed through together; differentiable."""
        with _differentiable():
            out: Any = functional_call(self.module, (self.named(w), dict(self.buffers)), (x,))
        return out if out.ndim == 2 else out.reshape(len(x), -1)

    def all_outputs(self, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """`f(x, w)` for every row of X, chunk by chunk, without derivatives."""
        with torch.no_grad():
            return torch.cat([self.outputs(w, X[part]) for part in self.over(len(X))])

    def over(self, rows: int) -> Iterator[slice]:
        """Slices of at most one chunk that cover `rows` rows."""
        return self.chunks.over(rows)


@contextmanager
def _differentiable() -> Iterator[None]:
    """Attention by plain products: the fused kernels have no second and no forward derivative."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
