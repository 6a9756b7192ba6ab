"""Hessian products from a tape: the gradient is recorded once and differentiated again for every vector."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn

from certify.estimation.model.chunks import is_memory
from certify.estimation.model.convolution import Recording
from certify.estimation.model.subject import ModuleProblem

MOST_BYTES = 2 << 30
"""Memory that recorded gradients may take; the rows beyond are recorded again for every product."""

TOGETHER = 64
"""Vectors that are pulled back at once: more of them leave the cache, and are slower."""

Recorded = tuple[torch.Tensor, torch.Tensor]


@dataclass(eq=False)
class Tape:
    r"""`v ↦ (1/n) Σ ∇²ℓ_i v`, reverse over reverse.

    Forward over reverse would pass through the network again for every vector, and its rules for convolutions and
    losses are several times slower. Chunk by chunk, so that no chunk size changes the answer beyond rounding.

    Attributes:
        problem: the problem.
        total: `w ↦ Σ ℓ_i` over the rows of a slice.
        kept: recorded chunks: weights and gradient, by their slice.
    """

    problem: ModuleProblem
    total: Callable[[torch.Tensor, slice], torch.Tensor]
    kept: dict[tuple[int, int], Recorded] = field(default_factory=dict)
    spare: int = MOST_BYTES

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

    def _images(self, part: slice, V: torch.Tensor) -> torch.Tensor:
        try:
            w, g = self._recorded(part)
            if len(V) > 1 and self.batches:
                return torch.cat([_again(g, w, some, True) for some in V.split(TOGETHER)])
            return torch.stack([_again(g, w, v) for v in V])
        except (MemoryError, RuntimeError) as error:
            if is_memory(error):
                self.kept.clear()
                self.spare = 0
            raise

    def _recorded(self, part: slice) -> Recorded:
        known = self.kept.get((part.start, part.stop))
        if known is not None:
            return known
        size = 0

        def weigh(saved: torch.Tensor) -> torch.Tensor:
            nonlocal size
            size += saved.numel() * saved.element_size()
            return saved

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(weigh, lambda saved: saved):
            w = self.problem.w.detach().clone().requires_grad_(True)
            with nullcontext() if self.batches else Recording():
                total = self.total(w, part)
            (g,) = torch.autograd.grad(total, w, create_graph=True)
        if size <= self.spare:
            self.spare -= size
            self.kept[part.start, part.stop] = (w, g)
        return w, g


def _again(g: torch.Tensor, w: torch.Tensor, v: torch.Tensor, many: bool = False) -> torch.Tensor:
    if not g.requires_grad:  # a loss that is linear in the weights
        return torch.zeros_like(v)
    (image,) = torch.autograd.grad(g, w, v, retain_graph=True, allow_unused=True, is_grads_batched=many)
    return torch.zeros_like(v) if image is None else image


def only_linear(problem: ModuleProblem) -> bool:
    """Whether all parameters are those of linear layers."""
    owners = [part for part in problem.module.modules() if list(part.parameters(recurse=False))]
    return all(type(part) is nn.Linear for part in owners)
