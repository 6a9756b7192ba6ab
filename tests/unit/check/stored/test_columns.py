"""The largest numbers of columns, from bits, against the numbers themselves; and rows in whole numbers."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from certify.check.reading.certificate import FileRecord
from certify.check.stored import columns, npy, whole
from certify.format.refusal import Invalid

TYPES = ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i4", ">i2", "|u1", "|b1")


def file_of(path: Path, array: np.ndarray) -> npy.Stored:
    np.save(path, array)
    data = path.read_bytes()
    return npy.stored(path, "data", FileRecord(path.name, sha256(data).hexdigest(), len(data)), 2)


def drawn(rng: np.random.Generator, typ: str, shape: tuple[int, int]) -> np.ndarray:
    """Numbers of all sizes, zeros of both signs and the smallest ones among them."""
    if typ[1] != "f":
        return rng.integers(0, 2, shape).astype(typ)
    sizes = rng.standard_normal(shape) * 2.0 ** rng.integers(-12, 12, shape)
    tiny = float(np.finfo(np.dtype(typ)).smallest_subnormal)
    return np.where(rng.random(shape) < 0.2, rng.choice([0.0, -0.0, tiny, -tiny], shape), sizes).astype(typ)


@pytest.mark.parametrize("typ", TYPES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (13, 5), (300, 2), (70, 40)])
def test_columns_are_as_large_as_their_largest_number(typ: str, shape: tuple[int, int], tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng([len(typ), *shape])
    array = drawn(rng, typ, shape)
    monkeypatch.setattr(columns, "LANES", 64)
    least = [0.0] * (shape[1] - 1) + [1.0]
    for step in (1, 7, 1000):
        found = columns.column_sizes(file_of(tmp_path / "rows.npy", array), step, least)
        assert found == np.maximum(np.abs(array.astype(float)).max(axis=0), least).tolist()


@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("typ", ["<f2", ">f4", "<f8"])
def test_what_is_no_number_is_named(value: float, typ: str, tmp_path: Path) -> None:
    array = np.ones((9, 4)).astype(typ)
    array[7, 2] = value
    with pytest.raises(Invalid, match="row 7, column 2: (nan|inf|-inf) is in it"):
        columns.column_sizes(file_of(tmp_path / "rows.npy", array), 3, [0.0] * 4)


def test_a_number_that_is_too_large_is_refused(tmp_path: Path) -> None:
    for value, fine in ((2.0**500, True), (-(2.0**500) * (1 + 2.0**-52), False)):
        array = np.array([[1.0, 2.0], [value, 0.0]])
        try:
            assert columns.column_sizes(file_of(tmp_path / "rows.npy", array), 1, [0.0, 0.0]) == [abs(value), 2.0]
            assert fine
        except Invalid as refusal:
            assert not fine and "from row 1 on: a feature is beyond 2^500" in str(refusal)


def test_wrong_lanes_are_seen() -> None:
    """A lane that borrows from the next, or is compared with its sign, would give another number."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows = rng.choice([0, 1, 2, 0x7FFE, 0x7FFF], (int(rng.integers(1, 9)), 3)).astype("<u2")
        signed = rows | (rng.integers(0, 2, rows.shape).astype("<u2") << 15)
        found = columns.folded(int.from_bytes(signed.tobytes(), "little"), len(rows), 3, 2)
        assert np.array_equal(np.frombuffer(found.to_bytes(6, "little"), "<u2"), rows.max(axis=0))


@pytest.mark.parametrize("typ", TYPES)
@pytest.mark.parametrize("ones", [False, True])
def test_whole_numbers_are_less_than_one_off(typ: str, ones: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    array = drawn(rng, typ, (20, 3))
    shifts = [int(x) for x in np.frexp(np.abs(array.astype(float)).max(axis=0))[1]] + [3] * ones
    for bits in (0, 5, 24, 60):
        rows = whole.Whole(file_of(tmp_path / "rows.npy", array), ones, shifts, bits)
        parts = dict(rows.parts(8))
        assert list(parts) == [0, 8, 16]
        found = np.array([x for part in parts.values() for x in part], dtype=object).reshape(20, 3 + ones)
        meant = [[*map(Fraction, row), *([Fraction(1)] * ones)] for row in array.astype(float).tolist()]
        off = [abs(Fraction(int(x)) - y * Fraction(2) ** (bits - s))
               for own, row in zip(found, meant, strict=True) for x, y, s in zip(own, row, shifts, strict=True)]
        assert max(off) < 1
        values = array.astype(float).ravel().tolist()
        assert not rows.exact(values) or max(off) == 0
        assert max(off) or rows.exact(values)


def test_huge_columns_and_tiny_ones_are_cut_as_well(tmp_path: Path) -> None:
    """Where the power of two is no float, where products are below all floats, and where a 1 is nothing."""
    array = np.array([[5e-324, 2.0**499, 2.0**-1000], [-1.5e-323, 3.0, 2.0**-1040]])
    shifts = [-1071, 500, -999, 90]
    rows = whole.Whole(file_of(tmp_path / "rows.npy", array), True, shifts, 60)
    (found,) = [part for _, part in rows.parts(2)]
    assert found == [1 << 57, 1 << 59, 1 << 59, 0, -(3 << 57), 0, 1 << 19, 0]
    assert rows.factors is None and not rows.exact(array.ravel().tolist())
    near = whole.Whole(rows.file, True, [-60, 500, -60, 90], 60)
    assert not near.exact([0.0, 2.0**499, 0.0])  # the 1 is lost
    assert not whole.Whole(rows.file, False, [500] * 3, 60).exact([5e-324] * 3)  # as are products that are 0


def test_another_file_is_seen(tmp_path: Path) -> None:
    rows = whole.Whole(file_of(tmp_path / "rows.npy", np.ones((2, 2))), False, [1, 1], 60)
    for value in (np.inf, np.nan):
        with pytest.raises(Invalid, match="another file now"):
            rows.of([1.0, value])
