"""Numbers side by side in long integers: what is done to all is what is done to each."""

from __future__ import annotations

import pytest
from flint import fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.enclosure.lanes.lanes import FRACTION, LARGEST, PLACES, ROOM, WIDE, Lanes
from tests.effort import examples

EDGES = (0, 1, -1, int(ROOM) - 1, 1 - int(ROOM))
NUMBERS = st.lists(st.one_of(st.integers(1 - int(ROOM), int(ROOM) - 1), st.sampled_from(EDGES)), min_size=1, max_size=5)


def side_by_side(numbers):
    lanes = Lanes(len(numbers))
    return lanes, lanes.joined(list(map(fmpz, numbers)))


@given(NUMBERS, st.integers(1, 100))
@settings(max_examples=examples(100), deadline=None)
def test_every_lane_is_cut_downwards(numbers, drop):
    lanes, x = side_by_side(numbers)
    assert lanes.numbers(x) == numbers
    assert lanes.numbers(lanes.cut(x, drop)) == [v >> drop for v in numbers]


@given(st.lists(st.integers(-(1 << 90), 1 << 90), min_size=1, max_size=5), st.integers(0, WIDE - 92))
@settings(max_examples=examples(100), deadline=None)
def test_words_are_the_leading_bits(numbers, up):
    lanes, x = side_by_side(numbers)
    assert lanes.words(x, up) == [v << up >> WIDE - 64 for v in numbers]


@given(NUMBERS)
@settings(max_examples=examples(60), deadline=None)
def test_a_mask_leaves_what_is_not_below_0(numbers):
    lanes, x = side_by_side(numbers)
    assert lanes.numbers(lanes.masked(x, lanes.mask(lanes.words(x, 0)))) == [max(v, 0) for v in numbers]


@given(st.lists(st.floats(-500, 500, width=32), min_size=1, max_size=5))
@settings(max_examples=examples(60), deadline=None)
def test_data_is_as_it_is_or_refused(column):
    lanes = Lanes(len(column))
    packed = lanes.packed(column)
    if all((v * 2.0**PLACES).is_integer() for v in column):
        assert lanes.numbers(packed) == [int(v * 2.0**PLACES) << FRACTION - PLACES for v in column]
    else:
        assert packed is None


@pytest.mark.parametrize("number", [2.0**(LARGEST - PLACES), 2.0**-(PLACES + 1), 1.7e308, 5e-324])
def test_data_with_more_bits_is_refused(number):
    assert Lanes(3).packed([0.0, number, 1.0]) is None and Lanes(3).packed([0.0, -number, 1.0]) is None
