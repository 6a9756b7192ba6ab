"""Steps that move entries: followed with the numbers of the entries, and told as few operations as they come to."""

from __future__ import annotations

import operator
from typing import Any, Final

from certify.inputs.torch.tracing.recorder import Moved, Recorder

METHODS: Final = frozenset({"view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute",
                            "swapaxes", "chunk", "split", "unbind", "select", "narrow", "contiguous", "movedim"})
"""Methods of tensors, and functions of torch of these names, that move entries or drop some."""


def move(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> bool:
    """Follow a step that moves entries; whether it is one."""
    import torch

    x = args[0]
    if isinstance(recorder.moved.get(x), tuple):
        if n.target is not operator.getitem:
            return False
        part = recorder.moved[x][args[1]]  # type: ignore[index]
        if part is None:
            recorder.refuse(n, "the weights of an attention")
        return _settled(recorder, n, part)
    step = _step(n)
    if step is None:
        return False
    source = recorder.moved.get(x) or _whole(recorder, x)
    assert isinstance(source, Moved)
    index = step(source.index, *args[1:], **options)
    steps = (*source.steps, n.name)
    if isinstance(index, torch.Tensor):
        return _settled(recorder, n, Moved(source.source, source.shape, index, steps))
    recorder.moved[n] = tuple(Moved(source.source, source.shape, part, steps) for part in index)
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


def _whole(recorder: Recorder, x: Any) -> Moved:
    import torch

    shape = recorder.shape(x)
    return Moved(recorder.names[x], shape[1:], torch.arange(recorder.results[x].numel()).reshape(shape))


def _settled(recorder: Recorder, n: Any, moved: Moved) -> bool:
    """Name the step where it is a node as it stands."""
    import torch

    whole = recorder.rows * _size(moved.shape)
    if tuple(moved.index.shape) == (recorder.rows, *moved.shape) and torch.equal(
            moved.index.reshape(-1), torch.arange(whole)):
        recorder.names[n] = moved.source
    else:
        recorder.moved[n] = moved
    return True


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for s in shape:
        size *= s
    return size


def written(recorder: Recorder, n: Any, x: Any) -> None:
    """Write the operations that make a moved step a node: changes of shape, a swap of two axes, a slice.

    Args:
        recorder: gets the nodes.
        n: the step that asks, for messages.
        x: the moved step.
    """
    import torch

    if x in recorder.names:
        return
    moved = recorder.moved[x]
    if isinstance(moved, tuple):
        recorder.refuse(n, "several values where one is taken")
    size, wanted = _size(moved.shape), tuple(moved.index.shape[1:])
    first = moved.index[0]
    each = torch.arange(recorder.rows).reshape(-1, *([1] * len(wanted))) * size
    if len(moved.index) != recorder.rows or not torch.equal(moved.index, first[None] + each):
        recorder.refuse(x, "entries of several rows of the data")
    if not 1 <= len(wanted) <= 3:
        recorder.refuse(x, f"a value of shape {wanted}")
    flat = first.reshape(-1)
    name, shape = _sliced(recorder, x, moved, flat)
    if name is None:
        name, shape = _swapped(recorder, x, moved, flat)
    if name is None:
        recorder.refuse(x, f"entries in an order that no slice, swap of axes or change of shape gives, by "
                        f"{', '.join(moved.steps)},")
    if shape != wanted:
        name = recorder.write(f"{x.name}_shape", "reshape", (name,), size=wanted)
    recorder.names[x] = name


def _sliced(recorder: Recorder, x: Any, moved: Moved, flat: Any) -> tuple[str | None, tuple[int, ...]]:
    """The node as it is, or a slice of one axis."""
    import torch

    places = torch.arange(_size(moved.shape)).reshape(moved.shape)
    if torch.equal(flat, places.reshape(-1)):
        return moved.source, moved.shape
    for axis, length in enumerate(moved.shape):
        others = _size(moved.shape) // length
        if len(flat) % others or not 0 < len(flat) // others < length:
            continue
        stride = _size(moved.shape[axis + 1 :])
        start = int(flat[0]) // stride % length
        part = places.narrow(axis, start, min(len(flat) // others, length - start))
        if torch.equal(flat, part.reshape(-1)):
            stop = start + part.shape[axis]
            name = recorder.write(f"{x.name}_part", "slice", (moved.source,), axis=axis, start=start, stop=stop)
            return name, tuple(part.shape)
    return None, ()


def _swapped(recorder: Recorder, x: Any, moved: Moved, flat: Any) -> tuple[str | None, tuple[int, ...]]:
    """A matrix of some shape, its rows as columns."""
    import torch

    size = _size(moved.shape)
    if len(flat) != size:
        return None, ()
    for rows in range(2, size):
        if size % rows == 0 and torch.equal(flat, torch.arange(size).reshape(rows, -1).T.reshape(-1)):
            name = moved.source
            if moved.shape != (rows, size // rows):
                name = recorder.write(f"{x.name}_rows", "reshape", (name,), size=(rows, size // rows))
            return recorder.write(f"{x.name}_swap", "transpose", (name,)), (size // rows, rows)
    return None, ()


def heads_of(recorder: Recorder, n: Any, x: Any) -> tuple[str, int]:
    """The node whose channels, in equal parts, are the heads that a step `(rows, heads, tokens, channels)` holds.

    A value `(rows, tokens, channels)` is one head.
    """
    import torch

    moved = recorder.moved.get(x)
    if moved is None or isinstance(moved, tuple) or moved.index.ndim == 3:
        written(recorder, n, x)
        return recorder.names[x], 1
    index = moved.index
    if index.ndim != 4 or len(moved.shape) != 2 or len(index) != recorder.rows:
        recorder.refuse(n, f"attention over values of shape {tuple(index.shape)}")
    _, heads, tokens, each = index.shape
    t, width = moved.shape
    start = int(index[0, 0, 0, 0]) % width
    axes = [torch.arange(m).reshape(-1, *([1] * after)) * step for m, after, step in (
        (recorder.rows, 3, t * width), (heads, 2, each), (tokens, 1, width), (each, 0, 1))]
    if tokens != t or start + heads * each > width or not torch.equal(index, sum(axes) + start):
        recorder.refuse(n, "attention over heads that are no equal parts of the channels")
    if heads * each == width:
        return moved.source, heads
    return recorder.write(f"{x.name}_part", "slice", (moved.source,), axis=1, start=start,
                          stop=start + heads * each), heads


def as_heads(recorder: Recorder, n: Any, name: str, heads: int, tokens: int, channels: int) -> None:
    """Say that a step holds the heads of a node's value `(tokens, channels)`."""
    import torch

    index = torch.arange(recorder.rows * tokens * channels).reshape(recorder.rows, tokens, heads, -1)
    recorder.moved[n] = Moved(name, (tokens, channels), index.transpose(1, 2))
