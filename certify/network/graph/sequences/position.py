"""An array that is added, such as an embedding of positions: learned, or fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled, column
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class Position(Operation):
    """`x + P`, P a parameter of the shape of x; in the file it may have axes of length 1 before."""

    word: ClassVar[str] = "position"
    members: ClassVar[tuple[str, ...]] = ("weight",)
    learned: ClassVar[tuple[str, ...]] = ("weight",)
    role: ClassVar[str] = "weight"

    def shape(self, at: Place) -> Shape:
        """That of the input."""
        found, wanted = at.tensors[self.role].shape, at.before[0]
        ahead = len(found) - len(wanted)
        if ahead < 0 or found[ahead:] != wanted or set(found[:ahead]) - {1}:
            at.refuse(f"{self.role} of shape {found} after {wanted}", "give one of that shape")
        return wanted

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        return np.asarray(inputs[0] + at.tensors[self.role].reshape(at.before[0]))

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """As written."""
        return inputs[0].ravel() + at.balls[self.role].ravel(), None

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """v, for both."""
        return Pulled([v], [column(v), None])


class Shift(Position):
    """`x + C`, C constants of the file."""

    word: ClassVar[str] = "shift"
    members: ClassVar[tuple[str, ...]] = ("mean",)
    learned: ClassVar[tuple[str, ...]] = ()
    role: ClassVar[str] = "mean"

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """v, for x alone."""
        return Pulled([v])
