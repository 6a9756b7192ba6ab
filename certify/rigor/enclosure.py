"""An enclosure: two floats with the truth between them. It is not an array and does no arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certify.format.errors import EnclosureError


@dataclass(frozen=True)
class Enclosure:
    """`lower ≤ truth ≤ upper`, both finite.

    >>> Enclosure(1.0, 2.0).upper
    2.0
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not (self.lower <= self.upper and abs(self.lower) != float("inf") and abs(self.upper) != float("inf")):
            raise EnclosureError("enclosure", f"ends {self.lower} and {self.upper}", "this is a defect: report it")

    def __iter__(self) -> Iterator[float]:
        """Lower end, then upper end."""
        return iter((self.lower, self.upper))
