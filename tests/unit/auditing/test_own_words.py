"""Everyday words, columns by their own names, and what is said of how a phrase was read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.auditing.heard.columns import Columns, columns_of
from certify.auditing.heard.everyday import with_numbers
from certify.auditing.heard.nearest import nearest
from certify.auditing.phrases import asked_for
from certify.auditing.questions.base import Options
from certify.auditing.questions.thresholds import thresholds_of
from certify.cli.main import main
from certify.format.errors import InputError
from certify.prove.changed.amounts import Off, off_of

HOUSES = Columns("price", ("area", "age", "mean radius"))


def heard(phrase: str, columns: Columns = HOUSES) -> tuple[str, Options]:
    (question,), options = asked_for([phrase], Options(), lambda: columns)
    return question.slug, options


@pytest.mark.parametrize(("phrase", "slug", "changed"), [
    ("drop any three rows", "rows-deleted", {"delete": 3}), ("any twenty-five rows are missing", "rows-deleted",
                                                             {"delete": 25}),
    ("what if we lose 4 rows", "rows-deleted", {"delete": 4}), ("unlearning 3 rows", "rows-deleted", {"delete": 3}),
    ("jackknife", "rows-deleted", {}), ("leave-one-out", "rows-deleted", {}),
    ("how many wrong labels can it take", "how-far-labels", {}),
    ("how many mislabelled rows can the model tolerate", "how-far-labels", {}),
    ("how many rows to flip prediction 5", "how-far", {"prediction": 5}),
    ("how many wrong labels can prediction 5 survive", "how-far-labels", {"prediction": 5}),
    ("what if 5 customers leave", "groups-deleted", {"many": 5}), ("2 users opt out", "groups-deleted", {"many": 2}),
    ("3 patients withdraw their consent", "groups-deleted", {"many": 3}),
    ("is row 17 important", "these-rows", {"rows": (17,)}), ("what happens without record #3?", "these-rows",
                                                             {"rows": (3,)}),
    ("typos in the labels", "labels-wrong", {}), ("a dozen labels incorrect", "labels-wrong", {"relabel": 12}),
    ("three annotation errors", "labels-wrong", {"relabel": 3}), ("5 noisy labels", "labels-wrong", {"relabel": 5}),
    ("survive 3 wrong labels", "labels-wrong", {"relabel": 3}),
    ("survive 3 labels wrong", "labels-wrong", {"relabel": 3}),
    ("does my prediction survive any 3 deletions", "rows-deleted", {"delete": 3}),
    ("any 2 customer deletions", "groups-deleted", {"many": 2}),
    ("how many deletions does prediction 5 survive", "how-far", {"prediction": 5}),
    ("outliers", "which-rows", {}), ("explain prediction 3", "one-prediction", {"prediction": 3}),
])
def test_everyday_words_are_read(phrase: str, slug: str, changed: dict[str, object]) -> None:
    found, options = heard(phrase)
    unsaid = Options()
    assert found == slug and options.read == ((phrase, slug),)
    assert {name: getattr(options, name) for name in ("delete", "relabel", "many", "rows", "prediction", "noise")
            if getattr(options, name) != getattr(unsaid, name)} == changed


@pytest.mark.parametrize(("phrase", "percent"), [
    ("remove up to 1% of the rows", Fraction(1)), ("1 in 1000 labels wrong", Fraction(1, 10)),
    ("half of the rows deleted", Fraction(50))])
def test_shares_are_read(phrase: str, percent: Fraction) -> None:
    assert [one.percent for one in heard(phrase)[1].shares] == [percent]


def test_a_share_that_few_digits_do_not_say_stays_as_it_is() -> None:
    assert with_numbers("1 in 3 labels wrong") == "1 in 3 labels wrong"
    with pytest.raises(InputError):
        heard("1 in 3 labels wrong")


@pytest.mark.parametrize("phrase", [
    "rows with missing values", "what if 3 rows are wrong", "3 rows lost in translation",
    "how many customers can leave", "is row 17 mislabelled", "customers who leave buy less", "drop the age column",
    "lost luggage"])
def test_what_means_something_else_is_not_read_as_a_question(phrase: str) -> None:
    with pytest.raises(InputError):
        heard(phrase)


@pytest.mark.parametrize(("phrase", "first"), [
    ("why was this applicant turned down", "which rows matter for this prediction"), ("lables swaped", "labels wrong"),
    ("what if somebody in our customer base churns and asks", "users deleted"), ("robustness", "rows deleted")])
def test_the_three_nearest_questions_are_named(phrase: str, first: str) -> None:
    assert [question.words[0] for question in nearest(phrase)][0] == first
    with pytest.raises(InputError, match=r"the nearest questions are '[^']+', '[^']+' and '[^']+'"):
        heard(phrase)


@pytest.mark.parametrize(("phrase", "amount"), [
    ("price off by 3 %", "3%"), ("every price is off by up to 3 %", "3%"), ("Prices wrong by 2000", "2000"),
    ("noise in price of 3000", "3000"), ("5 percent error in the price", "5%"), ("price ± 10", "10"),
    ("noise in price", None)])
def test_the_target_is_called_by_its_own_name(phrase: str, amount: str | None) -> None:
    slug, options = heard(phrase)
    assert (slug, options.targets_off) == ("targets-off", off_of(amount, "--targets-off"))


@pytest.mark.parametrize(("phrase", "noise"), [
    ("age off by 2", ("age", 2.0)), ("noise in mean radius of up to 0.5", ("mean radius", 0.5)),
    ("noise of up to 2 in age", ("age", 2.0)), ("noise in age", ("age", None))])
def test_features_are_called_by_theirs(phrase: str, noise: tuple[str, float | None]) -> None:
    slug, options = heard(phrase)
    assert (slug, options.noise) == ("noise", (noise,))


def test_words_of_questions_are_no_columns() -> None:
    assert heard("label noise", Columns("label", ("noise",)))[0] == "labels-wrong"
    assert heard("3 wrong labels", Columns("label"))[0] == "labels-wrong"


def test_a_share_of_a_feature_is_no_amount() -> None:
    """Read without its sign, 3 % was an amount of 3."""
    with pytest.raises(InputError, match="a share of a feature"):
        heard("noise of 3 % in age")


def test_names_are_those_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("area,age,price\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert columns_of(path, None) == Columns("price", ("area", "age"))
    assert columns_of(path, "age") == Columns("age", ("area", "price"))
    assert columns_of(tmp_path / "none.csv", "age") == Columns("age")


def test_an_amount_that_is_too_large_is_said_to_be() -> None:
    with pytest.raises(InputError, match="below 1e300"):
        off_of("1e300", "by")
    assert off_of("9.9e299", "by") == Off(Fraction("9.9e299"), False)


def _regression(folder: Path) -> list[str]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 2))
    y = X @ [1.0, 2.0] + 20.0
    problem_rows = np.column_stack([X, y])
    np.savetxt(folder / "d.csv", problem_rows, delimiter=",", header="area,age,price", comments="", fmt="%.17g")
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1.0).fit(X, y)
    np.savez(folder / "m.npz", coef=model.coef_[None], intercept=model.intercept_[None])
    return [str(folder / "m.npz"), str(folder / "d.csv"), "--loss", "squared", "--weight-decay", f"{1 / 30}",
            "--no-bias-decay", "-o", str(folder / "o")]


def test_the_terminal_says_how_a_phrase_was_read_and_what_was_taken(tmp_path: Path, capsys) -> None:
    said = _regression(tmp_path)
    assert main(["audit", *said, "--ask", "price off by 3 %"]) == 0
    assert "'price off by 3 %' is read as: how far do outputs change, when every training target may be off by up to " \
           "3 % of itself" in " ".join(capsys.readouterr().err.split())
    assert main(["audit", *said, "--ask", "targets off"]) == 0
    shown = capsys.readouterr().err
    assert "1 % of each is taken" in shown and "is read as" not in shown


def test_a_threshold_beside_an_amount_holds_that_question_alone(tmp_path: Path, capsys) -> None:
    said = _regression(tmp_path)
    most = ["--max", "prediction_change=1e9"]
    assert main(["audit", *said, "--targets-off", "3%", *most]) == 0
    out, err = capsys.readouterr()
    held = [line for line in out.splitlines() if "--max 1e+09 is met" in line]
    assert len(held) == 1 and "may be off by up to 3 %" in held[0]
    assert "--max prediction_change holds 'targets off' alone, and not 'rows deleted'" in err
    assert main(["audit", *said, "--ask", "targets off by 3 %", "--ask", "rows deleted", *most]) == 0
    assert capsys.readouterr().out.count("--max 1e+09 is met") == 2


def test_python_reads_phrases_as_the_terminal_does() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 2))
    problem = certify.from_arrays([np.array([[1.0, -0.5]])], [np.zeros(1)], X, (X[:, 0] > 0).astype(int),
                                  loss="logistic", weight_decay=0.1)
    found = certify.audit(problem, ask="what happens without row 3")
    assert "when row 3 is left out" in found.answers[0].sentence
    assert any("is read as: which predictions change, when row 3 is left out" in note for note in found.subject.notes)
    assert thresholds_of([], ["distance=1"])[0].side == "max"


def test_a_feature_may_hold_the_name_of_the_target() -> None:
    slug, options = heard("noise in unit price", Columns("price", ("unit price",)))
    assert (slug, options.noise) == ("noise", (("unit price", None),))


@pytest.mark.parametrize(("phrase", "slug", "many"), [
    ("2 sites deleted", "groups-deleted", 2), ("any one site left out", "groups-deleted", 1),
    ("what if 3 sites quit", "groups-deleted", 3), ("2 site_ids deleted", "groups-deleted", 2),
    ("2 users deleted", "groups-deleted", 2)])
def test_groups_are_called_by_the_name_of_their_column(phrase: str, slug: str, many: int) -> None:
    (question,), options = asked_for([phrase], Options(groups=True), lambda: Columns("y", ("a",), "site_id"))
    assert (question.slug, options.many) == (slug, many) and options.read == ((phrase, slug),)


def test_a_name_of_groups_is_one_only_where_they_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'sites' means nothing"):
        asked_for(["2 sites deleted"], Options(), lambda: Columns("y", ("a",)))
    with pytest.raises(InputError, match="no question is about groups"):  # rows, whatever their column is called
        asked_for(["2 rows deleted"], Options(groups=True), lambda: Columns("y", ("a",), "row"))
    path = tmp_path / "d.csv"
    path.write_text("area,price,site,w\n1,2,3,1\n4,5,6,1\n", encoding="utf-8")
    assert columns_of(path, None, "site", "w") == Columns("price", ("area",), "site")


@pytest.mark.parametrize("phrase", ["does the sign of age survive", "sign of the mean radius", "coefficient of age",
                                    "does the coefficient sign for age stay without 2 rows"])
def test_the_sign_of_a_column_is_one_of_all_signs(phrase: str) -> None:
    slug, options = heard(phrase)
    assert slug == "coefficients" and options.delete == (2 if "2" in phrase else 1)


def test_the_sign_of_no_column_is_refused() -> None:
    with pytest.raises(InputError, match="'height' means nothing"):
        heard("does the sign of height survive")


def test_an_amount_may_be_in_words_and_in_years_where_the_column_counts_them() -> None:
    assert heard("age is off by one year")[1].noise == heard("age off by 1")[1].noise == (("age", 1.0),)
    tenure = Columns("y", ("tenure_years", "tenure"))
    assert heard("tenure_years off by two years", tenure)[1].noise == (("tenure_years", 2.0),)
    for phrase in ("tenure off by 1 year", "tenure_years off by 2 months"):
        with pytest.raises(InputError):
            heard(phrase, tenure)


def test_an_option_is_written_as_it_is_given() -> None:
    with pytest.raises(InputError, match="^--targets-off: .* or leave out --targets-off$"):
        asked_for(["labels wrong"], Options(targets_off=off_of("2", "--targets-off")))


@pytest.mark.parametrize(("phrase", "said"), [
    ("which customers matter",
     r"no question ranks users.*'1 user deleted' with --groups COLUMN.*witness\(13\)\.groups")])
def test_what_no_question_is_about_says_what_answers_it(phrase: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        heard(phrase)


def test_one_phrase_that_is_not_read_is_named_beside_what_the_others_are_read_as() -> None:
    with pytest.raises(InputError, match="^--ask 'zebra': no question is called so .*read is '5 rows deleted' as 'rows "
                       "deleted', '3 wrong labels' as 'labels wrong'"):
        asked_for(["5 rows deleted", "zebra", "3 wrong labels"], Options())


@pytest.mark.parametrize(("phrase", "said"), [("which customers matter", "--groups COLUMN"),
                                              ("survive 5 deletions", "asks 'rows deleted'")])
def test_explain_finds_what_people_ask(phrase: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", phrase]) == 0 and said in capsys.readouterr().out
