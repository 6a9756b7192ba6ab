"""Operations on numbers of the file alone, done in the precision of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from certify.inputs.onnx.graph.values import Reader

Array = np.ndarray[Any, Any]
_KINDS: Final = {1: np.float32, 6: np.int32, 7: np.int64, 11: np.float64}


def _cast(reader: Reader, x: Array) -> Array:
    kind = _KINDS.get(reader.step.options.get("to", 0))
    if kind is None:
        reader.refuse("numbers of another type")
    return x.astype(kind)


FOLDED: Final[dict[str, Callable[..., Array]]] = {
    "Add": lambda reader, a, b: a + b, "Sub": lambda reader, a, b: a - b, "Mul": lambda reader, a, b: a * b,
    "Div": lambda reader, a, b: a // b if a.dtype.kind == "i" else a / b, "Sqrt": lambda reader, a: np.sqrt(a),
    "Concat": lambda reader, *parts: np.concatenate(parts, axis=reader.step.options["axis"]), "Cast": _cast,
    "Identity": lambda reader, a: a, "Mod": lambda reader, a, b: np.mod(a, b),
}
"""What each operation makes of numbers, beside those that move entries."""
