"""Bars and lines of a report: a threshold beside its ends, a radius, shares of predictions. Colours are the page's."""

from __future__ import annotations

from certify.report.digits import count, lower_end, upper_end
from certify.report.statements import Changed, Finding, Gate

MOST_BARS = 12


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
