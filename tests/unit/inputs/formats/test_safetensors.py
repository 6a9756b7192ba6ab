"""The safetensors reader: agrees with the library on good files, refuses bad ones, and nothing else happens."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from certify.format.errors import InputError
from certify.inputs.formats.safetensors import SafetensorsArchive
from tests.effort import examples

KINDS = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]
GOOD = safetensors.numpy.save({"0.weight": np.arange(6.0).reshape(2, 3), "0.bias": np.ones(2, np.float32)})


def pack(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F64", shape=(1,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


arrays = st.sampled_from(KINDS).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=3, max_side=3)))
names = st.text(min_size=1, max_size=8).filter(lambda s: s != "__metadata__")


@given(st.dictionaries(names, arrays, min_size=1, max_size=4))
@settings(max_examples=examples(50))
def test_agrees_with_the_library(tensors):
    archive = SafetensorsArchive(safetensors.numpy.save(tensors), "f")
    assert set(archive.names) == set(tensors)
    for name, array in tensors.items():
        found = archive.read(name)
        assert found.dtype == array.dtype and found.shape == array.shape and found.tobytes() == array.tobytes()


def test_bfloat16_is_upcast_exactly():
    values = np.array([1.0, -2.5, 3.0e38, 1e-40, 0.0], dtype=np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    archive = SafetensorsArchive(pack({"w": entry("BF16", (5,), (0, 10))}, halves.tobytes()), "f")
    found = archive.read("w")
    assert found.dtype == np.float32
    assert np.array_equal(found.view(np.uint32) >> 16, halves) and not (found.view(np.uint32) & 0xFFFF).any()


@pytest.mark.parametrize("content, words", [
    (b"", "cut short: 0 bytes"),
    (GOOD[:5], "cut short: 5 bytes"),
    (GOOD[:40], "cut short: a header of"),
    (GOOD[:-1], "cut short: the header announces 56 bytes of data, the file holds 55"),
    (GOOD + b"\0", "too long"),
    (b"\xff" * 40, "its first bytes are no length"),
    (pack(b"{"), "header is not valid"),
    (pack(b"\xff\xfe"), "header is not valid"),
    (pack([1]), "not a table"),
    (pack(b"[" * 5000), "nested too deeply|not valid"),
    (pack(b'{"a":' * 5000), "nested too deeply|not valid"),
    (pack(b'{"a":' + b"9" * 5000 + b"}"), "header is not valid"),
    (pack({"w": 3}), "no proper entry"),
    (pack({"w": {**entry(), "extra": 1}}, b"\0" * 8), "no proper entry"),
    (pack({"w": entry(dtype="C64")}, b"\0" * 8), "numbers of type C64; store it as one of F64"),
    (pack({"w": entry(dtype="F8_E4M3", offsets=(0, 1))}, b"\0"), "F8_E4M3"),
    (pack({"w": entry(dtype=3)}, b"\0" * 8), "numbers of type 3"),
    (pack({"w": entry(shape=(-1,))}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(shape=(1.0,))}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(shape=(True,))}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(shape=(2**62, 4))}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(shape=(1,) * 40)}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(offsets=(8, 0))}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(offsets=(0, 8, 8))}, b"\0" * 8), "makes no sense"),
    (pack({"w": entry(shape=(2,))}, b"\0" * 8), r"shape \(2,\) and type F64 needs 16 bytes, its entry has 8"),
    (pack({"w": entry(), "v": entry()}, b"\0" * 8), "begins at byte 0"),
    (pack({"w": entry(offsets=(8, 16))}, b"\0" * 16), "begins at byte 8 of the data"),
    (pack({"w": entry()}, b"\0" * 8, length=2**62), "its first bytes are no length"),
    (pack(b'{"w":%s,"w":%s}' % ((json.dumps(entry()).encode(),) * 2), b"\0" * 8), "the key 'w' occurs twice"),
    (pack(b'{"w":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,8]}}', b"\0" * 8), "'dtype' occurs twice"),
])
def test_refusals(content, words):
    with pytest.raises(InputError, match=words) as caught:
        SafetensorsArchive(content, "model file f")
    assert "\n" not in str(caught.value)


def test_empty_tensor_and_strange_truth_values():
    with pytest.raises(InputError, match=r"empty \(shape \(0, 3\)\)"):
        SafetensorsArchive(pack({"w": entry(shape=(0, 3), offsets=(0, 0))}), "f").read("w")
    with pytest.raises(InputError, match="truth values"):
        SafetensorsArchive(pack({"w": entry("BOOL", (2,), (0, 2))}, b"\x01\x02"), "f").read("w")


def read_all(content: bytes) -> None:
    try:
        archive = SafetensorsArchive(content, "f")
        for name in archive.names:
            archive.read(name)
    except InputError as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_else(content):
    read_all(content)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(GOOD)))
@settings(max_examples=examples(300))
def test_mutated_files_raise_nothing_else(changes, end):
    content = bytearray(GOOD)
    for at, value in changes:
        content[at] = value
    read_all(bytes(content))
    read_all(bytes(content[:end]))


words = st.sampled_from(["F64", "BOOL", "BF16", "w"])
headers = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "w"]), inner, max_size=4), max_leaves=12)


@given(headers, st.binary(max_size=16))
@settings(max_examples=examples(300))
def test_any_header_raises_nothing_else(header, data):
    read_all(pack(header, data))
