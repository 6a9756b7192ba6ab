"""Operations that move entries, of numbers of the file and of nodes alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from certify.inputs.onnx.graph.values import Known, Reader

Array = np.ndarray[Any, Any]


def _reshape(reader: Reader, x: Array) -> list[Array]:
    wanted = reader.integers(1) or []
    if not reader.only(allowzero=None).get("allowzero", 0):
        wanted = [x.shape[at] if length == 0 else length for at, length in enumerate(wanted)]
    return [x.reshape(wanted)]


def _transpose(reader: Reader, x: Array) -> list[Array]:
    return [x.transpose(reader.only(perm=None).get("perm"))]


def _flatten(reader: Reader, x: Array) -> list[Array]:
    axis = reader.only(axis=None).get("axis", 1)
    return [x.reshape(int(np.prod(x.shape[:axis])), -1)]


def _squeeze(reader: Reader, x: Array) -> list[Array]:
    axes = reader.integers(1, "axes")
    return [x.squeeze(None if axes is None else tuple(axes))]


def _unsqueeze(reader: Reader, x: Array) -> list[Array]:
    return [np.expand_dims(x, tuple(reader.integers(1, "axes") or ()))]


def _gather(reader: Reader, x: Array) -> list[Array]:
    places = reader.input(1)
    if not isinstance(places, Known):
        reader.refuse("entries at places that depend on the row")
    return [x.take(places.array, axis=reader.only(axis=None).get("axis", 0))]


def _slice(reader: Reader, x: Array) -> list[Array]:
    starts, stops = (reader.integers(at, option) for at, option in ((1, "starts"), (2, "ends")))
    if starts is None or stops is None:
        reader.refuse("a slice without ends")
    axes = reader.integers(3, "axes") or list(range(len(starts)))
    parts = [slice(None)] * x.ndim
    for axis, start, stop, step in zip(axes, starts, stops, reader.integers(4) or [1] * len(axes), strict=True):
        if step < 1:
            reader.refuse("a slice backwards")
        parts[axis] = slice(start, stop, step)
    return [x[tuple(parts)]]


def _split(reader: Reader, x: Array) -> list[Array]:
    options = reader.only(axis=None, num_outputs=None, split=None)
    axis, count = options.get("axis", 0), len(reader.step.outputs)
    sizes = reader.integers(1, "split")
    if sizes is None:
        each = -(-x.shape[axis] // count)
        sizes = [each] * (count - 1) + [x.shape[axis] - each * (count - 1)]
    if len(sizes) != count or sum(sizes) != x.shape[axis]:
        reader.refuse(f"parts of lengths {sizes}")
    return np.split(x, np.cumsum(sizes)[:-1], axis=axis)


MOVES: Final[dict[str, Callable[[Reader, Array], list[Array]]]] = {
    "Reshape": _reshape, "Transpose": _transpose, "Flatten": _flatten, "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Gather": _gather, "Slice": _slice, "Split": _split, "Identity": lambda reader, x: [x]}
"""What each makes of its first input: an array of numbers, or of numbers of entries."""
