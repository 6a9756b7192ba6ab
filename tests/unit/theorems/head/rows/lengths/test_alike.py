"""D14 on one column of few kinds of rows: every choice is known exactly, and the ends lie near enough to show errors.

Each wrong version of `test_wrong_versions_are_caught` is one that random heads let pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from mpmath import mp, mpf

from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.lengths import answered as answers
from certify.theorems.head.rows.lengths import reach, slopes, taken
from certify.theorems.head.rows.lengths.centre import Centre, centre, scaled
from certify.theorems.head.rows.squared.streamed.largest import Largest

Kind = tuple[float, float, int]
"""A number, its label, and how many rows have both."""

MANY: list[Kind] = [(1.0, 1.0, 3600), (1.0, -1.0, 400)]
LONG: list[Kind] = [(1.0, 1.0, 200), (1.0, -1.0, 165), (16.0, 1.0, 1)]


def minimum(kinds: list[Kind], decay: float) -> mpf:
    """Where `Σ l(yφw) + ½decay·w²` is least, to 30 digits."""
    mp.dps, w = 40, mpf(0)
    for _ in range(60):
        g, h = decay * w, mpf(decay)
        for phi, y, number in kinds:
            p = 1 / (1 + mp.exp(mpf(phi) * y * w))
            g, h = g - number * mpf(phi) * y * p, h + number * mpf(phi) ** 2 * p * (1 - p)
        w -= g / h
    assert abs(g / h) < mpf(10) ** -30
    return w


def changed(kinds: list[Kind], which: tuple[int, ...], relabels: bool) -> list[Kind]:
    """After a choice of so many rows of each kind."""
    times = Counter(which)
    rest = [(phi, y, number - times[k]) for k, (phi, y, number) in enumerate(kinds)]
    return rest + [(kinds[k][0], -kinds[k][1], 1) for k in which if relabels]


def choices(kinds: list[Kind], count: int) -> list[tuple[int, ...]]:
    found = [M for m in range(count + 1) for M in combinations_with_replacement(range(len(kinds)), m)]
    return [M for M in found if all(Counter(M)[k] <= kinds[k][2] for k in M)]


def beyond(kinds: list[Kind], count: int, relabels: bool, decay: float = 1.0, aside: float = 0.0,
           noisy: Callable[[Centre], Centre] = lambda c: c) -> tuple[list[float], list[float]]:
    """What refits reach of what is said: of the distance and the ends of `w` and `−w`; the least over what is held."""
    phi = np.concatenate([np.full(number, phi) for phi, _, number in kinds])[:, None]
    y = np.concatenate([np.full(number, y) for _, y, number in kinds])[:, None]
    rows = scaled(Rows(Held(phi), np.ones(1)), decay, np.array([True]))
    best, scale = minimum(kinds, decay), float(rows.scale[0])
    start = np.array([float(best) + aside]) / scale
    c = noisy(centre(rows, rows.per_row(y), decay * rows.scale**2, 0.0, start))
    at = mpf(float(c.w[0])) * mpf(scale)
    found = reach.reach(c, count, relabels)
    assert isinstance(found, reach.Reach), found
    said = answers.answered(c, found, np.array([[1.0], [-1.0]]), count, relabels)
    ends = {M: minimum(changed(kinds, M, relabels), decay) for M in choices(kinds, count)}
    H = mpf(decay)
    for number, label, many in kinds:
        p = 1 / (1 + mp.exp(mpf(number) * label * at))
        H += many * mpf(number) ** 2 * p * (1 - p)
    far = max(abs(w - at) for w in ends.values()) * mp.sqrt(H)
    kind_of = np.repeat(np.arange(len(kinds)), [number for _, _, number in kinds])
    shares, tight = [float(far / mpf(found.distance))], []
    for j, sign in enumerate((1, -1)):
        low = min(sign * w for w in ends.values())
        named = sign * ends[tuple(sorted(int(kind_of[i]) for i in said.rows[j]))]
        moved = abs(float(best - low * sign)) + 1e-300
        shares += [1.0 + float(mpf(float(said.least[j])) - low) / moved,
                   1.0 + float(named - mpf(float(said.most[j]))) / moved]
        tight.append(float(sign * at - low) / float(sign * at - mpf(float(said.least[j]))))
    return shares, tight


@pytest.mark.parametrize("kinds", [MANY, LONG])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_ends_and_distance_hold_and_are_near(kinds: list[Kind], relabels: bool, count: int) -> None:
    if kinds is LONG and (relabels or count > 1):
        return
    shares, tight = beyond(kinds, count, relabels)
    assert max(shares) <= 1.0
    assert shares[0] > 0.9
    assert max(tight) > 0.9


@pytest.mark.parametrize("aside", [-0.02, 0.02, 1e-4])
@pytest.mark.parametrize("relabels", [False, True])
def test_nothing_rests_on_where_the_centre_is(aside: float, relabels: bool) -> None:
    assert max(beyond(MANY, 1, relabels, aside=aside)[0]) <= 1.0


@pytest.mark.parametrize("share", [-2.0**-9, 2.0**-9])
@pytest.mark.parametrize("pull", [0.0, -1e-4, 1e-4])
def test_enclosures_may_lie_anywhere(share: float, pull: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Curvatures and pulls that are off as far as they say."""
    noise(share, pull, monkeypatch)
    for relabels in (False, True):
        assert max(beyond(MANY, 2, relabels)[0]) <= 1.0


def noise(share: float, pull: float, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, flat = slopes.values_at, slopes.curvatures
    monkeypatch.setattr("certify.theorems.head.rows.lengths.centre.UNSURE", 0.1)

    def off(t: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, ...]:
        p, p_off, D, D_off = exact(t, spread)
        return p + pull, p_off + abs(pull) * 1.0001, D, D_off

    def bent(t: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, ...]:
        D, D_off = flat(t, spread)
        return D * (1.0 + share), D_off + 1.0001 * abs(share) * D

    monkeypatch.setattr(slopes, "values_at", off)
    monkeypatch.setattr(slopes, "curvatures", bent)


def solved_badly(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Solutions that are off by a part of themselves, and say so."""
    exact = answers.solve

    def off(system, points):  # type: ignore[no-untyped-def]
        found = exact(system, points)
        size = np.abs(points * system.scale)[:, 0] * abs(system.R[0, 0])
        return replace(found, u=found.u * (1.0 - share), off=abs(share) * size * (1.0 + 1e-9))

    monkeypatch.setattr(answers, "solve", off)


@pytest.mark.parametrize("share", [-0.01, 0.01])
def test_solutions_may_be_rough(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    solved_badly(monkeypatch, share)
    for relabels in (False, True):
        assert max(beyond(MANY, 3, relabels)[0]) <= 1.0


def _fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "Largest", lambda most, width: Largest(max(most - 1, 1), width))


def _one_pull_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_sum", lambda largest, count: float(largest.sorted()[0][: max(count - 1, 1)].sum()))


def _leverages_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reach._sum
    monkeypatch.setattr(reach, "_sum", lambda largest, count: whole(largest, count) * largest.__dict__.get("part", 1.0))
    tallied = Rows.tallied

    def without(self, task):  # type: ignore[no-untyped-def]
        found = tallied(self, task)
        if hasattr(found, "leverages"):
            found.leverages.part = 0.0
        return found

    monkeypatch.setattr(Rows, "tallied", without)


def _pulls_upside_down(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = taken.pulls
    monkeypatch.setattr(taken, "pulls", lambda at, moved, unsure: honest(at, moved, unsure)[::-1])


def _centre(**parts: float) -> Callable[[Centre], Centre]:
    return lambda c: replace(c, **parts)


def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, kinds, count, relabels in (
            (_fewer, MANY, 2, True), (_one_pull_less, MANY, 2, True), (_leverages_forgotten, LONG, 1, False),
            (_pulls_upside_down, MANY, 3, False)):
        with monkeypatch.context() as broken:
            wrong(broken)
            assert max(beyond(kinds, count, relabels)[0]) > 1.0, wrong.__name__
    assert max(beyond(MANY, 1, True, aside=0.02, noisy=_centre(residual=1e-12))[0]) > 1.0
    with monkeypatch.context() as broken:
        noise(2.0**-9, 0.0, broken)
        assert max(beyond(MANY, 1, True, noisy=_centre(unsure=1e-12))[0]) > 1.0
    with monkeypatch.context() as broken:
        solved_badly(broken, 0.01)
        rough = answers.solve
        broken.setattr(answers, "solve", lambda system, points: replace(rough(system, points), off=np.zeros(2)))
        assert max(beyond(MANY, 1, True)[0]) > 1.0
