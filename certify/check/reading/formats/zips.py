"""The members of a `.npz` file, read from its bytes alone: one reading, and not a byte that does not belong to it.

Zip archives may have a rest, gaps, something before them, and local headers that say something else than the central
ones, so that two programs read two sets of data from the same bytes. All of that is refused.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from certify.format.canonical import show
from certify.format.refusal import Invalid

_LOCAL, _CENTRAL = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I")
_END, _END64, _LOCATOR = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_FULL, _UTF8, _STORED, _DEFLATED = 2**32 - 1, 0x800, 0, 8
LARGE, RATIO, LARGEST = 2**26, 500, 2**32
"""An archive that unpacks to more bytes than this and to so many times its own is a bomb, and so is any larger one."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its name, where its packed bytes are, and what they unpack to."""

    name: str
    start: int
    packed: int
    size: int
    crc: int
    deflated: bool


def read_members(data: bytes, where: str) -> dict[str, bytes]:
    """The files of an archive by name, in its order; unpacked by no more than they announce."""
    try:
        members = _members(data)
        total = sum(member.size for member in members)
        if total > LARGEST or (total > LARGE and total > RATIO * len(data)):
            raise ValueError(f"{len(data)} bytes unpack to {total}, as in a zip bomb")
        names = [member.name for member in members]
        twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
        if twice is not None:
            raise ValueError(f"{show(twice)} is there twice")
        return {member.name: _unpacked(data, member) for member in members}
    except (ValueError, struct.error, zlib.error) as error:
        raise Invalid(where, "the archive cannot be read", "an undamaged .npz file, as numpy.savez writes it, is "
                      f"needed ({error})") from None


def _members(data: bytes) -> list[Member]:
    start, size, count = _end(data)
    members, at, local = [], start, 0
    for _ in range(count):
        member, at, local = _member(data, at, local)
        members.append(member)
    if at != start + size or local != start:
        raise ValueError("there are bytes between its parts")
    return members


def _end(data: bytes) -> tuple[int, int, int]:
    """Where the central headers start, how long they are and how many; the end of the file is what follows them."""
    at = len(data) - _END.size
    if at < 0 or data[:4] != b"PK\x03\x04":
        raise ValueError("it does not start and end like one")
    count, size, start = _END.unpack_from(data, at)[4:7]
    if at >= _LOCATOR.size + _END64.size and data[at - _LOCATOR.size:][:4] == b"PK\x06\x07":
        count, size, start = _END64.unpack_from(data, at - _LOCATOR.size - _END64.size)[7:10]
    large, tail = start > _FULL or size > _FULL or count >= 2**16, b""
    if large:
        tail = (_END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
                + _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1))
    few = min(count, 2**16 - 1)
    tail += _END.pack(b"PK\x05\x06", 0, 0, few, few, min(size, _FULL), min(start, _FULL), 0)
    if data[start + size:] != tail:
        raise ValueError("its end is not where the headers say, or bytes follow it")
    return start, size, count


def _member(data: bytes, at: int, local: int) -> tuple[Member, int, int]:
    """The member whose central header is at `at` and whose local one has to be at `local`; where the next ones are."""
    head = _CENTRAL.unpack_from(data, at)
    sign, same, (crc, packed, size) = head[0], head[2:7], head[7:10]
    named, more, comment, disk, offset = head[10], head[11], head[12], head[13], head[16]
    at += _CENTRAL.size
    name, extra = data[at:at + named], data[at + named:at + named + more]
    wide = iter(struct.unpack(f"<{max(more - 4, 0) // 8}Q", extra[4:]) if more else ())
    size, packed, offset = (next(wide, -1) if v == _FULL else v for v in (size, packed, offset))
    count = sum(v == _FULL for v in (head[9], head[8], head[16]))
    announced = struct.pack("<2H", 1, 8 * count) if count else b""
    if sign != b"PK\x01\x02" or comment or disk or extra[:4] != announced or more != len(announced) + 8 * count:
        raise ValueError("a central header is not as numpy.savez writes it")
    if offset != local:
        raise ValueError("there are bytes before a member, or members overlap")
    own = _LOCAL.unpack_from(data, local)
    start = local + _LOCAL.size
    both = struct.pack("<2H2Q", 1, 16, size, packed) if own[10] else b""  # there alone, or as Python 3.11.0 has it, too
    if own[7:9] != (packed, size) and not (both and own[7:9] == (_FULL, _FULL)):
        raise ValueError("a local header gives other sizes than the central one")
    if own[0] != b"PK\x03\x04" or own[1:6] != same or own[6] != crc or (own[9], own[10]) != (named, len(both)):
        raise ValueError("a local header says something else than the central one")
    if data[start:start + named] != name or data[start + named:start + named + len(both)] != both:
        raise ValueError("a local header gives another name or other sizes than the central one")
    flags, method = same[1], same[2]
    if flags not in (0, _UTF8) or method not in (_STORED, _DEFLATED) or (method == _STORED and size != packed):
        raise ValueError("a member is encrypted, or packed as numpy does not")
    start += named + len(both)
    if start + packed > len(data) or b"\0" in name:
        raise ValueError("a member is cut short, or its name holds a zero byte")
    text = name.decode("utf-8" if flags else "cp437")
    return Member(text, start, packed, size, crc, method == _DEFLATED), at + named + more, start + packed


def _unpacked(data: bytes, member: Member) -> bytes:
    content = data[member.start:member.start + member.packed]
    if member.deflated:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflate.decompress(content, member.size + 1)
        if not inflate.eof or inflate.unused_data:
            raise ValueError(f"{show(member.name)} does not unpack to the {member.size} bytes it announces, or has a "
                             "rest")
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise ValueError(f"{show(member.name)} unpacks to other bytes than it announces")
    return content
