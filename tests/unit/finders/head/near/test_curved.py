"""Newton steps without Hessians for new labels of large heads: they end at the refits, and survive what is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.finders.head.near import curved
from certify.finders.head.near.curved import CurvedSteps, fits
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, NONE, Choices
from certify.systems.head.rows.head import Head
from tests.families.heads import drawn_head


def case(seed: int, decay: float = 0.02) -> tuple[Head, Choices, Array, CurvedSteps]:
    """A head that nearly parts its classes, pairs and single ones of its labels, the refits, and steps."""
    head = drawn_head(np.random.default_rng(seed), "logistic", n=30, d=12, decay=decay, apart=2.0, N=40)
    assert head.label is not None
    rows = np.stack(np.triu_indices(12, 0), axis=1)
    rows[rows[:, 0] == rows[:, 1], 1] = NONE
    refitter = Refitter(head)
    choices = Choices(rows, np.where(rows == NONE, NONE, 1 - head.label[rows]))
    W = refitter.newton(choices, np.repeat(refitter.V0[None], len(rows), axis=0))[:, 0]
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    return head, choices, W, CurvedSteps(head, np.linalg.inv(refitter.hessians(nothing, refitter.V0[None])[0]))


@pytest.mark.parametrize("decay", [0.5, 0.02, 1e-4])
def test_they_end_at_the_refits(decay: float) -> None:
    for seed in range(3):
        head, choices, W, steps = case(seed, decay)
        V = steps.settle(choices, np.repeat(Refitter(head).V0, len(W), axis=0), 1e-9)
        assert np.abs(V - W).max() < 1e-6 * (1.0 + np.abs(W).max()) / min(1.0, head.mu()[0])


def test_the_best_that_was_met_is_kept_and_numbers_that_are_none_do_not_spread() -> None:
    _, choices, W, steps = case(0)
    start = W.copy()
    start[2, 0] = np.nan
    with np.errstate(all="ignore"):
        V = steps.settle(choices, start, 0.0)
    assert np.isfinite(np.delete(V, 2, axis=0)).all() and np.abs(np.delete(V - W, 2, axis=0)).max() < 1e-6


@pytest.mark.parametrize("goal", [1e-2, 1e-5, 1e-9])
def test_gradients_are_as_short_as_is_asked(goal: float) -> None:
    """Those that four bytes can tell nearly so, others in eight."""
    head, choices, W, steps = case(1)
    refitter = Refitter(head)
    V = steps.settle(choices, np.repeat(refitter.V0, len(W), axis=0), goal)
    size = np.linalg.norm(refitter.gradients(choices, V[:, None])[:, 0], axis=1)
    assert (size < 1.5 * goal + 1e-10).all() and (goal < 1e-4 or size.max() > goal / 1e6)


def test_columns_that_no_row_uses_have_no_weight() -> None:
    head = case(2)[0]
    phi = head.phi.copy()
    phi[:, [1, 4]] = 0.0
    head = replace(head, phi=phi)
    refitter, choices = Refitter(head), case(2)[1]
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    steps = CurvedSteps(head, np.linalg.inv(refitter.hessians(nothing, refitter.V0[None])[0]))
    V = steps.settle(choices, np.repeat(refitter.V0, len(choices), axis=0) + 0.1, 1e-9)
    W = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))[:, 0]
    assert (V[:, [1, 4]] == 0.0).all() and np.abs(V - W).max() < 1e-6 * (1.0 + np.abs(W).max())


def test_rows_that_four_bytes_do_not_hold_leave_the_start() -> None:
    head, choices, W, _ = case(0)
    head = replace(head, phi=head.phi * 1e30)
    V = CurvedSteps(head, np.eye(head.m)).settle(choices, W, 1e-9)
    assert V.shape == W.shape and np.isfinite(V).all()


def test_more_changes_than_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    head, choices, W, steps = case(1)
    monkeypatch.setattr(curved, "AT_ONCE", 7)
    V = steps.settle(choices, np.repeat(Refitter(head).V0, len(W), axis=0), 1e-9)
    assert np.abs(V - W).max() < 1e-6 * (1.0 + np.abs(W).max())


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many changes every call was about."""
    asked, settle = list[int](), CurvedSteps.settle

    def noted(self: CurvedSteps, choices: Choices, *given: Any) -> Array:
        asked.append(len(choices))
        return settle(self, choices, *given)

    monkeypatch.setattr(CurvedSteps, "settle", noted)
    monkeypatch.setattr(curved, "LARGE", 0)
    return asked


def test_refits_with_new_labels_take_them_and_without_rows_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    head, choices, W, _ = case(2)
    asked, refitter = counted(monkeypatch), Refitter(head)
    V = refitter.slow(choices, np.repeat(refitter.V0[None], len(W), axis=0), 0.0, lambda: None)
    assert asked == [len(W)] and np.abs(V[:, 0] - W).max() < 1e-6 * (1.0 + np.abs(W).max())
    gone = Choices(choices.rows[:5, :1], np.full((5, 1), DELETED))
    refitter.slow(gone, np.repeat(refitter.V0[None], 5, axis=0), 0.0, lambda: None)
    assert asked == [len(W)]


def test_steps_that_lead_astray_are_mended_by_hessians(monkeypatch: pytest.MonkeyPatch) -> None:
    head, choices, W, _ = case(3)
    monkeypatch.setattr(curved, "LARGE", 0)
    monkeypatch.setattr(CurvedSteps, "settle", lambda self, choices, V, *given: V + 0.1)
    refitter = Refitter(head)
    V = refitter.slow(choices, np.repeat(refitter.V0[None], len(W), axis=0), 0.0, lambda: None)
    assert np.abs(V[:, 0] - W).max() < 1e-6 * (1.0 + np.abs(W).max())


def test_it_is_for_large_heads_of_one_logistic_output(monkeypatch: pytest.MonkeyPatch) -> None:
    head = case(0)[0]
    assert not fits(head)
    monkeypatch.setattr(curved, "LARGE", 0)
    assert fits(head) and not fits(drawn_head(np.random.default_rng(0), "squared"))
