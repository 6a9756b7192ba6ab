"""D34: the difference of two outputs after the same changes of rows: one sum over rows, each at its worst."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from certify.rigor.fp import Array, U
from certify.systems.head.rows.boxes.slabs import Rows
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.separate.outputs import Lost

Touched = Mapping[tuple[bool, bool], Array]
"""By whether a change reaches the first and the second output: `(f,)` which rows may change so."""


def touched(head: Head, change: RowChange, rows: Rows, y: int, c: int) -> Touched:
    """Which of some rows reach outputs y and c if they change, and how: a deleted row both, a label those it is of."""
    if not change.relabels:
        return {(True, True): np.ones(len(rows), bool)}
    assert head.codes is not None
    new = change.open_codes(head)[rows]
    reaches = [(head.codes[None, :, a] != head.Y[rows, None, a]) & new for a in (y, c)]
    return {(first, second): ((reaches[0] == first) & (reaches[1] == second) & new).any(axis=1)
            for first, second in ((True, True), (True, False), (False, True))}


def gains(up: Lost, down: Lost, kinds: Touched) -> Array:
    """`(N, f)` what each row takes at most of `x·(w_y − w_c)` if it changes in one of the ways it may; 0 if it adds.

    Args:
        up: of `x·w_y`.
        down: of `−x·w_c`.
        kinds: as of :func:`touched`.
    """
    most = np.zeros_like(up.gain)
    for (first, second), rows in kinds.items():
        gain = up.gain * first + down.gain * second
        gain = gain + 2.0 * U * (np.abs(up.gain) * first + np.abs(down.gain) * second)
        # a number that is none stays: it proves nothing
        most = np.where(rows, np.maximum(most, gain), most)
    return most


def clear(up: Lost, down: Lost) -> Array:
    """`(N,)` what the changes of rows may take of `x·(w_y − w_c)` together, from below."""
    margin = up.margin + down.margin
    room = 4.0 * U * (np.abs(up.margin) + np.abs(down.margin) + up.fixed + down.fixed)
    return np.asarray(margin - (up.fixed + down.fixed) - room)
