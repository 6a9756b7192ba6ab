"""Ranked rows as lines and cells: what stands in a terminal, and in the tables of pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from certify.auditing.shown.owners import short
from certify.format.digits import at_least, at_most
from certify.prove.changed.left.leads import LOWERS, OPEN, RAISES

PRINTED: Final = 5
"""Rows that are printed in a terminal."""

DIGITS: Final = 4

MOST_DIGITS: Final = 8
"""Characters of a number of the data that are shown as they are."""

VERBS: Final[Mapping[str, str]] = MappingProxyType({RAISES: "raises", LOWERS: "lowers", OPEN: "changes"})


def lines(ranking: Mapping[str, Any] | None) -> list[str]:
    """The first rows for one prediction, a line each; none where no prediction was asked about.

    Args:
        ranking: as `--json` has it.
    """
    if not ranking or ranking.get("prediction") is None:
        return []
    found = []
    for one in ranking["rows"][:PRINTED]:
        target = few(one["label"]) if isinstance(one["label"], float) else repr(one["label"])
        label = "" if one["label"] is None else f" ({'labelled' if ranking['labels'] else 'target'} {target})"
        flips = "" if one["flips"] is None or ranking["already"] else f"; its label {flips_alone(one)}"
        found.append(f"{named(one)}{label}: {change(one)}{flips}")
    return found


def named(one: Mapping[str, Any]) -> str:
    """A row by its number, or a group by its name and size.

    >>> named({"row": 7}), named({"group": "anne", "of": 1}), named({"group": "bert", "of": 12})
    ('row 7', 'group anne (1 row)', 'group bert (12 rows)')
    """
    if "group" not in one:
        return f"row {one['row']}"
    return f"group {short(one['group'])} ({one['of']} {'row' if one['of'] == 1 else 'rows'})"


def change(one: Mapping[str, Any]) -> str:
    """What leaving a row out does, both ends, e.g. ``raises it by 0.59 to 0.61``.

    >>> change({"lower": -0.3125, "upper": -0.25, "direction": "lowers"})
    'lowers it by 0.25 to 0.3125'
    >>> change({"lower": -0.25, "upper": 0.5, "direction": "open"})
    'changes it by -0.25 to 0.5'
    """
    low, high = one["lower"], one["upper"]
    if low is None or high is None:
        return "is not enclosed"
    if one["direction"] == LOWERS:
        low, high = -high, -low
    return f"{VERBS[one['direction']]} it by {at_least(low, DIGITS)} to {at_most(high, DIGITS)}"


def signed(one: Mapping[str, Any]) -> str:
    """The same in a cell: both ends with their signs.

    >>> signed({"lower": -0.3125, "upper": -0.25}), signed({"lower": 0.25, "upper": 0.5}), signed({"lower": None})
    ('−0.3125 to −0.25', '+0.25 to +0.5', 'not enclosed')
    """
    low, high = one["lower"], one.get("upper")
    if low is None or high is None:
        return "not enclosed"
    shown = (f"{'+' if end > 0 else ''}{text}".replace("-", "−", 1) for end, text in (
        (low, at_least(low, DIGITS)), (high, at_most(high, DIGITS))))
    return " to ".join(shown)


def flips_alone(one: Mapping[str, Any]) -> str:
    """Whether the label of the prediction that was asked about stays without a row."""
    return "flips" if one["flips"] else "is undecided" if one["undecided"] else "stays"


def ends(pair: Sequence[float | None] | None) -> str:
    """Both ends of a size; a dash where nothing is proved."""
    low, high = pair or (None, None)
    return "–" if low is None or high is None else f"{at_least(low, DIGITS)} to {at_most(high, DIGITS)}"


def few(value: Any) -> Any:
    """A number of the data in few digits, for a cell.

    >>> few(0.20957399004548838), few(13.25), few("ham"), few(None)
    ('0.20957', 13.25, 'ham', '')
    """
    if isinstance(value, list):
        return ", ".join(str(few(one)) for one in value)
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) and len(repr(value)) > MOST_DIGITS else value


def rounded(word: str) -> str:
    """A proved upper end in few digits, rounded up, for a cell; any other word as it is.

    >>> rounded("0.05378225172290839"), rounded("stays"), rounded("3"), rounded("0 to 2")
    ('0.05379', 'stays', '3', '0 to 2')
    """
    if "." not in word and "e-" not in word:
        return word
    try:
        return at_most(float(word), DIGITS)
    except ValueError:
        return word
