"""Columns that are combinations of others, as one column for each of some kinds is: boxes hold, checks follow."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows import box as checker
from certify.check.theorems.head.rows.boxes import products
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows import box
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import as_checked, refit, stored

ROWS, COUNT, KINDS = 1200, 3, 4


def one_column_for_each_kind() -> Head:
    """A number with a long tail, and KINDS columns of 0 and 1 that add up to the free intercept's column."""
    rng = np.random.default_rng(5)
    kind = rng.integers(0, KINDS, ROWS)
    phi = np.c_[rng.standard_normal(ROWS) * 300.0, np.eye(KINDS)[kind], np.ones(ROWS)]
    y = np.where(phi[:, 0] / 300.0 + 0.5 * (kind - 1) + rng.logistic(size=ROWS) > 0, 1.0, -1.0)
    decayed = np.arange(KINDS + 2) < KINDS + 1
    w = refit(phi * y[:, None], np.ones(ROWS), decayed.astype(float))
    at = rng.integers(0, KINDS, 20)
    e = np.c_[rng.standard_normal(20) * 300.0, np.eye(KINDS)[at], np.ones(20)]
    return Head(phi, np.zeros(ROWS), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64),
                LogisticHead(), w[None], 1.0 / ROWS, decayed, False, e, np.zeros(20))


def test_boxes_hold_where_the_decay_alone_holds_a_direction() -> None:
    head = one_column_for_each_kind()
    change = RowChange(False, COUNT, tuple(range(ROWS)))
    part = box.Box().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    assert part.proved.sum() >= 15
    s, points = box.oriented(head, change)
    pulls = np.argsort(-np.abs(points @ np.linalg.solve((s.S.T * 0.25) @ s.S + np.diag(s.decay), s.S.T)), axis=1)
    for j in np.flatnonzero(part.proved):  # refits of the choices that should do most
        kept = np.ones(ROWS)
        kept[pulls[j, :COUNT]] = 0.0
        assert points[j] @ refit(s.S, kept, s.decay) > 0
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(ROWS)), COUNT, False)
        assert checker.proved(twin, stored(part.arrays), "claim", part.proved.tolist()) == part.proved.tolist()


def nearly_no_decay() -> Head:
    """Three columns and two combinations of them: a condition of some 10^10."""
    rng = np.random.default_rng(7)
    n = 577
    x = rng.standard_normal((n, 3)) * 50.0
    phi = np.c_[x, x[:, 0] * 1.25, x[:, 1] - x[:, 2], np.ones(n)]
    y = np.where(x[:, 0] / 50.0 + rng.logistic(size=n) > 0, 1.0, -1.0)
    lam = 5e-6
    w = refit(phi * y[:, None], np.ones(n), np.full(6, lam * n))
    e = phi[:20] * rng.uniform(0.5, 1.5, (20, 1))
    e[:, -1] = 1.0
    return Head(phi, np.zeros(n), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64),
                LogisticHead(), w[None], lam, np.ones(6, bool), False, e, np.zeros(20))


def test_the_check_follows_where_the_condition_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    head = nearly_no_decay()
    part = box.Box().prove(head, RowChange(False, 1, tuple(range(head.n))), head.today >= 0, Budget())
    assert part is not None and part.proved.sum() >= 10

    def followed() -> list[bool]:
        with ctx.workprec(64):
            twin = as_checked(head, tuple(range(head.n)), 1, False)
            return checker.proved(twin, stored(part.arrays), "claim", part.proved.tolist())

    assert followed() == part.proved.tolist()
    monkeypatch.setattr(products, "INVERTED", 64)
    assert not all(followed()[j] for j in np.flatnonzero(part.proved))  # this takes these bits
