"""Rows that are named with --rows: a range has both its ends, and lines name all of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from certify.auditing.questions.these_rows import RANGES, _these
from certify.cli.audits import rows_of
from certify.cli.main import main
from certify.prove.rows_shown import first


@pytest.mark.parametrize(("given", "named"), [
    ("5-11", "these 7 rows (5 to 11) are"), ("11,5-10", "these 7 rows (5 to 11) are"),
    ("2,5-6,20", "these 4 rows (2, 5, 6, 20) are"), ("3,5-7,20-22", "these 7 rows (3, 5 to 7, 20 to 22) are"),
    ("4,4", "row 4 is"), ("0,2,4,6,8,10,12,14,16", "these 9 rows (0, 2, 4, 6, 8, 10, 12, 14, 16) are"),
    ("0,2,4,6,8,10,12,14,16,18", "these 10 rows (0, 2, 4, 6, 8, 10, 12, 14 and others) are")])
def test_rows_are_named_as_they_are(given: str, named: str) -> None:
    assert RANGES == 8 and _these(rows_of(given)) == named


def test_one_more_is_never_said_in_place_of_its_name() -> None:
    assert first((*range(7),), 6) == "0, 1, 2, 3, 4, 5, 6"
    assert first((*range(8),), 6) == "0, 1, 2, 3, 4, 5 and 2 more"


def test_both_ends_of_a_range_are_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a line through points one end of a range decides which predictions stay."""
    rng = np.random.default_rng(3)
    X = np.round(rng.normal(size=(24, 1)), 3)
    y = 2.0 * X[:, 0] + 1.0
    y[11] += 40.0
    left = np.delete(np.arange(24), np.arange(5, 12))
    A = np.c_[X, np.ones(24)]
    w, v = (np.linalg.solve(A[k].T @ A[k] / 24 + 0.1 * np.eye(2), A[k].T @ y[k] / 24) for k in (np.arange(24), left))
    np.savez(tmp_path / "m.npz", coef=w[None, :1], intercept=w[1:])
    np.savez(tmp_path / "t.npz", X=X, y=y)
    assert main(["audit", str(tmp_path / "m.npz"), str(tmp_path / "t.npz"), "--loss", "squared", "--weight-decay",
                 "0.1", "--rows", "5-11", "-o", str(tmp_path / "o"), "-q"]) == 0
    said = capsys.readouterr().out
    assert said.count("when these 7 rows (5 to 11) are left out") == 2
    answers = json.loads((tmp_path / "o" / "audit.json").read_text())["answers"]
    low, high = next((one["lower"], one["upper"]) for one in answers if one["quantity"] == "distance")
    assert low - 1e-9 <= np.linalg.norm(w - v) <= high + 1e-9 and high - low < 1e-4
