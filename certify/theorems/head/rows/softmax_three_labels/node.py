"""D27: which sums of two steps from a centre leave evaluation rows open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.softmax_by_choice.candidates import Lines
from certify.theorems.head.rows.softmax_three_labels.noted import Noted
from certify.theorems.head.rows.softmax_three_labels.sums import Sums

FAR = 0.99
"""Share of the distances of all sums up to which those of a step with later ones are judged by the largest."""

MANY = 1 << 12
"""About how many distances, evenly drawn, tell which are the largest ones."""

BLOCK = 128
"""Steps whose sums with all later ones are looked at together."""

AT_ONCE, CELLS = 512, 2_000_000
"""Most sums that are looked at together, and most products of them with evaluation rows."""


@dataclass(frozen=True, eq=False)
class Open:
    """Choices that leave evaluation rows open.

    Attributes:
        line: `(o,)` which of the lines; `first`, `second` `(o,)` the steps, the second −1 where there is none.
        over: `(L,)` lines that have more than there is room for: of these there is none.
    """

    line: Whole
    first: Whole
    second: Whole
    over: Mask


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


def opened(sums: Sums, lines: Lines, rows: Whole, W: Array, room: Whole, check: Callable[[], None]) -> Open:
    """The steps, and sums of two of different rows, that are not proved to keep the label of an evaluation row.

    Args:
        sums: what steps from a centre do.
        lines: the evaluation rows.
        rows: `(f,)` the rows whose labels the steps change.
        W: `(f, k, p)` weights after the steps.
        room: `(L,)` most choices of each evaluation row.
        check: raises when the time is up.
    """
    m, noted, f = _margins(sums, lines, W), Noted(room), len(W)

    def note(first: Whole, second: Whole, open_: Mask) -> None:
        one, line = np.nonzero(open_.reshape(len(first), *lines.other.shape).any(axis=2))
        noted.add(line, first[one] * (f + 1) + second[one] + 1)

    note(np.arange(f), np.full(f, -1), ~(m.length * sums.single()[:, None] < m.low))
    size = at_once(sums, lines)
    for start in range(0, f, BLOCK):
        check()
        first, second = _by_lengths(sums, m, rows, slice(start, min(start + BLOCK, f)), size)
        for at in range(0, len(first), size):
            check()
            v, w = first[at : at + size], second[at : at + size]
            note(v, w, ~(sums.formed(v, w)[:, None] * m.length < m.low[v] + m.gain[w]))
    line, number = noted.all()
    return Open(line, number // (f + 1), number % (f + 1) - 1, noted.over)


def at_once(sums: Sums, lines: Lines) -> int:
    """How many sums are looked at together."""
    return max(1, min(AT_ONCE, CELLS // max(int(lines.other.size), int(sums.turned.shape[1]))))


def _margins(sums: Sums, lines: Lines, W: Array) -> Margins:
    """Those at weights after steps and at the centre, with all that they and sums of them are off by."""
    margins, off = lines.margins(np.concatenate([W, sums.m.c.V[None]]))
    slack = (off + 16.0 * U * np.abs(margins)) * RAISE
    low = (margins - slack)[:-1].reshape(len(W), lines.other.size)
    gain = low - (margins + slack)[-1].ravel()
    later = np.minimum.accumulate(gain[::-1], axis=0)[::-1]
    later = np.concatenate([later[1:], np.full((1, lines.other.size), np.inf)])
    return Margins((lines.lengths(sums.m) * RAISE).ravel(), low, gain, later)


def _by_lengths(sums: Sums, m: Margins, rows: Whole, at: slice, size: int) -> tuple[Whole, Whole]:
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
    for begin in range(0, len(v), size):
        judge(v[begin : begin + size], w[begin : begin + size])
    near = np.where(close, two, -1.0).max(axis=1, initial=-1.0)
    doubt = ~(m.length * near[:, None] < m.low[at] + m.later[at])
    for i in np.flatnonzero(doubt.any(axis=1)):
        w = np.flatnonzero(close[i])
        judge(np.full(len(w), i), w, np.flatnonzero(doubt[i]))
    return np.concatenate([v for v, _ in found] + none), np.concatenate([w for _, w in found] + none)
