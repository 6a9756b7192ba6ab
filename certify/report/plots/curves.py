"""Curves of a report: the factors of all rows, and how the residual of a solver fell."""

from __future__ import annotations

import math
from collections.abc import Sequence

from certify.report.plots.axes import Axes, Shape
from certify.report.statements import RowEnds, Rows

MOST_POINTS = 400
VISIBLE_GAP = 0.005


def draw_rows(rows: Rows, shape: Shape) -> str:
    """Draw the factor (or change) of every row, sorted, on a logarithmic scale, the most sensitive rows marked.

    Returns:
        The SVG element, or an empty string where the table of the top rows says it all.
    """
    drawn = [row for row in rows.every if row.upper is not None and row.upper.value > 0]
    if len(drawn) <= len(rows.top):
        return ""
    label = f"{rows.noun.capitalize()} of each of {len(drawn)} rows, largest first; the table below lists the top rows"
    top = {row.row for row in rows.top}

    step = max(1, -(-len(drawn) // MOST_POINTS))
    ranks = sorted({*range(0, len(drawn), step), len(drawn) - 1})
    upper = [(rank + 1, _upper(drawn[rank])) for rank in ranks]
    lower = _lower_ends([drawn[rank] for rank in ranks])
    powers = [power for _, power in upper] + lower
    margin = 0.05 * max(max(powers) - min(powers), 0.1)
    axes = Axes(shape, len(drawn), min(powers) - margin, max(powers) + margin)
    marked = [(rank + 1, _upper(row)) for rank, row in enumerate(drawn) if row.row in top]
    below = [(rank + 1, power) for rank, power in zip(ranks, lower, strict=True)] if lower else []
    band = axes.band([*upper, *reversed(below)]) if below else ""
    return axes.picture(label, f"rows, the largest {rows.noun} first", f"{rows.noun} of the row",
                        [band, axes.line(upper), axes.dots(marked), axes.name(marked[0], f"row {drawn[0].row}")])


def draw_history(history: Sequence[float], tolerance: float, shape: Shape) -> str:
    """Draw the relative residual after each iteration, on a logarithmic scale, and where the solver was to stop.

    Returns:
        The SVG element, or an empty string where there are fewer than two iterations to draw.
    """
    points = [(i + 1, math.log10(value)) for i, value in enumerate(history) if math.isfinite(value) and value > 0]
    if len(points) < 2:
        return ""
    step = -(-len(points) // MOST_POINTS)
    points = [*points[:-1:step], points[-1]]

    goal = math.log10(tolerance) if tolerance > 0 else 0.0
    low, high = min(*(power for _, power in points), goal), max(*(power for _, power in points), 0.0)
    margin = 0.06 * max(high - low, 0.3)
    axes = Axes(shape, points[-1][0], low - margin, high + margin)
    return axes.picture("Relative residual after each iteration of the solver", "iterations of the solver",
                        "relative residual",
                        [axes.line(points), axes.dots(points[-1:]), *([axes.level(goal)] if tolerance > 0 else [])])


def _upper(row: RowEnds) -> float:
    assert row.upper is not None  # rows without an upper end are not drawn
    return math.log10(row.upper.value)


def _lower(row: RowEnds) -> float | None:
    return math.log10(row.lower.value) if row.lower is not None and row.lower.value > 0 else None


def _lower_ends(drawn: Sequence[RowEnds]) -> list[float]:
    """The lower ends, where one differs visibly from its upper end; a row without one lies below all others."""
    upper, lower = [_upper(row) for row in drawn], [_lower(row) for row in drawn]
    if not any(low is None or up - low > VISIBLE_GAP for low, up in zip(lower, upper, strict=True)):
        return []
    floor = min([low for low in lower if low is not None] + upper) - 0.3
    return [floor if low is None else low for low in lower]
