"""What work costs, in full-batch gradients measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch.func import jvp

from certify.estimation.derivatives.hessian import gradient
from certify.estimation.model.subject import ModuleProblem


@dataclass(frozen=True)
class Cost:
    """Wall time of the estimate over that of one full-batch gradient, and counted products.

    Attributes:
        gradients: seconds / gradient_seconds.
        seconds: wall time of everything that led to the step; evidence is apart.
        gradient_seconds: wall time of one gradient of the mean loss over all rows, in the same chunks.
        products: counted products of the solver: in output space of all right-hand sides together, in weight space of
            the one that took most; a dense matrix of p parameters counts as p.
        evidence_seconds: wall time of the evidence.
        processor_gradients: as `gradients`, in this process's processor time: the figure to go by where other work runs
            on the same cores; meaningless on CUDA.
    """

    gradients: float
    seconds: float
    gradient_seconds: float
    products: int
    evidence_seconds: float
    processor_gradients: float


@dataclass(eq=False)
class Meter:
    """A stop watch with the price of one gradient."""

    gradient_seconds: float
    gradient: torch.Tensor
    gradient_processor: float = 1.0
    seconds: float = 0.0
    processor: float = 0.0
    evidence_seconds: float = 0.0
    products: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    marks: list[float] = field(default_factory=list)
    _begun: float = 0.0

    @staticmethod
    def of(problem: ModuleProblem) -> Meter:
        """Compute one full-batch gradient, which the evidence needs anyway, and time it (after a first chunk).

        The first use of torch.func imports seconds of torch, which would pass for the price of a gradient.
        """
        gradient(replace(problem, X=problem.X[:2], y=problem.y[:2]))
        jvp(torch.sin, (problem.w[:1],), (problem.w[:1],))
        start, processor = time.perf_counter(), time.process_time()
        g = gradient(problem)
        _wait(g)
        return Meter(max(time.perf_counter() - start, 1e-6), g, max(time.process_time() - processor, 1e-6))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block as work of the estimate."""
        start = self._begun = time.perf_counter()
        processor = time.process_time()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.processor += time.process_time() - processor
            self.seconds += spent
            self.stages[name] = self.stages.get(name, 0.0) + spent

    @contextmanager
    def evidence(self) -> Iterator[None]:
        """Count the block as evidence."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.evidence_seconds += time.perf_counter() - start

    def now(self) -> float:
        """What has been spent so far, in gradients; inside a stage."""
        return (self.seconds + time.perf_counter() - self._begun) / self.gradient_seconds

    def mark(self) -> None:
        """Note what has been spent at the end of an iteration; inside a stage."""
        self.marks.append(self.now())

    def cost(self) -> Cost:
        """What has been spent so far."""
        return Cost(self.seconds / self.gradient_seconds, self.seconds, self.gradient_seconds, self.products,
                    self.evidence_seconds, self.processor / self.gradient_processor)


def _wait(value: torch.Tensor) -> None:
    if value.is_cuda:
        torch.cuda.synchronize(value.device)
