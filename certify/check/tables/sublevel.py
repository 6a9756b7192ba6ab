"""The rules of all weights whose training loss is small enough."""

from __future__ import annotations

from certify.check.table import Row

ROWS = (
    Row("modulus.sublevel", ("modulus",)),  # M6
    Row("modulus.sublevel", ("sample_modulus",), rule="ROWS"),  # M6
    Row("persistence.radius", ("persistence_radius",)),  # M6
    Row("aubin.sublevel", ("aubin",)),  # Q5
)
"""The first that fits counts."""
