"""Phrases that name columns of the data by their own names, in the words that questions know."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certify.auditing.facts import data_facts
from certify.format.errors import InputError

AMOUNT: Final = r"(?:up to |at most |as much as )?((?:±|\+-|\+/-)?\s*[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)"
"""By how much something may be off."""
OFF: Final = r"(?:(?:is|are|was|were|may be|might be|could be|can be|be)\s+)?(?:off|wrong|inaccurate|mistaken)\s+by\s+"
INEXACT: Final = r"\b(?:off|wrong by|nois[ey]|noisy|errors?|inaccurate|measured|uncertain(?:ty)?|imprecise)\b|±"
"""What is the matter with a target that is an amount."""


@dataclass(frozen=True)
class Columns:
    """Columns as the data names them.

    Attributes:
        target: of what is predicted; "": it has no name.
        features: of the others; none where these have no names.
    """

    target: str = ""
    features: tuple[str, ...] = ()


Known = Callable[[], Columns]
"""Reads the names once a phrase needs them."""


def unnamed() -> Columns:
    """No names."""
    return Columns()


def columns_of(data: Path, targets: str | None) -> Columns:
    """The names in a data file; none where it cannot be read, which is said where it is read as data.

    Args:
        data: the file.
        targets: name of the target, where somebody said it.
    """
    try:
        found = data_facts(data, targets)
    except InputError:
        return Columns(targets or "")
    return Columns(found.targets or "", () if isinstance(found.features, str) else found.features)


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
    for feature in sorted(columns.features, key=len, reverse=True):
        said = re.escape(feature)
        for pattern in (rf"(?:what )?(?:if )?(?:every |each |the |all )?{said}s?\s+{OFF}{AMOUNT}",
                        rf"(?:noise|errors?|measurement errors?) in (?:the )?{said}\s+(?:of|by)\s+{AMOUNT}"):
            if (found := re.fullmatch(rf"\s*{pattern}\s*\??\s*", phrase, re.IGNORECASE)) is not None:
                return f"noise of {found[1].strip()} in {feature}"
    return phrase
