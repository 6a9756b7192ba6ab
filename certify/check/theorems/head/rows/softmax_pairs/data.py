"""D16: what the checker reads off a softmax head, and the hypotheses that are about the problem itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import frexp, ldexp

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.pair_tree.numbers import up
from certify.check.theorems.head.rows.softmax_box import about
from certify.check.theorems.head.rows.softmax_pairs.table import Table, table
from certify.format.refusal import Invalid

MOST = 2
"""Deleted rows at most."""


@dataclass(frozen=True)
class Data:
    """A softmax head whose rows may be deleted.

    Attributes:
        head: the head.
        table: training rows.
        labels: the class of each.
        k: classes.
        decay: of each column; `plain`, `plain_off`: the same in doubles, and what these are off by.
        points: evaluation rows, each times a power of two; `today`: their classes, −1 where there is none.
    """

    head: Head
    table: Table
    labels: list[int]
    k: int
    decay: list[arb]
    plain: list[float]
    plain_off: float
    points: Table
    today: list[int]

    @property
    def n(self) -> int:
        """Number of training rows."""
        return self.table.n

    @property
    def p(self) -> int:
        """Number of columns."""
        return self.table.p

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.k * self.p

    @property
    def free(self) -> bool:
        """Whether the last column carries no decay."""
        return self.head.free_intercept


def data_of(head: Head, where: str) -> Data:
    """The head in exact numbers.

    Raises:
        Invalid: the theorem is not about this problem.
    """
    if head.relabels or not 1 <= head.count <= MOST:
        raise Invalid(where, "labels change" if head.relabels else f"{head.count} rows are deleted",
                      "pairs of single refits of a softmax head are for one or two deleted rows")
    return in_numbers(head, where)


def in_numbers(head: Head, where: str) -> Data:
    """The head in exact numbers, whatever changes.

    Raises:
        Invalid: the loss is another one, rows carry weights, or inputs or targets are not of the kind that is needed.
    """
    about(head, where)  # cross-entropy of two classes and more, a fixed decay, rows that may change, and one that stays
    if head.weights is not None:
        raise Invalid(where, "rows carry weights", "this is proved for rows that count the same")
    if not all(sorted(y) == [0.0] * (head.k - 1) + [1.0] for y in head.targets):
        raise Invalid(where, "a target is no unit vector", "labels are needed")
    mu = head.mu()
    decay = [mu] * (head.m - 1) + [ZERO if head.free_intercept else mu]
    if not all(x >= 0 and x.is_finite() for x in decay):
        raise Invalid(where, "the decay is negative or no number", "one that is not negative is needed")
    plain = [float(x.mid()) for x in decay]
    return Data(head, table(_exact(head.rows, where), head.m), [y.index(1.0) for y in head.targets], head.k, decay,
                plain, max(up(x - y) for x, y in zip(decay, plain, strict=True)),
                table([_of_one(row, where) for row in _exact(head.evaluated.tolist(), where)], head.m),
                list(head.today))


def _of_one(row: Sequence[float], where: str) -> list[float]:
    """A row times the power of two that brings its largest entry to ½ at least and below 1.

    Margins and lengths grow as the row does, so that no label depends on it. Of short rows squares would underflow, and
    one long row would leave few bits to all others, as rows in whole numbers have one unit.

    Raises:
        Invalid: entries lie so far apart that the smallest would underflow.

    >>> _of_one([0.0, -3.0], "here"), _of_one([5e-324, 0.0], "here")
    ([0.0, -0.75], [0.5, 0.0])
    """
    e = frexp(max(map(abs, row), default=0.0))[1]
    found = [ldexp(x, -e) for x in row]
    if not all(ldexp(x, e) == y for x, y in zip(found, row, strict=True)):
        raise Invalid(where, "entries of an evaluation row lie too far apart for doubles", "nearer ones are needed")
    return found


def _exact(rows: Sequence[Sequence[arb]], where: str) -> list[list[float]]:
    """The floats that balls without radius are.

    Raises:
        Invalid: one has a radius, or is a number of more digits.
    """
    if not all(x.is_exact() and x == float(x) for row in rows for x in row):
        raise Invalid(where, "the inputs of the last layer are not exact", "exact ones are needed")
    return [[float(x) for x in row] for row in rows]
