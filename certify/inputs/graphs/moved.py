"""Entries of a node's value in another order or shape, told as few operations of a graph as they come to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

Write = Callable[..., str]
"""Adds a node: name, operation, inputs, members; its name."""
Refuse = Callable[[str], NoReturn]
"""Says what was found where something else is needed."""


@dataclass(frozen=True, eq=False)
class Moved:
    """Entries of one node's value in another shape or order.

    Attributes:
        source: name of the node.
        shape: shape of its value for one row.
        index: integers in the shape of the moved value; entry e of row r is `r·size + e`, size the product of shape.
        steps: names of the steps that moved them.
    """

    source: str
    shape: tuple[int, ...]
    index: NDArray[np.int64]
    steps: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of entries of the node's value for one row."""
        return math.prod(self.shape)

    def whole(self, rows: int) -> bool:
        """Whether it is the node as it stands."""
        return self.index.shape == (rows, *self.shape) and bool(
            (self.index.reshape(-1) == np.arange(rows * self.size)).all())

    def by(self, index: NDArray[Any], step: str) -> Moved:
        """The same moved once more."""
        return Moved(self.source, self.shape, np.asarray(index, dtype=np.int64), (*self.steps, step))


def standing(source: str, shape: tuple[int, ...], rows: int) -> Moved:
    """A node as it stands."""
    return Moved(source, shape, np.arange(rows * math.prod(shape)).reshape(rows, *shape))


def heads_standing(source: str, tokens: int, channels: int, heads: int, rows: int) -> Moved:
    """The channels of a node `(tokens, channels)` in equal parts: `(rows, heads, tokens, each)`."""
    whole = standing(source, (tokens, channels), rows)
    return Moved(source, whole.shape, whole.index.reshape(rows, tokens, heads, -1).swapaxes(1, 2))


def written(moved: Moved, rows: int, name: str, write: Write, refuse: Refuse) -> str:
    """Write the operations that make it a node: changes of shape, a swap of two axes, a slice; the node's name.

    Args:
        moved: the entries.
        rows: how many rows pass through.
        name: what names of new nodes begin with.
        write: adds a node.
        refuse: told where no such operations do.
    """
    wanted, first = moved.index.shape[1:], moved.index[0]
    each = np.arange(rows).reshape(-1, *([1] * len(wanted))) * moved.size
    if len(moved.index) != rows or (moved.index != first[None] + each).any():
        refuse(f"entries of several rows of the data, by {', '.join(moved.steps)}")
    if not 1 <= len(wanted) <= 3:
        refuse(f"a value of shape {wanted}")
    flat = first.reshape(-1)
    found = _sliced(moved, flat, name, write) or _swapped(moved, flat, name, write)
    if found is None:
        refuse("entries in an order that no slice, swap of axes or change of shape gives, by "
               f"{', '.join(moved.steps)},")
    at, shape = found
    if shape == wanted:
        return at
    if len(wanted) == 1:
        return write(f"{name}_flat", "flatten", (at,))
    return write(f"{name}_shape", "reshape", (at,), size=wanted)


def _sliced(moved: Moved, flat: NDArray[np.int64], name: str, write: Write) -> tuple[str, tuple[int, ...]] | None:
    """The node as it is, or a slice of one axis."""
    places = np.arange(moved.size).reshape(moved.shape)
    if np.array_equal(flat, places.reshape(-1)):
        return moved.source, moved.shape
    for axis, length in enumerate(moved.shape):
        others = moved.size // length
        if len(flat) % others or not 0 < len(flat) // others < length:
            continue
        start = int(flat[0]) // math.prod(moved.shape[axis + 1 :]) % length
        part = places.take(np.arange(start, min(start + len(flat) // others, length)), axis=axis)
        if np.array_equal(flat, part.reshape(-1)):
            stop = start + part.shape[axis]
            return write(f"{name}_part", "slice", (moved.source,), axis=axis, start=start, stop=stop), part.shape
    return None


def _swapped(moved: Moved, flat: NDArray[np.int64], name: str, write: Write) -> tuple[str, tuple[int, ...]] | None:
    """A matrix of some shape, its rows as columns."""
    if len(flat) != moved.size:
        return None
    for rows in range(2, moved.size):
        if moved.size % rows == 0 and np.array_equal(flat, np.arange(moved.size).reshape(rows, -1).T.reshape(-1)):
            at, columns = moved.source, moved.size // rows
            if moved.shape != (rows, columns):
                at = write(f"{name}_rows", "reshape", (at,), size=(rows, columns))
            return write(f"{name}_swap", "transpose", (at,)), (columns, rows)
    return None


def heads_of(moved: Moved, rows: int, name: str, write: Write, refuse: Refuse) -> tuple[str, int]:
    """The node whose channels, in equal parts, are the heads of `(rows, heads, tokens, each)`, and their number.

    A value `(rows·heads, tokens, each)` is taken for that; `(rows, tokens, channels)` is one head.
    """
    index = moved.index
    if index.ndim == 3 and len(index) == rows:
        return written(moved, rows, name, write, refuse), 1
    if index.ndim == 3 and len(index) % rows == 0:
        index = index.reshape(rows, -1, *index.shape[1:])
    if index.ndim != 4 or len(moved.shape) != 2 or len(index) != rows:
        refuse(f"attention over values of shape {index.shape}")
    _, heads, tokens, each = index.shape
    t, width = moved.shape
    start = int(index[0, 0, 0, 0]) % width
    stop = start + heads * each
    if tokens != t or stop > width or not np.array_equal(index, heads_standing(
            moved.source, t, width, 1, rows).index[:, 0, :, start:stop].reshape(rows, t, heads, each).swapaxes(1, 2)):
        refuse("attention over heads that are no equal parts of the channels")
    if heads * each == width:
        return moved.source, heads
    return write(f"{name}_part", "slice", (moved.source,), axis=1, start=start, stop=stop), heads
