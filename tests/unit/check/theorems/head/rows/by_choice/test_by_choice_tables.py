"""D17 in the checker: of what distances are made, and which choices are looked at, with tables that are made up."""

from __future__ import annotations

from array import array
from itertools import combinations, combinations_with_replacement
from math import inf, nan, sqrt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.check.theorems.head.rows.by_choice import judge, triples
from certify.check.theorems.head.rows.by_choice.pieces import Pieces
from certify.check.theorems.head.rows.by_choice.products import Gram
from certify.check.theorems.head.rows.by_choice.triples import Triples

F, N = 4, 5
SHARP = 1e-6


def drawn(rng: np.random.Generator, *shape: int, symmetric: bool = False) -> Any:
    """Numbers of which few are large: in some sum each of them is most of it."""
    x = 0.04 * 10.0 ** rng.uniform(-4.0, 0.0, shape)
    x = np.maximum(x, x.T) if symmetric else x
    return [array("d", row) for row in x.tolist()] if len(shape) > 1 else x.tolist()


def made(seed: int, k: int) -> Pieces:
    """Tables of four columns and a last one, and of five rows of the sum; looked at closer nothing is proved."""
    rng = np.random.default_rng([seed, 41])
    p = object.__new__(Pieces)
    p.k, p.rows, p.radius, p.fixed = k, list(range(F)), 1e9, drawn(rng, 1)[0]
    p.alone, p.pair, p.bent = drawn(rng, F + 1), drawn(rng, F + 1, F + 1, symmetric=True), drawn(rng, F + 1, F + 1)
    p.bent = [array("d", [2.0 * sqrt(x) for x in row]) for row in p.bent]
    across = drawn(rng, F + 1, F + 1, symmetric=True)
    for a in range(F):
        across[a][a] = 0.0
    taken: Any = SimpleNamespace(own=drawn(rng, F + 1), share=drawn(rng, F + 1), across=across,
                                 there=drawn(rng, F + 1, F + 1), of_choices=lambda T, few: [1.0] * len(T))
    p.taken = taken
    p.lines, p.virtual = [array("d", rng.uniform(0.2, 1.0, F)) for _ in range(N)], rng.uniform(0.2, 1.0, N).tolist()
    p.light, p.heavy, p.third = [0, 1, 3], [2, 4], (10.0 ** rng.uniform(-4.0, -1.0, N)).tolist()
    p.low, p.long = rng.uniform(0.1, 1.0, N).tolist(), rng.uniform(0.1, 1.0, N).tolist()
    p.form = lambda C, pairs: None  # type: ignore[method-assign]
    return p


def third(p: Pieces, T: tuple[int, ...]) -> float:
    """`⟨h_i, h_l, h_q⟩`, that of the far ones last."""
    each = [p.third[j] * float(np.prod([[*p.lines[j], p.virtual[j]][i] for i in T])) for j in range(N)]
    return sqrt(sum(each[j] ** 2 / p.low[j] for j in p.light)) + sum(each[j] * p.long[j] for j in p.heavy)


def left(p: Pieces, T: tuple[int, ...]) -> float:
    """What is left of the gradient, as D17 has it."""
    found = p.fixed + sum(p.alone[i] for i in T) + sum(p.pair[i][j] for i, j in combinations(T, 2))
    if len(T) == 3:
        for at in range(3):
            i, j, l = T[at], T[at - 1], T[at - 2]
            found += p.bent[i][j] * p.bent[i][l]
        found += third(p, T)
    return found


def distance(p: Pieces, T: tuple[int, ...]) -> float:
    """Lemma 2."""
    t = p.taken
    o = max(t.own[i] + sum(t.across[i][l] for b, l in enumerate(T) if b != a) for a, i in enumerate(T))
    share, q = sum(t.share[i] for i in T), sum(t.there[i][l] for i in T for l in T)
    return left(p, T) / (1.0 - 0.5 * (o + share) - sqrt(0.25 * (o - share) ** 2 + q))


def choices(k: int) -> list[tuple[int, ...]]:
    """All of them, the far column as often as it may be."""
    return [T for T in combinations_with_replacement(range(F + 1), k)
            if all(a < b or a == F for a, b in zip(T, T[1:], strict=False))]


def looked_at(p: Pieces, least: float) -> dict[tuple[int, ...], float]:
    found = [one for i in range(F + 1) for one in judge._choices(p, Triples(p) if p.k > 2 else None, i, least)]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.mark.parametrize("k", [2, 3])
def test_every_choice_is_looked_at_with_all_that_its_distance_is_made_of(k: int) -> None:
    for seed in range(30):
        p = made(seed, k)
        found = looked_at(p, 0.0)
        assert sorted(found) == choices(k)
        for T, r in found.items():
            true = distance(p, T)
            assert true < r < true * (1.0 + SHARP)


@pytest.mark.parametrize("k", [2, 3])
def test_no_choice_from_the_least_on_is_passed_over(k: int) -> None:
    for seed in range(30):
        p = made(seed, k)
        known = looked_at(p, 0.0)
        for least in known.values():
            assert looked_at(p, least) == {T: r for T, r in known.items() if r >= least}


def test_what_is_left_of_the_gradient_and_three_together() -> None:
    for seed in range(30):
        p = made(seed, 3)
        found = Triples(p)
        for T in choices(3):
            true, all_ = third(p, T), left(p, T)
            assert true < found.third(*T) < true * (1.0 + SHARP)
            assert all_ < p.left(T, found.third(*T)) < all_ * (1.0 + SHARP)
        for T in choices(2):
            assert left(p, T) < p.left(T, 0.0) < left(p, T) * (1.0 + SHARP)


@pytest.mark.parametrize("each", [1, 2])
def test_columns_in_groups_count_no_less(monkeypatch: pytest.MonkeyPatch, each: int) -> None:
    monkeypatch.setattr(triples, "EACH", each)
    monkeypatch.setattr(triples, "TOGETHER", 2)
    for seed in range(10):
        p = made(seed, 3)
        known = looked_at(p, 0.0)
        assert sorted(known) == choices(3) and all(distance(p, T) < r for T, r in known.items())
        for least in known.values():
            assert looked_at(p, least) == {T: r for T, r in known.items() if r >= least}


@pytest.mark.parametrize("k", [2, 3])
def test_the_most_that_choices_from_a_column_on_may_take(k: int) -> None:
    rng = np.random.default_rng(43)
    for _ in range(50):
        V = (rng.random(F + 1) * (rng.random(F + 1) < 0.7)).tolist()
        found = judge._most(V, k)
        for i in range(F + 1):
            true = max(sum(V[j] for j in T) for T in choices(k) if T[0] == i)
            assert true <= found[i] <= true * (1.0 + SHARP)


def test_what_is_no_number_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A largest one of later columns would pass over it."""
    p = made(1, 3)
    assert Triples(p).below(0, 1, inf) and Triples(p).below(0, 2, inf)
    monkeypatch.setattr(triples, "products", lambda lines, w, f, squared: [array("d", [
        nan if a == F - 1 else 0.0 for a in range(f)])] * f)
    assert not Triples(p).below(0, 1, inf) and not Triples(p).below(0, 2, inf)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("looked", [0, 3, 4096])
def test_points_are_open_by_the_choices_from_their_cut_on_that_take_them(
        monkeypatch: pytest.MonkeyPatch, k: int, looked: int) -> None:
    monkeypatch.setattr(judge, "LOOKED", looked)
    monkeypatch.setattr(judge, "FORMED", looked)
    opened = 0
    for seed in range(10):
        p, rng, count = made(seed, k), np.random.default_rng([seed, 53]), 40
        V, seen = rng.uniform(0.0, 0.2, (count, F + 1)), rng.uniform(0.5, 2.0, count)
        margins, cuts = rng.uniform(0.0, 1.5, count), rng.integers(0, F + 1, count).tolist()
        p.st = SimpleNamespace(reach=0.5)  # type: ignore[assignment]
        drops: Any = SimpleNamespace(other=(2.0 * V[:, F]).tolist(), margins=margins.tolist(), seen=seen.tolist(),
                                     _own=lambda at, V=V: V[at, :F].tolist())
        true = {at for at in range(count) if any(
            sum(V[at, i] for i in T) + seen[at] * distance(p, T) >= margins[at] for T in choices(k)
            if T[0] >= cuts[at])}
        assert judge.opened(p, drops, cuts) == true
        opened += len(true)
    assert 80 < opened < 320


def test_what_three_do_together_counts_where_choices_are_looked_at_closer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices that lengths leave open are asked for their own curvature, with all that is left of the gradient."""
    p, asked = made(1, 3), list[tuple[tuple[int, ...], float]]()
    drops: Any = SimpleNamespace(other=[], margins=[1.0], seen=[1e9], _own=lambda at: [0.0] * F)
    real = Pieces.left

    def noted(self: Pieces, T: tuple[int, ...], third_: float) -> float:
        asked.append((T, third_))
        return real(self, T, third_)

    monkeypatch.setattr(Pieces, "left", noted)
    assert judge.opened(p, drops, [0]) == {0}
    assert sorted(T for T, _ in asked) == choices(3)
    assert all(third(p, T) < x for T, x in asked)


def test_products_that_are_off_by_what_they_may_are_held() -> None:
    """Each is as much too small as it may be."""
    for seed in range(10):
        rng = np.random.default_rng([seed, 47])
        rows, sizes, w = rng.uniform(0.1, 1.0, (N, 2)), rng.uniform(0.5, 2.0, N), rng.uniform(0.0, 1.0, N)
        gram, root = object.__new__(Gram), np.sqrt(w)
        gram.loose, gram.sizes = 0.01, sizes.tolist()
        gram.K = [array("d", row) for row in (rows @ rows.T - 0.01 * np.outer(sizes, sizes)).tolist()]
        true = float(np.linalg.norm(np.outer(root, root) * (rows @ rows.T), 2))
        assert true <= gram._inner(w.tolist(), list(range(N))) <= true + 0.02 * float(w @ sizes**2)
