"""The thirty changes of the training data, fixed before any of them was predicted or retrained.

`python changes.py` writes `changes.csv`, which needs no model: rows without replacement within a change, classes and
directions by `default_rng(seed)`, sizes from a grid that runs from tiny to plainly too large. Ten changes a kind:

* 1–10: one row moves, then ten rows move, each by `size · |x_i|`: along its loss gradient at w̄ (`gradient`: sizes
  0.003, 0.03), or in a Gaussian direction (`gaussian`: 0.03, 0.1, 0.3); pixels may leave [0, 1];
* 11–20: targets of one row, then of ten rows: a part of the label's probability goes to all classes alike (`smooth`:
  0.005, 0.03), or to one other class (`flip`: 0.01, 0.05, 0.3);
* 21–30: sample weights: −1 deletes rows, 1 doubles them, between they count less; of rows `drawn`, or of those of
  largest loss at w̄ (`hardest`).

`listed(1)` is the pilot: the same rules with another seed, which may be retrained freely.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from resnet import CLASSES, HERE, TRAIN, Training

SEED = 0
MOVES = (("gradient", 0.003), ("gradient", 0.03), ("gaussian", 0.03), ("gaussian", 0.1), ("gaussian", 0.3))
TARGETS = (("smooth", 0.005), ("smooth", 0.03), ("flip", 0.01), ("flip", 0.05), ("flip", 0.3))
WEIGHTS = (("drawn", 1, -1.0), ("drawn", 3, -1.0), ("drawn", 10, -1.0), ("drawn", 10, -0.3), ("drawn", 10, 1.0),
           ("hardest", 1, -0.2), ("hardest", 1, -1.0), ("hardest", 3, -0.1), ("hardest", 10, -0.1),
           ("hardest", 10, -0.5))


@dataclass(frozen=True)
class Line:
    """One change as it is listed; rows empty: chosen by rank of the loss at w̄. `classes`: where flipped labels go."""

    number: int
    parameter: str
    kind: str
    count: int
    size: float
    rows: tuple[int, ...]
    classes: tuple[int, ...]


def listed(seed: int = SEED) -> list[Line]:
    """The thirty lines, from the seed alone; `classes` are offsets from the label, 1 to 9."""
    random = np.random.default_rng(seed)
    lines: list[Line] = []

    def add(parameter: str, kind: str, count: int, size: float) -> None:
        rows = tuple(int(i) for i in random.choice(TRAIN, count, replace=False)) if kind != "hardest" else ()
        classes = tuple(int(c) for c in random.integers(1, CLASSES, count)) if kind == "flip" else ()
        lines.append(Line(len(lines) + 1, parameter, kind, count, size, rows, classes))

    for parameter, ways in (("features", MOVES), ("targets", TARGETS)):
        for count in (1, 10):
            for kind, size in ways:
                add(parameter, kind, count, size)
    for kind, count, size in WEIGHTS:
        add("sample_weights", kind, count, size)
    return lines


@dataclass(frozen=True, eq=False)
class Change:
    """A change made concrete: rows and u, `(m, 1, 8, 8)`, `(m, 10)` or `(m,)`."""

    line: Line
    rows: list[int]
    u: torch.Tensor

    def training(self, base: Training) -> Training:
        """The training problem on the changed data."""
        parts = {"features": base.X.clone(), "targets": base.y.clone(), "sample_weights": base.s.clone()}
        parts[self.line.parameter][self.rows] += self.u
        return Training(*parts.values())


def concrete(line: Line, base: Training, w: torch.Tensor, seed: int = SEED) -> Change:
    """Rows by rank and directions at the given weights."""
    rows = list(line.rows)
    if line.kind == "hardest":
        order = base.losses(w, base.X, base.y).argsort(descending=True)
        rows = [int(i) for i in order[: line.count]]
    if line.parameter == "sample_weights":
        return Change(line, rows, torch.full((len(rows),), line.size, dtype=w.dtype))
    x, y = base.X[rows], base.y[rows]
    if line.parameter == "targets":
        aim = torch.full_like(y, 1 / CLASSES)
        if line.kind == "flip":
            aim = torch.stack([q.roll(c) for q, c in zip(y, line.classes, strict=True)])
        return Change(line, rows, line.size * (aim - y))
    if line.kind == "gradient":
        d = torch.func.grad(lambda a: base.losses(w, a, y).sum())(x)
    else:
        d = torch.from_numpy(np.random.default_rng([seed, line.number]).standard_normal(tuple(x.shape)))
    lengths = line.size * x.flatten(1).norm(dim=1) / d.flatten(1).norm(dim=1)
    return Change(line, rows, d * lengths[:, None, None, None])


def main(path: Path = HERE / "changes.csv") -> int:
    """Write the list."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["number", "parameter", "kind", "count", "size", "rows", "classes"])
        for line in listed():
            writer.writerow([line.number, line.parameter, line.kind, line.count, line.size,
                             " ".join(map(str, line.rows)), " ".join(map(str, line.classes))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
