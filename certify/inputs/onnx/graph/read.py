"""Follow an ONNX file from its input to its output, and write what it does as a graph and its tensors."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import key_of
from certify.inputs.graphs.moved import Moved
from certify.inputs.onnx import parsing
from certify.inputs.onnx.graph.constants import FOLDED
from certify.inputs.onnx.graph.moves import MOVES
from certify.inputs.onnx.graph.operations import OPERATIONS, embedding
from certify.inputs.onnx.graph.values import REMEDY, Known, Reader, Value
from certify.inputs.onnx.protobuf import fields
from certify.network.graph.graph import GraphNetwork

ROWS = (2, 3, 1, 7, 16)
"""Rows that pass through a file that takes any number of them; the graph has to be the same."""

FUNCTIONS = 25
"""The field of a model that holds functions of its own."""
OLDEST = 7
"""Before this version sums and products had an axis to broadcast along, and Dropout was on."""


def read_graph(content: bytes, asked: str, folder: Path | None = None) -> tuple[GraphNetwork, bool]:
    """The graph of an ONNX file, and whether its exporter folded a BatchNorm into a layer, as far as names tell.

    Args:
        content: the bytes of the file.
        asked: how to name the file in messages.
        folder: where it lies; tensors in other files are read from there alone. None: from nowhere.

    Raises:
        InputError: not an ONNX model, damaged, or something that no operation of a graph is (names it).
    """
    try:
        return _network(content, asked, folder)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, LookupError, AttributeError, OverflowError, struct.error) as error:
        reason = key_of(" ".join(str(error).split())) or type(error).__name__
        raise InputError(asked, f"not an .onnx file that can be followed ({reason})", "export it again") from None


def fixed_rows(content: bytes) -> int:
    """The one number of rows that a file takes; 0 where it takes any.

    Args:
        content: of a file that was read.
    """
    graph = next(parsing.as_bytes(value) for number, wire, value in fields(content) if (number, wire) == (7, 2))
    parts = [(number, parsing.as_bytes(value)) for number, _, value in fields(graph) if number in (5, 11)]
    stored = {parsing.text_field(message, 8) for number, message in parts if number == 5}
    entry = next(message for number, message in parts if number == 11 and parsing.text_field(message, 1) not in stored)
    return (parsing.dims_of(entry) or (0,))[0] or 0


def _network(content: bytes, asked: str, folder: Path | None) -> tuple[GraphNetwork, bool]:
    graphs = [parsing.as_bytes(value) for number, wire, value in fields(content) if (number, wire) == (7, 2)]
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs")
    parts: dict[int, list[bytes]] = {number: [] for number in (1, 5, 11, 12, 15)}
    for number, _, value in fields(graphs[0]):
        if number in parts:
            parts[number].append(parsing.as_bytes(value))
    stored = {parsing.text_field(message, 8): message for message in parts[5]}
    inputs = [message for message in parts[11] if parsing.text_field(message, 1) not in stored]
    outputs = [parsing.text_field(message, 1) for message in parts[12]]
    if len(stored) < len(parts[5]):
        raise ValueError("a tensor occurs twice")
    if len(inputs) != 1 or len(outputs) != 1 or parts[15]:
        raise InputError(asked, f"a graph of {len(inputs)} inputs, {len(outputs)} outputs and {len(parts[15])} sparse "
                         "tensors", "give a file of one input and one output")
    shape = parsing.dims_of(inputs[0])
    if shape is None or len(shape) < 2 or None in shape[1:]:
        raise InputError(asked, "its input has no fixed shape",
                         "export with an example row, free in its first axis only")
    own = [parsing.as_bytes(value) for number, _, value in fields(content) if number == FUNCTIONS]
    if any(parsing.text_field(message, 10) in ("", "ai.onnx") for message in own):
        raise InputError(asked, "a function in the place of an operation of ONNX", "export it without own functions")
    if parsing.opset_of(content) < OLDEST:
        raise InputError(asked, f"operations of opset {parsing.opset_of(content)}, some of which meant something else",
                         f"export with opset {OLDEST} or later")
    row = tuple(int(s or 0) for s in shape[1:])
    if shape[0]:
        return _followed(Reader(asked, folder, shape[0], row, parsing.opset_of(content)), parts, stored)
    few, *others = (_followed(Reader(asked, folder, rows, row, parsing.opset_of(content)), parts, stored)
                    for rows in ROWS)
    for more, _ in others:
        if few[0].nodes != more.nodes or any((few[0].tensors[name] != array).any()
                                             for name, array in more.tensors.items()):
            raise InputError(asked, "its numbers depend on how many rows pass through at once", REMEDY)
    return few


def _followed(reader: Reader, parts: dict[int, list[bytes]], stored: dict[str, bytes]) -> tuple[GraphNetwork, bool]:
    inputs = [parsing.text_field(message, 1) for message in parts[11]]
    output = parsing.text_field(parts[12][0], 1)
    for name, message in stored.items():
        reader.values[name] = Known(parsing.tensor_of(name, message, reader.beside, reader.asked, scalars=True), name)
    reader.values[next(name for name in inputs if name not in stored)] = reader.standing("input")
    steps = [parsing.node_of(message) for message in parts[1]]
    reader.uses.update([name for step in steps for name in step.inputs] + [output])
    for step in steps:
        reader.folded = reader.folded or "BatchNorm" in step.rule
        _follow(reader, step)
    return _finished(reader, output), reader.folded


def _follow(reader: Reader, step: parsing.Node) -> None:
    """Find out what an operation makes."""
    reader.step = step
    if step.domain not in ("", "ai.onnx"):
        reader.refuse(f"an operation of the domain '{key_of(step.domain)}'")
    made = _made(reader)
    if len(made) < len([name for name in step.outputs if name]):
        reader.refuse(f"{len(step.outputs)} outputs")
    for name, value in zip(step.outputs, made, strict=False):
        if name in reader.values:
            reader.refuse(f"an output '{key_of(name)}' that is there already")
        reader.values[name] = value


def _made(reader: Reader) -> list[Value]:
    step = reader.step
    if step.kind == "Constant":
        content = step.options.get("value")
        if not isinstance(content, bytes):
            reader.refuse("a constant of another kind")
        return [Known(parsing.tensor_of(step.outputs[0], content, reader.beside, reader.asked, scalars=True),
                      step.outputs[0])]
    inputs = [reader.input(at) for at in range(len(step.inputs))]
    first = inputs[0] if inputs else None
    if step.kind == "Shape" and isinstance(first, Known | Moved):
        lengths = (first.array if isinstance(first, Known) else first.index).shape
        between = reader.only(start=None, end=None)
        return [Known(np.array(lengths[between.get("start", 0) : between.get("end")], dtype=np.int64))]
    if step.kind == "Dropout" and first is not None and "training_mode" not in step.options and len(inputs) < 3:
        return [first]
    numbers = [value.array for value in inputs if isinstance(value, Known)]
    if step.kind in FOLDED and numbers and len(numbers) == len(inputs):
        kept = first.name if step.kind == "Identity" and isinstance(first, Known) else ""
        return [Known(np.asarray(FOLDED[step.kind](reader, *numbers)), kept)]
    if step.kind == "Expand" and isinstance(first, Known):  # of learned tokens: the same for every row
        shape = np.broadcast_shapes(first.array.shape, tuple(reader.integers(1) or ()))
        size = int(np.prod(shape))
        same = size == first.array.size or (
            len(shape) == 3 and shape[0] == reader.rows and size == first.array.size * reader.rows)
        return [Known(np.broadcast_to(first.array, shape), first.name if same else "")]
    if step.kind == "Gather" and isinstance(first, Known) and isinstance(inputs[1], Moved):
        return [embedding(reader)]
    if step.kind in MOVES and isinstance(first, Known):
        whole = np.arange(first.array.size)  # where each entry comes from: none may be read twice
        places = MOVES[step.kind](reader, whole.reshape(first.array.shape))
        return [Known(part, first.name if np.array_equal(np.sort(place, axis=None), whole) else "")
                for part, place in zip(MOVES[step.kind](reader, first.array), places, strict=True)]
    if step.kind in MOVES and isinstance(first, Moved):
        return [first.by(part, step.outputs[0]) for part in MOVES[step.kind](reader, first.index)]
    if step.kind not in OPERATIONS:
        reader.refuse("an operation that no graph has")
    return [OPERATIONS[step.kind](reader)]


def _finished(reader: Reader, output: str) -> GraphNetwork:
    """The nodes that lead to the output, with their tensors."""
    if output not in reader.values:
        raise InputError(reader.asked, f"an output '{key_of(output)}' that nothing makes", REMEDY)
    reader.step = parsing.Node(outputs=[output])
    name = reader.node(reader.values[output])
    wanted = {name}
    for node in reversed(reader.nodes):
        wanted |= set(node.inputs) if node.name in wanted else set()
    nodes = tuple(node for node in reader.nodes if node.name in wanted)
    used = {tensor for node in nodes for tensor in node.tensors.values()}
    return GraphNetwork(nodes, {key: array for key, array in reader.tensors.items() if key in used}, reader.shape, name)
