"""The mean over tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from certify.network.graph.sequences.base import Entries, Operation, Place, Pulled
from certify.network.graph.windows import Shape
from certify.rigor.fp import Array


class MeanTokens(Operation):
    """`(1/t) Σ x_t`: `(t, d)` becomes `(d,)`."""

    word: ClassVar[str] = "mean_tokens"

    def shape(self, at: Place) -> Shape:
        """`(d,)`."""
        if len(at.before[0]) != 2:
            at.refuse(f"an input of shape {at.before[0]}", "it takes (tokens, channels)")
        return at.before[0][1:]

    def floats(self, at: Place, inputs: Sequence[Array]) -> Array:
        """As written."""
        return np.asarray(inputs[0].mean(axis=1))

    def value(self, at: Place, inputs: Sequence[Entries]) -> tuple[Entries, Any]:
        """As written."""
        return inputs[0].sum(axis=0) / at.tokens, None

    def pull(self, at: Place, v: Entries, kept: Any) -> Pulled:
        """`v/t` for every token."""
        return Pulled([np.tile(v / at.tokens, at.tokens)])
