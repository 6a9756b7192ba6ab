"""These rows: exactly they are deleted, or get the labels that are stated for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.base import Change, Choice, batches, own
from certify.systems.head.rows.head import Head


@dataclass(frozen=True, eq=False)
class GivenRows(Change):
    """One choice alone.

    Attributes:
        rows: ascending.
        codes: what each becomes: a code other than its own, or `DELETED`.
    """

    apart: ClassVar[str] = "these very rows change, and one refit says what becomes of every prediction"
    by_rows: ClassVar[bool] = False

    rows: tuple[int, ...]
    codes: tuple[int, ...]

    @property
    def within(self) -> None:
        """None: other rows stay."""
        return

    def leaves(self, head: Head) -> int:
        """One."""
        return 1

    def every(self, head: Head, at_once: int = 4096) -> Iterator[Choices]:
        """It."""
        return batches([(self.rows, self.codes)], at_once)

    def permits(self, head: Head, choice: Choice) -> bool:
        """Whether it is that change, whole."""
        return sorted(zip(*choice, strict=True)) == list(zip(self.rows, self.codes, strict=True))

    def emptied(self, head: Head) -> list[int]:
        """Labels without a row afterwards."""
        after = own(head).copy()
        after[list(self.rows)] = self.codes
        left = set(after.tolist())
        assert head.codes is not None
        return [c for c in range(len(head.codes)) if c not in left]

    def gains(self, head: Head, gone: np.ndarray, worth: np.ndarray) -> Choice:
        """It."""
        return self.rows, self.codes

    @property
    def words(self) -> str:
        """How many rows change how."""
        deleted = sum(code == DELETED for code in self.codes)
        parts = [(deleted, "deleted"), (len(self.rows) - deleted, "relabelled")]
        return " and ".join(f"{'this row' if k == 1 else f'these {k} rows'} {verb}" for k, verb in parts if k)
