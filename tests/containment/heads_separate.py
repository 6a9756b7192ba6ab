"""Containment of D34: rows deleted or relabelled of heads whose outputs are fitted apart, against every refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb, ctx

from certify.check.theorems.head.rows import separate_boxes
from certify.check.theorems.head.rows.head import BITS
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.separate.method import Separate
from certify.theorems.head.rows.separate.outputs import centre_of, held
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.other_heads import other_head
from tests.families.row_heads import as_checked, stored
from tests.oracles.separate_refits import Choice, least, refitted

NEAR = 1e-9


def drawn(rng: np.random.Generator) -> tuple[Head, RowChange, list[Choice], Array]:
    """A head of three outputs, rows that may change, every choice and its refits; points close to where one flips."""
    loss, n = str(rng.choice(["one_vs_rest", "squared_hinge"])), int(rng.integers(7, 12))
    head = other_head(rng, loss, n, int(rng.integers(1, 3)), 12, k=3, free=None if loss == "one_vs_rest" else False,
                      decay=float(10.0 ** rng.uniform(-1.5, 0.5)), weights="rows" if rng.random() < 0.3 else "")
    may = np.arange(n)
    if head.free_intercept:  # a row of each label stays
        may = np.setdiff1d(may, [int(np.flatnonzero(head.label == label)[0]) for label in range(3)])
    rows = np.sort(rng.choice(may, int(rng.integers(3, len(may) + 1)), replace=False)).tolist()
    change = RowChange(bool(rng.random() < 0.5), int(rng.integers(1, 4)), tuple(rows))
    every, W = refitted(head, change)
    return replace(head, points=edged(head, W)), change, every, W


def edged(head: Head, W: Array) -> Array:
    """Points, half of them moved to where some choice all but flips them, on either side."""
    points, today = head.points.copy(), head.today
    for a in range(0, len(points), 2):
        good, bad = points[a], -points[a] + 2.0 * points[a] * (np.arange(head.m) == head.m - 1)
        label = today[a : a + 1]
        if label[0] < 0 or not least(head, W, good[None], label)[0] > 0 > least(head, W, bad[None], label)[0]:
            continue
        for _ in range(int(10 + 10 * (a % 3))):
            middle = 0.5 * (good + bad)
            good, bad = (middle, bad) if least(head, W, middle[None], label)[0] > 0 else (good, middle)
        points[a] = good if a % 4 else bad
    return points


def held_outputs(head: Head, change: RowChange, every: list[Choice], W: Array) -> int:
    """Every bound of what outputs lose, against every choice; how many outputs had boxes."""
    rows, found = np.array(change.rows, np.int64), 0
    for a in range(head.k):
        one = held(centre_of(head, change.relabels, a), rows, min(change.count, len(rows)), lambda: 1.0)
        if one is None:
            continue
        found += 1
        F = np.einsum("cm,nm->cn", W[:, a], head.points.astype(np.longdouble)).astype(np.float64)
        reached = np.array([[any(i == row and (c == DELETED or head.codes[c, a] != head.Y[i, a]) for i, c in choice)
                             for row in rows.tolist()] for choice in every], float)
        for both in (*one.say(head.points, np.sort(rows), False), *one.say(head.points, np.sort(rows), True)):
            for sign, lost in zip((1.0, -1.0), both, strict=True):
                low = lost.margin - reached @ lost.gain.T - lost.fixed
                if (sign * F < low - NEAR * (1 + np.abs(F))).any():
                    raise Violation("an output loses more than is said")
    return found


def judged(head: Head, change: RowChange, W: Array) -> int:
    """What the method proves, held against the margins of all refits."""
    part = Separate().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    margin = least(head, W, head.points, np.maximum(head.today, 0))
    if (part.proved & (margin < -NEAR)).any():
        raise Violation("a point is said to stay, and a choice flips it")
    if ((part.flips.point >= 0) & (margin > NEAR)).any():
        raise Violation("a point is said to flip, and it stays")
    return int(part.proved.sum())


@attack("changed_rows_separate", "D34", slow=10)
def changed_rows_separate(rng: np.random.Generator) -> Outcome:
    """Up to three rows deleted or relabelled, both losses: every point, and every bound of single outputs."""
    head, change, every, W = drawn(rng)
    if Separate().able(head, change):
        return "refused"
    return "decided" if held_outputs(head, change, every, W) + judged(head, change, W) else "refused"


def followed(head: Head, change: RowChange, arrays: Mapping[str, Any], asked: Array, **other: Any) -> Array:
    """Which points the checker proves."""
    twin = as_checked(head, change)
    if head.weights is not None:
        twin = replace(twin, weights=[arb(x) for x in head.weights.rows.tolist()])
    with ctx.workprec(BITS):
        return np.array(separate_boxes.proved(replace(twin, **other), stored(dict(arrays)), "here", asked.tolist()))


def bent_to_fit(rng: np.random.Generator, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays with something else in one of them, which may hold as well."""
    found = {name: array.copy() for name, array in arrays.items()}
    name = str(rng.choice(["slabs", "box_weights", "numbers", "leaf_weights", "claims", "orphans"]))
    most = np.broadcast_to(found["numbers"].max(axis=1, keepdims=True), found["numbers"].shape)
    if name == "slabs":
        less = rng.integers(1, 30, (4, 1, 1))
        codes = np.array([(found[name] >> 12 * (3 - a)) & 4095 for a in range(4)])
        codes = np.maximum(codes - less * (rng.random((4, 1, 1)) < 0.5), 0)
        found[name] = sum(codes[a] << 12 * (3 - a) for a in range(4))
    elif name == "claims":  # every point as if it were as those that need most
        found["numbers"] = most
    elif name == "orphans":  # the same of the root, and nothing is said below it
        found["numbers"] = np.where(np.arange(len(most))[:, None] > 0, -1, most)
    elif name == "numbers":
        found[name] = np.where(found[name] > 0, found[name] - 1, found[name])
    else:
        found[name] = found[name] + 10.0 ** rng.uniform(-6, -1) * rng.standard_normal(found[name].shape)
    return found


@attack("changed_rows_separate_checked", "D34", slow=10)
def changed_rows_separate_checked(rng: np.random.Generator) -> Outcome:
    """Arrays of a run, honest or with other slabs, centres or numbers: what a checker accepts holds of every refit."""
    head, change, _, W = drawn(rng)
    part = Separate().prove(head, change, head.today >= 0, Budget())
    if part is None or not part.arrays:
        return "refused"
    honest = rng.random() < 0.3
    asked = head.today >= 0
    stays = followed(head, change, part.arrays if honest else bent_to_fit(rng, part.arrays), asked)
    if honest and (part.proved & ~stays).any():
        raise Violation("what is proved is not followed")
    if (stays & (least(head, W, head.points, np.maximum(head.today, 0)) < -NEAR)).any():
        raise Violation("a point that was accepted is flipped by a choice")
    return "decided" if stays.any() else "refused"
