"""What a claim carries beside its ends so that they can be derived again: one record for theorems that need the same.

A member is absent (None) where the end it proves is absent; `equal_rows` stands alone. An array is named here and
lies in the side file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

Number = int | float
Vector = tuple[Number, ...]
Rows = tuple[int, int]
Places = tuple[int, ...]


class Form(StrEnum):
    """What a member is."""

    VECTOR = "numbers"
    NUMBER = "number"
    WHOLE = "whole number"
    ROWS = "two rows"
    PLACES = "row numbers"
    ARRAY = "array"
    WORD = "word"


FORMS: Final[dict[str, Form]] = {
    "z": Form.VECTOR, "dual": Form.VECTOR, "point": Form.VECTOR, "sigma": Form.NUMBER, "theta": Form.NUMBER,
    "reach": Form.NUMBER, "radius_u": Form.NUMBER, "radius_w": Form.NUMBER, "limit": Form.NUMBER,
    "multiplier": Form.NUMBER, "layer": Form.WHOLE, "equal_rows": Form.ROWS, "pair": Form.ROWS, "array": Form.ARRAY,
    "constants": Form.ARRAY, "member": Form.WORD,
    "flipped": Form.PLACES, "undecided": Form.PLACES, "changed": Form.PLACES, "by": Form.WORD,
}
"""Every member of every witness."""


@dataclass(frozen=True)
class Witness:
    """Nothing: both ends are computed again from the data alone."""

    @classmethod
    def members(cls) -> tuple[str, ...]:
        """The names of its members.

        >>> Modulus.members()
        ('equal_rows', 'z')
        """
        return tuple(field.name for field in fields(cls))


@dataclass(frozen=True)
class Refutable(Witness):
    """Two equal rows that cannot move apart: the modulus is infinite."""

    equal_rows: Rows | None = None


@dataclass(frozen=True)
class Modulus(Refutable):
    """A vector of the lower end (M2)."""

    z: Vector | None = None


@dataclass(frozen=True)
class Budgets(Modulus):
    """Which bound gives the upper end, its weights, and the rows' ellipsoids (N1, N2)."""

    member: str | None = None
    dual: Vector | None = None
    array: str | None = None


@dataclass(frozen=True)
class Alone(Refutable):
    """Signs and weights of every row (N4)."""

    array: str | None = None


@dataclass(frozen=True)
class Array(Witness):
    """One array: signs and weights of every row (M5, N4), or a move that lifts the loss (M6, P3)."""

    array: str | None = None


@dataclass(frozen=True)
class Curvature(Array):
    """As `Budgets`, at a critical point, where no two rows refute (M5)."""

    z: Vector | None = None
    member: str | None = None
    dual: Vector | None = None


@dataclass(frozen=True)
class Found(Array):
    """Weights that solve the changed problem, and a vector of the lower end (Q7)."""

    z: Vector | None = None


@dataclass(frozen=True)
class Compensation(Found):
    """The layer that adjusts, how well its inputs determine it, how far they move, and a limit (Q4)."""

    layer: int | None = None
    sigma: Number | None = None
    constants: str | None = None
    limit: Number | None = None
    pair: Rows | None = None


@dataclass(frozen=True)
class Labels(Array):
    """A distance, and what proves it (P2)."""

    reach: Number | None = None
    layer: int | None = None
    sigma: Number | None = None
    constants: str | None = None


@dataclass(frozen=True)
class LevelRadii(Witness):
    """A direction down, and the radii within which it serves (Q5)."""

    z: Vector | None = None
    radius_u: Number | None = None
    radius_w: Number | None = None


@dataclass(frozen=True)
class Radii(Modulus):
    """Both radii, and a radius that no factor has with two rows that prove it (Q1)."""

    radius_u: Number | None = None
    radius_w: Number | None = None
    limit: Number | None = None
    pair: Rows | None = None


@dataclass(frozen=True)
class Window(Witness):
    """A multiplier of the upper end, and a point of the lower one (S14)."""

    multiplier: Number | None = None
    point: Vector | None = None


@dataclass(frozen=True)
class Ball(Witness):
    """Metric and size of the ball that the solution cannot leave (Q6)."""

    theta: Number | None = None
    reach: Number | None = None


@dataclass(frozen=True)
class Changes(Witness):
    """What every method that was tried proved: several arrays, whose names begin with this one (D1).

    And of what they say the part that readers ask for: numbers of the evaluation rows that a change flips and of those
    that are undecided, rising, and in `changed` one line for each flipped one, all of one length: the training rows
    whose change flips it, rising, filled up with −1.
    """

    array: str | None = None
    flipped: Places | None = None
    undecided: Places | None = None
    changed: Places | None = None


@dataclass(frozen=True)
class Reaches(Witness):
    """Several arrays, whose names begin with this one, the rows whose change moves most, and what bounds all (D1)."""

    array: str | None = None
    changed: Places | None = None
    by: str | None = None


@dataclass(frozen=True)
class Motion(Ball):
    """And one change of the data with the weights it leads to (Q6)."""

    z: Vector | None = None
    array: str | None = None
