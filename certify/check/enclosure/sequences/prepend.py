"""Learned tokens, then those of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.check.enclosure.sequences.base import Operation, Values


class Prepend(Operation):
    """One list after the other."""

    def value(self, inputs: Sequence[Values]) -> tuple[Values, Any]:
        """Exact."""
        return self.weight + inputs[0], None

    def pull(self, v: Values, kept: Any) -> tuple[Sequence[Values], Values]:
        """Each its own part."""
        return [v[len(self.weight):]], v[:len(self.weight)]


OWN = Prepend
