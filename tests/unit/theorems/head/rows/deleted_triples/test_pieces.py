"""D30: which points are left open, however choices come in pieces and rows are set apart, by points next to refits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.deleted_triples import closer, method, nearer, points, search
from certify.theorems.head.rows.deleted_triples.costs import Costs
from certify.theorems.head.rows.deleted_triples.method import DeletedTriples
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import logistic_head
from tests.unit.theorems.head.rows.deleted_triples.test_edges import next_to_refits

_left, _pieces, _takes = search.Triples._left, search.Triples._by_pieces, nearer.Nearer._takes


def last_piece(self: search.Triples, listed: search.Listed, size: int, look: search.Look, late: Any = None) -> Any:
    """The points of the last piece alone."""
    open_, _ = _pieces(self, listed, size, look, late)
    end = listed.some(np.arange(max(len(listed.r) - 1, 0) // size * size, len(listed.r)))
    return open_, look(end)[1] if len(end.r) else np.zeros(1, bool)


def forgotten(*given: Any) -> Any:
    """Nothing is open once rows are set apart."""
    open_, hot = _left(*given)
    return np.zeros_like(open_), hot




WRONG: dict[str, tuple[object, str, Any]] = {
    "points of the last piece": (search.Triples, "_by_pieces", last_piece),
    "points are forgotten": (search.Triples, "_left", forgotten),
    "points bear all at weights nearer": (nearer.Nearer, "_takes", lambda *given: _takes(*given) & False),
}


def looked(monkeypatch: pytest.MonkeyPatch, seed: int) -> tuple[int, int, int]:
    """Points that a refit flips and that are proved, those that one flips, and those that are proved."""
    rng = np.random.default_rng([97, seed])
    n = int(rng.integers(9, 13))
    head = logistic_head(rng, n, decay=float(10.0 ** rng.uniform(0.0, 1.6)))
    head = dataclasses.replace(head, decayed=np.ones(head.m, bool))
    change = RowChange(False, 3, tuple(range(n)))
    s, _ = oriented(head, change)
    E, W = next_to_refits(s.S, s.decay, rng)
    if not len(E):
        return 0, 0, 0
    E = np.concatenate([E, E + 0.02 * W[0] * np.linalg.norm(E, axis=1)[:, None]])
    for of in (nearer, points, closer):
        monkeypatch.setattr(of, "ROOM", 1.0)
    monkeypatch.setattr(method, "LEAST", 0)
    for name, value in (("PIECE", (1, 7)), ("SMALLER", (1, 7))):
        monkeypatch.setattr(search, name, int(rng.choice(value)))
    apart, child = int(rng.integers(0, n)), float(rng.choice([1e-9, 1e-2, 1e9]))
    own, formed = int(rng.integers(4, n + 1)), int(rng.choice([0, 5, 99]))
    monkeypatch.setattr(search, "costs", lambda *given: Costs(own, apart, formed, child, 5e-4, 5e-3, 0.0, 0.0, 0.0))
    near = dataclasses.replace(head, points=E, points_rad=np.zeros(len(E)))
    part = DeletedTriples().prove(near, change, near.today >= 0, Budget())
    assert part is not None
    flips = (E @ W.T).min(axis=1) < -1e-9 * np.abs(E @ W[0])
    return int((part.proved & flips).sum()), int(flips.sum()), int(part.proved.sum())


def test_no_point_next_to_a_refit_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    found = np.array([looked(monkeypatch, seed) for seed in range(24)]).sum(axis=0)
    assert found[0] == 0 and found[1] > 200 and found[2] > 5


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_what_is_forgotten_is_missed(monkeypatch: pytest.MonkeyPatch, what: str,
                                     wrong: tuple[object, str, Any]) -> None:
    monkeypatch.setattr(*wrong)
    assert any(looked(monkeypatch, seed)[0] for seed in range(60)), what
