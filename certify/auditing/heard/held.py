"""Which of the questions of an audit a threshold of somebody's own holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from certify.auditing.questions.base import Options, Question
from certify.auditing.questions.thresholds import Threshold
from certify.auditing.subject import Subject
from certify.format.errors import InputError


def held_of(subject: Subject, questions: Sequence[Question], options: Options,
            ) -> tuple[Mapping[str, tuple[Threshold, ...]], tuple[str, ...]]:
    """The thresholds of each question, by its slug, and notes of what one holds of several.

    A threshold holds every question that is about its quantity; given beside an option that alone asks one of them,
    such as `--targets-off`, it holds that one.

    Args:
        subject: what the questions are about.
        questions: that are asked.
        options: what was said of them.

    Raises:
        InputError: a threshold on what no question asks about.
    """
    about = {question: {wanted.quantity for wanted in question.asked(subject, options).wanted}
             for question in questions if not question.against(subject, options)} if options.thresholds else {}
    held: dict[str, list[Threshold]] = {question.slug: [] for question in questions}
    notes = []
    for one in options.thresholds:
        found = [question for question, quantities in about.items() if one.quantity in quantities]
        if not found:
            known = ", ".join(sorted(set().union(*about.values()))) or "nothing"
            raise InputError(f"--{one.side} {one.quantity}", "no question that was asked and applies is about it",
                             f"they are about {known}; ask one that is, with --ask")
        alone = [] if options.named else [question for question in found if question.holds_alone]
        for question in alone or found:
            held[question.slug].append(one)
        if alone and len(alone) < len(found):
            others = ", ".join(repr(question.words[0]) for question in found if question not in alone)
            notes.append(f"--{one.side} {one.quantity} holds {alone[0].words[0]!r} alone, and not {others}: name "
                         "questions with --ask to hold each of them")
    return {slug: tuple(thresholds) for slug, thresholds in held.items()}, tuple(notes)
