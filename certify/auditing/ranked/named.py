"""Ranked rows as people read them: number, label and data of each, in the words and columns of whoever gave them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from certify.auditing.ranked.left_out import Effect, Ranking
from certify.auditing.shown.given import Given
from certify.auditing.shown.owners import Owners
from certify.auditing.subject import Subject
from certify.network.network import Network
from certify.prove.label_words import worded
from certify.rigor.fp import Array

LISTED: Final = 50
"""Rows that are named at most."""

COLUMNS: Final = 100
"""Columns of a row that are shown at most, those first that weigh most."""


def named(subject: Subject, ranking: Ranking) -> dict[str, Any]:
    """The member `ranking` of an answer: what was measured, and the rows that change most.

    Args:
        subject: what it is about, with its rows as they were given.
        ranking: of all rows.
    """
    order, given = _columns(subject) if ranking.owners is None else [], subject.as_given
    return {
        "prediction": ranking.prediction, "ranks": f"{ranking.word}s",
        "label": None if ranking.today < 0 else label_in_words(subject, ranking.today),
        "measures": measured(ranking),
        "weights": moved(ranking),
        "upper": _finite(ranking.upper), "of": len(ranking.effects), "labels": _labelled(ranking),
        "undecided": ranking.undecided, "already": list(ranking.already),
        "flipped_by": None if ranking.prediction is None else list(ranking.flipping), "again": subject.again,
        "columns": [given.column(j) for j in order], "behind": given.behind, "in_certificate": False,
        "rows": [_row(subject, effect, order) if ranking.owners is None else _group(ranking.owners, effect)
                 for effect in ranking.effects[:LISTED]],
    }


def of_moduli(subject: Subject, claim: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a claim that has both ends of every row by itself, the one with the largest lower end first.

    Args:
        subject: what it is about.
        claim: of a certificate.
    """
    order, given = _columns(subject), subject.as_given
    each = sorted(zip(claim["rows"], claim["row_lower"], claim["row_upper"], strict=True),
                  key=lambda one: (-(one[1] or 0.0), one[0]))
    return {
        "prediction": None, "label": None, "measures": "the weights for each unit that its features move",
        "weights": None, "upper": claim["upper"], "of": len(each), "labels": False, "undecided": 0, "already": [],
        "flipped_by": None,
        "columns": [given.column(j) for j in order], "behind": given.behind, "in_certificate": True,
        "rows": [{"row": row, "label": _target(given, row), "lower": low, "upper": high,
                  "data": _data(given, row, order)} for row, low, high in each[:LISTED]],
    }


def measured(ranking: Ranking) -> str:
    """Of what the changes are."""
    if not ranking.lead:
        return "the output"
    known = _labelled(ranking) and (ranking.prediction is None or ranking.today >= 0)
    return "the lead of today's label" if known else "the lead of the largest output"


def moved(ranking: Ranking) -> str:
    """Of what the motion is."""
    return "the weights without the intercepts" if ranking.aside else "the weights"


def plain(value: Any) -> Any:
    """A number or a word of an array as JSON holds it.

    >>> plain(np.int64(3)), plain(2.0), plain(np.str_("ham"))
    (3, 2, 'ham')
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value if math.isfinite(value) else None
    return value if isinstance(value, int | str | bool) or value is None else str(value)


def _row(subject: Subject, effect: Effect, order: list[int]) -> dict[str, Any]:
    given = subject.as_given
    return {
        "row": effect.row, "label": _target(given, effect.row), "prediction": effect.prediction,
        "lower": _finite(effect.lower), "upper": _finite(effect.upper), "direction": effect.direction,
        "flips": None if effect.flips is None else list(effect.flips), "undecided": effect.undecided,
        "weights": None if effect.weights is None else list(effect.weights),
        "data": _data(given, effect.row, order),
    }


def _group(owners: Owners, effect: Effect) -> dict[str, Any]:
    """A group in the place of a row: its name, and how many rows it has."""
    return {
        "group": owners.names[effect.row], "of": owners.numbers.count(effect.row), "label": None,
        "prediction": effect.prediction, "lower": _finite(effect.lower), "upper": _finite(effect.upper),
        "direction": effect.direction, "flips": None if effect.flips is None else list(effect.flips),
        "undecided": effect.undecided, "weights": None, "data": {},
    }


def _data(given: Given, row: int, order: list[int]) -> dict[str, Any]:
    return {given.column(j): plain(given.rows[row, j]) for j in order}


def _labelled(ranking: Ranking) -> bool:
    return ranking.effects[0].flips is not None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _columns(subject: Subject) -> list[int]:
    """Columns of the given rows, those first that add most to outputs where the last layer is the only one."""
    rows, net, sources = subject.as_given.rows, subject.network, subject.as_given.sources
    if rows.ndim != 2:
        return []
    size: Array = np.zeros(rows.shape[1])
    if isinstance(net, Network) and net.depth == 1 and net.widths[0] == (rows.shape[1] if sources is None else
                                                                         len(sources)):
        each = np.abs(net.weights[0]).max(axis=0) * subject.X.std(axis=0)
        np.maximum.at(size, range(len(each)) if sources is None else list(sources), each)
    return [int(j) for j in np.argsort(-size, kind="stable")[:COLUMNS]]


def label_in_words(subject: Subject, number: int) -> Any:
    """What a label is called, by its number."""
    targets = subject.as_given.targets
    if subject.classes is None and subject.network.widths[-1] == 1 and targets is not None:
        values = np.unique(targets)
        return plain(values[number]) if len(values) == 2 else number
    return plain(worded(subject.classes, number))


def _target(given: Given, row: int) -> Any:
    """The target of a training row as it was given."""
    if given.targets is None:
        return None
    target = given.targets[row]
    if np.ndim(target) == 0:
        return plain(target)
    return plain(target[0]) if len(target) == 1 else [plain(one) for one in target]
