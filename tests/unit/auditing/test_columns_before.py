"""The commonest pipeline of a table, a ColumnTransformer and a classifier, from its files and from Python."""

from __future__ import annotations

import html
import json

import numpy as np
import pytest

from certify.cli.main import main

pytest.importorskip("pandas")
pytest.importorskip("skops")
import pandas
import skops.io as skops
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import certify
from certify.format.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")
N, C = 60, 0.3


def table(seed=3, n=N):
    rng = np.random.default_rng(seed)
    found = pandas.DataFrame({
        "age": rng.integers(25, 90, n), "bmi": rng.normal(27, 5, n).round(1),
        "smoker": rng.choice(["never", "former", "current"], n), "area": rng.choice(["01", "02", "10"], n),
        "id": [f"p{i}" for i in range(n)]})
    found.loc[::11, "bmi"] = np.nan
    z = 0.06 * (found["age"] - 60) + 1.5 * (found["smoker"] == "current") + rng.normal(0, 1, n)
    return found, pandas.Series(np.where(z > 0, "yes", "no"), name="ill")


def fitted(X, y, unknown="ignore"):
    front = ColumnTransformer([
        ("age", StandardScaler(), ["age"]), ("bmi", make_pipeline(SimpleImputer(), StandardScaler()), ["bmi"]),
        ("words", OneHotEncoder(handle_unknown=unknown), ["smoker", "area"])])
    return make_pipeline(front, LogisticRegression(C=C, tol=1e-10, max_iter=10_000)).fit(X, y)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")
    X, y = table()
    new, right = table(4, 20)
    skops.dump(fitted(X, y), folder / "risk.skops")
    skops.dump(fitted(X, y, "error"), folder / "strict.skops")
    X.assign(ill=y).to_csv(folder / "train.csv", index=False)
    new[["id", "area", "smoker", "bmi", "age"]].assign(ill=right).to_csv(folder / "new.csv", index=False)
    return folder


def asked(files, tmp_path, *more, model="risk.skops", new="new.csv"):
    return main(["audit", str(files / model), str(files / "train.csv"), "--eval", str(files / new), "--targets", "ill",
                 "-o", str(tmp_path / "out"), "-q", *more])


def test_an_audit_of_files_says_what_refits_behind_the_same_columns_say(files, tmp_path, capsys):
    assert asked(files, tmp_path, "--ask", "rows deleted", "--ask", "which rows matter", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    (X, y), (new, _) = table(), table(4, 20)
    model = fitted(X, y)
    rows, points = (np.asarray(one.toarray() if hasattr(one, "toarray") else one)
                    for one in (model[:-1].transform(X), model[:-1].transform(new)))
    flips = set()
    for row in range(N):
        left = np.arange(N) != row
        again = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(rows[left], y[left])
        flips |= set(np.flatnonzero(again.predict(points) != model.predict(new)).tolist())
    stays = next(answer for answer in said["answers"] if answer["quantity"] == "stable_predictions")
    assert stays["lower"] == stays["upper"] == 20 - len(flips) and 0 < len(flips) < 20
    from safetensors.numpy import load_file

    assert np.array_equal(load_file(tmp_path / "out" / "data.safetensors")["X"], rows)
    assert np.array_equal(load_file(tmp_path / "out" / "evaluation.safetensors")["X"], points)
    assert main(["check", str(tmp_path / "out" / "certificate.json")]) == 0


def test_rows_are_shown_with_their_own_columns(files, tmp_path, capsys):
    assert asked(files, tmp_path, "--ask", "which rows matter", "--json") == 0
    ranking = next(answer["ranking"] for answer in json.loads(capsys.readouterr().out)["answers"]
                   if answer.get("ranking") is not None)
    assert set(ranking["columns"]) == {"age", "bmi", "smoker", "area", "id"} and ranking["behind"] == ""
    assert ranking["columns"][-1] == "id"  # no feature is made of it
    X, y = table()
    for one in ranking["rows"][:5]:
        own = X.iloc[one["row"]]
        assert one["label"] == y[one["row"]]
        for name, value in one["data"].items():
            assert value == own[name] or (value is None and np.isnan(own[name]))
    page = (tmp_path / "out" / "audit.html").read_text()
    assert "words__smoker" not in page and "smoker" in page and "as it was fitted: its means, scales" in page


def test_rows_of_python_are_shown_so_too(tmp_path):
    X, y = table()
    found = certify.audit(certify.from_sklearn(fitted(X, y), X, y), X[:5], ask="which rows matter", folder=tmp_path)
    (ranking, *_) = [answer.ranking for answer in found.answers if answer.ranking]
    row = ranking["rows"][0]
    assert row["data"]["smoker"] == X["smoker"][row["row"]] and row["data"]["age"] == X["age"][row["row"]]


def test_noise_is_in_the_columns_own_units_and_of_words_there_is_none(files, tmp_path, capsys):
    assert asked(files, tmp_path, "--ask", "noise", "--noise", "age=0.5", "--level", "0.7") == 0
    said = capsys.readouterr().out
    low = float(said.partition("age of every training row may be off by up to ")[2].partition(",")[0])
    past = float(said.partition("some change of at most ")[2].split()[0])
    X, y = table()
    model = fitted(X, y)

    def loss(move):
        z = model.decision_function(X.assign(age=X["age"] + move))
        return np.logaddexp(0.0, np.where(y == "yes", -z, z)).mean()

    worst = np.where(y == "yes", -1.0, 1.0) * np.sign(model[-1].coef_[0, 0])
    assert 0.5 < low < past and loss(low * worst) <= 0.7 < loss(past * worst) + 1e-6
    for column, why in (("smoker", "ColumnTransformer makes 3 features of column 'smoker'"),
                        ("bmi", "ColumnTransformer makes a feature of column 'bmi'"),  # where it is missing none moves
                        ("id", "no feature is made of column 'id'"),
                        ("words__area_01", "no feature is made of column 'words__area_01'")):
        assert asked(files, tmp_path / column, "--ask", "noise", "--noise", f"{column}=1") == 2
        assert f"{why}" in (said := capsys.readouterr().err) and "with one feature each are age; " in said


def test_a_category_or_value_that_the_model_does_not_know_is_said_or_refused(files, tmp_path, capsys):
    new, right = table(4, 20)
    new.loc[3, "smoker"] = "pipe"
    new.assign(ill=right).to_csv(files / "pipe.csv", index=False)
    assert asked(files, tmp_path, "--ask", "rows deleted", new="pipe.csv") == 0
    said = capsys.readouterr()
    note = "f the rows to predict, categories that the model was not fitted to are encoded as its handle_unknown says: "
    assert f"{note}'pipe' in column 'smoker' (row 3)" in html.unescape((tmp_path / "out" / "audit.html").read_text())
    assert "UserWarning" not in said.err
    assert asked(files, tmp_path, model="strict.skops", new="pipe.csv") == 2
    why = "'pipe', a category that the model was not fitted to: it knows 'current', 'former', 'never'; leave the row"
    assert f"evaluation file pipe.csv, column 'smoker', row 3: {why}" in capsys.readouterr().err
    for column, value, why in (("age", None, "a missing value"), ("age", "old", "'old' is no decimal number")):
        new, _ = table(4, 20)
        new.astype({column: object}).assign(**{column: value}).to_csv(files / "wrong.csv", index=False)
        assert asked(files, tmp_path, new="wrong.csv") == 2
        assert f"column '{column}', row 0: {why}" in capsys.readouterr().err
    table(4, 20)[0].drop(columns="smoker").to_csv(files / "wrong.csv", index=False)
    assert asked(files, tmp_path, new="wrong.csv") == 2
    assert "no array or column named 'smoker'" in capsys.readouterr().err


def test_a_parquet_file_gives_the_same_rows(files, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    from safetensors.numpy import load_file

    X, y = table()
    X.assign(ill=np.where(y == "yes", 1, 0)).to_parquet(files / "train.parquet")
    skops.dump(fitted(X, np.where(y == "yes", 1, 0)), files / "numbers.skops")
    assert main(["audit", str(files / "numbers.skops"), str(files / "train.parquet"), "--targets", "ill", "--ask",
                 "rows deleted", "-o", str(tmp_path / "out"), "-q"]) == 0
    rows = fitted(X, y)[:-1].transform(X)
    assert np.array_equal(load_file(tmp_path / "out" / "data.safetensors")["X"],
                          rows.toarray() if hasattr(rows, "toarray") else rows)


def test_new_rows_lie_in_a_box_of_features_which_mixes_categories_and_that_is_said():
    X, y = table()
    problem = certify.from_sklearn(fitted(X, y), X, y)
    with pytest.warns(UserWarning, match="a new row is any row of features .* also one that mixes categories"):
        certify.stable_predictions(problem, X[:2], add=1)
    with pytest.raises(InputError, match="within: given with features that are made of the rows before"):
        certify.stable_predictions(problem, X[:2], add=1, within=[[0.0] * 8, [1.0] * 8])


def test_what_is_wrong_with_a_column_is_said_with_what_to_do(files, tmp_path, capsys):
    assert asked(files, tmp_path, "--ask", "noise in bmi") == 2
    said = capsys.readouterr().err
    assert "'bmi', which is missing in 6 of 60 training rows (first row 0): the number that is put there" in said
    assert "Ask it of a model fitted to the rows that have one, or ask 'noise' of all features" in said
    assert asked(files, tmp_path, "--ask", "noise in agee") == 2
    assert "no feature is made of column 'agee' (did you mean 'age'?)" in capsys.readouterr().err
    new, right = table(4, 20)
    new.rename(columns={"smoker": "Smokers"}).assign(ill=right).to_csv(files / "renamed.csv", index=False)
    assert asked(files, tmp_path, new="renamed.csv") == 2
    said = capsys.readouterr().err
    assert "rename 'Smokers' to 'smoker', if it is that" in said and "--features" not in said
    (X, y), (points, _) = table(), table(4, 20)
    with pytest.raises(InputError, match="rename 'Age' to 'age'"):
        certify.audit(certify.from_sklearn(fitted(X, y), X, y), points.rename(columns={"age": "Age"}))


@pytest.mark.parametrize(("field", "why"), [("1e-400", "flushes subnormal numbers to zero"),
                                            ("1e999", "beyond the range of doubles")])
def test_numbers_that_are_no_doubles_here_are_refused_behind_columns_too(files, tmp_path, capsys, monkeypatch, field,
                                                                         why):
    """A table before such steps was read so on a thread that flushes: a number too small as 0, 1e999 as infinity."""
    from certify.rigor import fp

    monkeypatch.setattr(fp, "flushes", lambda: True)
    new, right = table(4, 20)
    new.astype({"age": object}).assign(age=field, ill=right).to_csv(files / "tiny.csv", index=False)
    assert asked(files, tmp_path, new="tiny.csv") == 2
    said = capsys.readouterr().err
    assert f"column 'age', row 0: '{field}'" in said and why in said
