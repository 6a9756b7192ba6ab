"""gelu by polynomials in whole numbers: the truth is as near as is said, and wrong polynomials are farther."""

from __future__ import annotations

import pytest
from flint import arb, ctx, fmpz
from hypothesis import example, given, settings
from hypothesis import strategies as st

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.lanes import curves
from certify.check.enclosure.lanes.curves import CELLS, OFF, PLACE, SLOPE, Gelu
from certify.check.enclosure.lanes.lanes import Open
from certify.check.linalg.fixed import scale
from tests.effort import examples

ZERO = 1 << 40
PLACES = st.integers(-1 << PLACE, (1 << PLACE) - 1)
BITS = st.integers(0, curves.LONGEST)


def away(cell, place, bits):
    """How far value and slope are from those of gelu with many bits, in units of the last place."""
    values, slopes = Gelu(ZERO, bits, {}).of([cell + ZERO], [place])
    with ctx.workprec(400):
        x = arb(2 * cell + 1) * scale(CELLS + 1) + arb(fmpz(place)) * scale(CELLS + 1 + PLACE)
        value, slope = ACTIVATIONS["gelu"].value(x), ACTIVATIONS["gelu"].slope(x)
        return abs(value / scale(bits) - fmpz(values[0])), abs(slope / scale(SLOPE) - fmpz(slopes[0]))


@settings(max_examples=examples(600), deadline=None)
@given(cell=st.integers(-4000, 4000), place=PLACES, bits=BITS)
@example(cell=0, place=-1 << PLACE, bits=curves.LONGEST)
@example(cell=-1, place=(1 << PLACE) - 1, bits=curves.LONGEST)
@example(cell=-250, place=-1 << PLACE, bits=curves.LONGEST)
@example(cell=1 << 20, place=0, bits=curves.LONGEST)
@example(cell=-1 << 30, place=5, bits=curves.LONGEST)
def test_values_and_slopes_are_as_near_as_is_said(cell, place, bits):
    assert all(found < most for found, most in zip(away(cell, place, bits), OFF, strict=True))


def wrong_somewhere():
    """Whether some number between −3 and 3 is farther off than is said."""
    return any(found > most for cell in range(-768, 768, 37) for place in (-1 << PLACE, (1 << PLACE) - 1)
               for found, most in zip(away(cell, place, curves.LONGEST), OFF, strict=True))


def test_wrong_polynomials_are_caught(monkeypatch):
    assert not wrong_somewhere()
    right = curves._coefficients
    wrongs = [lambda c: [*c[:6], 0], lambda c: [*c[:5], 0, c[6]], lambda c: [c[0] + (1 << 15), *c[1:]],
              lambda c: [*c[:2], c[2] + (1 << 16), *c[3:]]]
    for wrong in wrongs:  # a lower degree, and coefficients off by some units
        monkeypatch.setattr(curves, "_coefficients", lambda cell, wrong=wrong: wrong(right(cell)))
        assert wrong_somewhere()


def test_the_next_cell_is_another():
    """A number at the end of its cell has the values of the next one: of a table that is one off it has not."""
    ends, begins = Gelu(0, 60, {}).of([9], [(1 << PLACE) - 1]), Gelu(0, 60, {}).of([10], [-1 << PLACE])
    wrong = Gelu(1, 60, {}).of([9], [(1 << PLACE) - 1])
    assert abs(ends[0][0] - begins[0][0]) < 2 * OFF[0] < abs(wrong[0][0] - begins[0][0])


def test_the_bounds_of_derivatives():
    """Moments of the normal law: `∫|ξ|^k e^{−ξ²/2}dξ/2π = 2^{(k+1)/2}Γ((k+1)/2)/2π`."""
    with ctx.workprec(100):
        fifth, seventh = (arb(2) ** ((k + 1) // 2) * arb((k + 1) // 2).gamma() / (2 * arb.pi()) for k in (5, 7))
        assert fifth < 2.547 and seventh < 15.28 and fifth + seventh < 17.83
        assert arb(17.83) / 5040 * scale(63) < scale(71) and arb(17.83) / 720 < 0.025


@pytest.mark.parametrize("bits", [-1, curves.LONGEST + 1])
def test_other_lengths_are_left(bits):
    with pytest.raises(Open):
        Gelu(0, bits, {})


def test_too_few_bits_are_left(monkeypatch):
    assert len(Gelu(0, 60, {}).of([1, 2], [0, 0])[0]) == 2
    monkeypatch.setattr(curves, "PRECISION", 64)
    with pytest.raises(Open):
        Gelu(0, 60, {}).of([1, 2], [0, 0])


def test_too_many_cells_are_left(monkeypatch):
    """Cells that others have asked for count where there are too many, not where new ones take too long."""
    known = {}
    Gelu(5, 60, known).of([6, 7, 8], [0] * 3)
    assert sorted(known) == [1, 2, 3]
    dear = 2 * curves.DEAR
    Gelu(9, 60, known).ask({11, 12, 13, 14}, dear)
    with pytest.raises(Open):
        Gelu(9, 60, known).ask({11, 12, 13, 14}, dear - 1)
    monkeypatch.setattr(curves, "MOST", 4)
    Gelu(9, 60, known).ask({11, 12, 13}, dear)
    with pytest.raises(Open):
        Gelu(9, 60, known).ask({11, 12, 13, 14}, dear)


def test_cells_are_the_same_wherever_they_are_counted_from():
    """With another cell above 0 and other bits, what is known already gives the same numbers."""
    known, cells, places = {}, [3, -2, 700], [1 << 60, -5, 0]
    Gelu(1 << 20, 41, known).of([c + (1 << 20) for c in cells], places)
    shared, alone = (Gelu(1 << 30, 60, of).of([c + (1 << 30) for c in cells], places) for of in (known, {}))
    assert shared == alone and len(known) == 3
