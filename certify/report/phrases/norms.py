"""The norms in words: of one row's move, and of the distance between weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Norm:
    """How the move of one row is measured.

    Attributes:
        length: its length in words.
        short: the same where the name of the norm is known.
        counted: what follows δ in a sentence, in brackets; empty where δ is a Euclidean length.
    """

    length: str
    short: str
    counted: str = ""


@dataclass(frozen=True)
class WeightNorm:
    """How the distance between weights is measured.

    Attributes:
        name: in words.
        measure: what follows a distance between weights in a sentence.
        lengths: a sentence on it and on the Euclidean length of a move.
    """

    name: str
    measure: str
    lengths: str


NORMS: Final[dict[int | str, Norm]] = {
    2: Norm("Euclidean length", "Euclidean length"),
    1: Norm("sum of absolute changes (norm 1)", "1-norm", " (the sum of absolute changes)"),
    "inf": Norm("largest absolute change (norm inf)", "max-norm", " (the largest absolute change)"),
}


def _counted(name: str, measure: str) -> WeightNorm:
    """A norm of its own, which no sentence can share with that of a move."""
    return WeightNorm(name, measure, f"δ is a Euclidean length. The distance between weights is counted {name}.")


WEIGHT_NORMS: Final = {
    "euclidean": WeightNorm("Euclidean", "", "δ and the distance between weights are Euclidean lengths."),
    "relative": _counted(
        "relative to each layer: the length of the change of its weights and biases, as a multiple of the length of "
        "its weight matrix; over several layers the root of the sum of squares", " (relative to each layer)"),
    "function": _counted(
        "as the reference rows see it: the length of the first-order change of their outputs, and τ times the "
        "Euclidean length of the change of the weights; the root of the sum of squares",
        " (as the reference rows see it)"),
}
