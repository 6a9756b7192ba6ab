"""Readers: exact numbers or a refusal, never a guess; and nothing is executed."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from certify.check.main import check
from certify.check.reading.arrays import read_arrays
from certify.check.reading.spec import read_spec
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES, plain, run

TYPES = ["<f8", "<f4", "<f2", ">f8", ">f4", "<i8", "<i4", ">i2", "|i1", "|u1", "<u8", "<u4", "<u2", "|b1"]


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@settings(deadline=None, max_examples=examples(150))
@given(data=st.data(), dtype=st.sampled_from(TYPES), packed=st.booleans(), fortran=st.booleans())
def test_npz_values_are_exact(data, dtype, packed, fortran):
    dtype = np.dtype(dtype)
    elements = None
    if dtype.kind == "f":
        elements = st.floats(width=8 * dtype.itemsize, allow_nan=False, allow_infinity=False)
    elif dtype.itemsize == 8:
        elements = st.integers(-(2**53) if dtype.kind == "i" else 0, 2**53)
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=2, max_side=4), elements=elements))
    stored = np.asfortranarray(array) if fortran else array
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, a=stored)
    found = read_arrays(buffer.getvalue(), "file")["a"]
    assert found.shape == array.shape
    assert [struct.pack("d", v) for v in found.values] == [struct.pack("d", float(v)) for v in array.ravel().tolist()]


@settings(deadline=None, max_examples=examples(80))
@given(data=st.data(), dtype=st.sampled_from(["<f8", "<f4", "<f2", "<i4", "|u1", "|b1"]))
def test_safetensors_values_are_exact(data, dtype):
    dtype = np.dtype(dtype)
    elements = None
    if dtype.kind == "f":
        elements = st.floats(width=8 * dtype.itemsize, allow_nan=False, allow_infinity=False)
    arrays = {name: data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=2, max_side=4), elements=elements))
              for name in ("a", "b")}
    found = read_arrays(save(arrays, metadata={"format": "pt"}), "file")
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        assert list(found[name].values) == array.astype(float).ravel().tolist()


def test_bfloat16_is_the_upper_half_of_a_float32():
    values = np.array([1.0, -2.5, 3.0e38, 1e-40], dtype="<f4")
    halves = (values.view("<u4") >> 16).astype("<u2")
    header = json.dumps({"a": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    found = read_arrays(len(header).to_bytes(8, "little") + header + halves.tobytes(), "file")["a"]
    assert list(found.values) == (halves.astype("<u4") << 16).view("<f4").astype(float).tolist()


class Evil:
    """Would leave a trace if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def header(**entries) -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


def one(dtype="F64", shape=(1,), begin=0, end=8) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def stored_twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning):
        for _ in range(2):
            archive.writestr("a.npy", b"x")
    return buffer.getvalue()


DAMAGED = {
    "pickle": pickle.dumps(Evil()),
    "object array": npz(a=np.array([Evil(), 1], dtype=object)),
    "object array disguised": npz(a=np.array([1.0])).replace(b"'descr': '<f8'", b"'descr': '|O8'"),
    "structured": npz(a=np.zeros(2, dtype=[("x", "<f8")])),
    "complex": npz(a=np.array([1j])),
    "text": npz(a=np.array(["1.0"])),
    "nan": npz(a=np.array([[1.0, 2.0], [3.0, np.nan]])),
    "infinity": npz(a=np.array([np.inf], dtype="<f4")),
    "large integer": npz(a=np.array([2**53 + 1])),
    "large unsigned": npz(a=np.array([2**64 - 1], dtype="<u8")),
    "cut short": npz(a=np.arange(100.0))[:-60],
    "one byte of an array": npz(a=np.arange(3.0)).replace(struct.pack("d", 2.0), struct.pack("d", 3.0)),
    "twice": stored_twice(),
    "twice for numpy": npz(**{"X": np.array([1.0]), "X.npy": np.array([2.0])}),  # whose file["X.npy"] is X
    "empty": b"",
    "seven bytes": b"1234567",
    "header too long": (2**60).to_bytes(8, "little") + b"{}",
    "header no json": (3).to_bytes(8, "little") + b"{,}",
    "header a list": (2).to_bytes(8, "little") + b"[]",
    "key twice": (lambda t: len(t).to_bytes(8, "little") + t + bytes(8))(
        b'{"a":' + json.dumps(one()).encode() + b',"a":' + json.dumps(one()).encode() + b"}"),
    "hole": header(a=one(begin=8, end=16)) + bytes(16),
    "overlap": header(a=one(), b=one()) + bytes(8),
    "too long": header(a=one()) + bytes(9),
    "too short": header(a=one()) + bytes(7),
    "wrong size": header(a=one(shape=(2,))) + bytes(8),
    "negative": header(a=one(shape=(-1,), end=-8)),
    "unknown type": header(a=one(dtype="F8_E4M3")) + bytes(8),
    "type no text": header(a=one(dtype=8)) + bytes(8),
    "nan in a tensor": save({"a": np.array([np.nan])}),
    "truth value 2": header(a=one(dtype="BOOL", shape=(1,), end=1)) + b"\x02",
    "deep": (lambda t: len(t).to_bytes(8, "little") + t)(b"[" * 200_000),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(name):
    with pytest.raises(Invalid, match="file"):
        read_arrays(DAMAGED[name], "file")


def test_a_number_that_is_none_is_placed():
    with pytest.raises(Invalid, match=r'array "a", row 1, column 1: the value is nan'):
        read_arrays(DAMAGED["nan"], "file")


@settings(deadline=None, max_examples=examples(300))
@given(data=st.binary(max_size=60), cut=st.integers(0, 400), place=st.integers(0, 10**6), zipped=st.booleans())
def test_random_damage_is_refused_or_read_but_never_a_crash(data, cut, place, zipped):
    good = npz(a=np.arange(6.0).reshape(2, 3)) if zipped else save({"a": np.arange(6.0).reshape(2, 3)})
    at = place % len(good)
    for content in (data, good[:cut], good[:at] + data + good[at:], good[:at] + data + good[at + len(data):]):
        try:
            read_arrays(content, "file")
        except Invalid:
            pass


SPEC = emitter.spec_text(plain(gates=[{"quantity": "modulus", "max": 2.0}]))


@pytest.mark.parametrize("old, new", [
    ("version = 1", "version = 2"), ("version = 1", "version = 1.0"), ("version = 1", ""),
    ("version = 1", "version = true"),
    ("[data]", "[date]"), ("[solution]", '[solution]\nmap = "convex"'), ("[solution]", '[solution]\nbase = "near"'),
    ("[solution]", "[solution]\nlevel = 1.0"), ('layer = "all"', "layer = 3"), ('layer = "all"', "layer = true"),
    ('layer = "all"', "layer = 0"), ("[perturbation]", '[perturbation]\nset = "sparse"'),
    ("[perturbation]", "[perturbation]\nnorm = 1"), ("[perturbation]", "[perturbation]\nnorm = 2.0"),
    ("[perturbation]", '[perturbation]\ncolumns = []'), ("[perturbation]", "[perturbation]\nscale = { a = -2.0 }"),
    ("[perturbation]", "[perturbation]\nradius = nan"), ('rows = "all"', "rows = [0, 0]"),
    ('rows = "all"', "rows = []"),
    ('rows = "all"', "rows = [-1]"), ('rows = "all"', "rows = [true]"), ('"features"\nrows', '"sample_weights"\nrows'),
    ('activation = "tanh"', 'activation = "swish"'), ("widths = [3, 4, 2]", "widths = [3]"),
    ("widths = [3, 4, 2]", "widths = [3, 0, 2]"), ("widths = [3, 4, 2]", "widths = [3, 4.0, 2]"),
    ("widths = [3, 4, 2]", ""), ("max = 2.0", "max = nan"), ("max = 2.0", "max = inf"), ("max = 2.0", 'max = "2"'),
    ("max = 2.0", "max = 2.0\nmin = 1.0"), ("max = 2.0", ""), ("max = 2.0", "max = 9007199254740993"),
    ("max = 2.0", "max = 2.0\ntolerance = 0.1"), ('quantity = "modulus"', 'quantity = "distance"'),
    ("[[gate]]", "[gate]"), ("[data]", '[weights]\nnorm = "manhattan"\n[data]'), ("[data]", "data = 1\n[model.x]"),
    ("[data]", '[run]\narithmetic = "decimal"\n[data]'), ("[data]", "[window]\nradius = 1.0\n[data]"),
    ("version = 1", "version = 1 ="), ("version = 1", "version = 1\na = " + "[" * 5000), ("version = 1", "\x00"),
])
def test_specs_that_mean_something_else_are_refused(old, new):
    assert old in SPEC
    with pytest.raises(Invalid, match="spec"):
        read_spec(SPEC.replace(old, new, 1).encode())


def test_the_spec_of_the_tests_is_read():
    spec = read_spec(SPEC.encode())
    assert (spec.widths, spec.activation, spec.layer, spec.rows) == ((3, 4, 2), "tanh", "all", "all")
    assert [str(gate) for gate in spec.gates] == ["modulus ≤ 2.0"]
    with pytest.raises(Invalid, match="spec"):
        read_spec(b"\xff")


def rebind(certificate: dict, folder, role: str, name: str, content: bytes) -> dict:
    """Put other bytes under a file, and bind them."""
    (folder / name).write_bytes(content)
    certificate["subject"][role] = emitter.record(folder / name, name)
    return certificate


@pytest.mark.parametrize("content, match", [
    (npz(X=np.full((4, 3), np.nan), y=np.zeros((4, 2))), "data file, array \"X\", row 0, column 0"),
    (npz(X=np.zeros((4, 3))), "data file"), (npz(X=np.zeros((4, 4)), y=np.zeros((4, 2))), "shape"),
    (npz(X=np.zeros((4, 3)), y=np.zeros((3, 2))), "one target for each"),
    (npz(X=np.zeros((0, 3)), y=np.zeros((0, 2))), "shape"),
    (npz(X=np.zeros((4, 3)), y=np.zeros((4, 3))), r"\(4, 2\) is needed"), (npz(X=np.zeros(3), y=np.zeros(3)), "shape"),
    (pickle.dumps(Evil()), "data file"),
])
def test_data_that_does_not_fit(content, match, tmp_path):
    certificate = rebind(emitter.emit(plain(), tmp_path), tmp_path, "data", "data.npz", content)
    with pytest.raises(Invalid, match=match):
        run(certificate, tmp_path)


W = [np.eye(4, 3), np.ones((2, 4))]


@pytest.mark.parametrize("tensors, match", [
    ({"0.weight": W[0]}, "widths"), ({"0.weight": W[0], "2.weight": W[1], "3.weight": W[1]}, "widths"),
    ({"0.weight": W[0].T.copy(), "2.weight": W[1]}, "shape"),
    ({"0.weight": W[0], "2.weight": W[1], "2.bias": np.ones(4)}, "bias"),
    ({"0.weight": W[0], "2.weight": W[1], "4.bias": np.ones(2)}, "no bias without"),
    ({"0.weight": W[0], "2.weight": W[1], "scale": np.ones(2)}, "every key"),
    ({"0.weight": W[0] * np.nan, "2.weight": W[1]}, "row 0, column 0"),
])
def test_models_that_do_not_fit(tensors, match, tmp_path):
    certificate = rebind(emitter.emit(plain(), tmp_path), tmp_path, "model", "model.safetensors", save(tensors))
    with pytest.raises(Invalid, match=match):
        run(certificate, tmp_path)


def test_layers_are_taken_in_natural_order(tmp_path):
    case = plain()
    certificate = emitter.emit(case, tmp_path)
    (a, b), (c, d) = case.weights, case.biases
    content = npz(**{"net.10.weight": b, "net.10.bias": d, "net.9.weight": a, "net.9.bias": c})
    run(rebind(certificate, tmp_path, "model", "model.safetensors", content), tmp_path)


def test_labels_have_no_residual(tmp_path):
    case = plain(loss="logistic", y=np.array([0, 1, 1, 0]))
    certificate = emitter.emit(case, tmp_path)
    assert certificate["base"]["residual"] is None
    run(certificate, tmp_path)
    certificate["base"] |= {"residual": 1.0, "shift_worst": 1.0, "shift_worst_row": 0}
    with pytest.raises(Invalid, match="base"):
        run(certificate, tmp_path)


def test_files_are_found_and_named(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    path = emitter.write(certificate, tmp_path)
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "data.npz").rename(away / "other.npz")
    with pytest.raises(Invalid, match="data file.*no such file; say with --data where it is"):
        check(path, NO_FILES)
    check(path, NO_FILES | {"data": away / "other.npz"})
    with pytest.raises(Invalid, match="^model file .*other.npz"):
        check(path, NO_FILES | {"data": away / "other.npz", "model": away / "other.npz"})
    with pytest.raises(Invalid, match="^spec file: .*it is a folder"):
        check(path, NO_FILES | {"spec": away})
    certificate["subject"]["data"]["path"] = "gone/../../other.npz"
    moved = emitter.write(certificate, away)
    for name in ("spec.toml", "model.safetensors"):
        (away / name).write_bytes((tmp_path / name).read_bytes())
    with pytest.raises(Invalid, match=r"^subject\.data\.path"):  # not the name that the spec gives
        check(moved, NO_FILES)
    certificate["subject"]["data"]["path"] = "gone/../../data.npz"
    (away / "other.npz").rename(away / "data.npz")
    check(emitter.write(certificate, away), NO_FILES)


@pytest.mark.parametrize("path", ["/etc/passwd", "", "a\\b", "a\0b"])
def test_recorded_paths_are_relative_names(path, tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    certificate["subject"]["data"]["path"] = path
    with pytest.raises(Invalid, match=r"subject\.data\.path"):
        run(certificate, tmp_path)


@pytest.mark.parametrize("path", ["x" * 5000, "data.npz/x", "ü/\u202e", "."])
def test_paths_that_lead_nowhere(path, tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    certificate["subject"]["data"]["path"] = path
    with pytest.raises(Invalid, match=r"^subject\.data\.path: "):
        run(certificate, tmp_path)
    spec = tmp_path / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace('"data.npz"', json.dumps(path)), encoding="utf-8")
    certificate["subject"]["spec"] = emitter.record(spec, spec.name)
    with pytest.raises(Invalid, match="^data file: "):
        run(certificate, tmp_path)


@pytest.mark.parametrize("edits", [{}, {'"down"': '"up"'}, {"[perturbation]": '[perturbation]\nset = "per_sample"'}])
def test_a_direction_is_for_weights_of_a_convex_layer_alone(edits):
    text = SPEC.replace("[perturbation]", '[perturbation]\ndirection = "down"', 1)
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(Invalid, match="direction"):
        read_spec(text.encode())


@pytest.mark.parametrize("edits", [
    {"[data]": '[weights]\nnorm = "function"\nreference = "r.npz"\n[data]',
     "[perturbation]": "[perturbation]\nradius = 1.0", 'quantity = "modulus"': 'quantity = "distance"'},
    {"[data]": '[weights]\nnorm = "relative"\n[data]', "[perturbation]": "[perturbation]\nradius = 1.0",
     'quantity = "modulus"': 'quantity = "distance"'},
    {"[perturbation]": "[perturbation]\nradius = 1.0", 'quantity = "modulus"': 'quantity = "distance"'},
])  # fmt: skip
def test_the_critical_map_has_no_rules_for_distances_but_of_a_convex_layer(edits):
    text = SPEC.replace("[solution]\n", '[solution]\nmap = "critical"\n', 1)
    if "[solution]" not in SPEC:
        text = SPEC.replace("[perturbation]", '[solution]\nmap = "critical"\n[perturbation]', 1)
    assert read_spec(text.encode()).map == "critical"
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(Invalid, match="critical|nearby|finite size"):
        read_spec(text.encode())
