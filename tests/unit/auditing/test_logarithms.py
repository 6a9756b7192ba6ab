"""Regressions whose output is a logarithm: what parts two labels, what an output is called."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import GammaRegressor, PoissonRegressor

import certify
from certify.cli.main import main
from certify.format.errors import InputError, SpecError
from certify.spec.load import parse_spec

N = 40


@pytest.fixture(scope="module")
def amounts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, np.ndarray]:
    """A Gamma regression with its data in files."""
    folder = tmp_path_factory.mktemp("amounts")
    rng = np.random.default_rng(20261128)
    X = rng.normal(size=(N, 2))
    y = np.exp(6.5 + 0.3 * X[:, 0] + 0.1 * rng.normal(size=N))
    skops.io.dump(GammaRegressor(alpha=0.1).fit(X, y), folder / "model.skops")
    np.savez(folder / "data.npz", X=X, y=y)
    return folder, X, y


def test_an_amount_parts_outputs_at_its_logarithm(
    amounts: tuple[Path, np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str],
) -> None:
    folder, X, y = amounts
    exact = GammaRegressor(alpha=0.1, tol=1e-10, max_iter=1000)
    above = [exact.fit(np.delete(X, i, 0), np.delete(y, i)).predict(X) > 700.0 for i in range(N)]
    today = exact.fit(X, y).predict(X) > 700.0
    stay = int(np.all(np.array(above) == today, axis=0).sum())
    assert 0 < today.sum() < N
    status = main(["audit", str(folder / "model.skops"), str(folder / "data.npz"), "--threshold", "700", "--ask",
                   "rows deleted", "-o", str(folder / "out")])
    out, err = capsys.readouterr()
    assert status == 0 and f"{stay} of {N} predictions for the training rows proved to stay" in out
    assert "right" not in out and f"parts them at {math.log(700.0)!r}" in err


def test_an_output_is_called_a_logarithm(
    amounts: tuple[Path, np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str],
) -> None:
    folder, _, _ = amounts
    assert main(["audit", str(folder / "model.skops"), str(folder / "data.npz"), "--ask", "rows deleted", "-o",
                 str(folder / "plain")]) == 0
    assert "does an output, the logarithm of what is predicted, change by more than" in capsys.readouterr().out


@pytest.mark.parametrize("told", ["0", "-3"])
def test_what_has_no_logarithm_parts_nothing(
    amounts: tuple[Path, np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str], told: str,
) -> None:
    folder, _, _ = amounts
    assert main(["audit", str(folder / "model.skops"), str(folder / "data.npz"), f"--threshold={told}", "-o",
                 str(folder / "none")]) == 2
    assert "give an amount above 0" in capsys.readouterr().err


def test_counts_of_0_and_1_are_no_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] > 0).astype(float)
    skops.io.dump(PoissonRegressor(alpha=0.1).fit(X, y), tmp_path / "model.skops")
    np.savez(tmp_path / "data.npz", X=X, y=y)
    main(["audit", str(tmp_path / "model.skops"), str(tmp_path / "data.npz"), "--ask", "rows deleted", "-o",
          str(tmp_path / "out")])
    out = capsys.readouterr().out
    assert "the logarithm of what is predicted" in out and "proved to stay" not in out


def test_no_threshold_says_which_labels_are_right(amounts: tuple[Path, np.ndarray, np.ndarray]) -> None:
    folder, X, y = amounts
    problem = certify.from_sklearn(GammaRegressor(alpha=0.1).fit(X, y), X, y)
    found = certify.stable_predictions(problem, X, delete=1, threshold=math.log(700.0))
    assert len(found.proved)
    with pytest.raises(InputError, match="the logarithm of what y_eval is"):
        found.accuracy(y)
    main(["audit", str(folder / "model.skops"), str(folder / "data.npz"), "--threshold", "700", "--ask", "rows deleted",
          "-o", str(folder / "spec"), "-q"])
    spec = (folder / "spec" / "certify.toml").read_text(encoding="utf-8")
    parse_spec(spec.encode())
    asked = spec.replace('quantity = "stable_predictions"', 'quantity = "correct_predictions"')
    assert asked != spec
    with pytest.raises(SpecError, match="no threshold says which labels are right"):
        parse_spec(asked.encode())


@pytest.fixture(scope="module")
def odds(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A logistic regression with its data in files, as a command takes them."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("odds")
    rng = np.random.default_rng(20261130)
    X = rng.normal(size=(N, 2))
    y = (X[:, 0] + rng.normal(size=N) > 0.5).astype(np.int64)
    model = LogisticRegression(tol=1e-10).fit(X, y)
    skops.io.dump(model, folder / "model.skops")
    np.savez(folder / "data.npz", X=X, y=y)
    return [str(folder / "model.skops"), str(folder / "data.npz"), "-o", str(folder / "o")]


@pytest.mark.parametrize(("more", "said", "written"), [
    (["--threshold", "0.3"], "part at 0.3, that is probability 0.574; a probability of 0.3 is --probability 0.3", 0.3),
    (["--threshold", "-2"], "part at -2, that is probability 0.119\n", -2.0),
    (["--probability", "0.3"], "part at -0.8473, that is probability 0.3\n", math.log(0.3 / 0.7))])
def test_a_threshold_of_a_logistic_model_is_said_in_both_units(odds, capsys, more, said, written) -> None:
    assert main(["audit", *odds, "--ask", "rows deleted", "--ask", "which rows matter", *more]) == 0
    found = capsys.readouterr()
    assert f"outputs are log-odds: labels {said}" in found.err and "no answer" not in found.err
    folder = Path(odds[-1])
    spec = parse_spec((folder / "certify.toml").read_bytes())
    assert spec.evaluation is not None and spec.evaluation.threshold == pytest.approx(written, abs=1e-15)
    assert "(log-odds; probability" in (folder / "report.html").read_text(encoding="utf-8")
    assert "threshold" not in (folder / "which-rows" / "certify.toml").read_text().partition("[[gate]]")[0]


@pytest.mark.parametrize("more", [
    ["--probability", "0.3", "--threshold", "1"], ["--probability", "0"], ["--probability", "1"],
    ["--probability", "nan"]])
def test_what_is_no_probability_is_refused(odds, capsys, more) -> None:
    assert main(["audit", *odds, *more]) == 2 and "--probability" in capsys.readouterr().err


def test_an_amount_has_no_probability(amounts, capsys) -> None:
    folder, _, _ = amounts
    assert main(["audit", str(folder / "model.skops"), str(folder / "data.npz"), "--probability", "0.3", "-o",
                 str(folder / "p")]) == 2
    assert "no log-odds; give --threshold" in capsys.readouterr().err


def test_in_python_a_threshold_is_a_logarithm_too_and_that_is_said() -> None:
    """Of counts above 2 a threshold of 2 was one of 7.39, and predictions that cross 2 were said to stay."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(12, 2))
    y = np.round(np.exp(0.8 + 0.5 * X[:, 0] + 0.3 * rng.normal(size=12)))
    exact = PoissonRegressor(alpha=0.3, tol=1e-10, max_iter=1000)
    refits = [exact.fit(np.delete(X, i, 0), np.delete(y, i)).predict(X) > 2.0 for i in range(12)]
    today = exact.fit(X, y).predict(X) > 2.0
    problem = certify.from_sklearn(exact, X, y)
    with pytest.warns(UserWarning, match=r"predictions part at 7\.389; to part them at 2 give math\.log\(2\)"):
        other = certify.stable_predictions(problem, X, delete=1, threshold=2.0)
    with pytest.warns(UserWarning, match=r"predictions part at 2;"):
        found = certify.stable_predictions(problem, X, delete=1, threshold=math.log(2.0))
    stay = np.flatnonzero(np.all(np.array(refits) == today, axis=0))
    assert found.proved.tolist() == stay.tolist() != other.proved.tolist()
