"""Base `nearby`: how far from the given weights an exact solution may be for its claims to count (V62).

The certificate chooses the solution it speaks of. Beside a symmetry of the network there are exact ones everywhere, and
moduli at two of them differ by any factor. So the cap comes from the spec or the caller, never from the certificate.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from certify.check.reading.spec import Spec
from certify.check.reading.subject import Problem
from certify.format.canonical import Json
from certify.format.refusal import Invalid

WITHIN = 1e-6
"""The cap where the spec gives none, as a share of the length of the free weights."""

FAR = 1e-3
"""Share above which a word is said where there is one solution only, which needs no cap."""


@dataclass(frozen=True)
class Nearness:
    """How far the solution of a certificate is, and how far it may be.

    Attributes:
        distance: as proved; None where no solution is.
        length: a number no larger than the Euclidean norm of the free weights.
        within: the share of it that counts; None: any.
    """

    distance: float | None
    length: float
    within: float | None

    @property
    def far(self) -> bool:
        """Whether nothing may be decided at that solution: exact, without tolerance."""
        if self.distance is None or self.within is None:
            return False
        return Fraction(self.distance) > Fraction(self.within) * Fraction(self.length)

    @property
    def share(self) -> str:
        """The distance as a share of the length, rounded up to three digits; empty where there is none."""
        if self.distance is None or not self.length > 0:
            return ""
        return _rounded_up(Fraction(self.distance) / Fraction(self.length))

    @property
    def members(self) -> Json:
        """The members of `problem` that say so."""
        return {"within": self.within, "weights_length": self.length}

    def caution(self) -> str:
        """A word where one solution is all there is, and far from the given weights; else empty."""
        if self.within is not None or self.distance is None or self.distance <= FAR * self.length:
            return ""
        if not self.share:
            return f"caution: the one solution is proved only within {self.distance!r} of the given weights, all 0"
        return f"caution: the one solution is proved only within {self.share} of the length of the given weights"


def nearness(spec: Spec, problem: Problem, distance: float | None) -> Nearness | None:
    """How far the solution of base `nearby` is and may be; None with base `given`, whose distance is 0.

    Raises:
        Invalid: rows that count as one have different targets.
    """
    if not problem.nearby:
        return None
    for group in problem.groups if len(problem.kept) < len(problem.features) else ():
        for row in group[1:]:
            if problem.targets is not None and problem.targets[row] != problem.targets[group[0]]:
                raise Invalid("problem.merge_duplicates", f"rows {group[0]} and {row} have equal features",
                              "with base nearby merged rows need equal targets")
    return Nearness(distance, weights_length(problem), stated_cap(spec, problem))


def stated_cap(spec: Spec, problem: Problem) -> float | None:
    """The spec's cap, else the default; None where there is one solution only and the spec says nothing."""
    return spec.within if spec.within is not None else None if only_one(problem) else WITHIN


def only_one(problem: Problem) -> bool:
    """Whether the loss is strongly convex in the free weights: the last layer alone, with weight decay."""
    return (problem.solutions.stationary and problem.weight_decay > 0
            and problem.free == (len(problem.layers),))


def weights_length(problem: Problem) -> float:
    """The greatest binary64 number that is no larger than the Euclidean norm of the free weights."""
    return root_below(sum((Fraction(v) ** 2 for v in _free(problem)), Fraction(0)))


def _free(problem: Problem) -> Iterator[float]:
    for h in problem.free:
        layer = problem.layers[h - 1]
        yield from layer.weights
        yield from layer.biases or ()


def root_below(square: Fraction) -> float:
    """The greatest binary64 number whose square is no larger, found by halving between its neighbours.

    >>> root_below(Fraction(9)), root_below(Fraction(0)), root_below(Fraction(2)) == math.nextafter(2**0.5, 0)
    (3.0, 0.0, True)
    """
    # floats from 0 on are ordered as the integers that their 64 bits spell
    low, high = 0, _spelled(math.inf)  # the first is small enough, the second is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if Fraction(_float(middle)) ** 2 <= square else (low, middle)
    return _float(low)


def _spelled(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def _float(spelled: int) -> float:
    found: float = struct.unpack(">d", spelled.to_bytes(8, "big"))[0]
    return found


def _rounded_up(value: Fraction) -> str:
    """Three digits, never less than the value.

    >>> _rounded_up(Fraction(3, 4)), _rounded_up(Fraction(2, 3)), _rounded_up(Fraction(10**9 + 1))
    ('7.50e-1', '6.67e-1', '1.01e+9')
    """
    if value == 0:
        return "0"
    exponent = 0
    while value >= Fraction(10) ** (exponent + 1):
        exponent += 1
    while value < Fraction(10) ** exponent:
        exponent -= 1
    digits = math.ceil(value / Fraction(10) ** (exponent - 2))
    if digits == 1000:
        digits, exponent = 100, exponent + 1
    return f"{digits // 100}.{digits % 100:02}e{exponent:+}"
