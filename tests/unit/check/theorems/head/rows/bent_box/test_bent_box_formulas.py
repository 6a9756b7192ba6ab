"""D24, derived again: every part of what the checker counts, on four rows, against the formulas of its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.bent_box import linear, method, taken
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import BITS
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from tests.families.logistic_heads import as_checked, refit

Array = np.ndarray
ROWS = np.array([[1.0, 1.0], [-0.5, 1.0], [0.8, -1.0], [-2.5, -1.0]])
COUNTS, DECAY, K = np.array([0.9, 0.5, 0.7, 0.95]), 0.6, 2
FREE = [0, 2, 3]
THETA = 2.0**-20
SHORT = np.array([[0.3, 0.5, 0.2, 0.4], [0.4, 0.1, 0.6, 0.3], [0.7, 0.6, 0.5, 0.6], [0.2, 0.3, 0.9, 0.5]])
LONG = np.array([[3.0, 2.0, 4.0, 2.5], [2.2, 4.0, 2.0, 3.5], [4.0, 2.0, 0.3, 3.9], [0.2, 2.0, 3.0, 0.5]])
POINTS = np.concatenate([ROWS, np.array([[2.0, 0.1], [-0.3, 1.5]])])


@pytest.fixture(autouse=True)
def bits() -> Iterator[None]:
    with ctx.workprec(BITS):
        yield


def setting(relabels: bool, slabs: Array, away: float = 0.0) -> linear.Bent:
    """Four weighed rows, at weights so far from the minimiser."""
    y = np.sign(-ROWS[:, 1])
    w = refit(ROWS, COUNTS, np.full(2, DECAY)) + away * np.array([1.0, -0.5])
    head = Head(ROWS * y[:, None], np.zeros(4), y[:, None], np.array([[-1.0], [1.0]]), ((y + 1) // 2).astype(np.int64),
                LogisticHead(), w[None], DECAY / 4, np.ones(2, bool), False, POINTS, np.zeros(len(POINTS)))
    twin: Any = replace(as_checked(head, tuple(FREE), K, relabels), weights=[arb(x) for x in COUNTS.tolist()])
    used = slabs[[0, 1, 0, 1]] if relabels else slabs
    s, _ = oriented(twin, "claim")
    b = linear.linear(centre(s, [], w.tolist()), FREE, K, used.tolist())
    assert b is not None
    return b


def falling(t: Array) -> Array:
    """The negative slope of the loss."""
    return np.asarray(1.0 / (1.0 + np.exp(t)))


def grid(t: float, low: float, high: float) -> Array:
    """Motions, none of them 0."""
    tau = np.linspace(-low, high, 2001)
    return tau[np.abs(tau) > 1e-3]


class Formulas:
    """The theorem's numbers, in floats, on fine grids."""

    def __init__(self, relabels: bool, slabs: Array, away: float) -> None:
        self.relabels = relabels
        lo, hi, il, ih = slabs[[0, 1, 0, 1]] if relabels else slabs
        self.w = refit(ROWS, COUNTS, np.full(2, DECAY)) + away * np.array([1.0, -0.5])
        t = ROWS @ self.w
        p, self.D = falling(t), falling(t) * (1.0 - falling(t))
        steps = [grid(*x) for x in zip(t, lo, hi, strict=True)]
        left = [p[j] - falling(t[j] + a) for j, a in enumerate(steps)]
        low = np.array([min((x / a).min(), D) for x, a, D in zip(left, steps, self.D, strict=True)])
        self.bends = np.array([[f(2.0 * (x - D * a) / (a * a)) for x, a, D in zip(left, steps, self.D, strict=True)]
                               for f in (np.min, np.max)]) * COUNTS
        self.H = (ROWS.T * (COUNTS * self.D)) @ ROWS + DECAY * np.eye(2)
        self.low = (ROWS.T * (COUNTS * low)) @ ROWS + DECAY * np.eye(2)
        self.gradient = DECAY * self.w - (COUNTS * p) @ ROWS
        self.first, free = (COUNTS * p)[FREE], np.array(FREE)
        self.gone, self.far = np.maximum(il, ih)[free], slabs[: 2 if relabels else 4].max(axis=0)
        if relabels:
            forth, back = COUNTS[free], np.zeros(3)
        else:
            forth = COUNTS[free] * (p + self.D * il)[free]
            back = COUNTS[free] * np.array([max(0.0, (falling(t[i] + a) - p[i] + self.D[i] * a).max())
                                            for i in FREE for a in [grid(t[i], il[i], ih[i])]])
        self.size = np.maximum(forth, back)
        self.back = float((back / self.size).max())
        B = np.outer(self.size, self.size) * (ROWS[free] @ np.linalg.inv(self.low) @ ROWS[free].T)
        pairs = np.maximum(B, -self.back * B)
        self.q = np.diag(B) + np.max(pairs - np.diag(np.diag(pairs)), axis=1)

    def along(self, e: Array) -> tuple[Array, Array, float]:
        """`x_l`, `β_l` and the least λ."""
        x = ROWS @ np.linalg.solve(self.H, e)
        beta = np.maximum(x * self.bends[0], x * self.bends[1])
        form = np.linalg.solve(self.low, (ROWS.T * beta) @ ROWS)
        return x, beta, max(0.0, float(np.linalg.eigvals(form).real.max()))


def of(b: linear.Bent, e: Array, share: float) -> list[taken.Taken | None]:
    """What is taken along a vector and its negative."""
    return next(taken.taken(b, [(e.tolist(), arb(float(np.linalg.norm(e))) * (1 + arb(2) ** -50), (share, share))]))


def close(got: Any, true: Any, room: float, beside: float = 1e-12) -> bool:
    """Whether bounds are none too small, and hardly larger than they have to be."""
    got, true = np.asarray(got), np.asarray(true)
    return bool((got >= true * (1 - 1e-9) - 1e-14).all() and (got <= true * (1 + room) + beside).all())


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("slabs", [SHORT, LONG])
@pytest.mark.parametrize("away", [1e-9, 1e-3, 0.1, 3.0])
def test_what_slabs_say_is_what_the_page_says(relabels: bool, slabs: Array, away: float) -> None:
    b, f = setting(relabels, slabs, away), Formulas(relabels, slabs, away)
    assert np.allclose(np.array([[float(x) for x in row] for row in b.X.tolist()]), np.linalg.inv(f.H), rtol=1e-9)
    low = np.array([[float(x) for x in row] for row in b.low.tolist()])
    assert np.allclose(low, f.low, rtol=1e-4)
    assert np.linalg.eigvalsh(f.low - low)[0] > -1e-9  # a mean on the grid is above the least by next to nothing
    assert close(b.first, f.first, 1e-6)
    assert relabels or (f.back == 1.0) == (away > 1.0 and slabs is LONG)  # far away a row pulls harder back than forth
    assert close(b.pull, f.size, 1e-4)
    assert close(b.back, f.back, 1e-4)
    assert close(b.rho, f.q, 1e-3)
    mid, half = np.array(b.mid), np.array(b.half)
    assert close(mid + half, f.bends[1], 0.0, 1e-3)
    assert close(half - mid, -f.bends[0], 0.0, 1e-3)
    cut = COUNTS * f.D - np.array(b.own)  # floats hold a number of 2^-44 exactly, and this up to 2^-53
    assert (cut > -1e-15).all()
    assert close(b.bent, np.maximum(cut - 1e-15, 0.0) * f.far, 0.0, 1e-12)
    assert close(b.gone, 0.5 * f.gone**2, 1e-6)
    assert close(b.gradient, np.linalg.norm(f.gradient), 1e-4)
    assert b.rest >= np.sqrt(f.gradient @ np.linalg.solve(f.low, f.gradient)) * (1 - 1e-9)
    assert b.rest <= 2.0 * np.linalg.norm(f.gradient) / np.sqrt(np.linalg.eigvalsh(f.low)[0])


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("slabs", [SHORT, LONG])
@pytest.mark.parametrize("away", [1e-9, 1e-3, 0.1, 3.0])
@pytest.mark.parametrize("loose", [0.0, 0.01])
def test_what_changes_take_is_what_the_page_says(relabels: bool, slabs: Array, away: float, loose: float) -> None:
    b, f = setting(relabels, slabs, away), Formulas(relabels, slabs, away)
    if loose:  # as if `c_iD_i` were so far off
        b = replace(b, bent=(loose * f.far).tolist())
    bent = 0
    for e in POINTS:
        share = 1.05 * max(f.along(e)[2], f.along(-e)[2]) + 0.01
        both, line = of(b, e, share), taken._line(b, e.tolist(), arb(float(np.linalg.norm(e))))
        for sign, one in zip((1.0, -1.0), both, strict=True):
            assert one is not None
            x, least, _ = f.along(sign * e)
            own, beta = x[FREE], np.array(line.wide) + sign * np.array(line.along)
            assert close(beta - least, 0.0, 0.0, 5e-3)
            rest = 0.5 * share * (1 + THETA) * f.q
            if not relabels:
                rest = rest + np.maximum(-beta[FREE], 0.0) * 0.5 * f.gone**2
                bent += int((beta[FREE] < -1e-3).sum())
            fixed = (0.5 * share * (1 + 1 / THETA) * b.rest**2 + np.linalg.norm(np.linalg.solve(f.H, e)) * b.gradient
                     + float(np.abs(x) @ np.array(b.bent)))
            assert close(one.pull, f.size * np.maximum(np.maximum(own, -f.back * own), 0.0), 1e-4, 1e-6)
            assert close(one.rest, rest, 1e-3)
            assert close(one.fixed, fixed, 1e-4)
            assert close(one.most, own, 0.0, 1e-6)
    assert relabels or slabs is LONG or bent > 5


def test_what_an_inverse_is_off_by_counts_for_every_row_and_for_the_length() -> None:
    b = setting(False, SHORT)
    wide = replace(b, off=arb(0.01))
    for e in POINTS:
        length = float(np.linalg.norm(e))
        line, wider = (taken._line(x, e.tolist(), arb(length)) for x in (b, wide))
        long = np.linalg.norm(ROWS, axis=1) * length * 0.01
        assert (np.array(wider.off) >= long).all()
        assert (np.array(line.off) < long).all()
        assert wider.length >= line.length + 0.01 * length
        more = np.array(wider.wide) - np.array(line.wide)
        assert (more >= 0.99 * long * (np.abs(b.mid) + np.array(b.half))).all()


def drawn(rng: np.random.Generator, own_pull: float) -> taken.Taken:
    """What four rows, three of which may change, might take."""
    pull = rng.uniform(0.1, 0.3, 3)
    pull[1] = own_pull
    return taken.Taken(pull.tolist(), rng.uniform(0.01, 0.1, 3).tolist(), float(rng.uniform(0.05, 0.1)),
                       rng.uniform(0.1, 0.5, 3).tolist())


@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("own_pull", [0.02, 0.2, 0.9])
def test_slabs_hold_from_the_formulas_on(relabels: bool, own_pull: float, monkeypatch: pytest.MonkeyPatch) -> None:
    b, rng = setting(relabels, SHORT), np.random.default_rng(5)
    some = [[drawn(rng, own_pull), drawn(rng, own_pull)] for _ in range(4)]
    monkeypatch.setattr(method, "taken", lambda b, vectors: iter(some))
    need, kinds = np.full((4, 4), 1e-3), [0, 1] if relabels else [0, 1, 2, 3]
    for j, both in enumerate(some):
        own = FREE.index(j) if j in FREE else -1
        for sign, one in enumerate(both):
            u = np.array(one.pull) + np.array(one.rest)
            others = np.sort(u if relabels or own < 0 else np.delete(u, own))[::-1]
            need[sign, j] = others[:K].sum() + one.fixed
            if own >= 0 and not relabels:
                right = one.rest[own] + others[: K - 1].sum() + one.fixed
                h = one.most[own]
                need[sign + 2, j] = right + one.pull[own] if sign else (
                    (h * b.first[own] + right) / (1.0 - h * b.own[j]))
    enough = need * (1 + 1e-7)
    assert method._holds(b, enough.tolist(), (0.0,) * 8)
    for kind in kinds:
        for j in range(4) if kind < 2 else FREE:
            less = enough.copy()
            less[kind, j] = need[kind, j] * (1 - 1e-9)
            assert not method._holds(b, less.tolist(), (0.0,) * 8)


def test_a_row_that_moves_itself_too_far_holds_no_slab(monkeypatch: pytest.MonkeyPatch) -> None:
    b = setting(False, SHORT)
    one = drawn(np.random.default_rng(1), 0.1)
    monkeypatch.setattr(method, "taken", lambda b, vectors: iter([[one, one]] * 4))
    wide = [[60.0] * 4] * 4
    assert method._holds(b, wide, (0.0,) * 8)
    one.most[0] = 1.01 / b.own[0]
    assert not method._holds(b, wide, (0.0,) * 8)
