"""Rows that are left out."""

from __future__ import annotations

from certify.problem.perturbations.moving import Moving


class Deletions(Moving):
    """A row is left out or stays; a change has no size."""

    word = "deletions"

    def width(self, inputs: int, outputs: int) -> int:
        """One: whether it is left out."""
        return 1
