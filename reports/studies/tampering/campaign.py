"""Tampered certificates of every kind of claim, checked: what is accepted, and why that is right.

    python -m reports.studies.tampering.campaign --seconds 600 --seed 1 --out counts.json

A mutant changes one to three things of an honest certificate or of the arrays beside it and is sealed with a true
digest; equal mutants count once. What `certify check` accepts has to follow: every end lies on the far side of what is
proved of the original, or inside it, derived again. An end beyond the original's other end, another verdict than the
ends give, or any exception is a violation, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import collections
import copy
import hashlib
import json
import math
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.numpy import load, save

from certify.check.choices.allowed import Allowed
from certify.check.run import Result, Usage, check
from certify.format.canonical import digest, encode
from certify.format.refusal import Invalid
from reports.studies.tampering import mutants

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("tests/golden/0.2.0", "tests/forgeries/files")
SLOWEST, AGAIN = 60, 1e-12
ROLES = ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")


class Slow(Exception):
    """A mutant took too long."""


class Source:
    """An honest certificate in a copy of its folder."""

    def __init__(self, folder: Path, into: Path) -> None:
        self.name, self.folder = f"{folder.parent.name}/{folder.name}", into / folder.parent.name / folder.name
        shutil.copytree(folder, self.folder)
        self.top: Json = json.loads((self.folder / "certificate.json").read_bytes())
        self.side = self.folder / "witness.safetensors"
        self.arrays = load(self.side.read_bytes()) if self.side.exists() else {}
        self.kinds = [f"{claim['theorem']} {claim['quantity']}" for claim in self.top["claims"]]


def mutant(source: Source, rng: random.Random) -> tuple[bytes, bytes | None, list[str]]:
    """The bytes of a certificate and of its side file, and what was done."""
    top, side, done = copy.deepcopy(source.top), None, []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.choice((*mutants.KINDS, *(["arrays"] * 3 if source.arrays else [])))
        done.append(kind)
        try:
            if kind == "arrays":
                held = load(side) if side else dict(source.arrays)
                mutants.arrays(rng, held)
                side = save(held)
            else:
                mutants.KINDS[kind](rng, top)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError):
            continue  # what an earlier change took away
    if side is not None and isinstance(top.get("subject"), dict) and "witness" in top["subject"]:
        top["subject"]["witness"] = {"path": "witness.safetensors", "sha256": hashlib.sha256(side).hexdigest(),
                                     "bytes": len(side)}
    try:
        top["digest"] = digest(top)
        data = encode(top)
    except ValueError:
        data = json.dumps(top, default=str).encode()
    if rng.random() < 0.06:
        done = ["bytes"]
        at = rng.randrange(len(data))
        data = rng.choice((data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:], data[:at],
                           data + b"\n", data[:at] + data[at:at + 9] + data[at:]))
    return data, side, done


def judge(source: Source, data: bytes, side: bytes | None) -> Result | str:
    """What the checker makes of it: a result, or a word."""
    (source.folder / "certificate.json").write_bytes(data)
    if side is not None:
        source.side.write_bytes(side)
    signal.alarm(SLOWEST)
    try:
        return check(source.folder / "certificate.json", dict.fromkeys(ROLES), allowed=Allowed(True, True))
    except Invalid as no:
        assert "\n" not in str(no) and len(str(no)) < 5000, str(no)[:200]
        return "invalid"
    except Usage:
        return "usage"
    finally:
        signal.alarm(0)
        if side is not None:
            source.side.write_bytes(save(source.arrays))


def differences(old: object, new: object, path: tuple[object, ...] = ()) -> Iterator[tuple[str, object, object]]:
    """Every place at which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key, ...), new.get(key, ...), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, (*path, at))
    elif old is ... or new is ... or encode(old) != encode(new):
        yield ".".join(map(str, path)), old, new


def ends(claim: Json) -> Iterator[tuple[float, float]]:
    """Both ends of a claim, and of each of its rows."""
    rows = zip(claim.get("row_lower", ()), claim.get("row_upper", ()), strict=True)
    pairs = [(claim["lower"], claim["upper"]), *rows]
    if "equal_rows" in claim["witness"]:
        pairs = [(math.inf, None)]
    for low, high in pairs:
        yield (-math.inf if low is None else low), (math.inf if high is None else high)


def compared(old: Json, new: Json) -> str:
    """How the ends of two claims lie: equal, weaker, sharper inside, or beyond."""
    first, second = list(ends(old)), list(ends(new))
    if len(first) != len(second):
        return "rows left out" if not new.get("rows", True) else "beyond"
    word = "equal"
    for (low, high), (least, most) in zip(first, second, strict=True):
        room = AGAIN * max(abs(v) for v in (low, high, 1.0) if math.isfinite(v))
        if least > high + room or most < low - room:
            return "beyond"
        if least > low or most < high:
            word = "sharper, inside the original"
        elif (least < low or most > high) and word == "equal":
            word = "weaker"
    return word


PLACES = (
    (r"certify_version|created|environment.*", "bounded text: version, date, machine"),
    (r"claims\.\d+\.reason|over_time.*reason", "bounded text: reason of what is open"),
    (r"claims\.\d+\.hypotheses.*statement", "words of the theorem, or none"),
    (r"claims\.\d+\.hypotheses.*", "hypotheses: dropped, ordered, or derived again"),
    (r"claims\.\d+\.witness.*", "another witness, derived again"),
    (r"claims\.\d+\.(verdict|gate.*)|verdict|gates", "verdicts that follow from the ends"),
    (r"claims\.\d+\.unit", "a unit that earlier versions stated"),
    (r"claims\.\d+\.(lower|upper|row.*)", "ends"),
    (r"base.*", "numbers of base, within the slack of V7"),
    (r"problem\.(radius|reparameterised|names|count|within|weights_length)", "an optional member of problem left out"),
    (r"problem\.merge_duplicates", "merging where no rows are equal"),
    (r"subject\..*\.path", "another way to the same file"),
    (r"subject\.witness\.(sha256|bytes)", "other arrays, derived again"),
    (r"suppressed.*", "suppressions, not heeded"),
    (r"digest", ""),
)


def why(source: Source, data: bytes, result: Result) -> tuple[str, bool]:
    """Why an accepted mutant is right, and whether it is not."""
    new = json.loads(data)
    words = {compared(*pair) for pair in zip(source.top["claims"], new["claims"], strict=True)}
    if "beyond" in words or len(new["claims"]) != len(source.top["claims"]):
        return "an end beyond the original", True
    for one in ("rows left out", "weaker", "sharper, inside the original"):
        if one in words:
            return f"ends: {one}", False
    found = set()
    for place, _, _ in differences(source.top, new):
        match = next((word for form, word in PLACES if re.fullmatch(form, place)), None)
        if match is None:
            return f"unexplained: {place}", True
        found.add(match)
    found -= {""}
    return " + ".join(sorted(found)) or "the same", False


def run(seconds: float, seed: int, only: str) -> Json:
    """Draw and check mutants until the time is up."""
    rng, seen, start = random.Random(seed), set(), time.time()
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    accepted: collections.Counter[str] = collections.Counter()
    bad, slowest = [], (0.0, "")

    def stop(*_: object) -> None:
        raise Slow

    signal.signal(signal.SIGALRM, stop)
    with tempfile.TemporaryDirectory() as scratch:
        folders = sorted(f.parent for s in SOURCES for f in (ROOT / s).glob("*/certificate.json"))
        sources = [Source(folder, Path(scratch)) for folder in folders if only in str(folder)]
        while time.time() - start < seconds:
            for source in sources:
                data, side, done = mutant(source, rng)
                mark = hashlib.sha256(source.name.encode() + data + (side or b"")).digest()
                if mark in seen or (json_or_none(data) == source.top and side is None):
                    counts["all"]["drawn again"] += 1
                    continue
                seen.add(mark)
                before = time.process_time()
                try:
                    result = judge(source, data, side)
                except Slow:
                    result = "too slow"
                    bad.append([source.name, done, "too slow"])
                except Exception:  # noqa: BLE001 — that is what is looked for
                    result = "traceback"
                    bad.append([source.name, done, traceback.format_exc()[-900:]])
                slowest = max(slowest, (time.process_time() - before, f"{source.name}: {', '.join(done)}"))
                word = result if isinstance(result, str) else "accepted"
                for kind in {*source.kinds, "all", *(f"changed: {one}" for one in done)}:
                    counts[kind][word] += 1
                if not isinstance(result, str):
                    reason, wrong = why(source, data, result)
                    accepted[reason] += 1
                    if wrong:
                        bad.append([source.name, done, reason])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seed": seed, "seconds": round(time.time() - start), "sources": len(sources), "mutants": len(seen),
            "counts": {kind: dict(sorted(found.items())) for kind, found in sorted(counts.items())},
            "accepted": dict(accepted.most_common()), "peak_megabytes": peak,
            "slowest": [round(slowest[0], 2), slowest[1]], "violations": bad}


def json_or_none(data: bytes) -> object:
    """What bytes say, if they say anything."""
    try:
        return json.loads(data)
    except ValueError:
        return None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--only", default="", help="sources whose path holds this")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = run(options.seconds, options.seed, options.only)
    text = json.dumps(found, indent=1, ensure_ascii=True)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    sys.exit(1 if found["violations"] else 0)
