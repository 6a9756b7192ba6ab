"""These rows: exactly they are deleted, or get the labels that are stated for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certify.check.theorems.head.rows.changes.base import Choice, Labels, Rows


@dataclass(frozen=True)
class GivenRows(Rows):
    """One choice, its rows ascending."""

    labels: Labels
    choice: Choice

    @property
    def plain(self) -> None:
        """None: other rows stay."""
        return

    def every(self) -> Iterator[Choice]:
        """It alone."""
        yield self.choice

    def permits(self, choice: Choice) -> bool:
        """Whether it is that one, whole."""
        return tuple(sorted(choice)) == self.choice

    def emptied(self) -> list[int]:
        """Labels without a row afterwards."""
        after = [*self.labels.own]
        for row, code in self.choice:
            if after:
                after[row] = code
        return [c for c in range(self.labels.codes) if c not in after]
