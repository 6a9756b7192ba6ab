"""Pictures as inline SVG whose colours come from the page, so that they follow light, dark and print.

Matplotlib is imported when a picture is drawn and not before; its global settings are never touched.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certify.report.digits import count, lower_end, typeset, upper_end
from certify.report.statements import Changed, Finding, Gate, RowEnds, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 400
MOST_BARS = 12
VISIBLE_GAP = 0.005
INKS = {"#010101": "var(--ink)", "#020202": "var(--quiet)", "#030303": "var(--line)", "#040404": "var(--accent)"}
INK, QUIET, LINE, ACCENT = INKS
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "path.simplify": False,
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.linewidth": 0.8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Shape:
    """Size of a picture in inches and a name that keeps its SVG identifiers apart from those of others."""

    name: str
    width: float
    height: float


WIDE, NARROW = Shape("wide", 7.2, 3.0), Shape("narrow", 4.3, 3.3)


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

    def draw(axes: Axes) -> None:
        _curve(axes, drawn)
        _mark(axes, drawn, top)
        _label(axes, len(drawn), rows.noun)

    return picture(shape, label, draw)


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

    def draw(axes: Axes) -> None:
        places, heights = zip(*points, strict=True)
        axes.plot(places, heights, color=INK, linewidth=1.1, solid_joinstyle="round")
        axes.plot(places[-1:], heights[-1:], marker="o", markersize=4, color=ACCENT, clip_on=False, zorder=3)
        if tolerance > 0:
            axes.axhline(math.log10(tolerance), color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
        low = min(*heights, math.log10(tolerance) if tolerance > 0 else 0.0)
        high = max(*heights, 0.0)
        margin = 0.06 * max(high - low, 0.3)
        _scale(axes, low - margin, high + margin)
        axes.set_xlabel("iterations of the solver")
        axes.set_ylabel("relative residual")
        axes.set_xlim(1 - 0.015 * places[-1], places[-1])
        axes.set_xticks(_places(places[-1]))

    return picture(shape, "Relative residual after each iteration of the solver", draw)


def picture(shape: Shape, label: str, draw: Callable[[Axes], None]) -> str:
    """What `draw` puts on a pair of axes, as an SVG element in the page's colours."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        settings: dict[Any, Any] = mpl.rcParams
        settings.update(STYLE)
        settings["svg.hashsalt"] = f"certify-{shape.name}"
        figure = Figure(figsize=(shape.width, shape.height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _inline(text.getvalue(), shape.name, label)


def _upper(row: RowEnds) -> float:
    assert row.upper is not None  # rows without an upper end are not drawn
    return math.log10(row.upper.value)


def _lower(row: RowEnds) -> float | None:
    return math.log10(row.lower.value) if row.lower is not None and row.lower.value > 0 else None


def _curve(axes: Axes, drawn: Sequence[RowEnds]) -> None:
    """The upper ends as a line, and where the lower ends visibly differ the band between both."""
    step = max(1, -(-len(drawn) // MOST_POINTS))
    ranks = sorted({*range(0, len(drawn), step), len(drawn) - 1})
    places, upper = [rank + 1 for rank in ranks], [_upper(drawn[rank]) for rank in ranks]
    axes.plot(places, upper, color=INK, linewidth=1.1, solid_joinstyle="round")
    lower = [_lower(drawn[rank]) for rank in ranks]
    if any(low is None or up - low > VISIBLE_GAP for low, up in zip(lower, upper, strict=True)):
        floor = min([low for low in lower if low is not None] + upper) - 0.3
        axes.fill_between(
            places, [floor if low is None else low for low in lower], upper, color=QUIET, alpha=0.25, lw=0
        )


def _mark(axes: Axes, drawn: Sequence[RowEnds], top: set[int]) -> None:
    """Dots on the most sensitive rows; the first is named."""
    marked = [(rank + 1, _upper(row)) for rank, row in enumerate(drawn) if row.row in top]
    dots: dict[str, Any] = {"marker": "o", "markersize": 4, "clip_on": False, "zorder": 3}
    axes.plot(*zip(*marked, strict=True), linestyle="none", color=ACCENT, **dots)
    text: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": ACCENT, "weight": "bold"}
    axes.annotate(f"row {drawn[0].row}", marked[0], xytext=(7, 6), **text)


def _label(axes: Axes, n: int, noun: str) -> None:
    axes.set_xlim(1 - 0.015 * n, n)
    axes.set_xlabel(f"rows, the largest {noun} first")
    axes.set_ylabel(f"{noun} of the row")
    axes.set_xticks(_places(n))
    _scale(axes, *axes.get_ylim())


def _scale(axes: Axes, low: float, high: float) -> None:
    """A logarithmic scale between two powers of ten, with a faint grid."""
    axes.grid(axis="y", color=LINE, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    ticks = _decades(low, high)
    axes.set_yticks([place for place, _ in ticks], labels=[label for _, label in ticks])
    axes.set_ylim(low, high)


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers on a logarithmic scale between two powers of ten, with their labels."""
    step = max(1, math.ceil((high - low) / 6))
    steps = (1,) if high - low > 3 else (1, 2, 5) if high - low > 0.6 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    numbers = [(m, e) for e in range(math.floor(low), math.ceil(high) + 1) if e % step == 0 for m in steps]
    placed = [(e + math.log10(m), f"{m * 10.0**e:g}" if -5 < e < 6 else f"{m}e{e}") for m, e in numbers]
    return [(place, typeset(label)) for place, label in placed if low <= place <= high]


def _places(n: int) -> list[int]:
    """The first and last rank and a few round ones between."""
    step = next(s * 10**e for e in range(9) for s in (1, 2, 5) if n / (s * 10**e) <= 6)
    return [1, *(place for place in range(step, n, step) if 1 < place < n - 0.4 * step), n]


def _inline(svg: str, name: str, label: str) -> str:
    """Cut the element out of the file, let the page colour and scale it, and make its identifiers its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)  # it would style the whole page
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg", f'<svg class="{name}" role="img" aria-label="{label}"', 1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1{name}-", svg)
    svg = re.sub(r"font: ([^;\"]*?)(\d+(?:\.\d+)?)px [^;\"]*", r"font: \g<1>\2px var(--sans)", svg)
    for ink, colour in INKS.items():
        svg = svg.replace(ink, colour)
    return re.sub(r"\n\s*", "\n", svg).strip()


def draw_gate(gate: Gate) -> str:
    """Draw a threshold and the ends of the enclosure on one line from zero, in percent of the width.

    Returns:
        The SVG element, or an empty string where there is nothing to place on a line from zero.
    """
    numbers = [number.value for number in (gate.lower, gate.upper, gate.threshold) if number is not None]
    if gate.infinite or len(numbers) < 2 or min(numbers) < 0 or not 0 < max(numbers) < 1e300:
        return ""
    scale = 88 / max(numbers)
    threshold, low = gate.threshold.value * scale, (gate.lower.value if gate.lower else 0.0) * scale
    high = 100.0 if gate.upper is None else gate.upper.value * scale
    inside = (0.0, threshold) if gate.relation == "at most" else (threshold, 100.0)
    limit = f"threshold {gate.threshold.text}"
    found = f"{gate.known}: {_found(gate)}"
    return (
        '<svg class="gauge" role="img" aria-label="threshold and ends on one scale from zero" width="100%" height="54">'
        '<line class="axis" x1="0" x2="100%" y1="26" y2="26"/>'
        f'<line class="inside" x1="{inside[0]:.2f}%" x2="{inside[1]:.2f}%" y1="26" y2="26"/>'
        f'<line class="limit" x1="{threshold:.2f}%" x2="{threshold:.2f}%" y1="18" y2="36"/>'
        f'<line class="ends" x1="{low:.2f}%" x2="{max(high, low + 0.01):.2f}%" y1="26" y2="26"/>'
        f"{_tag(low if gate.upper is None else high, 12, found)}{_tag(threshold, 50, limit)}"
        "</svg>"
    )


def draw_radius(finding: Finding) -> str:
    """Draw how far moves are proved harmless, from where one is known to do harm, and what is open between.

    Returns:
        The SVG element, or an empty string where it is no persistence radius or nothing is known of it.
    """
    low = 0.0 if finding.lower is None else finding.lower.value
    high = None if finding.upper is None else finding.upper.value
    top = low if high is None else high
    if not finding.gauge or not 0 < top < 1e300 or low < 0:
        return ""
    held, broken = low / top * 72, 100.0 if high is None else 72.0
    strokes = [f'<line class="open" x1="{held:.2f}%" x2="{broken:.2f}%" y1="28" y2="28"/>'] if broken > held else []
    strokes += [f'<line class="held" x1="0" x2="{held:.2f}%" y1="28" y2="28"/>'] if held > 0 else []
    strokes += [f'<line class="broken" x1="{broken:.2f}%" x2="100%" y1="28" y2="28"/>'] if broken < 100 else []
    words = [_tag(held, 12, f"{finding.rigour}: kept up to {lower_end(low, 4).text}")] if low > 0 else []
    if high is not None:
        words.append(_tag(broken, 54, f"{finding.rigour}: can be exceeded beyond {upper_end(high, 4).text}", end=True))
    label = "sizes of moves on one scale from zero: level kept, open, level exceeded"
    return (
        f'<svg class="gauge radius" role="img" aria-label="{label}" width="100%" height="60">'
        f"{''.join(strokes)}{''.join(words)}</svg>"
    )


def draw_shares(changed: Changed) -> str:
    """Draw how many predictions stay, are undecided and flip, as one bar.

    Returns:
        The SVG element, or an empty string where there are no predictions.
    """
    parts = [("held", changed.stay, "stay"), ("open", len(changed.undecided), "undecided"),
             ("broken", len(changed.flips), "flip")]
    total, begin, bars = sum(size for _, size, _ in parts), 0, []
    if not total:
        return ""
    for kind, size, _ in parts:
        if size:
            bars.append(f'<rect class="{kind}" x="{100 * begin / total:.2f}%" width="{100 * size / total:.2f}%" '
                        'y="0" height="16"/>')
        begin += size
    places = zip(("0", "50%", "100%"), ("start", "middle", "end"), parts, strict=True)
    words = [f'<text x="{x}" y="34" text-anchor="{anchor}"><tspan class="{kind}">■</tspan> {count(size)} {word}</text>'
             for x, anchor, (kind, size, word) in places]
    label = f"of {total} {changed.called.many} {', '.join(f'{size} {word}' for _, size, word in parts)}"
    return (f'<svg class="gauge shares" role="img" aria-label="{label}" width="100%" height="42">'
            f"{''.join(bars)}{''.join(words)}</svg>")


def draw_counts(changed: Changed) -> str:
    """Draw the same over the number of changed rows, a bar each: those that flip with so many rows, and all that stay.

    Returns:
        The SVG element, or an empty string where one row changes, or no number of rows flips more than another.
    """
    sizes = [len(flip.changed) for flip in changed.flips]
    total = changed.stay + len(changed.undecided) + len(sizes)
    numbers = range(1, min(changed.count, MOST_BARS) + 1)
    flips = [sum(size <= m for size in sizes) for m in numbers]
    if len(set(flips)) < 2:
        return ""
    bars, said = [], []
    for place, (m, flip) in enumerate(zip(numbers, flips, strict=True)):
        y, begin = 22 * place, 0
        for kind, size in (("held", changed.stay), ("open", total - changed.stay - flip), ("broken", flip)):
            if size:
                bars.append(f'<rect class="{kind}" x="{14 + 70 * begin / total:.2f}%" width="{70 * size / total:.2f}%" '
                            f'y="{y + 3}" height="13"/>')
            begin += size
        row = "row" if m == 1 else "rows"
        bars.append(f'<text x="0" y="{y + 14}">{m} {row}</text>'
                    f'<text x="100%" y="{y + 14}" text-anchor="end">{count(flip)} flip</text>')
        said.append(f"{m} {row}: {flip} flip")
    height = 22 * len(numbers)
    return (f'<svg class="gauge shares counts" role="img" aria-label="{changed.stay} stay; {"; ".join(said)}" '
            f'width="100%" height="{height}" style="height:{height}px">{"".join(bars)}</svg>')


def _tag(place: float, y: int, text: str, end: bool = False) -> str:
    """A word at a place on the line, or flush right with `end`, kept inside the picture."""
    if end:
        return f'<text x="100%" y="{y}" text-anchor="end">{text}</text>'
    anchor = "start" if place < 14 else "end" if place > 82 else "middle"
    return f'<text x="{place:.2f}%" y="{y}" text-anchor="{anchor}">{text}</text>'


def _found(gate: Gate) -> str:
    """The end that decides the gate, or both where none does."""
    lower, upper = (end.text if end else "" for end in (gate.lower, gate.upper))
    below = (gate.relation == "at most") == (gate.state == "met")
    if gate.state == "open" and lower and upper:
        return f"{lower} to {upper}"
    return f"at most {upper}" if upper and (below or not lower) else f"at least {lower}"
