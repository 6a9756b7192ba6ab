"""The thirty changes of the training data, and the bands of validity: fixed before anything was predicted or retrained.

`python perturbations.py` writes `perturbations.csv`, which needs no model: rows drawn without replacement within a
change by `default_rng(0)`, directions and sizes by the rules below. `|x_i|` is the Euclidean norm of image i, |u_i| is
`size · |x_i|`; pixels may leave [0, 1].

| changes | what changes |
|---|---|
| 1–10 | one row moves: five along its loss gradient at w̄, five in Gaussian directions; sizes 0.1, 0.2, 0.3, 0.5, 1 |
| 11–20 | ten rows move at once, each in its own direction of that kind; the same sizes |
| 21–24 | one row is deleted |
| 25–26 | the row of largest, of second largest loss at w̄ is deleted |
| 27–28 | ten rows are deleted |
| 29–30 | ten rows count twice |
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from resnet import HERE, SEED, TRAIN, Training

SIZES = (0.1, 0.2, 0.3, 0.5, 1.0)

VALIDITY_BAND = (0.5, 2.0)
"""Main band: `evidence.validity` at t = 1, the change of the loss on the changed rows after the step over the change to
first order in the weights; for changes that raise that loss, the same ratio."""

DATA_BAND = 0.5
"""Second, narrower band: besides, `|∇L(u, w̄) − ∇L(0, w̄) − Cu| ≤ 0.5 |Cu|`: the step is linear in u too."""

SCRATCH = (3, 13, 25)
"""Changes for which the network is besides trained from its first weights."""

CORRELATION = 0.95
"""Target: Pearson correlation, in the main band, of predicted with retrained change of the loss on the changed rows."""


@dataclass(frozen=True)
class Line:
    """One change as it is listed in the file; rows empty: chosen by rank of the loss at w̄ (`direction`)."""

    number: int
    parameter: str
    rows: tuple[int, ...]
    direction: str
    size: float


def listed() -> list[Line]:
    """The thirty lines, from the seed alone."""
    random = np.random.default_rng(SEED)
    lines: list[Line] = []

    def add(parameter: str, count: int, direction: str, size: float) -> None:
        rows = tuple(int(i) for i in random.choice(TRAIN, count, replace=False))
        lines.append(Line(len(lines) + 1, parameter, rows, direction, size))

    for count in (1, 10):
        for direction in ("gradient", "gaussian"):
            for size in SIZES:
                add("features", count, direction, size)
    for _ in range(4):
        add("sample_weights", 1, "", -1.0)
    for rank in (1, 2):
        lines.append(Line(len(lines) + 1, "sample_weights", (), f"loss rank {rank}", -1.0))
    for size in (-1.0, -1.0, 1.0, 1.0):
        add("sample_weights", 10, "", size)
    return lines


@dataclass(frozen=True, eq=False)
class Perturbation:
    """A change made concrete: rows and u, `(m, 1, 8, 8)` or `(m,)`."""

    line: Line
    rows: list[int]
    u: torch.Tensor

    def training(self, base: Training) -> Training:
        """The training problem with changed data."""
        X, s = base.X.clone(), base.s.clone()
        if self.line.parameter == "features":
            X[self.rows] += self.u
        else:
            s[self.rows] += self.u
        return Training(base.net, X, base.y, s)


def concrete(line: Line, base: Training, w: torch.Tensor) -> Perturbation:
    """Rows by rank and directions at the given weights."""
    rows = list(line.rows)
    if line.direction.startswith("loss rank"):
        with torch.no_grad():
            order = base.losses(w, base.X, base.y).argsort(descending=True)
        rows = [int(order[int(line.direction.split()[-1]) - 1])]
    if line.parameter == "sample_weights":
        return Perturbation(line, rows, torch.full((len(rows),), line.size, dtype=w.dtype))
    x = base.X[rows]
    if line.direction == "gradient":
        d = torch.func.grad(lambda a: base.losses(w, a, base.y[rows]).sum())(x)
    else:
        d = torch.from_numpy(np.random.default_rng([SEED, line.number]).standard_normal(tuple(x.shape)))
    lengths = line.size * x.flatten(1).norm(dim=1) / d.flatten(1).norm(dim=1)
    return Perturbation(line, rows, d * lengths[:, None, None, None])


def main(path: Path = HERE / "perturbations.csv") -> int:
    """Write the list."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["number", "parameter", "rows", "direction", "size"])
        for line in listed():
            writer.writerow([line.number, line.parameter, " ".join(map(str, line.rows)), line.direction, line.size])
    return 0


if __name__ == "__main__":
    sys.exit(main())
