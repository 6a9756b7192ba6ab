"""Tampered certificates of every kind of claim, checked: what is accepted, and why that is right.

    python -m reports.studies.tampering.campaign --seconds 600 --seed 1 --out counts.json

A mutant changes one to three things of an honest certificate or of the arrays beside it and is sealed with a true
digest; equal mutants count once. What `certify check` accepts has to follow: every end lies on the far side of what is
proved of the original, or inside it, derived again. An end beyond the original's other end, a prediction that stays
where the original has it flipped, another verdict than the ends give, or any exception is a violation, and the exit
status is 1. Few rows on disk are trained again after every change, exactly, whatever model a mutant states; so are
small heads, in floats, whose spec may change too.
"""

from __future__ import annotations

import argparse
import collections
import copy
import hashlib
import json
import math
import random
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.numpy import load, save

from certify.format.canonical import digest, encode
from reports.studies.tampering import consistent, exact, follows, mutants, refits, specs
from reports.studies.tampering.sources import Mode, Slow, Source, folders, peak

Json = dict[str, Any]
Counts = collections.Counter[str]

SPEC = "the spec"
OTHER_SPEC = "another spec, of which the claims are true by every refit"


@dataclass(frozen=True)
class Mutant:
    """The bytes of a certificate, of its side file and of its spec where these are others, and what was done."""

    data: bytes
    side: bytes | None
    spec: bytes | None
    done: list[str]


def mutant(source: Source, rng: random.Random) -> Mutant:
    """One of a source."""
    top, side, spec, done = copy.deepcopy(source.top), None, None, []
    possible = consistent.ON_DISK if source.on_disk else mutants.KINDS
    beside = (["arrays"] * 3 if source.arrays else []) + (list(consistent.TOGETHER) if source.labelled else []) + (
        list(consistent.MOTIONS) if source.moving else []) + ([SPEC] * 3 if source.trained else [])
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.choice((*possible, *beside))
        done.append(kind)
        try:
            if kind in possible:
                possible[kind](rng, top)
                continue
            if kind == SPEC:
                spec = specs.changed(rng, top, source.folder, spec or source.spec)
                continue
            held = load(side) if side else dict(source.arrays)
            if kind == "arrays":
                mutants.arrays(rng, held)
            else:
                (consistent.TOGETHER | consistent.MOTIONS)[kind](rng, top, held)
            side = save(held)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, StopIteration,
                OSError):
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
    return Mutant(data, side, spec, done)


@dataclass
class Tally:
    """What became of mutants: by kind of claim and of change, why they were accepted, and what must not be."""

    counts: dict[str, Counts] = field(default_factory=lambda: collections.defaultdict(collections.Counter))
    accepted: Counts = field(default_factory=collections.Counter)
    megabytes: Counts = field(default_factory=collections.Counter)
    violations: list[list[object]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    def add(self, source: Source, one: Mutant) -> None:
        """Check one; every other one as a caller does who takes what random probes decide, and few of few rows too."""
        before, word, trouble = time.process_time(), "", ""
        turn = 0 if source.on_disk else hashlib.sha256(one.data).digest()[0] % 16
        mode = Mode.EXACT if turn % 2 == 0 else Mode.SOON if turn == 1 else Mode.PROBES
        try:
            word = source.judged(one.data, one.side, one.spec, mode)
        except Slow:
            word = trouble = "too slow"
        except Exception:  # noqa: BLE001 — that is what is looked for
            word, trouble = "traceback", traceback.format_exc()[-900:]
        if word == "accepted":
            trouble = self.explained(source, one)
        if trouble:
            self.violations.append([source.name, one.done, trouble])
        self.slowest = max(self.slowest, (time.process_time() - before, f"{source.name}: {', '.join(one.done)}"))
        used = peak()
        for kind in {*source.kinds, "all", mode.value, *(f"changed: {name}" for name in one.done)}:
            self.counts[kind][word] += 1
            self.megabytes[kind] = max(self.megabytes[kind], used)


    def explained(self, source: Source, one: Mutant) -> str:
        """Count why an accepted one is right; words where it is not."""
        reason, wrong = (OTHER_SPEC, False) if one.spec is not None else follows.why(
            source.top, one.data, source.rows, lambda: source.case)
        self.accepted[reason] += 1
        top = json.loads(one.data)
        if source.on_disk:
            true = exact.is_true(source.folder, top)
            self.accepted["of these about rows on disk, true by exact arithmetic"] += true is True
            return "what is stated of rows on disk is false" if true is False else reason if wrong else ""
        if source.trained:
            true = refits.is_true(source.folder, top, one.spec or source.spec)
            self.accepted["of these about small heads, true of every refit in floats"] += true is True
            if true is False or (true is None and one.spec is not None):
                return f"{reason}: what is stated is {'not told by refits' if true is None else 'false of some refit'}"
        return reason if wrong else ""


def draw(source: Source, rng: random.Random) -> tuple[Mutant, bytes | None]:
    """A mutant and its mark; no mark where it is the original."""
    one = mutant(source, rng)
    same = one.side is None and one.spec is None and json_or_none(one.data) == source.top
    text = source.name.encode() + one.data + (one.side or b"") + (one.spec or b"")
    return one, None if same else hashlib.sha256(text).digest()


def run(seconds: float, seed: int, only: str, after: tuple[int, int] = (0, 0), most: float = math.inf) -> Json:
    """Draw and check mutants until the time is up, or so many are checked.

    Args:
        seconds, seed: of this run.
        only: what the paths of sources hold.
        after: the seed and the rounds of an earlier run, whose mutants are left out.
        most: of mutants, to a round.
    """
    rng, seen, start, tally, rounds = random.Random(seed), set[bytes | None]({None}), time.time(), Tally(), 0

    def stop(*_: object) -> None:
        raise Slow

    signal.signal(signal.SIGALRM, stop)
    with tempfile.TemporaryDirectory() as scratch:
        sources = [Source(folder, Path(scratch)) for folder in folders(only)]
        earlier = random.Random(after[0])
        seen |= {draw(source, earlier)[-1] for _ in range(after[1]) for source in sources}
        known = len(seen)
        while time.time() - start < seconds and len(seen) - known < most:
            rounds += 1
            for source in sources:
                one, mark = draw(source, rng)
                if mark in seen:
                    tally.counts["all"]["drawn again"] += 1
                    continue
                seen.add(mark)
                tally.add(source, one)
    return {"seed": seed, "seconds": round(time.time() - start), "processor_seconds": round(time.process_time()),
            "sources": len(sources), "rounds": rounds, "after": list(after), "mutants": len(seen) - known,
            "counts": {kind: dict(sorted(found.items())) for kind, found in sorted(tally.counts.items())},
            "megabytes": dict(sorted(tally.megabytes.items())), "accepted": dict(tally.accepted.most_common()),
            "slowest": [round(tally.slowest[0], 2), tally.slowest[1]], "violations": tally.violations}


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
    parser.add_argument("--after", type=int, nargs=2, default=(0, 0), metavar=("SEED", "ROUNDS"),
                        help="an earlier run, whose mutants are left out")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="mutants, to a round")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = run(options.seconds, options.seed, options.only, tuple(options.after), options.most)
    text = json.dumps(found, indent=1, ensure_ascii=True)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text)
    sys.exit(1 if found["violations"] else 0)
