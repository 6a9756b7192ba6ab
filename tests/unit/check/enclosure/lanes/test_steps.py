"""One step of a gelu network in whole numbers at a time: what it loses where it loses most, by exact arithmetic."""

from __future__ import annotations

from fractions import Fraction as F

import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.lanes import chain, curves, descent
from certify.check.enclosure.lanes.chain import LONG, Map, Rows, applied
from certify.check.enclosure.lanes.lanes import Open
from certify.check.enclosure.losses.base import Losses
from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.reading.subject import Layer, Problem

GELU = ACTIVATIONS["gelu"]


@pytest.fixture(autouse=True)
def precision():
    """That at which whole numbers are asked."""
    with ctx.workprec(128):
        yield


def exact(x):
    """A number without a radius as a fraction."""
    mantissa, exponent = x.man_exp()
    return F(int(mantissa)) * F(2) ** int(exponent)


def true(v, bits):
    """What an integer stands for."""
    return F(int(v)) / F(2) ** bits


def farthest(units, bits, truth):
    """The largest square of the distance of a row from the true one."""
    return max(sum((true(v, bits) - t) ** 2 for v, t in zip(row, of, strict=True))
               for row, of in zip(zip(*units, strict=True), truth, strict=True))


def same(n, entry=1, lost=0.0, norm=1.0):
    """A multiple of the identity."""
    return Map(fmpz_mat(n, n, [entry * (i == j) for i in range(n) for j in range(n)]), 0, arb(lost), arb(norm))


def posed(targets=((0.0,),), loss="squared", moving=(0,)):
    """A problem of one layer, of which losses count."""
    n, k = len(targets), len(targets[0])
    layer = Layer(k, 1, (1.0,) * k, None)
    return Problem(layers=(layer,), activation="gelu", free=(1,), features=((1.0,),) * n, targets=targets, groups=(),
                   kept=tuple(range(n)), moving=moving, parameter="features", map="sublevel", base="given",
                   level=None, loss=loss, weight_decay=0.0, set="total", labels=None, scale=None, names=None)


def test_sums_are_rounded_to_the_nearest():
    """Of four units 4/8 is cut off each: half a unit of the last place, which is all that may be lost."""
    rows = [4, 7, -4, -7, 1]
    found = applied(same(4), Rows([rows] * 4, 0, ZERO)).cut(62)
    assert found.bits == -3
    assert farthest(found.units, found.bits, [[F(v)] * 4 for v in rows]) == 64 <= exact(found.off) ** 2 < 64.01


def test_sums_that_are_rounded_stay_as_far_off():
    assert applied(same(1), Rows([[8]], 0, arb(100))).cut(62).off >= 100


def test_sums_that_are_far_too_long_are_left():
    z = applied(same(1), Rows([[1]], 0, ZERO))
    assert z.cut(2).bits == -63
    with pytest.raises(Open):
        z.cut(1)


@pytest.mark.parametrize("entry, number", [(1 << 62, 1 << 64), (1 << 62, -(1 << 64))])
def test_products_that_lanes_do_not_hold_are_left(entry, number):
    assert applied(same(1, entry), Rows([[number + (1 if number < 0 else -1)]], 0, ZERO)).most >= entry
    with pytest.raises(Open):
        applied(same(1, entry), Rows([[number]], 0, ZERO))


@pytest.mark.parametrize("number", [(1 << 70) - 1, -(1 << 70) + 2])
def test_what_rows_are_cut_by_counts_in_all_units(number):
    found = Rows([[number, 5]] * 4, 3, ZERO).cut(10)
    truth = [[true(number, 3)] * 4, [true(5, 3)] * 4]
    assert found.most <= 1 << 10 and farthest(found.units, found.bits, truth) <= exact(found.off) ** 2
    assert farthest(found.units, found.bits, truth) > (F(2) ** -found.bits * F(15, 8)) ** 2 or number < 0


def test_the_largest_may_be_below_0():
    assert Rows([[-5, 3], [2, 4]], 0, ZERO).most == 5


def test_biases_weights_and_numbers_that_are_off_count():
    """Four biases lose 3/4 each; and weights, and numbers, as far off as they may be."""
    z = applied(same(4), Rows([[1]] * 4, 0, ZERO), [0.75] * 4)
    assert exact(z.off) ** 2 >= 4 * F(9, 16)
    z = applied(same(1, lost=0.25), Rows([[1, 8, -2]], 0, ZERO))
    assert exact(z.off) >= F(8) / 4
    z = applied(same(1, 3, norm=3.0), Rows([[8]], 0, arb(1)))
    assert exact(z.off) >= 3


def test_all_weights_that_are_cut_count():
    """The largest takes the bits: three others lose all but a unit of the last place."""
    small = 2.0**-20 * (1 - 2.0**-30)
    M = chain.linear(Layer(1, 4, (2.0**40, small, small, small), None))
    truth = [F(w) for w in (2.0**40, small, small, small)]
    lost = sum((true(v, M.bits) - t) ** 2 for v, t in zip(M.whole.entries(), truth, strict=True))
    assert F(2) ** (-2 * M.bits) < lost <= exact(M.lost) ** 2


@pytest.mark.parametrize("off, slope_off", [(0, 0), (1000, 0), (0, F(1, 4)), (1000, F(1, 4))])
@pytest.mark.parametrize("number, slope", [(8, 9), (-8, 9), (800, 4), (1, 4), (1, 7), (3, 4), (-1, 1)])
def test_products_with_slopes(number, slope, off, slope_off):
    """Slopes in eighths: what is cut off, and what both are off by, all of one sign."""
    count = 4 if off == slope_off == 0 else 1
    p = Rows([[number]] * count, 0, arb(off))
    slopes = Rows([[slope]] * count, 3, arb(float(slope_off)))
    q = chain.times(p, slopes)
    truth = (F(number) + (off if number > 0 else -off)) * min(F(slope, 8) + slope_off, F(GELU.steepest))
    assert farthest(q.units, q.bits, [[truth] * count]) <= exact(q.off) ** 2


@pytest.mark.parametrize("at", [2**0.5, -2**0.5, 0.0, 1.0])
def test_numbers_that_are_off_have_other_values_and_slopes(at, monkeypatch):
    """Values change most at √2, slopes at 0."""
    monkeypatch.setattr(curves, "DEAR", 0)
    away, number = arb(2) ** -20, int(at * 2.0**52)
    value, slope = chain.curved(applied(same(1), Rows([[number << 48]], 100, away)), 120, {})
    for sign in (1, -1):
        x = arb(number) * scale(52) + sign * away
        assert abs(GELU.value(x) - arb(value.units[0][0]) * scale(value.bits)) <= value.off
        assert abs(GELU.slope(x) - arb(slope.units[0][0]) * scale(slope.bits)) <= slope.off


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("up", [-3, 0, 5])
@pytest.mark.parametrize("b_off, a_off", [(1000, 0), (0, 1000), (1000, 1000)])
def test_sums_over_rows(b_off, a_off, up, bias):
    """Adjoints and inputs as far off as they may be."""
    found, off = descent._sum(Rows([[4]], 0, arb(b_off)), Rows([[8]], 0, arb(a_off)), [up], bias)
    most = [F(4 + b_off) * v / F(2) ** up for v in (8 + a_off, 1)[:1 + bias]]
    lost = sum((exact(x) - t) ** 2 for x, t in zip(found.entries(), most, strict=True))
    assert lost <= exact(off) ** 2


def test_rows_that_are_far_smaller_lose_a_unit():
    """−1 at the 60th place behind others is −1 there, not 0."""
    found, off = descent._sum(Rows([[0, -1]], 0, ZERO), Rows([[0, 8]], 0, ZERO), [0, 60], False)
    assert abs(exact(found[0, 0]) + F(8) / F(2) ** 60) <= exact(off)


def test_inputs_without_a_unit_are_left():
    assert descent._sum(Rows([[1]], 0, ZERO), Rows([[1]], 0, ZERO), [0], True)[0][0, 1] == 1
    with pytest.raises(Open):
        descent._sum(Rows([[1]], 0, ZERO), Rows([[1]], -1, ZERO), [0], True)


def seeds_hold(slopes, r, count=1):
    """Of the squared loss: whether those of every row may be r off; how far they are said to be, and what times."""
    z = applied(same(count), Rows([list(map(int, slopes))] * count, 100, arb(r)))
    _, seeds, ups = descent._seeds(posed(((0.0,) * count,) * len(slopes)), z, slice(0, None))
    truth = [[(true(v, 100) + F(r) / (1 if count == 1 else count)) * F(2) ** up] * count
             for v, up in zip(slopes, ups, strict=True)]
    assert farthest(seeds.units, seeds.bits, truth) <= exact(seeds.off) ** 2
    assert seeds.most < 1 << LONG - 1 or seeds.most == 1 << LONG - 1
    return seeds.off, ups


def test_seeds_are_cut_in_all_units():
    """Ones up to a unit that is cut off, four of them."""
    off, ups = seeds_hold([(1 << 100) - 1], 0.0, 4)
    assert ups == [0] and off < 2.01 * scale(LONG - 1)


@pytest.mark.parametrize("slopes", [(1 << 90, 1 << 100), (1 << 100, 1 << 90)])
def test_what_any_row_is_off_by_counts(slopes):
    """One is a thousandth of the other, and off by as much: first or last."""
    off, ups = seeds_hold(slopes, 2.0**-68)
    assert sorted(ups) == [-1, 9] and off >= scale(59)


@pytest.mark.parametrize("least", [0, 1, 1 << 20, 1 << 60])
def test_a_row_that_is_nearly_right_costs_the_others_nothing(least):
    """However small its slope is, the seeds of all are off by little more than `2^-TIGHT`."""
    off, ups = seeds_hold((1 << 100, least), 2.0**-55)
    assert off < scale(descent.TIGHT - 1) and ups[0] == -1


def test_each_row_has_the_spread_of_its_own_targets():
    """Of probabilities that the outputs meet; the first row, of a class, has slopes that hardly change there."""
    problem, r = posed(((1.0, 0.0), (0.5, 0.5)), "cross_entropy", (0, 1)), arb(2) ** -40
    z = applied(same(2), Rows([[0]] * 2, 100, r))
    found, _, _ = descent._seeds(problem, z, slice(1, 2))
    with ctx.workprec(400):
        t = r / arb(2).sqrt()
        assert found.slopes[0, 0].overlaps(t.tanh() / 2) and found.slopes[0, 1].overlaps(-t.tanh() / 2)
        assert found.values[0].overlaps((2 * t.cosh()).log())


def test_parts_are_off_together_and_only_rows_that_move_have_sizes():
    problem = posed(((0.0,), (0.0,)), moving=(1,))
    parts = [descent.Part(Losses([ZERO], arb_mat([[0]]), [arb(1)]), [arb_mat([[0]])], arb(off), [arb(size)])
             for off, size in ((3, 5), (1, 7))]
    found = descent.WholeDescent(problem, parts)
    assert found.weight_gradient.overlaps(arb(2)) and not found.weight_gradient.overlaps(arb(2.1))
    assert found.row_sizes == [7]
