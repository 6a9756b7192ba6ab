"""Two other predictions for the same thirty changes, to compare with.

* `python others.py newton`: one Newton step `−H⁻¹∇L(u, w̄)` on the changed data, linear in the weights only, which
  `certify` does not offer; writes `newton.csv` (2 minutes);
* `python others.py default`: `certify.estimation.estimate` with the options a user gets who says nothing; writes
  `default.csv` (6 minutes).
"""

from __future__ import annotations

import csv
import sys

import torch
from perturbations import Perturbation, concrete, listed
from resnet import HERE
from study import Base, held_out, solved

from certify.estimation import estimate

Found = tuple[torch.Tensor, float, int]


def newton(base: Base, change: Perturbation) -> Found:
    """Step, relative residual, products (not counted)."""
    return *solved(base, change.training(base.training).gradient(base.w)), 0


def default(base: Base, change: Perturbation) -> Found:
    """Step, relative residual, products."""
    found = estimate(base.problem, change.u, change.rows, parameter=change.line.parameter)
    print(found.status, flush=True)
    return found.step, found.residual, found.cost.products


def main(name: str) -> int:
    """Predict and write."""
    base = Base.load(metric=name == "newton")
    with (HERE / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["number", "predicted", "predicted_out", "step", "residual", "products"])
        for line in listed():
            change = concrete(line, base.training, base.w)
            step, residual, products = {"newton": newton, "default": default}[name](base, change)
            new, rows = change.training(base.training), change.rows
            moved = [float(new.losses(w, new.X[rows], new.y[rows]).mean()) for w in (base.w, base.w + step)]
            out = held_out(base, base.w + step) - held_out(base, base.w)
            writer.writerow([line.number, moved[1] - moved[0], out, float(step.norm()), residual, products])
            stream.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
