"""Numbers of a spec, and of the command line."""

from __future__ import annotations

import math
from typing import Any


def is_number(value: Any, least: float = -math.inf) -> bool:
    """Whether this is a finite number that a double holds exactly (an integer up to 2^53), from `least` on."""
    if type(value) is int:
        return abs(value) <= 2**53 and value >= least
    return type(value) is float and math.isfinite(value) and value >= least
