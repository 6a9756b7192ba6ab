"""The quantities a gate may name, one row each: what kind of statement it is, what it needs, and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from certify.format.words import Parameter, Set, WeightNorm

MERGED: Final = " (equal rows move as one)"


class Kind(StrEnum):
    """What a number says: a limit for ever smaller moves, that limit times a size, or about moves of their size."""

    POINTWISE = "pointwise"
    FIRST_ORDER = "first order"
    FINITE = "finite"


@dataclass(frozen=True)
class Quantity:
    """One quantity.

    Attributes:
        name: as a gate names it.
        kind: what its number says.
        unit: its unit; `{distance}`, `{moved}`, `{budget}` and `{share}` stand for the words of norm, parameter, set.
        merges: whether its unit says that equal rows move as one, where they do.
        per_row: whether the certificate holds both ends of every row.
        needs: keys of a question that have to be there.
        sized: whether it needs a size of the change, unless the set or the parameter has none.
        gauge: whether it is per unit of a norm, so that the set has to be a ball.
        counts: whether it is a whole number that a gate bounds from below.
        signed: whether it may lie below 0.
        right: whether it looks at right labels.
        better: `larger` or `smaller`: which way is for the better, in a gate over time; empty where neither is.
    """

    name: str
    kind: Kind
    unit: str
    merges: bool = False
    per_row: bool = False
    needs: tuple[str, ...] = ()
    sized: bool = False
    gauge: bool = False
    counts: bool = False
    signed: bool = False
    right: bool = False
    better: str = ""

    def __str__(self) -> str:
        return self.name


_PER_UNIT: Final = "{distance} per unit of {moved}"
_P, _F, _S = Kind.POINTWISE, Kind.FIRST_ORDER, Kind.FINITE
LARGER: Final = "larger"
SMALLER: Final = "smaller"

MODULUS = Quantity("modulus", _P, _PER_UNIT, merges=True, gauge=True, better=SMALLER)
SAMPLE_MODULUS = Quantity("sample_modulus", _P, _PER_UNIT, merges=True, per_row=True, gauge=True, better=SMALLER)
FIRST_ORDER_DISTANCE = Quantity("first_order_distance", _F, "{distance}", merges=True, sized=True, better=SMALLER)
DISTANCE = Quantity("distance", _S, "{distance}", merges=True, sized=True, better=SMALLER)
AUBIN = Quantity("aubin", _S, _PER_UNIT, merges=True, better=SMALLER)
PERSISTENCE_RADIUS = Quantity("persistence_radius", _S, "{budget} {share}", needs=("level",), better=LARGER)
PREDICTION_CHANGE = Quantity("prediction_change", _S, "output change", needs=("evaluation",), sized=True,
                             better=SMALLER)
STABLE_PREDICTIONS = Quantity("stable_predictions", _S, "evaluation rows", needs=("evaluation",), sized=True,
                              counts=True, better=LARGER)
CORRECT_PREDICTIONS = Quantity("correct_predictions", _S, "evaluation rows", needs=("evaluation",), sized=True,
                               counts=True, right=True, better=LARGER)
TOLERATED_CHANGES = Quantity("tolerated_changes", _S, "changed rows", per_row=True, needs=("evaluation",), sized=True,
                             counts=True, better=LARGER)
FUNCTIONAL = Quantity("functional", _S, "value of a functional", per_row=True, needs=("evaluation",), sized=True,
                      signed=True)
FIRST_ORDER_PREDICTION_CHANGE = Quantity("first_order_prediction_change", _F, "output change to first order",
                                         per_row=True, needs=("evaluation",), sized=True, better=SMALLER)
EXCESS = Quantity("excess", _S, "weight distance from exact fits of the changed data, within the window, to those of "
                  "today's", merges=True, needs=("window",), better=SMALLER)
HAUSDORFF = Quantity("hausdorff", _S, "weight distance between exact fits of today's and of the changed data, either "
                     "within the window", merges=True, needs=("window",), better=SMALLER)

QUANTITIES: Final[Mapping[str, Quantity]] = MappingProxyType({q.name: q for q in (
    MODULUS, SAMPLE_MODULUS, FIRST_ORDER_DISTANCE, DISTANCE, AUBIN, PERSISTENCE_RADIUS, PREDICTION_CHANGE,
    STABLE_PREDICTIONS, CORRECT_PREDICTIONS, TOLERATED_CHANGES, FUNCTIONAL, FIRST_ORDER_PREDICTION_CHANGE, EXCESS,
    HAUSDORFF)})
"""By name: what `certify run` proves."""

ESTIMATED: Final = ("loss_after", "residual")
"""Quantities that `certify estimate` estimates; nothing proves them."""


def unit(
    quantity: str, parameter: str, set: str, weight_norm: str, merged: bool = False, label: str = "",
) -> str:
    """What one unit of a quantity is.

    Args:
        quantity: its name.
        parameter, set, weight_norm: of the problem.
        merged: whether equal rows move as one.
        label: what a label is that is counted (:func:`certify.format.labels.label_meaning`).

    >>> unit("modulus", "features", "total", "relative")
    'weight distance relative to each layer per unit of feature change'
    >>> unit("distance", "targets", "given", "euclidean", merged=True)
    'weight distance (equal rows move as one)'
    >>> unit("stable_predictions", "features", "total", "euclidean", label="largest output")
    'evaluation rows (label: largest output)'
    """
    row, moves = QUANTITIES[quantity], Parameter(parameter)
    text = row.unit.format(distance=WeightNorm(weight_norm).distance, moved=moves.moved, budget=moves.budget,
                           share=Set(set).share)
    text += MERGED if merged and row.merges else ""
    return f"{text} (label: {label})" if label and row.counts else text
