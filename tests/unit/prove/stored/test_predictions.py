"""Rows on disk: the same answers as rows in memory, and what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier

import certify
from certify.format.errors import InputError
from certify.prove.stored import predictions
from certify.prove.stored.predictions import same_names
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.on_disk import OnDisk, on_disk
from certify.systems.head.rows.stored.parquet import Parquet
from certify.systems.head.rows.stored.ranks import team
from certify.systems.head.rows.stored.ranks.reading import Share
from certify.systems.head.rows.stored.state import state_of
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
    honest = predictions.tolerated

    def slow(*given: object) -> object:
        np.save(path, np.vstack([X, X]))
        return honest(*given)

    monkeypatch.setattr(predictions, "tolerated", slow)
    with pytest.raises(InputError, match="written to"):
        certify.stored_predictions(model, path, y, X_eval, relabel=1)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_whose_time_was_set_back_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, replaced: bool,
                                                   ) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path = tmp_path / "rows.npy"
    before, honest = path.stat(), predictions.deleted
    other = tmp_path / "other.npy"
    np.save(other, -X)

    def slow(*given: object) -> object:
        found = honest(*given)
        if replaced:
            other.replace(path)
        else:
            np.save(path, -X)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return found

    monkeypatch.setattr(predictions, "deleted", slow)
    with pytest.raises(InputError, match="written to"):
        certify.stored_predictions(model, path, y, X_eval, delete=1)


def test_a_file_that_is_cut_short_meanwhile_is_refused(tmp_path: Path) -> None:
    _, X, _, _ = drawn(tmp_path)
    path = tmp_path / "rows.npy"
    rows = on_disk(path, True)
    assert (rows.part(3, 7) == np.c_[X[3:7], np.ones(4)]).all()
    assert (rows.take(np.array([5, 1])) == np.c_[X[[5, 1]], np.ones(2)]).all()
    assert rows.take(np.zeros(0, dtype=np.int64)).shape == (0, 6)
    os.truncate(path, 500)
    with pytest.raises(InputError, match="written to"):
        rows.part(3, 7)
    with pytest.raises(InputError, match="shorter"):
        replace(rows, state=state_of(str(path))).part(100, 107)
    path.unlink()
    with pytest.raises(InputError, match="gone"):
        rows.take(np.array([5]))


def test_arrays_that_are_not_what_the_file_holds_are_refused(tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path = tmp_path / "rows.npy"
    mine = np.load(path, mmap_mode="c")
    mine[:] = -mine
    with pytest.raises(InputError, match="not stored"):
        certify.stored_predictions(model, mine, y, X_eval, delete=1)
    held = np.load(path, mmap_mode="r")
    np.save(tmp_path / "other.npy", X.astype(np.float64))
    (tmp_path / "other.npy").replace(path)
    with pytest.raises(InputError, match="replaced"):
        certify.stored_predictions(model, held, y, X_eval, delete=1)


@pytest.mark.parametrize("shape", ["(-700, 5)", "(10**30, 5)", "(99999999999999999999999999, 5)", "(True, 5)", "(700,",
                                   None])
def test_damaged_headers_are_refused(tmp_path: Path, shape: str | None) -> None:
    model, _, y, X_eval = drawn(tmp_path)
    path = tmp_path / "rows.npy"
    whole = path.read_bytes()
    header = whole[10:128].decode().replace("(700, 5)", shape or "")
    header = header.strip().ljust(117) + "\n"
    path.write_bytes(whole[:8] + len(header).to_bytes(2, "little") + header.encode() + whole[128:] if shape else b"")
    with pytest.raises(InputError, match="npy"):
        certify.stored_predictions(model, path, y, X_eval, delete=1)


def test_all_memory_may_be_used_and_the_penalty_is_the_exact_one(tmp_path: Path) -> None:
    for alpha in (0.1, 0.3, 0.7, 1e-320):
        model, _, y, X_eval = drawn(tmp_path, alpha=alpha)
        assert predictions._read(model, tmp_path / "rows.npy", y, X_eval)[2] == alpha
    found = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, relabel=1, memory=np.inf)
    assert len(found.proved)


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


def as_parquet(X: np.ndarray, path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({f"x{j}": X[:, j] for j in range(X.shape[1])}), path, row_group_size=97)


@pytest.mark.parametrize("replaced", [False, True])
def test_parquet_whose_time_was_set_back_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, replaced: bool,
                                                    ) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path, other, honest = tmp_path / "rows.parquet", tmp_path / "other.parquet", predictions.deleted
    as_parquet(X, path)
    as_parquet(-X, other)
    before = path.stat()

    def slow(*given: object) -> object:
        found = honest(*given)
        if replaced:
            other.replace(path)
        else:
            path.write_bytes(other.read_bytes())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return found

    monkeypatch.setattr(predictions, "deleted", slow)
    with pytest.raises(InputError, match="written to"):
        certify.stored_predictions(model, path, y, X_eval, delete=1)


def test_parquet_that_is_cut_short_meanwhile_is_refused(tmp_path: Path) -> None:
    _, X, _, _ = drawn(tmp_path)
    path = tmp_path / "rows.parquet"
    with pytest.raises(InputError, match="give a .parquet file"):
        Parquet(str(path), True)
    as_parquet(X, path)
    rows = Parquet(str(path), True)
    assert (rows.part(90, 200) == np.c_[X[90:200], np.ones(110)]).all()
    assert (rows.take(np.array([650, 1])) == np.c_[X[[650, 1]], np.ones(2)]).all()
    assert rows.take(np.zeros(0, dtype=np.int64)).shape == (0, 6)
    os.truncate(path, 500)
    with pytest.raises(InputError, match="written to"):
        rows.part(90, 200)
    rows._state = state_of(str(path))
    with pytest.raises(InputError, match="row group 3"):
        rows.part(300, 310)
    path.unlink()
    with pytest.raises(InputError, match="gone"):
        rows.take(np.array([5]))


def test_no_part_is_longer_than_what_stands_beside_it_allows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, 3, n=3000)
    many = np.tile(X_eval, (20, 1))
    monkeypatch.setattr(stored, "BESIDE", 512 * len(many))
    read, part, seen, beside = team.read, OnDisk.part, list[tuple[int, int]](), [-1]

    def noted(source: object, share: Share, *more: object) -> None:
        beside[0] = share.task.beside
        read(source, share, *more)
        beside[0] = -1

    def watched(self: OnDisk, start: int, stop: int) -> np.ndarray:
        seen.append((beside[0], stop - start))
        return part(self, start, stop)

    monkeypatch.setattr(team, "read", noted)
    monkeypatch.setattr(OnDisk, "part", watched)
    for change in ({"delete": 2}, {"relabel": 3}):
        seen.clear()
        found = certify.stored_predictions(model, tmp_path / "rows.npy", y, many, **change)
        assert all(size <= 512 for beside, size in seen if beside)  # 5 columns alone would allow 3000
        assert any(beside >= len(many) for beside, _ in seen)
        assert {3000} == {size for beside, size in seen if not beside}
        assert (np.isin(np.arange(25), found.proved) == np.isin(np.arange(475, 500), found.proved)).all()
