"""Learned tokens before those of a sequence, such as a class token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled, column
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class Prepend(Operation):
    """The tokens of a parameter `(k, d)`, then those of x; in the file it may have axes of length 1 before."""

    word: ClassVar[str] = "prepend"
    members: ClassVar[tuple[str, ...]] = ("weight",)
    learned: ClassVar[tuple[str, ...]] = ("weight",)

    def shape(self, at: Place) -> Shape:
        """`(k + t, d)`."""
        found = at.tensors["weight"].shape
        if len(at.before[0]) != 2 or len(found) < 2 or found[-1] != at.width or set(found[:-2]) - {1}:
            at.refuse(f"weight of shape {found} before {at.before[0]}", f"give (tokens, {at.width})")
        return (found[-2] + at.before[0][0], at.width)

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """Exact."""
        first = np.broadcast_to(at.tensors["weight"].reshape(-1, at.width), (len(inputs[0]), *self._first(at)))
        return np.concatenate([first, inputs[0]], axis=1)

    def _first(self, at: Place) -> tuple[int, int]:
        return at.tensors["weight"].shape[-2], at.width

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """Exact."""
        return np.concatenate([at.balls["weight"].ravel(), inputs[0].ravel()]), None

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """To the parameter and to x."""
        size = at.tensors["weight"].size
        return Pulled([v[size:]], [column(v[:size]), None])
