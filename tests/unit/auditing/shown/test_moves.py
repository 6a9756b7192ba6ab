"""The table of predictions of a regression: how far each moves at most, against training again without every choice."""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.auditing.ranked.shown import rounded
from certify.auditing.shown.predictions import column

pytest.importorskip("sklearn")
from sklearn.linear_model import PoissonRegressor, Ridge

RNG = np.random.default_rng(5)
X, POINTS = RNG.normal(size=(14, 2)), RNG.normal(size=(5, 2))
Y = X @ [3.0, -1.0] * 10 + RNG.normal(size=14) + 200.0
OFF = 0.02


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moves")
    problem = certify.from_sklearn(Ridge(0.5).fit(X, Y), X, Y)
    certify.audit(problem, POINTS, delete=2, targets_off="2%", ask=["rows deleted", "targets off"], folder=folder)
    return folder


def refit(rows: list[int], targets: np.ndarray) -> np.ndarray:
    """Outputs after training to these rows: the sum of the losses, and the penalty as it was."""
    return np.asarray(Ridge(0.5).fit(X[rows], targets[rows]).predict(POINTS))


def test_no_refit_moves_a_prediction_further_and_one_nearly_as_far(audited: Path) -> None:
    with (audited / "predictions.csv").open(encoding="utf-8") as handle:
        head, *lines = list(csv.reader(handle))
    assert head == ["prediction", "output today", "any 2 rows left out: moves by at most",
                    "targets off: moves by at most"]
    found = np.array(lines, dtype=np.float64)
    today = refit(list(range(14)), Y)
    assert found[:, 0].tolist() == list(range(5)) and np.allclose(found[:, 1], today, rtol=1e-9, atol=0)
    gone = [refit([row for row in range(14) if row not in pair], Y) for pair in combinations(range(14), 2)]
    moved = np.abs(np.array(gone) - today).max(axis=0)
    assert (moved <= found[:, 2] * (1 + 1e-9)).all() and (found[:, 2] < 1.5 * moved + 1e-9).all()
    influence = np.array([refit(list(range(14)), Y + np.eye(14)[i]) - today for i in range(14)])
    off = np.abs(influence * (OFF * np.abs(Y))[:, None]).sum(axis=0)
    assert (off <= found[:, 3] * (1 + 1e-9)).all() and np.allclose(off, found[:, 3], rtol=1e-6)


def test_the_page_has_no_labels_of_them(audited: Path) -> None:
    text = (audited / "audit.html").read_text(encoding="utf-8")
    assert "How far a prediction moves at most" in text and "margin today" not in text and "predictions.csv" in text


def test_the_page_rounds_each_end_up(audited: Path) -> None:
    """A cell is never below what the file beside it has."""
    text = (audited / "audit.html").read_text(encoding="utf-8")
    with (audited / "predictions.csv").open(encoding="utf-8") as handle:
        ends = [end for line in list(csv.reader(handle))[1:] for end in line[2:]]
    for end in ends:
        assert len(end) > 8 and f"<td>{end}</td>" not in text and f"<td>{rounded(end)}</td>" in text
        assert float(end) <= float(rounded(end)) <= float(end) * 1.001


def test_where_one_bound_holds_of_all_no_column_repeats_it(tmp_path: Path) -> None:
    counts = RNG.poisson(np.exp(0.3 * X[:, 0]))
    problem = certify.from_sklearn(PoissonRegressor(alpha=1, tol=1e-10).fit(X, counts), X, counts)
    found = certify.audit(problem, POINTS, ask="rows deleted", folder=tmp_path)
    assert found.verdict == "certified" and not (tmp_path / "predictions.csv").exists()


def test_an_end_of_each_is_never_above_that_of_all_and_no_end_is_open() -> None:
    problem = {"evaluation_rows": 3, "parameter": "deletions", "count": 1, "rows": "all"}
    claim = {"quantity": "prediction_change", "upper": 2.0, "witness": {}}

    def words(upper: float | None, each: tuple[float, ...] | None) -> list[str] | None:
        made = column("x", "?", {"problem": problem, "claims": [{**claim, "upper": upper}]}, 3, each=each)
        return None if made is None else [cell.word for cell in made.cells]

    assert words(2.0, ()) == ["2.0"] * 3 and words(2.0, (0.5, 3.0, np.inf)) == ["0.5", "2.0", "2.0"]
    assert words(None, ()) is None and words(2.0, None) is None
    assert words(None, (0.5, np.inf, 1.0)) == ["0.5", "open", "1.0"]


def test_one_bound_of_all_is_no_column_where_rows_carry_weights(tmp_path: Path) -> None:
    weights = RNG.uniform(0.5, 2.0, 14)
    problem = certify.from_sklearn(Ridge(0.5).fit(X, Y, sample_weight=weights), X, Y, weights)
    found = certify.audit(problem, POINTS, delete=1, ask="rows deleted", folder=tmp_path)
    assert "an output change by more than" in found.answers[0].sentence and found.answers[0].upper is not None
    assert not (tmp_path / "predictions.csv").exists()
    assert "How far a prediction moves at most" not in (tmp_path / "audit.html").read_text(encoding="utf-8")
