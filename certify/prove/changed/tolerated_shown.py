"""Tolerated changes as people see them: a table in a notebook, a data frame, a picture over the number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any, Protocol

from certify.format.errors import InputError
from certify.prove.changed.axes import new_axes
from certify.prove.rows_shown import COLOURS, FLIPS, LABEL, PLURALS, SHOWN, STAYS, UNDECIDED

WIDEST = 60
"""Most numbers of rows that a picture shows one by one; beyond them it ends."""


@dataclass(frozen=True)
class Tolerance:
    """One evaluation row.

    Attributes:
        row: its number.
        label: as of :class:`certify.prove.rows_shown.Prediction`.
        lower, upper: how many changed rows it survives, from both sides.
        changed: training rows whose change flips it, the fewest that were found.
    """

    row: int
    label: Any
    lower: int
    upper: int
    changed: tuple[int, ...]


class Found(Protocol):
    """What is shown: :class:`certify.prove.changed.tolerated.ToleratedChanges`."""

    @property
    def asked(self) -> str:
        """What is counted, in words."""
        ...

    def rows(self) -> list[Tolerance]:
        """Every evaluation row."""
        ...


def counted(every: list[Tolerance]) -> list[tuple[int, int, int, int]]:
    """For each number of changed rows how many predictions stay, are undecided and flip.

    >>> counted([Tolerance(0, 1, 1, 2, ()), Tolerance(1, 0, 0, 0, (3,))])
    [(1, 1, 0, 1), (2, 0, 1, 1)]
    """
    ends = [end for one in every for end in (one.lower, one.upper)]
    last = min(max(ends, default=0) + 1, WIDEST, max([one.lower for one in every] + [
        len(one.changed) for one in every], default=0) + 1)
    return [(m, sum(one.lower >= m for one in every), sum(one.lower < m <= one.upper for one in every),
             sum(one.upper < m for one in every)) for m in range(1, last + 1)]


def as_html(found: Found, what: str = LABEL) -> str:
    """The most fragile predictions, for notebooks; it runs no script and needs no other file.

    Args:
        found: what is shown.
        what: is compared of a prediction, as :func:`certify.prove.rows_shown.called` says.
    """
    every = sorted(found.rows(), key=lambda one: (one.upper, one.lower, one.row))
    title = repr(found).partition("(")[2].rstrip(")")
    lines = "".join(
        f"<tr><td>{one.row}</td><td>{escape(str(one.label))}</td><td>{_ends(one)}</td>"
        f"<td>{', '.join(map(str, one.changed))}</td></tr>" for one in every[:SHOWN])
    head = "".join(f"<th>{word}</th>" for word in ("row", what, "survives", "flipped by training rows"))
    more = f"<p>and {len(every) - SHOWN} others; see to_frame()</p>" if len(every) > SHOWN else ""
    return f"<div><p>{title}</p><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>{more}</div>"


def _ends(one: Tolerance) -> str:
    return str(one.lower) if one.lower == one.upper else f"{one.lower} to {one.upper}"


def as_frame(found: Found, what: str = LABEL) -> Any:
    """A pandas DataFrame of :class:`Tolerance`, the number of the evaluation row as index.

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
    members: dict[str, list[Any]] = {what if name == LABEL else name: [getattr(one, name) for one in every]
                                     for name in (LABEL, "lower", "upper", "changed")}
    return pandas.DataFrame(members, index=pandas.Index([one.row for one in every], name="row"))


def drawn(found: Found, axes: Any = None) -> Any:
    """A column for each number of changed rows: what stays, is undecided and flips.

    Raises:
        InputError: matplotlib is not installed.
    """
    axes = new_axes(7.2, 3.0) if axes is None else axes
    table = counted(found.rows())
    numbers, begin = [m for m, *_ in table], [0] * len(table)
    for place, status in enumerate((STAYS, UNDECIDED, FLIPS), start=1):
        sizes = [line[place] for line in table]
        axes.bar(numbers, sizes, bottom=begin, width=0.9, color=COLOURS[status], label=PLURALS[status])
        begin = [low + size for low, size in zip(begin, sizes, strict=True)]
    axes.set_xticks([m for m in numbers if len(numbers) <= 12 or m % 5 == 0])
    axes.set_xlabel(f"{found.asked}, at most")
    axes.set_ylabel("predictions")
    axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return axes
