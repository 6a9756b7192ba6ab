"""Refuse a problem that no theorem is about: the table of :mod:`certify.format.theorems`, asked for any quantity."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from certify.format.errors import InputError
from certify.format.quantities import QUANTITIES, STABLE_PREDICTIONS
from certify.format.question import LAWS, Law, Question
from certify.format.support import BOUNDING, default_quantities
from certify.format.words import Arithmetic, Base, Loss, Map, Normalization, Parameter, Set, WeightNorm, words
from certify.problem.question import question_of
from certify.spec.nearest import REASONS, nearest

if TYPE_CHECKING:
    from certify.problem.statement import Statement

WORDS: Final[dict[str, type[StrEnum]]] = {
    "map": Map, "base": Base, "parameter": Parameter, "weight_norm": WeightNorm, "set": Set, "loss": Loss,
    "normalization": Normalization}
"""The words of a problem, by attribute."""
ATTRIBUTES: Final = {"units": "scale", "down": "direction", "targets": "y", "decay": "weight_decay",
                     "undecayed": "bias_decay=False", "weighed": "weights", "balanced": "weights"}
"""The attribute of a problem that answers a key of a question, where it has another name."""


def _question(problem: Statement) -> Question:
    """What a problem states, with nothing asked for and nothing that only some quantities need left out.

    Units and arithmetic are left to those who compute with them; labels are no targets of exact fits.
    """
    fits = not Map(problem.map).trains
    return replace(question_of(problem, ""), window=True, evaluation=True, units=False, arithmetic=Arithmetic.FLOAT,
                   targets=problem.y is not None or (problem.labels is not None and not fits))


def require_words(problem: Statement) -> None:
    """Refuse words outside the vocabulary.

    Raises:
        InputError: with the words.
    """
    for name, kind in WORDS.items():
        value = getattr(problem, name)
        if value not in words(kind):
            raise InputError(name, f"'{value}'", f"use one of {', '.join(words(kind))}")


def require_answerable(problem: Statement) -> None:
    """Refuse a combination of words and members that no theorem is about, whatever is asked of it.

    Raises:
        InputError: with the members at fault and what would work.
    """
    question = _question(problem)
    law = _broken(question)
    either = replace(question, down=False)  # one change of weights that only fall is looked at by itself too
    if law is None and any(_covered(replace(either, quantity=name)) for name in QUANTITIES):
        return
    discrete = Parameter(question.parameter).discrete and question.count
    asked = STABLE_PREDICTIONS.name if discrete else default_quantities(problem.set, problem.norm, problem.parameter)[0]
    near = nearest(replace(question, quantity=asked, radius=Parameter(question.parameter).sized))
    assert near is not None  # of all questions some are answered
    changes = [key for key in near.changes if key != "quantity"]
    keys = changes if law is None else [*law.when.keys, *law.then.differs(question)]
    at = next((key for key in changes if key in keys), keys[0])
    others = " and ".join(_said(question, key) for key in keys if key != at)
    known = ("", near.theorem.label if discrete and near.theorem else "")
    why = law.because if law is not None else next(
        (why for of, domain, why in REASONS if of in known and domain.holds(question) and (
            not discrete or set(domain.keys) <= set(changes))), "no theorem is about it")
    found = f"{_said(question, at)}" + (f" with {others}" if others else "") + f", and {why}"
    raise InputError(ATTRIBUTES.get(at, at), found, " and ".join(_use(key, getattr(near.question, key))
                                                                 for key in changes))


def _covered(question: Question) -> bool:
    return _broken(question) is None and any(theorem.covers(question) for theorem in BOUNDING[question.quantity])


def _broken(question: Question) -> Law | None:
    return next((law for law in LAWS if law.when.holds(question) and not law.then.holds(question)), None)


def _said(question: Question, key: str) -> str:
    name, answer = ATTRIBUTES.get(key, key), getattr(question, key)
    if isinstance(answer, bool):
        return f"{name} given" if answer else f"no {name}"
    return f"{name} {_plain(answer)!r}"


def _use(key: str, answer: Any) -> str:
    name = ATTRIBUTES.get(key, key)
    if isinstance(answer, bool):
        return f"give {name}" if answer else f"leave {name} out"
    return f"use {name} = {_plain(answer)!r}"


def _plain(answer: Any) -> Any:
    return str(answer) if isinstance(answer, str) else answer
