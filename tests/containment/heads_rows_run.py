"""The long run of `tests.containment.heads_rows`: chunks of problems with seeds fixed in advance, counted by method.

    python -m tests.containment.heads_rows_run --chunks 0 100 --heads 25 --log attack.log

A head gives several problems, one for each kind of change, number and choice of rows; each counts. A finding is printed
with its seed and the whole problem: `--only CHUNK HEAD` runs it again. Exit status 1 if there was one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import warnings
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np

from certify.systems.head.rows.head import Head
from tests.containment.heads_rows import (
    LOSSES,
    Drawn,
    forged,
    judged,
    kinds,
    require_near,
    require_survey,
    require_weakest,
    stays,
)
from tests.containment.rigor import Violation
from tests.families.row_heads import blurred, row_change, row_head

SEED = 20261201
EACH = 8
"""Problems of one head and kind of change."""

SHARES = (("squared", 0.45), ("logistic", 0.35), ("cross_entropy", 0.2))

SELDOM = {"box_tree": 0.3, "softmax_tree": 0.2, "energy": 0.1, "enumeration": 0.06, "cells": 0.04}
"""Methods that take long, and how often they are asked; the others are asked about every problem."""

SECONDS = 0.25
"""What a method may use."""


def head(chunk: int, number: int, tally: Counter[str], findings: list[str]) -> None:
    """All problems of one head."""
    rng = np.random.default_rng([SEED, chunk, number])
    loss = str(rng.choice([name for name, _ in SHARES], p=[share for _, share in SHARES]))
    drawn = Drawn(row_head(rng, loss))
    if rng.random() < 0.05:
        drawn = Drawn(*blurred(rng, drawn.head))
    tally[f"{loss} heads"] += 1

    def guarded(what: str, run: object, *args: object) -> None:
        try:
            run(*args)  # type: ignore[operator]
        except Violation as found:
            findings.append(f"chunk {chunk} head {number} {what}: {found}")
        except Exception:  # a crash is a finding
            findings.append(f"chunk {chunk} head {number} {what}: crash {traceback.format_exc()}")

    guarded("tight distances", require_weakest, drawn, False)
    guarded("distances", require_near, drawn, drawn.head.codes is not None and number % 2 == 0, rng)
    for relabels in kinds(drawn.head):
        for _ in range(EACH):
            change = row_change(rng, drawn.head, relabels, drawn.most(relabels))
            tally["problems"] += 1
            tally[f"{loss} {'relabelled' if relabels else 'deleted'} problems"] += 1
            tally["labels that stay"] += stays(drawn.truth(relabels), change)
            tally["labels"] += int((drawn.head.today >= 0).sum())
            checks = tally["problems"] % 8 == 0
            for name, about in LOSSES.items():
                if loss in about and rng.random() < SELDOM.get(name, 1.0):
                    guarded(name, judged, name, drawn, change, SECONDS, tally, checks or name in SELDOM)
                    if tally["problems"] % 10 == 0:
                        guarded(f"{name} forged", forged, name, drawn, change, rng, tally, SECONDS)
            if tally["problems"] % 101 == 0:
                guarded("survey", require_survey, drawn, change, tally)


def main(argv: list[str] | None = None) -> int:
    """Run chunks and append their counts to a log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, nargs=2, default=(0, 4), help="first and one after the last")
    parser.add_argument("--heads", type=int, default=25, help="heads of a chunk")
    parser.add_argument("--only", type=int, nargs=2, help="chunk and head, to reproduce a finding")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    Head.mu = lru_cache(1 << 12)(Head.mu)  # type: ignore[method-assign]  # asked for again and again
    wrong = 0
    chunks = range(*options.chunks) if options.only is None else [options.only[0]]
    for chunk in chunks:
        tally: Counter[str] = Counter()
        findings: list[str] = []
        start = time.process_time()
        for number in range(options.heads) if options.only is None else [options.only[1]]:
            head(chunk, number, tally, findings)
        counts = {"chunk": chunk, "findings": len(findings), "seconds": round(time.process_time() - start, 1)}
        lines = [json.dumps({**counts, **dict(sorted(tally.items()))}), *(f"FINDING {text}" for text in findings)]
        print("\n".join(line[:6000] for line in lines), flush=True)
        if options.log is not None:
            with options.log.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        wrong += len(findings)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
