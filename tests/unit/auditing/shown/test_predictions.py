"""The table of predictions of an audit: what it says of each is what training again does, and it stays small."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify.auditing.shown.owners import Owners
from certify.auditing.shown.page import page
from certify.auditing.shown.predictions import Cell, Column, Table, Today, column
from certify.format.errors import InputError
from tests.families.pages import without_script

CONTENT = {"model": {"network": "x", "training_loss": None, "training_accuracy": None, "notes": []},
           "answers": [], "skipped": [], "verdict": "certified"}


@pytest.fixture(scope="module")
def fitted() -> tuple[Any, ...]:
    """A stock logistic regression of words on two clouds, with rows to predict."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    X = np.round(np.vstack([rng.normal(-1.0, 1.0, (14, 2)), rng.normal(1.0, 1.0, (14, 2))]), 3)
    y, points = np.repeat(["=no", "yes"], 14), np.round(rng.normal(0.0, 1.0, (40, 2)), 3)
    return LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, y), X, y, points


@pytest.fixture(scope="module")
def audited(fitted: tuple[Any, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its audit: any row left out, any label wrong, how many rows left out each survives."""
    model, X, y, points = fitted
    folder = tmp_path_factory.mktemp("audited") / "audit"
    problem = certify.from_sklearn(model, X, y)
    certify.audit(problem, points, ask=("which rows", "rows deleted", "labels wrong", "how far")).save(folder)
    return folder


def lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_prediction_is_what_training_again_makes_of_it(fitted: tuple[Any, ...], audited: Path) -> None:
    from sklearn.base import clone

    model, X, y, points = fitted
    today, found = model.predict(points), lines(audited)
    without = np.array([clone(model).fit(np.delete(X, i, 0), np.delete(y, i)).predict(points) for i in range(28)])
    turned = np.array([clone(model).fit(X, np.where(np.arange(28) == i, np.roll(y, 14), y)).predict(points)
                       for i in range(28)])
    assert [int(line["prediction"]) for line in found] == list(range(40))
    assert [line["label today"] for line in found] == ["'=no" if label == "=no" else label for label in today]
    outputs = model.decision_function(points)
    assert np.allclose([float(line["output today"]) for line in found], outputs, atol=1e-9)
    assert np.allclose([float(line["margin today"]) for line in found], np.abs(outputs), atol=1e-9)
    for heading, refits in (("any 1 row left out", without), ("any 1 label wrong", turned)):
        flips = (refits != today).any(axis=0)
        assert 0 < flips.sum() < 40
        for line, goes, own in zip(found, flips, (refits != today).T, strict=True):
            assert line[heading] == ("flips" if goes else "stays")
            rows = line[f"{heading}: training rows"]
            assert own[int(rows)] if goes else rows == ""
    for line, goes in zip(found, (without != today).any(axis=0), strict=True):
        assert (line["rows left out that it survives"] == "0") == goes
    assert len(found[0]) == 4 + 2 + 2 + 1  # "which rows" says the same as "rows deleted", once


def test_the_page_shows_them_and_loads_nothing(audited: Path) -> None:
    text = (audited / "audit.html").read_text(encoding="utf-8")
    assert "<h2>Each prediction</h2>" in text and '<a href="predictions.csv">' in text
    assert "http:" not in text and "https:" not in text and without_script(text) and "{{" not in text
    table = text.split('data-tools="predictions"')[1].split("</table>")[0]
    words = [re.search(r">(flips|open|stays)<", row).group(1) for row in table.split("<tr>")[2:]]  # type: ignore[union-attr]
    assert len(words) == 40 and words == sorted(words, key=["flips", "open", "stays"].index)


def table_of(points: int, label: str = "0", flips: int = 0) -> Table:
    rng = np.random.default_rng(0)
    today = Today((label,) * points, rng.normal(size=points), rng.random(points), False)
    cells = tuple(Cell("flips", 0, rows=tuple(range(100))) if i < flips else Cell("stays", 2) for i in range(points))
    return Table(today, (Column("any 100 rows left out", "which", ("a",), cells),))


def test_a_page_of_two_thousand_stays_small() -> None:
    table = table_of(2_000, flips=1_800)
    text, before = page(CONTENT, table), page(CONTENT)
    assert len(text) - len(before) < 100_000 and text.count('<th scope="row">') == 200
    assert "200 of 2000 predictions" in text and "0, 1, 2, 3, 4, 5, 6, 7 and 92 more" in text
    assert len(table.csv().splitlines()) == 2_001 and " ".join(map(str, range(100))) in table.csv()


def test_what_labels_are_called_does_no_harm() -> None:
    """Of page and of spreadsheet; numbers stay numbers."""
    assert "<script>x" not in page(CONTENT, table_of(1, "<script>x"))
    found = {label: table_of(1, label).csv().splitlines()[1].split(",")[1] for label in ("=1+1", "@x", "-1", "a", "+")}
    assert found == {"=1+1": "'=1+1", "@x": "'@x", "-1": "-1", "a": "a", "+": "'+"}


def certificate(claims: list[Mapping[str, Any]], **problem: Any) -> dict[str, Any]:
    return {"claims": claims, "problem": {"parameter": "deletions", "rows": "all", "evaluation_rows": 3, "count": 2,
                                          "set": "sparse"} | problem}


FATES = {"quantity": "stable_predictions", "witness": {"flipped": [1], "changed": [4, -1], "undecided": [2]}}
ENDS = {"quantity": "tolerated_changes", "witness": {}, "row_lower": [0, 1, 2], "row_upper": [0, 2, None]}


def test_groups_are_told_as_groups() -> None:
    """By name, with the column that has the names; no column is one of rows, and no name is a formula."""
    said = certificate([FATES], grouped={"by": "groups", "groups": 3, "largest": 2})
    who = Owners("user_id", (0, 0, 1, 1, 2), ("a", "b", "=c"))
    one, plain, rows = column("x", "which", said, 3, who), column("x", "which", said, 3), column(
        "x", "which", certificate([FATES]), 3, who)
    assert one is not None and plain is not None and rows is not None
    assert [found.heading for found in (one, plain, rows)] == [
        "any 2 groups of user_id left out", "any 2 groups left out", "any 2 rows left out"]
    assert one.change == plain.change != rows.change
    assert [cell.groups for cell in one.cells] == [(), ("=c",), ()]
    assert not any(cell.groups for cell in (*plain.cells, *rows.cells))
    today = Today(("0",) * 3, np.zeros(3), np.zeros(3), False)
    lines = list(csv.DictReader(Table(today, (one, rows)).csv().splitlines()))
    assert lines[1][f"{one.heading}: groups"] == "'=c" and lines[1][f"{rows.heading}: training rows"] == "4"
    assert "<td>=c</td>" in page(CONTENT, Table(today, (one,)))


def test_what_certificates_say() -> None:
    one = column("x", "which", certificate([FATES]), 3)
    assert one is not None and [(cell.word, cell.rows) for cell in one.cells] == [
        ("stays", ()), ("flips", (4,)), ("open", ())]
    other = column("x", "which", certificate([ENDS]), 3)
    assert other is not None and [cell.word for cell in other.cells] == ["0", "1 or more", "2 or more"]
    assert one.change != other.change and not other.flips and one.flips
    assert column("x", "which", certificate([FATES], count=3), 3).change != one.change  # type: ignore[union-attr]


@pytest.mark.parametrize("said", [
    certificate([FATES], evaluation_rows=1), certificate([{"quantity": "modulus", "witness": {}}]),
    certificate([{"quantity": "stable_predictions", "witness": {}}])])
def test_what_is_about_other_rows_or_none_is_no_column(said: dict[str, Any]) -> None:
    assert column("x", "which", said, 3) is None


def test_a_file_of_somebody_is_not_written_over(fitted: tuple[Any, ...], tmp_path: Path) -> None:
    from certify.auditing.audit import audit_subject
    from certify.auditing.questions import QUESTIONS
    from certify.auditing.questions.base import Options
    from certify.auditing.store import stored
    from certify.certificate.audit_folder import announce

    model, X, y, points = fitted
    problem = certify.from_sklearn(model, X, y)
    asked = [question for question in QUESTIONS if question.slug == "rows-deleted"]

    def run() -> None:
        audit_subject(stored(problem, points, None, tmp_path), asked, Options(), tmp_path, lambda *_: None)

    place = tmp_path / "predictions.csv"
    place.write_text("mine")
    with pytest.raises(InputError, match=r"predictions\.csv in it was not written by an audit"):
        run()
    place.unlink()
    run()
    announce(tmp_path, ("predictions.csv",))  # as one that is killed while it writes leaves it
    run()  # what an audit wrote goes
    place.write_text("mine")
    with pytest.raises(InputError, match=r"predictions\.csv in it was changed since an audit wrote it"):
        run()
    assert place.read_text() == "mine" and (tmp_path / "audit.html").is_file()


def test_outputs_that_overflow_make_no_table(fitted: tuple[Any, ...], tmp_path: Path) -> None:
    from dataclasses import replace

    from certify.auditing.shown.predictions import today_of
    from certify.auditing.store import stored

    model, X, y, points = fitted
    subject = stored(certify.from_sklearn(model, X, y), points, None, tmp_path)
    found = today_of(subject)
    assert found is not None and found.labels == tuple(model.predict(points))
    assert today_of(replace(subject, evaluated=points * 1e308 * 1e3)) is None
