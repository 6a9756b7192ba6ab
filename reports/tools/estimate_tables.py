"""Tables and pictures of a study of estimates, from its `estimates.json`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

MARKS = ("<!-- table: written by reports/tools/estimates.py -->", "<!-- end of table -->")
GIVEN = ("<!-- table, base given: written by reports/tools/estimates.py -->", MARKS[1])
PRODUCT = 2.65
"""What a plain Gauss–Newton product of ResNet-56 costs, in gradients."""

STEPS = {
    "moved response": "these rows alone, response (the paper's)",
    "moved": "these rows alone",
    "all first order": "the others held",
    "all": "the others held",
}

Record = dict[str, Any]


def write(folder: Path) -> None:
    """Put the tables into the README between the marks, and draw what there is to draw."""
    readme = folder / "README.md"
    for name, marks in (("estimates.json", MARKS), ("given.json", GIVEN)):
        if not (folder / name).exists():
            continue
        record: Record = json.loads((folder / name).read_text())
        body = "\n\n".join(part for part in (cases(record), draws(record), landscape_words(record)) if part)
        readme.write_text(between(readme.read_text(encoding="utf-8"), marks, body), encoding="utf-8")
        if marks is MARKS:
            costs(record, folder / "cost.svg")
            if "landscape" in record:
                landscape(record["landscape"], folder / "landscape.svg")


def between(text: str, marks: tuple[str, str], body: str) -> str:
    """The text with `body` between its marks."""
    before, rest = text.split(marks[0], 1)
    return f"{before}{marks[0]}\n{body}\n{marks[1]}{rest.split(marks[1], 1)[1]}"


def cases(record: Record) -> str:
    """One line a step."""
    lines = ["| rows moved | step | loss on them: original | after the move | at the estimate | all rows, after the move | "
             "at the estimate | outputs of the other rows changed by | of the response's for these rows alone | distance | "
             "residual | cost: processor | wall |", "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    many = {count for count in (1, 10) if len(held(record, count)) > MANY}
    for key, case in record.items():
        if not key.startswith(("first", "held", "corrected")) or (key.startswith("held") and case["rows"] in many):
            continue
        base = case.get("moved response", case["moved"])["unmoved_output_change"]
        for kind, words in STEPS.items():
            if kind not in case or (key.startswith("corrected") and kind != "all"):
                continue
            s = case[kind]
            share = f"{s['unmoved_output_change'] / base:.2%}" if kind.startswith("all") else ""
            corrected = ", one corrector" if kind == "all" and "all first order" in case else ""
            lines.append(
                f"| {key} | {words}{corrected} | {s['loss_original']:.3g} | "
                f"{s['loss_before']:.4f} | **{s['loss_after']:.3g}** | {s['loss_all_before']:.3g} | "
                f"{s['loss_all_after']:.3g} | {s['unmoved_output_change']:.3g} | {share} | {s['distance']:.3g} | "
                f"{spent(case, kind)} |")
    return "\n".join(lines)


def spent(case: Record, kind: str) -> str:
    """Residual and costs of a step, as cells."""
    s = case[kind]
    if "residual" not in s:
        return "| | "
    made = " (kernel included)" if kind == "all" and case["kernel_made"] else ""
    processor = f"{s['processor_cost']:.2f}{made}" if "processor_cost" in s else ""
    return f"{s['residual']:.1e} | {processor} | {s['cost']:.2f}{made}"


def draws(record: Record) -> str:
    """Medians over the draws."""
    lines = []
    for count in (1, 10):
        some = [record[f"draw {i} of {count}"] for i in range(100) if f"draw {i} of {count}" in record]
        for kind in ("moved response", "moved"):
            if found := [case[kind] for case in some if kind in case]:
                lines.append(spread(found, count, STEPS[kind], record))
        if len(cases := held(record, count)) > MANY:
            lines.append(held_spread(cases, count))
    return "\n\n".join(lines)


MANY = 3
"""From more draws with the others held on, a sentence on all of them instead of lines for each."""


def held(record: Record, count: int) -> list[Record]:
    """The draws of so many rows with the other rows held."""
    return [record[key] for i in range(100) if "all" in record.get(key := f"held draw {i} of {count}", {})]


def held_spread(found: list[Record], count: int) -> str:
    """One sentence on them: losses beside those of the response alone, what the others do, cost."""
    pairs = [(case["all"], case.get("moved response", case["moved"])) for case in found]
    after, alone = ([pair[i]["loss_after"] for pair in pairs] for i in (0, 1))
    shares = sorted(s["unmoved_output_change"] / r["unmoved_output_change"] for s, r in pairs)
    cost = sorted(case["all"].get("processor_cost", case["all"]["cost"]) for case in found if not case["kernel_made"])
    return (
        f"{len(found)} of these draws of {count} row{'s' if count > 1 else ''}, the others held: loss at the estimate, "
        f"median {statistics.median(after):.3g} (from {min(after):.2g} to {max(after):.2g}), no worse than by the response "
        f"for these rows alone in {sum(a <= b for a, b in zip(after, alone, strict=True))} (median "
        f"{statistics.median(alone):.3g}); outputs of the others changed by {shares[0]:.1%} to {shares[-1]:.1%} of what "
        f"that changes them, median {statistics.median(shares):.1%}; cost {cost[0]:.1f} to {cost[-1]:.1f} gradients, median "
        f"{statistics.median(cost):.1f}, the kernel made before.")


def spread(found: list[Record], count: int, words: str, record: Record) -> str:
    """One sentence on the draws."""
    after = sorted(s["loss_after"] for s in found)
    ratio = sorted(s["loss_after"] / s["loss_original"] for s in found)
    far = [s for s in found if s["validity"][0][1] is None or abs(s["validity"][0][1] - 1) > 0.25]
    wrong = [s for s in found if s["loss_after"] > s["loss_before"]]
    cost = [s["cost"] if "cost" in s else s["processor_seconds"] / record["gradient"]["processor_seconds"] for s in found]
    return (
        f"{len(found)} draws of {count} row{'s' if count > 1 else ''}, {words}: loss at the estimate, median "
        f"{statistics.median(after):.3g} (from {after[0]:.2g} to {after[-1]:.2g}); over the original loss, median "
        f"{statistics.median(ratio):.3g} (from {ratio[0]:.2g} to {ratio[-1]:.2g}); cost, median "
        f"{statistics.median(cost):.2f} gradients. The loss rose in {len(wrong)}; `validity` at t = 1 is off by more than "
        f"0.25 in {len(far)} of the draws, {sum(s in far for s in wrong)} of those that rose among them.")


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
            s, alone = case["all"], case["moved"]
            (line,) = axes.semilogy(s["history_cost"], s["history"], marker=".", label=f"{case['rows']} rows")
            axes.plot(alone["cost"], max(alone["residual"], 1e-7), "o", fillstyle="none", color=line.get_color())
    axes.axvspan(0, PRODUCT, color="0.85", zorder=0, label=f"one plain Gauss–Newton product, {PRODUCT}")
    axes.set(xlabel="cost in wall time, in gradients of all rows (first curve: kernel included)",
             ylabel="relative residual")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(title="lines: the others held\ncircles: these rows alone, their own system", frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def landscape(found: Record, path: Path) -> None:
    """The loss on the moved rows in the plane of the step and one kernel direction: contours, and as a surface."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    plt.rcParams["svg.hashsalt"] = "certify"
    figure = plt.figure(figsize=(11, 5), layout="constrained")
    axes = figure.add_subplot(1, 2, 1)
    surface = figure.add_subplot(1, 2, 2, projection="3d")
    ticks, grid = np.array(found["ticks"]), np.log10(np.array(found["grid"]))
    drawn = axes.contourf(ticks, ticks, grid, 15, cmap="viridis")
    figure.colorbar(drawn, label="log₁₀ of the mean loss of moved rows (every fifth)", location="left")
    axes.plot(0, 0, "wx", label="given weights")
    axes.plot(1, 0, "wo", label="minimum-norm member")
    axes.plot(1, 1, "w^", label="member 1")
    for i, (along, aside, *_) in enumerate(found["members"][1:], 2):
        axes.plot(along, aside, "ws", fillstyle="none", label=f"member {i}, projected")
    names = "along the minimum-norm step", "along the kernel direction of member 1"
    axes.set(xlabel=names[0], ylabel=names[1], xlim=(ticks[0], ticks[-1]), ylim=(ticks[0], ticks[-1]))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, facecolor="0.3", labelcolor="w", fontsize=8)
    surface.plot_surface(*np.meshgrid(ticks, ticks), grid, cmap="viridis", alpha=0.8)
    for marker, (x, y) in (("x", (0.0, 0.0)), ("o", (1.0, 0.0)), ("^", (1.0, 1.0))):
        z = grid[np.abs(ticks - y).argmin(), np.abs(ticks - x).argmin()]
        surface.plot([x], [y], [z], marker, color="k", zorder=10)
    surface.set(xlabel="step", ylabel="kernel direction", zlabel="log₁₀ loss", xticks=(0, 1), yticks=(0, 1))
    surface.view_init(elev=35, azim=-60)
    surface.set_box_aspect(None, zoom=0.8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
