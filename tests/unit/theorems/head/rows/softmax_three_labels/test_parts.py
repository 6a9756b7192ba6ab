"""D27: the identity, both lemmas, and every distance from sums of two steps, against refits; wrong versions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange, choices_of
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_three_labels.sums import Sums, sums_of
from tests.unit.theorems.head.rows.softmax_two_labels.test_softmax_two_labels import changed, drawn


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def moves(seed: int, k: int = 4) -> tuple[Array, Array, Array, Array, Array]:
    """Probabilities, those after one move, the other and both, and the second difference; of many rows."""
    rng = np.random.default_rng([seed, 27])
    z, v, w = (scale * rng.standard_normal((400, k)) for scale in (2.0, *10.0 ** rng.uniform(-1.0, 0.7, 2)))
    p, one, two, both = softmax(z), softmax(z + v), softmax(z + w), softmax(z + v + w)
    return p, one, two, both, both - one - two + p


@pytest.mark.parametrize("seed", range(6))
def test_the_identity_and_the_length_of_a_second_difference(seed: int) -> None:
    p, one, two, both, D = moves(seed)
    v, w = one / p - 1.0, two / p - 1.0
    s = (p * v * w).sum(axis=1, keepdims=True)
    assert np.abs(p * v * w - s * both - D).max() < 1e-9 * (1.0 + np.abs(s).max())
    omega = [(p * (x + 1) ** 4).sum(axis=1) ** 0.25 * (p / (x + 1) ** 2).sum(axis=1) ** 0.5 for x in (v, w)]
    bound = omega[0] * omega[1] * np.sqrt((p * (v * w) ** 2).sum(axis=1))
    length = np.sqrt((D * D / p).sum(axis=1))  # of D in the norm of the inverse of A on vectors of sum 0
    assert (length <= bound * (1 + 1e-9) + 1e-12).all() and (length > 0.5 * bound).any()
    assert (length > np.sqrt((p * (v * w) ** 2).sum(axis=1)) * (1 + 1e-6)).any()  # without ω it is false


@pytest.mark.parametrize("seed", range(6))
def test_what_a_row_keeps_after_two_moves(seed: int) -> None:
    p, one, two, both, _ = moves(seed)
    a = [(x / p).min(axis=1) / np.sqrt((x * x / p).sum(axis=1)) for x in (one, two)]
    kept = (both / p).min(axis=1)
    assert (kept >= a[0] * a[1] * (1 - 1e-9)).all() and (kept < 2 * a[0] * a[1]).any()
    assert seed or (kept < (one / p).min(axis=1) * (two / p).min(axis=1) * (1 - 1e-6)).any()  # the roots are needed


def stepped(head: Head, first: int, rough: float = 0.0) -> tuple[Sums, Array, Choices]:
    """From the refit with one changed label the steps of all others, not all of them to refits."""
    singles = next(choices_of(head, RowChange(True, 3, tuple(range(head.n))), 1))
    row, code = int(singles.rows[first, 0]), int(singles.codes[first, 0])
    some = np.flatnonzero(singles.rows[:, 0] != row)
    later = Choices(singles.rows[some], singles.codes[some])
    both = Choices(np.c_[np.full(len(some), row), later.rows], np.c_[np.full(len(some), code), later.codes])
    W = np.array([changed(head, tuple(i), tuple(c)) for i, c in zip(both.rows.tolist(), both.codes.tolist(),
                                                                    strict=True)])
    rng = np.random.default_rng(0)
    W += rough * rng.standard_normal(W.shape)
    start = changed(head, (row,), (code,)) + rough * rng.standard_normal(W.shape[1:])
    with np.errstate(all="ignore"):
        found = sums_of(centre(head, start), Choices(np.array([[row]]), np.array([[code]])), W, both)
    assert found is not None
    return found, W, both


def farther(head: Head, found: Sums, W: Array, both: Choices) -> tuple[int, int]:
    """Sums whose refits are farther away than is said, and sums of which something is said."""
    H, lies, said = hessian(found.m.c, found.m.h), 0, 0
    with np.errstate(all="ignore"):
        one, two = found.single(), found.distances(slice(None), slice(None))
        pairs = [(v, w) for v in range(len(W)) for w in range(v + 1, len(W)) if both.rows[v, 1] != both.rows[w, 1]]
        near = found.formed(np.array([v for v, _ in pairs]), np.array([w for _, w in pairs]))

    def length(away: Array) -> float:
        if head.free_intercept:
            away[:, -1] -= away[:, -1].mean()
        return float(np.sqrt(max(away.ravel() @ H @ away.ravel(), 0.0))) * (1 - 1e-6) - 1e-7

    for (v, w), exact in zip(pairs, near, strict=True):
        rows, codes = (*both.rows[v], both.rows[w, 1]), (*both.codes[v], both.codes[w, 1])
        far = length(changed(head, rows, codes) - (W[v] + W[w] - found.m.c.V))
        for r in (two[v, w], exact):
            said, lies = said + bool(np.isfinite(r)), lies + bool(np.isfinite(r) and far > r)
    for v in range(len(W)):
        away = length(changed(head, tuple(both.rows[v]), tuple(both.codes[v])) - W[v])
        lies += bool(np.isfinite(one[v]) and away > one[v])
    return lies, said


@pytest.mark.parametrize(("free", "rough"), [(False, 0.0), (True, 0.0), (False, 0.01)])
def test_distances_of_every_sum(free: bool, rough: float) -> None:
    said = 0
    for seed in (0, 1):
        head = drawn(seed, 14, free)
        lies, more = farther(head, *stepped(head, 3, rough))
        assert not lies
        said += more
    assert said > 50


@pytest.mark.parametrize("name", ["turned", "psi"])
def test_second_differences_left_out_are_missed(name: str) -> None:
    """Second differences of lengths, and formed ones."""
    lies = 0
    for seed in (0, 1):
        head = drawn(seed, 12)
        found, W, both = stepped(head, 3)
        wrong = np.zeros_like(found.turned) if name == "turned" else np.ones_like(found.psi)
        lies += farther(head, dataclasses.replace(found, **{name: wrong}), W, both)[0]
    assert lies


def test_gradients_at_steps_left_out_are_missed() -> None:
    head = drawn(0, 12)
    found, W, both = stepped(head, 3, 0.05)
    assert farther(head, dataclasses.replace(found, left=0.0 * found.left), W, both)[0]


def test_nothing_is_said_of_numbers_that_are_none_or_too_large() -> None:
    head = drawn(0, 12)
    found, W, both = stepped(head, 3)
    for bad in (np.nan, np.inf, 1e3, 1e200):
        V = W.copy()
        V[2, 0, 0] = bad
        with np.errstate(all="ignore"):
            before = Choices(both.rows[:1, :1], both.codes[:1, :1])
            again = sums_of(found.m.c, before, V, both)
            assert again is not None
            one, two = again.single(), again.distances(slice(None), slice(None))
            near = again.formed(np.full(4, 2), np.arange(3, 7))
        assert not (np.isfinite(one[2]) or np.isfinite(two[2]).any() or np.isfinite(near).any())
        assert np.isfinite(one).sum() == len(W) - 1
