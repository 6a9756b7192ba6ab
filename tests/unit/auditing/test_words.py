"""Phrases, texts of specs, and what parts labels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.auditing.phrases import asked_for
from certify.auditing.questions import QUESTIONS
from certify.auditing.questions.base import Options
from certify.auditing.questions.counted import shared
from certify.auditing.subject import is_code
from certify.format.errors import InputError
from certify.prove.changed.amounts import off_of
from certify.prove.changed.shares import Share, rows_or_share, share


@pytest.mark.parametrize(("phrase", "slug"), [
    ("rows deleted", "rows-deleted"), ("5 rows deleted", "rows-deleted"), ("may I forget a row?", "rows-deleted"),
    ("labels wrong", "labels-wrong"), ("label noise", "labels-wrong"), ("noise in age", "noise"),
    ("which rows matter", "which-rows"), ("these rows", "these-rows"), ("How far from changing?", "how-far"),
    ("influence", "which-rows"), ("mislabelled", "labels-wrong"), ("how many rows until it changes", "how-far"),
    ("how many labels wrong until each prediction changes", "how-far-labels"),
    ("labels wrong: how far from changing", "how-far-labels"), ("how far from changing, labels", "how-far-labels"),
    ("How many labels can be wrong before my prediction flips?", "how-far-labels"),
    ("how many predictions stay whichever 5 labels are wrong", "labels-wrong")])
def test_people_say_it_in_their_words(phrase, slug):
    assert asked_for([phrase], Options())[0][0].slug == slug


def test_numbers_and_columns_stand_in_the_words():
    questions, options = asked_for(["7 labels wrong", "noise in bmi", "noise in 3", "these rows 4 and 9"], Options())
    assert (options.relabel, options.noise, options.rows) == (7, (("bmi", None), (3, None)), (4, 9))
    assert [q.slug for q in questions] == ["labels-wrong", "noise", "these-rows"]
    with pytest.raises(InputError):
        asked_for(["0 rows deleted"], Options())


@pytest.mark.parametrize("phrase", [
    "which rows matter for prediction 13", "Which training rows matter most to prediction 13?", "prediction 13",
    "which rows flip prediction #13", "most influential rows for output 13"])
def test_one_prediction_is_asked_about_by_its_number(phrase):
    (question,), options = asked_for([phrase], Options())
    assert (question.slug, options.prediction, options.delete) == ("one-prediction", 13, 1)
    with pytest.raises(InputError, match="was named before"):
        asked_for([phrase], Options(prediction=12))


@pytest.mark.parametrize(("given", "slugs"), [
    ({"prediction": 3}, ["one-prediction"]), ({"rows": (3, 17)}, ["these-rows"]),
    ({"groups": True}, ["groups-deleted"]),
    ({"rows": (3,), "targets_off": off_of("2%", "")}, ["these-rows", "targets-off"]),
    ({"prediction": 3, "groups": True}, ["one-prediction", "one-prediction-groups", "groups-deleted"]),
    ({"rows": (3,), "delete": 5}, ["rows-deleted", "these-rows"]),
    ({"rows": (3,), "given": frozenset({"relabel"})}, ["labels-wrong", "these-rows"]),
    ({"prediction": 3, "noise": (("age", 1.0),)}, ["noise", "one-prediction"])])
def test_what_options_name_that_no_common_question_is_about_is_asked_alone(given: dict, slugs: list[str]) -> None:
    assert [question.slug for question in asked_for([], Options(**given))[0]] == slugs


@pytest.mark.parametrize("given", [{}, {"delete": 5, "relabel": 3}, {"noise": (("age", 1.0),)}, {"level": 0.6},
                                   {"given": frozenset({"delete"})}])
def test_amounts_of_common_questions_leave_all_of_them(given: dict) -> None:
    slugs = {question.slug for question in asked_for([], Options(**given))[0]}
    assert slugs == {"rows-deleted", "labels-wrong", "noise", "which-rows"}


def test_a_prediction_that_is_named_apart_is_the_one_that_is_meant():
    assert [q.slug for q in asked_for(["which rows matter"], Options(prediction=3))[0]] == ["one-prediction"]
    assert "one-prediction" in [q.slug for q in asked_for([], Options(prediction=3))[0]]
    assert "one-prediction" not in [q.slug for q in asked_for([], Options())[0]]
    with pytest.raises(InputError, match="no question is about one prediction"):
        asked_for(["rows deleted"], Options(prediction=3))


@pytest.mark.parametrize(("phrase", "slug", "prediction"), [
    ("how many wrong labels does this patient's decision survive", "how-far-labels", 3),
    ("how many rows can be deleted until this prediction changes", "how-far", 3),
    ("which rows decide it", "which-rows", None), ("which rows decide it", "one-prediction", 3),
    ("which rows flip this customer's label", "one-prediction", 3),
    ("how many rows can I lose", "how-far", None), ("an attacker deletes 3 rows", "rows-deleted", None),
    ("an attacker flips 3 labels", "labels-wrong", None),
    ("how many labels may an adversary poison", "how-far-labels", None)])
def test_new_users_are_understood(phrase, slug, prediction):
    assert [q.slug for q in asked_for([phrase], Options(prediction=prediction))[0]] == [slug]


@pytest.mark.parametrize("phrase", ["how many wrong labels does this patient's decision survive",
                                    "how many rows can be deleted until this prediction changes"])
def test_this_one_has_to_be_named(phrase):
    with pytest.raises(InputError, match="no prediction is named; say which with --prediction NUMBER"):
        asked_for([phrase], Options())


@pytest.mark.parametrize(("phrase", "said"), [
    ("5 rows added", "add=5.*docs/questions/added-rows.md"), ("3 rows replaced", "replace=3"), ("5 new rows", "add=5"),
    ("an attacker adds 5 rows", "add=5"), ("which rows were added", "add=5"),
    ("poisoning", "'3 labels wrong' where labels.*'3 rows deleted'.*add=5"), ("an attacker", "'3 labels wrong'"),
    ("how far can a prediction move when any 3 rows are deleted", "'move' means nothing there; how far outputs that "
     "are amounts move '3 rows deleted' tells"),
    ("3 rows delteed", "did you mean 'deleted'"), ("3 lables wrong", "did you mean 'labels'"),
    ("nosie in age", "did you mean 'noise'"), ("rwos deleted", "did you mean 'rows'"),
    ("3 rows deleted from the zebra", "'zebra' means nothing there; rows are counted")])
def test_what_is_not_understood_is_refused_with_what_works(phrase, said):
    with pytest.raises(InputError, match=said):
        asked_for([phrase], Options())


def test_columns_may_be_called_like_what_no_question_is_about():
    _, options = asked_for(["noise in rows_added", "noise in replacement_cost", "noise in attacker"], Options())
    assert [name for name, _ in options.noise] == ["rows_added", "replacement_cost", "attacker"]


def test_every_question_is_called_by_its_first_word():
    for question in QUESTIONS:
        assert asked_for([question.words[0]], Options())[0] == (question,)
    assert len({question.slug for question in QUESTIONS}) == len(QUESTIONS)


def test_what_is_a_code():
    assert is_code(np.array([[1.0], [-1.0]])) and is_code(2 * np.eye(3) - 1)
    for amounts in (np.array([[1.0], [0.0]]), np.array([[1.0], [1.0]]), np.array([[1.0, 2.0], [3.0, 1.0]]),
                    np.array([[1.0, 0.0], [1.0, 1.0]])):
        assert not is_code(amounts)


@pytest.mark.parametrize("phrase", [
    "rows 3 and 17 deleted", "labels wrong and rows deleted", "3 labels wrong in age",
    "which rows matter for row 38", "rows deleted for prediction 3", "how far from changing is prediction 3",
    "rows deleted next week"])
def test_words_of_which_nothing_is_made_are_refused(phrase):
    with pytest.raises(InputError, match="means nothing there"):
        asked_for([phrase], Options())


@pytest.mark.parametrize(("phrase", "cure"), [
    ("delete user 10003", "names one"), ("user A deleted", "names one"), ("forget customer A", "names one"),
    ("2.5 users deleted", "a share"), ("10 % of users deleted", "a share"),
    ("0 users deleted", "from 1 on"), ("3 users deleted in age", "--groups COLUMN"),
    ("any 3 features deleted", "no columns"), ("2 columns left out", "no columns"),
    ("how many users until it changes", "no question"), ("3 users wrong labels", "groups=users"),
    ("delete row 10003", "--rows 3,17"), ("forget record #7", "--rows 3,17"), ("label 5 wrong", "names one"),
    ("which features matter", "means nothing there"), ("which users matter", "no question ranks users")])
def test_what_is_counted_is_rows_and_labels(phrase: str, cure: str) -> None:
    with pytest.raises(InputError, match=cure):
        asked_for([phrase], Options())


@pytest.mark.parametrize(("phrase", "many"), [
    ("any 3 users deleted", 3), ("may I forget a user?", 1), ("three customers deleted", 3), ("2 groups left out", 2),
    ("any 5 of our users ask to be forgotten", 5), ("users deleted", 1), ("one person is deleted", 1),
    ("what if any customer is removed", 1), ("group left out", 1)])
def test_groups_go_by_other_names(phrase: str, many: int) -> None:
    (question,), options = asked_for([phrase], Options(groups=True))
    assert (question.slug, options.many, options.delete) == ("groups-deleted", many, 1)


def test_groups_that_no_question_is_about_are_refused() -> None:
    assert "groups-deleted" in {question.slug for question in asked_for([], Options(groups=True))[0]}
    assert "groups-deleted" not in {question.slug for question in asked_for([], Options())[0]}
    with pytest.raises(InputError, match="--groups"):
        asked_for(["3 rows deleted"], Options(groups=True))


@pytest.mark.parametrize("what", ["rows", "training rows", "examples", "samples", "points", "images", "records",
                                  "observations", "of my training examples"])
def test_rows_go_by_other_names(what: str) -> None:
    (question,), options = asked_for([f"any 3 {what} deleted"], Options())
    assert (question.slug, options.delete) == ("rows-deleted", 3)


def test_a_name_with_an_underscore_is_named_whole() -> None:
    with pytest.raises(InputError, match="and 'noise_db' means nothing there"):
        asked_for(["3 rows deleted noise_db"], Options())
    assert asked_for(["rows_deleted"], Options())[0][0].slug == "rows-deleted"


def test_numbers_in_words_and_amounts_are_read():
    assert asked_for(["do predictions stay if five rows are deleted"], Options())[1].delete == 5
    assert asked_for(["noise of ±1.5 in age"], Options())[1].noise == (("age", 1.5),)
    rows = tuple(range(50))
    questions, options = asked_for(["delete these 50 rows"], Options(rows=rows))
    assert (questions[0].slug, options.rows) == ("these-rows", rows)
    for phrase in ("delete these 49 rows", "rows deleted"):
        with pytest.raises(InputError):
            asked_for([phrase], Options(rows=rows))


@pytest.mark.parametrize(("phrase", "rows"), [
    ("does the sign of each coefficient survive dropping any 3 rows", 3), ("slopes", 1),
    ("do the coefficients keep their signs when 5 rows are deleted", 5)])
def test_coefficients_are_asked_about_in_their_words(phrase: str, rows: int) -> None:
    (question,), options = asked_for([phrase], Options())
    assert (question.slug, options.delete) == ("coefficients", rows)


def test_a_column_may_be_called_so() -> None:
    assert asked_for(["noise in sign"], Options())[1].noise == (("sign", None),)


@pytest.mark.parametrize("phrase", ["1 % of labels wrong", "1% of the labels wrong", "one percent of labels wrong",
                                    "1 per cent of labels wrong"])
def test_a_share_of_the_rows_is_a_number_of_them(phrase: str) -> None:
    (question,), options = asked_for([phrase], Options())
    assert question.slug == "labels-wrong" and options.shares == (Share("relabel", Fraction(1), "1"),)
    assert share(phrase.replace('one', '1'), 'relabel').of(426) == 4


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_share_is_the_most_rows_within_it(n: int, hundredths: int) -> None:
    part = share(f"{hundredths / 100:.2f}%", "delete")
    assert part is not None and part.percent == Fraction(hundredths, 100)
    if n * hundredths < 10_000:
        with pytest.raises(InputError, match="less than one row"):
            part.of(n)
    else:
        rows = part.of(n)
        assert rows * 10_000 <= n * hundredths < (rows + 1) * 10_000


@pytest.mark.parametrize("text", ["0%", "101%", "1.5 rows deleted", "0 % of rows deleted"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        asked_for([text if "rows" in text else f"{text} of rows deleted"], Options())


@pytest.mark.parametrize("given_rows", ["1,5%", "x", "1.5", "%", "1 % of"])
def test_what_is_no_number_of_rows_is_refused(given_rows: str) -> None:
    with pytest.raises(InputError, match="no number of rows"):
        rows_or_share("delete", given_rows)


def test_two_shares_of_one_option_are_two_questions() -> None:
    with pytest.raises(InputError, match="another number"):
        asked_for(["1% of rows deleted", "2% of rows deleted"], Options())
    with pytest.raises(InputError, match="another number than --delete has"):
        asked_for(["5 rows deleted"], shared(Options(), [share("1%", "delete")]))
    assert asked_for(["5 rows deleted"], Options(delete=5))[1].delete == 5


def test_how_many_labels_is_asked_where_a_number_of_labels_is_given() -> None:
    for options, slug in ((Options(relabel=20), "how-far-labels"), (Options(delete=20), "how-far"),
                          (Options(given=frozenset({"relabel"})), "how-far-labels"), (Options(), "how-far")):
        assert [q.slug for q in asked_for(["how far from changing"], options)[0]] == [slug]
    _, options = asked_for(["how many labels wrong, up to 20"], Options())
    assert (options.relabel, options.delete) == (20, 1)


@pytest.mark.parametrize(("phrase", "options", "option"), [
    ("rows deleted", Options(relabel=20), "relabel"), ("signs of coefficients", Options(relabel=5), "relabel"),
    ("which rows matter", Options(delete=5), "delete"),
    ("labels wrong", Options(given=frozenset({"delete"})), "delete"),
    ("how far from changing", Options(delete=5, relabel=5), "relabel"), ("rows deleted", Options(level=0.5), "level"),
    ("rows deleted", Options(noise=(("age", 1.0),)), "noise"), ("noise", Options(rows=(3,)), "rows"),
    ("noise", Options(prediction=0), "prediction"),
    ("rows deleted", shared(Options(), [share("1%", "relabel")]), "relabel")])
def test_what_no_question_uses_is_refused(phrase: str, options: Options, option: str) -> None:
    with pytest.raises(InputError, match=f"^--{option}: named, and no question is about"):
        asked_for([phrase], options)
    assert asked_for([], options)[0]


@pytest.mark.parametrize(("options", "first"), [
    (Options(noise=((0, 0.1),)), "noise"), (Options(given=frozenset({"relabel"})), "labels-wrong"),
    (Options(), "rows-deleted")])
def test_what_is_asked_by_an_option_comes_first(options: Options, first: str) -> None:
    questions = asked_for([], options)[0]
    assert questions[0].slug == first and len(set(questions)) == len(questions) >= 4
