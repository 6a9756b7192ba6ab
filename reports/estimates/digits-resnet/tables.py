"""What `table.csv` says: correlations, `scatter.svg` and the tables inside `README.md`. Usage: `python tables.py`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from perturbations import CORRELATION, DATA_BAND, VALIDITY_BAND
from resnet import HERE

Rows = list[dict[str, Any]]
OTHERS = {name: words for name, words in (("default", "default options"), ("newton", "one Newton step"))
          if (HERE / f"{name}.csv").exists()}
BEGIN, END = "<!-- {}: written by tables.py -->", "<!-- end of {} -->"


def read(path: Path = HERE / "table.csv") -> Rows:
    """The table, numbers as numbers."""
    words = ("parameter", "direction", "converged")
    with path.open(encoding="utf-8") as stream:
        rows: Rows = [{k: v if k in words else float(v) for k, v in row.items()} for row in csv.DictReader(stream)]
    for name in OTHERS:
        with path.with_name(f"{name}.csv").open(encoding="utf-8") as stream:
            for row, other in zip(rows, csv.DictReader(stream), strict=True):
                row |= {name: float(other["predicted"]), f"{name}_out": float(other["predicted_out"])}
    return rows


def inside(row: dict[str, Any]) -> bool:
    """The main band."""
    return bool(VALIDITY_BAND[0] <= row["validity"] <= VALIDITY_BAND[1])


def narrow(row: dict[str, Any]) -> bool:
    """The main band, and linear in the data too."""
    return inside(row) and bool(row["data_error"] <= DATA_BAND)


def settled(row: dict[str, Any]) -> bool:
    """Whether the retraining reached its tolerance."""
    return bool(row["converged"] == "True")


def pearson(rows: Rows, x: str, y: str) -> float:
    """Pearson correlation of two columns; NaN for fewer than three rows."""
    if len(rows) < 3:
        return float("nan")
    return float(np.corrcoef([r[x] for r in rows], [r[y] for r in rows])[0, 1])


def spearman(rows: Rows, x: str, y: str) -> float:
    """Rank correlation of two columns; NaN for fewer than three rows."""
    from scipy.stats import spearmanr

    if len(rows) < 3:
        return float("nan")

    return float(spearmanr([r[x] for r in rows], [r[y] for r in rows]).statistic)


def groups(rows: Rows) -> list[tuple[str, Rows]]:
    """What correlations are given for."""
    moved = [r for r in rows if r["parameter"] == "features"]
    weighted = [r for r in rows if r["parameter"] != "features"]
    return [
        ("**in the main band**", [r for r in rows if inside(r)]),
        ("in the main band and retrained to the tolerance", [r for r in rows if inside(r) and settled(r)]),
        ("in the narrow band", [r for r in rows if narrow(r)]),
        ("all", rows), ("features, in the main band", [r for r in moved if inside(r)]), ("features, all", moved),
        ("sample weights, in the main band", [r for r in weighted if inside(r)]), ("sample weights, all", weighted),
    ]


def correlations(rows: Rows) -> str:
    """Correlations of each prediction with the retrained change, and the ratio of the two."""
    lines = ["| which | number | Pearson | Spearman | median of predicted / retrained (10 %, 90 %) | first order | "
             + "".join(f"{name} | " for name in OTHERS.values()) + "held-out: Pearson | Spearman |",
             "|---|" + "---:|" * (7 + len(OTHERS))]
    for name, part in groups(rows):
        if not part:
            lines.append(f"| {name} | 0 |" + " |" * (7 + len(OTHERS)))
            continue
        q = np.quantile([r["predicted"] / r["retrained"] for r in part], (0.1, 0.5, 0.9))
        values = [pearson(part, x, "retrained") for x in ("first_order", *OTHERS)]
        lines.append(
            f"| {name} | {len(part)} | {pearson(part, 'predicted', 'retrained'):.4f} | "
            f"{spearman(part, 'predicted', 'retrained'):.4f} | {q[1]:.3f} ({q[0]:.3f}, {q[2]:.3f}) | "
            + " | ".join(f"{v:.4f}" for v in values)
            + f" | {pearson(part, 'predicted_out', 'retrained_out'):.4f} | "
            f"{spearman(part, 'predicted_out', 'retrained_out'):.4f} |")
    return "\n".join(lines)


def everything(rows: Rows) -> str:
    """All changes."""
    lines = ["| # | what | size | loss before | predicted | retrained | held-out, predicted | retrained | "
             "validity | data error | step | distance | error of the step | gradient reached | band |",
             "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"]
    for r in rows:
        what = f"{int(r['changed'])} {r['direction']}" if r["parameter"] == "features" else (
            f"{r['direction'] or int(r['changed'])} {'deleted' if r['size'] < 0 else 'doubled'}")
        band = "narrow" if narrow(r) else "main" if inside(r) else "outside"
        lines.append(f"| {int(r['number'])} | {what} | {r['size']:g} | {r['loss_before']:.3e} | "
                     f"{r['predicted']:+.3e} | "
                     f"{r['retrained']:+.3e} | {r['predicted_out']:+.2e} | {r['retrained_out']:+.2e} | "
                     f"{r['validity']:.3f} | {r['data_error']:.2f} | {r['step']:.4f} | {r['distance']:.4f} | "
                     f"{r['step_error']:.2f} | {r['gradient']:.1e}{'' if settled(r) else ' (not reached)'} | {band} |")
    return "\n".join(lines)


def draw(rows: Rows, path: Path = HERE / "scatter.svg") -> None:
    """Predicted against retrained, on symmetric logarithmic axes: changes have both signs and many sizes."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "digits-resnet"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10.5, 5.0))
    for axis, end, title in ((axes[0], "", "changed rows"), (axes[1], "_out", "797 held-out rows")):
        x, y = np.array([r[f"predicted{end}"] for r in rows]), np.array([r[f"retrained{end}"] for r in rows])
        linear = 10.0 ** np.floor(np.log10(np.abs(np.r_[x, y]).min()))
        for kind, marker in (("features", "o"), ("sample_weights", "s")):
            for name, chosen, colour in (("narrow band", narrow, "#1b7837"),
                                         ("main band only", lambda r: inside(r) and not narrow(r), "#2166ac"),
                                         ("outside", lambda r: not inside(r), "#b2182b")):
                for done in (True, False):
                    part = [i for i, r in enumerate(rows)
                            if r["parameter"] == kind and chosen(r) and settled(r) == done]
                    if part:
                        axis.plot(x[part], y[part], marker, color=colour, markersize=6, alpha=0.8, linestyle="none",
                                  fillstyle="full" if done else "none",
                                  label=f"{kind.replace('_', ' ')}, {name}{'' if done else ', not converged'}")
        low, high = min(x.min(), y.min()) * 2, max(x.max(), y.max()) * 2
        span = np.r_[-np.geomspace(abs(low), linear, 100), np.geomspace(linear, high, 100)]
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


def limits(path: Path = HERE / "limit.csv") -> str:
    """The control: predicted over retrained change, and the error of the step, as the change shrinks."""
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    sizes = list(dict.fromkeys(r["t"] for r in rows))
    lines = ["| # | " + " | ".join(f"t = {t}: predicted / retrained | error of the step" for t in sizes) + " |",
             "|---:|" + "---:|" * (2 * len(sizes))]
    for number in dict.fromkeys(r["number"] for r in rows):
        cells = [f"{float(r['predicted']) / float(r['retrained']):.4f} | {float(r['step_error']):.4f}"
                 for r in rows if r["number"] == number]
        lines.append(f"| {number} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def insert(page: Path, name: str, table: str) -> None:
    """Replace a table between its marks."""
    text = page.read_text(encoding="utf-8")
    begin, end = BEGIN.format(name), END.format(name)
    head, rest = text.split(begin)
    page.write_text(f"{head}{begin}\n{table}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main() -> int:
    """Write all; 1 if the target is missed."""
    rows = read()
    draw(rows)
    insert(HERE / "README.md", "correlations", correlations(rows))
    insert(HERE / "README.md", "changes", everything(rows))
    insert(HERE / "README.md", "limits", limits())
    inner = [r for r in rows if inside(r)]
    reached = pearson(inner, "predicted", "retrained")
    print(f"{len(rows)} done, {sum(map(settled, rows))} retrained to the tolerance")
    print(f"{len(inner)} in the band, {len(rows) - len(inner)} outside; Pearson {reached:.4f}, target {CORRELATION}")
    return 0 if reached >= CORRELATION else 1


if __name__ == "__main__":
    sys.exit(main())
