"""The function norm by passes (M5s): what is said holds of the Hessian that is nowhere formed, no lie believed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.enclosure.units import by_units
from certify.check.kernel import CHANCE, decide
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, enclosed, scale
from certify.check.linalg.probes import MOST, ROOM
from certify.check.probed import asked
from certify.check.probed.norms import function as seen
from certify.check.probed.norms.function import ENOUGH, AskedSeen
from certify.check.probed.products import Products
from certify.check.systems import critical_nearby
from certify.check.systems.critical import Stationary
from certify.check.systems.critical_function_norm import Seen, stacked
from certify.check.systems.nearby import PRECISION
from certify.check.systems.point import Ladder
from certify.check.theorems.modulus import critical, critical_rows
from tests.unit.check.probed.test_point import Case, path  # noqa: F401

REFERENCE = tuple(map(tuple, np.random.default_rng(9).normal(size=(6, 4)).tolist()))


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance may decide, and rows and parameters are many from few on."""
    monkeypatch.setattr(critical_nearby, "ASKED", 0)
    monkeypatch.setattr(asked, "WIDE", 0)
    token = CHANCE.set([])
    with ctx.workprec(PRECISION):
        yield CHANCE.get()
    CHANCE.reset(token)


@pytest.fixture(params=["features", "sample_weights"])
def case(request, path) -> Case:  # noqa: F811
    found = Case(path)
    found.problem = replace(found.problem, parameter=request.param, scale=None, weight_norm="function",
                            reference=REFERENCE, tau=2.0**-7)
    return found


def found(case: Case) -> tuple[critical_nearby.Centre, Stationary]:
    return critical_nearby.critical_point(case.problem, case.start)


def numbers(M: arb_mat) -> np.ndarray:
    return np.array([[float(x.mid()) for x in row] for row in M.tolist()])


def exact(known: Stationary) -> Stationary:
    """The same by whole matrices."""
    return Stationary(known.problem, known.parameters, known.passed, None, 120)


def off(known: AskedSeen, mid: fmpz_mat | None = None) -> np.ndarray:
    """`(DH − F)/τ` by the Hessian itself, of these integers in the place of those of D."""
    D, other = known.D, exact(known)
    DH = arb_mat(D.mid if mid is None else mid) * scale(D.bits) * other.completed.balls()
    return numbers((DH - other.seen.F.balls()) * (1 / other.seen.tau))


def test_what_it_lacks_is_no_more_than_is_said(case, said):
    known = found(case)[1]
    assert isinstance(known, AskedSeen) and known.proved and said == ["XH − I", "DH − F"]
    assert "completed" not in known.__dict__ and np.linalg.norm(off(known), 2) <= float(known.measured.error)
    assert known.measured.error < ENOUGH
    assert known.measured.defect >= 2 * known.measured.error + known.measured.error**2


def ends(case: Case, known: Stationary) -> tuple[float, np.ndarray]:
    """The modulus and that of every row, in floats."""
    other = exact(known)
    F, H = numbers(other.seen.F.balls()), numbers(other.completed.balls())
    motion = F @ np.linalg.solve(H, numbers(other.data.columns.balls()))
    d = other.data.each
    return np.linalg.norm(motion, 2), np.array([np.linalg.norm(motion[:, i:i + d], 2) for i in range(0, 14 * d, d)])


def test_rules_prove_what_is_true_and_nothing_more(case):
    centre, known = found(case)
    ladder = Ladder(case.problem, centre=centre, known=known, rungs=[(PRECISION, 60)])
    top, rows = ends(case, known)
    for side, truth in ((1 + 1e-7, Truth.PROVED), (1 - 1e-7, Truth.DISPROVED)):
        assert decide(partial(critical.upper, most=top * side), ladder).truth is truth
        for i in (0, 7):
            assert decide(partial(critical_rows.row_upper, number=i, upper=rows[i] * side), ladder).truth is truth
            assert decide(partial(critical_rows.row_lower, number=i, lower=rows[i] / side), ladder).truth is truth
    other = exact(known)
    H, C = numbers(other.completed.balls()), numbers(other.data.columns.balls())
    u = np.linalg.svd(numbers(other.seen.F.balls()) @ np.linalg.solve(H, C))[0][:, 0]
    z = np.linalg.solve(H, numbers(other.seen.F.balls()).T @ u)  # of the largest motion
    places = [int(float(x)) for x in by_units(case.problem, list(map(arb, range(len(z)))))]
    z = [float(z[places.index(j)]) for j in range(len(z))]
    for side, truth in ((1 - 1e-7, Truth.PROVED), (1 + 1e-7, Truth.DISPROVED)):
        assert decide(partial(critical.lower, least=top * side, z=z), ladder).truth is truth


def test_forms_and_rank_are_those_of_the_hessian(case):
    known = found(case)[1]
    z = [arb(x) for x in np.random.default_rng(3).standard_normal(case.problem.parameters)]
    other = exact(known)
    (forms, energy), (others, same) = known.along(z), other.along(z)
    assert energy.overlaps(same) and energy.rad() < 1e-10 * energy
    assert all(x.overlaps(y) for own, row in zip(forms, others, strict=True) for x, y in zip(own, row, strict=True))
    least = np.linalg.svd(numbers(other.completed.balls()))[1][-1]
    for factor, truth in ((1 - 1e-9, Truth.PROVED), (1 + 1e-9, Truth.DISPROVED)):
        assert known.rank(least * factor) is truth


def test_another_matrix_in_the_place_of_fx_is_judged_by_the_hessian(case, monkeypatch):
    """And what is said of it holds."""
    honest = Seen.near

    def near(own: Seen, X: Fixed, width: int) -> Fixed:
        D = honest(own, X, width)
        mid = fmpz_mat(D.mid)
        mid[3, 5] += 1 << D.bits - 12
        return Fixed(mid, D.bits, D.radius)

    monkeypatch.setattr(Seen, "near", near)
    known = found(case)[1]
    assert known.measured.X is None or "completed" in known.__dict__
    assert known.measured.X is None or np.linalg.norm(off(known), 2) <= float(known.measured.error)


def test_what_some_vector_sees_for_certain_is_no_less_in_the_error(case, monkeypatch):
    """Of 9 vectors, each of which sees as little of a row of `DH − F` as one that is drawn must."""
    known, place = found(case)[1], 4
    assert known.proved

    def least(rows: int, count: int) -> fmpz_mat:
        assert (rows, count) == (case.problem.parameters + len(REFERENCE), 9)
        return fmpz_mat(rows, count, [1 << ROOM - 9 if i // count == place else 0 for i in range(rows * count)])

    mid = fmpz_mat(known.D.mid)
    mid[place, 7] += 1 << known.D.bits - 12
    monkeypatch.setattr(seen, "drawn", least)
    monkeypatch.setattr(seen, "ENOUGH", 1000)
    monkeypatch.setattr(Seen, "near", lambda own, X, width: Fixed(mid, known.D.bits, arb(0)))
    true = np.linalg.norm(off(known, mid)[place])
    assert true * (1 - 1e-9) <= float(known._by_pass().error) <= true * (1 + 1e-6)


@pytest.mark.parametrize("value", [arb("nan"), arb("inf"), arb(0, 1)])
def test_a_pass_that_says_nothing_proves_nothing(value, case, monkeypatch):
    known, size = found(case)[1], case.problem.parameters
    monkeypatch.setattr(seen, "products", lambda *told: Products(
        arb_mat(size, told[-2].ncols(), [value] * (size * told[-2].ncols())), arb_mat(0, 0)))
    assert known._by_pass() is None and known.measured.X is not None and "completed" in known.__dict__


def test_how_far_h_moves_and_how_far_f_is_known_count(case, monkeypatch):
    known = found(case)[1]
    plain = known._by_pass().error
    monkeypatch.setattr(seen, "hessian_off", lambda *_: arb(2) ** -30)
    monkeypatch.setattr(seen, "ENOUGH", 1)
    D = known.seen.near(known.X, 60)
    assert known._by_pass().error - plain > np.linalg.norm(numbers(D.balls()), 2) * 2.0**-30 / case.problem.tau * 0.99
    monkeypatch.undo()
    wide = replace(known.seen, F=replace(known.seen.F, radius=arb(2) ** -25))
    known.__dict__["seen"] = wide
    assert known._by_pass().error > 2.0**-25 / case.problem.tau
    known.__dict__["seen"] = replace(wide, F=replace(wide.F, radius=arb("inf")))
    assert known._by_pass() is None


def test_without_chance_or_with_none_left_it_is_by_the_hessian(case, said):
    known = found(case)[1]
    said += ["another"] * (MOST - len(said))
    assert isinstance(known, AskedSeen) and known.proved and "completed" in known.__dict__ and len(said) == MOST
    CHANCE.set(None)
    assert not isinstance(found(case)[1], AskedSeen)


SHAPES = [(3, 5), (5, 3), (4, 4), (1, 6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tau", [2.0**-10, 0.3, 1e3, 2.0**40, 0.7 * 2.0**-40])
@pytest.mark.parametrize("power", [0, -300, None])
def test_the_dual_length_holds_the_truth(shape, tau, power, monkeypatch):
    """Of `J_refᵀJ_ref + τ²I` for matrices of any size, J_ref = 0 too; and whatever is proposed for its inverse."""
    rng = np.random.default_rng([3, *shape])
    unit = 0 if power is None else arb(2) ** power
    J = arb_mat(*shape, [arb(float(x)) * unit for x in rng.normal(size=shape).flat])
    h = arb_mat(shape[1], 1, [arb(float(x)) for x in rng.normal(size=shape[1])])
    with ctx.workprec(2000):
        S = J.transpose() * J + arb_mat(shape[1], shape[1], [
            arb(tau) ** 2 if r == c else arb(0) for r in range(shape[1]) for c in range(shape[1])])
        truth = (h.transpose() * S.inv() * h)[0, 0]
        best = enclosed(S.inv() * h * arb(7), 200)
    own = of(J, tau)
    found = own.dual_square(enclosed(h, 60), 60)
    assert found.contains(truth) and (found.rad() < 1e-8 * truth or tau < 1e-9)  # beyond what 60 bits of F know
    for other in (lambda r: Fixed(r.mid * 3, r.bits, arb(0)), None):
        monkeypatch.setattr(Seen, "_solver", lambda *_, other=other: other)
        assert own.dual_square(enclosed(h, 60), 60).contains(truth)
        for near in (best, enclosed(h, 60), Fixed(best.mid * 0, 0, arb(0)), Fixed(best.mid, 0, arb("inf"))):
            assert own.dual_square(enclosed(h, 60), 60, near).contains(truth)


def test_where_the_proposed_direction_is_enough_no_other_is_looked_for(monkeypatch):
    """Whatever its length; and one that is a little off leaves what it lacks open, on the right side."""
    rng = np.random.default_rng(5)
    J, h = (arb_mat(*shape, [arb(float(x)) for x in rng.normal(size=shape).flat]) for shape in ((3, 5), (5, 1)))
    with ctx.workprec(400):
        S = J.transpose() * J + arb_mat(5, 5, [arb(2) ** -4 if r == c else 0 for r in range(5) for c in range(5)])
        truth, best = (h.transpose() * S.inv() * h)[0, 0], S.inv() * h * arb(-3)
    monkeypatch.setattr(Seen, "_solver", lambda *_: pytest.fail("it was looked for"))
    found = of(J, 0.25).dual_square(enclosed(h, 60), 60, enclosed(best, 100))
    assert found.contains(truth) and found.rad() < 1e-10 * truth
    monkeypatch.setattr(Seen, "_solver", lambda *_: None)
    off = of(J, 0.25).dual_square(enclosed(h, 60), 60, enclosed(best + h * arb(2) ** -9, 100))
    assert off.contains(truth) and off.rad() > 1e-9 * truth


def of(J: arb_mat, tau: float) -> Seen:
    return Seen(stacked(J, arb(tau), 60), J, arb(tau))


@pytest.mark.parametrize("tau", [2.0**-40, 2.0**-10, 0.3, 2.0**40])
@pytest.mark.parametrize("power", [0, -300, 200, None])
def test_f_is_held_by_its_whole_numbers(tau, power):
    rng = np.random.default_rng(8)
    J = arb_mat(2, 3, [arb(float(x)) * (0 if power is None else arb(2) ** power) for x in rng.normal(size=6)])
    found = of(J, tau).F
    with ctx.workprec(2000):
        rows = J.tolist() + [[arb(tau) if r == c else arb(0) for c in range(3)] for r in range(3)]
        away = (arb_mat(rows) - arb_mat(found.mid) * scale(found.bits)).entries()
        assert sum((x * x for x in away), arb(0)) <= found.radius**2
        assert found.radius < 2.0**-50 * max(arb(tau), abs(J[0, 0]))


@pytest.mark.parametrize("share", [0.99, 1.01, 0.0, -1.0])
def test_both_bounds_hold_for_any_vector(share):
    """And the upper one is no farther off than `|r|²/τ²`."""
    rng = np.random.default_rng(6)
    J, h = (arb_mat(*shape, [arb(float(x)) / 8 for x in rng.normal(size=shape).flat]) for shape in ((3, 5), (5, 1)))
    with ctx.workprec(400):
        S = J.transpose() * J + arb_mat(5, 5, [1 if r == c else 0 for r in range(5) for c in range(5)])
        truth, best = (h.transpose() * S.inv() * h)[0, 0], S.inv() * h
    q = enclosed(best * share, 100)
    low, high, rest = of(J, 1.0)._around(enclosed(h, 60), Fixed(q.mid, q.bits, arb(0)), 60)
    assert low <= truth.upper() and truth.lower() <= high and high <= truth * (1 + 1e-9) + (rest.size + rest.radius)**2


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_both_bounds_hold_of_every_h_that_may_be_meant(share):
    """With `S = I/4` and q a share of `S⁻²h`: the truth is `16|h|²` of an h that is as far off as is said."""
    h, q = (enclosed(arb_mat(3, 1, [arb(x) * factor for x in (3, 0, 4)]), 60) for factor in (1, 16 * share))
    wide, zero = Fixed(h.mid, h.bits, arb(0.5)), arb_mat(1, 3, [0, 0, 0])
    low, high, _ = of(zero, 0.25)._around(wide, Fixed(q.mid, q.bits, arb(0)), 60)
    for far in (-0.4999, 0.0, 0.4999):
        assert low <= 16 * (5 + far) ** 2 <= high
