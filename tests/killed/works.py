"""What is killed: each verb that writes, on a small real problem, in a folder that is new or holds earlier results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from tests.killed.at_event import main as at_event
from tests.killed.folder import faults_of, left

ROOT: Final = Path(__file__).resolve().parents[2]
AT_EVENT: Final = Path(__file__).with_name("at_event.py")
SECONDS: Final = 120.0


def head(folder: Path) -> None:
    """A logistic regression on two clouds, its spec, and another spec of the same model."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(5)
    X = np.round(np.vstack([rng.normal(-1.0, 1.0, (20, 2)), rng.normal(1.0, 1.0, (20, 2))]), 3)
    y, points = np.repeat([0, 1], 20), np.round(rng.normal(0.0, 1.5, (12, 2)), 3)
    model = LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, y)
    save_file({"0.weight": model.coef_, "0.bias": model.intercept_}, folder / "model.safetensors")
    np.savez(folder / "train.npz", X=X, y=y)
    np.savez(folder / "new.npz", X=points)
    for name, count in (("certify.toml", 1), ("other.toml", 2)):
        (folder / name).write_text(SPEC.format(count=count), encoding="utf-8")
    text = SPEC.format(count=1) + 'max_decrease = 1\n'
    (folder / "over-time.toml").write_text(text, encoding="utf-8")


SPEC: Final = """\
version = 1
[model]
file = "model.safetensors"
widths = [2, 1]
activation = "identity"
[data]
file = "train.npz"
features = "X"
targets = "y"
[training]
loss = "logistic"
weight_decay = 0.025
bias_decay = false
normalization = "fixed"
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "deletions"
set = "sparse"
count = {count}
[evaluation]
file = "new.npz"
features = "X"
[[gate]]
quantity = "stable_predictions"
min = 8
"""
RUN: Final = ("run", "certify.toml", "-o", "out", "--format", "sarif=out/certify.sarif", "--format",
              "junit=out/junit.xml")
AUDIT: Final = ("audit", "model.safetensors", "train.npz", "--eval", "new.npz", "--loss", "logistic", "--weight-decay",
                "0.025", "--no-bias-decay", "--normalization", "fixed", "-o", "out", "--prediction", "1",
                "--ask", "which rows matter", "--ask", "rows deleted", "--ask", "this prediction", "--seconds", "20")


@dataclass(frozen=True)
class Work:
    """A verb to be killed.

    Attributes:
        name: of it.
        arguments: of `certify`; it writes into the folder `out`.
        before: what was called in the folder before.
        keeps: patterns of files that are there before and may never be missing.
    """

    name: str
    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    keeps: tuple[str, ...] = ()


CACHED: Final = (*RUN, "--cache", "out/cache")
OVER_TIME: Final = ("run", "over-time.toml", "-o", "out", "--baseline", "out/baseline.json")
UPDATE: Final = ("baseline", "update", "out/certificate.json", "--baseline", "out/baseline.json")
WORKS: Final = {work.name: work for work in (
    Work("run", RUN),
    Work("run again, another spec before", RUN, (("run", "other.toml", "-o", "out"),)),
    Work("run that fills a cache", CACHED),
    Work("run from a cache", CACHED, (CACHED, ("run", "other.toml", "-o", "out")), ("cache/*.certify",)),
    Work("baseline update", UPDATE, (("run", "certify.toml", "-o", "out"),), ("certificate.json", "report.html")),
    Work("baseline update of an earlier one", UPDATE, (
        ("run", "other.toml", "-o", "out"), UPDATE, ("run", "certify.toml", "-o", "out")),
        ("certificate.json", "report.html", "baseline.json")),
    Work("run against a baseline", OVER_TIME, (
        ("run", "over-time.toml", "-o", "out", "--on-inconclusive", "pass"), UPDATE), ("baseline.json",)),
    Work("audit", AUDIT),
    Work("audit again", AUDIT, (AUDIT,)),
)}


@dataclass(frozen=True)
class Ended:
    """How a process ended: its status (−9: killed), what it printed and how long it took."""

    status: int
    printed: str
    errors: str
    seconds: float


def called(folder: Path, arguments: tuple[str, ...], at: int | None = None, after: float | None = None,
           when: Callable[[], bool] | None = None, fresh: bool = False) -> Ended:
    """Call `certify`, killed before a change of `out`, after a time, or as soon as something is so.

    Args:
        folder: where it is called.
        arguments: of it.
        at: number of the change; 0: none, but all are counted.
        after: seconds.
        when: asked again and again by the process that looks on.
        fresh: a process that starts with the interpreter; else one forked from this, which has all modules loaded, so
            that of a hundred kills more is spent on what is killed than on imports.
    """
    printed, errors = folder / "printed.txt", folder / "errors.txt"
    started = time.monotonic()
    with printed.open("wb") as out, errors.open("wb") as err:
        number = (_fresh if fresh else _forked)(folder, arguments, at, out.fileno(), err.fileno())
        status = _watched(number, started, after, when)
    return Ended(status, printed.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8"),
                 time.monotonic() - started)


def _fresh(folder: Path, arguments: tuple[str, ...], at: int | None, out: int, err: int) -> int:
    """Start a process; its number."""
    program = [sys.executable, "-m", "certify"] if at is None else [sys.executable, str(AT_EVENT), str(at), "out"]
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([*program, *arguments], cwd=folder, env=env, stdout=out, stderr=err).pid


def _forked(folder: Path, arguments: tuple[str, ...], at: int | None, out: int, err: int) -> int:
    """Fork a process; its number."""
    from certify.cli.main import main

    number = os.fork()
    if number:
        return number
    status = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(place, "w", encoding="utf-8", buffering=1) for place in (1, 2))
        os.chdir(folder)
        status = main(list(arguments)) if at is None else at_event(at, "out", list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _watched(number: int, started: float, after: float | None, when: Callable[[], bool] | None) -> int:
    """The status of a process, or −9 where it was killed."""
    while True:
        found, status = os.waitpid(number, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        spent = time.monotonic() - started
        if spent > SECONDS or after is not None and spent > after or when is not None and when():
            os.kill(number, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        if when is None:
            time.sleep(0.001)


@cache
def prepared(work: Work, place: Path) -> Path:
    """A folder as it is before the work; it is copied, never used."""
    folder = place / f"{work.name} before"
    folder.mkdir(parents=True)
    head(folder)
    for arguments in work.before:
        assert called(folder, arguments).status in (0, 3, 4)
    return folder


@dataclass(frozen=True)
class Undisturbed:
    """What a work leaves where nobody kills it: status, files, claims, changes of `out`, and seconds."""

    status: int
    files: frozenset[str]
    claims: dict[str, Any]
    changes: int
    seconds: float


@cache
def undisturbed(work: Work, place: Path) -> Undisturbed:
    """Run a work to its end: once counting the changes, once for its time."""
    folder = shutil.copytree(prepared(work, place), place / f"{work.name} whole")
    _load(work, folder)
    counted = called(folder, work.arguments, at=0)
    shutil.rmtree(folder)
    shutil.copytree(prepared(work, place), folder)
    ended = called(folder, work.arguments)
    assert ended.status in (0, 3, 4) and not faults_of(folder / "out", ended.printed), ended.errors
    assert not left(folder / "out")
    return Undisturbed(ended.status, names(folder / "out"), claims(folder / "out"),
                       int(counted.errors.rstrip().rpartition("changes ")[2]), ended.seconds)


def _load(work: Work, folder: Path) -> None:
    """Load in this process what a work loads while it runs, so that forked ones have it."""
    here = os.getcwd()
    from certify.cli.main import main

    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            os.chdir(folder)
            main(list(work.arguments))
        finally:
            os.chdir(here)
    shutil.rmtree(folder)
    shutil.copytree(prepared(work, Path(folder).parent), folder)


def names(folder: Path) -> frozenset[str]:
    """Every file below a folder."""
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def claims(folder: Path) -> dict[str, Any]:
    """Verdict and claims of each certificate below a folder."""
    found = {}
    for path in folder.rglob("certificate.json"):
        content = json.loads(path.read_bytes())
        found[str(path.relative_to(folder))] = [content["verdict"], *(
            (claim["quantity"], claim["verdict"], claim["lower"], claim["upper"]) for claim in content["claims"])]
    return found


@dataclass(frozen=True)
class Point:
    """One kill: where, how the process ended, and what was wrong afterwards (nothing, it is hoped).

    Attributes:
        work: its name.
        where: at which change, or after which time.
        status: −9 where it was killed in time.
        faults: of the folder after the kill, and of the next run.
    """

    work: str
    where: str
    status: int
    faults: tuple[str, ...]


def killed(work: Work, place: Path, at: int | None = None, share: float | None = None,
           unfinished: int | None = None, fresh: bool = False) -> Point:
    """Kill a work once, look at what it left, run it again and compare.

    Args:
        work: what is killed.
        place: for folders.
        at: before this change of `out`.
        share: after this share of the time that the whole takes.
        unfinished: as soon as somebody who looks from outside has seen this many temporary files.
        fresh: whether both processes start with the interpreter.
    """
    whole = undisturbed(work, place)
    folder = place / f"{work.name} killed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared(work, place), folder)
    out = folder / "out"
    if at is not None:
        where, first = f"change {at} of {whole.changes}", called(folder, work.arguments, at=at, fresh=fresh)
    elif share is not None:
        where = f"{share:.0%} of {whole.seconds:.2f} s"
        first = called(folder, work.arguments, after=share * whole.seconds)
    else:
        where, first = f"temporary file {unfinished}", called(folder, work.arguments, when=_seen(out, unfinished or 1))
    faults = faults_of(out, first.printed) if out.is_dir() else []
    faults += [f"{pattern} is missing" for pattern in work.keeps if not any(out.glob(pattern))]
    again = called(folder, work.arguments, fresh=fresh)
    if again.status != whole.status:
        faults.append(f"the next run gives {again.status}: {again.errors.strip().splitlines()[-1:]}")
    else:
        faults += [f"after the next run: {fault}" for fault in faults_of(out, again.printed)]
        faults += [f"after the next run: {name} is left" for name in left(out)]
        if names(out) != whole.files:
            faults.append(f"after the next run other files: {sorted(names(out) ^ whole.files)}")
        if claims(out) != whole.claims:
            faults.append("the next run says something else")
    return Point(work.name, where, first.status, tuple(faults))


def _seen(out: Path, number: int) -> Callable[[], bool]:
    """Whether that many temporary files were seen so far."""
    seen: set[str] = set()

    def enough() -> bool:
        try:
            for place in (out, *(Path(entry.path) for entry in os.scandir(out) if entry.is_dir())):
                seen.update(entry.name for entry in os.scandir(place) if entry.name.endswith("tmp"))
        except FileNotFoundError:
            return False
        return len(seen) >= number

    return enough
