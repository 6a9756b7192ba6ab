"""D27: which sums of two steps from a centre leave evaluation rows open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines
from certify.theorems.head.rows.softmax_three_labels.sums import Sums

FAR = 0.99
"""Share of the distances of all sums up to which those of a step with later ones are judged by the largest."""

MANY = 1 << 12
"""About how many distances, evenly drawn, tell which are the largest ones."""

BLOCK = 128
"""Steps whose sums with all later ones are looked at together."""

AT_ONCE = 512
"""Sums that are looked at together."""


@dataclass(frozen=True, eq=False)
class Open:
    """Choices that leave evaluation rows open.

    Attributes:
        line: `(o,)` which of the lines; `first`, `second` `(o,)` the steps, the second −1 where there is none.
    """

    line: Whole
    first: Whole
    second: Whole


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins at steps, by lines and other classes.

    Attributes:
        length: `(K,)` at least the lengths of evaluation rows in the norm of the inverse.
        low: `(f, K)` lower bounds at the steps; `gain` `(f, K)` of what a step adds to those at the centre.
        later: `(f, K)` the least gain of the steps after one.
    """

    length: Array
    low: Array
    gain: Array
    later: Array


def opened(sums: Sums, lines: Lines, rows: Whole, W: Array) -> Open:
    """The steps, and sums of two of different rows, that are not proved to keep the label of an evaluation row.

    Args:
        sums: what steps from a centre do.
        lines: the evaluation rows.
        rows: `(f,)` the rows whose labels the steps change.
        W: `(f, k, p)` weights after the steps.
    """
    m = _margins(sums, lines, W)
    line = np.repeat(np.arange(len(lines.at)), lines.other.shape[1])
    alone = np.argwhere(~(m.length * sums.single()[:, None] < m.low))
    found = [Open(line[alone[:, 1]], alone[:, 0], np.full(len(alone), -1))]
    for start in range(0, len(W), BLOCK):
        first, second = _by_lengths(sums, m, rows, slice(start, min(start + BLOCK, len(W))))
        for at in range(0, len(first), AT_ONCE):
            v, w = first[at : at + AT_ONCE], second[at : at + AT_ONCE]
            open_ = np.argwhere(~(sums.formed(v, w)[:, None] * m.length < m.low[v] + m.gain[w]))
            found.append(Open(line[open_[:, 1]], v[open_[:, 0]], w[open_[:, 0]]))
    return Open(*(np.concatenate([getattr(one, name) for one in found]) for name in ("line", "first", "second")))


def _margins(sums: Sums, lines: Lines, W: Array) -> Margins:
    """Those at weights after steps and at the centre, with all that they and sums of them are off by."""
    margins, off = lines.margins(np.concatenate([W, sums.m.c.V[None]]))
    slack = (off + 16.0 * U * np.abs(margins)) * RAISE
    low = (margins - slack)[:-1].reshape(len(W), lines.other.size)
    gain = low - (margins + slack)[-1].ravel()
    later = np.minimum.accumulate(gain[::-1], axis=0)[::-1]
    later = np.concatenate([later[1:], np.full((1, lines.other.size), np.inf)])
    return Margins((lines.lengths(sums.m) * RAISE).ravel(), low, gain, later)


def _by_lengths(sums: Sums, m: Margins, rows: Whole, at: slice) -> tuple[Whole, Whole]:
    """Sums of a step of a block with a later one that leave a line open by lengths of second differences."""
    two = sums.distances(at, slice(at.start, None))
    first, second = np.arange(at.start, at.stop), np.arange(at.start, len(rows))
    choice = (second > first[:, None]) & (rows[at, None] != rows[at.start :])
    known = two[choice & (two < np.inf)]
    cut = float(np.quantile(known[:: 1 + len(known) // MANY], FAR)) if len(known) else 0.0
    close = choice & (two <= cut)
    none, found = [np.zeros(0, np.int64)], list[tuple[Whole, Whole]]()

    def judge(v: Whole, w: Whole, lines: Whole | slice = slice(None)) -> None:
        open_ = ~(two[v, w, None] * m.length[lines] < m.low[first[v]][:, lines] + m.gain[second[w]][:, lines])
        found.append((first[v[open_.any(axis=1)]], second[w[open_.any(axis=1)]]))

    v, w = np.nonzero(choice & ~close)
    for begin in range(0, len(v), AT_ONCE):
        judge(v[begin : begin + AT_ONCE], w[begin : begin + AT_ONCE])
    near = np.where(close, two, -1.0).max(axis=1, initial=-1.0)
    doubt = ~(m.length * near[:, None] < m.low[at] + m.later[at])
    for i in np.flatnonzero(doubt.any(axis=1)):
        w = np.flatnonzero(close[i])
        judge(np.full(len(w), i), w, np.flatnonzero(doubt[i]))
    return np.concatenate([v for v, _ in found] + none), np.concatenate([w for _, w in found] + none)
