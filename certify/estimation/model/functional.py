"""A torch module as a function of one flat parameter vector and of its rows of data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from certify.estimation.model.chunks import Chunks
from certify.format.errors import InputError


def as_tensor(values: Any, name: str) -> torch.Tensor:
    """A tensor of what may be a tensor, an array of any byte order, or a list; `name` is what to call it.

    Raises:
        InputError: no numbers, or lists of different lengths.

    >>> import numpy as np
    >>> as_tensor(np.array([1, 2], dtype=">i4"), "y").tolist()
    [1, 2]
    """
    if isinstance(values, torch.Tensor):
        return values.detach()
    try:
        array = np.array(values)
    except ValueError:
        raise InputError(name, "lists of different lengths", "give an array of numbers of one shape") from None
    if array.dtype.kind not in "biufc":
        found = "None" if values is None else f"entries of type {array.dtype}"
        raise InputError(name, found, "give an array of numbers of one shape")
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))


def require_finite(values: torch.Tensor, name: str, given: torch.Tensor | None = None) -> None:
    """Refuse NaN and infinities, and say in which row the first is.

    Args:
        values: `(n, …)`.
        name: what to call them.
        given: the same before they were rounded to the type of the network, in which they may overflow.

    Raises:
        InputError: there is one.

    >>> require_finite(torch.tensor([[0.0, 1.0], [2.0, float("inf")]]), "X")
    Traceback (most recent call last):
    certify.format.errors.InputError: X, row 1: inf; give finite numbers only
    """
    if math.isfinite(values.sum().item()):  # one pass; a sum of finite numbers may overflow
        return
    flat = torch.isfinite(values).reshape(len(values), -1)
    bad = ~flat.all(1)
    if not bool(bad.any()):
        return
    row, more = int(bad.nonzero()[0]), int(bad.sum()) - 1
    at = int((~flat[row]).nonzero()[0])
    value = float((values if given is None else given)[row].reshape(-1)[at])
    small = math.isfinite(value)
    said = f"{value:g} is too large for {str(values.dtype).removeprefix('torch.')}" if small else f"{value}"
    raise InputError(f"{name}, row {row}", f"{said}{f' (and in {more} more rows)' if more else ''}",
                     "rescale the data, or use module.double()" if small else "give finite numbers only")


@dataclass(frozen=True, eq=False)
class Owner:
    """A part of a module that holds parameters or buffers itself.

    Attributes:
        part: the part.
        places: its parameters' keys, and which of the module's parameters each is; None where it has none.
        buffers: its buffers, as constants.
    """

    part: nn.Module
    places: tuple[tuple[str, int | None], ...]
    buffers: tuple[tuple[str, torch.Tensor | None], ...]

    @staticmethod
    def of(part: nn.Module, at: Mapping[int, int]) -> Owner:
        """The part, with the numbers of the parameters by their identities."""
        places = tuple((key, None if p is None else at[id(p)]) for key, p in part._parameters.items())
        buffers = tuple((key, None if b is None else b.detach()) for key, b in part._buffers.items())
        return Owner(part, places, buffers)

    def widened(self) -> Owner:
        """The same part with its real buffers in float64."""
        wide = tuple((key, b.double() if b is not None and b.is_floating_point() else b) for key, b in self.buffers)
        return replace(self, buffers=wide)


@dataclass(frozen=True, eq=False)
class Functional:
    r"""The map :math:`(w, x) \mapsto f(x, w)` of a module whose buffers are constants.

    Attributes:
        module: the module, in eval mode.
        names: names of its parameters, in the module's order; a shared parameter is listed once.
        shapes: their shapes.
        owners: the parts of the module that hold parameters or buffers (frozen batch statistics among them).
        chunks: how many rows are passed through at once.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> f = Functional.of(net, Chunks(8))
    >>> f.outputs(torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 4.0]])).tolist()
    [[11.0]]
    """

    module: nn.Module
    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    owners: tuple[Owner, ...]
    chunks: Chunks

    @staticmethod
    def of(module: nn.Module, chunks: Chunks) -> Functional:
        """The function of a module."""
        named = dict(module.named_parameters())
        at = {id(p): i for i, p in enumerate(named.values())}
        owners = tuple(Owner.of(part, at) for part in module.modules() if part._parameters or part._buffers)
        return Functional(module, tuple(named), tuple(p.shape for p in named.values()), owners, chunks)

    @cached_property
    def sizes(self) -> list[int]:
        """Number of entries of each parameter."""
        return [shape.numel() for shape in self.shapes]

    @property
    def buffers(self) -> list[torch.Tensor]:
        """Its buffers, as constants."""
        return [value for own in self.owners for _, value in own.buffers if value is not None]

    def weights(self) -> torch.Tensor:
        """The module's parameters as one vector, (p,)."""
        held = {at: own.part._parameters[key] for own in self.owners for key, at in own.places if at is not None}
        return torch.cat([held[at].detach().flatten() for at in range(len(self.names))])  # type: ignore[union-attr]

    def widened(self) -> Functional:
        """The same function for weights and rows in float64; the module's own weights are not used, and not copied."""
        return replace(self, owners=tuple(own.widened() for own in self.owners))

    def named(self, w: torch.Tensor) -> dict[str, torch.Tensor]:
        """A flat vector as the module's parameters by name."""
        pieces = torch.split(w, self.sizes)
        return {n: piece.view(shape) for n, piece, shape in zip(self.names, pieces, self.shapes, strict=True)}

    def outputs(self, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """`f(x, w)`, (rows, k), of rows that are passed through together; differentiable."""
        with _differentiable(), self._holding(w):
            out: Any = self.module(x)
        if not isinstance(out, torch.Tensor):
            raise InputError("module", f"outputs of type {type(out).__name__}", "return one tensor (rows, outputs)")
        return out if out.ndim == 2 else out.reshape(len(x), -1)

    @contextmanager
    def _holding(self, w: torch.Tensor) -> Iterator[None]:
        """The module with w for its parameters: as `torch.func.functional_call`, whose search of names takes longer.

        Every part gets dictionaries of its own, so that nothing that a forward assigns stays.
        """
        pieces = [piece.view(shape) for piece, shape in zip(w.split(self.sizes), self.shapes, strict=True)]
        before = [(own.part.__dict__, own.part._parameters, own.part._buffers) for own in self.owners]
        try:
            for own in self.owners:
                own.part.__dict__["_parameters"] = {key: None if at is None else pieces[at] for key, at in own.places}
                own.part.__dict__["_buffers"] = dict(own.buffers)
            yield
        finally:
            for held, parameters, buffers in before:
                held["_parameters"], held["_buffers"] = parameters, buffers

    def all_outputs(self, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """`f(x, w)` for every row of X, chunk by chunk, without derivatives."""
        with torch.no_grad():
            return torch.cat([f for _, f in self.chunks.run(len(X), lambda part: self.outputs(w, X[part]))])

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
