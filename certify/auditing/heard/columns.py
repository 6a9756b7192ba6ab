"""Phrases that name columns of the data by their own names, in the words that questions know."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certify.auditing.facts import data_facts
from certify.auditing.heard.everyday import with_numbers
from certify.format.errors import InputError

AMOUNT: Final = r"(?:up to |at most |as much as )?((?:±|\+-|\+/-)?\s*[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)"
"""By how much something may be off."""
OFF: Final = r"(?:(?:is|are|was|were|may be|might be|could be|can be|be)\s+)?(?:off|wrong|inaccurate|mistaken)\s+by\s+"
ENDING: Final = r"(?:id|no|nr|number|name|key)"
"""What names of columns end in that people leave out."""
YEARS: Final = r"(?:.*[\W_])?(?:age|years?)"
"""Names of columns that count years."""
SIGN: Final = r"\b((?:signs?|coefficients?|slopes?)(?:\s+(?:signs?|coefficients?|slopes?))*)\s+(?:of|for)\s+(?:the\s+)?"
"""Before the name of a feature: every sign is told of at once, each by its column."""
INEXACT: Final = r"\b(?:off|wrong by|nois[ey]|noisy|errors?|inaccurate|measured|uncertain(?:ty)?|imprecise)\b|±"
"""What is the matter with a target that is an amount."""


@dataclass(frozen=True)
class Columns:
    """Columns as the data names them.

    Attributes:
        target: of what is predicted; "": it has no name.
        features: of the others; none where these have no names.
        groups: of whose each row is; "": nobody named it, or it has no name.
    """

    target: str = ""
    features: tuple[str, ...] = ()
    groups: str = ""


Known = Callable[[], Columns]
"""Reads the names once a phrase needs them."""


def unnamed() -> Columns:
    """No names."""
    return Columns()


def columns_of(data: Path, targets: str | None, groups: str | None = None, weights: str | None = None) -> Columns:
    """The names in a data file; none where it cannot be read, which is said where it is read as data.

    Args:
        data: the file.
        targets: name of the target, where somebody said it.
        groups, weights: names of whose each row is and what it counts, which are no features.
    """
    try:
        found = data_facts(data, targets, aside=(groups, weights))
    except InputError:
        return Columns(targets or "", groups=groups or "")
    features = () if isinstance(found.features, str) else found.features
    return Columns(found.targets or "", tuple(name for name in features if name not in (groups, weights)), groups or "")


def in_groups(phrase: str, column: str, taken: frozenset[str]) -> str:
    """The phrase with groups of rows called so, where it calls them by the name of their column.

    Args:
        phrase: e.g. ``"2 sites deleted"``.
        column: that says whose each row is.
        taken: words of questions, which mean these and no column.

    >>> in_groups("2 sites deleted", "site", frozenset()), in_groups("any 1 clinic left out", "clinic_id", frozenset())
    ('2 groups deleted', 'any 1 group left out')
    >>> in_groups("2 rows deleted", "row", frozenset(["row", "rows"]))
    '2 rows deleted'
    """
    short = re.sub(rf"(?i)(?<=[^\W_])(?:[ _-]+|(?<=[a-z])(?-i:(?=[A-Z]))){ENDING}$", "", column)
    for name in dict.fromkeys((column, short)):
        said = {name: "group"}
        for many in (f"{name}s", f"{name}es", f"{name.removesuffix('y')}ies", *((name,) if name.endswith("s") else ())):
            said[many] = "groups"
        for words in (form for form in said if form and form.lower() not in taken):
            phrase = re.sub(rf"(?<![\w-]){re.escape(words)}(?![\w-])", said[words], phrase, flags=re.IGNORECASE)
    return phrase


def in_own_columns(phrase: str, columns: Columns, taken: frozenset[str]) -> str:
    """The phrase with the target called so, and with what is said of a feature as "noise of 2 in age".

    Args:
        phrase: e.g. ``"price off by 3 %"``.
        columns: of the data.
        taken: words of questions, which mean these and no column.

    >>> known = Columns("price", ("age", "mean radius"))
    >>> in_own_columns("price off by 3 %", known, frozenset()), in_own_columns("age off by 2", known, frozenset())
    ('targets off by 3 %', 'noise of 2 in age')
    >>> in_own_columns("noise in mean radius of up to 0.5", known, frozenset())
    'noise of 0.5 in mean radius'
    >>> in_own_columns("age of the rows", known, frozenset())
    'age of the rows'
    >>> in_own_columns("age is off by one year", known, frozenset())
    'noise of 1 in age'
    >>> in_own_columns("does the sign of age survive", known, frozenset())
    'does the sign survive'
    >>> in_own_columns("noise in unit price", Columns("price", ("unit price",)), frozenset())
    'noise in unit price'
    """
    name = columns.target
    within = any(name.lower() in one.lower() and one.lower() in phrase.lower() for one in columns.features)
    if name and not within and name.lower() not in taken and re.search(INEXACT, phrase, re.IGNORECASE):
        own = rf"(?<![\w-])(?:the )?{re.escape(name)}s?(?![\w-])"
        if re.search(own, phrase, re.IGNORECASE):
            said = re.sub(own, lambda _: "targets", phrase, flags=re.IGNORECASE)
            return re.sub(r"\bwrong by\b|±|\+/?-", "off by", said, flags=re.IGNORECASE)
    counted = with_numbers(phrase)
    for feature in sorted(columns.features, key=len, reverse=True):
        said = re.escape(feature)
        if re.search(rf"{SIGN}{said}(?![\w-])", phrase, re.IGNORECASE):
            return re.sub(rf"{SIGN}{said}(?![\w-])", r"\1", phrase, flags=re.IGNORECASE)
        unit = rf"(?:\s+(?:units?{'|years?' if re.fullmatch(YEARS, feature, re.IGNORECASE) else ''}))?"
        for pattern in (rf"(?:what )?(?:if )?(?:every |each |the |all )?{said}s?\s+{OFF}{AMOUNT}{unit}",
                        rf"(?:noise|errors?|measurement errors?) in (?:the )?{said}\s+(?:of|by)\s+{AMOUNT}{unit}"):
            if (found := re.fullmatch(rf"\s*{pattern}\s*\??\s*", counted, re.IGNORECASE)) is not None:
                return f"noise of {found[1].strip()} in {feature}"
    return phrase
