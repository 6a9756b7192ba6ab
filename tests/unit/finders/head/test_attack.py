"""Found sets are of at most m different rows, and their exact refits flip what they are said to flip."""

from __future__ import annotations

from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.finders.head import attack as search
from certify.finders.head import newton as refits
from certify.finders.head.attack import Attack, Flips, attack
from certify.finders.head.floats import FloatHead, float_head
from certify.finders.head.newton import Newton, Sets
from certify.finders.head.upper import promise
from tests.effort import FULL


def drawn(loss: str, seed: int = 0, free: bool = False, lost: float = 0.0) -> FloatHead:
    n, m, N = 12, 3, 9
    random = np.random.default_rng(seed)
    k = {"logistic": 1, "squared": 2, "cross_entropy": 3}[loss]
    phi = np.c_[random.normal(size=(n, m - 1)), np.ones(n)]
    codes = np.array([[-1.0], [1.0]]) if k == 1 else np.eye(k)
    label = np.argmax(phi[:, :1] * np.linspace(-1, 1, len(codes)) + random.normal(size=(n, len(codes))), axis=1)
    label[: len(codes)] = np.arange(len(codes))
    points = np.c_[random.normal(size=(N, m - 1)), np.ones(N)]
    decayed = np.ones(m, bool)
    decayed[-1] = not free
    arguments = (phi, codes[label], loss, 1.0)
    rest = {"decayed": decayed, "codes": codes, "label": label, "lost": lost}
    start = float_head(*arguments, np.zeros((k, m)), points, **rest)
    return float_head(*arguments, Newton(start).centre, points, **rest)


def labels(head: FloatHead, V: np.ndarray) -> np.ndarray:
    z = head.points @ V.T
    return (z[:, 0] > head.threshold).astype(int) if head.k == 1 else np.argmax(z, axis=1)


def gradient(head: FloatHead, rows: np.ndarray, codes: np.ndarray, V: np.ndarray) -> np.ndarray:
    """Written afresh, row by row."""
    there = rows >= 0
    Y, kept = head.targets.copy(), np.ones(len(head.phi), bool)
    for row, code in zip(rows[there], codes[there], strict=True):
        if code < 0:
            kept[row] = False
        else:
            Y[row] = head.codes[code]
    mu = head.decay - (~kept).sum() * head.lost
    z = head.phi @ V.T
    slopes = head.loss.slopes(z.T, Y.T).T * kept[:, None]
    return slopes.T @ head.phi + mu * V


def verified(head: FloatHead, flips: Flips, count: int, deletes: bool) -> None:
    for rows, codes, V in zip(flips.rows, flips.codes, flips.weights, strict=True):
        real = rows[rows >= 0]
        assert 1 <= len(real) <= count and len(set(real)) == len(real) and list(rows) == sorted(rows)
        assert (codes[rows < 0] == -1).all()
        assert (codes[rows >= 0] == -1).all() == deletes
        if not deletes:
            assert (codes[rows >= 0] != head.label[real]).all()
        assert np.linalg.norm(gradient(head, rows, codes, V)) < 1e-7
    for point, place in enumerate(flips.found):
        if place >= 0:
            assert labels(head, flips.weights[place])[point] != head.today[point]


@pytest.mark.parametrize("loss", ["logistic", "squared", "cross_entropy"])
@pytest.mark.parametrize("deletes", [True, False])
@pytest.mark.parametrize(("free", "lost"), [(False, 0.0), (True, 0.0), (False, 0.05)])
def test_that_found_flips_are_flips(loss: str, deletes: bool, free: bool, lost: float) -> None:
    for seed in range(3 if FULL else 2):
        head = drawn(loss, seed, free=free, lost=lost)
        for count in (1, 2, 4):
            verified(head, attack(head, deletes, count, 5.0), count, deletes)


def flipped_by_any(head: FloatHead, deletes: bool, count: int) -> np.ndarray:
    """Which evaluation rows some choice of at most so many rows flips, each fitted by Newton's method."""
    newton, kinds = Newton(head), [-1] if deletes else range(len(head.codes))
    truth = np.zeros(len(head.points), bool)
    for size in range(1, count + 1):
        every = [(rows, codes) for rows in combinations(range(len(head.phi)), size)
                 for codes in product(kinds, repeat=size) if (head.label[list(rows)] != codes).all()]
        some = Sets(np.array([rows for rows, _ in every]), np.array([codes for _, codes in every]))
        V, ok = newton.refit(some, np.repeat(newton.centre[None], len(some), axis=0), 1e-9)
        assert ok.all()
        truth |= np.any([labels(head, v) != head.today for v in V], axis=0)
    return truth


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("loss", "deletes", "count"), [
    ("logistic", True, 2), ("logistic", False, 2), ("cross_entropy", True, 2), ("cross_entropy", False, 2),
    ("logistic", True, 3), ("cross_entropy", True, 3), ("cross_entropy", False, 1)])
def test_that_all_choices_of_a_tiny_head_give_no_more(
    monkeypatch: pytest.MonkeyPatch, loss: str, deletes: bool, count: int, large: bool,
) -> None:
    """As small heads are refitted, and as large ones are."""
    head = drawn(loss, 1)
    truth = flipped_by_any(head, deletes, count)
    monkeypatch.setattr(refits, "SMALL", 0 if large else refits.SMALL)
    assert Newton(head).direct != large
    found = attack(head, deletes, count, 20.0).found >= 0
    assert (found == truth).all() and truth.any()


@pytest.mark.parametrize("large", [False, True])
def test_that_a_search_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    """What is no longer asked about is not answered, and what stands is."""
    monkeypatch.setattr(refits, "SMALL", 0 if large else refits.SMALL)
    head = drawn("cross_entropy", 1)
    at_once, whole = attack(head, False, 2, 20.0), Attack(head, False, 2)
    asked = np.ones(len(head.points), bool)
    verified(head, whole.run(0.0, asked), 2, False)
    asked[np.flatnonzero(at_once.found >= 0)[0]] = False
    later = whole.run(20.0, asked)
    verified(head, later, 2, False)
    assert ((later.found >= 0) == ((at_once.found >= 0) & asked)).all() and (later.found >= 0).any()
    assert (whole.run(20.0, np.zeros_like(asked)).found < 0).all()


def test_that_only_allowed_rows_change_and_that_the_answer_repeats() -> None:
    head = drawn("logistic", 2)
    allowed = np.array([1, 4, 5, 9])
    one, two = (attack(head, False, 3, 30.0, allowed) for _ in range(2))
    assert set(one.rows[one.rows >= 0]) <= set(allowed)
    assert (one.found == two.found).all() and (one.rows == two.rows).all() and (one.weights == two.weights).all()


def test_that_little_time_gives_less_and_nothing_wrong() -> None:
    head = drawn("cross_entropy", 3)
    verified(head, attack(head, True, 3, 0.0), 3, True)
    verified(head, attack(head, True, 3, 0.02), 3, True)


def test_a_count_above_the_rows_and_weights_that_are_no_numbers() -> None:
    head = drawn("squared", 4)
    verified(head, attack(head, False, 50, 5.0), 12, False)
    broken = float_head(head.phi * np.nan, head.targets, "squared", 1.0, head.weights, head.points)
    assert (attack(broken, True, 2, 5.0).found < 0).all()


@pytest.mark.parametrize("seconds", [0.0, 2.0, 9.0, 16.0])
@pytest.mark.parametrize("deletes", [True, False])
def test_that_the_search_ends_within_a_step_of_its_limit(
    monkeypatch: pytest.MonkeyPatch, seconds: float, deletes: bool,
) -> None:
    """On a clock that all scores of a batch of one margin move by a second."""
    now = [0.0]

    def slow(*given: Any) -> Any:
        now[0] += 1.0
        return scores(*given)

    scores = search.scores
    for module in (search, promise):
        monkeypatch.setattr(module, "scores", slow)
    monkeypatch.setattr(search, "LANES", 1)
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=lambda: now[0]))
    head = drawn("cross_entropy", 3)
    verified(head, attack(head, deletes, 3, seconds), 3, deletes)
    assert seconds <= now[0] <= seconds + 2.0


def test_a_search_that_begins_anew_leaves_out_what_it_began_with_other_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Attack(drawn("cross_entropy"), False, 2)
    asked = np.ones(len(one.head.points), bool)

    def stopped() -> None:
        one.starts.append(one._unchanged(np.arange(len(one.lanes))))
        one.end = 0.0

    monkeypatch.setattr(one, "_at_once", stopped)
    one.run(60.0, asked)
    assert not one.ended and len(one.starts) == 1
    before = one.starts[0]
    monkeypatch.undo()
    one.run(5.0, asked)
    assert one.ended and all(chains is not before for chains in one.starts)
