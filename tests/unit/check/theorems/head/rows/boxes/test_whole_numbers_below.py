"""D6, leaves in whole numbers: below the root, and of rows that carry weights, they are not used."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes import many_leaves
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.tree import Node, proved
from certify.rigor.fp import Array
from tests.families.logistic_heads import refit

N, P, DECAY = 7, 3, np.full(3, 0.8)
EVERY = list(range(N))


def after(S: Array, changed: tuple[int, ...], relabels: bool, weights: Array | None = None) -> Array:
    kept, turned = np.ones(N) if weights is None else weights.copy(), S.copy()
    if relabels:
        turned[list(changed)] *= -1.0
    else:
        kept[list(changed)] = 0.0
    return refit(turned, kept, DECAY)


def example(seed: int) -> tuple[Array, Array]:
    g = np.random.default_rng([seed, 77])
    S = g.integers(0, 5, (N, P)) * np.where(np.arange(N) % 4 == 3, -1.0, 1.0)[:, None]
    e = g.integers(-4, 5, (40, P)).astype(float)
    return S, e * np.where(e @ refit(S, np.ones(N), DECAY) > 0, 1.0, -1.0)[:, None]


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    of: ModuleType = many_leaves
    monkeypatch.setattr(of, "LARGE", 0)
    monkeypatch.setattr(of, "MANY", 1)


@pytest.mark.parametrize("relabels", [False, True])
def test_nodes_below_the_root(relabels: bool) -> None:
    """All pairs of changes, all rows hot: with the refits all is proved, with those of single rows nothing false is."""
    kept = lost = 0
    for seed in range(12):
        S, e = example(seed)
        pairs = {(i, j): after(S, (i, j), relabels) for i in EVERY for j in EVERY[i + 1:]}
        single = [after(S, (i,), relabels) for i in EVERY]
        alone = np.min([e @ w for w in [refit(S, np.ones(N), DECAY), *single]], axis=0)
        least = np.minimum(alone, np.min([e @ w for w in pairs.values()], axis=0))
        for honest in (True, False):
            root = Node(-1, 0, refit(S, np.ones(N), DECAY).tolist(), EVERY, [N] * len(e), [], [])
            nodes = [root, *(Node(0, i, single[i].tolist(), [], [0] * len(e), [], [
                (j, (pairs[i, j] if honest else single[j]).tolist()) for j in EVERY[i + 1:]]) for i in EVERY)]
            with ctx.workprec(64):
                s = sums(S.tolist(), [arb(x) for x in DECAY], relabels)
                found = np.array(proved(s, points(e.tolist(), P), nodes, EVERY, 2, "x"))
            assert not (found & (least <= 0)).any()
            if honest:
                assert found[least > 1e-3].all()
                kept += int(found.sum())
        lost += int(((least < 0) & (alone > 1e-3)).sum())
    assert kept > 2 and lost > 2, (kept, lost)


@pytest.mark.parametrize("relabels", [False, True])
def test_rows_that_carry_weights(relabels: bool) -> None:
    """Refits of rows that all count 1 are no leaves of rows that do not."""
    lost = 0
    for seed in range(12):
        S, e = example(seed)
        weights = np.random.default_rng(seed).choice([0.125, 0.25, 1.0], N)
        w, plain = after(S, (), relabels, weights), [after(S, (i,), relabels) for i in EVERY]
        least = np.min([e @ after(S, (i,), relabels, weights) for i in EVERY], axis=0)
        node = Node(-1, 0, w.tolist(), [], [0] * len(e), [], [(i, plain[i].tolist()) for i in EVERY])
        with ctx.workprec(64):
            s = sums(S.tolist(), [arb(x) for x in DECAY], relabels, [arb(x) for x in weights])
            found = np.array(proved(s, points(e.tolist(), P), [node], EVERY, 1, "x"))
        assert not (found & (least <= 0)).any()
        lost += int(((least < 0) & (e @ w > 1e-3) & (np.min([e @ v for v in plain], axis=0) > 1e-3)).sum())
    assert lost > 2
