"""What is tried on a module before anything is estimated: whether its outputs are a function with these derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import jvp, vjp
from torch.nn.modules import module as torch_module

from certify.estimation.model.chunks import is_memory
from certify.estimation.model.functional import Functional
from certify.format.errors import InputError

WIDE = 20_000_000
"""Parameters up to which derivatives are tried in float64, whatever the module's own type: one copy of them."""

FAILURES = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError)
"""What somebody else's forward may raise. No `except Exception`: that would catch faults of ours too."""


def require_module(module: nn.Module) -> None:
    """Refuse what can be seen before a row is passed through: train mode, gradient hooks, parameters of no use.

    Raises:
        InputError: names the part or the parameter.
    """
    if not isinstance(module, nn.Module):
        raise InputError("module", f"a {type(module).__name__}", "give a torch.nn.Module")
    parts = list(module.named_modules())
    training = next((name for name, part in parts if part.training), None)
    if training is not None:
        raise InputError("module", f"'{training or 'the module'}' is in train mode",
                         "call module.eval(): in train mode dropout is random and BatchNorm mixes rows")
    for name, part in parts:
        if part._backward_hooks or part._backward_pre_hooks:
            raise InputError("module", f"'{name or type(part).__name__}' has a hook on its gradients",
                             "remove it: an estimate needs the derivatives as they are")
    if torch_module._global_backward_hooks or torch_module._global_backward_pre_hooks:
        raise InputError("module", "torch has a global hook on gradients", "remove it")
    parameters = dict(module.named_parameters())
    if not parameters:
        raise InputError("module", "it has no parameters", "give a trained network")
    kinds = {(p.dtype, p.device) for p in parameters.values()}
    if len(kinds) > 1 or next(iter(kinds))[0] not in (torch.float32, torch.float64):
        raise InputError("module", f"parameters of {sorted(str(k[0]) + ' on ' + str(k[1]) for k in kinds)}",
                         "use float32 or float64 throughout, on one device: module.double()")
    if isinstance(module, torch.jit.ScriptModule) or next(iter(kinds))[1].type not in ("cpu", "cuda"):
        kind = "a scripted module" if isinstance(module, torch.jit.ScriptModule) else f"on {next(iter(kinds))[1]}"
        raise InputError("module", kind, "give the torch.nn.Module it was made from, its weights on CPU or CUDA")
    for name, p in parameters.items():
        if isinstance(p, nn.parameter.UninitializedParameter):
            raise InputError("module", f"'{name}' is not initialised", "pass one batch through the module first")
        if not math.isfinite(p.detach().sum().item()) and not torch.isfinite(p).all():  # a sum may overflow
            raise InputError("module", f"'{name}' holds NaN or infinity", "give a trained network")


def probe(function: Functional, rows: torch.Tensor) -> torch.Tensor:
    """Pass rows through, two or all that make the statistics, and refuse what would make an estimate meaningless.

    Returns:
        Their outputs.

    Raises:
        InputError: the forward fails, is random, keeps state, or gives what is not finite or not differentiable.
    """
    before = {name: value.clone() for name, value in function.module.named_buffers()}
    w = function.weights().requires_grad_(True)
    try:
        out = function.outputs(w, rows)
    except InputError:  # which is a ValueError, and already in words
        raise
    except FAILURES as error:
        if is_memory(error):
            raise
        raise InputError("module", f"its forward fails for rows of shape {tuple(rows.shape[1:])}: "
                         f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
                         "give rows as the module takes them, a batch first") from error
    if not out.is_floating_point() or len(out) != len(rows):
        raise InputError("module", f"outputs of {out.dtype} and shape {tuple(out.shape)} for {len(rows)} rows",
                         "return floating point numbers, (rows, outputs)")
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


def require_rows_apart(function: Functional, X: torch.Tensor, outputs: torch.Tensor) -> None:
    """Refuse a module that mixes rows: passed alone, the first rows must give what they gave together.

    Raises:
        InputError: they do not.
    """
    w = function.weights()
    alone = torch.cat([function.outputs(w, X[i : i + 1]) for i in range(min(2, len(outputs)))])
    if bool(((alone - outputs[: len(alone)]).abs() > 1e-3 * (1 + outputs.abs().max())).any()):
        raise InputError("module", "the outputs of a row depend on the rows beside it",
                         'let every row be computed alone; for batch statistics give batch_statistics = "recomputed"')


@dataclass(frozen=True, eq=False)
class Tried:
    """A derivative that was tried on a module, for what has to agree with it.

    Attributes:
        rows: the rows that were passed through together.
        direction: r, a direction of the weights, (p,).
        along: `J_i r` for each of them, (rows, k).
    """

    rows: torch.Tensor
    direction: torch.Tensor
    along: torch.Tensor


def require_derivatives(function: Functional, rows: torch.Tensor) -> Tried:
    r"""Refuse a module whose derivatives, forward or backward, are not those of its outputs.

    Along one random direction r of the weights `Jr` is held against differences of the outputs, and `⟨c, Jr⟩` against
    `⟨Jᵀc, r⟩`. A change of `.data`, a `.detach()`, rounding with a gradient of its own or a hook on a gradient show in
    one of them. Differences are not believed where those ahead and behind do not agree with each other: at a kink.

    Args:
        function: the module.
        rows: some rows, passed through together.

    Returns:
        What was tried.

    Raises:
        InputError: there is no such derivative, or it is wrong.
    """
    function, w, rows = _widened(function, rows)
    generator = torch.Generator().manual_seed(0)
    r = torch.cat([_direction(part, generator, w) for part in w.split(function.sizes)])
    f, along = _checked(lambda a: function.outputs(a, rows), w, r)
    c = torch.randn(f.shape, generator=generator, dtype=torch.float64).to(f)
    unit = torch.finfo(w.dtype).eps
    for pulled in _pulled(function, rows, w, c):
        apart = abs(float((pulled * r).sum()) - float((c * along).sum()))
        if not apart <= unit**0.5 * float(c.norm() * along.norm()) + 100 * unit * float(pulled.norm() * r.norm()):
            raise InputError("module", "its gradients are not the derivative of its outputs: something changes them on "
                             "the way back", "remove hooks on gradients (register_hook) and backwards of your own")
    return Tried(rows, r, along)


def require_input_derivative(function: Functional, rows: torch.Tensor) -> None:
    """Refuse a module whose outputs do not follow its rows as the derivative in them says; as above, forwards alone.

    Raises:
        InputError: there is no such derivative, or it is wrong.
    """
    function, w, rows = _widened(function, rows)
    r = _direction(rows, torch.Generator().manual_seed(0), rows)
    _checked(lambda x: function.outputs(w, x), rows, r)


def _widened(function: Functional, rows: torch.Tensor) -> tuple[Functional, torch.Tensor, torch.Tensor]:
    """Function, weights and rows in float64 where the module works in it: differences of float32 have three digits."""
    w = function.weights()
    if rows.dtype == torch.float64 or w.numel() > WIDE:
        return function, w, rows
    wide = function.widened()
    try:
        out = wide.outputs(w.double(), rows.double())
    except FAILURES:  # types of its own inside
        return function, w, rows
    return (wide, w.double(), rows.double()) if out.dtype == torch.float64 else (function, w, rows)


def _direction(part: torch.Tensor, generator: torch.Generator, whole: torch.Tensor) -> torch.Tensor:
    """Random numbers as large as those of `part`; where it is 0, as those of the whole."""
    size = float(part.square().mean()) if part.numel() else 0.0
    size = size or float(whole.square().mean()) or 1.0
    return math.sqrt(size) * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part)


def _checked(
    outputs: Callable[[torch.Tensor], torch.Tensor], at: torch.Tensor, r: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and their derivative along r, after it was held against differences."""
    try:
        f, along = (part.detach() for part in jvp(outputs, (at,), (r,)))
    except (NotImplementedError, *FAILURES) as error:
        if is_memory(error):
            raise
        raise InputError("module", f"torch has no forward derivative of it: {str(error).partition(chr(10))[0][:120]}",
                         "remove weight_norm (torch.nn.utils.remove_weight_norm), checkpointing, scripting, or what "
                         "works in place on the input") from error
    unit = torch.finfo(at.dtype).eps
    h = unit ** (1 / 3)
    with torch.no_grad():
        ahead, behind = ((outputs(at + t * r) - f) / t for t in (h, -h))
    noise = 10 * unit / h * float(f.norm())
    wrong, rough = float(((ahead + behind) / 2 - along).norm()), float((ahead - behind).norm())
    size = max(float(along.norm()), float((ahead + behind).norm()) / 2)
    if wrong > 10 * unit**0.25 * size + noise and wrong > 2 * rough:
        raise InputError("module", f"its outputs do not change as torch's derivative says: by {wrong / size:.0%} "
                         "differently in one direction", "remove changes of .data, .detach() or torch.no_grad(), "
                         "rounding and derivatives of your own from its forward")
    return f, along


def _pulled(
    function: Functional, rows: torch.Tensor, w: torch.Tensor, c: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`Jᵀc` by `torch.func` and from a tape: hooks act on one and not on the other."""
    try:
        one = vjp(lambda a: function.outputs(a, rows), w)[1](c)[0]
        taped = w.clone().requires_grad_(True)
        (two,) = torch.autograd.grad(function.outputs(taped, rows), taped, c)
    except FAILURES as error:
        if is_memory(error):
            raise
        raise InputError("module", f"torch has no gradient of it: {str(error).partition(chr(10))[0][:120]}",
                         "remove hooks on gradients and autograd functions without setup_context") from error
    return one.detach(), two
