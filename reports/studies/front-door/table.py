"""`certify audit`, untouched, on every model of `models.py`: what is answered, in which time, and whether it is true.

    python reports/studies/front-door/table.py FOLDER [NAME …]

Each line of `table.jsonl` is a model: the answers, processor seconds until the first line, until the first proved
answer and in all, and whether the training loss that the audit names is the one its own library computes (of estimators
of scikit-learn: whether each proved prediction stays, when the estimator is fitted anew without each row).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
SAID = ("proved", "open", "refuted", "does not apply", "no answer", "certify:")
"""How lines begin that are kept."""


def processor(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def audited(folder: Path) -> dict[str, Any]:
    """Run the audit and note when lines came."""
    known = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "certify", "audit", known["model"], known["train"], "--eval", known["new"],
               "-o", "audit", *known["options"]]
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=environment, bufsize=1)
    assert process.stdout is not None
    first = proved = None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if first is None and line.startswith("training loss"):
            first = processor(process.pid)
        if proved is None and line.startswith("proved"):
            proved = processor(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    found: dict[str, Any] = {
        "model": folder.name, "status": os.waitstatus_to_exitcode(status), "first": first, "first_proved": proved,
        "processor": round(usage.ru_utime + usage.ru_stime, 1), "wall": round(time.monotonic() - started, 1),
        "lines": [line for line in lines if line.startswith(SAID)]}
    answers = folder / "audit" / "audit.json"
    if answers.exists():
        content = json.loads(answers.read_text(encoding="utf-8"))
        found["answers"] = [{key: a[key] for key in ("quantity", "lower", "upper", "total", "verdict")}
                            for a in content["answers"]]
        said = content["model"]["training_loss"]
        if known["loss"] is not None and said is not None:
            found["same_function"] = abs(said - known["loss"]) <= 1e-3 * abs(known["loss"])
        stays = next((a for a in content["answers"] if a["quantity"] == "stable_predictions"
                      and "left out" in a["question"]), None)
        if known["model"].endswith(".skops") and stays is not None:
            truth = retrained(folder, known)
            if truth is not None:
                found["retrained"] = truth
                found["true"] = stays["lower"] <= truth <= stays["upper"]
    return found


def retrained(folder: Path, known: dict[str, Any]) -> int | None:
    """How many predictions of a linear classifier stay, when it is fitted anew, to its end, without each single row."""
    import numpy as np
    import pandas as pd
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.pipeline import Pipeline

    from certify.inputs.sklearn.skops_file import estimator_of

    model = estimator_of(folder / known["model"])
    inner = model[-1] if isinstance(model, Pipeline) else model
    if not isinstance(inner, LogisticRegression | RidgeClassifier) or not known["train"].endswith(".csv"):
        return None
    train, new = (pd.read_csv(folder / known[name]) for name in ("train", "new"))
    X, y, X_new = train.iloc[:, :-1], train.iloc[:, -1], new.iloc[:, :-1]
    today = model.predict(X_new)
    before = model[:-1] if isinstance(model, Pipeline) else None
    if before is not None:  # the scaling stays as it was fitted
        X, X_new = before.transform(X), before.transform(X_new)
    X, X_new, y = (np.asarray(part) for part in (X, X_new, y))
    exact = clone(inner)
    if isinstance(inner, LogisticRegression):
        exact.set_params(tol=1e-10, max_iter=100_000)
    stay = np.ones(len(today), dtype=bool)
    for i in range(len(X)):
        stay &= clone(exact).fit(np.delete(X, i, 0), np.delete(y, i)).predict(X_new) == today
    return int(stay.sum())


def shown(path: Path) -> None:
    """Print the table in Markdown."""
    print("| model | answers proved | open | does not apply | first line, first proof, all (processor s) | "
          "same function |")
    print("|---|---|---|---|---|---|")
    for one in (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()):
        answers = one.get("answers", [])
        proved = sum(a["verdict"] == "certified" for a in answers)
        skipped = sum(line.startswith(("does not apply", "no answer")) for line in one["lines"])
        same = {True: "yes", False: "NO"}.get(one.get("same_function", one.get("true")), "–")
        seconds = (one["first"], one["first_proved"], one["processor"])
        times = ", ".join("–" if t is None else f"{t:.1f}" for t in seconds)
        print(f"| {one['model']} | {proved} | {len(answers) - proved} | {skipped} | {times} | {same} |")


def main() -> None:
    """Audit every model that the table lacks, or those that are named; `show` prints what is there."""
    if sys.argv[1:] == ["show"]:
        shown(Path(__file__).with_name("table.jsonl"))
        return
    root, names = Path(sys.argv[1]), sys.argv[2:]
    path = Path(__file__).with_name("table.jsonl")
    there = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    for folder in sorted(p for p in root.iterdir() if (p / "model.json").exists()):
        if names and folder.name not in names or not names and folder.name in {one["model"] for one in there}:
            continue
        found = audited(folder)
        there = [one for one in there if one["model"] != folder.name] + [found]
        path.write_text("".join(json.dumps(one) + "\n" for one in there), encoding="utf-8")
        print(folder.name, found["status"], found["processor"], *found["lines"], sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
