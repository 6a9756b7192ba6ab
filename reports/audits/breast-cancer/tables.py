"""Markdown, CSV and SVG of the study."""

from __future__ import annotations

import csv
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

import numpy as np
from rows import ALIKE, SIZES, Measurement, Row

BLUE, ORANGE, GREY, BLACK = "#1b5e8c", "#c25b12", "#7a7a7a", "#222222"
BEGIN, END = "<!-- table: written by study.py -->", "<!-- end of table -->"


def interval(row: Row, digits: int = 6) -> str:
    """Ends of M4 rounded outward to `digits` decimals, or the float64 value marked with ≈."""
    if row.lower is None or row.upper is None:
        return f"≈ {row.modulus:.{digits}f}"
    unit = Decimal(1).scaleb(-digits)
    low = Decimal(row.lower).quantize(unit, ROUND_FLOOR)
    high = Decimal(row.upper).quantize(unit, ROUND_CEILING)
    return f"{low} – {high}"


def power(t: float) -> str:
    """`1e-2`, without the zero of `1e-02`."""
    return f"{t:.0e}".replace("e-0", "e-")


def heading(head: list[str]) -> list[str]:
    """First two lines of a Markdown table of numbers."""
    return ["| " + " | ".join(head) + " |", "|" + "---:|" * len(head)]


def main_table(measurements: list[Measurement]) -> str:
    """Markdown: one line a row, motion along +g_i."""
    head = ["row", "κ paper, all weights", "κ_h paper, layers", "M4", "M4 / κ"]
    head += [f"dist/t, t = {power(t)}" for t in SIZES]
    lines = heading(head)
    for row in dict.fromkeys(m.row for m in measurements):
        rates = [m.rate for m in measurements if m.row == row and m.sign == 1]
        layers = f"{min(row.paper_layers):.2e} … {max(row.paper_layers):.2e}"
        ratio = f"{row.ratio:,.0f}" if row.ratio >= 100 else f"{row.ratio:.3g}"
        cells = [str(row.number), f"{row.paper:.2e}", layers, interval(row), ratio]
        lines.append("| " + " | ".join([*cells, *(f"{rate:.5f}" for rate in rates)]) + " |")
    return "\n".join(lines)


def finite_size_table(measurements: list[Measurement]) -> str:
    """Markdown: relative departure of dist/t from M4 along +g_i and −g_i, in parts per million."""
    sizes = SIZES[:2]
    head = ["row"]
    for t in sizes:
        head += [f"t = {power(t)}: +g", "−g", "mean of both", "+g, by f in x alone"]
    lines = heading(head)
    for row in dict.fromkeys(m.row for m in measurements):
        cells = [str(row.number)]
        for t in sizes:
            plus, minus = (next(m for m in measurements if (m.row, m.sign, m.size) == (row, s, t)) for s in (1, -1))
            values = (plus.rate, minus.rate, (plus.rate + minus.rate) / 2, plus.by_output)
            cells += [f"{round(1e6 * (value / row.modulus - 1)):+,d}" for value in values]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def layer_table(measurements: list[Measurement]) -> str:
    """Markdown: Theorem 2's κ_h beside M4 for layer h alone."""
    rows = list(dict.fromkeys(m.row for m in measurements))
    head = ["row"]
    for h, wide in enumerate(rows[0].wide, 1):
        head += [f"κ_{h} paper", f"{'M4' if wide else 'least squares'}, layer {h} alone"]
    lines = heading(head)
    for row in rows:
        cells = [str(row.number)]
        for paper, alone in zip(row.paper_layers, row.layers, strict=True):
            cells += [f"{paper:.2e}", f"{alone:.4g}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _range(rows: list[Row], h: int) -> str:
    ratios = [row.layers[h] / row.paper_layers[h] for row in rows]
    return f"smallest {min(ratios):.3g}, largest {max(ratios):.4g}"


def why_table(measurements: list[Measurement]) -> str:
    """Markdown: why the rows differ, from their weight gradients alone."""
    lines = heading(
        ["row", "class", "norm of g", "last layer's share of ∂_w f, squared", "rows alike", "angle to the others"]
    )
    for row in dict.fromkeys(m.row for m in measurements):
        share = (row.paper / row.paper_layers[-1]) ** 2
        cells = [str(row.number), f"{row.target:+.0f}", f"{row.slope:.2e}", f"{share:.6f}", str(row.alike)]
        lines.append("| " + " | ".join([*cells, f"{np.arcsin(1 / row.ratio):.2e}"]) + " |")
    return "\n".join(lines)


def evidence(measurements: list[Measurement]) -> str:
    """Markdown list: the worst of everything that says how good the measurements are."""
    found = [m.found for m in measurements]
    failed = [m for m in measurements if m.found.status != "converged"]
    convex = min(f.convexity for f in found if f.convexity is not None)
    small = [m for m in measurements if m.size == min(SIZES)]
    lines = [
        f"* {len(found)} re-solved problems, {len(failed)} not converged;",
        f"* worst residual max |f(x_i(u), w) − f(x_i, w̄)|: {max(f.residual for f in found):.1e};",
        f"* an exact solution is, to first order, within {max(f.gap for f in found):.1e} of each point found: "
        f"at t = {power(min(SIZES))} that is ± {max(m.found.gap / m.size for m in small):.0e} in dist/t;",
        f"* worst share of w − w̄ outside range J^T (0 at a nearest point): {max(f.tangential for f in found):.1e};",
        f"* smallest eigenvalue of the Lagrangian's Hessian on ker J: {convex:.3f} "
        "(positive: a strict local minimum of the distance).",
    ]
    return "\n".join([*lines, *(f"* row {m.row.number}, {m.sign * m.size:+.0e}: {m.found.status}" for m in failed)])


def overview(rows: list[Row]) -> str:
    """Markdown list: the two moduli over all rows."""
    from scipy.stats import spearmanr

    ratios = np.array([row.ratio for row in rows])
    most = max(rows, key=lambda row: row.modulus)
    paper_most = max(rows, key=lambda row: row.paper)
    rank = spearmanr([row.modulus for row in rows], [row.paper for row in rows]).statistic
    order = spearmanr(ratios, [row.slope for row in rows]).statistic
    middle = (np.median([row.modulus for row in rows]), np.median([row.paper for row in rows]))
    return "\n".join([
        f"* M4 / κ over the {len(rows)} rows: smallest {ratios.min():.3g}, median {np.median(ratios):,.4g}, "
        f"largest {ratios.max():,.5g}; above 100 in {int((ratios > 100).sum())} rows;",
        f"* median M4 {middle[0]:.3g}, median κ {middle[1]:.3g};",
        f"* most sensitive row: {most.number} by M4 ({most.modulus:.5g}), "
        f"{paper_most.number} by κ ({paper_most.paper:.4g}, its M4 is {paper_most.modulus:.4g});",
        f"* rank correlation (Spearman) of M4 and κ: {rank:.2f}; of M4 / κ and the norm of g: {order:.2f};",
        *(f"* layer {h + 1} alone, exact modulus / κ_{h + 1}: {_range(rows, h)};" for h in range(len(most.layers))),
    ])  # fmt: skip


def write_csv(path: Path, measurements: list[Measurement]) -> None:
    """Every measurement, one a line, at full precision."""
    layers = range(1, len(measurements[0].row.layers) + 1)
    head = ["row", "target", "slope", "paper", *(f"paper_{h}" for h in layers), *(f"m4_layer_{h}" for h in layers)]
    head += ["m4_float", "m4_lower", "m4_upper", "sign", "t", "distance", "rate", "rate_by_output", "residual", "gap"]
    head += ["tangential", "convexity", "steps", "status"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        for m in measurements:
            r, f = m.row, m.found
            line = [r.number, r.target, r.slope, r.paper, *r.paper_layers, *r.layers, r.modulus, r.lower, r.upper]
            line += [m.sign, m.size, f.distance, m.rate, m.by_output, f.residual, f.gap]
            writer.writerow([*line, f.tangential, f.convexity, f.steps, f.status])


def draw(path: Path, measurements: list[Measurement]) -> None:
    """SVG: dist/t against t between M4 and the paper's κ, and its departure from M4."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "certify", "font.size": 9})
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
    rows = list(dict.fromkeys(m.row for m in measurements))
    moduli, papers = [row.modulus for row in rows], [row.paper for row in rows]
    ends = (SIZES[-1] / 2, SIZES[0] * 2)
    left.hlines(moduli, *ends, color=BLUE, lw=0.8, label="M4 (one line a row)")
    left.hlines(papers, *ends, color=ORANGE, lw=0.8, ls="--", label="κ of Theorem 2 (one line a row)")
    forward = [m for m in measurements if m.sign == 1]
    measured = dict(ls="none", ms=4, mfc="none")
    left.plot([m.size for m in forward], [m.rate for m in forward], "o", color=BLACK, label="measured", **measured)
    for sign, marker, colour, label in ((1, "^", BLUE, "row moved along +g"), (-1, "v", GREY, "row moved along −g")):
        part = [m for m in measurements if m.sign == sign]
        off = [abs(m.rate / m.row.modulus - 1) for m in part]
        right.plot([m.size for m in part], off, marker, color=colour, label=label, **measured)
    right.plot(SIZES, SIZES, color=GREY, lw=0.8, ls=":", label="t")
    left.set(xscale="log", yscale="log", xlabel="t", ylabel="distance to the nearest solution / t")
    left.set_title("ten rows: measured, M4 and Theorem 2")
    right.set(xscale="log", yscale="log", xlabel="t", ylabel="| dist / (t · M4) − 1 |")
    right.set_title("relative departure from M4")
    left.legend(loc="center", frameon=False)
    right.legend(loc="upper left", frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def insert(path: Path, table: str) -> None:
    """Put `table` between the two marks of the page at `path`."""
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def page(rows: list[Row], ratio: list[Measurement], difference: list[Measurement]) -> str:
    """All tables, as one Markdown page."""
    proved = ratio[0].row.lower is not None
    source = "proved, from `certificate.json`, rounded outward" if proved else "float64, *estimated* (no certificate)"
    return f"""# Rows of the breast cancer net: Theorem 2, M4, and measured distances

Written by `study.py`. M4: {source}.
Everything else is measured in float64 (*estimated*). `dist/t` is |w − w̄|/t at the nearest w found with all 569 outputs
as before, after the row moved by t along +g_i: an upper bound of dist(w̄, S(u))/t up to the residual, and a strict local
minimum as far as float64 can tell. "κ_h paper, layers": the smallest and the largest of Theorem 2's κ_h over the three
layers (weights and bias of one layer).

## The ten rows with the largest ratio M4 / κ

{main_table(ratio)}

## The ten rows with the largest difference M4 − κ

{main_table(difference)}

## All rows

{overview(rows)}

## Why: the weight gradients of the same ten rows

{why_table(ratio)}

"rows alike": other rows whose ∂_w f has a cosine above {ALIKE} with this row's. "angle to the others": between ∂_w f_i
and the span of the other rows' (radians); its sine is κ / M4.

## Layer by layer (the other layers frozen), the same ten rows

{layer_table(ratio)}

"least squares": the layer has fewer parameters than there are rows. J cannot have full row rank, there is no M4, and
the weights that keep all outputs become an empty set. The paper's own set, the critical points of the loss in that
layer, is then one point, the least-squares solution; the column has its modulus ‖H⁻¹C‖ (M5(c)).

## Finite size: (dist/t)/M4 − 1 in parts per million, along +g_i and −g_i

{finite_size_table(ratio)}

"by f in x alone": what the same comparison gives if only the curvature of f in the features is kept, i.e. the exact
change of the row's output with the first-order answer in the weights.

## How good the measurements are

{evidence([*ratio, *difference])}
"""
