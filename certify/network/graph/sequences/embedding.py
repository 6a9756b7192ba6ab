"""Rows of a table, chosen by whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled, matrix
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class Embedding(Operation):
    """Row `x_t` of the table for every token t; x is the graph's input, whole numbers that do not move."""

    word: ClassVar[str] = "embedding"
    members: ClassVar[tuple[str, ...]] = ("weight",)
    learned: ClassVar[tuple[str, ...]] = ("weight",)
    tokens_alone: ClassVar[bool] = True

    def shape(self, at: Place) -> Shape:
        """`(tokens, channels)`."""
        W = at.tensors["weight"]
        if len(at.before[0]) != 1 or W.ndim != 2:
            at.refuse(f"a table of shape {W.shape} after {at.before[0]}", "give (numbers, channels) after (tokens,)")
        return (at.before[0][0], W.shape[1])

    def rows(self, at: Place, x: Array) -> NDArray[np.int64]:
        """The numbers of the rows.

        Raises:
            InputError: one is no row of the table.
        """
        most = len(at.tensors["weight"])
        odd = ~((x == np.floor(x)) & (x >= 0) & (x < most))
        if odd.any():
            raise InputError("features", f"{float(x[odd][0])!r} where a token is meant",
                             f"give whole numbers from 0 to {most - 1}")
        return x.astype(np.int64)

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """Exact."""
        return np.asarray(at.tensors["weight"][self.rows(at, inputs[0])])

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """Exact; a token that is no float without radius is none."""
        rows = self.rows(at, np.array([float(x.mid()) if x.is_exact() else np.nan for x in inputs[0]]))
        return at.balls["weight"][rows].ravel(), rows

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """Sums for the rows that were read; tokens do not move, and their adjoint is not used."""
        from flint import arb

        total = np.full(at.tensors["weight"].shape, arb(0), dtype=object)
        np.add.at(total, kept, v.reshape(len(kept), -1))
        return Pulled([np.full(len(kept), arb(0), dtype=object)], [matrix(total), None])
