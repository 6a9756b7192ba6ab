"""Changes of every kind of a tiny head, each with the rule that says which ways of changing its rows it is about."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.changes.given import GivenRows
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.changes.pairs import PairChange
from certify.systems.head.rows.head import Head
from tests.oracles.head_changes import GONE, KEPT, Way

Drawn = tuple[Change, Callable[[Way], bool]]


def _changed(way: Way) -> list[int]:
    return [i for i, c in enumerate(way) if c is not KEPT]


def any_rows(rng: np.random.Generator, head: Head, relabels: bool) -> Drawn:
    """At most two of some rows."""
    rows = sorted(rng.choice(head.n, head.n - 1, replace=False).tolist())
    return RowChange(relabels, 2, tuple(rows)), lambda way: len(_changed(way)) <= 2 and set(_changed(way)) <= {
        *rows} and all((way[i] != GONE) == relabels for i in _changed(way))


def given(rng: np.random.Generator, head: Head, relabels: bool) -> Drawn:
    """Two rows, both deleted or both with other labels."""
    rows = sorted(rng.choice(head.n, 2, replace=False).tolist())
    codes = [int((head.label[i] + 1) % len(head.codes)) for i in rows] if relabels else [DELETED] * 2
    way = [KEPT] * head.n
    for row, code in zip(rows, codes, strict=True):
        way[row] = code
    return GivenRows(tuple(rows), tuple(codes)), lambda seen: seen == tuple(way)


def groups(rng: np.random.Generator, head: Head, relabels: bool) -> Drawn:
    """Groups of one to three rows, of which at most one or two change."""
    cuts = sorted({0, head.n, *rng.integers(1, head.n, 3).tolist()})
    order = rng.permutation(head.n).tolist()
    parts = tuple(tuple(sorted(order[a:b])) for a, b in pairwise(cuts))
    count = int(rng.integers(1, 3))

    def allowed(way: Way) -> bool:
        touched = [part for part in parts if any(way[i] is not KEPT for i in part)]
        if len(touched) > count:
            return False
        if relabels:
            return all(way[i] != GONE for i in range(head.n))
        return all(way[i] == GONE for part in touched for i in part)

    return GroupChange(relabels, count, parts), allowed


def both(rng: np.random.Generator, head: Head, relabels: bool) -> Drawn:
    """One deleted and one relabelled, or two of the latter, of all rows but one."""
    rows = sorted(rng.choice(head.n, head.n - 1, replace=False).tolist())
    new = 1 + relabels
    return BothChange(1, new, tuple(rows)), lambda way: {*_changed(way)} <= {*rows} and sum(
        c == GONE for c in way) <= 1 and sum(c not in (KEPT, GONE) for c in way) <= new


def pairs(rng: np.random.Generator, head: Head, relabels: bool) -> Drawn:
    """Label 0 may become the last one, of three labels also 1 may become 0."""
    some = {(0, len(head.codes) - 1)} | ({(1, 0)} if relabels and len(head.codes) > 2 else set())
    rows = tuple(i for i in range(head.n) if head.label[i] in {a for a, _ in some})
    return PairChange(2, rows, frozenset(some)), lambda way: len(_changed(way)) <= 2 and all(
        (head.label[i], way[i]) in some for i in _changed(way))


KINDS = {"any_rows": any_rows, "given": given, "groups": groups, "both": both, "pairs": pairs}
