"""Large tables: what is formed with half the bits is never below what all bits give, and hardly above it."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.boxes import sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.pair_tree.bound import Bound, Bounds, bound
from certify.theorems.head.rows.pair_tree.formed import formed, known_or_formed
from certify.theorems.head.rows.pair_tree.steps import Steps, in_order, steps
from tests.families.logistic_heads import logistic_head


def drawn(seed: int, n: int = 60, own: int = 12) -> Steps:
    head = logistic_head(np.random.default_rng([seed, 71]), n, decay=3.0)
    s, _ = oriented(head, RowChange(False, 3, tuple(range(n))))
    b = base(centre(s, s.whole, head.V[0]))
    assert b is not None
    st = steps(b, in_order(b, np.arange(n)), 2, own)
    assert st is not None and len(st.far)
    return st


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_formed_within_their_errors(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    st = drawn(seed)
    a, b = np.triu_indices(9, 1)
    G, off = formed(st, 2, a, b)
    monkeypatch.setattr(sums, "VAST", 1)
    short, more = formed(st, 2, a, b)
    apart = np.sqrt(((short - G) ** 2).sum(axis=1))
    assert (apart <= off + more).all() and apart.max() > off.max() and more.max() < 1e-3


def test_pairs_that_are_known_are_not_formed_again() -> None:
    st = drawn(1)
    a, b = np.triu_indices(6, 1)
    known_or_formed(st, 0, a, b)
    again = known_or_formed(st, 1, a[::-1], b[::-1])  # other rows are hot, and pairs come in another order
    for one, other in zip(again, formed(st, 1, a[::-1], b[::-1]), strict=True):
        assert np.allclose(one, other, rtol=0.0, atol=1e-15)
    keys, G, off = st.known["pairs"]
    assert len(keys) == len(G) == len(off) == 15 and (np.diff(keys) > 0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("light", [0.0, 0.5, 1.0])
def test_pairs_by_lengths_are_no_shorter(seed: int, light: float, monkeypatch: pytest.MonkeyPatch) -> None:
    st, rng = drawn(seed), np.random.default_rng(seed)
    n = len(st.z)
    weight, long = rng.uniform(0.0, 0.2, n), rng.uniform(0.1, 1.0, n)
    inverse_of = rng.uniform(1.0, 50.0, n) * (rng.random(n) < light)
    exact = Bounds(st, 2, 3).gram(weight, inverse_of, long)
    monkeypatch.setattr(sums, "VAST", 1)
    short = Bounds(st, 2, 3).gram(weight, inverse_of, long)
    for all_, half in zip(exact, short, strict=True):
        assert (np.asarray(half) >= np.asarray(all_) * (1.0 - 1e-10)).all()
        assert (np.asarray(half) <= np.asarray(all_) * 1.002 + 1e-6).all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_bound_is_hardly_larger(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> Bound:
        one = bound(drawn(2), 3, k)
        assert one is not None
        return one

    exact = found()
    monkeypatch.setattr(sums, "VAST", 1)
    half = found()
    assert half.reach == pytest.approx(exact.reach, rel=0.01)
    again = bound(half.steps, 3, k, 1.2 * half.needed / half.steps.lengths)
    assert again is not None and again.reach == pytest.approx(half.reach, rel=0.05)
