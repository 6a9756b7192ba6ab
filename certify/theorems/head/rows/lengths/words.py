"""How many rows in words, and why one bound for all choices of them says nothing."""

from __future__ import annotations

UNPARTED = "one bound for all choices does not part these from a flip"


def any_rows(count: int) -> str:
    """So many rows.

    >>> any_rows(1), any_rows(10)
    ('any 1 row', 'any 10 rows')
    """
    return f"any {count} row{'s' if count > 1 else ''}"


def too_heavy(count: int, leverage: float) -> str:
    """Where leverages add up to too much.

    >>> too_heavy(1, 1.25)
    'any 1 row may carry all that is known of a direction (its leverage is up to 1.2, which has to be below 1)'
    """
    sums = "together may" if count > 1 else "may"
    of = "their leverages add up to" if count > 1 else "its leverage is up to"
    return (f"{any_rows(count)} {sums} carry all that is known of a direction ({of} {leverage:.2g}, "
            "which has to be below 1)")


def too_hard(count: int, pull: float) -> str:
    """Where pulls add up to too much.

    >>> too_hard(2, 1.3)
    'any 2 rows together may pull too hard for one bound of all choices (1.3 in the norm of the inverse curvature);
      fewer of them may not'
    """
    sums, fewer = ("together may", "; fewer of them may not") if count > 1 else ("may", "")
    return (f"{any_rows(count)} {sums} pull too hard for one bound of all choices ({pull:.2g} in the norm of the "
            f"inverse curvature){fewer}")
