"""What comes of leaving out one thing after another, rows or groups of them: ranked, and as a table."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from certify.format.errors import InputError
from certify.prove.changed.left.leads import Leads, place
from certify.rigor.fp import Array


class Ends(Protocol):
    """What leaving out one thing does to one evaluation row, enclosed."""

    @property
    def lower(self) -> float:
        """The least that it may be."""

    @property
    def upper(self) -> float:
        """The most."""


One = TypeVar("One", bound=Ends)


class Ranked(Leads, Generic[One]):
    """The same of all that was left out, each by itself, in the order of the rows."""

    @cached_property
    def middle(self) -> Array:
        """`(r, N, k)` midpoints."""
        return np.asarray((self.lower + self.upper) / 2)

    @abstractmethod
    def changes(self, point: int) -> list[One]:
        """What leaving out each changes at one evaluation row."""

    @abstractmethod
    def _left_out(self) -> tuple[str, list[Any]]:
        """What one of those that were left out is called, and the names of all."""

    def _columns(self) -> dict[str, list[int]]:
        """What a table for one evaluation row says of each beside its change."""
        return {}

    def most_influential(self, point: int, count: int = 10) -> list[One]:
        """Those (rows or groups) whose absence changes one evaluation row most, largest change first.

        Args:
            point: number of the evaluation row.
            count: how many.
        """
        return sorted(self.changes(point), key=lambda one: place(one.lower, one.upper))[:count]

    def to_frame(self, point: int | None = None) -> Any:
        """A pandas DataFrame: for one evaluation row a line for each that was left out; else one for every output too.

        Args:
            point: number of an evaluation row; None: all of them.

        Raises:
            InputError: pandas is not installed, or there is no such row.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise InputError("to_frame", "pandas is not installed", "run pip install pandas, or use lower and upper",
                             ) from None
        kind, named = self._left_out()
        names = pandas.Index(named, name=kind, tupleize_cols=False)
        if point is not None:
            every = self.changes(point)
            ends = {name: [getattr(one, name) for one in every] for name in ("lower", "upper", "direction")}
            return pandas.DataFrame(ends | self._columns(), index=names)
        _, N, k = self.lower.shape
        index = pandas.MultiIndex.from_product([names, range(N), range(k)], names=(kind, "point", "output"))
        return pandas.DataFrame({"lower": self.lower.ravel(), "upper": self.upper.ravel()}, index=index)

    def _shown(self, what: str) -> str:
        """One line."""
        _, N, k = self.lower.shape
        return (f"{type(self).__name__}({what}, each left out: {N} evaluation rows, "
                f"{k} {'output' if k == 1 else 'outputs'})")
