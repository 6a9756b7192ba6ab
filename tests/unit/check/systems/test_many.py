"""Many equations by a factor in whole numbers, with a proposed one beside it or not: no end beyond the exact one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from heapq import nlargest
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.enclosure.network import tangent_kernel
from certify.check.enclosure.norms import layer_squares
from certify.check.kernel import CHANCE, PRECISIONS
from certify.check.linalg.balls import ZERO
from certify.check.linalg.by_factor import ByFactor
from certify.check.linalg.by_probes import ByProbes
from certify.check.linalg.definite import MANY, Truth
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.large import whole_factor
from certify.check.linalg.large.whole_factor import WholeFactor
from certify.check.systems import interpolation
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.near.factors import Probed
from certify.check.systems.near.many import Many, leveled
from certify.check.systems.point import Point
from certify.check.theorems.modulus import row_budgets
from tests.oracles import taylor

N, UNIT = 130, 45
KINDS = [Many, Probed]


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance may decide, and equations are many from few on."""
    monkeypatch.setattr(interpolation, "PROBED", N - 1)
    token = CHANCE.set([])
    with ctx.workprec(PRECISIONS[0]):
        yield
    CHANCE.reset(token)


@cache
def half(seed: int) -> fmpz_mat:
    """A symmetric root of K, whose eigenvalues fall by a million."""
    U = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))[0]
    return fmpz_mat([[int(x) for x in row] for row in np.rint((U * np.logspace(0, -3, N)) @ U.T * 2.0**UNIT)])


def kernel(root: fmpz_mat) -> arb_mat:
    return arb_mat(root * root.transpose()) * arb(2) ** (-2 * UNIT)


def at(kind: type[Many], seed: int = 0, count: int = 2, **other: object) -> Interpolation:
    """Equations of one output each of which the row moves by ½, 1 or 3/2."""
    problem = SimpleNamespace(block=1, nearby=False, at_once=count, row_norm=None, interpolation_rows=N,
                              reference=None, contrasts=None, outputs=1)
    vars(problem).update(other)
    found = Point(problem, PRECISIONS[0]).of(Interpolation)
    many = kind(found)
    many.__dict__["summed"] = None
    found.__dict__ |= {"kernel": kernel(half(seed)), "many": many,
                       "effects": {i: [[arb(1 + i % 3) / 2]] for i in range(N)}}
    return found


def shorter(whole: WholeFactor, bits: int) -> WholeFactor:
    """With `(1 − 2^−bits)R`, of which `‖RKRᵀ − I‖` is at most `2^(1−bits)` larger."""
    R = Fixed(whole.R.mid * ((1 << bits) - 1), whole.R.bits + bits, ZERO)
    return replace(whole, R=R, defect=(whole.defect + arb(2) ** (1 - bits)).upper())


@cache
def pairs(seed: int, count: int) -> arb:
    """The exact sum of V27."""
    with ctx.workprec(300):
        w = arb_mat([[arb(1 + i % 3) / 2 if i == j else ZERO for j in range(N)] for i in range(N)])
        M = w * kernel(half(seed)).inv() * w
        rows = [sum(nlargest(count, (abs(x).mid() for x in row)), ZERO) for row in M.tolist()]
        assert max(float(x.rad()) for x in M.entries()) < 1e-40
        return sum(nlargest(count, rows), ZERO)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places, short, sharp", [(80, 0, 1e-9), (34, 0, 1e-2), (80, 10, 0.1)])
def test_the_pairs_are_never_below_the_exact_ones(kind, places, short, sharp, monkeypatch):
    """Of a factor with few bits, or all too short, what *it* leaves counts, whatever is proposed beside it."""
    monkeypatch.setattr(whole_factor, "PLACES", places)
    bodies = {i: SimpleNamespace(E=arb_mat([[arb(1 + i % 3) ** 2 / 4]]), stretch=arb(1), still=False) for i in range(N)}
    monkeypatch.setattr(row_budgets, "ellipsoids", lambda *_: bodies)
    monkeypatch.setattr(row_budgets, "_said", lambda most, *_: most)
    for seed, count in ((0, 1), (1, 2)):
        known, true = at(kind, seed, count), pairs(seed, count)
        if short:
            known.many.__dict__["whole"] = shorter(known.many.whole, short)
        most = row_budgets.by_pairs(known.point, 1.0, 1.0, None)
        assert true <= most <= true * (1 + sharp)
        assert (known.many.proposed is None) == (kind is Many)


@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_are_near_and_true(kind):
    known, K = at(kind), np.array([[float(x) for x in row] for row in kernel(half(0)).tolist()])
    w = np.array([(1 + i % 3) / 2 for i in range(N)])
    least, modulus = np.linalg.eigvalsh(K)[0] ** 0.5, np.linalg.eigvalsh(w * np.linalg.inv(K) * w[:, None])[-1] ** 0.5
    assert known.truth is Truth.PROVED and known.definite.truth is Truth.PROVED
    assert isinstance(known.factor, ByProbes if kind is Probed else WholeFactor) and known.many.known
    assert known.factor.is_above(least * (1 - 1e-6)) and not known.factor.is_above(least * (1 + 1e-6))
    assert known.factor.is_beyond(arb(modulus * (1 + 1e-6))) and not known.factor.is_beyond(arb(modulus * (1 - 1e-6)))


def test_what_is_said_of_a_factor_that_is_too_short_holds_of_it():
    known = at(Many)
    known.many.__dict__["whole"] = shorter(known.many.whole, 10)
    R, defect = known.definite.R, known.definite.defect
    own = (R * known.kernel * R.transpose())[0, 0]
    assert 1e-3 < (own - 1).abs_lower() <= defect < 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_with_a_negative_value_is_not_proved(kind):
    known = at(kind)
    K = known.kernel
    K[N - 1, N - 1] = arb(0)
    known.__dict__["kernel"] = K
    assert known.truth is not Truth.PROVED and known.definite.R is None
    assert known.factor is None and known.many.whole is None


@pytest.mark.parametrize("other", [{"block": 2}, {"nearby": True}, {"interpolation_rows": 1}, {"precision": 256}])
def test_what_whole_numbers_are_not_for(other):
    """More outputs, a solution nearby, few equations, and more bits: there balls decide."""
    known = at(Many, **{key: value for key, value in other.items() if key != "precision"})
    known.point.precision = other.get("precision", PRECISIONS[0])
    if "interpolation_rows" in other:
        known.__dict__["kernel"] = arb_mat([row[:MANY - 1] for row in known.kernel.tolist()[:MANY - 1]])
    assert known.many.whole is None and known.definite.truth is Truth.PROVED
    assert isinstance(known.factor, ByFactor) == ("nearby" in other) and known.definite.defect < 1e-20


def test_a_factor_is_known_where_it_was_asked_for_or_is_anyway():
    known = at(Many)
    assert not known.many.known and known.many.whole is not None and known.many.known
    assert at(Many, nearby=True).many.known and at(Probed).many.known


@pytest.mark.parametrize("bits", [53, 128])
def test_levelled_numbers_hold_those_that_were_given(bits):
    """With their radii, and on one grid: to the precision, no finer than the largest has it."""
    rng = np.random.default_rng(bits)
    with ctx.workprec(bits):
        values = [arb(float(x)) / 3 * arb(2) ** int(e) + arb(0, r) for x, e, r in zip(
            rng.normal(size=60), rng.integers(-90, 9, 60), rng.choice([0, 1e-9], 60), strict=True)]
        M = arb_mat(6, 10, values)
        found = leveled(M)
        assert found.contains(M) and max(float(x.rad()) for x in found.entries()) < 2e-9 + 2.0 ** (16 - bits)
        with ctx.workprec(4 * bits):
            assert all((x.mid() * arb(2) ** (bits + 4)).is_integer() for x in found.entries())


@pytest.mark.parametrize("bad", ["nan", "inf", "0 +/- inf"])
def test_numbers_that_are_not_known_stay_so(bad):
    assert not any(x.is_finite() for x in leveled(arb_mat([[arb(bad)]])).entries())
    found = leveled(arb_mat([[1, arb(bad)], [arb(bad), 1]]))
    assert not found[0, 1].is_finite() and not found[1, 0].is_finite() and found[0, 0].contains(arb(1))


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("norm", ["euclidean", "relative"])
def test_the_kernel_is_that_of_the_passes(outputs, norm):
    """In balls, by levelled numbers: that of 400 bits lies in that of 53. And in the norm of the weights."""
    rng = np.random.default_rng(outputs)
    problem = taylor.problem(rng, n=7, widths=[2, 3, outputs], loss="squared", activation="tanh", free=(1, 2))
    problem = replace(problem, weight_norm=norm)
    fine, rough = Point(problem, 400), Point(problem, 53)
    with ctx.workprec(53):
        found = Many(rough.of(Interpolation)).kernel
    with ctx.workprec(400):
        assert found.contains(tangent_kernel(problem, fine.forward, fine.backward, layer_squares(problem)))
    assert max(float(x.rad()) for x in found.entries()) < 1e-9
