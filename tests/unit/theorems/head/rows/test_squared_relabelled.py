"""D4i: labels that have weights of their own: every choice of new labels refitted in rationals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.squared import node as nodes
from certify.theorems.head.rows.squared import relabelled
from certify.theorems.head.rows.squared.relabelled import SquaredRelabelled
from tests.families.squared_heads import SmallHead, as_head, small_head
from tests.oracles import squared_head as oracle


def drawn(seed: int, n: int = 7) -> tuple[SmallHead, Head]:
    """Two labels of a head, one of which counts up to a hundred times as much; rows may carry weights beside."""
    rng = np.random.default_rng([seed, 31])
    small = small_head(rng, n, 1, 3)
    label = rng.permutation(np.arange(n) % 2)
    apart = np.round(0.6 * rng.standard_normal((n, 2)) + 2 * label[:, None] - 1, 2)
    phi = np.c_[apart, np.ones(n)] if seed % 2 else small.phi
    small = replace(small, label=label, Y=small.codes[label], phi=phi, points=small.points if seed % 2 == 0 else np.c_[
        np.round(2.5 * rng.standard_normal((3, 2)), 2), np.ones(3)], decayed=np.array(
        [True] * (phi.shape[1] - 1) + [bool(seed % 3)]), mu=float(10.0 ** rng.uniform(-1, 1.5)))
    t = np.array([1.0, (0.3, 2.5, 1.001, 40.0)[seed % 4]])
    rows = np.ones(n) if seed % 3 else np.exp(rng.uniform(-1, 1, n))
    weights = RowWeights(rows, t)
    c = rows * t[label]
    return small, replace(as_head(replace(small, weights=c)), weights=weights)


def least_left(small: SmallHead, head: Head, rows: tuple[int, ...], count: int, j: int) -> Fraction:
    """The least margin after at most so many new labels."""
    own = head.weights
    assert isinstance(own, RowWeights) and own.labels is not None
    worst = []
    for size in range(count + 1):
        for changed in combinations(rows, size):
            label = [1 - y if i in changed else y for i, y in enumerate(small.label.tolist())]
            t = [Fraction(float(own.labels[y])) for y in label]
            weights = [Fraction(s) * x for s, x in zip(own.rows.tolist(), t, strict=True)]
            W = oracle.refit(small.phi.tolist(), small.codes[label].tolist(), Fraction(head.weight_decay) * head.n,
                             small.decayed.tolist(), weights)  # type: ignore[arg-type]
            worst.append(Fraction(-1) if W is None else oracle.margin(
                W, small.points[j].tolist(), int(head.today[j]), small.threshold))
    return min(worst)


def answers(count: int, seeds: int = 12) -> tuple[int, int, int]:
    """How many points are proved, stay in truth, and are proved or flipped wrongly."""
    proved = stay = wrong = 0
    for seed in range(seeds):
        small, head = drawn(seed)
        rows = tuple(range(7)) if seed % 2 else (0, 2, 3, 5, 6)
        part = SquaredRelabelled().prove(head, RowChange(True, count, rows), head.today >= 0, Budget())
        if part is None:
            continue
        assert part.flips is not None
        for j in np.flatnonzero(head.today >= 0):
            least = least_left(small, head, rows, count, int(j))
            wrong += bool(part.proved[j]) and least <= 0 or bool(part.flips.point[j] >= 0) and least >= 0
            proved, stay = proved + bool(part.proved[j]), stay + (least > 0)
    return proved, stay, wrong


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_what_is_proved_stays_in_every_refit(count: int) -> None:
    proved, stay, wrong = answers(count)
    assert wrong == 0 and proved >= 0.8 * stay > 0, (proved, stay, wrong)


@pytest.mark.parametrize("name", ["signs", "weights", "residuals", "pivots"])
def test_wrong_versions_are_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = relabelled.Turn.__init__

    def init(self: relabelled.Turn, *args: object) -> None:
        made(self, *args)  # type: ignore[arg-type]
        if name == "signs":
            self.signs, self.pull = np.ones_like(self.signs), np.abs(self.pull)
        if name == "weights":
            self.pull = np.sign(self.pull)
        if name == "residuals":
            self.pull = -self.pull

    monkeypatch.setattr(relabelled.Turn, "__init__", init)
    if name == "pivots":
        monkeypatch.setattr(nodes.Node, "pivots", property(lambda self: 1.0 - np.diagonal(self.K)))
    monkeypatch.setattr(relabelled, "_refit", lambda head, choice: head.V)
    assert any(answers(count)[2] for count in (1, 2, 3))


def test_what_the_method_is_not_for() -> None:
    _, head = drawn(1)
    method, one = SquaredRelabelled(), (0, 1)
    assert method.able(head, RowChange(True, 1, one)) == ""
    assert "deleted" in method.able(head, RowChange(False, 1, one))
    assert "no weights" in method.able(replace(head, weights=None), RowChange(True, 1, one))
    same = replace(head, weights=RowWeights(np.ones(7), np.array([2.0, 2.0])))
    assert "different weights" in method.able(same, RowChange(True, 1, one))
    late = method.prove(head, RowChange(True, 2, one), head.today >= 0, Budget(-1.0))
    assert late is not None and not late.proved.any()
    far = replace(head, weights=RowWeights(np.ones(7), np.array([1.0, 2.0**-400])))
    assert method.prove(far, RowChange(True, 1, one), far.today >= 0, Budget()) is None
