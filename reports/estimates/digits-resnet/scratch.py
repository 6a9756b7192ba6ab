"""Three of the changes retrained from the first weights instead of from w̄ (and one that changes nothing).

The whole recipe on the changed data: the same seed, so the same first weights; stage 2 stores the statistics of w̄, so
that both networks are the same function of their weights. Columns `_near`: retrained from w̄, as in the study. Line 0
changes nothing and has seed 1. `python scratch.py` writes `scratch.csv` (10 minutes).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import torch
from perturbations import SCRATCH, concrete, listed
from recipe import trained
from resnet import HERE, Training
from study import Base, held_out, retrain


def compared(base: Base, new: Training, rows: list[int], w: torch.Tensor, near: torch.Tensor) -> dict[str, float]:
    """Scratch weights w against those retrained from w̄."""
    inputs = base.data.X_out
    with torch.no_grad():
        a, b = base.training.outputs(w, inputs), base.training.outputs(near, inputs)
        agree = float((a.argmax(1) == b.argmax(1)).double().mean())
        right = [float((f.argmax(1) == base.data.y_out).double().mean()) for f in (a, b)]
        moved = [float(base.training.losses(at, new.X[rows], new.y[rows]).mean()) if rows else 0.0 for at in (w, near)]
    return {
        "L": new.value(w), "L_near": new.value(near), "gradient": float(new.gradient(w).norm()),
        "distance": float((w - base.w).norm()), "distance_near": float((near - base.w).norm()),
        "norm": float(base.w.norm()), "loss_rows": moved[0], "loss_rows_near": moved[1],
        "loss_out": held_out(base, w), "loss_out_near": held_out(base, near), "agree_out": agree,
        "accuracy_out": right[0], "accuracy_out_near": right[1],
    }


def main(path: Path = HERE / "scratch.csv") -> int:
    """Train and write."""
    base, lines = Base.load(), []
    for number in (*SCRATCH, 0):
        new, rows, near = base.training, [], base.w
        if number:
            perturbation = concrete(listed()[number - 1], base.training, base.w)
            new, rows = perturbation.training(base.training), perturbation.rows
            near = retrain(base, perturbation).w
        net = trained(new.X, new.y, new.s, seed=0 if number else 1, like=base.training.net)
        w = Training.of(net, new.X, new.y).weights()
        lines.append({"number": number, **compared(base, new, rows, w, near)})
        print(lines[-1], flush=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(lines[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
