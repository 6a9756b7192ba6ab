"""Rows on disk: the same answers as rows in memory, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier

import certify
from certify.format.errors import InputError
from certify.prove.stored.predictions import same_names
from certify.systems.head.rows.stored import rows as stored
from certify.theorems.head.rows.squared.streamed import labels as by_parts


def drawn(folder: Path, classes: int = 2, n: int = 700, dtype: type = np.float32, **options: object):
    rng = np.random.default_rng([classes, n])
    means = 1.2 * rng.standard_normal((classes, 5))
    y = rng.integers(0, classes, n)
    X = (means[y] + rng.standard_normal((n, 5))).astype(dtype)
    np.save(folder / "rows.npy", X)
    X_eval = means[rng.integers(0, classes, 25)] + rng.standard_normal((25, 5))
    return RidgeClassifier(**options).fit(X.astype(np.float64), y), X, y, X_eval


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 512 rows, and few numbers kept at first."""
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    monkeypatch.setattr(by_parts, "FIRST", 8)


@pytest.mark.parametrize(("classes", "dtype", "intercept"), [(2, np.float32, True), (3, np.float64, True),
                                                             (2, np.float64, False)])
def test_labels_are_answered_as_in_memory(parts: None, tmp_path: Path, classes: int, dtype: type, intercept: bool,
                                          ) -> None:
    model, X, y, X_eval = drawn(tmp_path, classes, dtype=dtype, fit_intercept=intercept)
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, relabel=4)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    same = certify.stored_predictions(model, mapped, y, X_eval, relabel=4)
    whole = certify.stable_predictions(certify.from_sklearn(model, X, y), X_eval, relabel=4)
    for one in (found, same):
        assert one.proved.tolist() == whole.proved.tolist()
        assert one.flipped.tolist() == whole.attacked.tolist()
        assert not len(one.undecided)
    assert found.tolerated is not None
    tolerated = whole.survey.parts["squared_labels"].tolerated
    assert tolerated is not None
    assert found.tolerated[:, 0].tolist() == tolerated[0].tolist()
    assert "any 4 rows relabelled" in repr(found)


@pytest.mark.parametrize("classes", [2, 3])
def test_deletions_agree_with_memory(parts: None, tmp_path: Path, classes: int) -> None:
    model, X, y, X_eval = drawn(tmp_path, classes)
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=3)
    whole = certify.stable_predictions(certify.from_sklearn(model, X, y), X_eval, delete=3, seconds=20)
    assert not set(found.proved.tolist()) & set(whole.attacked.tolist())
    assert not set(found.flipped.tolist()) & set(whole.proved.tolist())
    assert len(found.proved) + len(found.flipped) >= 0.9 * len(X_eval)
    for j, rows in found.rows.items():
        left = np.setdiff1d(np.arange(len(X)), rows)
        again = RidgeClassifier().fit(X[left].astype(np.float64), y[left])
        assert again.predict(X_eval[[j]]) != model.predict(X_eval[[j]])


def test_leverage_near_one_is_said(tmp_path: Path) -> None:
    model, _, y, X_eval = drawn(tmp_path)
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=600)
    assert "leverages add up" in found.reason
    assert len(found.undecided) == len(X_eval)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path = tmp_path / "rows.npy"

    def refused(words: str, *given: object, **more: object) -> None:
        with pytest.raises(InputError, match=words):
            certify.stored_predictions(*given, **more)

    refused("give the path of a .npy file", model, X, y, X_eval, delete=1)
    refused("a part of a mapped file", model, np.load(path, mmap_mode="r")[:500], y[:500], X_eval, delete=1)
    refused("fitted RidgeClassifier", Ridge().fit(X, y), path, y, X_eval, delete=1)
    refused("kinds of changes", model, path, y, X_eval)
    refused("kinds of changes", model, path, y, X_eval, delete=1, relabel=1)
    refused("of 700 rows", model, path, y, X_eval, delete=701)
    refused("a label for every row", model, path, y[:-1], X_eval, delete=1)
    refused("4 columns", model, path, y, X_eval[:, :4], delete=1)
    refused("memory", model, path, y, X_eval, delete=1, memory=1e6)
    refused("class_weight", RidgeClassifier(class_weight="balanced").fit(X, y), path, y, X_eval, delete=1)
    refused("give a .npy file", model, tmp_path / "none.npy", y, X_eval, delete=1)
    bad = X.copy()
    bad[650, 2] = np.nan
    np.save(path, bad)
    refused("row 138|rows 512 to 699|correct it", model, path, y, X_eval, delete=1)
    np.save(path, np.asfortranarray(X))
    refused("row by row", model, path, y, X_eval, delete=1)
    np.save(path, X.astype(np.int64))
    refused("float32 or float64", model, path, y, X_eval, delete=1)
    np.save(path, np.array([["a", None]], dtype=object), allow_pickle=True)
    refused("npy", model, path, y, X_eval, delete=1)
    path.write_bytes(b"no array")
    refused("npy", model, path, y, X_eval, delete=1)


def test_a_file_that_is_written_to_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path = tmp_path / "rows.npy"
    from certify.prove.stored import predictions

    honest = predictions.tolerated

    def slow(*given: object) -> object:
        np.save(path, np.vstack([X, X]))
        return honest(*given)

    monkeypatch.setattr(predictions, "tolerated", slow)
    with pytest.raises(InputError, match="written to"):
        certify.stored_predictions(model, path, y, X_eval, relabel=1)


def test_parquet_is_answered_as_npy_is(parts: None, tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path = tmp_path / "rows.parquet"
    names = [f"x{j}" for j in range(X.shape[1])]
    table = pyarrow.table({name: X[:, j] for j, name in enumerate(names)})
    pyarrow.parquet.write_table(table, path, row_group_size=97)
    for asked in ({"relabel": 4}, {"delete": 2}):
        one, other = (certify.stored_predictions(model, x, y, X_eval, **asked) for x in (path, tmp_path / "rows.npy"))
        assert one.proved.tolist() == other.proved.tolist()
        assert one.flipped.tolist() == other.flipped.tolist()
        assert one.rows == other.rows
    with pytest.raises(InputError, match="memory"):
        certify.stored_predictions(model, path, y, X_eval, delete=1, memory=1e6)
    with pytest.raises(InputError, match="column 1 is 'x2'"):
        same_names(("x0", "x2"), np.array(["x0", "x1"]))


def test_parquet_that_is_none_or_has_no_numbers_is_refused(tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path, columns = tmp_path / "rows.parquet", {f"x{j}": X[:, j] for j in range(X.shape[1])}
    holes = [None if i == 650 else 1.0 for i in range(len(X))]
    for bad, words in (({**columns, "x1": holes}, "missing values"), ({**columns, "x1": ["a"] * len(X)}, "entries of"),
                       ({**columns, "x1": np.where(np.arange(len(X)) == 3, np.nan, X[:, 1])}, "correct it"),
                       ({"x0": X[:, 0]}, "fitted to 5"), ({"x0": X[:0, 0]}, "without rows")):
        pyarrow.parquet.write_table(pyarrow.table(bad), path, row_group_size=300)
        with pytest.raises(InputError, match=words):
            certify.stored_predictions(model, path, y, X_eval, delete=1)
    path.write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(InputError, match="parquet"):
        certify.stored_predictions(model, path, y, X_eval, delete=1)
