"""Pictures as inline SVG whose colours come from the page, so that they follow light, dark and print."""

from certify.report.plots.axes import NARROW, WIDE
from certify.report.plots.curves import draw_history, draw_rows
from certify.report.plots.gauges import draw_counts, draw_gate, draw_radius, draw_shares

__all__ = ["NARROW", "WIDE", "draw_counts", "draw_gate", "draw_history", "draw_radius", "draw_rows", "draw_shares"]
