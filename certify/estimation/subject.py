"""Any torch module with its training data, loss and solution map: the subject of an estimate."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.func import jvp

from certify.errors import InputError
from certify.estimation.chunks import Chunks, is_memory
from certify.estimation.functional import Functional, as_tensor
from certify.estimation.layered import Layered, copied, layered
from certify.estimation.losses import Loss, loss_named

CHUNK = 50
"""Rows at once: on a CPU larger ones are no faster."""


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
        plain: its layers, if it is a plain fully connected network on the CPU.
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
    plain: Layered | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.X)

    @cached_property
    def k(self) -> int:
        """Number of outputs."""
        if self.plain is not None:
            return self.plain.outputs
        return int(self.function.outputs(self.function.weights(), self.X[:1]).shape[1])

    @cached_property
    def w(self) -> torch.Tensor:
        """The given parameters, (p,)."""
        return self.function.weights()

    @property
    def p(self) -> int:
        """Number of parameters."""
        return int(self.w.numel())


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
    _check_module(module)
    for name, value, words in (("map", map, ("interpolation", "critical")), ("base", base, ("given", "nearby")),
                               ("batch_statistics", batch_statistics, ("frozen", "recomputed"))):
        if value not in words:
            raise InputError(name, f"'{value}'", f"use one of {', '.join(words)}")
    if chunk is not None and (not isinstance(chunk, int) or chunk < 1):
        raise InputError("chunk", f"{chunk!r}", "give a whole number of rows from 1 on, or none")
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise InputError("weight_decay", f"{weight_decay}", "give a finite number from 0 on")
    place = _device(module, device)
    plain = layered(module) if place.type == "cpu" else None
    if plain is None or next(module.parameters()).device != place:
        own, plain = copy.deepcopy(module).to(place), None
    else:
        own, plain = copied(module, plain)
    for p in own.parameters():
        p.requires_grad_(False)
    if batch_statistics == "recomputed":
        _recompute_statistics(own)
    dtype = next(own.parameters()).dtype
    inputs = _tensor(X, "X", dtype, place)
    size = len(inputs) if batch_statistics == "recomputed" else chunk or CHUNK
    function = Functional.of(own, Chunks(size, tell or (lambda words: None)))
    if plain is not None and not _passes(own, plain, inputs):
        plain = None
    whole = batch_statistics == "recomputed"
    outputs = _probe(function, inputs if whole else inputs[:2]) if plain is None else inputs.new_empty(0, plain.outputs)
    if plain is None and batch_statistics == "frozen":
        _check_rows_apart(function, inputs, outputs)
        _check_forward_derivative(function, inputs[:1])
    kind = loss_named(loss)
    targets = kind.targets(y, len(inputs), outputs.shape[1], dtype, place)
    return ModuleProblem(own, inputs, targets, kind, float(weight_decay), map, base, batch_statistics, function, plain)


def _check_module(module: nn.Module) -> None:
    if not isinstance(module, nn.Module):
        raise InputError("module", f"a {type(module).__name__}", "give a torch.nn.Module")
    training = next((name for name, part in module.named_modules() if part.training), None)
    if training is not None:
        raise InputError("module", f"'{training or 'the module'}' is in train mode",
                         "call module.eval(): in train mode dropout is random and BatchNorm mixes rows")
    parameters = dict(module.named_parameters())
    if not parameters:
        raise InputError("module", "it has no parameters", "give a trained network")
    kinds = {(p.dtype, p.device) for p in parameters.values()}
    if len(kinds) > 1 or next(iter(kinds))[0] not in (torch.float32, torch.float64):
        raise InputError("module", f"parameters of {sorted(str(k[0]) + ' on ' + str(k[1]) for k in kinds)}",
                         "use float32 or float64 throughout, on one device: module.double()")
    for name, p in parameters.items():
        if isinstance(p, nn.parameter.UninitializedParameter):
            raise InputError("module", f"'{name}' is not initialised", "pass one batch through the module first")
        if not math.isfinite(p.detach().sum().item()) and not torch.isfinite(p).all():  # a sum may overflow
            raise InputError("module", f"'{name}' holds NaN or infinity", "give a trained network")


def _device(module: nn.Module, device: str | None) -> torch.device:
    if device is None:
        return next(module.parameters()).device
    try:
        place = torch.device(device)
    except RuntimeError:  # torch's word for a name it does not know
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
    tensor = as_tensor(values)
    if tensor.ndim < 2 or len(tensor) == 0 or tensor.is_complex():
        raise InputError(name, f"{tensor.dtype} of shape {tuple(tensor.shape)}",
                         "give a real array (n, …) with a row a sample")
    tensor = tensor.to(device=device, dtype=dtype)
    if not torch.isfinite(tensor).all():
        raise InputError(name, "NaN or infinity", "give finite numbers only")
    return tensor


def _check_rows_apart(function: Functional, X: torch.Tensor, outputs: torch.Tensor) -> None:
    """Refuse a module that mixes rows: passed alone, the first rows must give what they gave together."""
    w = function.weights()
    alone = torch.cat([function.outputs(w, X[i : i + 1]) for i in range(min(2, len(outputs)))])
    if bool(((alone - outputs[: len(alone)]).abs() > 1e-3 * (1 + outputs.abs().max())).any()):
        raise InputError("module", "the outputs of a row depend on the rows beside it",
                         'let every row be computed alone; for batch statistics give batch_statistics = "recomputed"')


def _check_forward_derivative(function: Functional, row: torch.Tensor) -> None:
    """Refuse what torch cannot differentiate forwards: every product with a Jacobian needs it."""
    w = function.weights()
    try:
        jvp(lambda a: function.outputs(a, row), (w,), (torch.ones_like(w),))
    except (NotImplementedError, RuntimeError) as error:
        if is_memory(error):
            raise
        raise InputError("module", f"torch has no forward derivative of it: {str(error).partition(chr(10))[0][:120]}",
                         "remove weight_norm (torch.nn.utils.remove_weight_norm), checkpointing, scripting, or what "
                         "works in place on the input") from error


def _passes(module: nn.Module, plain: Layered, X: torch.Tensor) -> bool:
    """Whether rows pass through known layers, which need no other probe: else the probes say what is wrong."""
    if not plain.takes(tuple(X.shape[1:])):
        return False
    with torch.no_grad():
        return bool(torch.isfinite(module(X[:2])).all())


def _probe(function: Functional, rows: torch.Tensor) -> torch.Tensor:
    """Pass rows through, two or all that make the statistics, and refuse what would make an estimate meaningless."""
    before = {name: value.clone() for name, value in function.module.named_buffers()}
    w = function.weights().requires_grad_(True)
    try:
        out = function.outputs(w, rows)
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError) as error:
        if is_memory(error):
            raise
        raise InputError("module", f"its forward fails for rows of shape {tuple(rows.shape[1:])}: "
                         f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
                         "give rows as the module takes them, a batch first") from error
    if not isinstance(out, torch.Tensor) or not out.is_floating_point() or len(out) != len(rows):
        raise InputError("module", f"outputs of type {type(out).__name__}", "return one tensor (rows, outputs)")
    if not torch.isfinite(out).all():
        raise InputError("module", "its outputs are not finite", "check the inputs' scale and the parameters")
    if not out.requires_grad:
        raise InputError("module", "its outputs are not differentiable in its parameters",
                         "remove .detach(), rounding or torch.no_grad() from its forward")
    if not torch.equal(function.outputs(w, rows), out):
        raise InputError("module", "the same row gave two different outputs", "remove what is random from forward")
    for name, value in function.module.named_buffers():
        if not torch.equal(value, before[name]):
            raise InputError("module", f"the forward pass changes its buffer '{name}'", "keep no state in eval mode")
    return out.detach()
