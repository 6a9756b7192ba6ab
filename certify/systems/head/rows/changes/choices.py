"""Batches of changes of rows, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.systems.head.rows.head import Whole

DELETED = -1
"""In the place of a code: the row is left out."""
NONE = -1
"""In the place of a row: nothing."""


@dataclass(frozen=True, eq=False)
class Choices:
    """A batch of changes.

    Attributes:
        rows: `(B, r)` numbers of rows, distinct; `NONE` fills up.
        codes: `(B, r)` what they become: a code, or `DELETED`.
    """

    rows: Whole
    codes: Whole

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, at: slice) -> Choices:
        """Some of them."""
        return Choices(self.rows[at], self.codes[at])

    @property
    def deleted(self) -> Whole:
        """`(B,)` how many rows each of them deletes."""
        return np.asarray(((self.rows != NONE) & (self.codes == DELETED)).sum(axis=1))
