"""A problem in float64, for what float32 cannot settle."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from certify.estimation.model.chunks import Chunks
from certify.estimation.model.functional import Functional
from certify.estimation.model.layered import layered
from certify.estimation.model.subject import ModuleProblem


def in_float64(problem: ModuleProblem) -> ModuleProblem:
    """The same weights and data, in float64; rows pass through in chunks of half the size."""
    module = copy.deepcopy(problem.module).double()
    chunks = problem.function.chunks
    size = chunks.size if chunks.whole else max(1, chunks.size // 2)
    function = Functional.of(module, Chunks(size, chunks.tell, chunks.whole))
    y = problem.y.double() if problem.y.is_floating_point() else problem.y
    plain = None if problem.plain is None else layered(module)
    return replace(problem, module=module, X=problem.X.to(torch.float64), y=y, function=function, plain=plain)
