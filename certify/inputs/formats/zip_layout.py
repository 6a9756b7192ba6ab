"""Whether a zip archive reads in one way only: nothing before, between or behind its parts, headers that agree."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import Final

_FULL: Final = 0xFFFFFFFF
_UTF8: Final = 0x800

FORMS: Final = ((False, False), (True, True), (False, True))
"""Whether sizes in local headers are left out in 32 bits, and whether they are there in 64: Python 3.11.0 to 3.11.3 has
both."""


def member_starts(content: bytes, archive: zipfile.ZipFile) -> dict[str, int]:
    """Where the packed bytes of every member start, if the archive is as Python writes it to a file.

    The local headers and the end are built again from the central headers, and must be the bytes that are there.

    Args:
        content: the bytes.
        archive: the same, opened.

    Raises:
        ValueError: what is not so, in words.
    """
    starts, at, members = {}, 0, archive.infolist()
    for member in members:
        if member.flag_bits & 1:
            raise ValueError(f"'{member.filename}' is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"'{member.filename}' is compressed in a way numpy does not use")
        if member.flag_bits & ~_UTF8 or member.comment or member.header_offset != at:
            raise ValueError("bytes before or between its members, or members that numpy does not write so")
        heads = (_local(member, *form) for form in FORMS)
        head = next((head for head in heads if content[at : at + len(head)] == head), None)
        if head is None:
            raise ValueError(f"'{member.filename}' has two headers that differ")
        starts[member.filename] = at + len(head)
        at += len(head) + member.compress_size
    size = sum(46 + len(_name(member)) + len(member.extra) for member in members)
    if at != archive.start_dir or content[at + size :] != _end(len(members), size, at):
        raise ValueError("bytes between its members and its end, or behind it")
    return starts


def _name(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("utf-8" if member.flag_bits & _UTF8 else "cp437")


def _local(member: zipfile.ZipInfo, wide: bool, also: bool) -> bytes:
    """The local header that goes with a central one; `wide`: without its sizes in 32 bits, `also`: with them in 64."""
    year, month, day, hour, minute, second = member.date_time
    name, packed, size = _name(member), member.compress_size, member.file_size
    extra = struct.pack("<HHQQ", 1, 16, size, packed) if also else b""
    return struct.pack(
        "<4sHHHHHIIIHH", b"PK\x03\x04", member.extract_version | member.reserved << 8, member.flag_bits,
        member.compress_type, hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day, member.CRC,
        *((_FULL, _FULL) if wide else (min(packed, _FULL), min(size, _FULL))), len(name), len(extra),
    ) + name + extra


def _end(count: int, size: int, start: int) -> bytes:
    """What follows the central headers."""
    large = b""
    if count > 0xFFFF or size > _FULL or start > _FULL:
        large = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
        large += struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    few = min(count, 0xFFFF)
    return large + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, few, few, min(size, _FULL), min(start, _FULL), 0)


def unpack(content: bytes, member: zipfile.ZipInfo, start: int) -> bytes:
    """The bytes of a member, no more than it announces.

    Raises:
        ValueError: they are others, or the packed bytes have a rest.
        zlib.error: damage.
    """
    packed = content[start : start + member.compress_size]
    if member.compress_type == zipfile.ZIP_DEFLATED:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        packed = inflate.decompress(packed, member.file_size + 1)
        if len(packed) > member.file_size:
            raise ValueError(f"more than the {member.file_size} bytes it announces")
        if not inflate.eof or inflate.unused_data:
            raise ValueError("its packed bytes are cut short or have a rest")
    if len(packed) != member.file_size:
        raise ValueError(f"{member.file_size} bytes announced, {len(packed)} found")
    if zlib.crc32(packed) != member.CRC:
        raise ValueError("bad CRC-32")
    return packed
