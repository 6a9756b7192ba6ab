"""What is known of a trace so far: the nodes written, and by which of them, or of their entries, each step is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from certify.format.errors import InputError
from certify.inputs.graphs.attention import Scores, Times
from certify.inputs.graphs.moved import Moved
from certify.network.graph.graph import Node

REMEDY: Final = "use operations of a graph (proofs/graph.md), or write the graph file by hand"


@dataclass(eq=False)
class Recorder:
    """The nodes of a graph under construction.

    Attributes:
        asked: how to name the module in messages.
        traced: the traced module.
        rows: how many rows are passed through.
        stored: names of the tensors that the model file holds.
        nodes: the nodes written.
        names: node of each step that is one.
        results: the value of each step, for zeros.
        moved: steps that are entries of nodes in another order, or several of them.
        parameters: name of each step that is a parameter.
        buffers: name of each step that is a buffer of the module.
        scores: steps of an attention that is written in pieces.
    """

    asked: str
    traced: Any
    rows: int = 2
    stored: frozenset[str] = frozenset()
    nodes: list[Node] = field(default_factory=list)
    names: dict[Any, str] = field(default_factory=dict)
    results: dict[Any, Any] = field(default_factory=dict)
    moved: dict[Any, Moved | tuple[Moved | None, ...]] = field(default_factory=dict)
    parameters: dict[Any, str] = field(default_factory=dict)
    buffers: dict[Any, str] = field(default_factory=dict)
    scores: dict[Any, Times | Scores] = field(default_factory=dict)

    def refuse(self, n: Any, found: str) -> NoReturn:
        """Name the place and what was found there."""
        raise InputError(self.asked, f"{found} ({n.op} '{n.target}', node {n.name})", REMEDY)

    def value(self, arg: Any) -> Any:
        """An argument with the results of the trace in place of its nodes; tensors stay nodes."""
        import torch
        from torch import fx

        if isinstance(arg, fx.Node):
            result = self.results[arg]
            return arg if isinstance(result, torch.Tensor) or arg in self.moved else result
        if isinstance(arg, tuple | list):
            return type(arg)(self.value(a) for a in arg)
        if isinstance(arg, slice):
            return slice(self.value(arg.start), self.value(arg.stop), self.value(arg.step))
        return arg

    def known(self, x: Any) -> bool:
        """Whether a step is a node of the graph."""
        return type(x).__name__ == "Node" and x in self.names

    def shape(self, x: Any) -> tuple[int, ...]:
        """Shape of a step's value, rows first."""
        return tuple(self.results[x].shape)

    def write(self, name: str, op: str, inputs: tuple[str, ...], **members: Any) -> str:
        """Add a node; its name."""
        self.nodes.append(Node(name, op, inputs, **members))
        return name

    def emit(self, n: Any, op: str, *inputs: Any, **members: Any) -> None:
        """Add the node that a step is."""
        self.names[n] = self.write(n.name, op, tuple(self.names[i] for i in inputs), **members)

    def same(self, n: Any, x: Any) -> None:
        """A step that changes nothing."""
        self.names[n] = self.names[x]
