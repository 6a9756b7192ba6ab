"""A number that is none, in a file of an audit: the message says which file, which array or column, and which row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.cli.main import main

TOLD = ["--loss", "logistic", "--weight-decay", "0.1"]


def tables(folder: Path, kind: str, of: str, bad: float) -> str:
    """Twelve rows of two columns with labels and weights; row 7 has a bad number in a feature, a label or a weight."""
    rng = np.random.default_rng(0)
    X, y, w = np.round(rng.normal(size=(12, 2)), 2), np.arange(12) % 2 * 1.0, np.ones(12)
    {"b": X[:, 1], "y": y, "w": w}[of][7] = bad
    path = folder / f"t.{kind}"
    if kind == "npz":
        np.savez(path, X=X, y=y, w=w)
    elif kind == "safetensors":
        from safetensors.numpy import save_file

        save_file({"X": X, "y": y, "w": w}, path)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"a": X[:, 0], "b": X[:, 1], "y": y, "w": w}), path)
    return str(path)


def model(folder: Path) -> str:
    np.savez(folder / "m.npz", coef=np.array([[0.5, -0.25]]), intercept=np.zeros(1))
    return str(folder / "m.npz")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["audit", *arguments, "-q"]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(("kind", "of", "bad", "where"), [
    ("npz", "b", np.nan, "array 'X' in data file t.npz, row 7, column 1: nan"),
    ("npz", "b", np.inf, "array 'X' in data file t.npz, row 7, column 1: inf"),
    ("safetensors", "b", np.nan, "array 'X' in data file t.safetensors, row 7, column 1: nan"),
    ("parquet", "b", np.inf, "column 'b' in data file t.parquet, row 7: inf"),
    ("npz", "y", np.nan, "'y', taken as the target in data file t.npz, row 7: nan"),
    ("npz", "w", np.inf, "array 'w' in data file t.npz, entry 7: inf"),
    ("parquet", "w", np.inf, "column 'w' in data file t.parquet, entry 7: inf")])
def test_it_is_said_where_it_stands(tmp_path: Path, capsys: Any, kind: str, of: str, bad: float, where: str) -> None:
    data, more = tables(tmp_path, kind, of, bad), ["--weights", "w"] if of == "w" or kind == "parquet" else []
    assert f"certify: {where}" in said(capsys, model(tmp_path), data, *TOLD, *more, "-o", str(tmp_path / "o"))


def test_of_rows_to_predict_too(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "new").mkdir()
    new, data = tables(tmp_path / "new", "npz", "b", np.nan), tables(tmp_path, "npz", "b", 0.5)
    assert "certify: array 'X' in evaluation file t.npz, row 7, column 1: nan" in said(
        capsys, model(tmp_path), data, "--eval", new, *TOLD, "-o", str(tmp_path / "o"))


def test_what_is_refused_of_all_rows_says_the_file(tmp_path: Path, capsys: Any) -> None:
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 2)), np.arange(12) % 2
    skops.dump(LogisticRegression().fit(X, y), tmp_path / "m.skops")
    np.savez(tmp_path / "t.npz", X=X, y=y)
    np.savez(tmp_path / "wide.npz", X=np.c_[X, X], y=y)
    files = [str(tmp_path / name) for name in ("m.skops", "t.npz", "wide.npz")]
    out = ["-o", str(tmp_path / "o")]
    assert "certify: X in data file wide.npz: 4 columns" in said(capsys, files[0], files[2], *out)
    assert "certify: X in evaluation file wide.npz: 4 columns" in said(capsys, *files[:2], "--eval", files[2], *out)


def test_what_a_model_fills_in_may_be_missing(tmp_path: Path, capsys: Any) -> None:
    """NaN in an array is no fault where the model imputes it."""
    skops = pytest.importorskip("skops.io")
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    data = tables(tmp_path, "npz", "b", np.nan)
    held = np.load(data)
    skops.dump(make_pipeline(SimpleImputer(), LogisticRegression(tol=1e-9)).fit(held["X"], held["y"]),
               tmp_path / "m.skops")
    assert main(["audit", str(tmp_path / "m.skops"), data, "--ask", "rows deleted", "-q", "-o", str(tmp_path / "o"),
                 "--seconds", "20"]) == 0
