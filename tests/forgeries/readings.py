"""D: files with a second reading, and files that cost what they do not show."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable

import numpy as np

from tests.forgeries.forgery import GOLDEN, Forgery, Work

TANH = f"{GOLDEN}/tanh"
ARCHIVE = "the archive cannot be read"
HUGE = b"0x" + b"f" * 6000


def data(change: Callable[[bytes], bytes]) -> Callable[[Work], None]:
    return lambda work: work.rewrite("data", change)


def model(change: Callable[[bytes], bytes]) -> Callable[[Work], None]:
    return lambda work: work.rewrite("model", change)


def spec(change: Callable[[bytes], bytes]) -> Callable[[Work], None]:
    return lambda work: work.rewrite("spec", change)


def repacked(old: bytes, method: int = zipfile.ZIP_STORED, more: dict[str, bytes] | None = None) -> bytes:
    """The members of an archive once more, and others behind them."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(old)) as found, zipfile.ZipFile(held, "w", method) as archive:
        for name in found.namelist():
            archive.writestr(name, found.read(name))
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return held.getvalue()


def npy(array: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.lib.format.write_array(held, array, allow_pickle=True)
    return held.getvalue()


def hidden(old: bytes) -> bytes:
    """A whole member before the archive, which a reader of local headers takes first."""
    before = repacked(b"PK\x05\x06" + b"\0" * 18, more={"X.npy": npy(np.full((4, 3), 9.0))})
    return before[:before.index(b"PK\x01\x02")] + old


def twice(old: bytes) -> bytes:
    """X a second time, under a name of the same length that becomes the same."""
    return repacked(old, more={"Z.npy": npy(np.full((4, 3), 9.0))}).replace(b"Z.npy", b"X.npy")


def local(old: bytes) -> bytes:
    """The first local header has another name than the central one."""
    return old.replace(b"X.npy", b"W.npy", 1)


def flagged(old: bytes) -> bytes:
    """Said to be encrypted, in both headers."""
    found = bytearray(old)
    found[old.index(b"PK\x03\x04") + 6] |= 1
    found[old.index(b"PK\x01\x02") + 8] |= 1
    return bytes(found)


def commented(old: bytes) -> bytes:
    return old[:-2] + struct.pack("<H", 4) + b"note"


def bomb(old: bytes) -> bytes:
    """An array of zeros, nobody's, that unpacks to a thousand times the archive."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (2**24,)})
    return repacked(old, zipfile.ZIP_DEFLATED, {"Z.npy": head.getvalue() + bytes(2**27)})


def understated(old: bytes) -> bytes:
    """Both headers of the first member announce fewer bytes than its stream holds."""
    packed = bytearray(repacked(old, zipfile.ZIP_DEFLATED))
    for sign, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = packed.index(sign) + at
        size = struct.unpack_from("<I", packed, place)[0]
        struct.pack_into("<I", packed, place, size - 8)
    return bytes(packed)


def header(old: bytes, change: Callable[[dict], object]) -> bytes:
    """A `.safetensors` file with another header."""
    length = int.from_bytes(old[:8], "little")
    top = json.loads(old[8:8 + length])
    text = change(top)
    text = (json.dumps(top) if text is None else str(text)).encode()
    return len(text).to_bytes(8, "little") + text + old[8 + length:]


def overlap(top: dict) -> None:
    one, two = sorted((v for k, v in top.items() if k != "__metadata__"), key=lambda v: v["data_offsets"])[:2]
    size = two["data_offsets"][1] - two["data_offsets"][0]
    two["data_offsets"] = [one["data_offsets"][0], one["data_offsets"][0] + size]


def doubled(top: dict) -> str:
    text = json.dumps(top)
    first = next(iter(top))
    return text[:-1] + f", {json.dumps(first)}: {json.dumps(top[first])}}}"


def huge_shape(top: dict) -> None:
    next(iter(top.values()))["shape"] = [2**62, 4]


def digits(top: dict) -> str:
    return json.dumps(top).replace('"data_offsets": [0', '"data_offsets": [' + "9" * 6000)


def sparse(work: Work) -> None:
    os.truncate(work.path("data"), 40 << 30)


def sparse_and_bound(work: Work) -> None:
    sparse(work)
    work.certificate["subject"]["data"]["bytes"] = 40 << 30


def pipe(work: Work) -> None:
    work.path("data").unlink()
    os.mkfifo(work.path("data"))


def endless(work: Work) -> None:
    work.path("data").unlink()
    work.path("data").symlink_to("/dev/zero")
    work.certificate["subject"]["data"]["bytes"] = 0


def csv(text: str) -> Callable[[Work], None]:
    """A table in the place of the arrays."""
    def forge(work: Work) -> None:
        work.rewrite("spec", lambda old: old.replace(b"data.npz", b"data.csv").replace(
            b'features = "X"', b'features = ["a", "b", "c"]'))
        work.bind("data", text.encode(), "data.csv")

    return forge


def behind(line: bytes, section: bytes) -> Callable[[bytes], bytes]:
    return lambda old: old.replace(section + b"\n", section + b"\n" + line + b"\n") if section in old else (
        old + section + b"\n" + line + b"\n")


ROW = "a,b,c,y\n1,2,3,0\n"

ROWS = (
    Forgery("d-npz-rest", "bytes behind the archive", TANH, data(lambda old: old + bytes(64)), ARCHIVE),
    Forgery("d-npz-hidden", "a member before the archive, with other numbers under the same name", TANH, data(hidden),
            ARCHIVE),
    Forgery("d-npz-twice", "two members of one name", TANH, data(twice), f'{ARCHIVE}.*"X.npy" is there twice'),
    Forgery("d-npz-two-names", "two names that numpy takes for one", TANH, data(
        lambda old: repacked(old, more={"X.npy.npy": npy(np.zeros((4, 3)))})), "names that numpy tells apart"),
    Forgery("d-npz-local", "a local header with another name", TANH, data(local), f"{ARCHIVE}.*local header"),
    Forgery("d-npz-encrypted", "a member that is said to be encrypted", TANH, data(flagged), f"{ARCHIVE}.*encrypted"),
    Forgery("d-npz-bzip2", "another compression", TANH, data(lambda old: repacked(old, zipfile.ZIP_BZIP2)), ARCHIVE),
    Forgery("d-npz-lzma", "another compression", TANH, data(lambda old: repacked(old, zipfile.ZIP_LZMA)), ARCHIVE),
    Forgery("d-npz-comment", "a comment", TANH, data(commented), ARCHIVE),
    Forgery("d-npz-bomb", "an archive that unpacks to a thousand times its size", TANH, data(bomb), "zip bomb"),
    Forgery("d-npz-understated", "a member with more bytes than it announces", TANH, data(understated), ARCHIVE),
    Forgery("d-npz-pickle", "an array of objects, which is a pickle", TANH, data(
        lambda old: repacked(old, more={"Z.npy": npy(np.array([{}], dtype=object))})), "never a pickle"),
    Forgery("d-npz-member", "a member that is no array", TANH, data(
        lambda old: repacked(old, more={"../../x.sh": b"echo"})), "an .npz file holds .npy arrays"),
    Forgery("d-safetensors-rest", "bytes behind the tensors", TANH, model(lambda old: old + bytes(8)), "bytes follow"),
    Forgery("d-safetensors-overlap", "two tensors of the same bytes", TANH, model(lambda old: header(old, overlap)),
            "they must start at|its bytes are"),
    Forgery("d-safetensors-twice", "a tensor is there twice", TANH, model(lambda old: header(old, doubled)),
            "the header is not JSON.*a key occurs twice"),
    Forgery("d-safetensors-shape", "a tensor of 2^64 entries", TANH, model(lambda old: header(old, huge_shape)),
            "shape"),
    Forgery("d-safetensors-length", "a header longer than the file", TANH,
            model(lambda old: (2**40).to_bytes(8, "little") + old[8:]), "announce a header"),
    Forgery("d-safetensors-digits", "an offset of 6,000 digits", TANH, model(lambda old: header(old, digits)),
            "the header is not JSON"),
    Forgery("d-csv-nan", "a field that is no number", TANH, csv(f"{ROW}nan,1,1,0\n"), "a decimal number in the range"),
    Forgery("d-csv-digits", "digits that only some programs read", TANH, csv(f"{ROW}1_0,٣,1,0\n"), "a decimal number"),
    Forgery("d-csv-names", "two columns of one name", TANH, csv("a,b,a,y\n1,2,3,0\n"), "different names"),
    Forgery("d-csv-ragged", "a row with one field more", TANH, csv(f"{ROW}1,2,3,0,7\n"), "one field for each"),
    Forgery("d-csv-zero", "a zero byte in a field", TANH, csv(f"{ROW}1\0,2,3,0\n"), "data file"),
    Forgery("d-csv-digits-6000", "a number of 6,000 digits", TANH, csv(f"{ROW}{'9' * 6000},2,3,0\n"),
            "a decimal number in the range"),
    Forgery("d-toml-digits", "an integer of 6,000 hexadecimal digits", TANH,
            spec(lambda old: old.replace(b"version = 1", b"version = " + HUGE)), "an integer of 24000 bits"),
    Forgery("d-toml-decimal", "an integer of 6,000 digits", TANH,
            spec(lambda old: old.replace(b"version = 1", b"version = " + b"9" * 6000)), "the bytes are not TOML"),
    *(Forgery(f"d-toml-{key.decode()}", "the same elsewhere", TANH, spec(behind(key + b" = " + HUGE, section)),
              "an integer of 24000 bits|unknown|is stated")
      for key, section in ((b"level", b"[solution]"), (b"radius", b"[perturbation]"), (b"time_limit", b"[run]"),
                           (b"weight_decay", b"[training]"), (b"threshold", b"[evaluation]"))),
    Forgery("d-toml-key", "a key of 200,000 parts, which takes hours to read", TANH,
            spec(lambda old: b".".join([b"a"] * 200_000) + b" = 1\n" + old), "dots between two commas"),
    Forgery("d-toml-large", "a spec of 30 MB", TANH, spec(lambda old: b"\n" * 30_000_000 + old), "it has 30000"),
    Forgery("d-toml-deep", "brackets 100,000 deep", TANH, spec(lambda old: b"a = " + b"[" * 100_000 + b"\n" + old),
            "the bytes are not TOML"),
    Forgery("d-sparse", "a file of 40 GB that is said to have 650 bytes", TANH, sparse, "another number of them"),
    Forgery("d-sparse-bound", "the same, with its size", TANH, sparse_and_bound, "at most 4294967296 bytes are read"),
    Forgery("d-pipe", "a pipe, which nobody writes to", TANH, pipe, "data file"),
    Forgery("d-endless", "a link to a device without end", TANH, endless, "data file"),
)
