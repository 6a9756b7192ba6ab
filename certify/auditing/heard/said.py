"""What a reader has to know of how a question was understood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from certify.auditing.heard.held import held_of
from certify.auditing.questions.base import Options, Question
from certify.auditing.subject import Subject


def with_readings(subject: Subject, questions: Sequence[Question], options: Options) -> Subject:
    """The subject with notes: as what phrases in other words were read, what was taken that nobody said, what is held.

    Args:
        subject: what the questions are about.
        questions: that are asked.
        options: what was said of them; `read` has the phrases.
    """
    by_slug = {question.slug: question for question in questions}
    notes = [_reading(subject, by_slug[slug], options, phrase) for phrase, slug in options.read
             if slug in by_slug and not _called_so(phrase, by_slug[slug])]
    notes += filter(None, (question.assumed(subject, options) for question in questions))
    if not any(question.misnamed(subject, options) for question in questions):
        notes += held_of(subject, questions, options)[1]
    return replace(subject, notes=(*subject.notes, *dict.fromkeys(notes))) if notes else subject


def _reading(subject: Subject, question: Question, options: Options, phrase: str) -> str:
    if question.misnamed(subject, options) or question.against(subject, options):
        return f"{phrase!r} is read as {question.words[0]!r}"
    return f"{phrase!r} is read as: {question.sentence(subject, options)}"


def _called_so(phrase: str, question: Question) -> bool:
    """Whether a phrase is what a question is called by, with a number at most.

    >>> from certify.auditing.questions.rows_deleted import RowsDeleted
    >>> _called_so("any 3 rows deleted", RowsDeleted()), _called_so("drop any three rows", RowsDeleted())
    (True, False)
    """
    plain = re.sub(r"[^a-z]+", " ", question.rest(phrase).lower())
    plain = " ".join(word for word in plain.split() if word not in ("any", "the", "of", "my"))
    return plain in (*question.words, question.slug.replace("-", " "))
