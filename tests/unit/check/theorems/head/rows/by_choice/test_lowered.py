"""D17, Lemma 4 in the checker: matrices below known ones are between their two sums, and wrong versions are caught."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from numpy.typing import NDArray

from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, Sums, sums
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.by_choice import lowered as place
from certify.check.theorems.head.rows.by_choice.lowered import Metric, lowered
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths
from tests.containment import heads_by_choice_checked as contained
from tests.containment.rigor import Violation
from tests.effort import FULL

Array = NDArray[np.float64]
LOOSE = 1e-9


def made(seed: int, p: int = 5, n: int = 14) -> tuple[Sums, Metric, list[int], Array, Array]:
    """Rows, a matrix of them, what rows count of which a few lose much, and both in floats."""
    rng = np.random.default_rng([seed, 61])
    S, decay = rng.standard_normal((n, p)) * rng.choice([0.3, 1.0, 3.0], (n, 1)), 10.0 ** rng.uniform(-1, 1)
    a = rng.uniform(0.01, 0.25, n)
    part = np.where(rng.random(n) < 0.3, rng.choice([0.0, 0.4], n), 1.0 + 0.01 * rng.uniform(-0.2, 1.0, n))
    with ctx.workprec(64):
        s = sums(S.tolist(), [arb(decay)] * p, False)
        weights = [int(x * 2.0**WEIGHT) for x in a]
        found = inverse(s, weights)
        assert found is not None
        m = [x * 2.0**-WEIGHT for x in weights]
        A = Metric(weights, found, m, m, row_lengths(s, found))
    return s, A, [int(x * y) for x, y in zip(weights, part, strict=True)], S, np.full(p, decay)


def outside(found: Metric, weights: list[int], A: Metric, S: Array, decay: Array) -> str:
    """Which of what is said of a matrix is not so; "" where all is."""
    X = np.array([[float(x) for x in row] for row in found.inverse[0].tolist()])
    M, least = np.linalg.inv(X), np.minimum(weights, A.weights) * 2.0**-WEIGHT
    above, below = (S.T * np.array(found.m)) @ S + np.diag(decay), (S.T * np.array(found.low)) @ S
    scale = np.linalg.norm(M, 2)
    lengths = np.sqrt(np.einsum("ij,jk,ik->i", S, X, S))
    wrong = {"m": not (np.array(found.m) <= least + 2.0**-WEIGHT).all(),
             "above": np.linalg.eigvalsh(above - M).min() < -LOOSE * scale,
             "below": np.linalg.eigvalsh(M - below).min() < -LOOSE * scale,
             "long": not (np.array(found.long) >= lengths * (1.0 - LOOSE)).all(),
             "norm": not float(found.inverse[2]) >= np.linalg.norm(X, 2) * (1.0 - LOOSE)}
    return ", ".join(name for name, bad in wrong.items() if bad)


@pytest.mark.parametrize("apart", [1, 3, 160])
def test_it_lies_between_its_two_sums_and_near_the_upper_one(monkeypatch: pytest.MonkeyPatch, apart: int) -> None:
    monkeypatch.setattr(place, "APART", apart)
    proved = 0
    for seed in range(24):
        s, A, weights, S, decay = made(seed)
        with ctx.workprec(64):
            found = lowered(s, A, weights)
        if found is None:
            assert apart < 160
            continue
        assert found.weights is None and not outside(found, weights, A, S, decay), seed
        above = (S.T * np.array(found.m)) @ S + np.diag(decay)
        M = np.linalg.inv(np.array([[float(x) for x in row] for row in found.inverse[0].tolist()]))
        assert np.linalg.eigvals(np.linalg.solve(M, above)).real.max() < 1.0 / (1.0 - place.MOST) + LOOSE
        assert apart < 160 or np.linalg.eigvals(np.linalg.solve(M, above)).real.max() < 1.01
        proved += 1
    assert proved == 24 if apart == 160 else proved > 2


def test_a_matrix_that_loses_nothing_is_the_known_one() -> None:
    s, A, _, S, decay = made(0)
    with ctx.workprec(64):
        found = lowered(s, A, list(A.weights or ()))
    assert found is not None and not outside(found, list(A.weights or ()), A, S, decay)
    assert np.allclose(found.long, A.long, rtol=1e-3) and np.allclose(found.low, A.low, rtol=1e-3)


@pytest.mark.parametrize("what", ["no weights", "others lose much", "lengths", "error"])
def test_what_is_not_proved_is_refused(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    s, A, weights, _, _ = made(1)
    with ctx.workprec(64):
        assert lowered(s, A, weights) is not None
        if what == "no weights":
            A = replace(A, weights=None)
        elif what == "others lose much":
            monkeypatch.setattr(place, "APART", 0)
            weights = [x // 2 for x in A.weights or ()]
        elif what == "lengths":
            A = replace(A, long=[nan if j == 3 else x for j, x in enumerate(A.long)])
        else:
            A = replace(A, inverse=(A.inverse[0], arb(1), A.inverse[2]))
        assert lowered(s, A, weights) is None


def test_rows_that_take_all_are_refused() -> None:
    """A row that counts more than the known matrix has in its direction cannot be taken away."""
    s, A, weights, _, _ = made(2)
    big = [x * 4 for x in A.weights or ()]
    with ctx.workprec(64):
        assert lowered(s, replace(A, weights=big, m=[4.0 * x for x in A.m]), [0] * len(weights)) is None


_factor, _apart, _lengths = place._factor, place._apart, place._lengths
Wrong = list[tuple[object, str, Any]]
WRONG: dict[str, Wrong] = {
    "no row is taken away": [(place, "_factor", lambda s, above, J, root: _factor(s, above, [], []))],
    "half of a row is": [(place, "_factor", lambda s, above, J, root: _factor(s, above, J, [0.7 * x for x in root]))],
    "others lose nothing": [(place, "_apart", lambda lost, long: _taken(lost, _apart(lost, long)))],
    "lengths are the known ones": [(place, "_lengths", lambda s, long, W, scale: list(long))],
}


def _taken(lost: list[float], J: list[int]) -> list[int]:
    for j in range(len(lost)):
        lost[j] = lost[j] if j in J else 0.0
    return J


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    monkeypatch.setattr(place, "APART", 2)
    monkeypatch.setattr(place, "MOST", 0.9)
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in range(40):
        s, A, weights, S, decay = made(seed)
        with ctx.workprec(64):
            found = lowered(s, A, weights)
        if found is not None and outside(found, weights, A, S, decay):
            return
    pytest.fail(what)


def test_choices_in_a_lowered_matrix_are_held() -> None:
    decided = 0
    for i in range(24):
        if decided > 6 and not FULL:
            break
        decided += contained.changed_rows_by_choice_lowered(np.random.default_rng([19, i])) == "decided"
    assert decided > 6


@pytest.mark.parametrize(("what", "first"), [("rows count as before", 20), ("no row is gone", 42)])
def test_choices_in_a_matrix_that_is_not_below_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, first: int,
                                                          ) -> None:
    """By the first seed that shows it, or a later one."""
    real = lowered

    def wrong(s: Sums, A: Metric, weights: list[int]) -> Metric | None:
        if what == "rows count as before":
            return replace(A, weights=None)
        return real(s, A, [max(x, a) if x == 0 else x for x, a in zip(weights, A.weights or (), strict=True)])

    monkeypatch.setattr(contained.pieces, "lowered", wrong)
    for seed in range(first, 60):
        try:
            contained.changed_rows_by_choice_lowered(np.random.default_rng([20, seed]))
        except Violation:
            return
    pytest.fail(what)


def test_infinite_lengths_refuse() -> None:
    s, A, weights, _, _ = made(3)
    with ctx.workprec(64):
        assert lowered(s, replace(A, long=[inf for _ in A.long]), weights) is None
