"""The questions that are nearest to a phrase of which nothing is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from certify.auditing.questions import QUESTIONS
from certify.auditing.questions.base import Question

SHOWN: Final = 3
IDLE: Final = frozenset("the for this of by to in is it are was and any all some be on one my".split())
"""Words that questions are called by too, and that say nothing of which is meant."""
ALIKE: Final = 0.75
"""How alike two words are, of 1, one of which may be the other misspelled."""
ABOUT: Final[Mapping[str, str]] = MappingProxyType({
    "rows-deleted": "robust stable stability sensitive row record sample drop remove delete lose missing erase "
                    "privacy leave bootstrap jackknife subset less smaller data",
    "labels-wrong": "robust stable label wrong mistake error typo annotation annotator class noisy mislabel swap flip "
                    "quality dirty trust backdoor poison",
    "noise": "robust noise noisy error measure measurement sensor feature column value rounding accuracy drift "
             "imprecise shift",
    "which-rows": "influence influential important outlier leverage cook matter duplicate strange explain",
    "one-prediction": "explain explanation why prediction decision reject rejected accept because this applicant",
    "these-rows": "gdpr forget request these those consent row erase number without",
    "how-far": "margin far many confidence confident robust until survive tolerate break",
    "how-far-labels": "margin many wrong label until tolerate before",
    "coefficients": "coefficient sign slope effect significant significance regression weight positive negative",
    "groups-deleted": "user customer client patient person people account household batch source group leave churn "
                      "quit everybody",
    "rows-and-labels": "both",
    "targets-off": "target amount price percent off measurement regression value dollar euro",
})
"""By question: words that may be about it, though it is not called so."""


def nearest(phrase: str) -> tuple[Question, ...]:
    """The questions with most words of a phrase, misspelled ones too; of questions alike those that are asked first.

    >>> [one.words[0] for one in nearest("why was this applicant rejected")][0]
    'which rows matter for this prediction'
    >>> [one.slug for one in nearest("is it robust")]
    ['rows-deleted', 'labels-wrong', 'noise']
    """
    said = {_stem(word) for word in re.findall(r"[a-z]+", phrase.lower()) if word not in IDLE}
    scores = [(-_score(said, question), place) for place, question in enumerate(QUESTIONS)]
    return tuple(QUESTIONS[place] for _, place in sorted(scores)[:SHOWN])


def offered(phrase: str) -> str:
    """What to ask instead, as a remedy.

    >>> offered("nothing that is known")
    "the nearest questions are 'rows deleted', 'labels wrong' and 'noise'; certify audit --help names all"
    """
    first, second, third = (repr(question.words[0]) for question in nearest(phrase))
    return f"the nearest questions are {first}, {second} and {third}; certify audit --help names all"


def _score(said: set[str], question: Question) -> float:
    """How many words a question shares with a phrase; one that it is called by counts more."""
    called = {_stem(part) for word in question.words for part in word.split()}
    about = {_stem(word) for word in ABOUT.get(question.slug, "").split()}
    return sum(3.0 if word in called & about else 2.0 if word in called | about else
               1.0 if len(word) > 3 and _misspelled(word, sorted(called | about)) else 0.0 for word in said)


def _misspelled(word: str, known: Sequence[str]) -> bool:
    return bool(get_close_matches(word, [one for one in known if len(one) > 3 and one[0] == word[0]], 1, ALIKE))


def _stem(word: str) -> str:
    """A word without its ending.

    >>> _stem("deleted"), _stem("labels"), _stem("dropping")
    ('delet', 'label', 'drop')
    """
    return re.sub(r"([^aeiou])\1$", r"\1", re.sub(r"(?<=...)(?:ing|ed|es|e|s)$", "", word))
