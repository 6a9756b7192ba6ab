"""Changes of what is stated of single predictions, drawn at random, in every place that speaks of them at once.

A lie in one place is refused as soon as two places are compared. These agree with themselves.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from certify.format.methods import FIRST, FLIPPED, METHODS, OPEN
from certify.format.words import By
from reports.studies.tampering import mutants

Json = dict[str, Any]
Held = dict[str, np.ndarray]


def rows_on_disk(rng: random.Random, top: Json) -> None:
    """An evaluation row on the other side: lists and ends agree, and where rows are deleted some are named."""
    claim, problem = top["claim"], top["problem"]
    N, row, kind = problem["evaluation_rows"], rng.randrange(problem["evaluation_rows"]), rng.random()
    named = dict(zip(claim["flips"], claim["changed"] or [None] * N, strict=False))
    stays = {*claim["stays"]} - {row}
    named.pop(row, None)
    if kind < 0.5:
        stays.add(row)
    elif kind < 0.9:
        named[row] = sorted(rng.sample(range(problem["rows"]), rng.randint(0, problem["count"])))
    claim["stays"], claim["flips"] = sorted(stays), sorted(named)
    claim["changed"] = None if claim["changed"] is None else [named[j] for j in sorted(named)]
    claim["lower"], claim["upper"] = len(stays), N - len(named)


def recipe(rng: random.Random, top: Json) -> None:
    """Another model, or more changes, than the certificate was made for."""
    problem = top["problem"]
    name = rng.choice(("penalty", "intercept", "count", "count", "change"))
    problem[name] = {"penalty": lambda: problem["penalty"] * rng.choice((0.5, 0.999, 1.001, 2.0)),
                     "intercept": lambda: rng.choice(("none", "free", "decayed")),
                     "count": lambda: problem["count"] + rng.choice((-1, 1, 2)),
                     "change": lambda: rng.choice(("labels", "deletions"))}[name]()
    if name == "change":
        deleted = problem["change"] == "deletions"
        top["claim"] |= {"theorem": "D4" if deleted else "D3",
                         "changed": [[] for _ in top["claim"]["flips"]] if deleted else None}


ON_DISK: dict[str, Callable[[random.Random, Json], None]] = {
    **{name: mutants.KINDS[name] for name in (
        "a number", "a text", "true, false, null", "a member left out", "a member more", "a list in another order",
        "a path")},
    "rows on disk, consistently": rows_on_disk, "another recipe": recipe,
}
"""Of rows on disk."""


def labels(rng: random.Random, top: Json, held: Held) -> None:
    """What is stated of one prediction of a head: in the side file, in the lists for readers, and in both ends."""
    start = next(name for name in sorted(held) if name.endswith(".status")).removesuffix("status")
    status = held[f"{start}status"] = held[f"{start}status"].copy()
    used = [int(s) for s in np.unique(status) if s >= FIRST]
    row = rng.randrange(len(status))
    status[row] = rng.choice((OPEN, FLIPPED, *used, *used, FIRST + rng.randrange(len(METHODS))))
    rows, point = held.get(f"{start}flips.rows"), held.get(f"{start}flips.point")
    if rows is not None and point is not None:
        point = held[f"{start}flips.point"] = point.copy()
        point[row] = rng.randrange(len(rows)) if status[row] == FLIPPED else -1
    flipped, undecided = (np.flatnonzero(status == one).tolist() for one in (FLIPPED, OPEN))
    for claim in top["claims"]:
        if "flipped" in claim["witness"]:
            claim["witness"] |= {"flipped": flipped, "undecided": undecided}
            if rows is not None and point is not None:
                named = [sorted(int(r) for r in rows[point[j]] if r >= 0) for j in flipped]
                longest = max(map(len, named), default=0)
                claim["witness"]["changed"] = [r for one in named for r in (*one, *[-1] * (longest - len(one)))]
            claim["lower"], claim["upper"] = float((status >= FIRST).sum()), float((status != FLIPPED).sum())
    mutants.judged(top)


def another_method(rng: random.Random, top: Json, held: Held) -> None:
    """Predictions said to stay by another method, with the arrays of the first one or without."""
    name = rng.choice([name for name in sorted(held) if name.endswith(".status")])
    status = held[name] = held[name].copy()
    old, new = int(max(status)), FIRST + rng.randrange(len(METHODS))
    status[status == old] = new
    if old >= FIRST and rng.random() < 0.7:
        start, other = (f"{name.removesuffix('status')}{METHODS[s - FIRST]}." for s in (old, new))
        for array in [array for array in held if array.startswith(start)]:
            held[other + array.removeprefix(start)] = held.pop(array)


TOGETHER: dict[str, Callable[[random.Random, Json, Held], None]] = {
    "what is stated of a prediction": labels, "another method": another_method}
"""Of certificate and side file at once."""


def motion(rng: random.Random, top: Json, held: Held) -> None:
    """How far something moves: ends, what bounds every output in the side file, and the verdict."""
    factor = rng.choice((1 - 1e-9, 1 - 1e-6, 0.999, 0.9, 0.5, 1.001, 2.0))
    claim = rng.choice(top["claims"])
    side = rng.choice(("upper", "upper", "lower"))
    claim[side] = None if claim[side] is None else claim[side] * factor
    if rng.random() < 0.3:
        claim["witness"]["by"] = rng.choice([str(by) for by in By])
    named = rng.choice((".bounds", ".counted", ".boxes", "reached.weights", "today", "centre"))
    for name in [name for name in held if named in name and held[name].dtype.kind == "f"]:
        held[name] = held[name] * factor
    mutants.judged(top)


MOTIONS: dict[str, Callable[[random.Random, Json, Held], None]] = {"how far something moves": motion}
"""The same, of bounds of motions."""
