"""Large tables: what is formed with half the bits is never below what all bits give, and hardly above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.systems.head.rows.boxes import sums
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.box_tree import oriented
from certify.theorems.head.rows.boxes.leaves import base
from certify.theorems.head.rows.pair_tree import steps as steps_module
from certify.theorems.head.rows.pair_tree.bound import Bound, Bounds, _moved, _sides, bound
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


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("f", [1, 2, 5, 7, 11, 600])  # numpy sorts few numbers whole
def test_both_ends_are_the_largest_sums(f: int, k: int) -> None:
    rng = np.random.default_rng([f, k])
    T, other = rng.standard_normal((30, f)) ** 3, np.abs(rng.standard_normal(30)) * (rng.random(30) < 0.5)
    for got, values in zip(_sides(T, other, k), (T, -T), strict=True):
        all_ = np.concatenate([np.maximum(values, 0.0), np.tile(other[:, None], (1, k))], axis=1)
        most = np.sort(all_, axis=1)[:, -k:].sum(axis=1)
        assert (got >= most).all() and (got <= most * (1.0 + 1e-12)).all()


def test_moves_count_with_what_they_are_off_by() -> None:
    st = drawn(1)
    st = replace(st, off=np.linspace(0.1, 0.2, len(st.off)))
    for grows in (np.zeros(len(st.off), bool), np.ones(len(st.off), bool)):
        assert (_moved(st, st.T, grows) >= (np.abs(st.T) + st.off[:, None]) * st.c.kept[:, None]).all()


@pytest.mark.parametrize("vast", [1, 1 << 21])
def test_far_rows_in_turns_move_margins_no_farther_than_is_said(vast: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "VAST", vast)
    monkeypatch.setattr(steps_module, "AT_ONCE", 5)
    st = drawn(3)
    c, S = st.c, st.c.sums.S
    H = (S.T * (c.kept * c.at.D)) @ S + np.diag(c.sums.decay)
    pull = c.at.p[st.far] / (1.0 - c.at.D[st.far] * np.einsum("ij,ij->i", S[st.far] @ np.linalg.inv(H), S[st.far]))
    K = np.abs(S @ np.linalg.inv(H) @ S[st.far].T) * pull
    least = K.max(axis=1)
    assert (st.most >= least * (1.0 - 1e-9)).all() and (st.most <= 1.05 * least + 1e-2).all()
    K[st.far, np.arange(len(st.far))] = 0.0
    assert (st.across >= K.max(axis=1) * (1.0 - 1e-9)).all()


def test_what_rounds_in_far_rows_counts_the_longest_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later turns have shorter steps: an error that only they pay for would be too small for the first ones."""
    monkeypatch.setattr(sums, "VAST", 1)
    monkeypatch.setattr(steps_module, "AT_ONCE", 5)
    monkeypatch.setattr(steps_module.floats, "dot_unit", lambda terms: 0.5)
    assert len(drawn(3).far) > 10
    all_ = drawn(3).most
    monkeypatch.setattr(steps_module, "AT_ONCE", 1000)
    assert np.allclose(all_, drawn(3).most, rtol=1e-3)
