"""Tensors in files beside an ONNX model: the same network, from its folder alone, and only bytes that are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.format.errors import InputError
from certify.inputs.formats.table import open_archive
from certify.inputs.onnx.external import Beside
from certify.inputs.onnx.onnx_file import OnnxArchive
from certify.spec.sources import read_source, recording
from tests.families.onnx_bytes import TYPES, node, put

rng = np.random.default_rng(5)
TENSORS = {"w1": rng.standard_normal((4, 3)).astype("f4"), "b1": rng.standard_normal(4).astype("f4"),
           "w2": rng.standard_normal((2, 4)), "b2": rng.standard_normal(2)}
NODES = [node("Gemm", ["x", "w1", "b1"], "a", transB=1), node("Tanh", ["a"], "t"),
         node("Gemm", ["t", "w2", "b2"], "y", transB=1)]
BYTES = b"".join(array.tobytes() for array in TENSORS.values())


def beside(name: str, **entries: object) -> bytes:
    """A tensor whose bytes lie elsewhere, as the entries say."""
    array = TENSORS[name]
    start = sum(a.nbytes for a in list(TENSORS.values())[: list(TENSORS).index(name)])
    said = {"location": "net.onnx.data", "offset": str(start), "length": str(array.nbytes)} | entries
    return (b"".join(put(1, length) for length in array.shape) + put(2, TYPES[array.dtype.str[1:]]) + put(8, name)
            + b"".join(put(13, put(1, key) + put(2, str(value))) for key, value in said.items() if value is not None)
            + put(14, 1))


def written(folder: Path, content: bytes = BYTES, extra: bytes = b"", **entries: object) -> Path:
    """A model whose first weight has these entries, and its file of tensors."""
    tensors = [beside(name, **(entries if name == "w1" else {})) for name in TENSORS]
    tensors[0] += extra
    graph = b"".join(put(1, n) for n in NODES) + b"".join(put(5, t) for t in tensors)
    (folder / "net.onnx").write_bytes(
        put(1, 9) + put(7, graph + put(11, put(1, "x")) + put(12, put(1, "y"))) + put(8, put(2, 20)))
    (folder / "net.onnx.data").write_bytes(content)
    return folder / "net.onnx"


def test_the_numbers_are_those_of_the_file_and_it_is_recorded(tmp_path: Path) -> None:
    with recording() as sources:
        archive = open_archive(read_source(written(tmp_path), "model"), "model")
    for name, array in zip(archive.names, TENSORS.values(), strict=True):
        assert archive.read(name).dtype == array.dtype and (archive.read(name) == array).all()
    assert archive.activation == "tanh" and set(sources) == {"model", "model data net.onnx.data"}
    assert sources["model data net.onnx.data"].size == len(BYTES)


def test_a_length_may_be_left_out_and_a_folder_within_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "w.bin").write_bytes(BYTES)
    path = written(tmp_path, location="in/w.bin", length=None, checksum="of something")
    assert (open_archive(read_source(path, "model"), "model").read("0.weight") == TENSORS["w1"]).all()


@pytest.mark.parametrize(("entries", "message"), [
    ({"location": "../net.onnx.data"}, "tensor 'w1' lies at '../net.onnx.data', out of the model's folder"),
    ({"location": "/etc/hostname"}, "out of the model's folder"),
    ({"location": "out/w.bin"}, "out of the model's folder"),
    ({"location": "a\\b"}, "out of the model's folder"),
    ({"location": "absent.data"}, "model data absent.data file .*: no such file"),
    ({"location": "."}, "a folder; name a file"),
    ({"location": ""}, "lies in another file, in a way that is not read; export it into one file"),
    ({"basepath": "x"}, "in a way that is not read"),
    ({"offset": "-4"}, "needs 48 bytes, and 48 at -4 are announced"),
    ({"offset": "1e3"}, "needs 48 bytes"),
    ({"offset": "9" * 30}, "needs 48 bytes"),
    ({"length": "44"}, "needs 48 bytes, and 44 at 0 are announced"),
    ({"length": "52"}, "needs 48 bytes, and 52 at 0 are announced"),
    ({"offset": str(len(BYTES) - 40)}, f"reaches beyond the {len(BYTES)} bytes of 'net.onnx.data'"),
])
def test_what_is_refused(entries: dict[str, object], message: str, tmp_path: Path) -> None:
    inner = tmp_path / "models"
    inner.mkdir()
    (tmp_path / "net.onnx.data").write_bytes(BYTES)
    (tmp_path / "w.bin").write_bytes(BYTES)
    (inner / "out").symlink_to(tmp_path)
    path = written(inner, **entries)
    with pytest.raises(InputError, match=message):
        open_archive(read_source(path, "model"), "model")


def test_bytes_in_two_places_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in two places"):
        OnnxArchive(written(tmp_path, extra=put(9, TENSORS["w1"].tobytes())).read_bytes(), "m", tmp_path)
    with pytest.raises(InputError, match="lies in two places, or in none"):
        OnnxArchive(written(tmp_path).read_bytes().replace(put(14, 1), put(14, 0)), "m", tmp_path)
    with pytest.raises(InputError, match="location of the tensor w1 occurs twice"):
        OnnxArchive(written(tmp_path, extra=put(13, put(1, "location") + put(2, "b"))).read_bytes(), "m", tmp_path)
    with pytest.raises(InputError, match="tensor 'w1' lies in another file; export it into one file"):
        OnnxArchive(written(tmp_path).read_bytes(), "m")


def test_a_file_larger_than_memory_allows_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.inputs.onnx.external.available_memory", lambda: 4 * len(BYTES) - 4)
    with pytest.raises(InputError, match="'net.onnx.data' takes more than a quarter of the memory"):
        open_archive(read_source(written(tmp_path), "model"), "model")


def test_files_of_two_spellings_count_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.inputs.onnx.external.available_memory", lambda: 4 * len(BYTES))
    path = written(tmp_path, location="./net.onnx.data")
    with pytest.raises(InputError, match="takes more than a quarter of the memory, with the files read before it"):
        open_archive(read_source(path, "model"), "model")


@pytest.mark.parametrize(("first", "second"), [("é", "ü"), ("a" * 90, "a" * 91)])
def test_files_of_names_that_are_shortened_alike_are_both_recorded(first: str, second: str, tmp_path: Path) -> None:
    beside_folder = Beside(tmp_path, "m")
    for name, content in ((first, b"1"), (second, b"22")):
        (tmp_path / name).write_bytes(content)
    with recording() as sources:
        assert [beside_folder.tensor("w", {"location": name}, size) for name, size in ((first, 1), (second, 2))] == [
            b"1", b"22"]
    assert sorted(source.size for source in sources.values()) == [1, 2]
