"""Sums of products in long integers: those of Python's integers, at every place, whatever the signs."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.linalg.probes import ROOM
from certify.check.probed.lanes import MOST, sums
from tests.effort import examples

NUMBERS = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.sampled_from([-(1 << 63), (1 << 63) - 1, 0, -1, 1]))
FACTORS = st.one_of(st.integers(-(1 << ROOM), (1 << ROOM) - 1), st.sampled_from([-(1 << ROOM), (1 << ROOM) - 1, 0]))


def expected(rows: list[list[int]], vectors: list[list[int]]) -> list[list[int]]:
    return [[sum(v * row[place] for v, row in zip(vector, rows, strict=True)) for place in range(len(rows[0]))]
            for vector in vectors]


def found(rows: list[list[int]], vectors: list[list[int]]) -> list[list[int]]:
    return sums((memoryview(array("q", row).tobytes()) for row in rows), vectors, len(rows[0]))


@given(st.data(), st.integers(1, 7), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=examples(100), deadline=None)
def test_they_are_those_of_integers(data, length, count, several):
    rows = [[data.draw(NUMBERS) for _ in range(length)] for _ in range(count)]
    vectors = [[data.draw(FACTORS) for _ in range(count)] for _ in range(several)]
    assert found(rows, vectors) == expected(rows, vectors)


@pytest.mark.parametrize("number", [-(1 << 63), (1 << 63) - 1])
@pytest.mark.parametrize("factor", [-(1 << ROOM), (1 << ROOM) - 1])
def test_nothing_reaches_the_next_place(number, factor):
    """As large as they may be, side by side with the smallest."""
    rows = [[number, -number - 1, number, 0, 1]] * 300
    assert found(rows, [[factor] * 300]) == expected(rows, [[factor] * 300])
    assert MOST * 2**64 * 2**ROOM <= 2**126, "what `MOST` rows can add up to has room"
