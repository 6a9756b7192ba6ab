"""`certify explain` answers users' words, and what it says they can write exists."""

from __future__ import annotations

import re

import pytest

import certify
from certify.cli.explain import WORDS, explain, overview
from certify.cli.own_words import ASKED, BY_SLUG, key, table
from certify.format.errors import SpecError
from certify.format.quantities import ESTIMATED, QUANTITIES
from certify.format.texts import labels

TRIED = ("delete", "unlearn", "label noise", "accuracy", "compare", "baseline", "influence", "sklearn", "which rows",
         "mislabelled", "poisoning", "outlier", "drift", "noise", "retrain", "audit", "cnn")


@pytest.mark.parametrize("word", TRIED)
def test_a_word_that_users_tried_is_answered(word):
    said = explain(word)
    assert said.startswith(f"{word}: ") and len(said) > 100
    assert explain(word.upper().replace(" ", "-")) == said
    assert said.endswith(".") and all(len(line) <= 118 for line in said.splitlines())


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: one.names[0])
def test_an_answer_names_what_exists(asked):
    for name in re.findall(r"certify\.(\w+)\(", asked.answer):
        assert name in certify.__all__, name
    for word in re.findall(r"`([^`]+)`", asked.answer):
        assert explain(word.removeprefix("certify ")), word
    for name in re.findall(r"gates? on ([\w, ]+?)(?:[.;)]| of| or)", asked.answer):
        for quantity in re.findall(r"\w+_\w+", name):
            assert quantity in {*QUANTITIES, *ESTIMATED}, quantity


@pytest.mark.parametrize(("phrase", "name"), [
    ("how many wrong rows before my prediction flips", "how many rows"), ("delete user data", "delete"),
    ("How many labels can be wrong until my prediction changes?", "how many rows"), ("data poisoning", "poisoning"),
    ("how robust", "robust"), ("mislabelled rows", "label noise"), ("may I forget a user?", "unlearn"),
    ("do coefficients survive", "coefficient")])
def test_a_phrase_is_taken_for_the_question_that_shares_its_words_and_says_so(phrase: str, name: str) -> None:
    (asked,) = [one for one in ASKED if one.names[0] == name]
    said = " ".join(explain(phrase).split())
    assert said == f"{phrase} (taken for: {name}): {' '.join(asked.answer.split())}"


@pytest.mark.parametrize(("phrase", "question", "name"), [
    ("drop any three rows", "rows deleted", "delete"), ("typos in the labels", "labels wrong", "label noise"),
    ("remove up to 1% of the rows", "rows deleted", "delete"), ("what if 5 customers leave", "users deleted", "delete"),
    ("signs of coefficients", "signs of coefficients", "coefficient")])
def test_what_an_audit_reads_is_explained_as_that(phrase: str, question: str, name: str) -> None:
    (asked,) = [one for one in ASKED if one.names[0] == name]
    assert " ".join(explain(phrase).split()) == (f"{phrase}: certify audit MODEL DATA --ask {phrase!r} asks "
                                                 f"{question!r}. {' '.join(asked.answer.split())}")


def test_answers_for_an_audit_are_there_and_the_nearest_questions_are_named() -> None:
    from certify.auditing.questions import QUESTIONS

    assert set(BY_SLUG) <= {question.slug for question in QUESTIONS}
    assert {key(name) for name in BY_SLUG.values()} <= set(table())
    with pytest.raises(SpecError, match="the nearest questions are .* and 'users deleted'"):
        explain("how many customers can leave")


def test_a_phrase_of_two_questions_is_refused_with_both() -> None:
    with pytest.raises(SpecError, match="it may mean delete or poisoning; name one of them"):
        explain("deleted and poisoned")


def test_no_word_has_two_meanings():
    names = [key(name) for one in ASKED for name in one.names]
    assert len(names) == len(set(names)) == len(table())
    assert not set(names) & {name.lower() for name in (*WORDS, *labels())}


def test_the_list_has_the_questions_and_a_slip_finds_them():
    assert "\n  share, audit, delete, unlearn, label noise, accuracy," in overview()
    with pytest.raises(SpecError, match="did you mean .*label noise"):
        explain("label noice")
    with pytest.raises(SpecError, match="no such label or word"):
        explain("zzz")
