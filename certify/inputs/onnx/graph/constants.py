"""Operations on numbers of the file alone, done in the precision of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from certify.inputs.onnx.graph.values import Reader
from certify.inputs.onnx.parsing import tensor_of

Array = np.ndarray[Any, Any]
_KINDS: Final = {1: np.float32, 6: np.int32, 7: np.int64, 11: np.float64}


def _cast(reader: Reader, x: Array) -> Array:
    kind = _KINDS.get(reader.step.options.get("to", 0))
    if kind is None:
        reader.refuse("numbers of another type")
    return x.astype(kind)


def _quotient(reader: Reader, a: Array, b: Array) -> Array:
    """Of whole numbers towards 0."""
    if a.dtype.kind != "i":
        return np.asarray(a / b)
    return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)))


def _remainder(reader: Reader, a: Array, b: Array) -> Array:
    """With the sign of the divisor."""
    reader.only(fmod=0)
    return np.asarray(np.mod(a, b))


def _constant(reader: Reader, shape: Array) -> Array:
    content = reader.step.options.get("value")
    value = np.zeros(1, dtype=np.float32) if content is None else tensor_of(
        reader.step.outputs[0], content, reader.beside, reader.asked, scalars=True)
    return np.full([int(length) for length in shape.reshape(-1)], value.reshape(-1)[0], dtype=value.dtype)


FOLDED: Final[dict[str, Callable[..., Array]]] = {
    "Add": lambda reader, a, b: a + b, "Sub": lambda reader, a, b: a - b, "Mul": lambda reader, a, b: a * b,
    "Div": _quotient, "Sqrt": lambda reader, a: np.sqrt(a),
    "Concat": lambda reader, *parts: np.concatenate(parts, axis=reader.step.options["axis"]), "Cast": _cast,
    "Equal": lambda reader, a, b: a == b, "Where": lambda reader, a, b, c: np.where(a, b, c),
    "ConstantOfShape": _constant, "Identity": lambda reader, a: a, "Mod": _remainder,
}
"""What each operation makes of numbers, beside those that move entries."""
