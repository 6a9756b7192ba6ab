"""Both readers of `.npz`: an archive that can be read in two ways, or that has a rest, is refused by each."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.reading.arrays import read_arrays
from certify.check.reading.formats import zips
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.inputs.formats import zip_layout
from certify.inputs.formats.npz import NpzArchive
from tests.effort import examples
from tests.unit.inputs.formats.test_npz import npy, pack, zipped

ROOT = Path(__file__).parents[4]
X, Y = npy(np.arange(6.0).reshape(3, 2)), npy(np.array([1, -1, 1]))
PLAIN = pack(X=np.arange(6.0).reshape(3, 2), y=np.array([1, -1, 1]))
PACKED = pack(True, X=np.zeros((30, 2)), y=np.ones(30))
CENTRAL, END = PLAIN.index(b"PK\x01\x02"), PLAIN.index(b"PK\x05\x06")
SECOND = PLAIN.index(b"PK\x03\x04", 4)


def both_refuse(content: bytes) -> None:
    with pytest.raises(InputError):
        archive = NpzArchive(content, "f")
        for name in archive.names:
            archive.read(name)
    with pytest.raises(Invalid):
        if content[:4] != b"PK\x03\x04":
            zips.read_members(content, "f")
        read_arrays(content, "f")


def test_what_numpy_and_python_write_is_read() -> None:
    for content in (PLAIN, PACKED, zipped({"X.npy": X, "y.npy": Y}), zipped({"é.npy": X}),
                    zipped({"X.npy": X}, compression=zipfile.ZIP_DEFLATED)):
        own, other = NpzArchive(content, "f"), read_arrays(content, "f")
        assert own.names == tuple(other)
        for name in own.names:
            assert own.read(name).astype(float).ravel().tolist() == list(other[name].values)


def older(content: bytes) -> bytes:
    """As Python 3.11.0 to 3.11.3 write it, Debian 12's among them: sizes of local headers in 32 bits and in 64."""
    found, at = bytearray(content), content.index(b"PK\x01\x02")
    while content[at : at + 4] == b"PK\x01\x02":
        local = struct.unpack_from("<I", content, at + 42)[0]
        found[at + 6 : at + 8] = found[local + 4 : local + 6] = b"\x14\0"
        found[local + 18 : local + 26] = content[at + 20 : at + 28]
        at += 46 + struct.unpack_from("<H", content, at + 28)[0]
    return bytes(found)


OLDER = older(PLAIN)


@pytest.mark.parametrize("content", [PLAIN, PACKED])
def test_what_older_pythons_write_is_read(content: bytes) -> None:
    own, other = NpzArchive(older(content), "f"), read_arrays(older(content), "f")
    now = NpzArchive(content, "f")
    assert own.names == now.names == tuple(other) and older(content) != content
    for name in own.names:
        assert own.read(name).tolist() == now.read(name).tolist()
        assert own.read(name).astype(float).ravel().tolist() == list(other[name].values)


@pytest.mark.parametrize("path", sorted((*ROOT.glob("reports/**/*.npz"), *ROOT.glob("tests/**/*.npz"))), ids=str)
def test_every_archive_in_the_tree_is_read(path: Path) -> None:
    content = path.read_bytes()
    archive = NpzArchive(content, "f")
    members = zips.read_members(content, "f")
    assert [f"{name}.npy" for name in archive.names] == list(members)
    assert all(archive.read(name).size for name in archive.names)


def moved(content: bytes, by: int) -> bytes:
    """The archive with every offset in its headers raised."""
    found, at = bytearray(content), content.index(b"PK\x01\x02")
    while content[at : at + 4] == b"PK\x01\x02":
        offset = struct.unpack_from("<I", content, at + 42)[0]
        struct.pack_into("<I", found, at + 42, offset + by)
        at += 46 + struct.unpack_from("<H", content, at + 28)[0]
    struct.pack_into("<I", found, at + 16, struct.unpack_from("<I", content, at + 16)[0] + by)
    return bytes(found)


HIDDEN = PLAIN[:SECOND]
"""One whole member, as a reader of local headers would take it."""


@pytest.mark.parametrize("content", [
    PLAIN + b"\0", PLAIN + b"x" * 64, PLAIN + PLAIN, b"x" + PLAIN, HIDDEN + PLAIN, HIDDEN + moved(PLAIN, len(HIDDEN)),
    PLAIN[:SECOND] + b"gap" + moved(PLAIN, 3)[SECOND:], PLAIN[:CENTRAL] + b"gap" + moved(PLAIN, 3)[CENTRAL:],
    PLAIN[:CENTRAL] + HIDDEN + moved(PLAIN, len(HIDDEN))[CENTRAL:], PLAIN[:END] + b"gap" + PLAIN[END:],
    PLAIN[:-2] + b"\5\0" + b"words", PLAIN[:-1], PLAIN[:END], b"", b"PK\x03\x04",
], ids=range(15))
def test_bytes_that_belong_to_no_part_are_refused(content: bytes) -> None:
    both_refuse(content)


LOCAL = list(range(30 + len("X.npy") + 20))


@pytest.mark.parametrize("at", LOCAL)
@pytest.mark.parametrize("where", [0, SECOND])
def test_a_local_header_that_differs_is_refused(where: int, at: int) -> None:
    """Any bit of any byte of a local header."""
    for bit in (1, 128):
        for whole in (PLAIN, OLDER):
            content = bytearray(whole)
            content[where + at] ^= bit
            both_refuse(bytes(content))


def test_an_archive_that_announces_less_than_it_inflates_to_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the announced bytes are unpacked."""
    bomb = npy(np.zeros(100_000))
    lying = bytearray(zipped({"X.npy": bomb}, compression=zipfile.ZIP_DEFLATED))
    central = lying.index(b"PK\x01\x02")
    struct.pack_into("<I", lying, 22, 200)
    struct.pack_into("<I", lying, central + 24, 200)
    seen: list[int] = []
    inflate = zlib.decompressobj

    class Watched:
        def __init__(self, *args: int) -> None:
            self._own = inflate(*args)
            self.unused_data = b""

        @property
        def eof(self) -> bool:
            return self._own.eof

        def decompress(self, data: bytes, most: int) -> bytes:
            found = self._own.decompress(data, most)
            seen.append(len(found))
            return found

    for module in (zips, zip_layout):
        monkeypatch.setattr(module.zlib, "decompressobj", Watched)  # type: ignore[attr-defined]
    both_refuse(bytes(lying))
    assert seen and max(seen) <= 201


def test_packed_bytes_with_a_rest_are_refused() -> None:
    """Bytes behind the end of a deflated stream, which zipfile passes over."""
    content = zipped({"X.npy": X}, compression=zipfile.ZIP_DEFLATED)
    packed = struct.unpack_from("<I", content, 18)[0]
    start = 30 + len("X.npy")
    more = bytearray(moved(content[: start + packed] + b"rest" + content[start + packed :], 0))
    struct.pack_into("<I", more, 18, packed + 4)
    central = more.index(b"PK\x01\x02")
    struct.pack_into("<I", more, central + 20, packed + 4)
    struct.pack_into("<I", more, len(more) - 6, central)
    with zipfile.ZipFile(io.BytesIO(bytes(more))) as archive:
        assert archive.read("X.npy") == X  # zipfile reads it
    both_refuse(bytes(more))


def test_the_checker_takes_no_bomb_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    content = pack(True, X=np.zeros(200_000))
    monkeypatch.setattr(zips, "LARGE", 1 << 20)
    monkeypatch.setattr(zips.zlib, "decompressobj", lambda *_: pytest.fail("it was unpacked"))  # type: ignore[attr-defined]
    with pytest.raises(Invalid, match="as in a zip bomb"):
        read_arrays(content, "f")


@pytest.mark.parametrize("members", [{"X.npy": X, "readme.txt": b"hello"}, {"X": X}])
def test_other_members_are_refused(members: dict[str, bytes]) -> None:
    with pytest.raises(Invalid):
        read_arrays(zipped(members), "f")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused_by_the_checker() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("X.npy", X)
        archive.writestr("X.npy", X)
    with pytest.raises(Invalid, match="twice"):
        read_arrays(buffer.getvalue(), "f")


@given(st.sampled_from([PLAIN, PACKED]), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
                                                  max_size=4), st.floats(0, 1))
@settings(max_examples=examples(300))
def test_damage_raises_nothing_else_in_the_checker(
    content: bytes, changes: list[tuple[float, int]], end: float
) -> None:
    changed = bytearray(content)
    for at, value in changes:
        changed[int(at * len(content))] = value
    for some in (bytes(changed), bytes(changed[: int(end * len(changed))])):
        try:
            zips.read_members(some, "f")
        except Invalid as error:
            assert re.match("f: ", str(error))


def test_more_members_than_fit_sixteen_bits() -> None:
    """Python then ends the archive in 64 bits, which is read too."""
    content = zipped({f"{i}.npy": b"" for i in range(2**16)})
    assert len(zips.read_members(content, "f")) == 2**16
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(zip_layout.member_starts(content, archive)) == 2**16
