"""Bounds: one theorem a file, and the way from a problem to a bound with its rigour.

`bound(problem, "modulus")` and `bound(problem, "sample_modulus")` try binary64 first and go on to double-double
where the two ends do not meet within `GAP`.
"""

from __future__ import annotations

from certify.bounds.base_point import base_point
from certify.bounds.interpolation import GAP, Interpolation, bound

__all__ = ["GAP", "Interpolation", "base_point", "bound"]
