"""A proposed inverse judged by one pass: what is said holds of the Hessian that is nowhere formed, no lie believed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg.fixed import scale
from certify.check.linalg.probes import MOST, ROOM
from certify.check.probed import answer, asked
from certify.check.probed.asked import APART, LOOSE, LOOSEST, ROUGH, SHARP, Asked, Told, enough_of, most_of
from certify.check.probed.over_ball import hessian_off
from certify.check.probed.products import Products
from certify.check.probed.suited import passing
from certify.check.systems import critical_nearby
from certify.check.systems.critical import Stationary
from certify.check.systems.nearby import PRECISION
from tests.unit.check.probed.test_point import Case, path  # noqa: F401

PARAMETERS = ("features", "sample_weights")


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance may decide, and rows and parameters are many from few on."""
    monkeypatch.setattr(critical_nearby, "ASKED", 0)
    monkeypatch.setattr(asked, "WIDE", 0)
    token = CHANCE.set([])
    with ctx.workprec(PRECISION):
        yield CHANCE.get()
    CHANCE.reset(token)


@pytest.fixture(params=PARAMETERS)
def case(request, path) -> Case:  # noqa: F811
    found = Case(path)
    found.problem = replace(found.problem, parameter=request.param, scale=None)
    return found


def found(case: Case) -> Stationary:
    return critical_nearby.critical_point(case.problem, case.start)[1]


def off(known: Stationary, mid: fmpz_mat | None = None) -> np.ndarray:
    """`XH − I` by the Hessian itself, of these integers in the place of those of X."""
    H = Stationary(known.problem, known.parameters, known.passed, None, 120).completed.balls()
    XH = arb_mat(known.X.mid if mid is None else mid) * scale(known.X.bits) * H
    return np.array([[float(x.mid()) for x in row] for row in XH.tolist()]) - np.eye(known.problem.parameters)


def test_what_it_lacks_of_an_inverse_is_no_more_than_is_said(case, said):
    known = found(case)
    assert isinstance(known, Asked) and said == ["XH − I"] and "completed" not in known.__dict__
    assert np.linalg.norm(off(known), 2) <= float(known.inverse.error) < SHARP
    assert known.inverse.defect >= 2 * known.inverse.error + known.inverse.error**2


def lying(monkeypatch, change):
    """What the other process answers, changed."""
    honest = answer.asked_inverse
    monkeypatch.setattr(answer, "asked_inverse", lambda *told: change(honest(*told)))


def by_one(told):
    X = told[0]
    mid = fmpz_mat(X.mid)
    mid[5, 3] += 1 << X.bits - 14
    return replace(X, mid=mid), told[1]


def by_all(told):
    return replace(told[0], mid=told[0].mid * 1023, bits=told[0].bits + 10), told[1]


@pytest.mark.parametrize("change", [by_one, by_all])
def test_an_inverse_that_lacks_more_is_judged_by_the_hessian(change, case, monkeypatch):
    """And what is said of it holds."""
    lying(monkeypatch, change)
    known = found(case)
    assert isinstance(known, Asked) and "completed" in known.__dict__
    assert SHARP < np.linalg.norm(off(known), 2) <= float(known.inverse.error)


@pytest.mark.parametrize("change", [
    lambda X: replace(X, mid=X.mid * 0), lambda X: replace(X, mid=X.mid * -1), lambda X: replace(X, bits=X.bits + 3),
    lambda X: replace(X, bits=-10), None,
])
def test_what_is_no_inverse_proves_nothing(change, case, monkeypatch):
    """The check goes on as where nothing is proposed."""
    lying(monkeypatch, lambda told: change and (change(told[0]), None))
    known = found(case)
    assert not isinstance(known, Asked) and np.linalg.norm(off(known), 2) <= float(known.inverse.error)


def test_how_far_the_hessian_moves_on_the_ball_counts(case, monkeypatch):
    """The vectors see the matrix at its middle alone."""
    known, radius = found(case), arb(2) ** -30
    problem, (middle, _) = known.problem, known.around
    passed = critical_nearby.forward(problem, middle, problem.points)
    far = known.X.size * hessian_off(problem, middle, passed, radius)
    wide = Asked(problem, middle, passed, 60, Told(known.X, enough=1), (middle, radius))
    assert wide.inverse.error >= far > 100 * known.inverse.error
    beyond = Asked(problem, middle, passed, 60, Told(known.X, enough=1), (middle, arb("inf")))
    assert beyond._by_pass() is None


@pytest.mark.parametrize("value", [arb("nan"), arb("inf"), arb(0, 1)])
def test_a_pass_that_says_nothing_proves_nothing(value, case, monkeypatch):
    known = found(case)
    size = known.problem.parameters
    monkeypatch.setattr(asked.Along, "products", lambda _, vectors, formed: Products(
        arb_mat(size, vectors.ncols(), [value] * (size * vectors.ncols())), arb_mat(0, 0)))
    del known.__dict__["inverse"]
    assert known._by_pass() is None and known.inverse.X is not None and "completed" in known.__dict__


def test_how_little_is_known_of_what_the_pass_gives_counts(case, monkeypatch):
    """As much as if every entry lay at the far end of its ball."""
    known, honest, radius = found(case), asked.Along.products, 1e-6 * 2.0**ROOM

    def vague(self, vectors, formed):
        rows = honest(self, vectors, formed).images.tolist()
        return Products(arb_mat([[x + arb(0, radius) for x in row] for row in rows]), arb_mat(0, 0))

    monkeypatch.setattr(asked.Along, "products", vague)
    known.__dict__["_told"] = replace(known._told, enough=1.0)
    far = radius * 2.0 ** (LOOSEST - ROOM) * case.problem.parameters ** 0.5
    assert far * (1 - 1e-9) <= known._by_pass().error <= far * 1.01


def test_forms_are_those_of_the_hessian(case):
    known = found(case)
    z = [arb(x) for x in np.random.default_rng(3).standard_normal(known.problem.parameters)]
    exact = Stationary(known.problem, known.parameters, known.passed, None, 60)
    (forms, energy), (others, other) = known.along(z), exact.along(z)
    assert energy.overlaps(other) and energy.rad() < 1e-12 * energy
    assert all(x.overlaps(y) for own, row in zip(forms, others, strict=True) for x, y in zip(own, row, strict=True))
    assert "completed" not in known.__dict__


def test_where_the_pass_is_not_for_the_problem_the_hessian_decides(case, monkeypatch):
    """No pass is made then, nor is one where the Hessian is formed anyway."""
    known, z = found(case), [arb(1 + i % 5) for i in range(case.problem.parameters)]
    problem = replace(known.problem, row_weights=tuple(1.0 + i % 3 for i in range(14)))
    exact = Stationary(problem, known.parameters, known.passed, None, 120).energy(z)
    assert not known.energy(z).overlaps(exact)
    monkeypatch.setattr(asked.Along, "products", lambda *_, formed: Products(arb_mat(len(z), 1), arb_mat(0, 0)))
    there = Asked(problem, known.parameters, known.passed, 60, Told(known.X), known.around)
    assert there.inverse is not None and "completed" in there.__dict__
    assert there.energy(z).overlaps(exact) and exact > 0


def claim(lower, upper, rows=()):
    """What is read of a claim here."""
    return SimpleNamespace(lower=lower, upper=upper, row_lower=[low for low, _ in rows], row_upper=[u for _, u in rows],
                           hypotheses=(SimpleNamespace(name="rank", holds=True, value=0.5),))


def test_the_nearest_ends_say_what_is_enough(case):
    """Never less than is always taken, and a bound of `‖X‖` leaves as much room as X may lack."""
    near = claim(1.0, 1 + 2.0**-22)
    assert 2.0**-27 < enough_of([near]) < 2.0**-26 < ROUGH and enough_of([claim(1.0, 2.0)]) == SHARP
    assert 2.0**-30 < enough_of([near, claim(1.0, 2.0, [(1.0, 1 + 2.0**-25), (0.0, 1.0)])]) < 2.0**-28 == APART
    for ends in ((None, 1.0), (1.0, None), (1.0, 1.0), (1.0, 1 + 2.0**-50), (1.0, 0.0), (2.0, 1.0)):
        assert enough_of([claim(*ends), near]) == SHARP
    for ends in ((None, None), (0.0, 1.0), (0.0, 0.0)):
        assert enough_of([claim(*ends), near]) == enough_of([near]) and enough_of([claim(0.0, 0.0)]) == SHARP
    claims = [near]
    assert most_of(case.problem, claims) * 0.5 <= 1 - enough_of(claims)


def test_what_it_is_not_for(case, said, monkeypatch):
    assert passing(case.problem)
    for other in ({"weight_norm": "relative"}, {"activation": "elu"}, {"row_weights": (1.0,) * 14}, {"layers": ()},
                  {"bias_decay": False}):
        assert not passing(replace(case.problem, **other))
    monkeypatch.setattr(asked, "WIDE", 38)
    assert "completed" in found(case).__dict__ and said == []
    monkeypatch.setattr(asked, "WIDE", 37)
    said += ["another"] * MOST
    known = found(case)
    assert "completed" in known.__dict__ and len(said) == MOST
    CHANCE.set(None)
    assert not isinstance(found(case), Asked)


def test_a_row_of_the_data_that_counts_more_is_seen(case):
    known = found(case)
    rows = known.plain.objective.slopes.tolist()
    rows[0] = [x * (1 + arb(2) ** -20) for x in rows[0]]
    known.plain.objective = replace(known.plain.objective, slopes=arb_mat(rows))
    del known.__dict__["_passes"]
    assert known._by_pass() is None


def test_a_start_that_is_near_enough_is_not_moved(case, monkeypatch):
    """A step that is too short to count is not taken, and no other pass is made; one that counts is."""
    centre, known = critical_nearby.critical_point(case.problem, case.start)
    steps, honest = [], critical_nearby.gradient_at
    monkeypatch.setattr(critical_nearby, "gradient_at", lambda *told: steps.append(1) or honest(*told))
    again, other = critical_nearby.critical_point(case.problem, centre.middle)
    assert not steps and float(again.radius) < 2.0**-68 and again.middle is centre.middle
    assert np.linalg.norm(off(other), 2) <= float(other.inverse.error) < SHARP
    W, *later = centre.middle.weights
    entries = W.entries()
    entries[3] += arb(2) ** -40
    beside = replace(centre.middle, weights=(arb_mat(W.nrows(), W.ncols(), entries), *later))
    found, _ = critical_nearby.critical_point(case.problem, beside)
    near, true = (float(c.middle.weights[0].entries()[3] - W.entries()[3]) for c in (found, centre))
    assert steps and true == 0 and abs(near) <= float(found.radius + centre.radius)


@pytest.mark.parametrize("free", [(1,), (2,)])
def test_other_layers_than_the_free_ones_are_not_told(free, case):
    """And what is proposed and said of them holds."""
    case.problem = replace(case.problem, free=free)
    known = Stationary(case.problem, case.start, critical_nearby.forward(
        case.problem, case.start, case.problem.points), None, 60)
    X, _ = answer.asked_inverse(case.problem, case.start, known.passed, known.plain.objective)
    there = Asked(case.problem, case.start, known.passed, 60, Told(X), (case.start, arb(2) ** -200))
    assert there._by_pass() is not None
    assert np.linalg.norm(off(there), 2) <= float(there.inverse.error) < SHARP


@pytest.mark.parametrize("vectors, share, apart", [(9, LOOSE, 1.0), (7, LOOSEST, APART)])
def test_what_some_vector_sees_for_certain_is_no_less_in_the_error(case, monkeypatch, vectors, share, apart):
    """Of so many, each of which sees as little of a row of `XH − I` as one that is drawn must."""
    monkeypatch.setattr(asked, "APART", apart)
    known, place = found(case), 4

    def least(rows: int, count: int) -> fmpz_mat:
        assert (rows, count) == (known.problem.parameters, vectors)
        return fmpz_mat(rows, count, [1 << ROOM - share if i // count == place else 0 for i in range(rows * count)])

    monkeypatch.setattr(asked, "drawn", least)
    mid = fmpz_mat(known.X.mid)
    mid[place, 7] += 1 << known.X.bits - 14
    known.__dict__ |= {"_told": replace(known._told, X=replace(known.X, mid=mid), enough=1.0)}
    true = np.linalg.norm(off(known, mid)[place])
    error = float(known._by_pass().error)
    assert true * (1 - 1e-9) <= error <= true * (1 + 1e-6)
    del known.__dict__["inverse"]
    assert known.inverse.defect >= 2 * error + error**2 * 0.99


@pytest.mark.parametrize("gap, left", [(0.5, 2 * SHARP), (1e-8, 2e-8 / 16), (3e-8, asked.NEAR), (1e-7, 2e-7 / 16)])
def test_a_rank_is_asked_for_with_what_an_inverse_may_lack(gap, left):
    """And with no more than `NEAR`, but where vectors that see less leave more open."""
    stated = SimpleNamespace(name="rank", holds=True, value=0.25)
    claim = SimpleNamespace(lower=1 - gap, upper=1.0, row_lower=[], row_upper=[], hypotheses=[stated])
    assert most_of(SimpleNamespace(parameters=9), [claim]) == pytest.approx((1 - min(
        left, asked.NEAR if gap < 5e-8 else 1)) / 0.25, rel=1e-12)
