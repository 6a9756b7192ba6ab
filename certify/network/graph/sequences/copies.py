"""Operations that move entries and change none: other shapes, swapped axes, slices."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class Copies(Operation):
    """Every entry of the value is one of the input, and no entry is read twice."""

    @abstractmethod
    def moved(self, at: Place, places: NDArray[Any]) -> NDArray[Any]:
        """The move, of an array `(n, *shape)` of anything."""

    @final
    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """Exact."""
        return self.moved(at, inputs[0])

    @final
    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """Exact."""
        return self.moved(at, inputs[0][None]).ravel(), None

    @final
    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """To where each entry comes from; 0 where none was read."""
        from flint import arb

        size = math.prod(at.before[0])
        back = np.full(size, arb(0), dtype=object)
        back[self.moved(at, np.arange(size).reshape(1, *at.before[0])).ravel()] = v
        return Pulled([back])


@final
class Reshape(Copies):
    """The same entries, read row by row, in the shape `size`."""

    word: ClassVar[str] = "reshape"
    members: ClassVar[tuple[str, ...]] = ("size",)

    def shape(self, at: Place) -> Shape:
        """`size`."""
        if not 1 <= len(at.node.size) <= 3 or min(at.node.size) < 1 or math.prod(at.node.size) != math.prod(
                at.before[0]):
            at.refuse(f"size {list(at.node.size)} after {at.before[0]}", "give a shape of as many entries")
        return at.node.size

    def moved(self, at: Place, places: NDArray[Any]) -> NDArray[Any]:
        """In another shape."""
        return places.reshape(len(places), *at.node.size)


@final
class Transpose(Copies):
    """Rows as columns: `(t, d)` becomes `(d, t)`."""

    word: ClassVar[str] = "transpose"

    def shape(self, at: Place) -> Shape:
        """`(d, t)`."""
        if len(at.before[0]) != 2:
            at.refuse(f"an input of shape {at.before[0]}", "it takes two axes")
        return at.before[0][::-1]

    def moved(self, at: Place, places: NDArray[Any]) -> NDArray[Any]:
        """The last two axes swapped."""
        return places.swapaxes(1, 2)


@final
class Slice(Copies):
    """Entries `start` to `stop` − 1 of axis `axis` (0: tokens, the last: channels)."""

    word: ClassVar[str] = "slice"
    members: ClassVar[tuple[str, ...]] = ("axis", "start", "stop")

    def shape(self, at: Place) -> Shape:
        """That axis shorter."""
        node, before = at.node, at.before[0]
        if not 0 <= node.axis < len(before) or not 0 <= node.start < node.stop <= before[node.axis]:
            at.refuse(f"entries {node.start} to {node.stop - 1} of axis {node.axis} after {before}",
                      "give some that are there")
        return (*before[: node.axis], node.stop - node.start, *before[node.axis + 1 :])

    def moved(self, at: Place, places: NDArray[Any]) -> NDArray[Any]:
        """Fewer of one axis."""
        return places[(slice(None),) * (1 + at.node.axis) + (slice(at.node.start, at.node.stop),)]
