"""Numbers of the command line."""

from __future__ import annotations

import argparse
import math
import re

LONGEST = 10**6
"""Seconds, some eleven days: clocks of operating systems take not many more."""

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def number_of(text: str) -> float | None:
    """The finite number a decimal text spells, or None; what Python alone reads, as `1_0`, is none.

    >>> number_of("20"), number_of("-1.5e-3"), number_of("nan"), number_of("1_0"), number_of(" 1")
    (20.0, -0.0015, None, None, None)
    """
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def seconds_of(text: str) -> float:
    """A number of seconds above 0, at most :data:`LONGEST`."""
    value = number_of(text)
    if value is None or not 0 < value <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, at most {LONGEST}")
    return value


def size_of(text: str) -> int:
    """Bytes, from a number with or without kB, MB or GB.

    >>> size_of("4 GB"), size_of("500MB"), size_of("1e9")
    (4000000000, 500000000, 1000000000)
    """
    found = re.fullmatch(r"([0-9.eE+]+?) ?([kMG]?B)?", text, re.IGNORECASE)
    value = None if found is None else number_of(found[1])
    size = 0 if found is None or value is None else value * UNITS[(found[2] or "").lower()]
    if not 1 <= size < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size, such as 4GB, 500MB or a number of bytes")
    return int(size)
