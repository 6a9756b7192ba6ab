"""D10: no point that a tree proves is moved by any choice of rows, and the checker follows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import softmax_tree as twin
from certify.systems.head.rows.change import DELETED, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.softmax.tree import Tree
from certify.theorems.head.rows.softmax_tree import SoftmaxTree
from tests.effort import FULL, some
from tests.families.class_heads import as_checked, class_head, refits


def worst(head: Head, change: RowChange) -> np.ndarray:
    """The least margin of today's label over all choices."""
    Y, left = [], []
    for size in range(change.count + 1):
        for rows in combinations(change.rows, size):
            for codes in product(*(change.alternatives(head, i) for i in rows)):
                Y.append(head.Y.copy())
                left.append(np.ones(head.n))
                for i, code in zip(rows, codes, strict=True):
                    left[-1][i] = code != DELETED
                    if code != DELETED and head.codes is not None:
                        Y[-1][i] = head.codes[code]
    W = refits(head.phi, np.array(Y), np.array(left), head.n * head.weight_decay, head.decayed)
    F = np.einsum("bkm,nm->bnk", W, head.points)
    own = np.eye(head.k, dtype=bool)[head.today]
    gap = np.where(own, F, -np.inf).max(axis=2) - np.where(own, -np.inf, F).max(axis=2)
    return np.asarray(gap.min(axis=0))


def checked(head: Head, change: RowChange, part: Part) -> list[bool]:
    stored = {name: Array(a.shape, tuple(a.ravel().tolist()), a.dtype.kind) for name, a in part.arrays.items()}
    with ctx.workprec(64):
        return twin.proved(as_checked(head, change.rows, change.count, change.relabels), stored, "claim",
                           part.proved.tolist())


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("relabels", "count"), [(False, 1), (False, 2), (False, 3), (False, 5), (True, 1), (True, 2)])
def test_every_choice_of_a_tiny_head(relabels: bool, count: int, free: bool) -> None:
    proved = moved = 0
    for seed in some(range(3), 2):
        if proved and moved and not FULL:  # both what stays and what does not was seen
            break
        rng = np.random.default_rng([seed, relabels, count, free])
        n = (8 if count < 3 else 7) if not relabels else 6
        head = class_head(rng, n, 3, 12, float(10.0 ** rng.uniform(-1.0, 0.7)), free, 4.0)
        change = RowChange(relabels, count, tuple(range(n)))
        part = SoftmaxTree().prove(head, change, head.today >= 0, Budget())
        assert part is not None and part.flips is not None
        if free and count >= 2 and not relabels and np.bincount(head.label).min() <= count:  # type: ignore[arg-type]
            continue  # a class may vanish: the survey does not ask
        least = worst(head, change)
        assert (least[part.proved] > -1e-9).all()
        assert (least[part.flips.point >= 0] < 1e-9).all()
        if not free:  # so few rows may all be hot: the tree decides every point
            assert (part.proved | (least < 1e-6)).all()
        proved, moved = proved + int(part.proved.sum()), moved + int((least < 0).sum())
        if part.proved.any():
            assert checked(head, change, part) == part.proved.tolist()
    assert proved > 0 or free or count > 1 + (not relabels)


@pytest.mark.parametrize("relabels", [False, True])
def test_a_free_intercept(relabels: bool) -> None:
    proved = 0
    for seed in range(4):
        head = class_head(np.random.default_rng([11, seed]), 10, 3, 30, 2.0 if relabels else 0.3, True, 3.0)
        label = head.label
        assert label is not None
        rows = tuple(np.flatnonzero(np.bincount(label)[label] > 2).tolist())[:6]
        change = RowChange(relabels, 1 if relabels else 2, rows)
        part = SoftmaxTree().prove(head, change, head.today >= 0, Budget())
        if part is None or not part.proved.any():
            continue
        proved += int(part.proved.sum())
        assert (worst(head, change)[part.proved] > -1e-9).all()
        assert checked(head, change, part) == part.proved.tolist()
    assert proved > 0


def test_a_tree_proves_more_than_its_root() -> None:
    head = class_head(np.random.default_rng(5), 24, 3, 30, 0.02, False, 2.5)
    change = RowChange(False, 2, tuple(range(24)))
    tree = Tree(head, change, lambda: 1.0)
    proved = tree.run(head.today >= 0)
    assert proved.any()
    assert any(node.parent >= 0 for node in tree.nodes)
    assert {node.box is not None for node in tree.nodes} >= {True}


def test_what_is_out_of_time_proves_nothing_of_what_waits() -> None:
    head = class_head(np.random.default_rng(5), 24, 3, 30, 0.02, False, 2.5)
    change = RowChange(False, 2, tuple(range(24)))
    whole = SoftmaxTree().prove(head, change, head.today >= 0, Budget())
    none = SoftmaxTree().prove(head, change, head.today >= 0, Budget(-1.0))
    assert whole is not None and none is not None
    assert whole.proved.any() and not none.proved.any() and not none.arrays


def test_what_the_method_is_not_for() -> None:
    head = class_head(np.random.default_rng(0), 6, 3)
    assert SoftmaxTree().able(head, RowChange(False, 2, (0, 1, 2))) == ""
    assert "exactly" in SoftmaxTree().able(replace(head, phi_rad=np.full(6, 1e-9)), RowChange(False, 2, (0, 1)))
    one = class_head(np.random.default_rng(0), 6, 1)
    assert "cross-entropy" in SoftmaxTree().able(one, RowChange(False, 2, (0, 1)))


def test_refits_of_one_node_end_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All refits with one more row changed were solved whatever time was left; points that wait are not proved."""
    head = class_head(np.random.default_rng(2), 7, 3)
    change, calls = RowChange(True, 1, tuple(range(head.n))), [0]

    def left() -> float:
        calls[0] += 1
        return 1.0 if calls[0] < 2 else -1.0

    monkeypatch.setattr(Tree, "box", lambda *_: None)  # so that a refit of each row is needed
    tree = Tree(head, change, left)
    assert not tree.run(head.today >= 0).any() and not tree.nodes
