"""A network as a graph of named operations: convolutions, frozen BatchNorm, pooling, residual sums."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Activation, words
from certify.network.graph.windows import Shape, output_size
from certify.network.network import owned
from certify.rigor.activation import activation

ACTIVATIONS = words(Activation)
OPERATIONS = ("conv2d", "linear", "batch_norm", "avg_pool", "max_pool", "add", "flatten", "subsample",
              "pad_channels", *ACTIVATIONS)
PARAMETERS = {"conv2d": ("weight", "bias"), "linear": ("weight", "bias"), "batch_norm": ("weight", "bias")}
"""Members of an operation that name parameters; BatchNorm's `mean` and `var` name constants."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: of the node, each once.
        op: one of :data:`OPERATIONS`.
        inputs: names of the nodes it reads, or of the graph's input.
        weight, bias, mean, var: names of tensors of the model file; None where it has none.
        kernel, stride, padding: of windows, `(height, width)`; stride also of `subsample`.
        eps: of `batch_norm`, a float.
        before, after: numbers of zero channels that `pad_channels` adds.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    weight: str | None = None
    bias: str | None = None
    mean: str | None = None
    var: str | None = None
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    eps: float = 0.0
    before: int = 0
    after: int = 0

    @property
    def tensors(self) -> dict[str, str]:
        """Names of its tensors in the model file, by role."""
        roles = {"weight": self.weight, "bias": self.bias, "mean": self.mean, "var": self.var}
        return {role: name for role, name in roles.items() if name is not None}


@dataclass(frozen=True, eq=False)
class GraphNetwork:
    """`f(x)` by the nodes in order; every sample is an array `(channels, height, width)` or a vector, read row by row.

    ``conv2d``: cross-correlation with zero padding. ``batch_norm``: `γ(x − mean)/√(var + eps) + β` for each channel,
    mean and var constants. ``avg_pool``, ``max_pool``: over windows in each channel (average: over all taps, padding
    counted as 0; maximum: padding left out). ``subsample``: every stride-th row and column from the first.
    ``pad_channels``: channels of zeros before and after. Activations as in :mod:`certify.rigor.activation`.

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
        if not self.shape or min(self.shape) < 1 or len(self.shape) not in (1, 3):
            raise InputError("graph input", f"shape {list(self.shape)}", "give [features] or [channels, height, width]")
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
        if len(before) != (2 if node.op == "add" else 1):
            raise InputError(where, f"{len(before)} inputs", "add takes two, every other operation one")
        shape = before[0]
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
        """Number of parameters; `layer` is "all"."""
        return sum(array.size for array in self.arrays)

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
