"""Slopes and curvatures as doubles, and what is rounded on the way, against balls of many bits."""

from __future__ import annotations

import random
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from flint import arb, ctx, fmpz

from certify.check.stored import some
from certify.check.stored.lengths import points, slopes
from certify.check.stored.lengths.points import Point
from certify.check.stored.lengths.reading import RAISED, Reading, leverage
from certify.check.stored.lengths.slopes import NEAR, ROUNDED, in_doubles
from certify.check.theorems.head.rows.squared.ridge import Solution
from certify.format.refusal import Invalid


def truth(t: arb) -> tuple[arb, arb]:
    """p and l'' with many bits."""
    return 1 / (1 + t.exp()), 1 / ((1 + t.exp()) * (1 + (-t).exp()))


def drawn(rng: random.Random) -> float:
    return rng.choice([-1.0, 1.0]) * rng.choice([0.0, 2.0**-60, rng.random(), 40.0 * rng.random(), 599.0])


def test_doubles_are_as_near_as_they_say() -> None:
    rng, worst = random.Random(0), 0.0
    for _ in range(3000):
        t = drawn(rng)
        with ctx.workprec(64):
            found = in_doubles(arb(t))
        with ctx.workprec(400):
            for own, exact in zip(found, truth(arb(t)), strict=True):
                part = abs(arb(own) / exact - 1)
                assert part < ROUNDED and abs(exact / arb(own) - 1) < ROUNDED
                worst = max(worst, float(part))
    assert worst > 2.0**-54, "they are rounded"


@pytest.mark.parametrize("t", [arb(1, 2.0**-40), arb("nan"), arb(0, 1), arb("inf")])
def test_margins_that_are_not_known_are_refused(t: arb) -> None:
    with ctx.workprec(64), pytest.raises(Invalid, match="a margin there is not known"):
        in_doubles(t)


def test_a_double_of_an_exponential_that_is_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a float of a ball is is no promise: it is compared with the ball."""
    with ctx.workprec(64):
        in_doubles(arb(3))
        monkeypatch.setattr(slopes, "NEAR", NEAR / 16)
        with pytest.raises(Invalid):
            [in_doubles(arb(k) / 7) for k in range(1, 40)]


def test_leverages_are_no_less_than_their_product() -> None:
    rng, low = random.Random(1), 0
    for _ in range(2000):
        a, b = rng.random() * 2.0 ** rng.randint(-60, 60), rng.random() * 2.0 ** rng.randint(-600, 0)
        exact, found = Fraction(a) ** 2 * Fraction(b), leverage(a, b)
        assert Fraction(found) >= exact
        low += Fraction(found / RAISED) < exact
    assert low > 100, "without what is added some would be less"
    assert Fraction(leverage(2.0**-300, 2.0**-600)) >= Fraction(2) ** -1200


@pytest.mark.parametrize("bits", [28, 31, 40, 60])
def test_what_is_cut_off_a_point_is_counted(bits: int) -> None:
    rng = random.Random(bits)
    for size in (20, 61, 90):
        for _ in range(50):
            u = [fmpz(rng.randint(-1 << size, 1 << size)) for _ in range(rng.randint(1, 40))]
            one = Point(0, 1, arb(0), arb(0), Solution(u, 60, arb(0), arb(0), arb(0)), None)
            short = one.start(bits)
            phi = [rng.choice([-1, 1]) * rng.randint(0, 1 << bits) for _ in u]
            found, whole = (sum(int(x) * y for x, y in zip(own, phi, strict=True)) for own in (short, u))
            with ctx.workprec(400):
                assert abs(found * one.unit(bits) - whole * arb(2) ** -(bits + 60)) <= one.cut
            if one.drop:
                assert abs(found) < 1 << points.SHORT + 1


def test_points_are_cut_where_that_leaves_enough_and_only_there() -> None:
    u = [fmpz(1) << 60, fmpz(-3)]
    drops = []
    for bits in (28, 60):
        one = Point(0, 1, arb(0), arb(0), Solution(u, 60, arb(0), arb(0), arb(0)), None)
        one.start(bits)
        drops.append(one.drop)
    assert drops[0] > 0 and drops[1] == 0


def test_a_pull_that_underflows_is_not_0() -> None:
    asked: Any = SimpleNamespace(asked=SimpleNamespace(deletes=True))
    assert Reading._pull(asked, 2.0**-600, 2.0**-500) > 0.0
    assert arb(Reading._pull(asked, 0.3, 0.7)) >= arb(0.3) * arb(0.7)


@pytest.mark.parametrize("share", [arb("inf"), arb("nan"), arb(0, 1) / arb(0)])
def test_a_share_that_is_no_number_does_not_count_as_0(share: arb) -> None:
    assert some._up(arb(5) / 2) == 3
    with pytest.raises(Invalid, match="take a share below 1"):
        some._up(share)
