"""Any torch module with its training data, loss and solution map: the subject of an estimate."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from certify.estimation.model.chunks import Chunks
from certify.estimation.model.functional import Functional, as_tensor, require_finite
from certify.estimation.model.layered import Layered, copied, layered
from certify.estimation.model.losses import Loss, loss_named
from certify.estimation.model.probes import Tried, probe, require_derivatives, require_module, require_rows_apart
from certify.estimation.model.solution_map import BASES, SOLUTION_MAPS, SolutionMap
from certify.format.errors import InputError

CHUNK = 50
"""Rows at once: on a CPU larger ones are no faster."""

MANY = 64
"""Rows whose shared batch statistics are enough to try derivatives on."""


@dataclass(frozen=True, eq=False)
class ModuleProblem:
    """A torch module, its data and its training problem; nothing is computed yet.

    The module is copied, so that nothing done here or to the original later changes the other.

    Attributes:
        module: the copy, in eval mode.
        X: `(n, …)` inputs, of the parameters' dtype and device.
        y: `(n,)` labels, or `(n, k)` real targets or probabilities.
        loss: its loss.
        weight_decay: λ in `L = (1/n) Σ ℓ_i + (λ/2)|w|²`.
        map: ``"interpolation"`` (keep every output) or ``"critical"`` (stay a critical point of L).
        base: ``"given"``: the weights are made exact by a shift (theory: output tilt); ``"nearby"``: they are not
            a critical point, and the step towards one is part of the answer.
        batch_statistics: ``"frozen"``: those stored in the module; ``"recomputed"``: those of the rows at hand.
        function: the module as a function.
        k: number of outputs.
        plain: its layers, if it is a plain fully connected network on the CPU.
        tried: a derivative of the module that stood every probe; None where none was tried.
    """

    module: nn.Module
    X: torch.Tensor
    y: torch.Tensor
    loss: Loss
    weight_decay: float
    map: str
    base: str
    batch_statistics: str
    function: Functional
    k: int
    plain: Layered | None = None
    tried: Tried | None = None

    @cached_property
    def solution(self) -> SolutionMap:
        """What is asked to stay solved, with its base."""
        return SOLUTION_MAPS[self.map](BASES[self.base])

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.X)

    @cached_property
    def w(self) -> torch.Tensor:
        """The given parameters, (p,)."""
        return self.function.weights()

    @property
    def p(self) -> int:
        """Number of parameters."""
        return sum(self.function.sizes)

    def __repr__(self) -> str:
        """In a line: what dataclasses make holds the data."""
        return (f"ModuleProblem({type(self.module).__name__}, {self.p} parameters, {self.n} rows of shape "
                f"{tuple(self.X.shape[1:])}, {self.k} outputs, loss={self.loss.name!r}, map={self.map!r}, "
                f"base={self.base!r})")


def module_problem(
    module: nn.Module, X: Any, y: Any, *, loss: str = "squared", weight_decay: float = 0.0, map: str = "interpolation",
    base: str = "given", batch_statistics: str = "frozen", chunk: int | None = None, device: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> ModuleProblem:
    """A module with its data, every array checked.

    Args:
        module: any `torch.nn.Module` in eval mode whose outputs of one row do not depend on other rows.
        X: `(n, …)` array or tensor; converted to the parameters' dtype.
        y: `(n,)` integer labels, `(n, k)` real targets (squared) or rows of probabilities (cross_entropy).
        loss: ``"squared"``, ``"cross_entropy"`` or ``"logistic"``.
        weight_decay: λ.
        map: ``"interpolation"`` or ``"critical"``.
        base: ``"given"`` or ``"nearby"``.
        batch_statistics: ``"frozen"`` or ``"recomputed"``.
        chunk: rows that pass through the network at once; default 50 (all, for recomputed statistics).
        device: where to compute; default where the parameters are.
        tell: told when memory forces smaller chunks.

    Raises:
        InputError: train mode, random or non-finite outputs, shapes that do not fit, a device that is not there.
    """
    require_module(module)
    for name, value, words in (("map", map, tuple(SOLUTION_MAPS)), ("base", base, tuple(BASES)),
                               ("batch_statistics", batch_statistics, ("frozen", "recomputed"))):
        if value not in words:
            raise InputError(name, f"'{value}'", f"use one of {', '.join(words)}")
    if chunk is not None and (not isinstance(chunk, int) or chunk < 1):
        raise InputError("chunk", f"{chunk!r}", "give a whole number of rows from 1 on, or none")
    if isinstance(weight_decay, bool) or not isinstance(weight_decay, int | float) or not 0 <= weight_decay < math.inf:
        raise InputError("weight_decay", f"{weight_decay!r}", "give a finite number from 0 on")
    if SOLUTION_MAPS[map].in_outputs and batch_statistics == "recomputed":
        raise InputError("batch_statistics", '"recomputed" with map = "interpolation"',
                         'use map = "critical": a row that moves changes the outputs of all rows, to be kept or not')
    place = _device(module, device)
    plain = layered(module) if place.type == "cpu" else None
    if plain is None or next(module.parameters()).device != place:
        own, plain = _copied(module).to(place).requires_grad_(False), None
    else:
        own, plain = copied(module, plain)
    if batch_statistics == "recomputed":
        _recompute_statistics(own)
    dtype = next(own.parameters()).dtype
    inputs = _tensor(X, "X", dtype, place)
    whole = batch_statistics == "recomputed"
    chunks = Chunks(len(inputs) if whole else chunk or CHUNK, tell or (lambda words: None), whole)
    function = Functional.of(own, chunks)
    if plain is not None and not _passes(own, plain, inputs):
        plain = None
    tried = _probed(function, inputs, whole) if plain is None else None
    k = plain.outputs if plain is not None else tried.along.shape[1]
    kind = loss_named(loss)
    targets = kind.targets(y, len(inputs), k, dtype, place)
    return ModuleProblem(own, inputs, targets, kind, float(weight_decay), map, base, batch_statistics, function, k,
                         plain, tried)


def _probed(function: Functional, inputs: torch.Tensor, whole: bool) -> Tried:
    """A derivative of a module that stood every probe."""
    outputs = probe(function, inputs if whole else inputs[:2])
    if not whole:
        require_rows_apart(function, inputs, outputs)
    return require_derivatives(function, inputs[: MANY if whole else 2])


def _passes(module: nn.Module, plain: Layered, X: torch.Tensor) -> bool:
    """Whether rows pass through known layers, which need no other probe: else the probes say what is wrong."""
    return plain.takes(tuple(X.shape[1:])) and bool(torch.isfinite(module(X[:2])).all())


def _copied(module: nn.Module) -> nn.Module:
    # most of what a module holds is empty dictionaries, and a deep copy of one takes as long as that of a parameter
    empty = {id(held): type(held)() for part in module.modules() for held in part.__dict__.values()
             if type(held) in (dict, OrderedDict) and not held}
    try:
        return copy.deepcopy(module, empty)
    except (RuntimeError, TypeError, copy.Error) as error:
        raise InputError("module", f"it cannot be copied: {str(error).partition(chr(10))[0][:120]}",
                         "pass rows through it once under torch.no_grad(), or make masks of its weights permanent "
                         "(torch.nn.utils.prune.remove)") from error


def _device(module: nn.Module, device: str | None) -> torch.device:
    if device is None:
        return next(module.parameters()).device
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):  # torch's words for a name or a thing it does not know
        place = torch.device("meta")
    if place.type not in ("cpu", "cuda"):
        raise InputError("device", f"'{device}'", 'use "cpu", or "cuda" where there is one')
    if place.type == "cuda" and (place.index or 0) >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
        raise InputError("device", f"'{device}', and torch finds no CUDA device", 'use device = "cpu"')
    return place


def _recompute_statistics(module: nn.Module) -> None:
    """Make every BatchNorm use the statistics of the rows at hand, and keep none."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.track_running_stats = False
            part.running_mean = part.running_var = part.num_batches_tracked = None


def _tensor(values: Any, name: str, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    tensor = as_tensor(values, name)
    if tensor.ndim < 2 or len(tensor) == 0 or tensor.is_complex():
        raise InputError(name, f"{tensor.dtype} of shape {tuple(tensor.shape)}",
                         "give a real array (n, …) with a row a sample")
    converted = tensor.to(device=device, dtype=dtype)
    require_finite(converted, name, tensor)
    return converted
