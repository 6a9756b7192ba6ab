"""D31: the longest sum of few vectors against all sums in rationals, and ends of heads against every change."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

import certify
from certify.format.errors import EnclosureError
from certify.prove.prover import bound
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions import few_vectors, relabelled, summed
from certify.theorems.head.rows.motions.few_vectors import Vectors, far_sums, longest_sum
from tests.effort import FULL
from tests.families.squared_heads import as_head, small_head
from tests.oracles.squared_head import changes, farthest_motions


def drawn(seed: int) -> Vectors:
    """Vectors of one decimal, some of them 0, on a line, or far longer than others."""
    rng = np.random.default_rng([seed, 31])
    r, s, k, p = (int(rng.integers(1, most)) for most in (7, 4, 4, 4))
    V, u = np.round(rng.normal(size=(r, s, k)), 1), np.round(rng.normal(size=(r, p)), 1)
    u *= 10.0 ** rng.integers(-3, 4, size=(r, 1)) if seed % 3 == 0 else np.where(rng.random((r, 1)) < 0.2, 0.0, 1.0)
    return Vectors(V * 2.0 ** int(rng.integers(-300, 300)), u)


def squares(vectors: Vectors, m: int) -> Fraction:
    """The largest square of the length of a sum of at most m."""
    d = [[[Fraction(float(x)) * Fraction(float(y)) for x in step for y in row] for step in steps]
         for steps, row in zip(vectors.V.tolist(), vectors.u.tolist(), strict=True)]
    most = Fraction(0)
    for size in range(m + 1):
        for rows in combinations(range(len(d)), size):
            for chosen in product(*(d[i] for i in rows)):
                most = max(most, sum((sum(column) ** 2 for column in zip(*chosen, strict=True)), Fraction(0)))
    return most


@pytest.mark.parametrize("seed", range(240 if FULL else 60))
def test_no_sum_is_longer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = drawn(seed)
    for m in (1, 2, 3):
        exact = squares(vectors, m)
        for few in (512, 2, 1):
            monkeypatch.setattr(few_vectors, "FEW", few)
            found = longest_sum(vectors, m)
            assert Fraction(found) ** 2 >= exact
            lengths = few_vectors.largest(vectors.lengths.max(axis=1), min(m, len(vectors.u)))
            assert found <= lengths * (1 + 1e-9) + 1e-100
    best = max(sum_of(vectors, *one) for one in far_sums(vectors, 3, lambda: False) or [(np.zeros(0, int),) * 2])
    assert Fraction(best) ** 2 <= exact * (1 + Fraction(1, 10**9))


def sum_of(vectors: Vectors, rows: np.ndarray, steps: np.ndarray) -> float:
    return float(np.linalg.norm(np.einsum("rk,rp->kp", vectors.V[rows, steps], vectors.u[rows])))


def test_no_vectors_none_chosen_and_what_is_no_number() -> None:
    one = Vectors(np.ones((1, 1, 1)), np.ones((1, 1)))
    assert longest_sum(one, 0) == longest_sum(Vectors(np.ones((0, 1, 1)), np.ones((0, 1))), 2) == 0.0
    assert longest_sum(Vectors(np.full((2, 1, 1), 1e300), np.full((2, 1), 1e300)), 2) == np.inf
    with pytest.raises(EnclosureError):
        longest_sum(Vectors(np.full((2, 1, 1), np.nan), np.ones((2, 1))), 2)
    assert far_sums(one, 1, lambda: True) == []


@pytest.mark.parametrize("relabels", [True, False])
@pytest.mark.parametrize("seed", range(60 if FULL else 12))
def test_ends_hold_every_change(seed: int, relabels: bool) -> None:
    outputs = 1 + seed % 3
    small = small_head(np.random.default_rng([seed, relabels, 31]), 6, outputs)
    head, rows, count = as_head(small), (0, 1, 2, 4, 5) if seed % 2 else tuple(range(6)), 1 + seed % 2
    may = [[c for c in range(len(small.codes)) if c != own] for own in small.label] if relabels else None
    phi, Y, points = small.phi.tolist(), small.Y.tolist(), small.points.tolist()
    truth = farthest_motions(phi, Y, Fraction(head.weight_decay) * 6, small.decayed.tolist(), points,
                             changes(phi, Y, rows, count, may, small.codes.tolist()))
    change = RowChange(relabels, count, rows)
    found = summed.weights_summed(head, change, Budget(20.0))
    if found is not None:
        assert truth is not None
        assert Fraction(found.upper) ** 2 >= truth[0]
    assert (found is None) <= (not relabels)
    each = relabelled.ends_of(head, change, Budget(20.0)) if relabels else None
    if each is not None:
        assert not isinstance(each, str)
        assert truth is not None
        for low, high, exact in zip(each.lower.tolist(), each.upper.tolist(), truth[1], strict=True):
            assert Fraction(low) ** 2 <= exact <= Fraction(high) ** 2
        if outputs == 1:
            assert (each.upper <= each.lower * (1 + 1e-6) + 1e-12).all()


def head_of(n: int = 30, k: int = 1) -> Head:
    rng = np.random.default_rng(5)
    phi = np.c_[rng.normal(size=(n, 3)), np.ones(n)]
    label = rng.integers(0, max(k, 2), size=n)
    codes = np.array([[-1.0], [1.0]]) if k == 1 else np.eye(k)
    small = small_head(rng, n, k)
    return as_head(replace(small, phi=phi, Y=codes[label], codes=codes, label=label, mu=1.0,
                           decayed=np.array([True] * 3 + [False]), points=phi[:2] * 1.5, today=label[:2]))


def test_what_it_is_not_for(monkeypatch: pytest.MonkeyPatch) -> None:
    head, labels, deleted = head_of(), RowChange(True, 2, tuple(range(30))), RowChange(False, 2, tuple(range(30)))
    late = Budget(5.0)
    assert summed.weights_summed(head, deleted, late) is not None
    assert summed.weights_summed(replace(head, remaining=True), deleted, late) is None
    assert summed.weights_summed(replace(head, remaining=True), labels, late) is not None  # no row leaves
    assert summed.weights_summed(replace(head, phi_rad=np.ones(30)), labels, late) is None
    assert summed.weights_summed(replace(head, codes=None), labels, late) is None
    assert relabelled.outputs_summed(head, deleted, late) is None
    none = replace(head, points=np.zeros((0, 4)), points_rad=np.zeros(0))
    assert relabelled.outputs_summed(none, labels, late) is None
    assert summed.weights_summed(head, RowChange(True, 2, ()), late) is None
    large = replace(head, points=head.points * 2.0**200)
    assert relabelled.outputs_summed(large, labels, late) is None  # beyond what is solved for
    monkeypatch.setattr(summed, "LARGEST", 100)
    assert summed.weights_summed(head, labels, late) is None


@pytest.mark.parametrize("k", [1, 3])
def test_a_point_at_the_origin_does_not_move(k: int) -> None:
    head = head_of(12, k)
    free = replace(head, points=np.zeros((2, 4)), points_rad=np.zeros(2))
    found = relabelled.ends_of(free, RowChange(True, 2, tuple(range(12))), Budget(5.0))
    assert not isinstance(found, str)
    assert (found.upper < 1e-100).all()
    assert (found.rows == -1).all()


def test_lower_ends_of_large_targets_do_not_overflow() -> None:
    """Squares of what outputs move by are no doubles here; the lower end was infinite."""
    head = head_of(12, 3)
    assert head.codes is not None
    far = replace(head, Y=head.Y * 2.0**520, codes=head.codes * 2.0**520, V=head.V * 2.0**520)
    found = relabelled.ends_of(far, RowChange(True, 2, tuple(range(12))), Budget(5.0))
    assert not isinstance(found, str)
    assert (2.0**510 < found.lower).all() and (found.lower <= found.upper).all()


@pytest.mark.parametrize("seed", range(20))
def test_upper_ends_of_products_below_the_normal_numbers(seed: int) -> None:
    """A reader's case: targets of 1e-300 and points of 1e-14, whose products keep a few bits; ends were too small."""
    rng = np.random.default_rng([seed, 6])
    X, points = rng.normal(size=(6, 2)), rng.normal(size=(2, 2)) * 1e-14
    codes = np.array([[0.0], [1e-300]])
    label = np.arange(6) % 2
    small = replace(small_head(rng, 6, 1), phi=X, Y=codes[label], codes=codes, label=label, mu=1.0,
                    decayed=np.ones(2, bool), points=points, today=label[:2])
    found = relabelled.ends_of(as_head(small), RowChange(True, 2, tuple(range(6))), Budget(5.0))
    assert not isinstance(found, str)
    phi, Y = small.phi.tolist(), small.Y.tolist()
    truth = farthest_motions(phi, Y, Fraction(as_head(small).weight_decay) * 6, [True] * 2, points.tolist(),
                             changes(phi, Y, tuple(range(6)), 2, [[1 - c] for c in label.tolist()], codes.tolist()))
    assert truth is not None
    for low, high, exact in zip(found.lower.tolist(), found.upper.tolist(), truth[1], strict=True):
        assert Fraction(low) ** 2 <= exact <= Fraction(high) ** 2


@pytest.mark.parametrize(("parameter", "quantity", "apart"), [
    ("labels", "prediction_change", 1.000001), ("labels", "distance", 1.01), ("deletions", "distance", 1.2)])
def test_both_ends_where_there_are_too_many_choices(parameter: str, quantity: str, apart: float) -> None:
    """20,301 choices of two rows, none of which has to be refitted but those found."""
    rng = np.random.default_rng(2)
    X, points = rng.normal(size=(201, 4)), rng.normal(size=(5, 4))
    y = np.where(X[:, 0] + rng.normal(size=201) > 0, 1.0, -1.0)
    phi = np.c_[X, np.ones(201)]
    w = np.linalg.solve(phi.T @ phi + 201 * 0.01 * np.diag([1.0] * 4 + [0.0]), phi.T @ y)
    plain = certify.from_arrays([w[None, :4]], [w[4:]], X, y, loss="squared", weight_decay=0.01, bias_decay=False,
                                activation="identity")
    asked = replace(plain, parameter=parameter, set="sparse", count=2, rows=tuple(range(201)), map="critical",
                    base="nearby", evaluation=points if quantity == "prediction_change" else None)
    found = bound(asked, quantity)
    assert found.upper is not None
    assert found.lower is not None
    assert found.witness["by"] == "sums"
    assert 0 < found.lower <= found.upper <= found.lower * apart
    assert len(found.each) == (5 if quantity == "prediction_change" else 0)
