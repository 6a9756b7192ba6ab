"""D35: rows that all have the same numbers, of which every bound is as small as the theorem lets it be."""

from __future__ import annotations

from math import comb
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.theorems.head.rows.softmax_steps import bound
from certify.theorems.head.rows.softmax_steps.bound import Margins, added, shares, worst
from certify.theorems.head.rows.softmax_sums.moves import Moves
from certify.theorems.head.rows.softmax_sums.table import AROUND, FOURTH

F, NONE, SINGLE, PAIR, THIRD, RANGE = 7, 0.004, 0.01, 0.003, 0.002, 0.1
LOST, FEW, THETA, TAKES, LENGTH = 0.02, 0.05, 0.5, 0.07, 3.0
CLOSE = 1e-5


def node_of(most: int, times: float = 1.0) -> Any:
    """A node of seven rows with one number of each kind; `times` all that is left of gradients."""
    one = np.ones((F, 1))
    moves = Moves(SimpleNamespace(), np.arange(F), RANGE * one, one, THIRD * times * one, one)  # type: ignore[arg-type]
    t = SimpleNamespace(
        m=SimpleNamespace(h=np.ones(1)), single=times * np.append(np.full(F, SINGLE), NONE),
        pair=times * np.pad(PAIR * (1.0 - np.eye(F)), (0, 1)), theta=np.full(len(AROUND), THETA),
        lost=np.tile(np.append(np.full(F, LOST), 0.0), (len(AROUND), 1)), few=np.full(len(AROUND), FEW))
    return SimpleNamespace(tables=(t,), moves=moves, rows=np.arange(F), most=most)


def left(most: int) -> float:
    """R_T of `most` rows, but that the gradient of the centre counts for each of them."""
    third = FOURTH * np.exp(max(most - 3, 0) * RANGE) * THIRD
    return most * SINGLE + comb(most, 2) * PAIR + comb(most, 3) * float(third)


@pytest.mark.parametrize("most", [2, 3, 4, 5])
def test_one_number_of_each_row(most: int) -> None:
    node = node_of(most)
    rho = added(node.tables[0], node.moves, np.arange(F), most)
    assert rho[-1] == NONE
    assert left(most) <= most * rho[0] <= left(most) * (1.0 + CLOSE)


@pytest.mark.parametrize("most", [2, 3, 4, 5])
@pytest.mark.parametrize("number", bound.LOOKED)
def test_how_far_is_looked(most: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that reach a are not bounded, and those that nearly do are."""
    monkeypatch.setattr(bound, "LOOKED", (number,))
    m = Margins(np.zeros((F + 1, 1, 1)), np.ones((1, 1)), (np.ones((1, 1)),))
    exact = AROUND[number] * THETA * (1.0 - FEW - most * LOST) / left(most)
    assert not list(shares(node_of(most, exact * (1.0 + CLOSE)), m, np.arange(F)))
    assert len(list(shares(node_of(most, exact * (1.0 - CLOSE)), m, np.arange(F)))) == 2


@pytest.mark.parametrize("most", [2, 3, 4, 5])
def test_margins(most: int) -> None:
    """What is taken of them by (i), and by (ii)."""
    gap = 4.0
    m = Margins(np.pad(np.full((F, 1, 1), TAKES), ((0, 1), (0, 0), (0, 0))), np.full((1, 1), gap),
                (np.full((1, 1), LENGTH),))
    lost = FEW + most * LOST
    exact = ((most * TAKES + LENGTH * left(most) / (THETA * (1.0 - lost))) / gap,
             (most * TAKES + LENGTH * left(most) / THETA) / gap + lost)
    found = [float(bound.top(each, most)[0, 0]) + float(all_) for each, all_ in shares(node_of(most), m, np.arange(F))]
    assert found and len(found) % 2 == 0  # of each a that is far enough
    for number, value in enumerate(found):
        assert exact[number % 2] <= value * (1.0 + 1e-9) and value <= exact[number % 2] * (1.0 + CLOSE)


def test_no_row_may_follow() -> None:
    """What is left of the gradient at the centre counts where all rows are set apart."""
    m = Margins(np.zeros((F + 1, 1, 1)), np.ones((1, 1)), (np.full((1, 1), LENGTH),))
    found = [float(bound.top(each, 3)[0, 0]) + float(all_)
             for each, all_ in shares(node_of(3), m, np.arange(0))]
    exact = LENGTH * NONE / (THETA * (1.0 - FEW)), LENGTH * NONE / THETA + FEW
    assert found and all(exact[number % 2] * (1.0 - CLOSE) <= value <= exact[number % 2] * (1.0 + CLOSE)
                         for number, value in enumerate(found))


def test_steps_that_give_take_nothing() -> None:
    """No row at all is a choice, too: what the others would give is not subtracted from what it takes."""
    m = Margins(np.pad(np.full((F, 1, 1), -TAKES), ((0, 1), (0, 0), (0, 0))), np.ones((1, 1)), (np.ones((1, 1)),))
    for each, _ in shares(node_of(2), m, np.arange(F)):
        assert (each >= 0.0).all()
    assert len(list(shares(node_of(2), m, np.arange(F))))


def test_the_least_bound_counts_what_all_choices_lose() -> None:
    """A row that takes half of the curvature and little else: by (ii) it does not double what the others take."""
    node = node_of(2)
    t = node.tables[0]
    t.lost[:, 0], t.single[1:F], t.pair[:] = 0.5, 0.1, 0.0
    m = Margins(np.zeros((F + 1, 1, 1)), np.ones((1, 1)), (np.ones((1, 1)),))
    found = [float(bound.top(each, 2)[0, 0]) + float(all_) for each, all_ in shares(node, m, np.arange(F))]
    exact = 0.5 + SINGLE / THETA + 0.1 / THETA + LOST + FEW
    assert exact <= min(found) * (1.0 + 1e-9) and min(found) <= exact * (1.0 + CLOSE) and exact < 0.9 * found[0]
    best, _ = worst(node, m, np.arange(F))
    assert exact <= best[0] * (1.0 + 1e-9) and best[0] <= exact * (1.0 + CLOSE)
