"""What a ranking says, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.auditing.ranked.left_out import Ranking
from certify.auditing.ranked.named import label_in_words, measured, moved
from certify.auditing.shown.owners import short
from certify.auditing.subject import START, Subject
from certify.format.digits import at_least, at_most
from certify.prove.changed.left.leads import LOWERS, OPEN, RAISES

ALIKE: Final = 1.01
"""How many times its own change that of another row may be for a row to be named beside it."""

NAMED: Final = 6
"""Rows that are named in a sentence."""

VERBS: Final[Mapping[str, str]] = MappingProxyType({RAISES: "rises", LOWERS: "falls", OPEN: "changes"})
"""What an output does, by what leaving a row out does to it."""


def surely(low: float, rest: float) -> str:
    """How sure it is that a row matters most, by the least that it does and the most that any other row does.

    >>> surely(2.0, 1.5), surely(2.0, 2.01), surely(2.0, 3.0)
    ('most', 'most (to within 1 %)', '')
    """
    if low >= rest and low > 0:
        return "most"
    return "most (to within 1 %)" if 0 < rest <= ALIKE * low else ""


def most(subject: Subject, ranking: Ranking) -> str:
    """The row whose absence changes most, both ends, and what no row's absence exceeds.

    Args:
        subject: what it is about.
        ranking: of its rows.
    """
    effect, one = ranking.most, ranking.prediction is not None
    low, high = effect.size
    how = surely(low, ranking.rest) if high < math.inf else ""
    sure = f"matters {how}" if how else "may matter most"
    what = measured(ranking)
    where = what.replace("the output", "its output") if one else f"{what} of prediction {effect.prediction}"
    ends = f"{at_least(low, 4)} to {at_most(high, 4)}" if low else f"at most {at_most(high, 4)}"
    limit = (f"no {ranking.word}'s absence changes {'it' if one else 'that of any prediction'} by more than "
             f"{at_most(ranking.upper, 4)}" if ranking.upper < math.inf else f"of some {ranking.word}s it is open")
    to = f"prediction {ranking.prediction}" if one else "a prediction"
    return (f"{ranking.called(effect.row)} {sure} to {to}: when it is left out {subject.again} {where} "
            f"{VERBS[effect.direction]} from {START} by {ends}, and {limit}"
            + ("" if one else _weights(ranking)))


def _weights(ranking: Ranking) -> str:
    """The row that moves the weights most; "" where it is not known of every row."""
    known = [(effect.weights, effect.row) for effect in ranking.effects if effect.weights is not None]
    if len(known) < len(ranking.effects):
        return ""
    (low, high), row = max(known)
    rest = max((ends[1] for ends, other in known if other != row), default=0.0)
    sure = surely(low, rest) or "perhaps most"
    return f"; training row {row} moves {moved(ranking)} {sure}, by {at_least(low, 4)} to {at_most(high, 4)}"


def flips(subject: Subject, ranking: Ranking) -> str:
    """Whether a row alone gives the prediction that was asked about another label; "" where outputs are amounts.

    Args:
        subject: what it is about.
        ranking: of its rows, for one prediction.
    """
    if ranking.most.flips is None:
        return ""
    label = "label" if ranking.today < 0 else f"label {label_in_words(subject, ranking.today)!r}"
    if ranking.already:
        return f"its {label} is another at that minimum already, with no {ranking.word} left out"
    rows, left = ranking.flipping, ranking.undecided
    if rows:
        more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        said = f"leaving out {_each(ranking, rows, more)} alone flips its {label}"
    else:
        said = f"no {ranking.word} alone flips its {label}" if not left else (
            f"no {ranking.word} is proved to flip its {label} alone")
    return said + (f", and of {left} it is undecided" if left else "")


def _each(ranking: Ranking, rows: tuple[int, ...], more: str) -> str:
    """The first of several rows or groups, each of which does something."""
    if len(rows) == 1:
        return ranking.called(rows[0])
    if ranking.owners is None:
        return f"each of training rows {', '.join(map(str, rows[:NAMED]))}{more}"
    return f"each of groups {', '.join(short(ranking.owners.names[group]) for group in rows[:NAMED])}{more}"
