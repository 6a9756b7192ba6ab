"""Trees that nobody searched for: hot rows, numbers, children, codes and leaves are drawn, and no flipped point holds.

The checker finds its own steps and pairs, so that it accepts points of such trees too: what covers a choice of rows
then, a bound, a refit, a child or one row of a child, is different from tree to tree.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import pair_tree
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.pair_tree import bound, drops, effort, tree
from certify.systems.head.rows.head import Head
from tests.families.logistic_heads import as_checked, logistic_head, margins, refit, stored

N, POINTS = 9, 6
"""Rows, and the points of many that two deletions bring nearest to the boundary."""
NAMES = {"parent": int, "branch": int, "hot_count": int, "hot": int, "box_count": int, "box": int, "leaf_count": int,
         "leaf": int, "numbers": int, "slabs": int, "weights": float, "leaf_weights": float}
WIDTHS = {"numbers": POINTS, "slabs": N}


def forged(rng: np.random.Generator, head: Head) -> dict[str, np.ndarray]:
    """A tree for any two rows with children of some hot rows; weights are refits."""
    S, decay = head.phi * head.Y, np.where(head.decayed, head.mu()[0], 0.0)

    def fit(*out: int) -> np.ndarray:
        kept = np.where(np.isin(np.arange(N), out), 0.0, 1.0)
        return refit(S * kept[:, None], kept, decay)

    w = fit()
    p = 1.0 / (1.0 + np.exp(S @ w))
    H = (S.T * (p * (1.0 - p))) @ S + np.diag(decay)
    size = np.sqrt(np.einsum("ij,ij->i", S, np.linalg.solve(H, S.T).T))
    hot = rng.permutation(N)[: int(rng.integers(0, 6)) if rng.random() < 0.9 else N].tolist()
    found: dict[str, list[Any]] = {name: [] for name in NAMES}
    found["numbers"].append(rng.integers(0, len(hot) + 1, POINTS) if rng.random() < 0.4 else
                            np.full(POINTS, rng.integers(0, len(hot) + 1)))
    children = [a for a in range(len(hot)) if rng.random() < 0.8]
    for branch in (-1, *children):
        out = [hot[branch]] if branch >= 0 else []
        free = [i for i in range(N) if i not in hot[: branch + 1]]
        leaves = [i for i in free if rng.random() < 0.5] if out else []
        for name, value in (("parent", 0 if out else -1), ("branch", branch), ("weights", fit(*out)),
                            ("hot_count", 0 if out else len(hot)), ("box_count", 1), ("leaf_count", len(leaves)),
                            ("box", 0 if out else int(rng.integers(0, len(hot) + 1))),
                            ("slabs", np.searchsorted(TABLE, size * 10.0 ** rng.uniform(-1.5, 0.3)))):
            found[name].append(value)
        found["hot"] += [] if out else hot
        found["leaf"] += leaves
        found["leaf_weights"] += [fit(*out, i) for i in leaves]
    return {name: np.array(found[name], kind).reshape(
        (-1, len(w)) if "weights" in name else (-1, WIDTHS[name]) if name in WIDTHS else -1)
        for name, kind in NAMES.items()}


def accepted(seed: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many points of four trees of a head are accepted; none of them is one that two rows flip."""
    rng = np.random.default_rng([seed, 909])
    few = (effort.Effort(int(rng.integers(2, 6)), int(rng.integers(0, 3)), int(rng.integers(0, 4)), 2),)
    formed, more, refitted = (int(rng.choice(x)) for x in ([0, 640], [0, 4096], [0, 9]))
    for module, name, value in ((effort, "LITTLE", few if rng.random() < 0.6 else ()), (effort, "FEW", 100),
                                (effort, "ROOT", 8), (bound, "FORMED", formed), (tree, "MORE", more),
                                (tree, "REFITTED", refitted), (drops, "OPEN", int(rng.choice([-1, 1024])))):
        monkeypatch.setattr(module, name, value)
    head = logistic_head(rng, N, 80, decay=float(10.0 ** rng.uniform(-0.5, 1.0)))
    if not head.decayed.all() and min((head.Y > 0).sum(), (head.Y < 0).sum()) < 3:
        return 0  # one label may be left, and no refit
    least, count = np.min(list(margins(head, tuple(range(N)), 2).values()), axis=0), 0
    near = np.argsort(np.abs(least))[:POINTS]
    head, least = dataclasses.replace(head, points=head.points[near], points_rad=np.zeros(POINTS)), least[near]
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(N)), 2)
        for _ in range(4):
            answer = np.array(pair_tree.proved(twin, stored(forged(rng, head)), "claim", [True] * POINTS))
            assert not (answer & (least <= 0.0)).any(), seed
            count += int(answer.sum())
    return count


def test_no_drawn_tree_holds_a_point_that_two_rows_flip(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(accepted(seed, monkeypatch) for seed in range(40)) > 25


def test_more_pairs_at_the_root_settle_what_few_leave_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provers form many pairs at a root of not many rows, and what rests on them is to be followed."""
    counts = []
    for pairs in (0, 640):
        for module, name, value in ((bound, "FORMED", 0), (tree, "MORE", 0), (tree, "REFITTED", 0),
                                    (effort, "ROOT", pairs)):
            monkeypatch.setattr(module, name, value)
        counts.append(sum(accepted_as_it_is(seed) for seed in range(12)))
    assert counts[1] > counts[0]
    assert [one.pairs for one in effort.efforts(0, 9, 9, True)] == [None, effort.ROOT]
    assert [one.pairs for one in effort.efforts(0, 9, 9)] == [None]


def accepted_as_it_is(seed: int) -> int:
    """How many points a root alone holds, with codes that room is left for."""
    rng = np.random.default_rng([seed, 910])
    head = logistic_head(rng, N, 60, decay=3.0)
    w, none = head.V, np.zeros(0, np.int64)
    zero = np.zeros(1, np.int64)
    arrays = {"parent": zero - 1, "branch": zero - 1, "weights": w, "hot_count": zero, "hot": none,
              "numbers": np.zeros((1, 60), np.int64), "box_count": zero + 1, "box": zero,
              "slabs": np.full((1, N), np.searchsorted(TABLE, 0.3)), "leaf_count": zero, "leaf": none,
              "leaf_weights": np.zeros((0, head.m))}
    with ctx.workprec(64):
        return sum(pair_tree.proved(as_checked(head, tuple(range(N)), 2), stored(arrays), "claim", [True] * 60))


def test_what_is_asked_of_children() -> None:
    """Of the first h hot rows all; of the first row of an open pair, in their order, the other one; of one row all."""
    found = SimpleNamespace(rows=[5, 3, 7])
    open_ = [(0, -1), (2, -1), (0, 1), (1, 2)]
    assert tree._asked(found, open_, [9, 3, 5], 1) == {0: None, 2: None, 3: None, 1: {5, 7}}  # type: ignore[arg-type]
