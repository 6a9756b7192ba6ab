"""A network as a graph of named operations: convolutions, frozen BatchNorm, pooling, residual sums, sequences."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Activation, words
from certify.network.graph.node import Node as Node
from certify.network.graph.sequences.base import Operation, Place
from certify.network.graph.sequences.table import SEQUENCES, TOKEN_LINEAR
from certify.network.graph.windows import Shape, output_size
from certify.network.network import owned
from certify.rigor.activation import activation

ACTIVATIONS = words(Activation)
OPERATIONS = ("conv2d", "linear", "batch_norm", "avg_pool", "max_pool", "add", "flatten", "subsample",
              "pad_channels", *SEQUENCES, *ACTIVATIONS)
PARAMETERS = {"conv2d": ("weight", "bias"), "linear": ("weight", "bias"), "batch_norm": ("weight", "bias"),
              **{word: operation.learned for word, operation in SEQUENCES.items()}}
"""Members of an operation that name parameters; BatchNorm's `mean` and `var` name constants."""
PRODUCTS = 20
"""Products within a matrix product of balls in the time that one ball by itself takes, about."""


@dataclass(frozen=True, eq=False)
class GraphNetwork:
    """`f(x)` by the nodes in order; a sample is an image, a sequence or a vector, read row by row.

    An image has shape `(channels, height, width)`, a sequence `(tokens, channels)`.
    ``conv2d``: cross-correlation with zero padding. ``batch_norm``: `γ(x − mean)/√(var + eps) + β` for each channel,
    mean and var constants. ``avg_pool``, ``max_pool``: over windows in each channel (average: over all taps, padding
    counted as 0; maximum: padding left out). ``subsample``: every stride-th row and column from the first.
    ``pad_channels``: channels of zeros before and after. Activations as in :mod:`certify.rigor.activation`, operations
    on sequences as in :mod:`certify.network.graph.sequences`.

    Attributes:
        nodes: the nodes; each reads only earlier ones or the input.
        tensors: float64 arrays by name, in the shapes of the model file.
        shape: shape of one sample.
        input: the name by which nodes read the input.
        output: name of the node whose value is f; a vector.
    """

    nodes: tuple[Node, ...]
    tensors: dict[str, np.ndarray]
    shape: Shape
    output: str
    input: str = "input"

    def __post_init__(self) -> None:
        if not self.nodes:
            raise InputError("graph", "no nodes", "give at least one")
        names = [self.input, *(node.name for node in self.nodes)]
        twice = next((name for name, times in Counter(names).items() if times > 1), None)
        if twice is not None:
            raise InputError("graph", f"two nodes named '{twice}'", "give every node a name of its own")
        used = [name for node in self.nodes for name in node.tensors.values()]
        twice = next((name for name, times in Counter(used).items() if times > 1), None)
        if twice is not None:
            raise InputError("graph", f"tensor '{twice}' is used twice", "give every node tensors of its own")
        for name in used:
            array = self.tensors.get(name)
            if array is None:
                raise InputError("graph", f"tensor '{name}' is not in the model", "give the file that belongs to it")
            if array.dtype != np.float64 or not np.isfinite(array).all() or array.size == 0:
                raise InputError(f"tensor '{name}'", "not a nonempty array of finite float64", "give finite numbers")
        object.__setattr__(self, "tensors", {name: owned(array) for name, array in self.tensors.items()})
        shapes = self.shapes
        if self.output not in shapes or self.output == self.input or len(shapes[self.output]) != 1:
            raise InputError("graph", f"output '{self.output}'", "name a node whose value is a vector")
        needed = {self.output}
        for node in reversed(self.nodes):
            if node.name not in needed:
                raise InputError(f"graph node '{node.name}'", "the output does not depend on it", "leave it out")
            needed |= set(node.inputs)
        if self.input not in needed:
            raise InputError("graph", "the output does not depend on the input", "read the input")

    @property
    def reparameterised(self) -> bool:
        """No: a graph file keeps every normalisation as a node of its own."""
        return False

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of one sample's value at the input and at every node."""
        shapes = {self.input: self.shape}
        if not self.shape or min(self.shape) < 1 or len(self.shape) > 3:
            raise InputError("graph input", f"shape {list(self.shape)}",
                             "give [features], [tokens, channels] or [channels, height, width]")
        for node in self.nodes:
            before = []
            for name in node.inputs:
                if name not in shapes:
                    raise InputError(f"graph node '{node.name}'", f"it reads '{name}'", "list nodes in order of use")
                before.append(shapes[name])
            shapes[node.name] = self._shape(node, before)
        return shapes

    def _shape(self, node: Node, before: list[Shape]) -> Shape:
        where = f"graph node '{node.name}' ({node.op})"
        if node.op not in OPERATIONS:
            raise InputError(where, "no operation of a graph", f"use {', '.join(OPERATIONS)}")
        wanted = SEQUENCES[node.op].arity if node.op in SEQUENCES else 2 if node.op == "add" else 1
        if len(before) != wanted:
            raise InputError(where, f"{len(before)} inputs", f"give {wanted}")
        shape = before[0]
        if node.op in SEQUENCES or (node.op == "linear" and len(shape) == 2):
            return self._sequence_shape(node, before, where)
        if node.op in ACTIVATIONS:
            return shape
        if node.op == "add":
            if before[1] != shape:
                raise InputError(where, f"inputs of shapes {shape} and {before[1]}", "add equal shapes")
            return shape
        if node.op == "flatten":
            return (math.prod(shape),)
        if node.op == "linear":
            return self._linear_shape(node, shape, where)
        if len(shape) != 3:
            raise InputError(where, f"an input of shape {shape}", "it takes (channels, height, width)")
        return self._image_shape(node, shape, where)

    def _sequence_shape(self, node: Node, before: list[Shape], where: str) -> Shape:
        operation = SEQUENCES.get(node.op, TOKEN_LINEAR)
        for role in (*operation.learned, "mean"):
            if role in operation.members and role not in operation.optional:
                self._tensor(node, role, where)
        if operation.tokens_alone and node.inputs != (self.input,):
            raise InputError(where, f"it reads '{node.inputs[0]}'", f"it takes the row itself, '{self.input}'")
        return operation.shape(Place(node, tuple(before), {r: self.tensors[n] for r, n in node.tensors.items()}))

    def _linear_shape(self, node: Node, shape: Shape, where: str) -> Shape:
        W = self._tensor(node, "weight", where)
        if W.ndim != 2 or len(shape) != 1 or W.shape[1] != shape[0]:
            raise InputError(where, f"weight of shape {W.shape} after {shape}", "give (outputs, inputs), and flatten")
        self._vector(node, "bias", W.shape[0], where)
        return (W.shape[0],)

    def _image_shape(self, node: Node, shape: Shape, where: str) -> Shape:
        c, size = shape[0], (shape[1], shape[2])
        if min(*node.kernel, *node.stride) < 1 or min(*node.padding, node.before, node.after) < 0:
            raise InputError(where, "a kernel or stride below 1, or a negative padding", "correct it")
        if node.op == "batch_norm":
            for role in ("weight", "bias", "mean", "var"):
                self._vector(node, role, c, where)
            if node.mean is None or node.var is None or not (math.isfinite(node.eps) and node.eps >= 0):
                raise InputError(where, "no running mean or variance, or a bad eps", "name mean, var and eps")
            var = self.tensors[node.var]
            if (var < 0).any() or ((var == 0) & (node.eps == 0)).any():
                raise InputError(where, "a variance that is not positive", "var + eps must be positive")
            return shape
        if node.op == "pad_channels":
            return (c + node.before + node.after, *size)
        if node.op == "subsample":
            return (c, *(-(-s // t) for s, t in zip(size, node.stride, strict=True)))
        if node.op == "conv2d":
            W = self._tensor(node, "weight", where)
            if W.ndim != 4 or W.shape[1] != c:
                raise InputError(where, f"weight of shape {W.shape} after {shape}", "give (out, in, height, width)")
            self._vector(node, "bias", W.shape[0], where)
            kernel, channels = (W.shape[2], W.shape[3]), W.shape[0]
        else:
            kernel, channels = node.kernel, c
            if any(2 * p > k for p, k in zip(node.padding, kernel, strict=True)):
                raise InputError(where, f"padding {node.padding} of windows {kernel}", "pad by at most half a window")
        out = output_size(size, kernel, node.stride, node.padding)
        if min(out) < 1:
            raise InputError(where, f"windows {kernel} on {size}", "no window fits")
        return (channels, *out)

    def _tensor(self, node: Node, role: str, where: str) -> np.ndarray:
        name = node.tensors.get(role)
        if name is None:
            raise InputError(where, f"no {role}", f"name its {role}")
        return self.tensors[name]

    def _vector(self, node: Node, role: str, length: int, where: str) -> None:
        name = node.tensors.get(role)
        if name is not None and self.tensors[name].shape != (length,):
            raise InputError(where, f"{role} of shape {self.tensors[name].shape}", f"give ({length},)")

    def sequence(self, node: Node) -> Operation | None:
        """The operation on sequences that a node is, or None."""
        if node.op == "linear" and len(self.shapes[node.inputs[0]]) == 2:
            return TOKEN_LINEAR
        return SEQUENCES.get(node.op)

    @cached_property
    def places(self) -> dict[str, tuple[Operation, Place]]:
        """The operations on sequences, by node, with what they need of it."""
        found = ((node, self.sequence(node)) for node in self.nodes)
        return {node.name: (operation, Place(node, tuple(self.shapes[name] for name in node.inputs), {
            role: self.tensors[name] for role, name in node.tensors.items()}))
            for node, operation in found if operation is not None}

    @property
    def in_balls(self) -> bool:
        """Whether only balls of python-flint pass through it."""
        return bool(self.places)

    @property
    def discrete(self) -> bool:
        """Whether its rows are whole numbers that cannot move."""
        return any(operation.tokens_alone for operation, _ in self.places.values())

    def accept(self, X: np.ndarray) -> None:
        """Refuse rows that are no tokens where tokens are read.

        Raises:
            InputError: a number that is none.
        """
        for operation, place in self.places.values():
            if operation.tokens_alone:
                operation.floats(place, [X])

    def size(self, name: str) -> int:
        """Number of entries of one sample's value at a node, or at the input."""
        return math.prod(self.shapes[name])

    @property
    def widths(self) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        return self.size(self.input), self.size(self.output)

    @property
    def units(self) -> int:
        """Numbers that a pass makes for each sample."""
        return sum(self.size(name) for name in self.shapes)

    def windows(self, node: Node) -> int:
        """Numbers that a node's windows copy for each row, forward or backward."""
        shape, out = self.shapes[node.inputs[0]], self.shapes[node.name]
        if node.op == "conv2d" and node.weight is not None:
            taps = math.prod(self.tensors[node.weight].shape[2:])
            return taps * max(shape[0] * math.prod(out[1:]), out[0] * math.prod(shape[1:]))
        if node.op in ("avg_pool", "max_pool"):
            return math.prod(node.kernel) * math.prod(shape)
        if node.name in self.places:
            operation, place = self.places[node.name]
            return math.prod(out) + operation.products(place) // PRODUCTS
        return math.prod(shape)

    @property
    def learned(self) -> tuple[str, ...]:
        """Names of the parameters: all tensors but the running means and variances."""
        return tuple(node.tensors[role] for node in self.nodes for role in PARAMETERS.get(node.op, ())
                     if role in node.tensors)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The parameters."""
        return tuple(self.tensors[name] for name in self.learned)

    def parameters(self, layer: str | int) -> int:
        """Number of parameters: of all nodes, or of the last linear one alone."""
        return sum(array.size for array in (self.arrays if layer == "all" else self.last_arrays))

    @cached_property
    def last(self) -> Node:
        """The linear node whose value is f, where its weights alone may move.

        Raises:
            InputError: the output is another node's, or another node has the same weights.
        """
        node = next(node for node in self.nodes if node.name == self.output)
        if node.op != "linear":
            raise InputError("graph", f"its output is that of the node '{node.name}' ({node.op}), and no linear one",
                             "give the network up to its last linear layer, without what follows it")
        own = self.tensors[str(node.weight)]
        for name in self.learned:
            other = self.tensors[name]
            flat = other.reshape(other.shape[:2]) if other.ndim > 2 and max(other.shape[2:]) == 1 else other
            if name != node.weight and (np.array_equal(flat, own) or np.array_equal(flat, own.T)):
                raise InputError("graph", f"the last layer's '{node.weight}' holds the numbers of '{name}', as where "
                                 "weights are tied, so that the features would move with it",
                                 "give the last layer a weight of its own")
        return node

    @property
    def last_arrays(self) -> tuple[np.ndarray, ...]:
        """The parameters of the last linear node: its weight, then its bias."""
        return tuple(self.tensors[name] for name in (self.last.weight, self.last.bias) if name is not None)

    @cached_property
    def frozen(self) -> GraphNetwork | None:
        """All that comes before the last linear node, as a graph; None where that node reads the row itself."""
        read, names = self.last.inputs[0], self.last.tensors.values()
        if read == self.input:
            return None
        tensors = {name: array for name, array in self.tensors.items() if name not in names}
        return GraphNetwork(tuple(node for node in self.nodes if node is not self.last), tensors, self.shape, read,
                            self.input)

    @property
    def kinked(self) -> bool:
        """Whether some operation has a kink."""
        return any(node.op == "max_pool" or (node.op in ACTIVATIONS and not activation(node.op).smooth)
                   for node in self.nodes)

    @property
    def operations(self) -> dict[str, int]:
        """How many nodes there are of each operation, in the order of :data:`OPERATIONS`."""
        found = Counter(node.op for node in self.nodes)
        return {op: found[op] for op in OPERATIONS if found[op]}
