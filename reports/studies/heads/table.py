"""How many predictions of ordinary models stay when any few rows are deleted or relabelled, from both sides.

    python reports/studies/heads/table.py run --cache FOLDER --download     # hours; goes on where it stopped
    python reports/studies/heads/table.py run --again --cache FOLDER        # what is open in the best of all results
    python reports/studies/heads/table.py show                              # the best of all results, and medians

Every cell is a process of its own and one line of `table.jsonl`; what is there is not computed again. `--again` takes
those cells alone whose best line of all results leaves predictions undecided, or is an error: the cheapest first, by
what that line took, and errors last. `--only WORD …` takes the cells whose name holds every word, `--processes 2` runs
two at a time, `--seconds` replaces the time limits, which are then no longer the issue's: give such results another
file by `--results`. `--processor` counts the limits in seconds of the processor, for machines that others use at the
same time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]
import models  # noqa: E402
import numpy as np  # noqa: E402

Line = dict[str, Any]
PATIENCE, LONGEST = 3, 600.0
"""Times a cell's limit after which its process is ended: reading, fitting and the search for flips come on top."""
WORDS = {"delete": "deleted", "relabel": "relabelled"}
BARS = {
    "deleted": {"1": 99, "2": 98, "3": 97, "5": 90, "10": 70},
    "relabelled, squared": dict.fromkeys(("1", "2", "3", "5", "10"), 100),
    "relabelled, logistic and softmax": {"1": 99, "2": 95, "3": 75, "5": 50, "10": 30},
}
"""Per cent of the predictions no attack flips that the issue wants proved."""


def answer(cell: models.Cell, cache: Path, seconds: float | None, processor: bool = False) -> Line:
    """One cell."""
    if processor:  # before certify is imported: its time limits are read from this clock
        time.monotonic = time.process_time
    rows = models.data(cell.data, cache)
    estimator, warned = models.fitted(cell.model, rows)
    n, count = len(rows.X), cell.rows(len(rows.X))
    limit = cell.seconds(n) if seconds is None else seconds
    load, start, used = os.getloadavg()[0], time.perf_counter(), time.process_time()
    found = asked(estimator, rows, cell.kind, count, limit)
    right = np.asarray(estimator.predict(rows.X_eval)) == rows.y_eval
    return {
        "data": cell.data, "model": cell.model, "kind": cell.kind, "m": cell.count, "rows": count, "n": n,
        "p": rows.X.shape[1] + 1, "k": int(np.atleast_2d(estimator.coef_).shape[0]), "points": len(rows.X_eval),
        **found, "right": int(right.sum()), "limit": limit, "clock": "processor" if processor else "wall",
        "seconds": round(time.perf_counter() - start, 1),
        "processor": round(time.process_time() - used, 1), "load": round(load, 1), "warned": warned,
    }


def asked(estimator: Any, rows: models.Data, kind: str, count: int, seconds: float) -> Line:
    """The only place that knows how `certify` is asked."""
    import certify
    from certify.format.methods import METHODS, UNCHECKED, status_of

    problem = certify.from_sklearn(estimator, rows.X, rows.y)
    found = certify.stable_predictions(problem, rows.X_eval, seconds=seconds, **{kind: count})
    by = {name: int((found.survey.status == status_of(name)).sum()) for name in (*METHODS, *UNCHECKED)}
    return {"proved": len(found.proved), "attacked": len(found.attacked), "undecided": len(found.undecided),
            "by": {name: number for name, number in by.items() if number}, "reasons": list(found.reasons)}


def known(results: Path) -> list[Line]:
    """The lines of every file of results, the given one among them."""
    return [line for path in sorted({*HERE.glob("table*.jsonl"), results.resolve()}) for line in lines(path)]


def chosen(options: argparse.Namespace) -> list[models.Cell]:
    """The cells that have no line yet, or with `--again` those whose best line leaves something open."""
    able = [cell for cell in models.cells() if all(word in cell.key.split() for word in options.only)
            and (cell.data != "embeddings" or (options.cache / models.EMBEDDINGS).exists())]
    if not options.again:
        done = {line["key"] for line in lines(options.results)}
        return [cell for cell in able if cell.key not in done]
    took = {line["key"]: line.get("processor", float("inf")) for line in best(known(options.results))
            if line.get("undecided", True)}
    return sorted((cell for cell in able if cell.key in took), key=lambda cell: took[cell.key])


def run(options: argparse.Namespace) -> int:
    """The chosen cells, a line of the results each."""
    models.sources(options.cache, options.download)
    todo = chosen(options)
    with ThreadPoolExecutor(options.processes) as pool, options.results.open("a", encoding="utf-8") as file:
        for cell, line in zip(todo, pool.map(lambda cell: apart(cell, options), todo), strict=True):
            line = {"key": cell.key, **line}
            print(json.dumps(line), file=file, flush=True)
            print(cell.key, line.get("error") or [line[end] for end in ("proved", "attacked", "undecided", "seconds")],
                  flush=True)
    return 0


def apart(cell: models.Cell, options: argparse.Namespace) -> Line:
    """A cell in a process of its own: what fails or takes too long says so and harms no other."""
    command = [sys.executable, __file__, "cell", cell.data, cell.model, cell.kind, cell.count,
               "--cache", str(options.cache)]
    if options.seconds is not None:
        command += ["--seconds", str(options.seconds)]
    if options.processor:
        command += ["--processor"]
    patience = PATIENCE * (options.seconds or LONGEST) * (3 if options.processor else 1) + 60
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer after {patience:.0f} s"}
    if ended.returncode:
        return {"error": (ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"])[-1]}
    line: Line = json.loads(ended.stdout.splitlines()[-1])
    return line


def lines(results: Path) -> list[Line]:
    """What was computed; nothing where nothing was."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.strip()]


def best(found: Iterable[Line]) -> list[Line]:
    """Of every cell the line that decides most, the first of several."""
    kept: dict[str, Line] = {}
    for line in found:
        known = kept.get(line["key"])
        if known is None or line.get("undecided", float("inf")) < known.get("undecided", float("inf")):
            kept[line["key"]] = line
    return list(kept.values())


def group(line: Line) -> str:
    """Which of the issue's bars a cell is held against."""
    if line["kind"] == "delete":
        return "deleted"
    return "relabelled, squared" if line["model"] == "ridge" else "relabelled, logistic and softmax"


def share(line: Line) -> float:
    """Per cent proved of the predictions that no attack flips; 100 where every one is flipped."""
    standing = line["proved"] + line["undecided"]
    return 100.0 * line["proved"] / standing if standing else 100.0


def shown(found: list[Line]) -> Iterator[str]:
    """The table, its medians, and every cell that falls short with its reason."""
    fine = [line for line in found if "error" not in line]
    yield "| data | model | rows | m | proved | flipped | undecided | of | seconds |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for line in fine:
        yield (f"| {line['data']} | {line['model']} | {WORDS[line['kind']]} | {line['m']} | {line['proved']} | "
               f"{line['attacked']} | {line['undecided']} | {line['points']} | {line['seconds']} |")
    yield ""
    yield "| rows | m | cells | proved of unflipped, all together | median cell | asked | undecided of all |"
    yield "|---|---|---|---|---|---|---|"
    for name, bars in BARS.items():
        for m in (*bars, "1%"):
            here = [line for line in fine if group(line) == name and line["m"] == m]
            if here:
                proved, undecided = (sum(line[end] for line in here) for end in ("proved", "undecided"))
                together = 100.0 * proved / max(1, proved + undecided)
                open_share = 100.0 * undecided / sum(line["points"] for line in here)
                yield (f"| {name} | {m} | {len(here)} | {together:.1f} % | {median(map(share, here)):.1f} % | "
                       f"{bars.get(m, '')} | {open_share:.1f} % |")
    yield ""
    short = [line for line in fine if share(line) < BARS[group(line)].get(line["m"], 0)]
    for line in short:
        reasons = "; ".join(line["reasons"]) or f"not decided in {line['limit']:.0f} s"
        yield f"* {line['key']}: {share(line):.0f} % proved, {line['undecided']} undecided: {reasons}"
    for line in found:
        if "error" in line:
            yield f"* {line['key']}: {line['error']}"


def main(arguments: list[str] | None = None) -> int:
    """Run, one cell, or show."""
    parser = argparse.ArgumentParser(description="predictions that stay, over ordinary models")
    commands = parser.add_subparsers(dest="command", required=True)
    running, one, show = (commands.add_parser(name) for name in ("run", "cell", "show"))
    for command in (running, one):
        command.add_argument("--cache", type=Path, required=True, help="folder of the data that is fetched")
        command.add_argument("--seconds", type=float, help="instead of the limit of each cell")
        command.add_argument("--processor", action="store_true", help="limits in seconds of the processor")
    for place in ("data", "model", "kind", "count"):
        one.add_argument(place)
    running.add_argument("--download", action="store_true", help="fetch what is not in the cache")
    running.add_argument("--again", action="store_true", help="the cells that the best of all results leaves open")
    running.add_argument("--only", nargs="*", default=[], help="words that a cell's name has to hold")
    running.add_argument("--processes", type=int, default=1)
    running.add_argument("--results", type=Path, default=HERE / "table.jsonl")
    show.add_argument("--results", type=Path, nargs="+", default=sorted(HERE.glob("table*.jsonl")),
                      help="of a cell in several of them the line that decides most")
    options = parser.parse_args(arguments)
    if options.command == "run":
        return run(options)
    if options.command == "cell":
        print(json.dumps(answer(models.Cell(options.data, options.model, options.kind, options.count), options.cache,
                                options.seconds, options.processor)))
        return 0
    print("\n".join(shown(best(line for path in options.results for line in lines(path)))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
