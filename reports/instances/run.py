"""Ask a program every instance, and score it: `python reports/instances/run.py [--command 'PROGRAM {spec}']`.

The program gets the path of a spec in the place of `{spec}`, and prints `yes`, `no` or `open` as the last word of its
standard output. The score is VNN-COMP's: 10 for a right answer, −150 for a wrong one, 0 for none. An answer where
nobody knows better counts 0, and is listed.
"""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
WORDS: Final = ("yes", "no", "open")
RIGHT, WRONG = 10, -150
CERTIFY: Final = f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'certify_adapter.py'))} {{spec}}"
COLUMNS: Final = ("name", "answer", "said", "seconds", "score", "note")


@dataclass(frozen=True)
class Outcome:
    """What a program said of an instance, in how many seconds, and why it said nothing."""

    name: str
    answer: str
    said: str
    seconds: float
    note: str = ""

    @property
    def score(self) -> int:
        """Of this instance.

        >>> [Outcome("", "yes", said, 0.0).score for said in ("yes", "no", "open")], Outcome("", "open", "no", 0).score
        ([10, -150, 0], 0)
        """
        if "open" in (self.answer, self.said):
            return 0
        return RIGHT if self.said == self.answer else WRONG

    @property
    def row(self) -> tuple[str, ...]:
        return self.name, self.answer, self.said, f"{self.seconds:.1f}", str(self.score), self.note


def instances(pattern: str = "*") -> list[dict[str, str]]:
    """The rows of the table whose name fits."""
    with (HERE / "instances.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if fnmatch(row["name"], pattern)]


def ask(command: str, row: Mapping[str, str]) -> Outcome:
    """Ask one instance; a program that ends too late, or without one of the words, said `open`."""
    call = [part.replace("{spec}", str(HERE / row["spec"])) for part in shlex.split(command)]
    start, limit = time.perf_counter(), float(row["time_limit"])
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                               start_new_session=True)
    try:
        told, noise = process.communicate(timeout=limit)
        note = (noise.strip().splitlines() or [""])[-1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its own group: what it started ends with it
        process.communicate()
        told, note = "", f"stopped after {limit:g} s"
    word = (told.split() or [""])[-1].lower()
    said = word if word in WORDS else "open"
    note = note or ("" if word in WORDS else f"no answer (exit status {process.returncode})")
    return Outcome(row["name"], row["answer"], said, time.perf_counter() - start, " ".join(note.split())[:200])


def summary(found: Sequence[Outcome]) -> str:
    """Right, wrong and open answers, and the score."""
    known = [one for one in found if one.answer != "open"]
    kinds = Counter("open" if not one.score else "right" if one.score > 0 else "wrong" for one in known)
    beyond = sum(one.said != "open" for one in found if one.answer == "open")
    return (f"{len(found)} instances, {len(known)} of known answer: {kinds['right']} right, {kinds['wrong']} wrong, "
            f"{kinds['open']} open; {beyond} answers where nobody knows better; score "
            f"{sum(one.score for one in found)} of {RIGHT * len(known)}; {sum(one.seconds for one in found):.0f} s")


def write(path: Path, rows: Iterable[Outcome]) -> None:
    """The results as a table, whole or not at all."""
    beside = path.with_name(f"{path.name}.part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(one.row for one in rows)
    os.replace(beside, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, score, write; 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default=CERTIFY, help="the program, with {spec} (default: certify)")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="names of instances, as *softmax*")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a table of the results")
    options = parser.parse_args(arguments)
    found = []
    for row in instances(options.only):
        found.append(ask(options.command, row))
        one = found[-1]
        print(f"{one.score:5} {one.seconds:6.1f} s  {one.said:5} {one.answer:5} {one.name}", flush=True)
        if options.output is not None:
            write(options.output, found)
    print(summary(found))
    return int(any(one.score < 0 for one in found))


if __name__ == "__main__":
    sys.exit(main())
