"""Hessian products from a tape: the gradient is recorded once and differentiated again for every vector."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn

from certify.estimation.model.chunks import is_memory
from certify.estimation.model.convolution import Recording
from certify.estimation.model.subject import ModuleProblem

MOST_BYTES = 2 << 30
"""Memory that recorded gradients may take; the rows beyond are recorded again for every product."""

UNWEIGHED = 10_000
"""Bytes recorded for a byte of rows and parameters, many times what networks take (ResNets 12 to 160, wide layers on
few columns 700): where all rows are one chunk and even so many fit, nothing is weighed."""

TOGETHER = 64
"""Vectors that are pulled back at once: more of them leave the cache, and are slower."""

Recorded = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(eq=False)
class Tape:
    r"""`v ↦ (1/n) Σ ∇²ℓ_i v`, reverse over reverse.

    Forward over reverse would pass through the network again for every vector, and its rules for convolutions and
    losses are several times slower. Chunk by chunk, so that no chunk size changes the answer beyond rounding.

    Attributes:
        problem: the problem.
        kept: recorded chunks: weights, outputs and gradient, by their slice.
        spare: bytes that are left for more of them.
        full: whether one was met that does not fit.
    """

    problem: ModuleProblem
    kept: dict[tuple[int, int], Recorded] = field(default_factory=dict)
    spare: int = MOST_BYTES
    full: bool = False

    @cached_property
    def batches(self) -> bool:
        """Whether many vectors at once are faster: not through convolutions, which become grouped ones."""
        return only_linear(self.problem)

    def product(self, V: torch.Tensor) -> torch.Tensor:
        """`∇²L v` for the rows v of V, (r, p)."""
        problem = self.problem
        out = torch.zeros_like(V)
        for _, images in problem.function.chunks.run(problem.n, lambda part: self._images(part, V)):
            out += images
        return out / problem.n

    def outputs(self) -> torch.Tensor:
        """`f(x_i, w)` of every row, (n, k), from rows that are recorded for products, as far as memory lasts."""
        return torch.cat([f for _, f in self.problem.function.chunks.run(self.problem.n, self._outputs)])

    def _outputs(self, part: slice) -> torch.Tensor:
        if self.full and (part.start, part.stop) not in self.kept:
            with torch.no_grad():
                return self.problem.function.outputs(self.problem.w, self.problem.X[part])
        return self._recorded(part)[1]

    def _images(self, part: slice, V: torch.Tensor) -> torch.Tensor:
        w, _, g = self._recorded(part)
        try:
            if len(V) > 1 and self.batches:
                return torch.cat([_again(g, w, some, True) for some in V.split(TOGETHER)])
            return torch.stack([_again(g, w, v) for v in V])
        except (MemoryError, RuntimeError) as error:
            self._forget(error)
            raise

    def _recorded(self, part: slice) -> Recorded:
        known = self.kept.get((part.start, part.stop))
        if known is not None:
            return known
        try:
            made, size = self._record(part)
        except (MemoryError, RuntimeError) as error:
            self._forget(error)
            raise
        if size <= self.spare:
            self.spare -= size
            self.kept[part.start, part.stop] = made
        else:
            self.full = True
        return made

    def _record(self, part: slice) -> tuple[Recorded, int]:
        """A chunk's gradient with what it was made of, and the bytes that this takes."""
        size = 0

        def weigh(saved: torch.Tensor) -> torch.Tensor:
            nonlocal size
            size += saved.numel() * saved.element_size()
            return saved

        with torch.enable_grad(), self._weighing(part, weigh):
            w = self.problem.w.detach().clone().requires_grad_(True)
            with nullcontext() if self.batches else Recording():
                f = self.problem.function.outputs(w, self.problem.X[part])
                total = self.problem.loss.values(f, self.problem.y[part]).sum()
            (g,) = torch.autograd.grad(total, w, create_graph=True)
        return (w, f.detach(), g), size

    def _weighing(self, part: slice, weigh: Callable[[torch.Tensor], torch.Tensor]) -> AbstractContextManager[object]:
        """What weighs all that a recording keeps; nothing for a small one, of which that takes a fifth of the time."""
        problem = self.problem
        given = problem.X.numel() + problem.p + sum(b.numel() for b in problem.function.buffers)
        if part.stop - part.start == problem.n and UNWEIGHED * given * problem.w.element_size() <= self.spare:
            return nullcontext()
        return torch.autograd.graph.saved_tensors_hooks(weigh, lambda saved: saved)

    def _forget(self, error: BaseException) -> None:
        if is_memory(error):
            self.kept.clear()
            self.spare, self.full = 0, True


def _again(g: torch.Tensor, w: torch.Tensor, v: torch.Tensor, many: bool = False) -> torch.Tensor:
    if not g.requires_grad:  # a loss that is linear in the weights
        return torch.zeros_like(v)
    (image,) = torch.autograd.grad(g, w, v, retain_graph=True, allow_unused=True, is_grads_batched=many)
    return torch.zeros_like(v) if image is None else image


def only_linear(problem: ModuleProblem) -> bool:
    """Whether all parameters are those of linear layers."""
    owners = [part for part in problem.module.modules() if list(part.parameters(recurse=False))]
    return all(type(part) is nn.Linear for part in owners)
