"""Steps of a trace that move entries: followed with the numbers of the entries."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any, Final

from certify.inputs.graphs import moved as graphs
from certify.inputs.graphs.moved import Moved
from certify.inputs.torch.tracing.recorder import Recorder

METHODS: Final = frozenset({"view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute",
                            "swapaxes", "chunk", "split", "unbind", "select", "narrow", "contiguous", "movedim"})
"""Methods of tensors, and functions of torch of these names, that move entries or drop some."""


def move(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> bool:
    """Follow a step that moves entries; whether it is one."""
    import torch

    x = args[0]
    known = recorder.moved.get(x)
    if isinstance(known, tuple):
        if n.target is not operator.getitem:
            return False
        part = known[args[1]]
        if part is None:
            recorder.refuse(n, "the weights of an attention")
        return _settled(recorder, n, part)
    step = _step(n)
    if step is None:
        return False
    source = known or graphs.standing(recorder.names[x], recorder.shape(x)[1:], recorder.rows)
    found = step(torch.from_numpy(source.index), *args[1:], **options)
    if isinstance(found, torch.Tensor):
        return _settled(recorder, n, source.by(found.numpy(), n.name))
    recorder.moved[n] = tuple(source.by(part.numpy(), n.name) for part in found)
    return True


def _step(n: Any) -> Any:
    """What a step does to any tensor, if it moves entries."""
    import torch
    from torch import nn

    if n.op == "call_method" and n.target in METHODS:
        return lambda index, *args, **options: getattr(index, str(n.target))(*args, **options)
    if n.op == "call_function" and (n.target is operator.getitem or any(
            n.target is getattr(torch, name, None) for name in METHODS)):
        return n.target
    if n.op == "call_module":
        part = n.graph.owning_module.get_submodule(n.target)
        return part if type(part) in (nn.Flatten, nn.Unflatten) else None
    return None


def _settled(recorder: Recorder, n: Any, moved: Moved) -> bool:
    """Name the step where it is a node as it stands."""
    if moved.whole(recorder.rows):
        recorder.names[n] = moved.source
    else:
        recorder.moved[n] = moved
    return True


def written(recorder: Recorder, n: Any, x: Any) -> None:
    """Make a moved step a node.

    Args:
        recorder: gets the nodes.
        n: the step that asks, for messages.
        x: the moved step.
    """
    if x in recorder.names:
        return
    moved = recorder.moved.get(x)
    if moved is None:
        recorder.refuse(n, "an operation on something else than the network's values")
    if isinstance(moved, tuple):
        recorder.refuse(n, "several values where one is taken")
    recorder.names[x] = graphs.written(moved, recorder.rows, x.name, recorder.write, partial(recorder.refuse, x))


def heads_of(recorder: Recorder, n: Any, x: Any) -> tuple[str, int]:
    """The node whose channels are the heads that a step holds, and how many there are."""
    moved = recorder.moved.get(x)
    if moved is None or isinstance(moved, tuple):
        written(recorder, n, x)
        return recorder.names[x], 1
    return graphs.heads_of(moved, recorder.rows, x.name, recorder.write, partial(recorder.refuse, n))


def as_heads(recorder: Recorder, n: Any, name: str, heads: int, tokens: int, channels: int) -> None:
    """Say that a step holds the heads of a node's value `(tokens, channels)`."""
    recorder.moved[n] = graphs.heads_standing(name, tokens, channels, heads, recorder.rows)
