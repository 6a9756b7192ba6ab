"""Damage valid files of every format and hand them to the readers: they read, or refuse in one line, and do no more.

    python -m tests.fuzz.readers --cases 5000 --seed 20261125 [--jobs 2] [formats …]

A case damages one valid file: bits flipped, bytes replaced, inserted, deleted or doubled, the end cut off, fields
of 1 to 8 bytes set to lengths that are extreme or slightly wrong, also inside the members of a zip archive (whose
checksums are then made good, so that what lies behind them is reached). Allowed is a file read or an InputError of one
line, within `SECONDS` and `MEMORY`. A violation is any other exception, a dead process, more time or memory, and any
attempt to write a file, start a process, load code or unpickle, which an audit hook of Python notices. Every case has
its own generator `default_rng([seed, format, case])`: `--only CASE` repeats it. Exit status 1 if anything was violated.
"""

from __future__ import annotations

import argparse
import atexit
import codecs
import io
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

import numpy as np
from safetensors.numpy import save

from certify.format.errors import InputError
from certify.inputs.formats.table import open_archive
from certify.inputs.model import _layers
from certify.inputs.numbers import exact_float64
from certify.spec.sources import Source
from tests.families.onnx_bytes import model, node
from tests.families.small import features, tensors

CODECS = ("cp437", "raw_unicode_escape", "unicode_escape", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be",
          "utf_32_le", "utf_8_sig")
"""What zipfile, pickletools, json and our own messages decode and encode with, loaded before anybody listens."""

FILES = Path(__file__).parents[2] / "tests" / "families" / "files"
SECONDS, MEMORY = 5.0, 256 << 20
"""Most time, and most growth of the process, that one small damaged file may cost."""

EVENTS = {
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.remove", "os.rename", "os.mkdir",
    "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate", "os.putenv", "subprocess.Popen", "socket.connect",
    "socket.bind", "ctypes.dlopen", "pickle.find_class", "marshal.loads", "exec", "import", "shutil.move",
}
"""Events of Python's audit hooks that no reader may cause once its modules are loaded."""

Files = list[tuple[str, bytes]]


def arrays() -> dict[str, np.ndarray]:
    return {"X": features(), "y": np.arange(10) % 2, "z": features(4, 2).astype("f4")}


def npz() -> Files:
    found = []
    for write in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        write(buffer, **arrays())
        found.append(("f.npz", buffer.getvalue()))
    return found


def safetensors() -> Files:
    halves = {key: value.astype(np.float16) for key, value in tensors().items()}
    return [("f.safetensors", save(tensors())), ("f.safetensors", save(halves)), ("f.safetensors", save(arrays()))]


def csv() -> Files:
    lines = ["age,income,y", *(f"{a},{b!r},{i % 2}" for i, (a, b) in enumerate(features(9, 2).tolist()))]
    quoted = '"a ""b""",c,y\r\n"1.5",-2e-3,0\r\n.5,7.,1\r\n'
    return [("f.csv", ("\n".join(lines) + "\n").encode()), ("f.csv", quoted.encode())]


def parquet() -> Files:
    import pyarrow
    import pyarrow.parquet

    found = []
    table = pyarrow.table({"a": features()[:, 0], "b": np.arange(10), "c": pyarrow.array([True, False] * 5)})
    for how in ({}, {"compression": "gzip"}, {"compression": "none", "use_dictionary": False}):
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(table, buffer, **how)
        found.append(("f.parquet", buffer.getvalue()))
    return found


def stored(*names: str) -> Callable[[], Files]:
    """Files that torch wrote."""
    return lambda: [(name, (FILES / name).read_bytes()) for name in names]


def onnx() -> Files:
    nodes = [node("Gemm", ["x", "w", "b"], "a", transB=1), node("Elu", ["a"], "c", alpha=1.0),
             node("MatMul", ["c", "v"], "d"), node("Add", ["d", "e"], "y")]
    weights = {"w": np.ones((8, 3), "f4"), "b": np.ones(8, "f4"), "v": np.ones((8, 1)), "e": np.ones(1, "f2")}
    return [("f.onnx", model(nodes, weights))]


def onnx_beside() -> Files:
    """A model whose tensors lie in a file beside it, which stays whole."""
    from tests.unit.inputs.onnx.test_external import written

    folder = Path(tempfile.mkdtemp(prefix="certify-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = written(folder)
    return [(str(path), path.read_bytes())]


def skops() -> Files:
    """Fitted estimators: two linear ones, one behind a scaler, one behind columns, one on a kernel, one with layers."""
    from sklearn.compose import make_column_transformer
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from skops.io import dumps

    found = [LogisticRegression(class_weight="balanced"), Ridge(), KernelRidge(),
             make_pipeline(StandardScaler(), LogisticRegression()),
             make_pipeline(make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough"), Ridge()),
             MLPClassifier((3,), max_iter=5, random_state=0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # five steps are no training
        return [("f.skops", dumps(estimator.fit(arrays()["X"], arrays()["y"]))) for estimator in found]


FORMATS: dict[str, Callable[[], Files]] = {
    "npz": npz, "safetensors": safetensors, "csv": csv, "parquet": parquet,
    "pt": stored("tanh.pt", "bfloat16.pt", "strided.pt", "module.pt", "code.pt", "script.pt"),
    "pth": stored("half.pth", "code.pth"), "pt2": stored("tanh.pt2", "deep.pt2", "norm.pt2"), "onnx": onnx,
    "onnx beside": onnx_beside, "skops": skops,
}
DATA = ("npz", "csv", "parquet")


@cache
def seeds(form: str) -> Files:
    """Valid files of a format."""
    return FORMATS[form]()


LENGTHS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**63 - 1, 2**64 - 1)


def damage(rng: np.random.Generator, content: bytes) -> bytes:
    """One to four changes."""
    for _ in range(int(rng.integers(1, 5))):
        content = bytes(one_change(rng, bytearray(content)))
    return content


def one_change(rng: np.random.Generator, content: bytearray) -> bytearray:
    size = len(content)
    if size == 0:
        return bytearray(rng.bytes(4))
    at, kind = int(rng.integers(size)), int(rng.integers(8))
    if rng.random() < 0.3:  # headers lie at the ends
        at = min(at, int(rng.integers(64))) if rng.random() < 0.5 else max(at, size - 1 - int(rng.integers(64)), 0)
    if kind == 0:
        content[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        content[at] = int(rng.integers(256))
    elif kind == 2:
        del content[at:]
    elif kind == 3:
        content[at:at] = rng.bytes(int(rng.integers(1, 9)))
    elif kind == 4:
        del content[at : at + int(rng.integers(1, 33))]
    elif kind == 5:
        content[at:at] = content[at : at + int(rng.integers(1, 65))] * int(rng.integers(1, 4))
    else:  # a length: of any width, in either order, extreme or off by a little
        width, order = int(rng.choice([1, 2, 4, 8])), "little" if rng.random() < 0.8 else "big"
        there = int.from_bytes(content[at : at + width], order)
        value = there + int(rng.integers(-2, 3)) if kind == 6 else int(rng.choice(np.array(LENGTHS, dtype=np.uint64)))
        content[at : at + width] = (value % 256**width).to_bytes(width, order)
    return content


def damage_inside(rng: np.random.Generator, content: bytes) -> bytes:
    """A zip archive with one member damaged, removed, doubled or renamed, and its checksums made good."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that occurs twice
        members = old.infolist()
        chosen, what = int(rng.integers(len(members))), int(rng.integers(10))
        for number, member in enumerate(members):
            inner, name = old.read(member), member.filename
            if number == chosen:
                if what == 0:
                    continue
                if what == 1:
                    new.writestr(zipfile.ZipInfo(name), inner)
                elif what == 2:
                    name = damage(rng, name.encode()).decode("latin-1").replace("\0", "?") or "x"
                else:
                    inner = damage(rng, inner)
            new.writestr(zipfile.ZipInfo(name), inner, member.compress_type)
    return buffer.getvalue()


def mutant(form: str, rng: np.random.Generator) -> tuple[str, bytes]:
    """Name and content of one damaged file."""
    name, content = seeds(form)[int(rng.integers(len(seeds(form))))]
    if content.startswith(b"PK") and rng.random() < 0.6:
        return name, damage_inside(rng, content)
    if rng.random() < 0.05:  # a file of another format under this name
        other = list(FORMATS)[int(rng.integers(len(FORMATS)))]
        if other == "parquet" and find_spec("pyarrow") is None:  # it cannot be written here
            other = "csv"
        content = seeds(other)[0][1]
    return name, damage(rng, content)


def use(form: str, name: str, content: bytes) -> None:
    """What `certify` does with such a file: opens it, and takes every array as exact numbers."""
    if form == "skops":
        from certify.inputs.sklearn.skops_file import estimator_in
        from certify.prove.estimators import from_sklearn

        from_sklearn(estimator_in(Source(Path(name), content, "")), arrays()["X"], arrays()["y"])
        return
    role = "data" if form in DATA else "model"
    archive = open_archive(Source(Path(name), content, ""), role)
    if role == "model":
        _layers(archive, name)
    for key in archive.names:
        array = exact_float64(archive.read(key), key)
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise AssertionError(f"{key} was read as {array.dtype}, or with entries that are not finite")


_noticed: list[str] = []
_watching = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching:
        return
    writes = event == "open" and isinstance(arguments[1], str) and bool(set("wax+") & set(arguments[1]))
    if writes or event in EVENTS:
        _noticed.append(f"{event} {str(arguments[:1])[:80]}")


@cache
def _prepare(form: str) -> None:
    """Load every module with valid and with refused files, then listen."""
    for codec in CODECS:
        codecs.lookup(codec)
    for name, content in seeds(form):
        for cut in (content, content[: len(content) // 2], content[:-1], b"x" + content):
            try:
                use(form, name, cut)
            except InputError:
                pass
    _listen()


@cache
def _listen() -> None:
    """Once a process: a hook cannot be taken away."""
    sys.addaudithook(_hook)


def _peak() -> int:
    """Largest resident set of this process so far, in bytes; `getrusage` would count its starter too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def one(form: str, seed: int, case: int) -> tuple[str, str]:
    """Outcome of one case, with words for a violation."""
    global _watching
    _prepare(form)
    name, content = mutant(form, np.random.default_rng([seed, crc32(form.encode()), case]))
    before, start = _peak(), time.perf_counter()
    _noticed.clear()
    _watching = True
    try:
        use(form, name, content)
        outcome, words = "read", ""
    except InputError as error:
        outcome, words = ("refused", "") if "\n" not in str(error) else ("violated", f"two lines: {error}")
    except Exception as error:  # a reader may raise InputError only: anything else is a defect
        outcome, words = "violated", f"{type(error).__name__}: {error}"
    finally:
        _watching = False
    seconds = time.perf_counter() - start
    grown = _peak() - before
    if _noticed:
        return "violated", f"it did {'; '.join(_noticed[:3])}"
    if seconds > SECONDS or grown > MEMORY:
        return "violated", f"{seconds:.1f} s, {grown >> 20} MiB"
    return outcome, words


def chunk(form: str, seed: int, cases: range) -> tuple[dict[str, int], list[str], float]:
    """Tally, messages and the longest time of some cases."""
    warnings.simplefilter("ignore")
    tally, messages, longest = {"read": 0, "refused": 0, "violated": 0}, [], 0.0
    for case in cases:
        start = time.perf_counter()
        outcome, words = one(form, seed, case)
        longest = max(longest, time.perf_counter() - start)
        tally[outcome] += 1
        if words:
            messages.append(f"{form} seed {seed} case {case}: {words}")
    return tally, messages, longest


def chunks(cases: range, size: int = 250) -> Iterator[range]:
    """The cases in parts, so that a process that dies loses little."""
    for start in range(cases.start, cases.stop, size):
        yield range(start, min(start + size, cases.stop))


def fuzz(form: str, seed: int, cases: range, jobs: int) -> tuple[dict[str, int], list[str], float]:
    """All cases of one format, in processes of their own."""
    total, messages, longest = {"read": 0, "refused": 0, "violated": 0}, [], 0.0
    pending = list(chunks(cases))
    while pending:
        with ProcessPoolExecutor(jobs) as pool:
            futures = [(part, pool.submit(chunk, form, seed, part)) for part in pending]
            pending = []
            for part, future in futures:
                try:
                    tally, said, slowest = future.result()
                except BrokenProcessPool:  # halve until the case that kills the process is found
                    if len(part) == 1:
                        total["violated"] += 1
                        messages.append(f"{form} seed {seed} case {part.start}: the process died")
                    else:
                        middle = part.start + len(part) // 2
                        pending += [range(part.start, middle), range(middle, part.stop)]
                    continue
                total = {key: total[key] + tally[key] for key in total}
                messages += said
                longest = max(longest, slowest)
    return total, messages, longest


def main(argv: list[str] | None = None) -> int:
    """Fuzz the formats that are asked for and print the table in markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", help=f"of {', '.join(FORMATS)} (default: all)")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--only", type=int, help="one case, to repeat a violation")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    cases = range(options.cases) if options.only is None else range(options.only, options.only + 1)
    print("| format | cases | read | refused | violations | longest case |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    wrong = 0
    for form in options.formats or list(FORMATS):
        tally, messages, longest = fuzz(form, options.seed, cases, options.jobs)
        print(f"| {form} | {sum(tally.values())} | {tally['read']} | {tally['refused']} | {tally['violated']} | "
              f"{1000 * longest:.0f} ms |", flush=True)
        wrong += tally["violated"]
        for message in messages[:5]:
            print(message[:2000], file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
