"""The messages of an ONNX file: operations, attributes, tensors; nothing is interpreted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import key_of
from certify.inputs.onnx.external import Beside
from certify.inputs.onnx.protobuf import Value, fields, float32, varints

_TYPES: Final = {
    1: "<f4", 2: "|u1", 3: "|i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8",
    16: "<u2",
}
_BFLOAT16: Final = 16


@dataclass
class Node:
    """One operation as the file has it; `rule` is what an exporter notes of how it was made."""

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    kind: str = ""
    domain: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    rule: str = ""


def tensor_of(name: str, message: bytes, beside: Beside, asked: str, scalars: bool = False) -> np.ndarray[Any, Any]:
    """A stored tensor.

    Args:
        name: of the tensor, for messages.
        message: its bytes.
        beside: the files beside the model.
        asked: how to name the model in messages.
        scalars: whether it may have no axes, or an axis of no length.

    Raises:
        InputError: it is stored in a way that is not read.
        ValueError: damaged.
    """
    shape: list[int] = []
    kind, parts = 0, dict[int, list[bytes]]({4: [], 10: []})
    raw, elsewhere, external, numbers = None, False, dict[str, str](), list[int]()
    for number, _, value in fields(message):
        if number == 1:
            shape += varints(value)
        elif number == 2:
            kind = as_whole(value)
        elif number == 7 and scalars:
            numbers += varints(value)
        elif number in parts:
            parts[number].append(as_bytes(value))
        elif number == 9:
            raw = as_bytes(value)
        elif number == 13:
            key, entry = (text_field(as_bytes(value), wanted) for wanted in (1, 2))
            if external.setdefault(key, entry) != entry:
                raise ValueError(f"{key} of the tensor {name} occurs twice")
        elif number == 14:
            elsewhere = as_whole(value) == 1
        elif number in (5, 7, 11):
            raise InputError(asked, f"tensor '{key_of(name)}' is stored in a way that is not read", "export it again")
    if kind not in _TYPES:
        raise InputError(asked, f"tensor '{key_of(name)}' holds numbers of type {kind}",
                         "export float32 or float64")
    dtype = np.dtype(_TYPES[kind])
    if external or elsewhere:
        if not elsewhere or (raw and external) or not shape or min(shape) < 1 or len(shape) > 8:
            raise ValueError(f"tensor {name} of shape {shape} lies in two places, or in none")
        raw = beside.tensor(name, external, dtype.itemsize * product(shape))
    content = raw if raw is not None else b"".join(parts[{1: 4, 11: 10}.get(kind, 4)])
    if raw is None and kind == 7 and numbers:
        content = np.array(numbers, dtype="<i8").tobytes()
    odd = not scalars and (not shape or min(shape) < 1)
    if odd or len(shape) > 8 or len(content) != dtype.itemsize * product(shape):
        raise ValueError(f"tensor {name} of shape {shape} has {len(content)} bytes")
    array = np.frombuffer(content, dtype).reshape(shape)
    return (array.astype("<u4") << 16).view("<f4") if kind == _BFLOAT16 else array


def node_of(message: bytes) -> Node:
    """An operation of the file."""
    node = Node()
    for number, _, value in fields(message):
        if number in (1, 2):
            (node.inputs if number == 1 else node.outputs).append(as_bytes(value).decode("utf-8"))
        elif number == 4:
            node.kind = as_bytes(value).decode("utf-8")
        elif number == 7:
            node.domain = as_bytes(value).decode("utf-8")
        elif number == 5:
            name, given = _attribute(as_bytes(value))
            if name in node.options:
                raise ValueError(f"the attribute {name} occurs twice")
            node.options[name] = given
        elif number == 9 and text_field(as_bytes(value), 1) == "pkg.onnxscript.rewriter.rule_name":
            node.rule = text_field(as_bytes(value), 2)
    return node


def _attribute(message: bytes) -> tuple[str, object]:
    """Name and value of an attribute: number, text, tensor or integers; else its type's number in words."""
    found: dict[int, Value] = {number: value for number, _, value in fields(message)}
    name, kind = as_bytes(found[1]).decode("utf-8"), as_whole(found.get(20, 0))
    if kind == 1:
        return name, float32(found.get(2, bytes(4)))
    if kind == 2:
        return name, next(varints(found.get(3, 0)))
    if kind == 3:
        return name, as_bytes(found.get(4, b"")).decode("utf-8")
    if kind == 4:
        return name, as_bytes(found[5])
    if kind == 7:
        return name, [v for number, _, value in fields(message) if number == 8 for v in varints(value)]
    return name, f"a value of type {kind}"


def opset_of(content: bytes) -> int:
    """Version of the operations of ONNX's own domain; the largest number where none is given."""
    versions = [dict((number, value) for number, _, value in fields(as_bytes(value)))
                for number, wire, value in fields(content) if (number, wire) == (8, 2)]
    own = (entry for entry in versions if entry.get(1, b"") in (b"", b"ai.onnx"))
    return min((as_whole(entry.get(2, 0)) for entry in own), default=2**62)


def axes_of(message: bytes) -> int | None:
    """Number of axes of a value, None where its type does not say."""
    dims = dims_of(message)
    return None if dims is None else len(dims)


def dims_of(message: bytes) -> list[int | None] | None:
    """Lengths of the axes of a value, None for one of any length; None where its type does not say."""
    for wanted in (2, 1, 2):  # type, tensor_type, shape
        inner = next((as_bytes(value) for number, _, value in fields(message) if number == wanted), None)
        if inner is None:
            return None
        message = inner
    dims = [dict((number, value) for number, _, value in fields(as_bytes(value)))
            for number, _, value in fields(message) if number == 1]
    return [as_whole(entry[1]) if 1 in entry else None for entry in dims]


def text_field(message: bytes, wanted: int) -> str:
    """The first text of that number, an empty one where there is none."""
    return next((as_bytes(value).decode("utf-8") for number, _, value in fields(message) if number == wanted), "")


def as_bytes(value: Value) -> bytes:
    """A field that has to be bytes."""
    if not isinstance(value, bytes):
        raise ValueError("a number where bytes are needed")
    return value


def as_whole(value: Value) -> int:
    """A field that has to be a number."""
    if not isinstance(value, int):
        raise ValueError("bytes where a number is needed")
    return value


def product(shape: list[int]) -> int:
    """How many entries a shape has."""
    result = 1
    for length in shape:
        result *= length
    return result
