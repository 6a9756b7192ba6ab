"""D18 for two labels: proofs by sums of single steps alone, where no refit of a pair is believed or noted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice.metric import as_it_is, root_metric
from certify.theorems.head.rows.softmax_by_choice.pairs import pairs_of
from certify.theorems.head.rows.softmax_two_labels import search
from certify.theorems.head.rows.softmax_two_labels.method import SoftmaxTwoLabels
from tests.families.heads import any_rows
from tests.unit.theorems.head.rows.softmax_two_labels.test_softmax_two_labels import (
    NEAR,
    changed,
    drawn,
    truth,
)


def close(seed: int, n: int = 12) -> Head:
    """Points in between those of a head that many rows bear, of which some are lost under few choices alone."""
    head, t = drawn(seed, n, points=200), np.linspace(0.0, 1.0, 200)[:, None]
    head = replace(head, weight_decay=4.0 * head.weight_decay)
    return replace(head, V=Refitter(head).V0, points=t * head.points + (1.0 - t) * head.points[::-1])


@dataclass
class Seen:
    """The numbers of pairs that a search leaves open by sums, and of which points."""

    open: list[Whole] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def many(self, N: int) -> Whole:
        """`(N,)` the open pairs of each point, of those that were looked at."""
        found = np.full(N, -1)
        found[self.at] = [len(one) for one in self.open]
        return found


def alone(monkeypatch: pytest.MonkeyPatch, pairs: bool = False) -> Seen:
    """No choice that flips a point is noted, and, unless `pairs`, no refit of a pair gives a label."""
    seen, opened, sides = Seen(), search.Search._opened, search.Search._sides

    def noted(self: search.Search, found: Any, lines: Any, *rest: Array) -> list[Whole]:
        lists = opened(self, found, lines, *rest)
        seen.at, seen.open = lines.at.tolist(), lists
        return lists

    def unknown(self: search.Search, choices: Choices, V: Array) -> Whole:
        return np.full((len(V), len(self.todo)), -1) if choices.rows.shape[1] == 2 else sides(self, choices, V)

    monkeypatch.setattr(search.Search, "_opened", noted)
    if not pairs:
        monkeypatch.setattr(search.Search, "_sides", unknown)
        monkeypatch.setattr(Found, "take", lambda self, choices, V, sides: None)
    return seen


def proof(head: Head, change: RowChange) -> Part:
    part = SoftmaxTwoLabels().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    return part


@pytest.mark.parametrize(("seed", "n"), [(0, 12), (2, 12), (1, 24)])
def test_points_stay_by_sums_alone_where_no_pair_is_open(seed: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs whose refits give no label leave a point open; those of which none is left prove it, and it stays."""
    head = close(seed, n)
    seen = alone(monkeypatch)
    part, many = proof(head, any_rows(head, 2, True)), seen.many(200)
    assert part.proved.tolist() == (many == 0).tolist() and (many > 0).any()
    assert part.proved.any() and (truth(head)[part.proved] > -NEAR).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sums_are_as_unsure_as_outputs_are(sign: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Margins of single steps that are off by as much as is said, those of the centre too."""
    head, margins = close(0), search.Search._margins

    def moved(self: search.Search, lines: Any) -> tuple[Array, Array]:
        found, off = margins(self, lines)
        shift = np.full((len(found), 1, 1), 0.05)
        shift[-1] *= sign
        return found + shift, off + 0.05

    monkeypatch.setattr(search.Search, "_margins", moved)
    alone(monkeypatch)
    part = proof(head, any_rows(head, 2, True))
    assert part.proved.any() and (truth(head)[part.proved] > -NEAR).all()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("row", [1, 5])
def test_single_labels_are_looked_at(seed: int, row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one row alone may change there is no pair, and points are lost by its labels."""
    head, change, refitted = close(seed), RowChange(True, 2, (row,)), list[int]()
    monkeypatch.setattr(search.Search, "_refit", lambda self, numbers: refitted.extend(numbers.tolist()))
    part, low = proof(head, change), of_row(head, row)
    assert part.flips is not None and not refitted and (part.flips.rows.tolist() in ([], [[row]], [[row]] * 2))
    alone(monkeypatch)
    proved = proof(head, change).proved
    assert (low[proved] > -NEAR).all() and (low < 0.0).any()
    assert proved.tolist() == part.proved.tolist()


def test_the_choice_of_no_row_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of today that the unchanged rows do not give, but the one label that may change does."""
    head = close(0)
    assert head.label is not None
    given = replace(head, V=changed(head, (1,), (1 - int(head.label[1]),)))
    alone(monkeypatch)
    proved = proof(given, RowChange(True, 2, (1,))).proved
    assert proved.any() and (given.today != head.today).any() and (given.today == head.today)[proved].all()


def of_row(head: Head, row: int) -> Array:
    """The least margin of today's labels under every label of a row."""
    assert head.label is not None
    each = np.arange(len(head.points))
    low = np.full(len(head.points), np.inf)
    for code in range(head.k):
        F = head.points @ changed(head, (row,), (code,)).T
        own = F[each, head.today].copy()
        F[each, head.today] = -np.inf
        low = np.minimum(low, own - F.max(axis=1))
    return low


def test_more_open_pairs_than_may_be_refitted_leave_a_point_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """All open pairs of a point are refitted, however many at a time, or it stays open."""
    kept, refit = list[bool](), search.Search._refit

    def noted(self: search.Search, numbers: Whole) -> None:
        refit(self, numbers)
        kept.append(bool(self._done[numbers].all()))

    monkeypatch.setattr(search.Search, "_refit", noted)
    monkeypatch.setattr(search, "AT_ONCE", 2)
    head = close(0)
    change, seen = any_rows(head, 2, True), alone(monkeypatch, pairs=True)
    proved, many = proof(head, change).proved, seen.many(200)
    assert proved[many > 2].any()
    assert all(kept) and len(kept) > 10
    monkeypatch.setattr(search, "OPEN", 1)
    assert not proof(head, change).proved[many > 1].any()


def test_a_centre_that_is_no_minimum_counts_half_for_each_step() -> None:
    """What single steps and the centre leave of gradients, in the norm of the inverse."""
    head = close(2)
    rng, singles = np.random.default_rng(0), next(choices_of(head, any_rows(head, 2, True), 1))
    c = centre(head, head.V + 0.1 * rng.standard_normal(head.V.shape))
    W = c.V + 0.1 * rng.standard_normal((len(singles), *c.V.shape))
    with np.errstate(all="ignore"):
        m = root_metric(as_it_is(c))
        assert m is not None
        found = pairs_of(m, c, singles.rows[:, 0], W, lambda: None, singles)
    assert found is not None and head.codes is not None
    inverse = np.linalg.inv(hessian(m.c, m.h))

    def left(V: Array, Y: Array) -> float:
        e = np.exp(head.phi @ V.T)
        g = (e / e.sum(axis=1, keepdims=True) - Y).T @ head.phi + head.n * head.weight_decay * head.decayed * V
        return float(np.sqrt(g.ravel() @ inverse @ g.ravel()))

    for i, (row, code) in enumerate(zip(singles.rows[:, 0], singles.codes[:, 0], strict=True)):
        Y = head.Y.copy()
        Y[row] = head.codes[code]
        page = left(W[i], Y) + 0.5 * left(c.V, head.Y)
        assert page * (1 - 1e-9) <= found.left[i] <= 2.0 * page and left(c.V, head.Y) > 0.1
