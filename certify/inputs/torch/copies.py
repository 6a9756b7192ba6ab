"""A copy of a user's module that computes in float64 and eval mode, and what it returns for rows."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from torch import nn

CHUNK: Final = 64
"""Rows that pass through at once."""

RAISED: Final = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, NameError, AssertionError,
                 ArithmeticError)
"""What code of users and of torch raises where rows and module do not fit together."""

_WRAPPERS: Final = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def float64_copy(module: Any) -> tuple[nn.Module, tuple[str, ...]]:
    """A copy in memory, in eval mode, whose parameters are the same numbers in float64.

    Args:
        module: any `torch.nn.Module`; it is not changed. What `torch.compile` and DataParallel wrap is taken out.

    Returns:
        The copy, and sentences about what differs from the module as it was given.

    Raises:
        InputError: no module, one that cannot be copied, has hooks, or parameters that are no real numbers.

    >>> from torch import nn
    >>> made, notes = float64_copy(nn.Linear(2, 1).eval())
    >>> made.weight.dtype, made.training, notes
    (torch.float64, False, ())
    """
    import torch
    from torch import nn

    while type(module).__name__ in _WRAPPERS and isinstance(module, nn.Module):
        module = getattr(module, _WRAPPERS[type(module).__name__])
    if not isinstance(module, nn.Module):
        raise InputError("module", f"a {type(module).__name__}",
                         "give a torch.nn.Module; estimators of scikit-learn take certify.from_sklearn")
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise InputError("module", "a TorchScript module, whose parts cannot be looked at",
                         "give the module it was made from")
    for name, part in module.named_modules():
        hooks = (*part._forward_hooks.values(), *part._forward_pre_hooks.values())
        if any(not type(hook).__module__.startswith("torch.nn.utils.") for hook in hooks):
            raise InputError("module", f"{type(part).__name__} '{name}' has hooks, which are code", "remove them")
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_complex() or tensor.is_quantized or tensor.device.type == "meta":
            found = "quantized" if tensor.is_quantized else tensor.dtype if tensor.is_complex() else "without numbers"
            raise InputError("module", f"its tensor '{name}' is {found}", "give a module of real parameters")
    try:
        made = copy.deepcopy(module)
    except (RuntimeError, TypeError, copy.Error) as error:
        raise InputError("module", f"it cannot be copied: {line_of(error)}", "pass rows through it once under "
                         "torch.no_grad(), or make masks and norms of its weights permanent "
                         "(torch.nn.utils.prune.remove, remove_weight_norm)") from error
    trained = any(part.training for part in module.modules())
    made = made.to("cpu").to(torch.float64).eval().requires_grad_(False)
    return made, (("the module was in train mode, and a copy of it in eval mode is used",) if trained else ())


def takes_integers(module: nn.Module, rows: Array) -> bool:
    """Whether rows are numbers of entries of an embedding, which have to stay integers."""
    from torch import nn

    return rows.dtype.kind == "i" and any(isinstance(part, nn.Embedding | nn.EmbeddingBag)
                                          for part in module.modules())


def passed(module: nn.Module, rows: Array) -> Any:
    """What the copy returns for rows, all at once, without gradients; numbers that it makes itself are float64 too.

    Raises:
        InputError: its code raised an error, in one line.
    """
    import torch

    given = torch.from_numpy(np.array(rows))
    try:
        with in_float64():
            return module(given)
    except RAISED as error:
        raise InputError("module", f"its forward raised {type(error).__name__} at rows of shape {rows.shape[1:]} and "
                         f"type {rows.dtype}: {line_of(error)}",
                         "give the rows that it takes, and a module that computes in float64") from error


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Without gradients, and with float64 as torch's default type."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def one_tensor(out: Any, n: int) -> Array:
    """The output of a module as `(n, k)` numbers.

    Raises:
        InputError: no tensor, several numbers at every place of a sequence, or other rows.
    """
    import torch

    if not isinstance(out, torch.Tensor):
        raise InputError("module", f"it returns a {type(out).__name__}",
                         "wrap it in a module that returns the tensor (n, k) of its outputs alone")
    if out.ndim > 2 or out.ndim == 0 or len(out) != n or out.is_complex():
        words = ", outputs at every place of a sequence or image" if out.ndim > 2 and len(out) == n else ""
        raise InputError("module", f"it returns shape {tuple(out.shape)} for {n} rows{words}",
                         "give a module with one row of outputs for each row of inputs")
    return np.ascontiguousarray(out.to(torch.float64).numpy().reshape(n, -1))


def line_of(error: BaseException) -> str:
    """The first line of what an error says.

    >>> line_of(ValueError("one" + chr(10) + "two"))
    'one'
    """
    return str(error).strip().partition("\n")[0].partition(".  ")[0][:160] or type(error).__name__
