"""Whole numbers of many rows of data in one long integer, each in a lane of its own: `Σ v_i 2^{WIDE·i}`.

As long as every number stays below `2^{WIDE−1}` in size, a sum of such integers and a product with an integer are
those of every lane. A lane holds `2^FRACTION` times a real number, rounded.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpz

WIDE, FRACTION = 192, 112
"""Bits of a lane, and those after the point."""

EACH, WORDS, WORD = WIDE // 8, WIDE // 64, 64

PLACES, LARGEST = 52, 61
"""Bits after the point of the numbers that data may have, and of such a number."""

ROOM = fmpz(1) << WIDE - 1
"""What every number must stay below."""


class Open(Exception):  # noqa: N818 — nothing is proved here, and balls decide
    """A number is too long, or a pre-activation is not proved away from 0."""


@dataclass(frozen=True)
class Lanes:
    """So many numbers side by side."""

    count: int

    @cached_property
    def ones(self) -> fmpz:
        """A 1 in every lane."""
        return ((fmpz(1) << WIDE * self.count) - 1) // ((fmpz(1) << WIDE) - 1)

    @cached_property
    def half(self) -> fmpz:
        """`2^{WIDE−1}` in every lane: with it no number is below 0, and nothing is borrowed from the next lane."""
        return self.ones * ROOM

    @cached_property
    def _half(self) -> int:
        return int(self.half)

    @cached_property
    def _kept(self) -> dict[int, tuple[fmpz, fmpz]]:
        return {}

    def cut(self, x: fmpz, drop: int) -> fmpz:
        """`⌊v/2^drop⌋` in every lane.

        >>> lanes = Lanes(2)
        >>> lanes.numbers(lanes.cut(lanes.joined([fmpz(-5), fmpz(5)]), 1))
        [-3, 2]
        """
        if drop not in self._kept:
            self._kept[drop] = (self.ones * ((fmpz(1) << WIDE - drop) - 1), self.half >> drop)
        kept, half = self._kept[drop]
        return ((x + self.half) >> drop & kept) - half

    def packed(self, column: Sequence[float]) -> fmpz | None:
        """Data as it is; None where a number has more than `PLACES` bits after the point, or is too large.

        >>> Lanes(2).numbers(Lanes(2).packed([-0.5, 3.0])) == [-1 << FRACTION - 1, 3 << FRACTION]
        True
        >>> Lanes(1).packed([0.1]), Lanes(1).packed([1e300]), Lanes(1).packed([512.0])
        (None, None, None)
        """
        scaled = [v * 2.0**PLACES for v in column]
        if not all(map(float.is_integer, scaled)) or not max(map(abs, scaled)) < 2.0**LARGEST:
            return None
        held, up = memoryview(bytearray(EACH * self.count)).cast("q"), 1 << LARGEST
        held[::WORDS] = memoryview(array("q", [int(v) + up for v in scaled]))
        return fmpz(int.from_bytes(held.cast("B"), "little")) - self.ones * up << FRACTION - PLACES

    def joined(self, numbers: Sequence[fmpz]) -> fmpz:
        """Whole numbers, one a lane."""
        return sum((v << WIDE * i for i, v in enumerate(numbers)), fmpz(0))

    def words(self, x: fmpz, up: int) -> list[int]:
        """`⌊v·2^{up − WIDE + 64}⌋` of every lane, of numbers below `2^{WIDE − 1 − up}` in size: 64 bits hold them."""
        number = int((x << up) + self.half) ^ self._half
        words: list[int] = memoryview(number.to_bytes(EACH * self.count, "little")).cast("q")[WORDS - 1::WORDS].tolist()
        return words

    def numbers(self, x: fmpz) -> list[int]:
        """Every lane's number."""
        held = int(x + self.half).to_bytes(EACH * self.count, "little")
        away = 1 << WIDE - 1
        return [int.from_bytes(held[at:at + EACH], "little") - away for at in range(0, len(held), EACH)]

    def mask(self, words: Sequence[int]) -> fmpz:
        """All bits of the lanes whose number is not below 0, by what `words` says."""
        held = bytearray(EACH * self.count)
        held[::EACH] = bytes(map((-1).__lt__, words))
        return fmpz(int.from_bytes(held, "little")) * ((1 << WIDE) - 1)

    def masked(self, x: fmpz, mask: fmpz) -> fmpz:
        """The numbers of those lanes, 0 in the others."""
        return (x + self.half & mask) - (self.half & mask)
