"""A graph file: the operations of a network, as JSON that no code has to be run for (proofs/graph.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from certify.format.errors import InputError
from certify.inputs.formats.table import open_archive
from certify.inputs.numbers import exact_float64
from certify.network.graph.graph import ACTIVATIONS, OPERATIONS, GraphNetwork, Node
from certify.network.graph.sequences.table import SEQUENCES
from certify.spec.sources import read_source

FORMAT: Final = "certify-graph/1"
TOP: Final = ("format", "input", "shape", "nodes", "output")
MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "conv2d": ("weight", "bias", "stride", "padding"), "linear": ("weight", "bias"),
    "batch_norm": ("weight", "bias", "mean", "var", "eps"), "avg_pool": ("kernel", "stride", "padding"),
    "max_pool": ("kernel", "stride", "padding"), "add": (), "flatten": (), "subsample": ("stride",),
    "pad_channels": ("before", "after"), **{name: () for name in ACTIVATIONS},
    **{word: operation.members for word, operation in SEQUENCES.items()},
}
"""Members of a node beside `name`, `op` and `inputs`, by operation; all are needed."""
OPTIONAL: Final[dict[str, tuple[str, ...]]] = {
    "conv2d": ("bias",), "linear": ("bias",), "batch_norm": ("weight", "bias"),
    **{word: operation.optional for word, operation in SEQUENCES.items()}}
"""Members that may be null."""
IGNORED: Final = "num_batches_tracked"
"""Last part of the name of a tensor that no operation reads: BatchNorm's counter."""
MOST: Final = 1 << 20
"""Largest size, stride or padding."""


def read_graph(path: Path, model: Path) -> GraphNetwork:
    """Read a graph and the tensors it names.

    Args:
        path: the graph file.
        model: the model file; every tensor of it is used by one node, but for BatchNorm's counters.

    Raises:
        InputError: a file is damaged, a member is unknown, missing or of another kind, or they do not fit together.
    """
    source = read_source(path, "graph")
    asked = f"graph file {path}"
    archive = open_archive(read_source(model, "model"), "model")
    nodes, shape, output, entry = parse_graph(source.content, asked)
    used = {name for node in nodes for name in node.tensors.values()}
    for name in archive.names:
        if name not in used and name.rpartition(".")[2] != IGNORED:
            raise InputError(f"model file {model}", f"no node of {path.name} uses its tensor '{name}'",
                             "give the file and the graph of one network")
    missing = sorted(used - set(archive.names))
    if missing:
        raise InputError(asked, f"it names '{missing[0]}', which {model.name} does not hold",
                         "give the file that belongs to it")
    tensors = {name: exact_float64(archive.read(name), f"'{name}' in model file {model}") for name in sorted(used)}
    return GraphNetwork(nodes, tensors, shape, output, entry)


def parse_graph(content: bytes, asked: str) -> tuple[tuple[Node, ...], tuple[int, ...], str, str]:
    """Nodes, shape of the input, name of the output, name of the input; strict.

    Args:
        content: the bytes of the file.
        asked: how to name it in messages.
    """
    try:
        top = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(asked, f"not JSON ({error})", "write it again, e.g. with certify graph") from None
    if not isinstance(top, dict) or top.get("format") != FORMAT:
        raise InputError(asked, f"no member format = \"{FORMAT}\"", "write it again, e.g. with certify graph")
    _require(top, TOP, asked)
    shape = top["shape"]
    if not isinstance(shape, list) or not 1 <= len(shape) <= 3 or not all(_count(s, 1) for s in shape):
        raise InputError(f"{asked}: shape", f"{shape!r}"[:60],
                         "give [features], [tokens, channels] or [channels, height, width]")
    if not isinstance(top["nodes"], list) or not top["nodes"]:
        raise InputError(f"{asked}: nodes", "no list of nodes", "give at least one")
    nodes = tuple(_node(entry, f"{asked}: node {number}") for number, entry in enumerate(top["nodes"], 1))
    return nodes, tuple(shape), _name(top["output"], f"{asked}: output"), _name(top["input"], f"{asked}: input")


def _node(entry: Any, where: str) -> Node:
    if not isinstance(entry, dict) or not isinstance(entry.get("op"), str) or entry["op"] not in OPERATIONS:
        found = entry.get("op") if isinstance(entry, dict) else entry
        raise InputError(where, f"operation {found!r}"[:60], f"use {', '.join(OPERATIONS)}")
    op = entry["op"]
    _require(entry, ("name", "op", "inputs", *MEMBERS[op]), where)
    inputs = entry["inputs"]
    if not isinstance(inputs, list) or not inputs:
        raise InputError(f"{where}: inputs", f"{inputs!r}"[:60], "give a list of names")
    values = {member: None if entry[member] is None and member in OPTIONAL.get(op, ())
              else _READ[member](entry[member], f"{where}: {member}") for member in MEMBERS[op]}
    names = tuple(_name(name, f"{where}: inputs") for name in inputs)
    return Node(_name(entry["name"], f"{where}: name"), op, names, **values)


def _require(members: dict[str, Any], wanted: tuple[str, ...], where: str) -> None:
    for name in (*members, *wanted):
        if name not in wanted or name not in members:
            found = "unknown" if name not in wanted else "missing"
            raise InputError(where, f"member '{name}'"[:60] + f" is {found}", f"its members are {', '.join(wanted)}")


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= 2.0**53:
        raise InputError(where, f"{value!r}"[:60], "give a finite number from 0 on")
    return float(value)


def _factor(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > 2.0**53:
        raise InputError(where, f"{value!r}"[:60], "give a number up to 2^53 in size")
    return float(value)


def _whole(value: Any, where: str, least: int = 0) -> int:
    if not _count(value, least):
        raise InputError(where, f"{value!r}"[:60], f"give a whole number from {least} on")
    return int(value)


def _two(value: Any, where: str, least: int = 1) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != 2 or not all(_count(v, least) for v in value):
        raise InputError(where, f"{value!r}"[:60], f"give two whole numbers from {least} on")
    return tuple(value)


def _size(value: Any, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 3 or not all(_count(v, 1) for v in value):
        raise InputError(where, f"{value!r}"[:60], "give one to three whole numbers from 1 on")
    return tuple(value)


def _either(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(where, f"{value!r}"[:60], "give true or false")
    return value


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(where, f"{value!r}"[:60], "give a name")
    return value


_READ: Final[dict[str, Callable[[Any, str], Any]]] = {
    **dict.fromkeys(("weight", "bias", "mean", "var"), _name), **dict.fromkeys(("eps", "scale"), _number),
    **dict.fromkeys(("before", "after", "axis", "start"), _whole),
    **dict.fromkeys(("heads", "stop"), partial(_whole, least=1)), "kernel": _two, "stride": _two,
    "padding": partial(_two, least=0), "size": _size, "causal": _either, "factor": _factor}
"""How each member is read."""


def _count(value: Any, least: int) -> bool:
    return type(value) is int and least <= value <= MOST


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def graph_bytes(nodes: tuple[Node, ...], shape: tuple[int, ...], output: str, entry: str = "input") -> bytes:
    """A graph file: one node a line.

    >>> lines = graph_bytes((Node("a", "flatten", ("input",)),), (1, 2, 2), "a").decode().splitlines()
    >>> lines[3]
    '  {"name": "a", "op": "flatten", "inputs": ["input"]}'
    """
    lines = []
    for node in nodes:
        members = {"name": node.name, "op": node.op, "inputs": list(node.inputs)}
        for name in MEMBERS[node.op]:
            value = getattr(node, name)
            members[name] = list(value) if isinstance(value, tuple) else value
        lines.append("  " + json.dumps(members, ensure_ascii=False))
    head = f'{{"format": {json.dumps(FORMAT)}, "input": {json.dumps(entry)}, "shape": {json.dumps(list(shape))},\n'
    text = f'{head} "output": {json.dumps(output)},\n "nodes": [\n' + ",\n".join(lines) + "\n ]}\n"
    return text.encode("utf-8")
