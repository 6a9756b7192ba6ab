"""Steps in four bytes towards refits with changed labels: they end there, leave near ones alone, and never make NaN."""

from __future__ import annotations

import numpy as np

from certify.finders.head.near.labels import LabelSteps
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from tests.families.heads import drawn_head


def case(seed: int) -> tuple[Head, Whole, Array, Array]:
    """A head, all pairs of its rows, the refits with their labels changed, and an inverse Hessian of the others."""
    head = drawn_head(np.random.default_rng(seed), "logistic", n=9, d=4, decay=0.05, apart=2.0)
    assert head.label is not None
    rows = np.stack(np.triu_indices(head.n, 1), axis=1)
    refitter = Refitter(head)
    W = refitter.newton(Choices(rows, 1 - head.label[rows]), np.repeat(refitter.V0[None], len(rows), axis=0))[:, 0]
    return head, rows, W, LabelSteps(refitter).inverse(W.mean(axis=0))


def test_steps_end_at_refits_from_afar() -> None:
    for seed in range(4):
        head, rows, W, inverse = case(seed)
        steps, V = LabelSteps(Refitter(head)), np.zeros_like(W)
        for _ in range(12):
            V = steps.nearer(rows, V, inverse, 5)
        assert np.abs(V - W).max() < 1e-3 * (1.0 + np.abs(W).max())


def test_what_is_near_is_left_as_it_is_and_what_is_far_is_not() -> None:
    head, rows, W, inverse = case(1)
    V = W.astype(np.float32).astype(np.float64)
    V[3] += 1.0
    found = LabelSteps(Refitter(head)).nearer(rows, V, inverse, 3, near=0.01)
    assert (np.delete(found, 3, axis=0) == np.delete(V, 3, axis=0)).all()
    assert np.abs(found[3] - W[3]).max() < np.abs(V[3] - W[3]).max()


def test_numbers_that_are_none_are_given_back() -> None:
    head, rows, W, inverse = case(0)
    V = W.copy()
    V[2, 0], V[4, 1] = np.nan, 1e300
    with np.errstate(all="ignore"):
        found = LabelSteps(Refitter(head)).nearer(rows, V, inverse, 3)
    assert np.array_equal(found[[2, 4]], V[[2, 4]], equal_nan=True) and np.isfinite(np.delete(found, [2, 4], 0)).all()
