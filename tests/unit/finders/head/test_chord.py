"""Refits by steps that share one inverse, and pulls of rows that are relabelled, against gradients written afresh."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from certify.finders.head import newton as refits
from certify.finders.head.floats import FloatHead, float_head
from certify.finders.head.newton import Newton, Sets
from certify.finders.head.upper.chord import ChangedRows, Chords
from certify.finders.head.upper.own import new_pulls
from tests.unit.finders.head.test_attack import drawn, gradient


def large(monkeypatch: pytest.MonkeyPatch, head: FloatHead) -> Newton:
    """As of a head of many weights."""
    monkeypatch.setattr(refits, "SMALL", 0)
    newton = Newton(head)
    assert newton.chords and not newton.direct
    return newton


@pytest.mark.parametrize("loss", ["logistic", "squared", "cross_entropy"])
@pytest.mark.parametrize("deletes", [True, False])
def test_that_all_pairs_are_refitted(monkeypatch: pytest.MonkeyPatch, loss: str, deletes: bool) -> None:
    """The decay is 1 in all directions: weights are no further from the refit than the gradient is long."""
    head = drawn(loss, 2, lost=0.05 if deletes else 0.0)
    newton, kinds = large(monkeypatch, head), [-1] if deletes else range(len(head.codes))
    every = [(rows, codes) for rows in combinations(range(-1, len(head.phi)), 2) for codes in product(kinds, repeat=2)
             if all(r < 0 or head.label[r] != c for r, c in zip(rows, codes, strict=True))]
    sets = Sets(np.array([rows for rows, _ in every]), np.array([codes for _, codes in every]))
    start = np.repeat(newton.centre[None], len(sets), axis=0)
    for tol, longest in ((1e-4, 2e-2), (1e-10, 1e-8)):
        V, ok = newton.refit(sets, start, tol)
        assert ok.all()
        assert max(np.linalg.norm(gradient(head, *of)) for of in zip(sets.rows, sets.codes, V, strict=True)) < longest
    V, ok = newton.refit(sets, start, over=lambda: True)
    assert not ok.any() and (V == start).all()


def test_that_matrices_of_changed_rows_are_small_and_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    head, sizes, begun = drawn("cross_entropy", 2), list[int](), refits.chords_of
    newton, R = large(monkeypatch, head), 2 * head.k

    def seen(head: FloatHead, P: np.ndarray, centre: np.ndarray, rows: ChangedRows) -> Chords:
        sizes.append(len(rows.phi))
        return begun(head, P, centre, rows)

    monkeypatch.setattr(refits, "chords_of", seen)
    monkeypatch.setattr(refits, "HELD", 400)
    rows = np.array(list(combinations(range(len(head.phi)), 2)))
    sets, start = Sets(rows, np.full_like(rows, -1)), np.repeat(newton.centre[None], len(rows), axis=0)
    for most, tried in ((R, True), (R - 1, False)):
        monkeypatch.setattr(refits, "OUTPUTS", most)
        sizes.clear()
        V, ok = newton.refit(sets, start)
        assert ok.all() and bool(sizes) == tried and all(B * R * (R + newton.size) <= 400 for B in sizes)
        assert all(np.linalg.norm(gradient(head, *of)) < 2e-2 for of in zip(sets.rows, sets.codes, V, strict=True))


def one_row(loss: str, codes: np.ndarray, size: float) -> FloatHead:
    """Everything but its one row is a parabola."""
    random = np.random.default_rng(7)
    phi, k = size * random.normal(size=(1, 4)), codes.shape[1]
    rest = {"codes": codes, "label": np.array([0])}
    start = float_head(phi, codes[:1], loss, 1.0, np.zeros((k, 4)), phi, **rest)
    return float_head(phi, codes[:1], loss, 1.0, Newton(start).centre, phi, **rest)


@pytest.mark.parametrize("size", [0.3, 1.0])
@pytest.mark.parametrize(("loss", "codes"), [("squared", np.eye(3)), ("cross_entropy", np.eye(3)),
                                             ("one_vs_rest", 2 * np.eye(3) - 1)])
def test_that_the_pull_of_the_only_row_leads_to_its_refit(loss: str, codes: np.ndarray, size: float) -> None:
    """And one that is asked of a head whose curvature is another one's does not."""
    head = one_row(loss, codes, size)
    newton = Newton(head)
    H = newton.hessians(Sets(np.array([[-1]]), np.array([[-1]])), head.outputs(newton.centre[None]))[0]
    pulls = new_pulls(head, newton.centre, newton.leverages())
    assert np.abs(pulls[0, 0]).max() < 1e-9  # its label is that one
    for c in (1, 2):
        V = newton.centre - np.linalg.solve(H, np.outer(pulls[0, c], head.phi[0]).ravel()).reshape(3, -1)
        assert np.linalg.norm(gradient(head, np.array([0]), np.array([c]), V)) < 1e-6
        wrong = new_pulls(replace(head, phi=2 * head.phi), newton.centre, newton.leverages())
        V = newton.centre - np.linalg.solve(H, np.outer(wrong[0, c], head.phi[0]).ravel()).reshape(3, -1)
        assert loss == "squared" or np.linalg.norm(gradient(head, np.array([0]), np.array([c]), V)) > 1e-6
