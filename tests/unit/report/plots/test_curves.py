"""Curves lie where their scales say, and nothing is drawn where there is nothing to see."""

from __future__ import annotations

import re
from fractions import Fraction

from certify.report.digits import lower_end, upper_end
from certify.report.plots import NARROW, WIDE, draw_history, draw_rows
from certify.report.plots.axes import Axes
from certify.report.statements import Phrase, RowEnds, Rows


def ends(row, upper, lower=None):
    low, high = lower and lower_end(lower, 4), upper and upper_end(upper, 4)
    return RowEnds(row, low, high, None)


def rows(every, top=1):
    return Rows(tuple(every), tuple(every[:top]), True, None, False, Phrase(""), ())


def points(svg, element="polyline"):
    found = re.search(rf'<{element} points="([^"]*)"', svg)
    return [tuple(map(float, pair.split(","))) for pair in found[1].split()]


def test_rows_lie_on_the_grid_lines_of_their_values():
    """Factors 10, 1 and 0.1: the points of the curve lie on the lines that are labelled so."""
    for shape in (WIDE, NARROW):
        svg = draw_rows(rows([ends(7, 10.0, 10.0), ends(0, 1.0, 1.0), ends(3, 0.1, 0.1)]), shape)
        assert f'class="{shape.name}"' in svg and ">row 7</text>" in svg and "<polygon" not in svg
        levels = [float(y) for y in re.findall(r'd="M[\d.]+ ([\d.]+)H', svg)]
        assert all(any(abs(y - level) < 0.02 for level in levels) for _, y in points(svg))
        heights, across = [y for _, y in points(svg)], [x for x, _ in points(svg)]
        assert heights == sorted(heights) and across == sorted(across) and svg.count("<circle") == 1
        assert 0 < min(across) and max(across) < shape.width and max(heights) < shape.height


def test_a_band_shows_lower_ends_that_differ():
    svg = draw_rows(rows([ends(0, 4.0, 2.0), ends(1, 2.0), ends(2, 1.0, 0.9)]), WIDE)
    band = points(svg, "polygon")
    assert band[:3] == points(svg) and len(band) == 6
    assert all(low > high for (_, low), (_, high) in zip(reversed(band[3:]), band[:3], strict=True))


def test_what_a_table_says_is_not_drawn():
    two = [ends(0, 4.0), ends(1, 2.0)]
    assert draw_rows(rows(two, top=2), WIDE) == "" and draw_rows(rows([*two, ends(2, None)], top=2), WIDE) == ""
    assert draw_history([1.0], 1e-6, WIDE) == "" and draw_history([float("nan"), 1.0, 0.0], 1e-6, WIDE) == ""


def test_the_residual_ends_at_its_goal():
    svg = draw_history([1.0, 1e-2, 1e-4], 1e-4, WIDE)
    goal = float(re.search(r'd="M[\d.]+ ([\d.]+)H[\d.]+" style="[^"]*dasharray', svg)[1])
    assert points(svg)[-1][1] == goal and "stroke-dasharray" not in draw_history([1.0, 1e-2], 0.0, WIDE)
    assert len(points(draw_history([0.5**i for i in range(4000)][:1000], 0.0, WIDE))) <= 401


def test_places_are_proportional():
    axes = Axes(WIDE, 200, -3.0, 1.0)
    (x, y), (x2, y2), (x3, y3) = (axes.at(place, power) for place, power in ((1, -3.0), (200, 1.0), (100.5, -1.0)))
    assert (x2, y2, y) == (axes.right, axes.top, axes.bottom)
    assert abs(Fraction(x3) - (Fraction(x) + Fraction(x2)) / 2) < 1e-9 and abs(y3 - (y + y2) / 2) < 1e-9
