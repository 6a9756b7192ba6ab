"""Changes of predictions where a row has one number as whole numbers: the truth is within (P1, W6)."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, fmpz_mat

from certify.check.linalg.fixed import Fixed
from certify.check.theorems.predictions import one_column
from certify.check.theorems.predictions.one_column import changes
from certify.check.words.sets.base import set_of
from tests.effort import examples

SETS = pytest.mark.parametrize("word", ["total", "per_sample", "sparse"])
RADIUS, AT_ONCE, BITS = 0.5, 3, 30


def fixed(M: np.ndarray, radius: float) -> Fixed:
    return Fixed(fmpz_mat(*M.shape, [int(x) for x in np.rint(np.ldexp(M, BITS)).ravel()]), BITS, arb(radius))


def at(word: str, C: Fixed) -> SimpleNamespace:
    problem = SimpleNamespace(budget=set_of(word), at_once=AT_ONCE, radius=RADIUS)
    return SimpleNamespace(problem=problem, data=SimpleNamespace(columns=C), width=120)


def budget(word: str, sizes: np.ndarray) -> float:
    s = np.sort(np.abs(sizes))[::-1]
    return RADIUS * float(np.sqrt((s**2).sum()) if word == "total" else s[:AT_ONCE if word == "sparse" else None].sum())


def moved(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> np.ndarray:
    v = rng.normal(size=shape)
    return v * (length / np.linalg.norm(v))


@SETS
@pytest.mark.parametrize("seed", range(examples(18)))
def test_the_truth_is_within(word, seed):
    """Of every C and every Y of the enclosures, and of vectors that are off by as much as is said."""
    rng = np.random.default_rng(seed)
    C, Y = (np.rint(np.ldexp(rng.normal(size=shape), BITS)) * 2.0**-BITS for shape in ((5, 7), (4, 5)))
    C *= 10.0 ** rng.integers(-4, 1, 7)
    C = np.rint(np.ldexp(C, BITS)) * 2.0**-BITS
    r, s, lost = 10.0 ** rng.integers(-6, 0, 3)
    found = changes(at(word, fixed(C, r)), fixed(Y, s), [arb(lost)] * 4)
    own, other = C + moved(rng, C.shape, 0.999 * r), Y + moved(rng, Y.shape, 0.999 * s)
    for j, value in enumerate(found):
        y = other[j] + moved(rng, (5,), 0.999 * lost)
        assert value.contains(arb(budget(word, y @ own)))


@SETS
def test_it_is_sharp_and_what_is_off_counts_once(word):
    rng = np.random.default_rng(3)
    C, Y = (np.rint(np.ldexp(rng.normal(size=shape), BITS)) * 2.0**-BITS for shape in ((5, 7), (4, 5)))
    for value, y in zip(changes(at(word, fixed(C, 0.0)), fixed(Y, 0.0), [arb(0)] * 4), Y, strict=True):
        assert abs(float(value) - budget(word, y @ C)) < 1e-12 and value.rad() < 1e-14
    wide = changes(at(word, fixed(C, 0.0)), fixed(Y, 0.0), [arb(0.01)] * 4)
    assert all(abs(float(v.rad()) / (0.01 * budget(word, np.linalg.norm(C, axis=0))) - 1) < 1e-6 for v in wide)


@SETS
@pytest.mark.parametrize("part", ["lost", "radius"])
def test_each_part_is_needed(word, part, monkeypatch):
    """Vectors, or a C, that are off in the direction in which all rows count."""
    C, Y = np.ones((1, 4)), np.ones((1, 1))
    if part == "lost":
        truth, found = budget(word, 1.1 * np.ones(4)), changes(at(word, fixed(C, 0.0)), fixed(Y, 0.0), [arb(0.1)])
    else:  # one entry alone takes all of it
        truth = budget(word, np.array([1.1, 1, 1, 1]))
        found = changes(at(word, fixed(C, 0.1)), fixed(Y, 0.0), [arb(0)])
        honest = one_column.product
        monkeypatch.setattr(one_column, "product", lambda *told: Fixed(
            honest(*told).mid, honest(*told).bits, arb(0)))
        wrong = changes(at(word, fixed(C, 0.1)), fixed(Y, 0.0), [arb(0)])
        assert not wrong[0].contains(arb(truth)), "a radius that is forgotten leaves the truth out"
    assert found[0].contains(arb(truth * (1 - 1e-12)))


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_what_is_not_known_bounds_nothing(value):
    C, Y = fixed(np.ones((1, 4)), 0.0), fixed(np.ones((1, 1)), 0.0)
    found, = changes(at("total", C), Y, [arb(value)])
    assert not found.is_finite() and not found < arb(1e300)


@SETS
def test_vectors_that_are_off_meet_a_c_that_is_off(word):
    """Of both middles nothing is seen, and the rows still move the prediction by the product of what both lack."""
    found, = changes(at(word, fixed(np.zeros((1, 4)), 0.25)), fixed(np.zeros((1, 1)), 0.0), [arb(0.5)])
    assert found.contains(arb(budget(word, np.array([0.125, 0, 0, 0]))))


@pytest.mark.parametrize("word", ["per_sample", "sparse"])
def test_a_c_that_is_off_a_little_in_every_row(word):
    """The same distance as in one row alone moves the prediction by more where sizes add up."""
    found, = changes(at(word, fixed(np.ones((1, 4)), 0.1)), fixed(np.ones((1, 1)), 0.0), [arb(0)])
    assert found.contains(arb(budget(word, np.full(4, 1 + 0.0999 / 2))))
