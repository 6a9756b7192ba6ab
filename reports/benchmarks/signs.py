"""How many rows must go before a coefficient turns: certify beside ACRE and OHARE, on the data sets of their paper.

    python reports/benchmarks/signs.py --code FOLDER --peer PYTHON [--cases vra boston …]  # writes signs.json, .md

FOLDER: a copy of ittai-rubinstein/ols_robustness (its code and data; none of it is here). PYTHON: an interpreter with
what it imports. Each regression is read by its own loaders and measured by its own auditor there, in a process of its
own (``--inside``); the same arrays are given to certify here. Seconds are processor time in the process, from the
arrays to the answer; memory is the largest resident size so far of the process: theirs runs a case after another.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
CASES = ("vra", "boston", "nightlights", "cash")
AWARE = ("vra", "nightlights", "cash")
"""Regressions with fixed effects, for which their method has a variant that knows of them (OHARE)."""


def regressions(case: str) -> Any:
    """Names and regressions of their own classes; the working directory is their code."""
    import pandas as pd
    from src.utils.linear_regression import LinearRegression  # type: ignore[import-not-found]

    if case == "nightlights":
        from data.martinez import load_martinez_linear_regression  # type: ignore[import-not-found]
        yield case, load_martinez_linear_regression()
    elif case == "vra":
        from data.eubank import load_eubank_regression  # type: ignore[import-not-found]
        yield case, load_eubank_regression()
    elif case == "boston":
        table = pd.read_csv("data/data_files/BostonHousing.csv")
        table = table.drop(columns=[c for c in table.columns if c.startswith("Unnamed")])
        columns = [c for c in table.columns if c != "medv"]
        for one in columns:
            rest = " + ".join(c for c in columns if c != one)
            formula = f"medv ~ {one} + {rest}"
            yield f"boston {one}", LinearRegression(data=table, formula=formula, column_of_interest=one)
    else:
        from data.angelucci_degiorgi_data import load_angelucci_data  # type: ignore[import-not-found]
        for each in load_angelucci_data(which_regression=1, log_hectareas=True):
            yield f"cash {each.treatment} {each.time_period}", each.regression


def inside(case: str, aware: bool, folder: Path) -> None:
    """In their interpreter: measure each regression, and leave its arrays in the folder."""
    sys.path.insert(0, ".")
    import matplotlib
    matplotlib.use("Agg")
    import pandas as pd
    from src.robustness_auditor import AuditorConfig, RobustnessAuditor  # type: ignore[import-not-found]

    for name, regression in regressions(case):
        X = np.asarray(regression.regression_arrays.X, dtype=float)
        residuals = np.asarray(regression.regression_arrays.R, dtype=float)
        beta = np.linalg.lstsq(X, np.asarray(regression.model.model.endog, dtype=float), rcond=None)[0]
        groups = np.zeros(0)
        if regression.special_categorical:
            groups = pd.factorize(regression.data.loc[regression.indices, regression.special_categorical])[0]
        np.savez(folder / f"{name}.npz", X=X, y=X @ beta + residuals, groups=groups)
        auditor = RobustnessAuditor(regression, AuditorConfig(output_dir=folder, verbose=0))
        clock, wall = time.process_time(), time.perf_counter()
        auditor._compute_all_bounds(aware)
        spent = time.process_time() - clock, time.perf_counter() - wall
        found = {key: value.item() if hasattr(value, "item") else value for key, value in auditor.summary().items()}
        numbers = {key: None if found[key] == float("inf") else found[key] for key in ("Lower Bound", "AMIP", "KZC21")}
        print("ROW " + json.dumps({"name": name, "n": X.shape[0], "d": X.shape[1], "least": numbers["Lower Bound"],
                                   "amip": numbers["AMIP"], "kzc": numbers["KZC21"], "seconds": spent[0],
                                   "wall": spent[1], "memory": peak()}), flush=True)


def peak() -> float:
    """Largest resident size so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def arrays(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Columns (the one asked about first), response, groups; columns that others explain are left out."""
    data = np.load(file)
    X, y, groups = data["X"], data["y"], data["groups"].astype(int)
    grouped = len(groups) == len(X)
    basis = np.eye(int(groups.max()) + 1)[groups] if grouped else np.ones((len(X), 1))
    basis = basis / np.linalg.norm(basis, axis=0)
    kept = [0]
    for j in range(1, X.shape[1]):
        v = X[:, j] / max(float(np.linalg.norm(X[:, j])), 1e-300)
        for _ in range(2):
            v = v - basis @ (basis.T @ v)
        if np.linalg.norm(v) > 1e-8:
            kept.append(j)
            basis = np.hstack([basis, (v / np.linalg.norm(v))[:, None]])
    return X[:, kept], y, groups if grouped else None


def ours(file: Path) -> None:
    """One regression by certify."""
    sys.path.insert(0, str(HERE.parents[1]))
    from certify import sign_survives

    X, y, groups = arrays(file)
    clock, wall = time.process_time(), time.perf_counter()
    found = sign_survives(X, y, 0, groups=groups, seconds=300.0)
    spent = time.process_time() - clock, time.perf_counter() - wall
    print("ROW " + json.dumps({"least": found.lower + 1, "found": len(found.rows) or None, "seconds": spent[0],
                               "wall": spent[1], "memory": peak()}), flush=True)


def rows_of(command: list[str], folder: Path | None) -> list[dict[str, Any]]:
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, cwd=folder, env={**os.environ, **threads}, capture_output=True, text=True,
                          check=False)
    rows = [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]
    if done.returncode or not rows:
        print(done.stderr[-2000:], file=sys.stderr)
    return rows


def measure(case: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every regression of a case: theirs plain, theirs aware where it exists, ours."""
    me, out = str(Path(__file__).resolve()), {}
    with tempfile.TemporaryDirectory() as name:
        for aware in (True, False) if case in AWARE else (False,):
            if case == "cash" and not aware:
                continue  # groups may go as a whole: the plain variant has nothing to say
            command = [options.peer, me, "--inside", case, "--folder", name] + ["--aware"] * aware
            for row in rows_of(command, options.code):
                out.setdefault(row["name"], {"n": row["n"], "d": row["d"]})["ohare" if aware else "acre"] = row
        for regression, row in out.items():
            command = [sys.executable, me, "--ours", str(Path(name) / f"{regression}.npz")]
            row["certify"] = (rows_of(command, None) or [None])[0]
            print(regression, {who: (one["least"], round(one["seconds"], 2)) for who, one in row.items()
                               if isinstance(one, dict)}, flush=True)
    return [{"name": regression, **row} for regression, row in out.items()]


def page(result: list[dict[str, Any]]) -> str:
    lines = ["# Rows that must go before a coefficient turns, beside ACRE and OHARE", "",
             "*At least*: proved that no fewer rows turn the sign (theirs in plain floating point, ours with every",
             "rounding error bounded). *Found*: rows that turn it (theirs: the smaller of AMIP and KZC21; ours: a",
             "greedy search, proved by fitting without them). Seconds: processor time. GB: largest resident size of",
             "the process (theirs: one for all regressions of a paper, ours: one each).", "",
             "| regression | n × d | ACRE at least | OHARE at least | **certify at least** | found by theirs, ours "
             "| seconds ACRE, OHARE, certify | GB ACRE, OHARE, certify |",
             "|---|---|---:|---:|---:|---:|---:|---:|"]
    for row in result:
        acre, ohare, mine = row.get("acre"), row.get("ohare"), row.get("certify")
        peers = [one for one in (acre, ohare) if one]
        found = min([v for one in peers for v in (one["amip"], one["kzc"]) if v] or [0]) or "none"
        cells = [one["least"] if one and one["least"] else "–" for one in (acre, ohare, mine)]
        seconds = ", ".join(f"{one['seconds']:.2f}" if one else "–" for one in (acre, ohare, mine))
        memory = ", ".join(f"{one['memory']:.2f}" if one else "–" for one in (acre, ohare, mine))
        lines.append(f"| {row['name']} | {row['n']} × {row['d']} | {cells[0]} | {cells[1]} | **{cells[2]}** | {found}, "
                     f"{(mine or {}).get('found') or 'none'} | {seconds} | {memory} |")
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description="rows that must go, beside ACRE and OHARE")
    parser.add_argument("--code", type=Path)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--inside", choices=CASES)
    parser.add_argument("--aware", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ours", type=Path)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside, options.aware, options.folder)
    elif options.ours:
        ours(options.ours)
    else:
        file = HERE / "signs.json"
        old = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
        for case in options.cases:
            old = [row for row in old if row["name"].split()[0] != case] + measure(case, options)
            old.sort(key=lambda row: CASES.index(row["name"].split()[0]))
            file.write_text(json.dumps(old, indent=1) + "\n", encoding="utf-8")
            (HERE / "signs.md").write_text(page(old), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
