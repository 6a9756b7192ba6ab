"""Training rows as somebody gave them: what people read of them, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import Final

from certify.rigor.fp import Array

COORDINATES: Final = "as coordinates in the span of the rows computed in float64, a rounding that is not bounded"
"""What is said of features that belong to no column."""


@dataclass(frozen=True, eq=False)
class Given:
    """Training rows as somebody gave them, for people to read.

    Attributes:
        rows: `(n, …)` features.
        names: of the columns, or None.
        targets: as they were called, or None.
        behind: what stands between the data and these rows, where no others are known; "": they are the data.
        sources: of every feature of the network the number of the column it is made of; None: it is that column.
        aside: columns of the data that the model was not fitted to.
    """

    rows: Array
    names: tuple[str, ...] | None
    targets: Array | None
    behind: str = ""
    sources: tuple[int, ...] | None = None
    aside: tuple[str, ...] = ()

    def column(self, j: int) -> str:
        """What a column is called."""
        return f"column {j}" if self.names is None else self.names[j]

    def features(self, name: str | int) -> list[int]:
        """Numbers of the features that are made of a column; none where there is no such column."""
        at = name if isinstance(name, int) else (self.names or ()).index(name) if name in (self.names or ()) else -1
        return [f for f, j in enumerate(range(self.rows.shape[1]) if self.sources is None else self.sources) if j == at]


def in_coordinates(steps: str) -> str:
    """What stands before features that belong to no column; of many steps the first.

    A checker shows 200 characters, so that it shows with them that coordinates are rounded.

    >>> in_coordinates("CountVectorizer")[:46], len(in_coordinates(20 * "StandardScaler, ")) < 195
    ('CountVectorizer, as coordinates in the span of', True)
    """
    return f"{shorten(steps, 96, placeholder='…')}, {COORDINATES}"
