"""How far refits move: both ends against every refit of tiny heads in 300 bits, whichever way they are proved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.format.words import By
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.moves import claims, counted
from certify.theorems.head.rows.moves.boxed import level_of
from certify.theorems.head.rows.moves.counted import Farther
from certify.theorems.head.rows.moves.measures import Distance, Outputs
from certify.theorems.head.rows.moves.norms import farthest
from certify.theorems.head.rows.moves.search import search
from tests.effort import FULL
from tests.families.head_changes import any_rows, given
from tests.families.heads import drawn_head
from tests.oracles.head_changes import GONE, KEPT, Way, ways
from tests.oracles.head_refit import BITS, refit

LOSSES = ("logistic", "squared", "cross_entropy")


def refitted(head: Head, way: Way) -> np.ndarray:
    """The refit after one way of changing rows, rounded from 300 bits."""
    gone = [i for i, c in enumerate(way) if c == GONE]
    new = {i: head.codes[c].tolist() for i, c in enumerate(way) if c not in (KEPT, GONE)}
    with ctx.workprec(BITS):
        mu = arb(head.weight_decay) * (head.n - len(gone) if head.remaining else head.n)
        V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(), gone, new)
        return np.array([[float(x.mid()) for x in row] for row in V])


STEPS: dict[tuple[Any, ...], list[np.ndarray]] = {}


def steps_of(head: Head, allowed) -> list[np.ndarray]:
    """What every way moves the refit by, kept: it is asked of several measures, and takes most of the time."""
    every = tuple(ways(head, allowed))
    key = (*(a.tobytes() for a in (head.phi, head.Y, head.decayed)), head.loss.name, head.weight_decay, head.remaining,
           every)
    if key not in STEPS:
        V0 = refitted(head, (KEPT,) * head.n)
        STEPS[key] = [refitted(head, way) - V0 for way in every]
    return STEPS[key]


def truth(head: Head, allowed, kind: type) -> float:
    """The farthest of all refits from today's."""
    steps = steps_of(head, allowed)
    if kind is Distance:
        return max(float(np.linalg.norm(D)) for D in steps)
    return max(float(np.linalg.norm(head.points @ D.T, axis=1).max()) for D in steps)


def head_for(rng: np.random.Generator, loss: str, relabels: bool) -> Head:
    """A tiny head of which distances have a meaning, and whose classes keep a row."""
    free = False if loss == "cross_entropy" else None
    return drawn_head(rng, loss, n=7, N=4, free=free, remaining=not relabels and bool(rng.integers(2)))


@pytest.mark.parametrize("kind", [Distance, Outputs])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_both_ends_meet_at_the_farthest_refit(loss: str, relabels: bool, kind: type) -> None:
    for seed in range(4 if FULL else 2):
        rng = np.random.default_rng([seed, 16])
        head = head_for(rng, loss, relabels)
        change, allowed = (any_rows, given)[seed % 2](rng, head, relabels)
        found, true = claims.reach(head, change, kind, Budget(60.0)), truth(head, allowed, kind)
        assert found is not None and found.by is By.COUNTED
        assert found.farther.best.low <= true * (1 + 1e-12) and true * (1 - 1e-12) <= found.upper
        assert found.upper <= true * 1.00001 + 1e-9 and found.farther.best.low >= true * 0.99999 - 1e-9


@pytest.mark.parametrize("relabels", [False, True])
def test_the_tree_of_refits_says_the_same(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "ONE_BY_ONE", 0)
    for seed in range(6):
        rng = np.random.default_rng([seed, 17])
        head = head_for(rng, "logistic", relabels)
        change, allowed = any_rows(rng, head, relabels)
        for kind in (Distance, Outputs):
            found, true = claims.reach(head, change, kind, Budget(60.0)), truth(head, allowed, kind)
            assert found is not None and found.farther.best.low <= true * (1 + 1e-12)
            assert true * (1 - 1e-12) <= found.upper <= true * 1.00001 + 1e-9


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_norms_bound_every_refit_and_a_search_reaches_no_farther(loss: str, relabels: bool) -> None:
    for seed in range(4 if FULL else 2):
        rng = np.random.default_rng([seed, 18])
        head = drawn_head(rng, loss, n=7, N=4, free=False, remaining=not relabels and bool(seed % 2))
        change, allowed = any_rows(rng, head, relabels)
        for kind in (Distance, Outputs):
            farther = Farther(kind(head, head.V, 1e-9))
            search(head, change, farther, Budget(10.0))
            true = truth(head, allowed, kind)
            upper = farther.measure.seen(farthest(head, change, head.V) + 1e-9)
            assert 0 < farther.best.low <= true * (1 + 1e-12) and true <= upper < np.inf


@pytest.mark.parametrize("kind", [Distance, Outputs])
@pytest.mark.parametrize("relabels", [False, True])
def test_trees_of_boxes_bound_every_refit(relabels: bool, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "LEAVES", 1)
    monkeypatch.setattr(counted, "ONE_BY_ONE", 1)
    proved = 0
    for seed in range(8):
        if proved == 4 and not FULL:
            break
        rng = np.random.default_rng([seed, 20])
        head = drawn_head(rng, "logistic", n=9, N=4, decay=float(10.0 ** rng.uniform(-2, 0)), free=bool(seed % 2))
        change, allowed = any_rows(rng, head, relabels)
        found = claims.reach(head, change, kind, Budget(20.0))
        if found is None or found.by is not By.BOXES:
            continue
        true = truth(head, allowed, kind)
        assert found.farther.best.low <= true * (1 + 1e-12) and true * (1 - 1e-12) <= found.upper
        assert kind is Distance or found.upper <= 3.1 * true
        proved += 1
    assert proved > 2


def test_a_level_is_a_column_that_no_change_moves() -> None:
    for decay in (1e-6, 1e-2, 1.0, 1e3):
        head = drawn_head(np.random.default_rng(1), "logistic", decay=decay)
        level = level_of(head)
        assert level is not None
        z, mu = 0.5 * (level.low + level.high), head.mu()[0]
        assert mu * z == pytest.approx(level.a / (1 + np.exp(level.a * z)), rel=1e-9)


def test_where_choices_are_too_many_norms_answer_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "LEAVES", 3)
    monkeypatch.setattr(counted, "ONE_BY_ONE", 3)
    rng = np.random.default_rng(3)
    for free in (False, True):
        head = drawn_head(rng, "logistic", free=free)
        monkeypatch.setattr(Distance, "boxed", lambda *_: None)
        found = claims.reach(head, RowChange(False, 2, tuple(range(head.n))), Distance, Budget(60.0))
        assert found is not None and found.farther.best.low > 0
        assert (found.by, np.isfinite(found.upper)) == ((None, False) if free else (By.NORMS, True))
        assert bool(found.why) == free


def test_nothing_is_bounded_by_a_number_that_is_none() -> None:
    head = drawn_head(np.random.default_rng(5), "logistic", free=False)
    measure = Outputs(head, head.V, 0.0)
    V = np.stack([head.V, np.full_like(head.V, np.nan), np.full_like(head.V, 1e308), head.V])
    low, high = measure.ends(V, np.array([0.0, 0.0, 0.0, np.inf]))
    assert (low[1:] == 0).all() and np.isinf(high[1:]).all() and 0 <= low[0] <= high[0] < 1e-9
