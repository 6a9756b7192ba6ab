"""How far all rows together move a critical point, by what `XC` does to vectors: no end that is false is proved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, norm_of, scale
from certify.check.linalg.probes import MOST, shortened
from certify.check.probed import asked
from certify.check.systems import critical_nearby
from certify.check.systems.near import together as rule
from certify.check.systems.near.together import together, worth
from certify.check.theorems.modulus import critical
from tests.unit.check.probed.test_asked import Case, found
from tests.unit.check.probed.test_point import path  # noqa: F401

STEP = 1e-6


@pytest.fixture(autouse=True)
def said(monkeypatch):
    monkeypatch.setattr(asked, "WIDE", 0)
    monkeypatch.setattr(critical_nearby, "ASKED", 0)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


def whole(M: np.ndarray, bits: int, radius: float = 0.0) -> Fixed:
    return Fixed(fmpz_mat([[int(x) for x in row] for row in np.rint(M * 2.0**bits).tolist()]), bits, arb(radius))


def floats(M: Fixed) -> np.ndarray:
    return np.array([[float((x * scale(M.bits)).mid()) for x in row] for row in arb_mat(M.mid).tolist()])


def drawn(seed: int, p: int = 60, n: int = 90, fall: float = 0.8) -> tuple[Fixed, Fixed, float]:
    """X that need not be symmetric, C, and the largest eigenvalue of `XCCᵀXᵀ`."""
    rng = np.random.default_rng(seed)
    X = whole(rng.normal(size=(p, p)) * fall ** np.arange(p) * 10.0 ** rng.integers(-2, 3), 45)
    C = whole(rng.normal(size=(p, n)) * 10.0 ** rng.integers(-4, 2), 50)
    return X, C, float(np.linalg.norm(floats(X) @ floats(C), 2) ** 2)


@pytest.mark.parametrize("seed", range(4))
def test_an_end_above_is_proved_and_none_below(seed):
    X, C, true = drawn(seed)
    at = together(X, C)
    assert at.below(arb(true * (1 + STEP))) is Truth.PROVED
    assert at.below(arb(true * (1 - STEP))) is Truth.DISPROVED
    assert at.below(arb(0)) is not Truth.PROVED and at.below(arb("nan")) is Truth.UNDECIDED


@pytest.mark.parametrize("seed", range(2))
def test_every_member_of_the_enclosure_counts(seed):
    """The farthest C, along the singular vectors of the longest motion: an end that is false of it is not proved."""
    X, C, _ = drawn(seed)
    radius = 1e-3 * float(C.size.mid())
    Y = floats(X) @ floats(C)
    _, _, Vt = np.linalg.svd(Y)
    u = floats(X).T @ (Y @ Vt[0])
    worst = np.linalg.norm(floats(X) @ (floats(C) + radius * np.outer(u / np.linalg.norm(u), Vt[0])), 2) ** 2
    at = together(X, replace(C, radius=arb(radius)))
    assert at.below(arb(float(worst) * (1 - 1e-9))) is not Truth.PROVED
    assert at.below(arb(float(np.linalg.norm(Y, 2) ** 2) * (1 - 1e-9))) is not Truth.DISPROVED
    far = float((X.reach * radius).mid())
    assert at.below(arb((np.linalg.norm(Y, 2) + far) ** 2 * (1 + STEP))) is Truth.PROVED


def test_a_motion_that_is_nowhere_seen_is_not_none():
    """C = 0 exactly would prove an end 0; what is known by vectors alone never says that."""
    X, C, _ = drawn(0)
    at = together(X, replace(C, mid=C.mid * 0))
    assert not at.plain.vanishes and at.plain.radius > 0
    assert at.below(arb(2) ** rule.SMALLEST) is not Truth.PROVED and at.below(arb(0)) is not Truth.PROVED


@pytest.mark.parametrize("places", [4, 40])
@pytest.mark.parametrize("cut", range(3))
def test_what_is_cut_off_is_counted(places, cut, monkeypatch):
    """One of the three alone, with so few bits that it shows: `apply` is off by no more than it says."""
    calls = iter(range(3))
    monkeypatch.setattr(rule, "shortened", lambda M, bits: shortened(M, places) if next(calls) == cut else (M, 0))
    X, C, _ = drawn(1)
    at, V = together(X, C), fmpz_mat(60, 1, [(-1) ** j * (1 << 30) for j in range(60)])
    exact, exact_bits, _ = at._exactly(V)
    near, bits, error = at._apply(V)
    with ctx.workprec(400):
        off = arb_mat(exact) * scale(exact_bits) - arb_mat(near) * scale(bits)
        length = float(sum((x * x for x in off.entries()), arb(0)).sqrt().mid())
    assert 0 < length <= float(error)


def rounded_up(M: fmpz_mat, places: int) -> tuple[fmpz_mat, int]:
    """Less than a unit is lost of every entry, and of those that lie a little above one nearly all of it."""
    M, drop = shortened(M, places)
    return fmpz_mat(M.nrows(), M.ncols(), [x + 1 for x in M.entries()]), drop


@pytest.mark.parametrize("size", [-12, 12])
@pytest.mark.parametrize("cut", range(3))
def test_what_is_cut_off_is_counted_as_often_as_c_is_long(size, cut, monkeypatch):
    """Of one direction, in which C is longer or shorter than 1: no more is said than is lost, but for rounding."""
    calls, n = iter(range(3)), 16
    monkeypatch.setattr(rule, "shortened", lambda M, bits: rounded_up(M, 20) if next(calls) == cut else (M, 0))
    X, C = whole(np.eye(n), 30), whole(np.full((n, n), 2.0**size / n), 30)
    at, V = together(X, C), fmpz_mat(n, 1, [(1 << 40) + 1234 * (j + 1) for j in range(n)])
    exact, exact_bits, _ = at._exactly(V)
    near, bits, error = at._apply(V)
    with ctx.workprec(400):
        off = arb_mat(exact) * scale(exact_bits) - arb_mat(near) * scale(bits)
        length = float(sum((x * x for x in off.entries()), arb(0)).sqrt().mid())
    assert 0 < length <= float(error) < 2 * length


def test_it_is_for_many_columns_and_an_exact_inverse():
    X, C = whole(np.eye(3), 10), whole(np.ones((900, 900)), 1)
    assert worth(X, C) and not worth(replace(X, radius=arb(1)), C) and not worth(X, whole(np.ones((700, 700)), 1))
    assert not worth(X, replace(C, mid=C.mid * 0)) and worth(X, replace(C, mid=C.mid * 0, radius=arb(1)))


@pytest.fixture
def point(path, monkeypatch):  # noqa: F811
    case = Case(path)
    case.problem = replace(case.problem, parameter="sample_weights", scale=None)
    monkeypatch.setattr(rule, "WORTH", 0)
    monkeypatch.setattr(rule, "STEPS", 20)  # of few rows, which all count
    return found(case)


def test_the_modulus_is_decided_by_it_and_by_xc_where_it_leaves_open(point, said):
    first, second = point.motions()
    top = float(np.linalg.norm(floats(point.reached), 2) ** 2)
    assert len(said) == 1 and type(first).__name__ == "Together" and type(second).__name__ == "Largest"
    for motion, step in ((first, STEP), (second, 1e-3)):  # XC is known less well than what it does to vectors
        assert motion.below(arb(top * (1 + step))) is Truth.PROVED
        assert motion.below(arb(top * (1 - step))) is not Truth.PROVED
    assert len(said) == 2 and next(point.motions()) is first
    said += ["another"] * MOST
    assert [type(x).__name__ for x in point.motions()] == ["Largest"]


def test_an_end_that_is_false_is_refused(point):
    class Here:
        problem, precision = point.problem, 192

        def of(self, what):
            return point

    top = float(np.linalg.norm(floats(point.reached), 2))
    assert critical.upper(Here(), top * 1.001).truth is Truth.PROVED
    assert critical.upper(Here(), top * 0.999).truth is not Truth.PROVED


def test_the_square_of_c_comes_before_xc_where_rows_are_many(point, monkeypatch):
    """Both have the square of the longest motion as their largest eigenvalue, and what is less is not proved."""
    monkeypatch.setattr(rule, "WORTH", 10**9)
    monkeypatch.setattr(asked, "WIDER", 0)
    first, second = point.motions()
    C = point.data.columns
    assert 0 <= C.size - norm_of(C) <= C.size * 1e-12, "its length is known beside"
    top, p = float(np.linalg.norm(floats(point.reached), 2) ** 2), point.problem.parameters
    assert first.plain.shape == (p, p) and first.plain.radius > 0
    for motion in (first, second):
        assert motion.below(arb(top * (1 + 1e-3))) is Truth.PROVED
        assert motion.below(arb(top * (1 - 1e-3))) is not Truth.PROVED
    assert [motion is second for motion in point.motions()] == [True], "XC is there now"
    with ctx.workprec(400):
        off = first.plain.balls() - second.plain.balls() if second.plain.shape == (p, p) else arb_mat(1, 1)
    assert all(x.contains(0) for x in off.entries())
