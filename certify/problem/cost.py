"""What a way of computing needs: memory, operations, seconds."""

from __future__ import annotations

from dataclasses import dataclass

JACOBIAN_LIMIT = 40_000_000
"""Most entries of a Jacobian that is formed."""


@dataclass(frozen=True)
class Cost:
    """What a tier needs.

    Attributes:
        name: of the tier.
        memory: bytes at the peak.
        flops: floating-point operations in matrix products.
        rest: seconds of all other work.
        quantities: what it can bound.
    """

    name: str
    memory: int
    flops: float
    rest: float
    quantities: tuple[str, ...]

    def seconds(self, rate: float) -> float:
        """Estimated time at so many operations a second."""
        return self.flops / rate + self.rest
