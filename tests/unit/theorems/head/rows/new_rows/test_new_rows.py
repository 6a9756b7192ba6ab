"""New rows of tiny heads: nothing that a grid of them, or corners, or random ones do contradicts what is proved."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, combinations_with_replacement, product
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier

import certify
from certify.finders.head.new_rows.search import Sums, compositions
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.network.network import Network
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_refits
from certify.theorems.head.rows.new_rows.energies import Energies
from certify.theorems.head.rows.new_rows.survey import NewFlips, refusal, with_new
from certify.theorems.head.rows.survey import survey
from tests.effort import FULL
from tests.families.heads import drawn_head


def change_of(rng: np.random.Generator, head: Head, deleted: int, added: int) -> NewRows:
    """New rows in a box about the data, smaller or as large."""
    X = head.phi if (head.phi[:, -1] != 1.0).any() else head.phi[:, :-1]
    low, high = X.min(axis=0), X.max(axis=0)
    shrink = float(10.0 ** rng.uniform(-2, 0))
    middle = (low + high) / 2
    low, high = middle + shrink * (low - middle), middle + shrink * (high - middle)
    return NewRows(deleted, added, tuple(range(head.n)), low, high)


def without_intercept(head: Head) -> Head:
    """The same rows and points for a head that has no intercept at all, at weights near its minimum."""
    bare = replace(head, phi=head.phi[:, :-1], points=head.points[:, :-1], V=head.V[:, :-1],
                   decayed=np.ones(head.m - 1, dtype=bool))
    return replace(bare, V=Refitter(bare).V0)


def candidates(rng: np.random.Generator, change: NewRows) -> list[np.ndarray]:
    """A grid of the box with its corners, and some more."""
    axes = [np.linspace(a, b, 9 if len(change.low) == 1 else 3) for a, b in zip(change.low, change.high, strict=True)]
    return [*map(np.array, product(*axes)), *rng.uniform(change.low, change.high, (3, len(change.low)))]


def sides(head: Head, change: NewRows, X: list[np.ndarray], labels: list[int], gone: tuple[int, ...]) -> np.ndarray:
    """The proved label of every point at the refit, −1 where none is."""
    there = with_new(head, np.array(X), np.array(labels, dtype=np.int64))
    kept = [i for i in range(there.n) if i not in gone]
    w = Sums(head, change).minimum(there.phi[kept], there.Y[kept, 0], head.V[0])
    rows = np.array([gone], dtype=np.int64).reshape(1, -1)
    near = enclose_refits(there, Choices(rows, np.full_like(rows, DELETED)), w[None, None])
    return head.sides(w[None, None], near)[0][0]


@pytest.mark.parametrize("free", [False, True, None])
@pytest.mark.parametrize(("deleted", "added"), [(0, 1), (0, 2), (1, 1)])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_no_new_rows_flip_what_is_proved(loss: str, deleted: int, added: int, free: bool | None) -> None:
    """`free` None: no intercept at all."""
    proved = 0
    for seed in range(6):
        if seed >= 3 and proved > 2 and not FULL:
            break
        rng = np.random.default_rng([seed, 21, deleted, added])
        head = drawn_head(rng, loss, n=14, d=1, N=8, free=bool(free), apart=3.0,
                          decay=float(10.0 ** rng.uniform(-1.5, 0.5)))
        head = without_intercept(head) if free is None else head
        change = change_of(rng, head, deleted, added)
        found = survey(head, change, 20.0)
        assert isinstance(found.flips, NewFlips) and not (found.proved & found.attacked).any()
        proved += int(found.proved.sum())
        if not found.proved.any():
            continue
        grid = candidates(rng, change)
        some = list(combinations_with_replacement(range(len(grid)), added))
        for at in some if added == 1 else [some[i] for i in rng.choice(len(some), 12, replace=False)]:
            for labels in product((0, 1), repeat=added):
                for gone in [(), *combinations(range(head.n), deleted)] if deleted else [()]:
                    after = sides(head, change, [grid[i] for i in at], list(labels), gone)
                    assert not (found.proved & (after >= 0) & (after != head.today)).any()
    assert proved > 2


def test_flips_are_changes_that_are_asked_about() -> None:
    rng = np.random.default_rng(5)
    head = drawn_head(rng, "logistic", n=12, d=2, N=20, decay=0.05)
    change = change_of(rng, head, 2, 2)
    flips = survey(head, change, 20.0).flips
    assert isinstance(flips, NewFlips) and len(flips.rows)
    for j in np.flatnonzero(flips.point >= 0):
        a = flips.point[j]
        gone = tuple(int(i) for i in flips.rows[a] if i >= 0)
        assert change.holds(flips.new[a]) and len(gone) <= 2
        after = sides(head, change, list(flips.new[a]), flips.labels[a].tolist(), gone)
        assert after[j] != head.today[j]


def test_more_rows_prove_no_more() -> None:
    rng = np.random.default_rng(8)
    head = drawn_head(rng, "logistic", n=12, d=2, N=20, decay=1.0, apart=3.0)
    counts = [int(survey(head, change_of(np.random.default_rng(1), head, *some), 20.0).proved.sum())
              for some in ((0, 1), (0, 2), (0, 4), (1, 1), (2, 2))]
    assert counts[0] >= counts[1] >= counts[2] and counts[0] >= counts[3] >= counts[4] and counts[0] > 0


def test_weights_that_cost_too_much_prove_nothing() -> None:
    rng = np.random.default_rng(8)
    head = drawn_head(rng, "logistic", n=12, d=2, N=20, decay=1.0, apart=3.0)
    change = change_of(np.random.default_rng(1), head, 0, 1)
    energies, sums = Energies(head, change), Sums(head, change)
    robust = [energies.robust(sums.robust(head.V[0], labels), labels) for labels in compositions(1, 2)]
    far = [energies.robust(100.0 * r.w, r.labels) for r in robust]
    stayed = 0
    for x, side in zip(head.points, head.today, strict=True):
        e = x if side == 1 else -x
        w = sums.minimum(head.phi, head.Y[:, 0], head.V[0], e, 0.0)
        stayed += energies.stays(e, 0.0, w, robust)
        assert not energies.stays(e, 0.0, w, far) and not energies.stays(e, 0.0, np.full_like(w, np.nan), robust)
        assert not energies.stays(-e, 0.0, w, robust)  # the other side
        assert not energies.stays(e, 0.0, head.V[0], robust)  # weights that do not lose the label bound nothing
    assert stayed


def test_what_it_is_not_for_is_said() -> None:
    rng = np.random.default_rng(2)
    change = NewRows(0, 1, (0,), np.zeros(2), np.ones(2))
    assert "one output" in refusal(drawn_head(rng, "cross_entropy"), change)
    assert "fixed" in refusal(drawn_head(rng, "logistic", remaining=True), change)
    assert not refusal(drawn_head(rng, "logistic"), change)
    head = drawn_head(rng, "logistic", free=True, n=6)
    every = NewRows(6, 6, tuple(range(6)), np.zeros(2), np.ones(2))
    assert not survey(head, every, 5.0).proved.any()  # no row of a label may be left


X = np.array([[-2.0, 0.1], [-1.5, -0.3], [-1.0, 0.2], [-0.5, 0.0], [0.5, 0.1], [1.0, -0.2], [1.5, 0.3], [2.0, 0.0]])


def problem() -> certify.Problem:
    y = (X[:, 0] > 0).astype(float)
    net = Network((np.array([[1.2, 0.0]]),), (np.zeros(1),), "identity")
    return certify.Problem(net, X, y=None, labels=y, loss="logistic", weight_decay=0.125, map="critical", set="sparse",
                           count=1, base="nearby", parameter="deletions", rows=tuple(range(8)))


def test_new_rows_are_asked_in_one_line() -> None:
    points = np.array([[-3.0, 0.0], [0.05, 0.0], [3.0, 0.0]])
    one = certify.stable_predictions(problem(), points, add=1)
    assert "any 1 row added" in repr(one) and set(one.proved) == {0, 2} and set(one.attacked) == {1}
    witness = one.witness(1)
    assert witness is not None and witness.rows == () and len(witness.new) == 1
    (features, target), = witness.new
    assert target in (-1.0, 1.0) and -2 <= features[0] <= 2
    small = certify.stable_predictions(problem(), points, replace=1, within=([-0.1, -0.1], [0.1, 0.1]))
    assert "replaced" in repr(small) and small.lower <= one.lower


@pytest.mark.parametrize("model", [LogisticRegression(fit_intercept=False, tol=1e-10),
                                   RidgeClassifier(fit_intercept=False)])
def test_a_fitted_model_without_intercept_is_answered(model: Any) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(60, 3))
    y = (rows @ [2.0, -1.0, 0.5] > 0).astype(int)
    points = np.vstack([3.0 * rng.normal(size=(8, 3)), np.zeros((1, 3))])  # the output of 0 is 0: it has no label
    asked = certify.from_sklearn(model.fit(rows, y), rows, y)
    one, other = (certify.stable_predictions(asked, points, within=(-np.ones(3), np.ones(3)), **{how: 1})
                  for how in ("add", "replace"))
    assert len(one.proved) > 2 and len(other.proved) and 8 not in {*one.proved, *one.attacked, *other.proved}
    today = model.predict(points)
    for x, label in product(product((-1.0, 0.0, 1.0), repeat=3), (0, 1)):
        gone = int(rng.integers(60))
        new, labels = np.vstack([rows, x]), np.append(y, label)
        after = clone(model).fit(new, labels).predict(points)
        assert (after == today)[one.proved].all()
        after = clone(model).fit(np.delete(new, gone, 0), np.delete(labels, gone)).predict(points)
        assert (after == today)[other.proved].all()


def test_a_row_for_another_number_of_weights_is_noticed() -> None:
    """Weights that cost little are sought among as many as the head has, and cost what the balls say they do."""
    head = without_intercept(drawn_head(np.random.default_rng(8), "logistic", n=12, d=2, N=4, decay=1.0, apart=3.0))
    change = change_of(np.random.default_rng(1), head, 0, 1)
    sums, energies = Sums(head, change), Energies(head, change)
    for labels in compositions(1, 2):
        w = sums.robust(head.V[0], labels)
        corners = [np.array(x) for x in product(*zip(change.low, change.high, strict=True))]
        code = head.codes[labels.index(1), 0] if head.codes is not None else 0.0
        worst = max(float(np.logaddexp(0.0, -code * (x @ w))) for x in corners)
        whole = sums.parts(head.phi, head.Y[:, 0], w)[0] + worst
        assert w.shape == (2,) and abs(float(energies.robust(w, labels).cost) - whole) < 1e-9 * (1 + whole)


@pytest.mark.parametrize(("given", "words"), [
    ({"add": 1, "delete": 1}, "together"), ({"add": 1, "replace": 1}, "together"), ({"add": 0}, "from 1 on"),
    ({"add": 1.5}, "from 1 on"), ({"replace": 9}, "at most 8"), ({"delete": 1, "within": ([0, 0], [1, 1])}, "new rows"),
    ({"add": 1, "within": [0.0, 1.0]}, "least"), ({"add": 1, "within": ([1, 1], [0, 0])}, "a least and a largest")])
def test_what_does_not_fit_together_is_said(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        certify.stable_predictions(problem(), X[:2], **given)
