"""The last linear layer of any module, verified to be what makes its outputs, and the frozen part before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.torch.copies import CHUNK, one_tensor, passed, takes_integers
from certify.inputs.torch.frozen import TAILS, FrozenPart, agree
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from torch import nn

ALONE: Final = 2.0**-30
"""Share of the largest feature by which a row alone may differ from itself among others: another order of sums."""


def frozen_head(module: nn.Module, rows: Array, columns: tuple[str, ...] | None = None
                ) -> tuple[Array, Array | None, FrozenPart, Array]:
    """Weight and bias of the last linear layer, the frozen part, and the features of the rows.

    Verified at all rows: the outputs are those of that layer on these features, up to rounding or a softmax. Verified
    at some: a row has the same features alone and among others, and twice; the layer's parameters do not enter them.

    Args:
        module: a copy in float64 and eval mode (:func:`certify.inputs.torch.copies.float64_copy`).
        rows: `(n, …)`, float64 or, for embeddings, int64.
        columns: their names, where they are those of a table.

    Raises:
        InputError: what stands in the way.
    """
    rows = rows if takes_integers(module, rows) else rows.astype(np.float64)
    some = rows[:CHUNK]
    place, tail = _last(module, some)
    part = FrozenPart(module, place, tuple(rows.shape[1:]), rows.dtype.kind == "i", tail, columns)
    _require_own(module, part)
    features = part(rows)
    _require_apart(part, rows, features)
    _require_frozen(part, some, features[:CHUNK])
    bias = part.last.bias
    return part.last.weight.numpy().copy(), None if bias is None else bias.numpy().copy(), part, features


def _last(module: nn.Module, rows: Array) -> tuple[str, str]:
    """Name of the linear layer whose outputs are the module's, and what comes after it."""
    from torch import nn

    calls: list[tuple[str, Any, Array, Array]] = []
    seen: list[tuple[str, Any]] = []

    def keeper(name: str) -> Any:
        def keep(part: Any, inputs: tuple[Any, ...], out: Any) -> None:
            seen.append((name, part))
            if type(part) is nn.Linear and inputs and inputs[0].numel() == len(rows) * part.in_features:
                calls.append((name, part, *(x.detach().double().numpy().reshape(len(rows), -1).copy()
                                            for x in (inputs[0], out))))
        return keep

    own = [(name, part) for name, part in module.named_modules() if _parametrised(part) or (
        list(part.parameters(recurse=False)) and not list(part.children()))]
    hooks = [part.register_forward_hook(keeper(name)) for name, part in own]
    try:
        outputs = one_tensor(passed(module, rows), len(rows))
    finally:
        for hook in hooks:
            hook.remove()
    for name, part, features, _ in reversed(calls):
        for tail in TAILS:
            if agree(part, features, outputs, tail):
                return name, tail
    if not seen:
        raise InputError("module", "it has no nn.Linear", "give a module that ends in nn.Linear")
    name, last = seen[-1]
    place = f" '{name}'" if name else ""
    if _parametrised(last):
        raise InputError("module", f"its last layer{place} has parametrised weights, as LoRA and weight norm make them",
                         "merge them first (torch.nn.utils.parametrize.remove_parametrizations)")
    if type(last) is not nn.Linear:
        raise InputError("module", f"its last layer with parameters is {type(last).__name__}{place}, and no nn.Linear",
                         "give a module that ends in nn.Linear")
    if not any(one[0] == name for one in calls):
        raise InputError("module", f"its last linear layer{place} is used at several places of each row",
                         "give a module that pools a sequence or image before its last layer")
    raise InputError("module", f"its output is not that of its last linear layer{place}, nor a softmax or sigmoid of "
                     "it", "give the module up to that layer, without what follows it")


def _parametrised(part: Any) -> bool:
    from torch.nn.utils import parametrize

    return bool(parametrize.is_parametrized(part))


def _require_own(module: nn.Module, part: FrozenPart) -> None:
    """Refuse a last layer whose parameters another layer has too."""
    mine = {id(tensor): f"{part.place}.{name}" for name, tensor in part.last.named_parameters()}
    for name, other in module.named_modules(remove_duplicate=False):
        for last, tensor in other._parameters.items():
            if tensor is not None and id(tensor) in mine and name != part.place:
                raise InputError("module", f"its last layer's '{mine[id(tensor)]}' is '{name}.{last}' too, so that the "
                                 "features move with it", "give the last layer a weight of its own")


def _require_apart(part: FrozenPart, rows: Array, features: Array) -> None:
    """Refuse features of a row that depend on other rows, or on chance."""
    size = ALONE * float(np.abs(features).max(initial=0.0))
    again = part.once(rows[:CHUNK])[0]
    if (again != features[:CHUNK]).any() and not np.abs(again - features[:CHUNK]).max() <= size:
        raise InputError("module", "its features differ from one pass to the next",
                         "give a module without chance in eval mode (F.dropout takes training=self.training)")
    for i in dict.fromkeys((0, len(rows) // 2, len(rows) - 1)):
        alone = part.once(rows[i : i + 1])[0][0]
        if not np.abs(alone - features[i]).max() <= size:
            raise InputError("module", f"row {i} has other features alone than among others, as statistics of the "
                             "batch make them", "give a module whose outputs of a row depend on that row alone "
                             "(BatchNorm with running statistics)")


def _require_frozen(part: FrozenPart, rows: Array, features: Array) -> None:
    """Refuse features into which the parameters of the last layer enter."""
    import copy

    other = FrozenPart(copy.deepcopy(part.module), part.place, part.shape, part.integers, part.tail)
    for tensor in other.last.parameters():
        tensor.mul_(-0.5).add_(1.0)
    if (other.once(rows)[0] != features).any():
        raise InputError("module", f"the parameters of its last layer '{part.place}' are used before it too",
                         "give the last layer parameters of its own")
