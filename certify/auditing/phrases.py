"""From what somebody asks, in words, to questions and their options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from certify.auditing.questions import QUESTIONS
from certify.auditing.questions.base import Options, Question
from certify.format.errors import InputError


def asked_for(phrases: Sequence[str], options: Options) -> tuple[tuple[Question, ...], Options]:
    """The questions that phrases mean, and the options with the numbers and columns that stand in them.

    Args:
        phrases: e.g. ``"5 rows deleted"``, ``"noise in age"``; none: what an audit asks unasked.
        options: what else was said.

    Raises:
        InputError: a phrase that means no question.

    >>> questions, options = asked_for(["5 rows deleted", "noise in age"], Options())
    >>> [q.slug for q in questions], options.delete, options.noise
    (['rows-deleted', 'noise'], 5, (('age', None),))
    """
    if not phrases:
        return tuple(question for question in QUESTIONS if question.unprompted(options)), options
    options = replace(options, named=True)
    found: list[Question] = []
    for phrase in phrases:
        question = _meant(phrase)
        before, options = options, question.heard(phrase, options)
        if any(one.option and getattr(options, one.option) != getattr(before, one.option) for one in found):
            raise InputError(f"--ask {phrase!r}", "other rows, or another number of them, than an earlier --ask has",
                             "ask for each in an audit of its own, with another folder")
        if question not in found:
            found.append(question)
    return tuple(found), options


def _meant(phrase: str) -> Question:
    """The question with the longest word that stands in a phrase."""
    plain = re.sub(r"[^a-z0-9]+", " ", phrase.lower()).strip()
    ranked = sorted(((len(word), -place, question) for place, question in enumerate(QUESTIONS)
                     for word in (*question.words, question.slug.replace("-", " ")) if word in plain),
                    key=lambda entry: entry[:2], reverse=True)
    if not ranked:
        known = ", ".join(f"'{question.words[0]}'" for question in QUESTIONS)
        raise InputError(f"--ask {phrase!r}", "no question is called so", f"ask one of {known}")
    return ranked[0][2]
