"""Parquet by pyarrow: numbers arrive exactly, what is no number or missing is named; without pyarrow one line."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.format.errors import InputError
from certify.inputs import load_data
from certify.inputs.formats.parquet import ParquetArchive
from certify.spec import parse_spec
from tests.effort import examples
from tests.families.small import SPEC

PARQUET = SPEC.replace("train.npz", "train.parquet").replace('features = "X"\n', "")


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs pyarrow, which is not installed; pip install pyarrow"):
        ParquetArchive(b"PAR1", "data file d.parquet")


def table(**columns) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def test_numbers_and_names(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"a.b": rng.standard_normal(5), "b": rng.standard_normal(5).astype("f4"), "c": np.arange(5),
               "y": np.array([True, False, True, True, False]), "note": ["x"] * 5}
    (tmp_path / "train.parquet").write_bytes(table(**columns))
    spec = PARQUET.replace('targets = "y"', 'features = ["c", "a.b", "b"]\ntargets = "y"')
    data = load_data(parse_spec(spec.encode()), tmp_path)
    assert data.names == ("c", "a.b", "b") and data.y.shape == (5, 1)
    assert np.array_equal(data.X, np.column_stack([columns[n].astype(float) for n in data.names]))


@pytest.mark.parametrize("column, words", [
    ([1.0, None], "column 'a' in f, row 1: a missing value"), (["1", "2"], "entries of type string"),
    ([[1.0], [2.0]], "entries of type list"),
])
def test_refusals(column, words):
    with pytest.raises(InputError, match=words):
        ParquetArchive(table(a=column), "f").read("a")


def test_damaged():
    content = table(a=[1.0, 2.0])
    for wrong in (b"PAR1", b"PAR1" * 5, content[:-1], content[:40], b"a,b\n1,2\n"):
        with pytest.raises(InputError, match=r"not a \.parquet file, or damaged"):
            ParquetArchive(wrong, "f")


@given(st.data())
@settings(max_examples=examples(60), deadline=None)
def test_nothing_else_is_raised(data):
    content = bytearray(table(a=np.arange(20.0), b=np.arange(20)))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        archive = ParquetArchive(bytes(content), "f")
        for name in archive.names:
            archive.read(name)
    except InputError as error:
        assert "\n" not in str(error)


def test_names_are_read_as_they_are_stored(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"who": ["007", "7", "1e3"], "kind": pandas.Categorical(["b", "a", "b"]),
                              "number": [7, 8, 7], "some": ["a", None, "b"], "none": ["a", "b", ""]})
    table.to_parquet(tmp_path / "rows.parquet")
    archive = ParquetArchive((tmp_path / "rows.parquet").read_bytes(), "f")
    assert archive.read_written("who").tolist() == ["007", "7", "1e3"]
    assert archive.read_written("kind").tolist() == ["b", "a", "b"]
    assert archive.read_written("number").tolist() == [7, 8, 7]
    for column, row in (("some", 1), ("none", 2)):
        with pytest.raises(InputError, match=f"row {row}: a missing value; say in every row whose it is"):
            archive.read_written(column)


def test_labels_in_words_are_read_as_they_are_stored(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"label": ["ham", "7", "ham"], "kind": pandas.Categorical(["b", "a", "b"]),
                              "number": [1, 0, 1], "some": ["a", None, "b"], "none": ["a", "b", ""],
                              "nul": ["a", "a\0", "b"]})
    table.to_parquet(tmp_path / "rows.parquet")
    archive = ParquetArchive((tmp_path / "rows.parquet").read_bytes(), "f")
    for column in ("label", "kind", "number"):
        assert archive.read_words(column).tolist() == table[column].tolist()
    assert archive.read_words("label").dtype.kind == "U" and archive.read_words("number").dtype.kind == "i"
    for column, why in (("some", "row 1: a missing value; give every row its label"),
                        ("none", "row 2: a missing value"), ("nul", "a label that ends in a NUL character")):
        with pytest.raises(InputError, match=why):
            archive.read_words(column)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_reading_leaves_no_threads_behind(tmp_path: Path) -> None:
    """Threads of pyarrow that are alive as Python ends abort it now and then: status 134, and a refusal has 2."""
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    parquet.write_table(pyarrow.table({"a": [1.0, 2.0], "b": ["x", "y"]}), tmp_path / "t.parquet")
    program = ("import os, sys; from certify.inputs.formats.parquet import ParquetArchive\n"
               "archive = ParquetArchive(open(sys.argv[1], 'rb').read(), 'f')\n"
               "before = len(os.listdir('/proc/self/task'))\n"
               "archive.read('a'), archive.read_words('b'), archive.read_fields('a')\n"
               "print(len(os.listdir('/proc/self/task')) - before)")
    found = subprocess.run([sys.executable, "-c", program, str(tmp_path / "t.parquet")], capture_output=True, text=True,
                           check=True)
    assert found.stdout.strip() == "0"
