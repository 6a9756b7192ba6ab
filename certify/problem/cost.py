"""What a way of computing needs: memory, operations, seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JACOBIAN_LIMIT = 40_000_000
"""Most entries of a Jacobian that is formed."""

BASE_MEMORY: Final = 150 << 20
"""Bytes of the program itself."""

PASS: Final = (10, 1e-6)
PASS_DOUBLE: Final = (30, 1.5e-5)
"""Measured, one thread: numbers and seconds for each row and unit of the network, of a pass forward and backward."""


@dataclass(frozen=True)
class Cost:
    """What a tier needs.

    Attributes:
        name: of the tier.
        memory: bytes at the peak.
        flops: floating-point operations in matrix products.
        rest: seconds of all other work.
        when: when it is used, in words.
        vital: whether the others are of no use without it.
    """

    name: str
    memory: int
    flops: float
    rest: float
    when: str = ""
    vital: bool = False

    def seconds(self, rate: float) -> float:
        """Estimated time at so many operations a second."""
        return self.flops / rate + self.rest


def cost_of(costs: tuple[Cost, ...], name: str) -> Cost:
    """The cost of that name.

    >>> cost_of((Cost("passes", 1 << 30, 0.0, 1.0),), "passes").memory >> 30
    1
    """
    return next(cost for cost in costs if cost.name == name)
