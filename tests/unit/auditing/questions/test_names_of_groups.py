"""Whose each row is, read as it is written: numbers that look alike are different users, and words are users too."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from certify.cli.main import main
from tests.unit.auditing.questions.test_groups_deleted import data, flips

TRICKY = ["007", "7", "7.0", "1e3", "1000", "12e4", "a7", "A7", "u 8", "9", "9.5", "nobody"]
"""Twelve users; read as numbers some of them are the same, and some are none."""
PLAIN = [str(i) for i in range(100, 112)]


def named(folder: Path, names: list[str], column: str = "user_id") -> tuple[list[str], list[str], np.ndarray]:
    """An estimator and a network of the same weights with a table of rows, whose users have these names."""
    skops, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    X, y, users, new, model = data()
    own = np.array([names[int(user[1:])] for user in users], dtype=object)
    good = np.where(y == model.classes_[1], 1, -1)
    model.fit(X, good)
    skops.dump(model, folder / "model.skops")
    from safetensors.numpy import save_file

    save_file({"0.weight": model.coef_, "0.bias": model.intercept_}, folder / "net.safetensors")
    pandas.DataFrame(X, columns=["a", "b"]).assign(**{column: own}, y=good).to_csv(folder / "train.csv", index=False)
    pandas.DataFrame(new, columns=["a", "b"]).assign(y=1).to_csv(folder / "new.csv", index=False)
    shared = [str(folder / "train.csv"), "--eval", str(folder / "new.csv"), "-o", str(folder / "out")]
    return (["audit", str(folder / "model.skops"), *shared],
            ["audit", str(folder / "net.safetensors"), *shared, "--loss", "logistic", "--weight-decay",
             repr(1.0 / (0.5 * len(X))), "--features", "a,b"], own)


def answer(told: list[str], capsys: Any) -> Any:
    assert main([*told, "--groups", "user_id", "--ask", "any 1 user deleted", "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)["answers"][0]


@pytest.mark.parametrize("names", [TRICKY, PLAIN])
def test_both_doors_take_names_as_they_are_written(tmp_path, capsys, names: list[str]) -> None:
    estimator, network, own = named(tmp_path, names)
    X, y, _, new, model = data()
    stay = int(np.sum(~flips(X, y, own.astype(str), new, model, 1)))
    for told in (estimator, network):
        found = answer(told, capsys)
        assert found["lower"] == stay and "12 groups" in found["answer"]
        assert main(["check", str(tmp_path / "out" / "certificate.json")]) == 0
        capsys.readouterr()
        _told_by_name(tmp_path / "out", found["answer"], own)
    spec = (tmp_path / "out" / "certify.toml").read_text()
    assert ('file = "data.csv"' in spec) == (names is TRICKY)  # else the table says it itself


def _told_by_name(folder: Path, sentence: str, own: np.ndarray) -> None:
    """Answer, CSV and page name whose rows flip a prediction, and training without all of these rows does flip it."""
    X, y, _, new, model = data()
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    heading, page = "any 1 group of user_id left out", (folder / "audit.html").read_text(encoding="utf-8")
    flipped = [line for line in lines if line[heading] == "flips"]
    assert flipped and all(line[f"{heading}: groups"] == "" for line in lines if line[heading] == "stays")
    for line in flipped:
        name = line[f"{heading}: groups"]
        assert list(map(int, line[f"{heading}: training rows"].split())) == np.flatnonzero(own == name).tolist()
        again = LogisticRegression(C=0.5, tol=1e-12, max_iter=10000)
        at = int(line["prediction"])
        assert again.fit(X[own != name], y[own != name]).predict(new)[at] != model.predict(new)[at]
        assert f"<td>{name}</td>" in page
    first = flipped[0]
    assert f"(row {first['prediction']} by group {first[f'{heading}: groups']} of user_id)" in sentence
    assert f">{heading}</th>" in page and ">groups that flip it</th>" in page
    assert "row left out" not in page and "by training row" not in page


def test_rows_are_told_as_rows_beside_groups(tmp_path, capsys) -> None:
    """Two questions of one audit: a group is no row, and what flips by a row names the row."""
    estimator, _, _ = named(tmp_path, TRICKY)
    told = [*estimator, "--groups", "user_id", "--ask", "any 2 users deleted", "--ask", "any 2 rows deleted", "-q"]
    assert main([*told, "--json"]) in (0, 4)
    said = {one["ask"]: one["answer"] for one in reversed(json.loads(capsys.readouterr().out)["answers"])}
    assert " of user_id" in said["groups deleted"] and "training row " not in said["groups deleted"]
    assert "user_id" not in said["rows deleted"]
    head = (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert "any 2 groups of user_id left out" in head and "any 2 rows left out" in head
    assert "any 2 rows left out: groups" not in head


@pytest.mark.parametrize("missing", ["", "NA", "nan"])
def test_a_row_without_a_name_is_named(tmp_path, capsys, missing: str) -> None:
    for told in named(tmp_path, ["", *TRICKY[1:]])[:2]:
        table = tmp_path / "train.csv"
        lines = [line.split(",") for line in table.read_text().splitlines()]
        first = next(i for i, line in enumerate(lines[1:]) if line[2] in ("", missing))
        table.write_text("".join(",".join([a, b, user or missing, y]) + "\n" for a, b, user, y in lines))
        assert main([*told, "--groups", "user_id", "--ask", "2 users deleted"]) == 2
        said = capsys.readouterr().err
        assert f"row {first} (line {first + 2}): {missing!r}, a missing value; say in every row whose it is" in said


def test_columns_that_say_whose_rows_are_are_named(tmp_path, capsys) -> None:
    """Words in a column that nobody named, with another column named, and numbers that the model was not fitted to."""
    estimator, network, _ = named(tmp_path, TRICKY)
    for told in (estimator, network[:-2]):
        assert main([*told, "--ask", "2 users deleted"]) == 2
        assert "where 'user_id' says whose each row is, add --groups user_id; else " in capsys.readouterr().err
    assert main([*network[:-2], "--ask", "2 users deleted", "--groups", "b"]) == 2
    assert "add --groups user_id" in capsys.readouterr().err
    estimator, *_ = named(tmp_path, PLAIN)
    skops, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    X, y, _, _, model = data()
    skops.dump(model.fit(pandas.DataFrame(X, columns=["a", "b"]), np.where(y == "good", 1, -1)), estimator[1])
    assert main([*estimator, "--ask", "2 users deleted"]) in (2, 4)
    said = capsys.readouterr()
    assert "name it with --groups user_id" in said.out + said.err


def test_training_rows_are_predicted_from_the_copy_too_and_again(tmp_path, capsys) -> None:
    """Without rows to predict, and once more into the folder of the first audit."""
    _, network, _ = named(tmp_path, TRICKY)
    at = network.index("--eval")
    told = network[:at] + network[at + 2 :]
    assert answer(told, capsys)["lower"] == answer(told, capsys)["lower"] > 0
    assert main(["check", str(tmp_path / "out" / "certificate.json")]) == 0
    copy = tmp_path / "out" / "data.csv"
    copy.write_text(copy.read_text().replace(",11,", ",0,"))
    assert main(["check", str(tmp_path / "out" / "certificate.json")]) != 0
    assert main([*told, "--groups", "user_id", "--ask", "1 user deleted"]) == 2
    assert "data.csv in it was changed since an audit wrote it" in capsys.readouterr().err


def test_a_copy_is_not_written_over_what_is_read(tmp_path, capsys) -> None:
    _, network, _ = named(tmp_path, TRICKY)
    (tmp_path / "train.csv").rename(tmp_path / "data.csv")
    told = [part.replace("train.csv", "data.csv") for part in network]
    told[told.index("-o") + 1] = str(tmp_path)
    before = (tmp_path / "data.csv").read_bytes()
    assert main([*told, "--groups", "user_id", "--ask", "1 user deleted"]) == 2
    assert (tmp_path / "data.csv").read_bytes() == before and "data.csv" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--groups", "--weights"])
def test_a_column_that_is_named_for_something_else_is_no_target_because_it_stands_last(tmp_path, capsys,
                                                                                       option: str) -> None:
    pandas = pytest.importorskip("pandas")
    for told in named(tmp_path, PLAIN)[:2]:
        table = pandas.read_csv(tmp_path / "train.csv")
        table = table.assign(**({"user_id": 1.0} if option == "--weights" else {})).rename(columns={"y": "outcome"})
        table[["a", "b", "outcome", "user_id"]].to_csv(tmp_path / "train.csv", index=False)
        pandas.read_csv(tmp_path / "new.csv").rename(columns={"y": "outcome"}).to_csv(tmp_path / "new.csv", index=False)
        asked = "1 user deleted" if option == "--groups" else "1 row deleted"
        assert main([*told, option, "user_id", "--ask", asked, "--seconds", "5"]) in (0, 4)
        assert "note: targets are 'outcome': --targets names others" in capsys.readouterr().err
    estimator = named(tmp_path, PLAIN)[0]
    assert main([*estimator, option, "user_id", "--targets", "user_id", "--ask", asked]) == 2
    said = capsys.readouterr().err
    assert f"{option} user_id: it would be the targets " in said and "with --targets" in said


def test_tables_that_differ_in_the_name_of_the_groups_are_said_to(tmp_path, capsys) -> None:
    """Stored by an audit the rows are the same; a network's own table names another column."""
    for column in ("user_id", "site"):
        (tmp_path / column).mkdir()
        for place, told in zip("en", named(tmp_path / column, PLAIN, column)[:2], strict=True):
            told = [*told, "--groups", column, "--ask", f"1 {column} deleted", "--seconds", "5", "-q"]
            told[told.index("-o") + 1] = str(tmp_path / column / place)
            assert main(told) == 0
    capsys.readouterr()
    for place, words in (("e", "though what is read of them is the same: they differ in a name"),
                         ("n", "are those of column 'user_id' in A and of 'site' in B")):
        assert main(["compare", str(tmp_path / "user_id" / place), str(tmp_path / "site" / place)]) == 2
        assert words in capsys.readouterr().err
