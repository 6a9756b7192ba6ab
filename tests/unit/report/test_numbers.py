"""Shown numbers: a lower end is never raised, an upper end never lowered, on the page itself too."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from certify.report import digits
from certify.report.exporters.html import render
from tests.effort import examples
from tests.families import report_samples as samples
from tests.unit.report.exporters.test_html import Page

PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def read(text: str) -> Fraction:
    """The number a reader sees."""
    text = text.replace("…", "").translate(PLAIN)
    mantissa, _, exponent = text.partition(" × 10")
    return Fraction(mantissa) * Fraction(10) ** int(exponent or 0)


@given(finite, st.integers(1, 20))
@settings(max_examples=examples(2000))
def test_ends_are_rounded_outward_and_not_far(value: float, places: int) -> None:
    low, high = digits.lower_end(value, places), digits.upper_end(value, places)
    assert read(low.text) <= Fraction(value) <= read(high.text)
    assert read(high.text) - read(low.text) <= abs(Fraction(value)) * Fraction(10) ** (1 - places)
    assert float(low.exact) == float(high.exact) == value


@given(finite, st.integers(1, 12))
def test_cut_shows_true_digits(value: float, places: int) -> None:
    shown = digits.cut(value, places).text
    assert abs(read(shown)) <= abs(Fraction(repr(value)))
    assert ("…" in shown) == (read(shown) != Fraction(repr(value)))


@given(finite)
def test_thresholds_are_shown_in_full(value: float) -> None:
    assert read(digits.as_given(value).text) == Fraction(repr(value))


@given(st.floats(1e-300, 1e300), st.integers(-3, 3), st.integers(1, 6))
@settings(max_examples=examples(500))
def test_a_shown_end_is_on_its_side_of_the_threshold(value: float, steps: int, places: int) -> None:
    threshold = value
    for _ in range(abs(steps)):
        threshold = math.nextafter(threshold, math.inf if steps > 0 else 0)
    exact = Fraction(threshold)
    if value >= threshold:
        shown = read(digits.lower_end(value, places, above=threshold).text)
        assert exact <= shown <= Fraction(value) and (shown > exact or value == threshold)
    if value <= threshold:
        shown = read(digits.upper_end(value, places, below=threshold).text)
        assert Fraction(value) <= shown <= exact and (shown < exact or value == threshold)


@given(positive, positive)
@settings(max_examples=examples(40), deadline=None)
def test_numbers_on_the_page_are_outward(a: float, b: float) -> None:
    """Each number whose full value is beside it is at most a lower end or at least an upper end of the claim."""
    low, high = sorted((a, b))
    assume(low < high)
    page = Page(render(samples.certificate(samples.claim("modulus", lower=low, upper=high))))
    seen = {"low": 0, "high": 0}
    for text, exact in page.titles:
        if exact == repr(low):
            assert read(text) <= Fraction(low)
            seen["low"] += 1
        elif exact == repr(high):
            assert read(text) >= Fraction(high)
            seen["high"] += 1
    assert seen["low"] >= 2 and seen["high"] >= 2
