"""A network given by a graph file: read strictly, its shapes worked out, its tensors bound (V23)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.reading.arrays import Array
from certify.check.reading.data import Vector
from certify.check.reading.graph_sequences import FORMS, Facts, token_linear
from certify.format.canonical import show
from certify.format.refusal import Invalid

FORMAT = "certify-graph/1"
MOST = 2**20
_MEMBERS: dict[str, tuple[str, ...]] = {
    "conv2d": ("weight", "bias", "stride", "padding"), "linear": ("weight", "bias"),
    "batch_norm": ("weight", "bias", "mean", "var", "eps"), "avg_pool": ("kernel", "stride", "padding"),
    "max_pool": ("kernel", "stride", "padding"), "add": (), "flatten": (), "subsample": ("stride",),
    "pad_channels": ("before", "after"), **{name: () for name in ACTIVATIONS},
    **{op: form.members for op, form in FORMS.items()},
}
_MAY_BE_NULL = {("conv2d", "bias"), ("linear", "bias"), ("batch_norm", "weight"), ("batch_norm", "bias"),
                *((op, role) for op, form in FORMS.items() for role in form.null)}
_COUNTER = "num_batches_tracked"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One operation with what it needs; members that its operation does not have are at their defaults.

    Attributes:
        tensors: exact numbers by role: `weight`, `bias`, `mean`, `var`.
        before, shape: shapes of its (first) input and of its value for one row.
        kernel, stride, padding: of windows; `kernel` of a convolution is that of its weight.
        front, back: numbers of zero channels that are added.
        reads: shapes of all its inputs, for one row.
        record: the node as the file has it.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    tensors: dict[str, Vector]
    before: Shape
    shape: Shape
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    eps: float = 0.0
    front: int = 0
    back: int = 0
    reads: tuple[Shape, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sequence(self) -> bool:
        """Whether it is an operation on sequences; `linear` is one after a sequence."""
        return self.op in FORMS or (self.op == "linear" and len(self.before) == 2)

    @property
    def parameters(self) -> int:
        """Number of parameters: weights and biases."""
        return sum(len(self.tensors.get(role, ())) for role in ("weight", "bias"))

    @property
    def kinked(self) -> bool:
        """Whether it has a kink."""
        return self.op == "max_pool" or (self.op in ACTIVATIONS and ACTIVATIONS[self.op].kinked)


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they are computed; `entry` is the name by which they read the row."""

    nodes: tuple[Node, ...]
    entry: str
    output: str
    shape: Shape

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return next(node.shape[0] for node in self.nodes if node.name == self.output)

    @property
    def kinked(self) -> bool:
        """Whether some operation has a kink."""
        return any(node.kinked for node in self.nodes)

    @property
    def operations(self) -> dict[str, int]:
        """How many nodes there are of each operation."""
        return {op: sum(node.op == op for node in self.nodes) for op in {node.op for node in self.nodes}}


def read_graph(data: bytes, arrays: Mapping[str, Array]) -> Graph:
    """Parse the bytes of a graph file and bind the tensors of the model file.

    Raises:
        Invalid: a member, a shape or a tensor is not as the format demands.
    """
    try:
        top = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid("graph file", "the bytes are not JSON", f"one JSON object is needed ({error})") from None
    if not isinstance(top, dict):
        raise Invalid("graph file", "it is no object", "one JSON object is needed")
    _members(top, ("format", "input", "shape", "nodes", "output"), "graph file")
    if top["format"] != FORMAT:
        raise Invalid("graph file, format", f"{show(top['format'])} is stated", f"this checker knows {FORMAT}")
    shape = top["shape"]
    if not isinstance(shape, list) or not 1 <= len(shape) <= 3 or not all(_whole(s, 1) for s in shape):
        raise Invalid("graph file, shape", f"{show(shape)} is stated", "one to three whole numbers are needed")
    entry, output = _text(top["input"], "graph file, input"), _text(top["output"], "graph file, output")
    if not isinstance(top["nodes"], list):
        raise Invalid("graph file, nodes", show(top["nodes"]), "a list is needed")
    shapes: dict[str, Shape] = {entry: tuple(shape)}
    nodes: list[Node] = []
    used: list[str] = []
    for number, record in enumerate(top["nodes"], 1):
        node = _node(record, f"graph file, node {number}", shapes, arrays, used)
        if node.name in shapes:
            raise Invalid(f"graph file, node {number}", f"its name is {show(node.name)}", "that name is taken")
        shapes[node.name] = node.shape
        nodes.append(node)
    graph = Graph(tuple(nodes), entry, output, tuple(shape))
    _whole_graph(graph, shapes, arrays, used)
    return graph


def _whole_graph(graph: Graph, shapes: dict[str, Shape], arrays: Mapping[str, Array], used: list[str]) -> None:
    """The output is a vector of a node, everything leads to it, and every tensor is used once."""
    if graph.output not in shapes or graph.output == graph.entry or len(shapes[graph.output]) != 1:
        raise Invalid("graph file, output", f"{show(graph.output)} is named", "a node with a vector is needed")
    needed = {graph.output}
    for node in reversed(graph.nodes):
        if node.name not in needed:
            raise Invalid("graph file", f"node {show(node.name)} is there", "the output does not depend on it")
        needed |= set(node.inputs)
    if graph.entry not in needed:
        raise Invalid("graph file", "no node reads the input", "the output must depend on it")
    if len(set(used)) != len(used):
        raise Invalid("graph file", "a tensor is named twice", "every node has tensors of its own")
    for node in graph.nodes:
        if node.op == "embedding" and node.inputs != (graph.entry,):
            raise Invalid(f"graph file, node {show(node.name)}", f"it reads {show(node.inputs[0])}",
                          "an embedding reads the row itself")
    for name in arrays:
        if name not in used and name.rpartition(".")[2] != _COUNTER:
            raise Invalid("model file", f"it holds {show(name)}", "no node of the graph uses it")


def _node(
    record: object, where: str, shapes: dict[str, Shape], arrays: Mapping[str, Array], used: list[str]
) -> Node:
    if not isinstance(record, dict) or not isinstance(record.get("op"), str) or record["op"] not in _MEMBERS:
        raise Invalid(where, show(record), f"an operation among {', '.join(_MEMBERS)} is needed")
    op = record["op"]
    _members(record, ("name", "op", "inputs", *_MEMBERS[op]), where)
    inputs = record["inputs"]
    wanted = FORMS[op].inputs if op in FORMS else 2 if op == "add" else 1
    if not isinstance(inputs, list) or len(inputs) != wanted:
        raise Invalid(f"{where}, inputs", show(inputs), f"{wanted} of them are needed")
    for name in inputs:
        if not isinstance(name, str) or name not in shapes:
            raise Invalid(f"{where}, inputs", show(name), "the input or an earlier node is needed")
    tensors: dict[str, Array] = {}
    for role in ("weight", "bias", "mean", "var"):
        name = record.get(role)
        if role not in record or (name is None and (op, role) in _MAY_BE_NULL):
            continue
        if not isinstance(name, str) or name not in arrays:
            raise Invalid(f"{where}, {role}", f"{show(name)} is named", "the model file holds no such tensor")
        used.append(name)
        tensors[role] = arrays[name]
    before = shapes[inputs[0]]
    if op == "add" and shapes[inputs[1]] != before:
        raise Invalid(where, f"it adds shapes {before} and {shapes[inputs[1]]}", "equal shapes are needed")
    if len(before) != 3 and op in ("conv2d", "batch_norm", "avg_pool", "max_pool", "subsample", "pad_channels"):
        raise Invalid(where, f"its input has shape {before}", "channels, height and width are needed")
    stride, padding = _pair(record, "stride", where, 1), _pair(record, "padding", where, 0)
    kernel = _pair(record, "kernel", where, 1)
    if op == "conv2d":
        W = tensors["weight"].shape
        if len(W) != 4 or W[1] != before[0] or min(W) < 1:
            raise Invalid(where, f"its weight has shape {W}", f"(out, {before[0]}, height, width) is needed")
        kernel = (W[2], W[3])
    eps = record.get("eps", 0.0)
    if type(eps) not in (int, float) or not 0 <= eps <= 2**53:
        raise Invalid(f"{where}, eps", show(eps), "a number from 0 on is needed")
    front, back = record.get("before", 0), record.get("after", 0)
    if not _whole(front, 0) or not _whole(back, 0):
        raise Invalid(where, f"before and after are {show([front, back])}", "whole numbers from 0 on are needed")
    reads = tuple(shapes[name] for name in inputs)
    shape = (_sequence(op, Facts(record, reads, tensors, where)) if op in FORMS or (op == "linear" and len(before) == 2)
             else _shape(op, before, tensors, (kernel, stride, padding), front + back, where))
    node = Node(_text(record["name"], f"{where}, name"), op, tuple(inputs), {r: a.values for r, a in tensors.items()},
                before, shape, kernel, stride, padding, float(eps), front, back, reads, record)
    if node.sequence:
        return node
    for role, array in tensors.items():
        if (role != "weight" or op == "batch_norm") and array.shape != (shape[0],):
            raise Invalid(where, f"its {role} has shape {array.shape}", f"{(shape[0],)} is needed")
    if op == "batch_norm" and any(v < 0 or (v == 0 and node.eps == 0) for v in node.tensors["var"]):
        raise Invalid(where, "a variance plus eps is not positive", "it must be positive")
    return node


def _sequence(op: str, facts: Facts) -> Shape:
    """Shape of the value of an operation on sequences."""
    return FORMS[op].shape(facts) if op in FORMS else token_linear(facts)


def _shape(
    op: str, before: Shape, tensors: Mapping[str, Array], windows: tuple[tuple[int, int], ...], more: int, where: str
) -> Shape:
    """Shape of the value of a node."""
    kernel, stride, padding = windows
    if op == "flatten":
        return (math.prod(before),)
    if op == "linear":
        W = tensors["weight"].shape
        if len(before) != 1 or len(W) != 2 or W[1] != before[0] or W[0] < 1:
            raise Invalid(where, f"its weight has shape {W}", f"(out, inputs) for an input of shape {before} is needed")
        return (W[0],)
    if op == "pad_channels":
        return (before[0] + more, *before[1:])
    if op == "subsample":
        return (before[0], *((s - 1) // t + 1 for s, t in zip(before[1:], stride, strict=True)))
    if op not in ("conv2d", "avg_pool", "max_pool"):
        return before
    if op != "conv2d" and any(2 * p > k for k, p in zip(kernel, padding, strict=True)):
        raise Invalid(where, f"its padding is {padding}", "at most half a window is needed")
    room = [s + 2 * p - k for s, k, p in zip(before[1:], kernel, padding, strict=True)]
    if min(room) < 0:
        raise Invalid(where, f"its windows are {kernel}", f"no window fits into {before[1:]}")
    channels = tensors["weight"].shape[0] if op == "conv2d" else before[0]
    return (channels, *(r // t + 1 for r, t in zip(room, stride, strict=True)))


def _pair(record: Mapping[str, Any], name: str, where: str, least: int) -> tuple[int, int]:
    if name not in record:
        return (least, least)
    value = record[name]
    if not isinstance(value, list) or len(value) != 2 or not all(_whole(v, least) for v in value):
        raise Invalid(f"{where}, {name}", show(value), f"two whole numbers from {least} on are needed")
    return (value[0], value[1])


def _members(record: Mapping[str, Any], wanted: tuple[str, ...], where: str) -> None:
    if set(record) != set(wanted):
        raise Invalid(where, f"its members are {show(sorted(record))}", f"{show(sorted(wanted))} are needed")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid(where, show(value), "a name is needed")
    return value


def _whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= MOST


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a member is there twice")
    return record


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
