"""Any one label of a softmax head by steps without a Hessian of every refit: against all refits, and the checker."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import enumeration as checker
from certify.finders.head.near.descent import Descent
from certify.finders.head.near.leaves import parents, starts
from certify.finders.head.refits import Refitter
from certify.problem.limits import OutOfTime
from certify.systems.head.rows import refit
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.refitted import far as module
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.survey import leading, survey
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.oracles.head_rows import stays


def drawn(seed, n=9, free=None, classes=3):
    return drawn_head(np.random.default_rng(seed), "cross_entropy", n=n, N=12, apart=2.0, decay=0.1, free=free,
                      classes=classes)


def one_label(head):
    pairs = [(i, c) for i in range(head.n) for c in range(head.k) if c != head.label[i]]
    rows, codes = np.array(pairs).T
    return Choices(rows[:, None], codes[:, None])


@pytest.mark.parametrize("free", [False, True])
def test_steps_end_at_the_refits(free):
    head = drawn(1, n=40, free=free, classes=4)
    refitter, choices = Refitter(head), one_label(head)
    nothing = Choices(np.zeros((1, 0), dtype=np.int64), np.zeros((1, 0), dtype=np.int64))
    made = parents(refitter, nothing, refitter.V0[None])
    start = starts(head, made, np.zeros(len(choices), dtype=np.int64), choices.rows[:, 0], choices.codes[:, 0])
    way = Descent(head, made[0].V, choices, start)
    lengths = []
    for goal in (1e-2, 1e-9):
        way.to(np.full(len(choices), goal), lambda: None)
        g = refitter.gradients(choices, way.V)
        lengths.append(np.linalg.norm(g.reshape(len(g), -1), axis=1))
        assert np.abs(g - way.g).max() < 1e-4
    assert (lengths[0] < 2e-2).all() and (lengths[1] < 1e-8).all()
    exact = refitter.newton(choices, way.V)
    assert np.abs(head.phi @ (exact - way.V).transpose(0, 2, 1)).max() < 1e-6 or head.free_intercept


@pytest.mark.parametrize("seed", range(6))
def test_both_ends_are_the_exhaustive_truth_and_the_checker_derives_them(monkeypatch, seed):
    monkeypatch.setattr(module, "LEAST", 1)
    monkeypatch.setattr(module, "BATCH", 200)  # several batches
    head = drawn(seed)
    change = any_rows(head, 1, True)
    truth, part = stays(head, change), Enumeration().prove(head, change, head.today >= 0, Budget())
    assert (part.proved == truth).all() and ((part.flips.point >= 0) == ~truth).all()
    weights = part.arrays["weights"].astype(np.float64)
    if "again" in part.arrays:
        weights[part.arrays["again"]] = part.arrays["exact"]
    array = Array(weights.shape, tuple(map(float, weights.ravel())), "f")
    with ctx.workprec(64):
        found = checker.proved(ball_head(head, change), {"weights": array}, "here", part.proved.tolist())
        assert found == truth.tolist()
        turned = Array(array.shape, array.values[head.k * head.m :] + array.values[: head.k * head.m], "f")
        found = checker.proved(ball_head(head, change), {"weights": turned}, "here", part.proved.tolist())
    assert sum(found) < truth.sum() or not truth.any()


def test_it_goes_first_where_its_measured_time_fits_and_no_search_for_flips_precedes_it(monkeypatch):
    head = drawn(2)
    change = any_rows(head, 1, True)
    monkeypatch.setattr(Enumeration, "complete", lambda self, head, change: False)
    others = tuple(name for name in CLASSES if name != "softmax_labels")
    assert "enumeration" not in leading(head, change, Budget(10.0), others)
    monkeypatch.setattr(module, "LEAST", 1)
    monkeypatch.setattr(Enumeration, "seconds", lambda self, head, change: 8.0)
    assert "enumeration" in leading(head, change, Budget(10.0), others)
    assert "enumeration" not in leading(head, change, Budget(7.0), others)
    assert "enumeration" not in leading(head, any_rows(head, 1, False), Budget(10.0), others)
    said = []
    found = survey(head, change, 10.0, lambda stage, share: said.append(stage), others)
    assert said == ["a refit for each choice"] and (found.proved == stays(head, change)).all()


def test_out_of_time_it_says_nothing(monkeypatch):
    monkeypatch.setattr(module, "LEAST", 1)
    head = drawn(3)

    def up():
        raise OutOfTime

    budget = Budget()
    monkeypatch.setattr(budget, "check", up)
    part = Enumeration().prove(head, any_rows(head, 1, True), head.today >= 0, budget)
    assert not part.proved.any()


def test_a_long_row_does_not_end_a_proof_that_its_own_curvature_would_not(monkeypatch):
    monkeypatch.setattr(refit, "LARGE", 1)
    # one row of length 10^4: no curvature would survive if all fell by what its outputs move
    head = drawn(4, n=60, free=True)
    head.phi[0, :-1] *= 1e4
    refitter, choices = Refitter(head), one_label(head).part(slice(2, None))
    V = refitter.newton(choices, np.repeat(refitter.V0[None], len(choices), axis=0))
    V[:, 0, -1] += 1e-4
    V[:, 1, -1] -= 1e-4
    near = enclose_refits(head, choices, V)
    assert np.isfinite(near).any()
    assert (near[np.isfinite(near)] >= 1e-4).all()


def test_a_descent_ends_where_no_step_brings_anything():
    import numpy as np

    from certify.finders.head.near.descent import Descent

    way = object.__new__(Descent)
    way.V = way.g = np.ones((3, 2, 4))
    way._direction = lambda who: way.g[who]
    way._search = lambda who, d: who[:0]
    way._descend(np.zeros(3), lambda: None)
