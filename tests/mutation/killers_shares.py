"""Boxes that state a λ next to infinite (D24), as killers; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from tests.containment.rigor import Violation
from tests.families.huge_shares import accepted
from tests.mutation.killers import killer


@killer
def huge_shares() -> None:
    """Of a head whose outputs move."""
    if accepted(0.0, 2.0**1005):
        raise Violation("no output is said to move")
