"""Sets of rows on their way to lower margins, and the sets next to them: one row more, one fewer, one exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.floats import Array
from certify.finders.head.moves import Scores, sorted_sets
from certify.finders.head.newton import Sets


@dataclass(frozen=True, eq=False)
class Chains:
    """Sets on their way to lower a margin each.

    Attributes:
        lane: `(C,)` places of the margins.
        sets: one each.
        V: `(C, k, m)` the weights fitted to them, or where to start.
    """

    lane: Array
    sets: Sets
    V: Array

    def at(self, which: Array | slice) -> Chains:
        """Some of them."""
        return Chains(self.lane[which], self.sets.at(which), self.V[which])

    def replaced(self, which: Array, others: Chains) -> Chains:
        """With others in some places."""
        rows, codes, V = self.sets.rows.copy(), self.sets.codes.copy(), np.array(self.V)
        rows[which], codes[which], V[which] = others.sets.rows, others.sets.codes, others.V
        return Chains(self.lane, Sets(rows, codes), V)


def joined(parts: list[Chains]) -> Chains:
    """All of them."""
    return Chains(
        np.concatenate([p.lane for p in parts]),
        Sets(np.concatenate([p.sets.rows for p in parts]), np.concatenate([p.sets.codes for p in parts])),
        np.concatenate([p.V for p in parts]),
    )


def name_of(sets: Sets, i: int) -> bytes:
    """The same for equal sets."""
    return bytes(sets.rows[i].tobytes() + sets.codes[i].tobytes())


def added(score: Scores, sets: Sets, count: int) -> tuple[Array, Sets]:
    """Each set with one more row, the `count` of largest worth in turn: where from, and the new sets."""
    worth = score.worth.copy()
    for column in sets.rows.T:
        held = column >= 0
        worth[np.nonzero(held)[0], column[held]] = -np.inf
    count = min(count, worth.shape[1])
    rows = np.argsort(-worth, axis=1, kind="stable")[:, :count]
    fine = np.take_along_axis(worth, rows, axis=1) > 0
    source, place = np.nonzero(fine)
    row = rows[source, place]
    new_rows, new_codes = sets.rows[source].copy(), sets.codes[source].copy()
    new_rows[:, 0], new_codes[:, 0] = row, score.code[source, row]  # the first place is empty: rows ascend
    return source, sorted_sets(new_rows, new_codes)


def swaps(score: Scores, sets: Sets, inside: int, beyond: int) -> tuple[Array, Sets]:
    """Each set with one of its `inside` least rows, or an empty place, given to one of the `beyond` best outside."""
    worth = score.worth.copy()
    for column in sets.rows.T:
        held = column >= 0
        worth[np.nonzero(held)[0], column[held]] = -np.inf
    outside = np.argsort(-worth, axis=1, kind="stable")[:, :beyond]
    weakest = np.argsort(_now(score, sets), axis=1, kind="stable")[:, :inside]
    T, a, b = len(sets), weakest.shape[1], outside.shape[1]
    source = np.repeat(np.arange(T), a * b)
    place = np.repeat(weakest, b, axis=1).ravel()
    row = np.tile(outside, (1, a)).ravel()
    fine = np.isfinite(worth[source, row])
    source, place, row = source[fine], place[fine], row[fine]
    rows, codes, each = sets.rows[source].copy(), sets.codes[source].copy(), np.arange(len(source))
    rows[each, place], codes[each, place] = row, score.code[source, row]
    return source, sorted_sets(rows, codes)


def without(score: Scores, sets: Sets, count: int) -> Sets:
    """Each set without its `count` places of least worth."""
    order = np.argsort(_now(score, sets), axis=1, kind="stable")[:, count:]
    return sorted_sets(np.take_along_axis(sets.rows, order, axis=1), np.take_along_axis(sets.codes, order, axis=1))


def _now(score: Scores, sets: Sets) -> Array:
    """`(T, m)` what the rows of each set take now; empty places nothing."""
    inside = np.take_along_axis(score.worth, np.maximum(sets.rows, 0), axis=1)
    return np.where(sets.rows >= 0, inside, np.minimum(0.0, inside.min(axis=1, keepdims=True)) - 1)
