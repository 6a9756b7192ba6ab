"""Stable predictions as people see them: a table in a notebook, a data frame, a bar."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any, Final, Protocol

import numpy as np

from certify.format.errors import InputError
from certify.prove.changed.axes import new_axes
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head

STAYS, UNDECIDED, FLIPS = "stays", "undecided", "flips"
COLOURS: Final = {STAYS: "#1e6b4a", UNDECIDED: "#b98300", FLIPS: "#9c2b27"}
PLURALS: Final = {STAYS: "stay", UNDECIDED: "undecided", FLIPS: "flip"}
SHOWN = 20
LABEL, LARGEST = "label", "largest output"
NO_CHANGE: Final = "none: already when trained to the end on today’s data"


@dataclass(frozen=True)
class Prediction:
    """One evaluation row.

    Attributes:
        row: its number.
        label: the class with the largest output at the given weights, in the words of y where they are known (of a
            classifier of scikit-learn), else its number; of one output 1 above the threshold, else 0; −1: too near a
            tie to tell.
        margin: how far ahead the largest output is, or the output of the threshold, about.
        status: ``"stays"``, ``"undecided"`` or ``"flips"``.
        changed: training rows whose change flips it.
        groups: names of the groups that these are of, where groups were given.
        relabelled: those of `changed` that get another label; the others are left out.
    """

    row: int
    label: Any
    margin: float
    status: str
    changed: tuple[int, ...]
    groups: tuple[Any, ...] = ()
    relabelled: tuple[int, ...] = ()


class Found(Protocol):
    """What is shown: :class:`certify.prove.rows.StablePredictions`."""

    @property
    def change(self) -> Change:
        """What may happen to the rows."""
        ...

    @property
    def already(self) -> Any:
        """Numbers of the evaluation rows that flip with no change."""
        ...

    def rows(self) -> list[Prediction]:
        """Every evaluation row."""
        ...


def called(head: Head, classes: Sequence[Any] | None) -> str:
    """What is compared of a prediction: its label, or of several real targets which output is the largest.

    Args:
        head: whose targets are labels where no more of them differ than there are outputs.
        classes: what y calls labels, or None.
    """
    if head.k == 1 or classes is not None or head.codes is not None or len(np.unique(head.Y, axis=0)) <= head.k:
        return LABEL
    return LARGEST


def as_html(found: Found, what: str = LABEL) -> str:
    """A bar and the predictions that do not stay, for notebooks; it runs no script and needs no other file.

    Args:
        found: what is shown.
        what: is compared of a prediction, as :func:`called` says.
    """
    every, already = found.rows(), set(found.already.tolist())
    both = isinstance(found.change, BothChange)
    title = repr(found).partition("(")[2].rstrip(")")
    left = sorted((one for one in every if one.status != STAYS), key=lambda one: (one.status != FLIPS, one.row))
    bar = "".join(
        f'<span style="width:{100 * size / len(every):.2f}%;'
        f'background:{COLOURS[status]}" title="{size} {PLURALS[status]}"></span>'
        for status, size in _counts(every) if size)
    lines = "".join(
        f"<tr><td>{one.row}</td><td>{escape(str(one.label))}</td><td>{one.margin:.3g}</td><td>{one.status}</td>"
        f"<td>{NO_CHANGE if one.row in already else _flipped_by(one, both)}</td></tr>"
        for one in left[:SHOWN])
    head = "".join(f"<th>{word}</th>" for word in ("row", what, "margin", "status", "flipped by training rows"))
    more = f"<p>and {len(left) - SHOWN} others; see to_frame()</p>" if len(left) > SHOWN else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{more}" if left else ""
    return f'<div><p>{title}</p><div style="display:flex;max-width:40em;height:12px">{bar}</div>{table}</div>'


def of_both(rows: Sequence[int], relabelled: Container[int], most: int | None = None) -> str:
    """The training rows of a change that may leave rows out and give others another label: what becomes of which.

    Args:
        rows: those that change.
        relabelled: among them those that get another label; the others are left out.
        most: how many of either are named; None: all.

    >>> of_both((3, 17, 40), {17}), of_both((17,), {17}), of_both((3, 17), ())
    ('rows 3, 40 deleted and row 17 relabelled', 'row 17 relabelled', 'rows 3, 17 deleted')
    >>> of_both(range(9), {8}, 2)
    'rows 0, 1 and 6 more deleted and row 8 relabelled'
    """
    parts = (([row for row in rows if row not in relabelled], "deleted"),
             ([row for row in rows if row in relabelled], "relabelled"))
    return " and ".join(f"{_named(some, most)} {what}" for some, what in parts if some)


def _named(rows: Sequence[int], most: int | None) -> str:
    """Some rows by their numbers, the first of many."""
    return f"row{'s' if len(rows) > 1 else ''} {first(rows, len(rows) if most is None else most)}"


def first(rows: Sequence[int], most: int) -> str:
    """The first of many rows, and how many more there are, two at least: one more is named.

    Args:
        rows: by their numbers.
        most: how many are named, but for one more.

    >>> first((3, 17, 40), 2), first((3, 17, 40, 41), 2)
    ('3, 17, 40', '3, 17 and 2 more')
    """
    more = len(rows) - most
    return ", ".join(map(str, rows[:most])) + f" and {more} more" if more > 1 else ", ".join(map(str, rows))


def _flipped_by(one: Prediction, both: bool) -> str:
    """Training rows, or the groups of them, as HTML; what becomes of which, where both kinds of change may be."""
    if both and one.changed:
        return escape(of_both(one.changed, one.relabelled))
    said = ", ".join(map(str, one.groups or one.changed))
    return escape(f"of {said}" if one.groups else said)


def as_frame(found: Found, what: str = LABEL) -> Any:
    """A pandas DataFrame of :class:`Prediction`, the number of the evaluation row as index.

    Args:
        found: what is shown.
        what: is compared of a prediction.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        pandas = import_module("pandas")
    except ImportError:
        raise InputError("to_frame", "pandas is not installed", "run pip install pandas, or use rows()") from None
    every = found.rows()
    members: dict[str, list[Any]] = {what if name == LABEL else name:
                                     [getattr(one, name) for one in every]
                                     for name in (LABEL, "margin", "status", "changed")}
    if isinstance(found.change, BothChange):
        members["relabelled"] = [one.relabelled for one in every]
    if any(one.groups for one in every):
        members["groups"] = [one.groups for one in every]
    return pandas.DataFrame(members, index=pandas.Index([one.row for one in every], name="row"))


def drawn(found: Found, axes: Any = None) -> Any:
    """A bar of what stays, is undecided and flips, on axes of matplotlib.

    Raises:
        InputError: matplotlib is not installed.
    """
    axes = new_axes(7.2, 1.9) if axes is None else axes
    begin = 0
    for status, size in _counts(found.rows()):
        axes.barh(0, size, left=begin, color=COLOURS[status], label=f"{size} {PLURALS[status]}")
        begin += size
    axes.set_yticks([])
    axes.set_xlim(0, begin)
    axes.set_xlabel("predictions")
    axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderpad=0, alignment="left",
                title=repr(found).partition("(")[2].partition(":")[0])
    return axes


def _counts(every: Sequence[Prediction]) -> list[tuple[str, int]]:
    return [(status, sum(one.status == status for one in every)) for status in (STAYS, UNDECIDED, FLIPS)]
