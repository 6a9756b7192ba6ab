"""Tables and pictures of a study of estimates, from its `estimates.json`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

MARKS = ("<!-- table: written by reports/estimates.py -->", "<!-- end of table -->")

Record = dict[str, Any]


def write(folder: Path) -> None:
    """Put the tables into the README between the marks, and draw what there is to draw."""
    record: Record = json.loads((folder / "estimates.json").read_text())
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else f"# {folder.name}\n\n{MARKS[0]}\n{MARKS[1]}\n"
    before, rest = text.split(MARKS[0], 1)
    after = rest.split(MARKS[1], 1)[1]
    body = "\n\n".join(part for part in (cases(record), draws(record), landscape_words(record)) if part)
    readme.write_text(f"{before}{MARKS[0]}\n{body}\n{MARKS[1]}{after}", encoding="utf-8")
    costs(record, folder / "cost.svg")
    if "landscape" in record:
        landscape(record["landscape"], folder / "landscape.svg")


def cases(record: Record) -> str:
    """One line a step."""
    lines = ["| rows moved | step | loss on them: original | after the move | at the estimate | all rows, after the move | "
             "at the estimate | outputs of the other rows changed by | of the restricted step's | distance | residual | "
             "cost |", "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for key, case in record.items():
        if not (key.startswith("first") or key.startswith("held")):
            continue
        for kind in ("moved", "all"):
            if kind not in case:
                continue
            s, base = case[kind], case["moved"]
            share = "" if kind == "moved" else f"{s['unmoved_output_change'] / base['unmoved_output_change']:.1%}"
            made = " (kernel included)" if kind == "all" and case["kernel_made"] else ""
            lines.append(
                f"| {key} | {'these rows alone' if kind == 'moved' else 'the others held'} | {s['loss_original']:.3g} | "
                f"{s['loss_before']:.4f} | **{s['loss_after']:.3g}** | {s['loss_all_before']:.3g} | "
                f"{s['loss_all_after']:.3g} | {s['unmoved_output_change']:.3g} | {share} | {s['distance']:.3g} | "
                f"{s['residual']:.1e} | {s['cost']:.2f}{made} |")
    return "\n".join(lines)


def draws(record: Record) -> str:
    """Medians over the draws."""
    lines = []
    for count in (1, 10):
        found = [record[f"draw {i} of {count}"]["moved"] for i in range(100) if f"draw {i} of {count}" in record]
        if found:
            after = sorted(s["loss_after"] for s in found)
            ratio = sorted(s["loss_after"] / s["loss_original"] for s in found)
            lines.append(
                f"{len(found)} draws of {count} row{'s' if count > 1 else ''}, these rows alone: loss at the estimate, median "
                f"{statistics.median(after):.3g} (from {after[0]:.2g} to {after[-1]:.2g}); over the original loss, median "
                f"{statistics.median(ratio):.3g} (from {ratio[0]:.2g} to {ratio[-1]:.2g}); cost, median "
                f"{statistics.median(s['cost'] for s in found):.2f} gradients.")
    return "\n\n".join(lines)


def landscape_words(record: Record) -> str:
    """The members of the set."""
    if "landscape" not in record:
        return ""
    found = record["landscape"]
    lines = ["| member of the set for 500 rows | loss on the moved rows | outputs of the others changed by | distance |",
             "|---|---:|---:|---:|"]
    s = found["step"]
    lines.append(f"| minimum norm | {s['loss_after']:.3g} | {s['unmoved_output_change']:.3g} | {s['distance']:.3g} |")
    for i, (_, _, loss, change, distance) in enumerate(found["members"], 1):
        lines.append(f"| plus a kernel direction, draw {i} | {loss:.3g} | {change:.3g} | {distance:.3g} |")
    return "\n".join(lines)


def costs(record: Record, path: Path) -> None:
    """Relative residual against cost."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "certify"
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for key, case in record.items():
        if key.startswith("first") and "all" in case and case["all"]["history"]:
            s = case["all"]
            axes.semilogy(s["history_cost"], s["history"], marker=".", label=f"{case['rows']} rows")
    axes.set(xlabel="cost, in gradients of the mean loss of all rows (the first curve includes the kernel)",
             ylabel="relative residual of all equations")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(title="rows moved, the others held", frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def landscape(found: Record, path: Path) -> None:
    """Contours of the loss on the moved rows in the plane of the step and one kernel direction."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    plt.rcParams["svg.hashsalt"] = "certify"
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    ticks, grid = np.array(found["ticks"]), np.log10(np.array(found["grid"]))
    drawn = axes.contourf(ticks, ticks, grid, 15, cmap="viridis")
    figure.colorbar(drawn, label="log₁₀ of the mean loss of moved rows (every fifth)")
    axes.plot(0, 0, "wx", label="given weights")
    axes.plot(1, 0, "wo", label="minimum-norm member")
    axes.plot(1, 1, "w^", label="member 1")
    for i, (along, aside, *_) in enumerate(found["members"][1:], 2):
        axes.plot(along, aside, "ws", fillstyle="none", label=f"member {i}, projected")
    axes.set(xlabel="along the minimum-norm step", ylabel="along the kernel direction of member 1",
             xlim=(ticks[0], ticks[-1]), ylim=(ticks[0], ticks[-1]))
    axes.legend(loc="lower left", facecolor="0.3", labelcolor="w")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
