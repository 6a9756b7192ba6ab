"""What came out: correlations, `scatter.svg` and the tables inside `README.md`. Usage: `python tables.py`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from changes import listed
from registered import BAND, CORRELATION
from resnet import HERE

Rows = list[dict[str, Any]]
BEGIN, END = "<!-- {}: written by tables.py -->", "<!-- end of {} -->"
KINDS = (("features", "o"), ("targets", "^"), ("sample_weights", "s"))
ENDS = (("rows", "changed rows"), ("all", "all rows"), ("out", "held-out rows"))


def read(name: str) -> Rows:
    """A table of `study.py`, numbers as numbers."""
    with (HERE / f"{name}.csv").open(encoding="utf-8") as stream:
        return [{k: v == "True" if v in ("True", "False") else float(v) if v else None for k, v in row.items()}
                for row in csv.DictReader(stream)]


def joined() -> Rows:
    """Each change with its prediction, and its retraining, where it is done, under names with `re_`."""
    again = {row["number"]: row for row in read("retrained")}
    return [{"line": line} | row | {f"re_{k}": v for k, v in again.get(row["number"], {}).items()}
            for line, row in zip(listed(), read("predicted"), strict=True)]


def pearson(rows: Rows, name: str = "rows") -> float:
    """Pearson correlation of the predicted with the retrained change; NaN for fewer than three."""
    if len(rows) < 3:
        return float("nan")
    return float(np.corrcoef([r[name] for r in rows], [r[f"re_{name}"] for r in rows])[0, 1])


def spearman(rows: Rows, name: str = "rows") -> float:
    """Rank correlation of the two."""
    from scipy.stats import spearmanr

    return float(spearmanr([r[name] for r in rows], [r[f"re_{name}"] for r in rows]).statistic) if len(rows) > 2 else (
        float("nan"))


def least(rows: Rows) -> float:
    """The smallest Pearson correlation with any one change left out."""
    return min((pearson([*rows[:i], *rows[i + 1 :]]) for i in range(len(rows))), default=float("nan"))


def groups(rows: Rows) -> list[tuple[str, Rows]]:
    """What correlations are given for."""
    rows = [r for r in rows if "re_rows" in r]
    within = [r for r in rows if r["inside"]]
    found = [("**in the band (the bar)**", within),
             ("in the band, retraining converged", [r for r in within if r["re_converged"]]),
             ("outside the band", [r for r in rows if not r["inside"]]), ("all", rows)]
    for kind, _ in KINDS:
        word = kind.replace("_", " ")
        found.append((f"{word}, in the band", [r for r in within if r["line"].parameter == kind]))
        found.append((f"{word}, all", [r for r in rows if r["line"].parameter == kind]))
    return found


def correlations(rows: Rows) -> str:
    """Correlations and ratios, group by group."""
    lines = ["| which | number | Pearson | least, one left out | Spearman | predicted / retrained: median (smallest, "
             "largest) | all rows: Pearson | Spearman | held-out: Pearson | Spearman |", "|---|" + "---:|" * 9]
    for name, part in groups(rows):
        q = np.quantile([r["rows"] / r["re_rows"] for r in part], (0, 0.5, 1)) if part else [np.nan] * 3
        rest = " | ".join(f"{f(part, end):.4f}" for end in ("all", "out") for f in (pearson, spearman))
        lines.append(f"| {name} | {len(part)} | {pearson(part):.4f} | {least(part):.4f} | {spearman(part):.4f} | "
                     f"{q[1]:.3f} ({q[0]:.3f}, {q[2]:.3f}) | {rest} |")
    return "\n".join(lines).replace("nan", "—")


def everything(rows: Rows) -> str:
    """All thirty."""
    lines = ["| # | what | size | loss before | predicted | retrained | all rows, predicted | retrained | held-out, "
             "predicted | retrained | validity | data error | gradient left | distance, predicted | retrained | "
             "gradient reached | band |", "|---:|---|" + "---:|" * 14 + "---|"]
    for r in rows:
        line, words = r["line"], "row" if r["line"].count == 1 else "rows"
        changes = " | ".join(_change(r.get(f"{re}{end}")) for end, _ in ENDS for re in ("", "re_"))
        again = " | | " if "re_rows" not in r else (
            f"{r['re_distance']:.4f} | {r['re_gradient']:.1e}{'' if r['re_converged'] else ' (not converged)'} | ")
        evidence = " | ".join(_shown(r[name]) for name in ("validity", "data_error", "gradient_left"))
        lines.append(
            f"| {line.number} | {line.parameter.replace('_', ' ')}: {line.count} {words}, {line.kind} | "
            f"{line.size:g} | "
            f"{r['loss_before']:.3e} | {changes} | {evidence} | {r['distance']:.4f} | {again}"
            f"{'in' if r['inside'] else 'outside'} |")
    return "\n".join(lines)


def _change(value: float | None) -> str:
    return "not retrained" if value is None else f"{value:+.3e}"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def draw(rows: Rows, path: Path = HERE / "scatter.svg") -> None:
    """Predicted against retrained, on symmetric logarithmic axes: changes have both signs and many sizes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "digits-resnet-2"
    import matplotlib.pyplot as plt

    rows = [r for r in rows if "re_rows" in r]
    figure, axes = plt.subplots(1, 3, figsize=(14, 5.0))
    for axis, (end, title) in zip(axes, ENDS, strict=True):
        x, y = (np.array([r[f"{re}{end}"] for r in rows]) for re in ("", "re_"))
        linear = 10.0 ** np.floor(np.log10(np.quantile(np.abs(np.r_[x, y]), 0.05)))
        for kind, marker in KINDS:
            for within, colour in ((True, "#1b7837"), (False, "#b2182b")):
                for done in (True, False):
                    part = [i for i, r in enumerate(rows) if r["line"].parameter == kind and r["inside"] == within
                            and r["re_converged"] == done]
                    if part:
                        axis.plot(x[part], y[part], marker, color=colour, markersize=6, alpha=0.8, linestyle="none",
                                  fillstyle="full" if done else "none", label=f"{kind.replace('_', ' ')}, "
                                  f"{'in the band' if within else 'outside'}{'' if done else ', not converged'}")
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        low, high = (2 * v if abs(v) > linear else np.copysign(2 * linear, s) for v, s in ((low, -1), (high, 1)))
        span = np.r_[-np.geomspace(abs(low), linear / 10, 100), np.geomspace(linear / 10, abs(high), 100)]
        axis.plot(span, span, color="0.6", linewidth=0.8, zorder=0)
        for scale, limit in ((axis.set_xscale, axis.set_xlim), (axis.set_yscale, axis.set_ylim)):
            scale("symlog", linthresh=linear)
            limit(low, high)
        axis.tick_params(axis="x", rotation=90)
        axis.tick_params(labelsize=7)
        axis.set_xlabel("predicted change of the mean loss")
        axis.set_ylabel("retrained change of the mean loss")
        axis.set_title(title)
    axes[0].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def insert(page: Path, name: str, table: str) -> None:
    """Replace a table between its marks."""
    text = page.read_text(encoding="utf-8")
    begin, end = BEGIN.format(name), END.format(name)
    head, rest = text.split(begin)
    page.write_text(f"{head}{begin}\n{table}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main() -> int:
    """Write all; 1 if the bar is missed."""
    rows = joined()
    draw(rows)
    insert(HERE / "README.md", "correlations", correlations(rows))
    insert(HERE / "README.md", "changes", everything(rows))
    within = [r for r in rows if r["inside"]]
    reached, done = pearson(within), [r for r in rows if "re_rows" in r]
    print(f"{len(within)} in the band of {BAND}, {len(rows) - len(within)} outside; {len(done)} retrained, "
          f"{sum(not r['re_converged'] for r in done)} of them not converged; "
          f"Pearson {reached:.4f}, bar {CORRELATION}; least with one left out {least(within):.4f}")
    return 0 if reached >= CORRELATION else 1


if __name__ == "__main__":
    sys.exit(main())
