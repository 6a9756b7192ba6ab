"""Signs of coefficients and shares of rows, from the phrase to the certificate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
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
    assert status == 4 and "certify.sign_survives" in said.out and "polish" not in said.out
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


def test_a_kernel_has_no_coefficient_of_a_column(tmp_path: Path) -> None:
    """A sign that turns was proved to stay: it was that of another feature, which a linear kernel makes of columns."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(12, 2)) * [1, 3] + [0.5, -1]
    y = X @ [1.0, 0.5] + 0.4 * rng.normal(size=12) + 5
    model = KernelRidge(alpha=0.5, kernel="linear").fit(X, y)
    refits = [np.delete(X, i, 0).T @ KernelRidge(alpha=0.5, kernel="linear").fit(
        np.delete(X, i, 0), np.delete(y, i)).dual_coef_ for i in range(12)]
    assert len(set(np.sign(refits)[:, 1])) == 2  # the recipe: a row is decisive for column 1
    with pytest.warns(UserWarning, match="linear kernel"):
        problem = certify.from_sklearn(model, X, y)
    found = certify.audit(problem, ask="signs of coefficients", folder=tmp_path)
    assert not found.answers and "a column has no coefficient" in found.skipped[0].reason
    assert certify.coefficients(problem, delete=1).names == ("feature 0", "feature 1")  # and no inputs of that number


def test_what_layers_make_of_columns_is_called_a_feature(tmp_path: Path) -> None:
    """Column 1 was said to turn where the layers before the last had put column 0 in its place."""
    torch = pytest.importorskip("torch")

    class Turned(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, x):  # type: ignore[no-untyped-def]
            return x.flip(1)

    rng = np.random.default_rng(2)
    X = rng.normal(size=(14, 2))
    y = 2.0 * X[:, 1] + rng.normal(size=14)
    y -= Ridge(alpha=1.4).fit(X, y).coef_[0] * X[:, 0]  # next to nothing is left of column 0
    refits = [Ridge(alpha=1.4).fit(np.delete(X, i, 0), np.delete(y, i)).coef_ for i in range(14)]
    assert [len(set(column)) for column in np.sign(refits).T] == [2, 1]  # the recipe: column 0 turns
    fitted = Ridge(alpha=1.4).fit(X, y)
    net = torch.nn.Sequential(Turned(), torch.nn.Linear(2, 1)).double().eval()
    net[1].weight.data = torch.tensor(fitted.coef_[None, ::-1].copy())
    net[1].bias.data = torch.tensor([fitted.intercept_])
    problem = certify.from_module(net, X, y, loss="squared", weight_decay=0.1, bias_decay=False)
    (answer,) = certify.audit(problem, ask="signs of coefficients", folder=tmp_path).answers
    assert answer.sentence.startswith("1 of 2 coefficients of the last layer proved to keep their sign")
    assert "1 turns: feature 1 (without row" in answer.sentence and "column" not in answer.sentence
    assert certify.coefficients(problem, delete=1).names == ("feature 0", "feature 1", "intercept")
