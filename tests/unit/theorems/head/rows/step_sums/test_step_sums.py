"""D20: changed labels of rows that carry weights, against every refit of small heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from certify.finders.head.plain import PlainRefits
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.step_sums import listed as lists
from certify.theorems.head.rows.step_sums import method, search
from certify.theorems.head.rows.step_sums.bound import Bound, bound
from certify.theorems.head.rows.step_sums.listed import listed
from certify.theorems.head.rows.step_sums.method import StepSums, relabelled, settings
from certify.theorems.head.rows.step_sums.steps import Steps, steps
from certify.theorems.head.rows.survey import survey
from tests.families.heads import any_rows
from tests.families.other_heads import other_head
from tests.oracles import head_rows

KINDS = ("rows", "labels", "both")


def drawn(seed: int, weights: str, n: int = 16, decay: tuple[float, float] = (-1.0, 0.0)) -> Head:
    """A head with many points near its border."""
    rng = np.random.default_rng([20, seed])
    head = other_head(rng, "logistic", n=n, d=1, N=1, free=seed % 2 == 0, weights=weights,
                      decay=float(10.0 ** rng.uniform(*decay)))
    edge = -head.V[0, 1] / head.V[0, 0]
    points = np.stack([edge + np.linspace(-8.0, 8.0, 60) ** 3 / 64.0, np.ones(60)], axis=1)
    return replace(head, points=points, points_rad=np.zeros(60))


def bounded(head: Head, k: int, wrong: Callable[[Steps], Steps] = lambda st: st) -> Bound | None:
    st = steps(head, relabelled(head, np.arange(head.n)), lambda: None)
    return None if st is None else bound(wrong(st), k)


def refits(head: Head, b: Bound, which: Array) -> Array:
    """Near the refits after some choices, to many digits."""
    rows = b.steps.rows[which]
    order = np.argsort(rows, axis=1)
    rows = np.take_along_axis(rows, order, axis=1)
    assert head.label is not None
    choices = Choices(rows, 1 - head.label[rows])
    return np.asarray(PlainRefits(head).newton(choices, np.repeat(b.steps.w[None, None], len(rows), axis=0))[:, 0])


def farther(head: Head, b: Bound) -> tuple[int, float]:
    """How many refits lie farther from their sums than is said, and the largest part of it that one takes."""
    A, lies, most = np.linalg.inv(b.X), 0, 0.0
    for r in range(1, b.k + 1):
        which = np.array(list(combinations(range(len(b.steps.rows)), r)))
        away = refits(head, b, which) - (b.steps.w + b.steps.delta[which].sum(axis=1))
        parts = np.sqrt(np.einsum("bi,ij,bj->b", away, A, away)) / b.far(which)
        lies += int((parts > 1.0 + 1e-6).sum())
        most = max(most, float(parts[parts <= 1.0 + 1e-6].max(initial=0.0))) if r > 1 else most
    return lies, most


@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_every_refit_is_as_near_to_its_sum_as_is_said(weights: str, k: int) -> None:
    proved, most = 0, 0.0
    for seed in range(4):
        head = drawn(seed, weights, n=14, decay=(-0.5, 0.5))
        b = bounded(head, k)
        if b is None:
            continue
        lies, part = farther(head, b)
        assert not lies
        proved, most = proved + 1, max(most, part)
    assert proved >= 2 and (k == 1 or most > 0.2), (proved, most)


@pytest.mark.parametrize(("weights", "count"), [("rows", 2), ("labels", 2), ("both", 2), ("balanced", 1),
                                                ("balanced", 2), ("labels", 3)])
def test_what_is_proved_stays_at_every_refit(weights: str, count: int) -> None:
    for seed in (10, 12) if weights == "balanced" else (10,):
        head = drawn(seed, weights, 18 if count < 3 else 14, decay=(-0.5, 0.3))
        change = any_rows(head, count, True)
        assert not StepSums().able(head, change)
        part = StepSums().prove(head, change, head.today >= 0, Budget())
        truth = head_rows.stays(head, change)
        assert part is not None and part.flips is not None
        assert not (part.proved & ~truth).any() and not truth[part.flips.point >= 0].any()
        assert part.proved.sum() + (part.flips.point >= 0).sum() >= 0.9 * len(truth)
        assert 0 < truth.sum() < len(truth)


WRONG: dict[str, tuple[str, Callable[[Steps], Steps]]] = {
    "a row counts as before": ("labels", lambda st: replace(st, gain=0.0 * st.gain, lost=0.0 * st.lost)),
    "weights are left out": ("rows", lambda st: replace(st, heavy=st.heavy ** 0.0)),
    "rows do not move": ("both", lambda st: replace(st, signed=0.0 * st.signed, off=0.0 * st.off)),
    "steps leave nothing": ("both", lambda st: replace(st, delta=1.02 * st.delta)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_are_found_out(name: str) -> None:
    weights, wrong = WRONG[name]
    assert sum(lies_of(seed, weights, wrong) for seed in range(8))


def least_left(b: Bound) -> tuple[float, float]:
    """Of A the least part that the sum's curvature is after one change, at its step, and what is said of it."""
    head, root = b.steps.head, np.linalg.cholesky(b.X)
    assert head.label is not None and head.weights is not None
    one = relabelled(head, b.steps.rows)
    plain, W = PlainRefits(head), (b.steps.w + b.steps.delta)[:, None, :]
    Y, c, mu = plain.terms(one)
    H = plain.hessians(plain.gradients(W, Y, c, mu)[1], Y, c, mu)
    left = np.array([np.linalg.eigvalsh(root.T @ M @ root)[0] for M in H])
    worst = int(np.argmin(left - (1.0 - b.taken)))
    return float(left[worst]), float(1.0 - b.taken[worst])


def test_the_new_weight_of_a_row_takes_curvature() -> None:
    """Rows that count a fiftieth with their new label; a version in which they count as before says too much."""
    lies = 0
    for seed in range(8):
        head = drawn(seed, "labels", n=12, decay=(-1.5, -0.5))
        head = replace(head, weights=RowWeights(np.ones(12), np.array([1.0, 0.02])))
        b = bounded(replace(head, V=Refitter(head).V0), 1)
        if b is not None:
            left, said = least_left(b)
            assert left >= said - 1e-9
            lies += least_left(replace(b, taken=0.0 * b.taken))[0] < 1.0 - 1e-6
    assert lies


def test_pairs_are_needed() -> None:
    lies = 0
    for seed in range(3):
        b = bounded(drawn(seed, "labels", n=14, decay=(-0.5, 0.5)), 2)
        lies += 0 if b is None else farther(b.steps.head, replace(b, pairs=0.0 * b.pairs))[0]
    assert lies


def lies_of(seed: int, weights: str, wrong: Callable[[Steps], Steps]) -> int:
    """Refits that a wrong version lets lie too near, of a head whose labels weigh as differently as it gets."""
    head = drawn(seed, weights, n=14, decay=(-0.5, 0.5))
    b = bounded(head, 2, wrong)
    return 0 if b is None else farther(head, b)[0]


def brute(each: Array, k: int, need: float) -> set[tuple[int, ...]]:
    return {which for r in range(1, k + 1) for which in combinations(range(len(each)), r)
            if each[list(which)].sum() >= need}


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_all_choices_that_reach_what_is_needed_are_listed_once(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "AT_ONCE", 7)
    rng = np.random.default_rng(k)
    for _ in range(40):
        each = rng.choice([0.0, 0.5, 1.0, 2.0], 7) if rng.random() < 0.3 else rng.exponential(size=7)
        need = float(rng.uniform(0.1, 1.0) * np.sort(each)[-k:].sum())
        found = [tuple(sorted(one)) for batch in listed(each, k, need) for one in batch.tolist()]
        assert len(found) == len(set(found))
        if need > 0.0:
            assert set(found) == brute(each, k, need)


def test_points_are_looked_at_choice_by_choice_where_the_bound_is_coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pairs count thirty times as much fewer points are proved at once, and their choices are refitted."""
    solved = 0
    refitted = search.Search._refitted

    def counted(self: search.Search, which: Array) -> Array:
        nonlocal solved
        solved += len(which)
        return refitted(self, which)

    monkeypatch.setattr(search.Search, "_refitted", counted)
    monkeypatch.setattr(method, "in_a_box", lambda *given: given[4][:0])
    monkeypatch.setattr(method, "bound", lambda st, k: None if (b := bound(st, k)) is None else replace(
        b, pairs=30.0 * b.pairs))
    head = drawn(5, "labels", n=14, decay=(0.3, 1.0))
    change = any_rows(head, 2, True)
    part, truth = StepSums().prove(head, change, head.today >= 0, Budget()), head_rows.stays(head, change)
    assert part is not None and part.flips is not None and solved > 40
    assert not (part.proved & ~truth).any() and part.proved.sum() >= 0.9 * truth.sum()


def test_settings_of_balanced_weights_hold_every_split_once() -> None:
    head = drawn(0, "balanced", n=12)
    found = list(settings(head, any_rows(head, 2, True)))
    assert sorted(s.exactly for s in found if s.exactly) == [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]
    assert head.label is not None
    for s in found:
        assert s.exactly is not None and s.k == sum(s.exactly)
        assert set(head.label[s.rows].tolist()) == {y for y, count in enumerate(s.exactly) if count}


def test_a_time_that_is_up_leaves_what_is_proved() -> None:
    head = drawn(0, "labels")
    part = StepSums().prove(head, any_rows(head, 2, True), head.today >= 0, Budget(0.0))
    assert part is not None and not part.proved.any() and part.late


def test_refuses_what_it_is_not_about() -> None:
    head = drawn(0, "labels")
    change = any_rows(head, 2, True)
    rng = np.random.default_rng(0)
    assert not StepSums().able(head, change)
    assert "deleted" in StepSums().able(head, any_rows(head, 2, False))
    assert "count the same" in StepSums().able(replace(head, weights=None), change)
    assert "inexact" in StepSums().able(replace(head, phi_rad=head.phi_rad + 1e-9), change)
    assert "cross_entropy" in StepSums().able(other_head(rng, "cross_entropy", weights="rows"), change)
    balanced = drawn(0, "balanced", n=6)
    assert "lose all its rows" in StepSums().able(balanced, any_rows(balanced, 3, True))


def test_the_survey_decides_weights_by_label_by_it() -> None:
    head = drawn(1, "labels", n=40, decay=(-0.5, 0.0))
    got = survey(head, any_rows(head, 3, True), 60.0)
    assert got.undecided.sum() <= 1 and got.proved.any() and got.attacked.any()
