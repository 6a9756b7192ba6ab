"""Signs of coefficients and shares of rows, from the phrase to the certificate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

import certify
from certify.check.main import main as check
from certify.cli.main import main
from certify.format.errors import InputError

N, D = 40, 4


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    """One column matters, one hardly, two do not."""
    rng = np.random.default_rng(20261128)
    X = rng.normal(size=(N, D))
    return X, 2.0 * X[:, 0] + 0.08 * X[:, 1] + rng.normal(size=N)


def test_each_sign_is_that_of_every_refit(rows: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    X, y = rows
    model = Ridge(alpha=1.0).fit(X, y)
    found = certify.audit(certify.from_sklearn(model, X, y), ask="do coefficients keep their sign", folder=tmp_path)
    (answer,) = found.answers
    refits = [Ridge(alpha=1.0).fit(np.delete(X, i, 0), np.delete(y, i)).coef_ for i in range(N)]
    stay = np.all(np.sign(refits) == np.sign(model.coef_), axis=0)
    turned = [str(j) for j in np.flatnonzero(~stay)]
    assert 0 < stay.sum() < D  # the recipe shows both
    assert (answer.lower, answer.upper, answer.total) == (stay.sum(), stay.sum(), D)
    assert answer.sentence.startswith(f"{stay.sum()} of {D} coefficients proved to keep their sign")
    for j in map(int, turned):  # with a row without which it turns
        (row,) = re.findall(rf"column {j} \(without row (\d+)\)", answer.sentence)
        assert np.sign(refits[int(row)][j]) != np.sign(model.coef_[j])
    assert check([str(tmp_path / "certificate.json")]) == 0
    assert sum(bar.get_width() for bar in found.plot().patches) == D  # not as many as the rows to predict


def test_several_outputs_have_no_one_sign(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 3
    found = certify.audit(certify.from_sklearn(LogisticRegression().fit(X, y), X, y), ask="coefficients")
    assert not found.answers and "several outputs" in found.skipped[0].reason and found.verdict == "inconclusive"


def test_plain_least_squares_is_told_who_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = np.arange(12.0)[:, None]
    y = X[:, 0] + np.cos(9 * X[:, 0])
    fitted = LinearRegression().fit(X, y)
    np.savez(tmp_path / "m.npz", coef=fitted.coef_, intercept=fitted.intercept_)
    np.savez(tmp_path / "d.npz", X=X, y=y)
    status = main(["audit", str(tmp_path / "m.npz"), str(tmp_path / "d.npz"), "--loss", "squared", "--weight-decay",
                   "0", "--ask", "signs of coefficients", "-q", "-o", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert status == 4 and "certify.sign_survives(X, y, column)" in said.out and "polish" not in said.out
    with pytest.warns(UserWarning, match="no penalty"):
        problem = certify.from_sklearn(fitted, X, y)
    with pytest.raises(InputError, match="ask certify.sign_survives"):
        certify.coefficients(problem, delete=1)
    assert certify.sign_survives(X, y).lower >= 1


def test_a_share_becomes_a_number_and_is_said(rows: tuple[np.ndarray, np.ndarray], tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    X, y = rows
    np.savez(tmp_path / "data.npz", X=X, y=np.where(y > 0, 1, -1))
    model = Ridge(alpha=1.0).fit(X, np.where(y > 0, 1.0, -1.0))
    np.savez(tmp_path / "model.npz", coef=model.coef_[None], intercept=np.array([model.intercept_]))
    said = ["audit", str(tmp_path / "model.npz"), str(tmp_path / "data.npz"), "--loss", "squared", "--weight-decay",
            str(1 / N), "--no-bias-decay", "--normalization", "fixed", "-o", str(tmp_path / "out"), "--threshold", "0"]
    assert main([*said, "--ask", "6 % of labels wrong"]) == 0
    out, err = capsys.readouterr()
    assert "whichever 2 training labels are wrong" in out
    assert "note: 6 % of 40 training rows: 2 rows, and no more than that share" in err
    stored = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert any("6 % of 40" in note for note in stored["model"]["notes"])
    assert main([*said[:-3], str(tmp_path / "other"), *said[-2:], "--delete", "5%", "--ask", "rows deleted"]) == 0
    assert "whichever 2 training rows are left out" in capsys.readouterr().out
    assert main([*said, "--ask", "1% of labels wrong"]) == 2
    assert "less than one row" in capsys.readouterr().err
