"""Errors made in the checker, one in each of its files, and which test notices.

    python -m reports.studies.mutation.run --seed 20261215 --out mutants.jsonl [--times junit.xml] [--seconds 12]

A file of `certify/check` gets one error ([`sites.py`](sites.py)): the kind is drawn first, then the place. Functions
get their new code in a forked process in which all tests are collected already, so that a mutant costs what its tests
do. They run until one fails or the processor time is spent: first honest certificates whose check calls the function,
then the files of tests that import the mutated one, then the folder of tests that mirrors its folder, then forgeries,
then folders above. Of each test one case is run before the second case of any.
What was run before is not run again. `--plan` gives mutants that nothing noticed more tests; `--intact` runs each test
that noticed something once more without an error.
"""

from __future__ import annotations

import argparse
import collections
import functools
import gc
import importlib
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import types
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from reports.studies.mutation.sites import Site, Text, sites
from reports.studies.tampering.sources import Source, folders

ROOT = Path(__file__).resolve().parents[3]
CHECK, TESTS = ROOT / "certify" / "check", ROOT / "tests" / "unit" / "check"
SELECTED = ("tests/unit/check", "tests/forgeries", "tests/golden")
HONEST = ("test_a_certificate_of_every_kind_is_true", "test_what_forgeries_start_from_is_honest", "test_golden",
          "test_on_disk")
LONGEST = 2.0
"""Seconds of a test that is left out."""

TOGETHER = 2
"""Cases of one test that are run before more cases of the others are."""

Json = dict[str, Any]


def drawn(seed: int) -> Iterator[tuple[Path, Text, Site]]:
    """One error a file, of files in an order that is drawn."""
    rng = random.Random(seed)
    files = sorted(CHECK.rglob("*.py"))
    rng.shuffle(files)
    for path in files:
        text = Text(path)
        possible = sites(text)
        if possible:
            kind = rng.choice(sorted({site.kind for site in possible}))
            yield path, text, rng.choice([site for site in possible if site.kind == kind])


def _functions() -> dict[tuple[str, str], list[types.FunctionType]]:
    """All that live, by file and qualified name."""
    found: dict[tuple[str, str], list[types.FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType) and one.__code__.co_filename.startswith(str(CHECK)):
            found.setdefault((one.__code__.co_filename, one.__code__.co_qualname), []).append(one)
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """It and all within."""
    yield code
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _codes(one)


def _noted(found: dict[str, set[str]], folder: str, frame: types.FrameType, *_: object) -> None:
    """That a function of the checker is called."""
    code = frame.f_code
    if code.co_filename.startswith(str(CHECK)):
        name = Path(code.co_filename).relative_to(CHECK)
        found.setdefault(f"{name}:{code.co_qualname.partition('.<locals>')[0]}", set()).add(folder)


def module_of(path: Path) -> str:
    """Its dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def old_of(text: Text, site: Site) -> str:
    """What stands at a site."""
    return text.source.encode()[site.start:site.stop].decode()


class Mutations:
    """A plugin of pytest that runs mutants in the place of the tests."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.times: dict[str, float] = {}
        if options.times:
            for case in ElementTree.parse(options.times).iter("testcase"):
                name = f"{case.get('classname')}.{case.get('name')}"
                self.times[name] = float(case.get("time") or 0.0)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.unfreeze()
        for path in CHECK.rglob("*.py"):
            importlib.import_module(module_of(path))
        self.functions = _functions()
        self.caches = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)
                       and str(one.__module__).startswith("certify.")]
        gc.freeze()
        self.items = [item for item in session.items if isinstance(item, pytest.Function)]
        self.sources = {str(path): path.read_text(encoding="utf-8") for path in {item.path for item in self.items}}
        out: Path = self.options.out
        self.turn, seen = dict[str, int](), collections.Counter[str]()
        for item in self.items:
            test = item.nodeid.partition("[")[0]
            self.turn[item.nodeid], seen[test] = seen[test], seen[test] + 1
        self.reach = self.reached()
        known = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        if self.options.intact:
            self.intact([one["by"] for one in known if one["by"]])
            return True
        if self.options.plan:
            plan = json.loads(self.options.plan.read_text())
            for at, one in enumerate(known):
                if one["file"] in plan and not one["by"] and one.get("again") != plan[one["file"]]:
                    known[at] = self.looked(one, plan[one["file"]])
                    out.write_text("".join(json.dumps(each) + "\n" for each in known), encoding="utf-8")
            return True
        done = {one["file"] for one in known}
        start = time.time()
        for path, text, site in drawn(self.options.seed):
            name = str(path.relative_to(CHECK))
            if time.time() - start > self.options.clock:
                break
            if name in done or not name.startswith(self.options.only):
                continue
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"file": name, **self.outcome(path, text, site)}) + "\n")
        return True

    def reached(self) -> dict[str, set[str]]:
        """By function the folders of honest certificates whose check calls it; once, for runs that go on."""
        kept: Path = self.options.out.with_suffix(".reach.json")
        if not kept.exists():
            kept.write_text(json.dumps({name: sorted(some) for name, some in self._reached().items()}))
        return {name: set(some) for name, some in json.loads(kept.read_text()).items()}

    def _reached(self) -> dict[str, set[str]]:
        reader, writer = os.pipe()
        if not os.fork():
            os.close(reader)
            found: dict[str, set[str]] = {}
            with tempfile.TemporaryDirectory() as scratch, os.fdopen(writer, "w") as pipe:
                for folder in folders():
                    source = Source(folder, Path(scratch))
                    data = (source.folder / "certificate.json").read_bytes()
                    sys.settrace(functools.partial(_noted, found, folder.name))  # type: ignore[arg-type]
                    source.judged(data, None)
                    sys.settrace(None)
                json.dump({name: sorted(some) for name, some in found.items()}, pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            return {name: set(some) for name, some in json.load(pipe).items()}

    def looked(self, one: Json, named: list[str]) -> Json:
        """A mutant that nothing noticed once more, with the tests whose names hold one of some texts."""
        path = CHECK / one["file"]
        text = Text(path)
        site = next(site for site in sites(text) if (site.line, site.kind, site.within, site.new[:300]) == (
            one["line"], one["kind"], one["within"], one["new"]) and old_of(text, site)[:300] == one["old"])
        items = [item for item in self.items if any(part in item.nodeid for part in named)]
        found = self.forked(items, (path, text, site), self.options.seconds)
        return one | found | {"tests": one["tests"] + found["tests"], "again": named}

    def intact(self, names: list[str]) -> None:
        """Without an error each test that noticed one has to pass."""
        items = [item for item in self.items if item.nodeid in names]
        found = self.forked(items, None, 600.0)
        print(f"\n{len(items)} tests that noticed something, without an error: {found}")

    def outcome(self, path: Path, text: Text, site: Site) -> Json:
        """Of one mutant."""
        record = {"line": site.line, "kind": site.kind, "within": site.within, "old": old_of(text, site)[:300],
                  "new": site.new[:300]}
        return record | self.forked(self.order(path, site), (path, text, site), self.options.seconds)

    def order(self, path: Path, site: Site) -> list[pytest.Function]:
        """The tests that may notice, nearest first, and quick ones before slow ones."""
        module, mirror = module_of(path), TESTS / path.parent.relative_to(CHECK)
        package, _, last = module.rpartition(".")
        while not mirror.exists():
            mirror = mirror.parent
        ranked, honest = [], self.reach.get(f"{path.relative_to(CHECK)}:{site.within}", set())
        for item in self.items:
            where, source = item.path, self.sources[str(item.path)]
            imports = module in source or f"from {package} import {last}" in source
            if any(word in item.nodeid for word in HONEST):
                name = item.nodeid.partition("[")[2].removesuffix("]")
                if not any(name == one or name.endswith(f"-{one}") for one in honest):
                    continue
            rank = (0 if any(word in item.nodeid for word in HONEST) else 1 if imports
                    else 2 if mirror in where.parents and mirror != TESTS else 3 if TESTS not in where.parents else 4
                    if where.parent == TESTS or where.parent in mirror.parents else 5)
            seconds = self.times.get(item.nodeid.replace("/", ".").replace(".py::", ".").replace("::", "."), 0.05)
            if seconds < LONGEST:
                ranked.append((rank, self.turn[item.nodeid] // TOGETHER, seconds, item.nodeid, item))
        return [one[-1] for one in sorted(ranked, key=lambda one: one[:4]) if one[0] < 5 or self.options.all]

    def forked(self, items: list[pytest.Function], mutant: tuple[Path, Text, Site] | None, seconds: float) -> Json:
        """What a process of its own finds, which ends with the first test that fails."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            os.close(reader)
            found: Json = {"by": "", "tests": 0, "seconds": 0.0, "how": "not applied"}
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (int(4 * seconds) + 60, int(4 * seconds) + 60))
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1), os.dup2(null, 2)
                found |= self.child(items, mutant, seconds)
            except BaseException as no:  # noqa: BLE001 — whatever a mutant does to the process
                found |= {"by": "the process", "how": repr(no)[:200]}
            finally:
                os.write(writer, json.dumps(found).encode())
                os._exit(0)
        os.close(writer)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
        signal.alarm(self.options.wall)
        with os.fdopen(reader, "rb") as pipe:
            data = pipe.read()
        os.waitpid(child, 0)
        signal.alarm(0)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        found = json.loads(data) if data else {"by": "the time limit", "tests": 0, "seconds": 0.0, "how": "cut off"}
        return found

    def child(self, items: list[pytest.Function], mutant: tuple[Path, Text, Site] | None, seconds: float) -> Json:
        """The tests, until one fails or the time is spent."""
        for cache in self.caches:
            cache.cache_clear()
        if mutant and not self.applied(*mutant):
            return {"how": "not applied"}
        start, count = time.process_time(), 0
        for item, following in zip(items, [*items[1:], None], strict=True):
            used = time.process_time() - start
            if used > seconds:
                return {"by": "", "tests": count, "seconds": round(used, 1), "how": "all of the time"}
            count += 1
            reports = runtestprotocol(item, log=False, nextitem=following)
            failed = next((one for one in reports if one.failed), None)
            if failed is not None:
                how = str(getattr(getattr(failed.longrepr, "reprcrash", None), "message", failed.longrepr))
                return {"by": item.nodeid, "tests": count, "seconds": round(time.process_time() - start, 1),
                        "how": how.partition("\n")[0][:160]}
        return {"by": "", "tests": count, "seconds": round(time.process_time() - start, 1), "how": "all tests"}

    def applied(self, path: Path, text: Text, site: Site) -> bool:
        """Put the error into this process."""
        try:
            code = compile(text.replaced(site), str(path), "exec")
        except SyntaxError:
            return False
        if site.within:
            new = next(one for one in _codes(code) if one.co_qualname == site.within
                       and one.co_firstlineno <= site.line)
            functions = self.functions.get((str(path), site.within), [])
            for function in functions:
                function.__code__ = new
            return bool(functions)
        module = sys.modules[module_of(path)]
        space: Json = {}
        exec(_assignment(text.replaced(site), site.line), space)  # noqa: S102 — a number from our source
        changed = False
        for name in set(space) - {"__builtins__"}:
            old = getattr(module, name)
            for one in list(sys.modules.values()):
                if one.__name__.startswith("certify.") and one.__dict__.get(name) is old:
                    setattr(one, name, space[name])
                    changed = True
        return changed


def _assignment(source: str, line: int) -> str:
    """The line of a number that has a name."""
    return source.splitlines()[line - 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20261215)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, which a later run goes on with")
    parser.add_argument("--times", type=Path, help="what pytest --junitxml wrote: seconds of each test")
    parser.add_argument("--seconds", type=float, default=12.0, help="of processor, for a mutant")
    parser.add_argument("--wall", type=int, default=240, help="seconds by the clock after which it is cut off")
    parser.add_argument("--clock", type=float, default=1e9, help="seconds for the whole run")
    parser.add_argument("--only", default="", help="files below this folder")
    parser.add_argument("--all", action="store_true", help="other folders of tests too")
    parser.add_argument("--plan", type=Path, help="JSON: by file texts in the names of tests that look once more")
    parser.add_argument("--tests", nargs="+", default=SELECTED, help="files and folders of tests that are collected")
    parser.add_argument("--intact", action="store_true", help="run the tests that noticed something without an error")
    options = parser.parse_args()
    options.out = options.out.resolve()
    sys.exit(pytest.main(["-q", "-s", "-p", "no:cacheprovider", "-p", "no:doctest", "-o",
                          "addopts=--import-mode=importlib -m 'not benchmark and not long'",
                          *(str(ROOT / one) for one in options.tests)], plugins=[Mutations(options)]))
