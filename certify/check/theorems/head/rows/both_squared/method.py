"""D32: rows deleted and others relabelled at once in a squared-loss head: which predictions stay; all is found here."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.both_squared.base import base_of
from certify.check.theorems.head.rows.both_squared.sets import Effort, stays
from certify.check.theorems.head.rows.changes.both import Both
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.squared.ridge import ridge_of
from certify.format.canonical import show
from certify.format.refusal import Invalid

ROWS = 4096
"""Rows that may change, of more of which nothing is proved: their hat matrix is held, 134 MB of so many."""

SETS = 4_000_000
"""Single sets of deletions that are looked at, large ones counted more often: points that need more are left open. A
prover stops earlier."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every deletion and relabelling that the spec asks about.

    Args:
        head: the head.
        arrays: none.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: another loss or change, rows that carry weights, or arrays are there.
    """
    kind = head.kind
    if not isinstance(head.loss, Squared) or not isinstance(kind, Both) or head.weights is not None:
        raise Invalid(where, "another loss or change, or rows that carry weights", "it is for rows that count the "
                      "same, some deleted and some relabelled at once, and the squared loss")
    if arrays:
        raise Invalid(where, f"there are arrays {show(sorted(arrays))}", "this method needs none")
    rows, want = sorted(kind.moving), [j for j, yes in enumerate(asked) if yes and head.today[j] >= 0]
    most, effort = min(kind.deleted, len(rows)), Effort(SETS)
    if not 1 <= len(rows) <= ROWS:
        want = []
    for deleted in range(most + 1) if head.remaining else (most,):
        if not want:
            break
        system = ridge_of(head, deleted)
        base = None if system.inverse.X is None else base_of(head, system, rows, want, (deleted, kind.relabelled))
        want = [] if base is None else [j for j in want if stays(base, j, effort)]
    stay = set(want)
    return [j in stay for j in range(len(asked))]
