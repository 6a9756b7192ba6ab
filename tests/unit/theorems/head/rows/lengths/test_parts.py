"""D14: what each step says, against numbers of 50 digits, in cases where it is nearly as large as what it bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mpmath import matrix, mp, mpf

from certify.rigor import fp
from certify.rigor.fp import U
from certify.systems.head.rows import ridge
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.lengths import centre as centres
from certify.theorems.head.rows.lengths import curved, kept, reach, taken
from certify.theorems.head.rows.lengths.centre import Centre, centre, scaled
from certify.theorems.head.rows.lengths.curved import Curved
from certify.theorems.head.rows.lengths.kept import Kept
from certify.theorems.head.rows.lengths.pulled import Pulled
from certify.theorems.head.rows.lengths.slopes import At, Measure, Slopes
from certify.theorems.head.rows.lengths.taken import Taken

Array = np.ndarray
SURE = 1.0 - 1e-11
"""How near a bound without any other slack comes."""


def drawn(seed: int, n: int = 12, alike: float = 1.0) -> tuple[Rows, Array, Array]:
    """Rows of two columns and a 1, of other sizes and perhaps almost alike, with labels and decay."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    X[:, 1] = X[:, 0] + alike * X[:, 1]
    y = np.where(X[:, 0] + rng.logistic(size=n) > 0, 1.0, -1.0)[:, None]
    rows = scaled(Rows(Held(np.c_[X * [1e-5, 300.0], np.ones(n)]), np.ones(3)), 1e-3, np.array([False, True, False]))
    return rows, y, np.array([0.0, 1e-3, 0.0]) * rows.scale**2


def sizes(c: Centre) -> tuple[matrix, list[matrix], list[mpf]]:
    """The inverse of the Cholesky factor of the exact H, the rows s_j, and their exact margins."""
    mp.dps = 50
    whole = c.rows.whole()
    S = [matrix([mpf(v) * int(c.Y.array[i, 0]) for v in row.tolist()]) for i, row in enumerate(whole)]
    t = [(s.T * matrix(c.w.tolist()))[0] for s in S]
    roots = At(c.w, c.Y).slopes(0, whole).root.tolist()
    H = mp.diag(c.mu.tolist())
    for s, r in zip(S, roots, strict=True):
        H += mpf(r) ** 2 * s * s.T
    return mp.inverse(mp.cholesky(H)), S, t


def at_some(seed: int, far: float, alike: float = 1.0) -> Centre:
    """A centre that is no minimum."""
    rows, y, mu = drawn(seed, alike=alike)
    return centre(rows, rows.per_row(y), mu, 0.0, far * np.random.default_rng(seed).standard_normal(3))


@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_and_lengths_are_measured(seed: int) -> None:
    c = at_some(seed, 1.0)
    inverse, S, t = sizes(c)
    g = mp.diag(c.mu.tolist()) * matrix(c.w.tolist())
    for s, margin in zip(S, t, strict=True):
        g -= s / (1 + mp.exp(margin))
    assert SURE * c.residual < mp.norm(inverse * g) <= c.residual
    whole = c.rows.whole()
    for factor in (1.0, 0.9, 1.1):  # any R, as near as it says: at one of both its factor is met
        delta = abs(factor**2 - 1.0) + 1e-13
        rough = replace(c, system=replace(c.system, R=factor * c.system.R, delta=delta))
        said = rough.measure.of(whole, fp.row_norms(whole))
        for s, length in zip(S, said, strict=True):
            assert (SURE if factor <= 1.0 else 0.0) * length < mp.norm(inverse * s) <= length


def test_a_gradient_that_rounds_away_is_not_taken_for_none() -> None:
    """At the minimum, to the last bit, next to nothing is left of the gradient but what rounding makes."""
    mp.dps, alone = 50, 0
    for seed in range(8):
        phi = np.random.default_rng(seed).uniform(0.5, 1.5, (60, 1))
        y = np.where(np.arange(60) % 3 > 0, 1.0, -1.0)[:, None]
        rows, w = Rows(Held(phi), np.ones(1)), np.zeros(1)
        for _ in range(9):
            w = w - (c := centre(rows, rows.per_row(y), np.ones(1), 0.0, w)).step
        inverse, S, t = sizes(c)
        g = matrix(c.w.tolist()) - sum((s / (1 + mp.exp(m)) for s, m in zip(S, t, strict=True)), matrix([0]))
        exact = mp.norm(inverse * g)
        assert exact <= c.residual
        alone += bool(exact > abs(c.step[0] * c.system.R[0, 0] ** -1) * (1.0 + 1e-6))
    assert alone  # the gradient as computed is shorter


def test_a_product_with_the_factor_is_not_trusted() -> None:
    """Rows of which rounding leaves nothing: the length of `Rv` as computed is not enough."""
    R, v = np.array([[1e9, -1e9 / 3.0]]), np.array([[1.0 / 3.0, 1.0]])
    exact = abs(mpf(R[0, 0]) * mpf(v[0, 0]) + mpf(R[0, 1]) * mpf(v[0, 1]))
    assert exact > 0
    norms = fp.row_norms(v)
    assert Measure(R, fp.dot_unit(2) * fp.frobenius(R), 1.0).of(v, norms)[0] >= exact
    assert Measure(R, 0.0, 1.0).of(v, norms)[0] < exact


def test_slopes_hold_where_margins_cancel() -> None:
    mp.dps = 50
    rng = np.random.default_rng(1)
    part = rng.standard_normal((300, 2))
    part[:, 1] = part[:, 0] * 3.0
    w = np.array([3e9, -1e9]) * (1.0 + 1e-10 * rng.standard_normal(2))
    rows = Rows(Held(part), np.ones(2))
    at = At(w, rows.per_row(np.ones((300, 1)))).slopes(0, part)
    rounded = 0.0
    for i, row in enumerate(part):
        p = 1 / (1 + mp.exp(mpf(row[0]) * mpf(w[0]) + mpf(row[1]) * mpf(w[1])))
        assert abs(mpf(at.p[i]) - p) <= at.p_off[i]
        assert p <= at.pull[i]
        assert abs(mpf(at.D[i]) - p * (1 - p)) <= at.D_off[i]
        rounded = max(rounded, float(abs(mpf(at.p[i]) - p)))
    assert rounded > 1e6 * U  # the rounding of margins is seen


def test_curvatures_are_as_unsure_as_they_are_said_to_be() -> None:
    x, z = np.random.default_rng(0).standard_normal((2, 12))
    rows = Rows(Held(np.c_[x, 3.0 * x, z]), np.ones(3))
    c = centre(rows, rows.per_row(np.ones((12, 1))), np.ones(3), 0.0, np.array([3e7, -1e7, 2.0]))
    _, _, t = sizes(c)
    roots = At(c.w, c.Y).slopes(0, rows.whole()).root.tolist()
    off = [abs(1 / (2 + mp.exp(m) + mp.exp(-m)) / mpf(r) ** 2 - 1) for m, r in zip(t, roots, strict=True)]
    assert 100 * U < max(off) <= c.unsure


def test_shares_by_any_factor_and_with_what_matrices_leave_out() -> None:
    """Each of the two factors is met by one R; and no more is left out than what is said."""
    c = at_some(2, 0.5)
    near = 1e-5
    F, Phi = reach._shares(c, near)
    for factor in (0.9, 1.1):
        rough = replace(c, system=replace(c.system, R=factor * c.system.R, delta=abs(factor**2 - 1.0),
                                          size_R=factor * c.system.size_R))
        least, most = reach._shares(rough, near)
        assert least <= F * (1.0 + 1e-8)
        assert most >= Phi * (1.0 - 1e-8)
        assert (least > F * (1.0 - 1e-4)) == (factor > 1.0)
        assert (most < Phi * (1.0 + 1e-8)) == (factor < 1.0)
    system = replace(c.system, R=np.array([[0.5]]), size_R=0.5, scale=np.ones(1))
    for unit, diagonal in ((1e-3, 0.0), (0.0, 1e-3), (1e-3, 1e-3)):
        for A in (4.0, -4.0):
            bound = reach._most(system, np.array([[A]]), np.array([2.0]), unit, diagonal)
            assert 0.25 * (A + 4.0 * unit + diagonal) <= bound < 0.25 * (A + 9.0 * unit + 3.0 * diagonal) + 1e-8


def test_sums_that_are_off_as_far_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    share, whole = 1e-3, curved.summed
    exact = at_some(3, 0.5)
    longer = exact.measure.of(exact.rows.whole(), np.zeros(12))
    F, Phi = reach._shares(exact, 0.2)
    for sign in (-1.0, 1.0):
        with monkeypatch.context() as rough:
            for module in (centres, reach):
                rough.setattr(module, "unit_of", lambda rows: share)
            for module in (curved, kept):
                rough.setattr(module, "summed", lambda part, B, sign=sign: whole(part, B) * (1.0 + sign * share))
            c = at_some(3, 0.5)
            assert (c.measure.of(c.rows.whole(), np.zeros(12)) >= longer * (1.0 - 1e-9)).all()
            least, most = reach._shares(c, 0.2)
            assert least <= F * (1.0 + 1e-9)
            assert most >= Phi * (1.0 - 1e-9)


def test_what_is_unsure_of_curvatures_is_left_and_kept() -> None:
    unsure, mp.dps = 2.0**-11, 50
    moved = np.array([1e-9, 1e-3, 0.3, 2.0, 9.0])
    low, high = kept.weights(np.ones(5), moved, unsure)
    for x, one, other in zip(moved.tolist(), low.tolist(), high.tolist(), strict=True):
        part = (1 - mp.exp(-mpf(x))) / x * (1 - mpf(unsure))
        rest = (mp.expm1(mpf(x)) / x - 1) * (1 + mpf(unsure)) + mpf(unsure)
        assert (1 - 1e-9) * part < mpf(one) ** 2 <= part
        assert rest <= other < 1.01 * rest
    t = np.full(5, 14.0)
    p = 1.0 / (1.0 + np.exp(t))
    at = Slopes(np.ones(5), np.ones(5), p, np.full(5, 1e-8), p * (1.0 - p) / (1.0 + unsure), np.zeros(5))
    least, most = taken.pulls(at, moved, unsure)
    for x, one, other in zip(moved.tolist(), least.tolist(), most.tolist(), strict=True):
        assert 1 / (1 + mp.exp(mpf(14) - x)) + mpf(1e-8) * SURE <= other
        assert one <= 1 / (1 + mp.exp(mpf(14) + x)) - mpf(1e-8) * SURE or one == 0.0


def test_what_rows_take_where_they_have_moved() -> None:
    """Rows with margins so large that the bounds of their pulls are met, moved by as much as their lengths allow."""
    mp.dps, distance = 50, 2.0
    phi = np.linspace(9.0, 12.0, 7)[:, None]
    rows = Rows(Held(phi), np.ones(1))
    task = Taken(np.ones(1), rows.per_row(np.ones((7, 1))), np.array([[0.1]]), 0.0, 1.0, 0.0, distance, False,
                 np.array([[0.25], [-0.25]]), 3)
    found = rows.tallied(task)
    values, (numbers, least) = found.largest[0].sorted()
    whole = [mpf(0.25) * v / (1 + mp.exp(v - mpf(distance) * mpf(0.1) * v)) for v in phi[:, 0].tolist()]
    assert [int(v) for v in numbers] == [0, 1, 2]
    for value, most, low, v in zip(values, sorted(whole, reverse=True), least, phi[:3, 0], strict=False):
        assert most <= value < 1.01 * most
        assert low <= mpf(0.25) * v / (1 + mp.exp(v + mpf(distance) * mpf(0.1) * v))
    assert not len(found.largest[1].sorted()[0])
    x = mpf(distance) * mpf(0.1) * 12
    bent = 3 * (mp.expm1(x) - x) / x**2
    assert all(bent <= b < 1.01 * bent for b in found.bent)


def test_pulls_are_those_of_the_change() -> None:
    rows, y, _ = drawn(5)
    c = at_some(5, 1.0)
    inverse, S, t = sizes(c)
    by, count = c.measure, 3
    exact = [mp.norm(inverse * s) for s in S]
    for relabels in (False, True):
        found = c.rows.tallied(Pulled(c.w, rows.per_row(y), by.R, by.back, by.gap, relabels, count))
        pulls = [z * (1 if relabels else 1 / (1 + mp.exp(m))) for z, m in zip(exact, t, strict=True)]
        bends = [z**2 / (2 + mp.exp(m) + mp.exp(-m)) for z, m in zip(exact, t, strict=True)]
        for of, said in ((pulls, found.pulls), (bends, found.leverages), (exact, found.length)):
            for one, bound in zip(sorted(of, reverse=True), said.sorted()[0], strict=False):
                assert SURE * bound < one * (1 + 32 * mpf(U)) <= bound * (1 + 32 * mpf(U))
        assert [len(said.sorted()[0]) for said in (found.pulls, found.leverages, found.length)] == [3, 3, 1]


def test_parts_read_by_others_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "BLOCK", 4)
    monkeypatch.setattr(ridge, "BLOCK", 4)
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    rows, y, _ = drawn(6, n=37)
    labels, R, u = rows.per_row(y), np.tril(np.ones((3, 3))), np.random.default_rng(0).standard_normal((2, 3))
    by = (labels, R, 0.0, 1.0)
    for task in (Curved(u[0], labels), Pulled(u[0], *by, False, 3), Kept(u[0], *by, 1e-3, 0.1),
                 Taken(u[0], *by, 1e-3, 0.1, False, u, 3)):
        parts = list(rows.parts(task.beside))
        whole = rows.tallied(task).told()
        for cut in range(len(parts) + 1):
            tallies = task.tally(), task.tally()
            for number, (start, part) in enumerate(parts):
                tallies[number >= cut].take(number, start, part)
            tallies[0].add(tallies[1].told())
            told = tallies[0].told()
            assert set(told) == set(whole)
            assert all((told[name] == whole[name]).all() for name in whole)
