"""Eight of the changes made smaller: does the prediction become right? Added after the thirty results were seen.

A control of the derivative, not part of the comparison: `t·u` for t = 1e-1, 1e-2, 1e-3 with the prediction `t·v` of
the study. If `v = −H⁻¹Cu` is the derivative, `|w(tu) − w̄ − tv| / |w(tu) − w̄|` falls like t. `python limit.py` writes
`limit.csv` (10 minutes).
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import torch
from perturbations import concrete, listed
from resnet import HERE
from study import Base, change, mixed, retrain, solved

NUMBERS = (3, 8, 13, 18, 23, 25, 27, 29)
FRACTIONS = (1e-1, 1e-2, 1e-3)


def main(path: Path = HERE / "limit.csv") -> int:
    """Measure and write; 1 if a retraining did not converge."""
    base, done = Base.load(), True
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["number", "t", "predicted", "retrained", "step", "distance", "step_error", "converged"])
        for number in NUMBERS:
            whole = concrete(listed()[number - 1], base.training, base.w)
            v, _ = solved(base, mixed(base.problem, change(base, whole)))
            for t in FRACTIONS:
                part = replace(whole, u=t * whole.u)
                new, rows, found = part.training(base.training), part.rows, retrain(base, part)
                with torch.no_grad():
                    old, guess, there = (float(new.losses(w, new.X[rows], new.y[rows]).mean())
                                         for w in (base.w, base.w + t * v, found.w))
                distance = float((found.w - base.w).norm())
                writer.writerow([number, t, guess - old, there - old, float((t * v).norm()), distance,
                                 float((found.w - base.w - t * v).norm()) / distance, found.converged])
                stream.flush()
                done &= found.converged
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
