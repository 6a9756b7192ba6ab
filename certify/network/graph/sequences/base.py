"""What an operation on sequences says of itself: its shape, its value in floats and in balls, and its adjoint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.network.graph.node import Node
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array

Entries = NDArray[np.object_]
"""Balls, one an entry."""


@dataclass(frozen=True, eq=False)
class Place:
    """A node, with the shapes of what it reads and its tensors by role.

    Attributes:
        node: the node.
        before: shapes of its inputs.
        tensors: float64 arrays by role.
    """

    node: Node
    before: tuple[Shape, ...]
    tensors: Mapping[str, Array]

    def refuse(self, found: str, remedy: str) -> NoReturn:
        """Say what does not fit."""
        raise InputError(f"graph node '{self.node.name}' ({self.node.op})", found, remedy)

    @property
    def width(self) -> int:
        """Length of the last axis."""
        return self.before[0][-1]

    @cached_property
    def tokens(self) -> int:
        """Number of vectors along the last axis."""
        return int(np.prod(self.before[0][:-1], dtype=np.int64))

    @cached_property
    def balls(self) -> dict[str, Entries]:
        """The tensors as balls without radius."""
        return {role: exact(array).reshape(array.shape) for role, array in self.tensors.items()}

    @cached_property
    def kernels(self) -> tuple[Any, Any]:
        """The weight `(q, d)` as a matrix of balls, and its transpose."""
        W = matrix(self.balls["weight"])
        return W, W.transpose()


@dataclass(frozen=True, eq=False)
class Pulled:
    """Adjoints of a node's inputs, and gradients of its weight and bias, each an `arb_mat` in the tensor's order."""

    inputs: Sequence[Entries]
    parameters: Sequence[Any] | None = None


class Operation(ABC):
    """A smooth map of one row's values. Subclasses are stateless.

    Attributes:
        word: its name in a graph file.
        members: of a node beside name, op and inputs.
        optional: members that may be null.
        arity: number of inputs.
        learned: roles of its tensors that are parameters.
        tokens_alone: whether it reads the row itself, as whole numbers that cannot move.
    """

    word: ClassVar[str]
    members: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    arity: ClassVar[int] = 1
    learned: ClassVar[tuple[str, ...]] = ()
    tokens_alone: ClassVar[bool] = False

    @abstractmethod
    def shape(self, at: Place) -> Shape:
        """Shape of the value.

        Raises:
            InputError: inputs or tensors of another shape.
        """

    @abstractmethod
    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """Values `(n, …)` of inputs `(n, *shape)`, with rounding errors that nobody bounds."""

    def products(self, at: Place) -> int:
        """Products within matrix products that the value takes."""
        return 0

    @abstractmethod
    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """Balls around the value, flat, and what the adjoint needs of them; inputs in their shapes."""

    @abstractmethod
    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """Balls around the adjoint of every input, from that of the value (flat)."""


def exact(v: Array) -> Entries:
    """Balls without radius, flat."""
    from flint import arb

    return np.array([arb(x) for x in v.ravel().tolist()], dtype=object)


def matrix(rows: Entries) -> Any:
    """A matrix of balls."""
    from flint import arb_mat

    return arb_mat(*rows.shape, rows.ravel().tolist())


def column(v: Entries) -> Any:
    """A matrix of one column."""
    return matrix(v.reshape(-1, 1))


def entries(M: Any) -> Entries:
    """The entries of a matrix, in its shape."""
    return np.array(M.entries(), dtype=object).reshape(M.nrows(), M.ncols())


def require_vector(at: Place, role: str, length: int) -> None:
    """Refuse a tensor of another shape; one that is not there is let through."""
    if role in at.tensors and at.tensors[role].shape != (length,):
        at.refuse(f"{role} of shape {at.tensors[role].shape}", f"give ({length},)")
