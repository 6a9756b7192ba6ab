"""What a value of an ONNX file is while the file is followed: numbers, entries of a node, or a part of an attention."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from certify.format.errors import InputError
from certify.inputs.chain import key_of
from certify.inputs.graphs.attention import Scores, Times
from certify.inputs.graphs.moved import Moved, standing, written
from certify.inputs.onnx import parsing
from certify.inputs.onnx.external import Beside
from certify.network.graph.graph import GraphNetwork, Node
from certify.network.graph.windows import Shape

REMEDY = "use operations of a graph (proofs/graph.md), or trace the module (certify graph module:callable)"

_FOLDED = re.compile(r"onnx::(Conv|Gemm)_[0-9]+|.*weight_bias")
"""Names that exporters of torch give to what they compute from a layer and a BatchNorm."""


@dataclass(frozen=True, eq=False)
class Known:
    """Numbers of the file, or what its operations make of such; `name` is that of a stored tensor, else empty."""

    array: np.ndarray[Any, Any]
    name: str = ""


@dataclass(frozen=True, eq=False)
class Erf:
    """On the way to gelu: `erf(x/√2)`; `one`: plus 1; `by`: times x; `factor`: times that."""

    x: Moved
    one: bool = False
    by: bool = False
    factor: Fraction = Fraction(1)


Value = Known | Moved | Times | Scores | Erf


class _Unfinished(GraphNetwork):
    """A graph of which only shapes are asked."""

    def __post_init__(self) -> None:
        """Nothing is looked at."""


@dataclass(eq=False)
class Reader:
    """A graph under construction.

    Attributes:
        asked: how to name the file in messages.
        folder: where the file lies.
        rows: how many rows pass through.
        shape: shape of one row.
        version: of the operations.
        nodes, tensors: of the graph.
        shapes: of the values of nodes, for one row.
        values: by their names in the file.
        step: the operation that is looked at.
        taken: stored tensors that a node has, each with its name in the model file.
        uses: how often each value is read; the output once more.
        folded: whether the exporter folded a BatchNorm, as far as its names and notes tell.
    """

    asked: str
    folder: Path | None
    rows: int
    shape: Shape
    version: int
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    step: parsing.Node = field(default_factory=parsing.Node)
    taken: dict[str, str] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    folded: bool = False

    def __post_init__(self) -> None:
        self.shapes["input"] = self.shape
        self.beside = Beside(self.folder, self.asked)

    def refuse(self, found: str, remedy: str = REMEDY) -> NoReturn:
        """Name the operation and what was found there."""
        outputs = key_of(", ".join(self.step.outputs))
        made = f" (operation {key_of(self.step.kind)}, {outputs})" if self.step.kind else ""
        raise InputError(self.asked, f"{found}{made}", remedy)

    def write(self, name: str, op: str, inputs: tuple[str, ...], **members: Any) -> str:
        """Add a node; its name."""
        name = name if name not in self.shapes else f"{name}_{len(self.nodes)}"
        node = Node(name, op, inputs, **members)
        unfinished = _Unfinished((node,), self.tensors, self.shape, name)
        self.shapes[name] = unfinished._shape(node, [self.shapes[x] for x in inputs])
        self.nodes.append(node)
        return name

    def parameter(self, known: Value | None, role: str, array: Any = None, constant: bool = False) -> str | None:
        """Keep a tensor of the step under construction; its name in the model file.

        Args:
            known: the stored tensor, or None.
            role: of the tensor in the node.
            array: its numbers, where they are not those stored.
            constant: whether it is no parameter, so that other nodes may have the same.
        """
        if known is None:
            return None
        if not isinstance(known, Known) or not (known.name or constant):
            self.refuse(f"a {role} that is no stored tensor", "export it with its parameters as they are")
        self.folded = self.folded or _FOLDED.fullmatch(known.name) is not None
        name = known.name if known.name and array is None and not constant else f"{self.step.outputs[0]}.{role}"
        if known.name and not constant:
            if known.name in self.taken:
                self.refuse(f"the tensor '{key_of(known.name)}' in two places: two layers share it, or hold equal "
                            "parameters that the exporter merged", "give every layer parameters of its own")
            self.taken[known.name] = name
        self.tensors[name] = np.array(known.array if array is None else array, dtype=np.float64)
        if not self.tensors[name].size or not np.isfinite(self.tensors[name]).all():
            self.refuse(f"a {role} that is empty, or not finite")
        return name

    def node(self, value: Value) -> str:
        """The node that a value is; operations that move entries are written."""
        if not isinstance(value, Moved):
            self.refuse("a value of another kind than this operation takes")
        return written(value, self.rows, self.step.outputs[0], self.write, self.refuse)

    def standing(self, name: str) -> Moved:
        """A node as it stands."""
        return standing(name, self.shapes[name], self.rows)

    def input(self, at: int) -> Value | None:
        """An input of the step; None where it is left out."""
        names = self.step.inputs
        if at >= len(names) or not names[at]:
            return None
        if names[at] not in self.values:
            self.refuse(f"it reads '{key_of(names[at])}', which nothing makes")
        return self.values[names[at]]

    def settled(self, value: Value | None) -> Value | None:
        """A value times a number as a node; others as they are."""
        if not isinstance(value, Times):
            return value
        inner = written(value.moved, self.rows, self.step.outputs[0], self.write, self.refuse)
        return self.standing(self.write(f"{self.step.outputs[0]}_times", "times", (inner,), factor=float(value.factor)))

    def moved(self, at: int) -> Moved:
        """An input that has to be entries of a node."""
        value = self.settled(self.input(at))
        if not isinstance(value, Moved):
            self.refuse("an operation on something else than the network's values")
        return value

    def integers(self, at: int, option: str = "") -> list[int] | None:
        """Whole numbers from an input, or in old forms from an option; None where there are none."""
        value = self.input(at)
        if value is None:
            given = self.step.options.get(option)
            return None if given is None else [int(v) for v in given]
        if not isinstance(value, Known):
            self.refuse("whole numbers that depend on the row")
        return [int(v) for v in value.array.reshape(-1)]

    def only(self, **allowed: Any) -> Mapping[str, Any]:
        """The options of the step; each that is not None here has to be that, or one of those in a tuple."""
        for option, given in self.step.options.items():
            if option not in allowed:
                self.refuse(f"an option {key_of(option)} = {key_of(str(given))}")
            wanted = allowed[option]
            if wanted is not None and given not in (wanted if isinstance(wanted, tuple) else (wanted,)):
                self.refuse(f"{key_of(option)} = {key_of(str(given))}")
        return self.step.options
