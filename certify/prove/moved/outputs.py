"""Both ends of how far each prediction moves, by the theorems that say something of a head and a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from certify.finders.head.unchanged import unchanged_refit
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions import bent, relabelled, summed
from certify.theorems.head.rows.moves import deleted
from certify.theorems.head.rows.moves.boxed import able as boxable
from certify.theorems.head.rows.moves.boxed_ranges import Kept, kept_of

BOX: Final = 0.3
"""Share of the time for one box of all choices."""


@dataclass(frozen=True, eq=False)
class Moved:
    """Both ends of every evaluation row.

    Attributes:
        lower, upper: `(N,)` of all outputs together; infinite above where nothing is proved.
        falls, rises: `(N, k)` upper bounds of how far each output goes down, and up.
        rows, codes: `(N, m)` the change that moves the row by `lower`; NONE in the place of none.
    """

    lower: Array
    upper: Array
    falls: Array
    rises: Array
    rows: Whole
    codes: Whole


def _deleted(head: Head, change: RowChange, budget: Budget) -> Moved | str:
    found = deleted.ends_of(head, change, budget)
    return found if isinstance(found, str) else Moved(
        found.lower, found.upper, found.falls, found.rises, found.rows, np.full_like(found.rows, DELETED))


def _relabelled(head: Head, change: RowChange, budget: Budget) -> Moved | str:
    found = relabelled.ends_of(head, change, budget)
    return found if isinstance(found, str) else Moved(
        found.lower, found.upper, found.falls, found.rises, found.rows, found.codes)


def _in_boxes(head: Head, change: RowChange, budget: Budget) -> Moved | str:
    """Of a logistic head: one box of all choices (D24), and trees of boxes (D6)."""
    N, nothing = len(head.points), Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    today = proposed(lambda: unchanged_refit(head))
    today = head.V if today is None else today
    near = float(enclose_refits(head, nothing, today[None])[0])
    if not np.isfinite(near):
        return "the refit of the unchanged rows is not proved"
    falls, rises = np.full((2, N), np.inf)
    rows, codes, low = np.full((N, change.count), NONE), np.full((N, change.count), NONE), np.zeros(N)
    box = None if bent.able(head, change) else bent.box_of(head, change, budget.share(BOX).left)
    if box is not None:
        ways = bent.outputs_bent(box[0], head.points, budget.share(BOX).left)
        falls, rises = ways.falls, ways.rises
    kept = proposed(lambda: kept_of(head, change, head.points, budget)) if boxable(head, change) else None
    if kept is not None:
        size = np.asarray(head.points_norm * RAISE)
        f = head.points @ today[0]
        off = (fp.dot_unit(head.m) * float(np.linalg.norm(today)) + near) * size * RAISE + 4 * U * np.abs(f)
        falls = np.minimum(falls, ((f + off) - kept.low[:N]) * (1 + 8 * U) + fp.FLOOR)
        rises = np.minimum(rises, (-kept.low[N:] - (f - off)) * (1 + 8 * U) + fp.FLOOR)
        low, rows, codes = _reached(kept, f, off)
    return Moved(low, np.maximum(falls, rises), falls[:, None], rises[:, None], rows, codes)


def _reached(kept: Kept, f: Array, off: Array) -> tuple[Array, Whole, Whole]:
    """How far each prediction moves at least, whichever way is farther, and by which change."""
    N = len(f)
    down, up = f - off - kept.reached[:N], -kept.reached[N:] - f - off
    which = np.where(down >= up, np.arange(N), N + np.arange(N))
    low = np.maximum(np.maximum(down, up) * (1 - 8 * U) - 8 * U * np.abs(f), 0.0)
    return np.where(np.isfinite(low), low, 0.0), kept.choices.rows[which], kept.choices.codes[which]


def _boxed(head: Head, change: Change) -> str:
    """Whether boxes are about it; else why not, in words."""
    why = bent.able(head, change)
    return "" if not why or (isinstance(change, RowChange) and boxable(head, change)) else why


def _summed(head: Head, change: Change) -> str:
    why = summed.able(head, change)
    return why or ("" if isinstance(change, RowChange) and change.relabels else "no labels change")


KINDS: Final[tuple[tuple[Callable[[Head, Change], str], Callable[[Head, RowChange, Budget], Moved | str]], ...]] = (
    (deleted.able, _deleted), (_summed, _relabelled), (_boxed, _in_boxes))
"""Deletions and other labels of the squared loss, and changes of a logistic head: why it is another one, and ends."""


def ends_of(head: Head, change: Change, budget: Budget) -> Moved | str:
    """Both ends, or in words why there are none.

    Args:
        head, change: of which :func:`able` says nothing.
        budget: the time.
    """
    assert isinstance(change, RowChange)
    return next(ends for why, ends in KINDS if not why(head, change))(head, change, budget)


def able(head: Head, change: Change) -> str:
    """Why no theorem bounds each prediction; empty where one does."""
    said = [why(head, change) for why, _ in KINDS]
    if not all(said):
        return ""
    relabels = isinstance(change, RowChange) and change.relabels
    return said[2] if head.loss.sigmoid else said[1] if relabels else said[0]
