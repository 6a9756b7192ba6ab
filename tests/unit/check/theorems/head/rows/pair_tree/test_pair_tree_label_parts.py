"""D13 in the checker: single labels at the last level against their refits, and trees that lack something."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import pair_tree
from certify.check.theorems.head.rows.boxes.codes import TABLE
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.pair_tree import labels
from certify.check.theorems.head.rows.pair_tree import last as module
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.pair_tree.method import PairTrees
from tests.containment.registry import named
from tests.families.logistic_heads import as_checked, logistic_head, refit, stored

Arrays = dict[str, np.ndarray]


@pytest.mark.parametrize(("seed", "case"), [(20261203, 1254), (7, 8), (7, 48), (11, 251), (11, 735), (11, 794)])
def test_a_long_step_of_a_row_with_a_feature_of_its_own_is_found(seed: int, case: int) -> None:
    """Corrections with the curvature of the centre alone, or halved wherever they help little, leave 0.4 to 2 of these
    gradients, and what a run states is refused."""
    name = "changed_labels_pairs"
    with np.errstate(all="ignore"):
        assert named(name).draw(np.random.default_rng([seed, crc32(name.encode()), case])) == "decided"


@pytest.mark.parametrize("long", [1, 4, 512])
def test_every_single_refit_lies_where_the_last_level_says(long: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The distance of each in the norm of A, and points; turned rows and centres that are off are among them."""
    monkeypatch.setattr(module, "LONG", long)
    used, proved, settled = 0.0, 0, 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 13])
        n, p = int(rng.integers(5, 10)), int(rng.integers(1, 4))
        S, decay = rng.standard_normal((n, p)) * rng.choice([0.3, 1.0], (n, 1)), 10.0 ** rng.uniform(-0.5, 1.5)
        out = [int(rng.integers(n))] if seed % 2 else []
        turned = S.copy()
        turned[out] *= -1.0
        w = refit(turned, np.ones(n), np.full(p, decay)) + rng.choice([0.0, 1e-4]) * rng.standard_normal(p)
        free = [i for i in range(n) if i not in out]
        cut, E = int(rng.integers(0, len(free) + 1)), rng.standard_normal((5, p))
        E *= np.where(E @ w > 0, 1.0, -1.0)[:, None]
        with ctx.workprec(64):
            b = base(centre(sums(S.tolist(), [arb(decay)] * p, True), out, w.tolist()))
            assert b is not None
            reach = [TABLE[int(x)] for x in np.searchsorted(TABLE, rng.choice([0.3, 1.0]) * np.ones(n))]
            found = module.Last(b, free[:cut], free[cut:], reach)
            if not found.proved:
                continue
            open_ = found.open(points(E.tolist(), p))
        proved += 1
        X = np.array([[float(x) for x in row] for row in found.M[0].tolist()])
        t = turned @ w
        D = 1.0 / ((1.0 + np.exp(t)) * (1.0 + np.exp(-t)))
        H = (turned.T * D) @ turned + decay * np.eye(p)
        for a, i in enumerate(found.rows):
            after = turned.copy()
            after[i] *= -1.0
            w_i = refit(after, np.ones(n), np.full(p, decay))
            gap = w_i - w + np.linalg.solve(H, turned[i])
            length = float(np.sqrt(gap @ np.linalg.solve(X, gap)))
            assert length <= found.rho[a] * (1.0 + 1e-7) + 1e-9
            used = max(used, length / found.rho[a])
            gone = {at for at, e in enumerate(E) if e @ w_i <= 0.0}
            assert gone <= set(open_.get(i, []))
            settled += 5 - len(open_.get(i, []))
    assert proved > 20 and settled > 50 and used > 0.3, (proved, settled, used)


@cache
def example() -> tuple[Head, Arrays, tuple[bool, ...]]:
    """A tree with a bound at its root, children with bounds of their own, and leaves."""
    for seed in range(200):
        head = logistic_head(np.random.default_rng([seed, 31]), 14, decay=10.0)
        part = PairTrees().prove(head, RowChange(True, 2, tuple(range(14))), head.today >= 0, Budget())
        assert part is not None
        a = part.arrays
        if part.proved.sum() > 1 and a["box_count"][0] and a["box_count"][1:].sum() and a["leaf_count"].sum():
            if (a["numbers"][0] > 0).any():
                return head, dict(a), tuple(part.proved.tolist())
    raise AssertionError("no such example was drawn")


def found(head: Head, arrays: Arrays, asked: tuple[bool, ...]) -> list[bool]:
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), 2, True)
        return pair_tree.proved(twin, stored(arrays), "claim", list(asked))


def test_the_honest_tree_is_accepted_and_its_parts_are_needed() -> None:
    head, arrays, asked = example()
    assert found(head, arrays, asked) == list(asked)
    assert not any(found(head, {**arrays, "slabs": np.zeros_like(arrays["slabs"])}, asked))
    away = arrays["weights"].copy()
    away[0] += 3.0
    assert not any(found(head, {**arrays, "weights": away}, asked))


def test_a_missing_leaf_proves_no_point_that_needs_it() -> None:
    head, arrays, asked = example()
    bare = {**arrays, "leaf_count": np.zeros_like(arrays["leaf_count"]), "leaf": arrays["leaf"][:0],
            "leaf_weights": arrays["leaf_weights"][:0]}
    answer = found(head, bare, asked)
    assert not any(yes for yes, number in zip(answer, arrays["numbers"][0], strict=True) if number > 0)


def test_leaves_of_other_weights_prove_nothing() -> None:
    head, arrays, asked = example()
    other = {**arrays, "leaf_weights": arrays["leaf_weights"] + 0.5}
    answer = found(head, other, asked)
    assert not any(yes for yes, number in zip(answer, arrays["numbers"][0], strict=True) if number > 0)


def test_children_at_each_others_centres_prove_nothing() -> None:
    head, arrays, asked = example()
    assert len(arrays["branch"]) > 2
    weights = arrays["weights"].copy()
    weights[[1, 2]] = weights[[2, 1]]
    answer = found(head, {**arrays, "weights": weights}, asked)
    assert not any(yes for yes, number in zip(answer, arrays["numbers"][0], strict=True) if number > 1)


def test_codes_out_of_range_are_refused() -> None:
    head, arrays, asked = example()
    with pytest.raises(Invalid, match="code"):
        found(head, {**arrays, "slabs": arrays["slabs"] + len(TABLE)}, asked)


def test_of_a_box_that_begins_later_fewer_rows_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are the hot ones from there on; those before it are none of its, and are not passed over again."""
    asked: list[tuple[int, int]] = []
    held = SimpleNamespace(holds=lambda at, apart: bool(asked.append((at, apart))))
    monkeypatch.setattr(labels, "row_lengths", lambda *_: dict.fromkeys(range(9), 1.0))
    monkeypatch.setattr(labels, "steps", lambda b, rows, *_: rows)
    monkeypatch.setattr(labels, "Bound", lambda rows, *_: SimpleNamespace(proved=rows == [7, 4, 8]))
    monkeypatch.setattr(labels, "Drops", lambda *_: held)
    node = SimpleNamespace(hot=[5, 6, 7], boxes=[(2, [0], None)])
    b = SimpleNamespace(c=SimpleNamespace(sums=None, out=[]), X=None, off=None, big=None)
    left = labels.left_of_labels(node, SimpleNamespace(free=[4, 5, 6, 7, 8], k=2), b,
                                 SimpleNamespace(some=lambda which: which), {0: 3, 1: 1, 2: 2})
    assert left == {0, 1, 2} and asked == [(0, 1), (1, 0)]  # of points 0 and 2; fewer are apart for point 1
