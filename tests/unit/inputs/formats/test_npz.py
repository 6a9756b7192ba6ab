"""The .npz reader: agrees with numpy on numbers, refuses the rest, executes nothing, unpacks no bomb."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from certify.format.errors import InputError
from certify.inputs.formats import npz, zip_layout
from certify.inputs.formats.npz import NpzArchive, parse_npy
from certify.inputs.formats.table import open_archive
from certify.spec.sources import Source
from tests.effort import examples
from tests.unit.inputs.test_numbers import KINDS


def pack(compressed: bool = False, **arrays) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def zipped(members: dict[str, bytes], **more) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **more) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array))
    return buffer.getvalue()


GOOD = pack(X=np.arange(6.0).reshape(3, 2), y=np.array([1, -1, 1]))
PACKED = pack(True, X=np.zeros((30, 2)), y=np.ones(30))


class Trap:
    """Unpickling this would leave a file behind."""

    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


@given(st.data(), st.booleans())
@settings(max_examples=examples(50))
def test_agrees_with_numpy(data, compressed):
    array = data.draw(hnp.arrays(data.draw(st.sampled_from(KINDS)), hnp.array_shapes(max_dims=3, max_side=3)))
    array = np.asarray(array, order=data.draw(st.sampled_from("CF")))
    found = NpzArchive(pack(compressed, X=array), "f").read("X")
    assert found.dtype == array.dtype and found.shape == array.shape and found.tobytes() == array.tobytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(version):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.eye(2), version=version)
    assert np.array_equal(parse_npy(buffer.getvalue(), "X"), np.eye(2))


@pytest.mark.parametrize("array, words", [
    (np.array([Trap()], dtype=object), "an object array, which is a pickle .* nothing in it was executed"),
    (np.array([[1, "a"]], dtype=object), "an object array"),
    (np.array(["a"]), "'<U1'"),
    (np.array([b"a"]), r"'\|S1'"),
    (np.zeros(2, dtype=[("a", "f8")]), "named columns"),
    (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64|<M8"),
    (np.zeros((0, 3)), r"empty \(shape \(0, 3\)\)"),
    (np.zeros((3, 0)), "empty"),
])
def test_arrays_that_are_no_numbers(array, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        NpzArchive(pack(X=array), "f").read("X")
    assert not os.listdir()


@pytest.mark.parametrize("kind", ["<U7", ">U7"])
def test_words_are_read_where_words_may_stand(kind):
    words = np.array(["spam", "", "größe", "bad\U0001f600"]).astype(kind)
    found = NpzArchive(pack(y=words), "f").read_words("y")
    assert found.tolist() == words.tolist() and found.dtype.kind == "U"
    with pytest.raises(InputError, match="words .* store numbers: of classes their places"):
        NpzArchive(pack(y=words), "f").read("y")


@pytest.mark.parametrize("array, refused", [
    (np.array(["a"], dtype=object), "an object array, .* to words with .astype.str.; nothing in it was executed"),
    (np.array([Trap()], dtype=object), "an object array"), (np.array([b"a"]), r"'\|S1'"),
    (np.array([], dtype="<U3"), "empty"),
    (np.array([0xD800, 65], "<u4").view("<U1"), "no characters"),
    (np.array([0x110000, 65], "<u4").view("<U1"), "no characters"),
    (np.array([0x110000, 65], ">u4").view(">U1"), "no characters"),
])
def test_what_is_no_word_is_refused_there_too(array, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=refused):
        NpzArchive(pack(X=array), "f").read_words("X")
    assert not os.listdir()


@pytest.mark.parametrize("content, words", [
    (pickle.dumps(Trap()), "a Python pickle"),
    (pickle.dumps(Trap(), protocol=2), "a Python pickle"),
    (pickle.dumps(Trap(), protocol=0), "damaged"),
    (zipped({"archive/data.pkl": pickle.dumps(Trap()), "archive/data/0": b"1234"}), "torch archive with a pickle"),
    (npy([1.0]), "a single numpy array"),
    (b"", "an empty file"),
    (b"garbage" * 50, "damaged"),
    (b"PK\x03\x04" + b"\0" * 100, "damaged"),
    (GOOD[:-30], "damaged"),
    (zipped({"X.npy": npy([1.0]), "readme.txt": b"hello"}), "holds 'readme.txt', which is no array"),
    (b"\x1f\x8b" + GOOD, "a gzip file"),
])
def test_files_that_are_no_npz(content, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        open_archive(Source(tmp_path / "train.npz", content, ""), "data").read("X")
    assert not os.listdir()


@pytest.mark.parametrize("content, words", [
    (b"not an array", "not an array in numpy's format"),
    (npy([1.0])[:9], "cut short|not numpy's"),
    (npy([1.0])[:60], "cut short"),
    (npy([1.0])[:-1], r"shape \(1,\) needs 8 bytes, 7 are there"),
    (npy([1.0]) + b"\0", "needs 8 bytes, 9 are there"),
    (npy([1.0]).replace(b"(1,)", b"(9,)"), "needs 72 bytes"),
    (npy([1.0]).replace(b"(1,), }  ", b"(-1,), } "), "not numpy's"),
    (npy([1.0]).replace(b"'<f8'", b"'<V8'"), "'<V8'"),
    (npy([1.0]).replace(b"False", b"None "), "not numpy's"),
    (npy([True]).replace(b"\x01", b"\x07").replace(b"NUMPY\x07", b"NUMPY\x01"), "truth values"),
    (npy([1.0]).replace(b"{'descr'", b"__import"), "not numpy's"),
])
def test_damaged_arrays(content, words):
    with pytest.raises(InputError, match=words):
        parse_npy(content, "X")


def test_bombs_are_not_unpacked(monkeypatch):
    real = zip_layout.zlib.decompressobj
    bomb = pack(True, X=np.zeros(200_000))
    huge = bytearray(pack(X=np.zeros(3)))
    monkeypatch.setattr(zip_layout.zlib, "decompressobj", lambda *a, **k: pytest.fail("it was unpacked"))
    monkeypatch.setattr(npz, "_SUSPICIOUS_SIZE", 1 << 20)
    with pytest.raises(InputError, match="as in a zip bomb"):
        NpzArchive(bomb, "f").read("X")
    directory = huge.rindex(b"PK\x01\x02")
    huge[directory + 24 : directory + 28] = struct.pack("<I", 2**32 - 2)
    local = 30 + len("X.npy") + 4  # numpy writes the sizes there, in 64 bits
    huge[local : local + 8] = struct.pack("<Q", 2**32 - 2)
    monkeypatch.setattr(npz, "available_memory", lambda: 1 << 30)
    with pytest.raises(InputError, match="4294967294 bytes when unpacked"):
        NpzArchive(bytes(huge), "f").read("X")
    monkeypatch.setattr(zip_layout.zlib, "decompressobj", real)
    assert not NpzArchive(pack(X=np.zeros(200_000)), "f").read("X").any()


def test_a_size_that_lies_is_noticed():
    small = bytearray(pack(X=np.arange(3.0)))
    directory = small.rindex(b"PK\x01\x02")
    for lie in (4, 120, 151, 153, 4000):
        small[directory + 24 : directory + 28] = struct.pack("<I", lie)
        with pytest.raises(InputError):
            NpzArchive(bytes(small), "f").read("X")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_twice_the_same_name_encryption_and_other_compression():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("X.npy", npy([1.0]))
        archive.writestr("X.npy", npy([2.0]))
    with pytest.raises(InputError, match="'X' occurs twice"):
        NpzArchive(buffer.getvalue(), "f")
    with pytest.raises(InputError, match="compressed in a way numpy does not use"):
        NpzArchive(zipped({"X.npy": npy(np.zeros(99))}, compression=zipfile.ZIP_LZMA), "f").read("X")
    locked = bytearray(zipped({"X.npy": npy([1.0])}))
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match="encrypted"):
        NpzArchive(bytes(locked), "f").read("X")


def read_all(content: bytes) -> None:
    try:
        archive = NpzArchive(content, "f")
        for name in archive.names:
            archive.read(name)
    except InputError as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(content):
    read_all(content)
    read_all(b"PK\x03\x04" + content)
    try:
        parse_npy(b"\x93NUMPY\x01\x00" + content, "X")
    except InputError:
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(st.sampled_from([GOOD, PACKED]), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
                                                 max_size=4), st.floats(0, 1))
@settings(max_examples=examples(400))
def test_mutated_files_raise_nothing_else(content, changes, end):
    changed = bytearray(content)
    for at, value in changes:
        changed[int(at * len(content))] = value
    read_all(bytes(changed))
    read_all(bytes(changed[: int(end * len(changed))]))


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_any_member_raises_nothing_else(header, data):
    length = len(header).to_bytes(2, "little")
    read_all(zipped({"X.npy": b"\x93NUMPY\x01\x00" + length + header + data}))
