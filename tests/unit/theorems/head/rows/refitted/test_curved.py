"""New labels of a large logistic head without Hessians: against all refits and the checker, by good steps and bad."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array as Stored
from certify.check.theorems.head.rows import enumeration as checker
from certify.finders.head.near import curved
from certify.finders.head.near.curved import CurvedSteps
from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.refitted import curved as module
from certify.theorems.head.rows.refitted.walk import Walk
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.oracles.head_rows import stays

FINDS = CurvedSteps.settle


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Heads count as large, in several batches; how many changes every search for weights was about."""
    found = list[int]()

    def noted(self: CurvedSteps, choices: Choices, *given: Any) -> Array:
        found.append(len(choices))
        return FINDS(self, choices, *given)

    monkeypatch.setattr(curved, "LARGE", 0)
    monkeypatch.setattr(module.CurvedRefits, "most", 5)
    monkeypatch.setattr(CurvedSteps, "settle", noted)
    return found


def drawn(seed: int, free: bool | None = None, n: int = 12) -> Head:
    return drawn_head(np.random.default_rng(seed), "logistic", n=n, d=3, N=20, apart=2.0, decay=0.02, free=free)


def proof(head: Head, count: int = 1) -> Part:
    part = Enumeration().prove(head, any_rows(head, count, True), head.today >= 0, Budget())
    assert part is not None and part.flips is not None
    return part


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_both_ends_are_the_exhaustive_truth_and_the_checker_derives_them(
    seed: int, count: int, asked: list[int], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Refitter, "newton", only_of_today(Refitter.newton))
    head = drawn(seed, free=seed % 2 == 0)
    change = any_rows(head, count, True)
    truth, part = stays(head, change), proof(head, count)
    assert part.flips is not None and sum(asked) >= 12 and max(asked) <= 5
    assert (part.proved == truth).all() and ((part.flips.point >= 0) == ~truth).all()
    weights = part.arrays["weights"].astype(np.float64)
    weights[part.arrays["again"]] = part.arrays["exact"]
    array = Stored(weights.shape, tuple(map(float, weights.ravel())), "f")
    with ctx.workprec(64):
        found = checker.proved(ball_head(head, change), {"weights": array}, "here", part.proved.tolist())
        assert found == truth.tolist()


def only_of_today(newton: Any) -> Any:
    """Newton's method, for the refit of the given rows alone: steps decide the rest."""

    def solved(self: Refitter, choices: Choices, *given: Any) -> Array:
        assert choices.rows.shape[1] == 0 or not len(choices)
        found: Array = newton(self, choices, *given)
        return found

    return solved


def garbage(kind: str) -> Any:
    """Steps that lead anywhere."""
    rng = np.random.default_rng(3)

    def settle(self: CurvedSteps, choices: Choices, V: Array, *given: Any) -> Array:
        good = FINDS(self, choices, V, *given)
        if kind == "noise":
            return good + rng.standard_normal(V.shape)
        if kind == "another label's":
            return np.roll(good, 1, axis=0)
        if kind == "some none":
            return np.where(rng.random((len(V), 1)) < 0.5, np.nan, good)
        return np.full_like(V, {"none": np.nan, "endless": np.inf, "huge": 1e300, "nothing": 0.0}[kind])

    return settle


KINDS = ("noise", "another label's", "some none", "none", "endless", "huge", "nothing")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_steps_that_lead_anywhere_prove_nothing_false(kind: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn(seed)
    truth, whole = stays(head, any_rows(head, 1, True)), proof(head)
    monkeypatch.setattr(CurvedSteps, "settle", garbage(kind))
    mended = proof(head)  # Newton's method does what they missed
    assert (mended.proved == whole.proved).all() and (mended.proved == truth).all()
    newton = Refitter.newton
    monkeypatch.setattr(Refitter, "newton", lambda self, choices, V, *given: (
        V if choices.rows.shape[1] else newton(self, choices, V, *given)))
    part = proof(head)
    assert part.flips is not None and truth.any()
    assert not (part.proved & ~truth).any() and not ((part.flips.point >= 0) & truth).any()
    assert all(np.isfinite(array).all() for array in part.arrays.values())


@pytest.mark.parametrize("astray", ["the parent", "the row alone"])
def test_where_steps_lead_nowhere_from_one_start_they_go_from_the_other(astray: str,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    head, calls = drawn(1), list[bool]()
    truth = stays(head, any_rows(head, 1, True))

    def settle(self: CurvedSteps, choices: Choices, V: Array, *given: Any) -> Array:
        parent = bool((V == V[0]).all() and len(V) > 1)
        calls.append(parent)
        return V + 3.0 if parent == (astray == "the parent") and len(V) > 1 else FINDS(self, choices, V, *given)

    monkeypatch.setattr(CurvedSteps, "settle", settle)
    monkeypatch.setattr(Refitter, "newton", only_of_today(Refitter.newton))
    part = proof(head)
    assert part.flips is not None and (part.proved == truth).all() and ((part.flips.point >= 0) == ~truth).all()
    assert calls[0] and (astray != "the parent" or not any(calls[2:]))  # the next batch begins with what led there


def test_heads_of_fewer_rows_than_columns_go_by_the_inverse_at_the_parent() -> None:
    head = drawn(0)
    change = any_rows(head, 1, True)
    assert module.curved(head, change)
    wide = replace(head, phi=np.hstack([head.phi, np.zeros((head.n, head.n))]))
    assert wide.m > wide.n and not module.curved(wide, any_rows(wide, 1, True))


@pytest.mark.parametrize("seed", [0, 2])
def test_labels_that_rounding_leaves_open_take_no_hessian(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A point on the border of the refit that comes nearest to it stays open; the others are decided."""
    monkeypatch.setattr(module, "FEW", 0)  # a few are solved nevertheless
    head = drawn(seed, free=False)
    assert head.label is not None
    refitter, every = Refitter(head), Choices(np.arange(head.n)[:, None], 1 - head.label[:, None])
    V = refitter.newton(every, np.repeat(refitter.V0[None], head.n, axis=0))[:, 0]
    margins = (V @ head.points.T) * np.where(head.today == 1, 1.0, -1.0)
    at = int(np.argmax(margins.min(axis=0)))
    v = V[np.argmin(margins[:, at])]
    points = head.points.copy()
    points[at] -= (points[at] @ v) / (v @ v) * v
    head = replace(head, points=points)
    truth = stays(head, any_rows(head, 1, True))
    monkeypatch.setattr(Refitter, "newton", only_of_today(Refitter.newton))
    part, others = proof(head), np.arange(len(points)) != at
    assert part.flips is not None and head.today[at] >= 0
    assert not part.proved[at] and part.flips.point[at] < 0
    assert (part.proved == truth)[others].all() and ((part.flips.point >= 0) == ~truth)[others].all()


def test_no_gradient_is_asked_for_that_rounding_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    head, goals = replace(drawn(0), weight_decay=1e-12), list[float]()
    assert head.label is not None
    refitter = Refitter(head)
    refits = module.CurvedRefits(refitter, CurvedSteps(head, np.eye(head.m)), lambda part, *given, **named: np.ones(
        len(part), dtype=bool), lambda: None)

    def settle(self: CurvedSteps, choices: Choices, V: Array, goal: float, check: Any) -> Array:
        goals.append(goal)
        return V

    monkeypatch.setattr(CurvedSteps, "settle", settle)
    choices = Choices(np.array([[0]]), 1 - head.label[:1, None])
    refits.settle(choices, (np.zeros((1, 1, head.m)), np.zeros((1, 1, head.m))))
    assert len(goals) == 3 and min(goals) >= 1e-11 * refitter.scale


def test_flips_that_were_met_before_the_time_was_up_count(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn(1, n=40)
    truth, calls = stays(head, any_rows(head, 1, True)), list[int]()

    def late(self: CurvedSteps, choices: Choices, *given: Any) -> Array:
        calls.append(len(choices))
        if len(calls) > 6:
            raise OutOfTime
        return FINDS(self, choices, *given)

    monkeypatch.setattr(CurvedSteps, "settle", late)
    part = proof(head)
    assert part.flips is not None and len(calls) == 7
    assert not part.proved.any() and (part.flips.point >= 0).any() and not ((part.flips.point >= 0) & truth).any()


def test_whether_there_is_time_is_known_by_products_and_not_by_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    head, method = drawn(0), Enumeration()
    monkeypatch.setattr(Walk, "sample", lambda *given: pytest.fail("a trial was made"))
    monkeypatch.setattr(Walk, "settle", lambda *given: pytest.fail("a trial was made"))
    change = any_rows(head, 1, True)
    seconds = method.seconds(head, change)
    assert seconds == pytest.approx(12 * 12 * 4 * module.SECONDS)
    assert method.sure(head, change, seconds / 0.79) and not method.sure(head, change, seconds / 0.81)
    assert not method.sure(head, any_rows(head, 2, True), 1e6) and not method.sure(head, any_rows(head, 1, False), 1e6)
    monkeypatch.setattr(curved, "LARGE", 10**9)
    assert not method.sure(head, change, 1e6)


def test_weights_in_eight_bytes_count_in_what_a_certificate_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    head = drawn(0)
    change, method = any_rows(head, 1, True), Enumeration()
    held = (head.n + 1) * head.m * 3  # with the refit of no change
    arrays = proof(head).arrays
    assert arrays["weights"].itemsize == 4 and arrays["exact"].itemsize == 8
    assert arrays["weights"].nbytes + arrays["exact"].nbytes <= 4 * held
    monkeypatch.setattr("certify.theorems.head.rows.enumeration.STORED", held)
    assert not method.able(head, change)
    monkeypatch.setattr("certify.theorems.head.rows.enumeration.STORED", held - 1)
    assert "more than a certificate holds" in method.able(head, change)
    monkeypatch.setattr(curved, "LARGE", 10**9)
    assert not method.able(head, change)
