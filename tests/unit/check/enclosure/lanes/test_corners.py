"""Errors of one sign, all as large as they may be: bounds are met there, and smaller ones are not."""

from __future__ import annotations

import pytest
from flint import arb, arb_mat, ctx, fmpz

from certify.check.enclosure.lanes import maps, passes, sums, totals
from certify.check.enclosure.lanes.lanes import FRACTION, ROOM, Lanes
from certify.check.reading.graph import Node


def conv():
    """2 x 2 places, a kernel of one place, two channels in and out, so that every product counts once."""
    return Node("c", "conv2d", ("x",), {"weight": (1.0,) * 4, "bias": (0.0, 0.0)}, (2, 2, 2), (2, 2, 2))


@pytest.mark.parametrize("small", [0, 1])
@pytest.mark.parametrize("eta, xi", [(1, 1), (50, 1), (1, 50), (1000, 1000)])
def test_gradients_hold_what_all_numbers_together_may_be_off(small, eta, xi):
    count, node = 3, conv()
    sizes = [7, 7] if not small else [1, 7]
    x = passes.Words([[sizes[u // 4]] * count for u in range(8)], 0, arb(xi))
    v = passes.Words([[sizes[u // 4]] * count for u in range(8)], 0, arb(eta))
    with ctx.workprec(128):
        once = sums.pairs(node, x, v, count)
        M = sums.gradient(node, once + once)
    for a in range(2):
        for c in range(2):
            true = 2 * sum((sizes[a] + eta) * (sizes[c] + xi) for _ in range(4 * count))
            assert M[a, c].overlaps(arb(true))
            if sizes[a] == sizes[c] == 7:
                assert not M[a, c].overlaps(arb(true) * (1 + arb(2) ** -8))
        assert M[a, 2].overlaps(arb(2 * 4 * count * (sizes[a] + eta)))
        assert not M[a, 2].overlaps(arb(2 * 4 * count * (sizes[a] + eta)) + 1)


@pytest.mark.parametrize("off", [0, 1, 999, 1 << 80])
@pytest.mark.parametrize("up", [0, 1])
def test_leading_bits_count_what_they_lack_and_what_lacked_before(off, up):
    lanes = Lanes(1)
    number = (1 << 150) - 1
    with ctx.workprec(400):
        words, seen = passes.leading(lanes, passes.Held([fmpz(number)], off, number))
        apart = arb(number + off) * arb(2) ** -FRACTION - arb(words.units[0][0]) * arb(2) ** -words.bits
        assert apart <= words.off <= apart * (1 + arb(2) ** -20) and seen.size >= number


@pytest.mark.parametrize("number", [-(1 << 150), (1 << 150) - 1, -(1 << 150) - 1, 5, -1, 0])
def test_the_size_that_words_show_is_one(number):
    size = 1 << 180
    with ctx.workprec(400):
        _, seen = passes.leading(Lanes(1), passes.Held([fmpz(number)], 0, size))
    assert abs(number) <= seen.size <= max(abs(number) * 2, 1 << 120)


@pytest.mark.parametrize("coefficients", [[3 << 32], [-(3 << 32), 5 << 31], [1, 1, 1],
                                          [(1 << 32) - 1, 1 - (1 << 32)]])
@pytest.mark.parametrize("off", [0, 1, 7, 10**9])
def test_a_map_is_off_by_its_largest_sum_and_a_unit(coefficients, off):
    lanes, k = Lanes(1), len(coefficients)
    numbers = [(1 << 60) - 1] * k
    shift = (1 << 32) - 1
    own = maps.Sums([(list(map(fmpz, coefficients)), list(range(k)))], 32)
    x = passes.Held([fmpz(n) for n in numbers], off, (1 << 60) + off)
    made = passes.applied(lanes, own, x, [shift], shift)
    found, = lanes.numbers(made.units[0])
    for sign in (1, -1):
        moved = [n + (off if c * sign > 0 else -off) for c, n in zip(coefficients, numbers, strict=True)]
        true = sum(c * n for c, n in zip(coefficients, moved, strict=True)) + shift
        assert abs(true - (found << 32)) <= made.off << 32
    assert abs(found) <= made.size


def test_a_bias_alone_counts_for_the_room():
    own, x = maps.Sums([([fmpz(1)], [0])], 32), passes.Held([fmpz(1)], 0, 1)
    with pytest.raises(passes.Open):
        passes.applied(Lanes(1), own, x, [int(ROOM)], int(ROOM))


def test_biases_below_0_count_for_the_room():
    assert maps.Linear(None, None, [-5, 3]).shift == 5


def test_sums_are_off_by_both():
    made = passes.together(passes.Held([fmpz(1)], 3, 1), passes.Held([fmpz(2)], 4, 2))
    assert (made.off, made.size) == (7, 3)


def test_lengths_are_off_by_the_root_of_their_number():
    with ctx.workprec(128):
        length, = totals._lengths(passes.Words([[10]] * 9, 0, arb(2)))
        assert length.overlaps(arb(36)) and length.overlaps(arb(24)) and not length.overlaps(arb(36.1))


@pytest.mark.parametrize("middle, wide", [(1.75, 0), (-1.75, 2.0**-60), (2.0**-114, 2.0**-112), (2.0**-114, 0),
                                          (3.0, 1e-3)])
def test_seeds_hold_all_of_a_slope(middle, wide):
    with ctx.workprec(128):
        seeds = totals._seeds(Lanes(1), arb_mat([[arb(middle, wide)]]))
    number, = Lanes(1).numbers(seeds.units[0])
    with ctx.workprec(400):
        x = arb(middle, wide) * arb(2) ** FRACTION
        assert x.upper() - number <= seeds.off and number - x.lower() <= seeds.off and abs(number) <= seeds.size


def test_the_smallest_is_found_where_leading_bits_say_another():
    """Of −1 and of 2^k − 1 the first words are −1 and 0."""
    lanes, kinks = Lanes(1), passes.Kinks()
    units = [lanes.joined([fmpz(-1)]), lanes.joined([fmpz((1 << 100) - 1)])]
    node = type("Relu", (), {"inputs": ("x",), "name": "r", "op": "relu"})()
    with ctx.workprec(400):
        passes._rectified(node, passes.Passed(lanes, {"x": passes.Held(units, 0, 1 << 189)}), kinks, 0)
        assert kinks.high * arb(2) ** FRACTION == 1


def test_data_just_below_a_whole_number_has_the_size_above_it():
    held = totals._entry(Lanes(1), [(1.5,)])
    assert held.size >= 3 << FRACTION - 1
