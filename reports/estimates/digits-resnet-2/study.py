"""Predict what the thirty changes do to the loss, and then train again.

* `python study.py predict` writes `predicted.csv`: what `certify.estimate` says, its evidence, and whether the change
  lies in the band. Nothing is retrained.
* `python study.py exact` writes `exact.csv`: the same solved to a residual of 1e-8, whatever way the solver takes; made
  after the registration, and no part of the bar.
* `python study.py retrain` writes `retrained.csv` and the new weights, `retrained.npz`: from w̄ on the changed data to
  the nearest minimum, by code that shares nothing with `certify`. It goes on where it was stopped.
* `python study.py scratch` writes `scratch.csv`: the whole recipe on the changed data, for a few changes.
* `python study.py pilot` predicts and retrains changes of another seed, and prints; before the registration.

`python tables.py` says what came out.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from changes import Change, concrete, listed
from minimum import Found, Metric, dense_hessian, minimum
from recipe import trained, vector
from registered import PILOT, PILOT_SEED, SCRATCH, SOLVED, TOLERANCE, inside
from resnet import DECAY, HERE, Training, load_data, load_model
from training import npz_bytes

import certify

Row = dict[str, Any]

EXACT = 1e-8
"""Residual at which the way to it no longer shows."""


class Base:
    """The trained network and what all changes share."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.data, self.net = load_data(), load_model()
        self.training, self.w = Training.of(self.data), vector(self.net)
        self.problem = certify.Problem.from_module(
            self.net, self.data.X, self.data.y, loss="cross_entropy", weight_decay=DECAY, map="critical", base="nearby",
        )

    def metric(self) -> Metric:
        """That of the Hessian at w̄."""
        return Metric.of(dense_hessian(self.training, self.w))

    def change(self, number: int, seed: int = 0) -> Change:
        """One of the thirty."""
        return concrete(listed(seed)[number - 1], self.training, self.w, seed)

    def held_out(self, w: torch.Tensor) -> float:
        """Mean loss of the held-out rows."""
        return float(self.training.losses(w, self.data.X_out, self.data.y_out).mean())

    def rises(self, change: Change, w: torch.Tensor) -> Row:
        """How the loss on the changed data differs between w and w̄: changed rows, all rows weighted, held-out rows."""
        new, rows = change.training(self.training), change.rows
        before, after = (new.losses(v, new.X, new.y) for v in (self.w, w))
        return {"rows": float((after - before)[rows].mean()), "all": float((new.s * (after - before)).mean()),
                "out": self.held_out(w) - self.held_out(self.w)}


def predict(base: Base, change: Change, tolerance: float = SOLVED) -> Row:
    """What `certify.estimate` says."""
    start = time.perf_counter()
    found = certify.estimate(base.problem, change.u, change.rows, parameter=change.line.parameter, tolerance=tolerance,
                             budget=1e5)
    e = found.evidence
    row = {
        "number": change.line.number, "rows": found.loss_after - found.loss_before,
        "all": found.loss_all_after - found.loss_all_before, "out": base.rises(change, base.w + found.step)["out"],
        "first_order": e.loss_predicted - e.loss_before, "loss_before": e.loss_before, "distance": e.distance,
        "validity": dict(e.validity)[1.0], "data_error": e.data_error, "gradient_left": e.gradient_left,
        "residual": found.residual, "products": found.cost.products, "seconds": time.perf_counter() - start,
    }
    return row | {"inside": inside(row)}


def retrain(base: Base, change: Change, metric: Metric) -> tuple[Row, Found]:
    """From w̄ on the changed data."""
    start = time.perf_counter()
    found = minimum(change.training(base.training), base.w, metric, TOLERANCE)
    row = {"number": change.line.number} | base.rises(change, found.w) | {
        "distance": float((found.w - base.w).norm()), "gradient": found.gradient, "steps": found.steps,
        "products": found.products, "converged": found.converged, "seconds": time.perf_counter() - start,
    }
    return row, found


def weights() -> dict[str, Any]:
    """Retrained weights by `w` and the number of the change: those that are done."""
    path = HERE / "retrained.npz"
    if not path.exists():
        return {}
    with np.load(path) as stored:
        return dict(stored)


def retrained(base: Base, kept: dict[str, Any], first: int) -> Iterator[Row]:
    """All that are not done, those in the band first; the weights are written as they come."""
    with (HERE / "predicted.csv").open(encoding="utf-8") as stream:
        within = {int(row["number"]): row["inside"] == "True" for row in csv.DictReader(stream)}
    metric = base.metric()
    for number in sorted(within, key=lambda n: (not within[n], n)):
        if number < first or f"w{number}" in kept:
            continue
        row, found = retrain(base, base.change(number), metric)
        kept[f"w{number}"] = found.w.numpy()
        (HERE / "retrained.npz").write_bytes(npz_bytes(**kept))
        yield row


def scratch(base: Base, number: int) -> Row:
    """The whole recipe on the changed data; change 0 changes nothing and has another seed."""
    new = base.training if number == 0 else base.change(number).training(base.training)
    w = trained(new, seed=1 if number == 0 else 0)
    row: Row = {"number": number, "L": float(new.loss(w)), "L_at_base": float(new.loss(base.w))}
    row |= base.rises(base.change(number), w) if number else {"rows": "", "all": "", "out": ""}
    return row | {"distance": float((w - base.w).norm())}


def write(path: Path, rows: Iterable[Row], more: bool = False) -> None:
    """Rows as they come; `more`: below those that are there."""
    with path.open("a" if more else "w", encoding="utf-8", newline="") as stream:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(stream, list(row), lineterminator="\n")
                if not more:
                    writer.writeheader()
            writer.writerow(row)
            stream.flush()
            print(row, flush=True)


def main(what: str, first: int = 1) -> int:
    """One of the five; `predict` and `retrain` go on from the change given."""
    base = Base()
    numbers = range(1, 31)
    if what == "predict":
        rows = (predict(base, base.change(number)) for number in numbers[first - 1 :])
        write(HERE / "predicted.csv", rows, first > 1)
    elif what == "exact":
        write(HERE / "exact.csv", (predict(base, base.change(number), EXACT) for number in numbers))
    elif what == "retrain":
        done = weights()
        write(HERE / "retrained.csv", retrained(base, done, first), bool(done))
    elif what == "scratch":
        write(HERE / "scratch.csv", (scratch(base, number) for number in SCRATCH))
    elif what == "pilot":
        metric = base.metric()
        for number in PILOT:
            change = base.change(number, PILOT_SEED)
            print(change.line, predict(base, change), retrain(base, change, metric)[0], sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
