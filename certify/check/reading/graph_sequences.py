"""Operations of a graph on sequences `(tokens, channels)`: their members, and the shapes they take and give (V23)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certify.check.reading.arrays import Array
from certify.format.canonical import show
from certify.format.refusal import Invalid

Shape = tuple[int, ...]
MOST = 2**20


@dataclass(frozen=True)
class Facts:
    """What is known of a node when its shape is asked for.

    Attributes:
        record: the node as the file has it.
        inputs: shapes of what it reads.
        tensors: by role.
        where: how to call it in messages.
    """

    record: Mapping[str, Any]
    inputs: Sequence[Shape]
    tensors: Mapping[str, Array]
    where: str

    @property
    def first(self) -> Shape:
        """Shape of the first input."""
        return self.inputs[0]

    def refuse(self, found: object, needed: str) -> Invalid:
        """The error to raise."""
        return Invalid(self.where, str(found), needed)

    def need(self, right: bool, needed: str) -> None:
        """Refuse the inputs or tensors unless they are right."""
        if not right:
            shapes = {role: array.shape for role, array in self.tensors.items()}
            raise self.refuse(f"its inputs have shapes {list(self.inputs)}, its tensors {shapes}", needed)

    def whole(self, name: str, least: int) -> int:
        """A whole number among its members."""
        value = self.record[name]
        if type(value) is not int or not least <= value <= MOST:
            raise Invalid(f"{self.where}, {name}", show(value), f"a whole number from {least} on is needed")
        return value


def _vectors(of: Facts) -> None:
    of.need(all(array.shape == of.first[-1:] for array in of.tensors.values()), "a number for each channel is needed")


def _layer_norm(of: Facts) -> Shape:
    of.need(len(of.first) <= 2, "(tokens, channels) or a vector is needed")
    _vectors(of)
    return of.first


def _attention(of: Facts) -> Shape:
    heads, scale, causal = of.whole("heads", 1), of.record["scale"], of.record["causal"]
    if scale is not None and (type(scale) not in (int, float) or not 0 <= scale <= 2**53):
        raise Invalid(f"{of.where}, scale", show(scale), "null or a number from 0 on is needed")
    if not isinstance(causal, bool):
        raise Invalid(f"{of.where}, causal", show(causal), "true or false is needed")
    of.need(all(len(shape) == 2 for shape in of.inputs), "three sequences are needed")
    (asking, width), (seen, same), (values, after) = of.inputs
    of.need(width == same and seen == values and width % heads == 0 and after % heads == 0,
            f"equal channels of queries and keys in {heads} heads, and a value for each key are needed")
    of.need(not causal or asking == seen, "as many queries as keys are needed, where they look back alone")
    return (asking, after)


def _mean_tokens(of: Facts) -> Shape:
    of.need(len(of.first) == 2, "(tokens, channels) is needed")
    return (of.first[1],)


def _position(of: Facts) -> Shape:
    shape = next(iter(of.tensors.values())).shape
    extra = len(shape) - len(of.first)
    of.need(extra >= 0 and shape == (1,) * extra + of.first, "a tensor of the shape of the input is needed")
    return of.first


def _prepend(of: Facts) -> Shape:
    shape = of.tensors["weight"].shape
    of.need(len(of.first) == 2 and len(shape) >= 2 and shape == (1,) * (len(shape) - 2) + shape[-2:]
            and shape[-1] == of.first[1] and shape[-2] > 0, "tokens of as many channels before a sequence are needed")
    return (shape[-2] + of.first[0], of.first[1])


def _embedding(of: Facts) -> Shape:
    table = of.tensors["weight"].shape
    of.need(len(of.first) == 1 and len(table) == 2, "a row of tokens and a table of vectors are needed")
    return (of.first[0], table[1])


def _reshape(of: Facts) -> Shape:
    size = of.record["size"]
    if not isinstance(size, list) or not 1 <= len(size) <= 3 or any(
            type(s) is not int or not 1 <= s <= MOST for s in size) or math.prod(size) != math.prod(of.first):
        raise Invalid(f"{of.where}, size", show(size), f"a shape of as many entries as {of.first} is needed")
    return tuple(size)


def _transpose(of: Facts) -> Shape:
    of.need(len(of.first) == 2, "two axes are needed")
    return (of.first[1], of.first[0])


def _slice(of: Facts) -> Shape:
    axis, start, stop = of.whole("axis", 0), of.whole("start", 0), of.whole("stop", 1)
    of.need(axis < len(of.first) and start < stop <= of.first[axis], "entries that are there are needed")
    return tuple(stop - start if at == axis else length for at, length in enumerate(of.first))


def _multiply(of: Facts) -> Shape:
    of.need(of.inputs[0] == of.inputs[1], "two inputs of one shape are needed")
    return of.first


def _times(of: Facts) -> Shape:
    factor = of.record["factor"]
    if type(factor) not in (int, float) or not -(2**53) <= factor <= 2**53:
        raise Invalid(f"{of.where}, factor", show(factor), "a number up to 2^53 in size is needed")
    return of.first


def _same(of: Facts) -> Shape:
    return of.first


def token_linear(of: Facts) -> Shape:
    """`linear` after a sequence."""
    W, b = of.tensors["weight"].shape, of.tensors.get("bias")
    of.need(len(W) == 2 and W[0] > 0 and W[1] == of.first[1] and (b is None or b.shape == W[:1]),
            f"a weight (out, {of.first[1]}) and a bias (out,) are needed")
    return (of.first[0], W[0])


@dataclass(frozen=True)
class Form:
    """Members of a node beside name, op and inputs; those that may be null; number of inputs; the rule of its shape."""

    shape: Callable[[Facts], Shape]
    members: tuple[str, ...] = ()
    null: tuple[str, ...] = ()
    inputs: int = 1


FORMS: dict[str, Form] = {
    "layer_norm": Form(_layer_norm, ("weight", "bias", "eps"), ("weight", "bias")),
    "rms_norm": Form(_layer_norm, ("weight", "eps"), ("weight",)), "multiply": Form(_multiply, inputs=2),
    "times": Form(_times, ("factor",)), "shift": Form(_position, ("mean",)),
    "attention": Form(_attention, ("heads", "scale", "causal"), inputs=3),
    "gelu_tanh": Form(_same), "mean_tokens": Form(_mean_tokens), "position": Form(_position, ("weight",)),
    "prepend": Form(_prepend, ("weight",)), "embedding": Form(_embedding, ("weight",)),
    "reshape": Form(_reshape, ("size",)), "transpose": Form(_transpose),
    "slice": Form(_slice, ("axis", "start", "stop")),
}
"""Every operation on sequences but `linear`."""
