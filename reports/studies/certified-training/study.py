"""What following one training run bounds, beside what `certify` proves of the solution.

Net, data and changes are those of the audit `digits-last-layer`: the last layer of a digits net, cross-entropy, weight
decay, any 1, 5 or 20 of 1500 rows deleted, or the pixels of all rows moved by a radius. The run: full-batch gradient
descent from zero weights, 1000 steps of 1/L. Two ways of following it under every change of the budget at once:

* *intervals*: every weight, input and slope an interval, each step the interval of all steps from the interval before
  (which rows are missing may differ from step to step and from weight to weight): how certified training is done;
* *norms*: the distance r of the changed run from the unchanged one, `r' ≤ (1 − ηλ) r + η e`, e the length of what the
  change does to the gradient at the unchanged weights: the same as strong convexity, step by step.

Writes `table.csv`, `widths.svg` and the table of the page. A baseline, in plain floats: its own rounding is not
bounded, so nothing of it is proved.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
LAST = HERE.parents[1] / "audits" / "digits-last-layer"
sys.path.insert(0, str(LAST))
import recipe  # noqa: E402

STEPS, DELETED, RADII = 1000, (1, 5, 20), (0.002, 0.005, 0.01, 0.1)
SHOWN = (10, 30, 100, 300, 1000)
BEGIN, END = "<!-- table: written by study.py -->", "<!-- end of table -->"
VACUOUS = 100.0
"""Length at which the intervals are no longer followed: 16 times that of the weights."""
Array = np.ndarray


@dataclass(frozen=True)
class Interval:
    """Entries between `lo` and `hi`."""

    lo: Array
    hi: Array

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.lo + other.lo, self.hi + other.hi)

    def scaled(self, t: float) -> Interval:
        """t times, t ≥ 0."""
        return Interval(t * self.lo, t * self.hi)

    def minus(self, other: Interval) -> Interval:
        """All differences."""
        return Interval(self.lo - other.hi, self.hi - other.lo)


def products(a: Interval, b: Interval) -> Interval:
    """All products of entries, by corners."""
    corners = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    return Interval(np.minimum.reduce(corners), np.maximum.reduce(corners))


def outputs(phi: Interval, V: Interval) -> Interval:
    """`φVᵀ`, by midpoints and radii."""
    pm, pr = (phi.lo + phi.hi) / 2, (phi.hi - phi.lo) / 2
    vm, vr = (V.lo + V.hi) / 2, (V.hi - V.lo) / 2
    mid, rad = pm @ vm.T, np.abs(pm) @ vr.T + pr @ (np.abs(vm) + vr).T
    return Interval(mid - rad, mid + rad)


def slopes(f: Interval, y: Array) -> Interval:
    """`softmax f − e_y`: a probability rises with its own output and falls with the others."""
    top = f.hi.max(1, keepdims=True)
    low, high = np.exp(f.lo - top), np.exp(f.hi - top)
    onehot, others = np.eye(f.lo.shape[1])[y], 1 - np.eye(f.lo.shape[1])
    least = low / (low + high @ others + 1e-300)
    most = high / (high + low @ others + 1e-300)
    return Interval(least - onehot, most - onehot)


def mean_of(rows: Interval, n: int, missing: int) -> Interval:
    """`(1/n) Σ` over the rows, of which any `missing` may be left out, entry by entry."""
    lo, hi = rows.lo.sum(0), rows.hi.sum(0)
    if missing:
        lo = lo - np.maximum(np.partition(rows.lo, -missing, axis=0)[-missing:], 0).sum(0)
        hi = hi - np.minimum(np.partition(rows.hi, missing - 1, axis=0)[:missing], 0).sum(0)
    return Interval(lo / n, hi / n)


def interval_run(phi: Interval, y: Array, rate: float, missing: int, seen: Callable[[int, Interval], bool]) -> None:
    """Gradient descent of intervals; `seen` looks at the weights after each step, and says whether to go on."""
    n, m = phi.lo.shape
    V = Interval(np.zeros((10, m)), np.zeros((10, m)))
    for step in range(1, STEPS + 1):
        g = slopes(outputs(phi, V), y)
        each = products(Interval(g.lo[:, :, None], g.hi[:, :, None]), Interval(phi.lo[:, None], phi.hi[:, None]))
        # the decay shrinks a weight by a factor, which intervals keep when it is taken together with the weight
        V = V.scaled(1 - rate * recipe.DECAY).minus(mean_of(each, n, missing).scaled(rate))
        if not seen(step, V):
            return


def labels_kept(V: Interval, P: Array, at: Array) -> int:
    """Evaluation rows to which all of the weights give the label that `at` gives."""
    chosen = (P @ at.T).argmax(1)
    kept = np.ones(len(P), bool)
    for b in range(len(at)):
        apart = Interval(V.lo[chosen] - V.hi[b], V.hi[chosen] - V.lo[b])  # the two rows apart, entry by entry
        least = np.where(P >= 0, P * apart.lo, P * apart.hi).sum(1)
        kept &= (least > 0) | (chosen == b)
    return int(kept.sum())


class Runs:
    """The unchanged run, and both ways of following a change of it."""

    def __init__(self) -> None:
        from safetensors.numpy import load_file

        s = load_file(LAST / "model.safetensors")
        with np.load(LAST / "data.npz") as file:
            X, self.y, X_eval = file["X"].astype(float), file["y"].astype(int), file["X_eval"]
        self.W, self.z = s["0.weight"], X @ s["0.weight"].T + s["0.bias"]
        self.P, self.P_eval = recipe.features(s, X), recipe.features(s, X_eval)
        self.rate = 1 / (recipe.DECAY + np.linalg.norm(self.P, 2) ** 2 / len(X) / 2)  # ‖diag p − ppᵀ‖ ≤ 1/2
        self.nominal = [np.zeros((10, self.P.shape[1]))]
        self.gradients = []
        for _ in range(STEPS):
            V = self.nominal[-1]
            f = self.P @ V.T
            g = slopes(Interval(f, f), self.y).lo
            self.gradients.append(g)
            self.nominal.append(V - self.rate * (g.T @ self.P / len(X) + recipe.DECAY * V))
        self.gap = float(np.linalg.norm(self.nominal[-1] - np.hstack([s["2.weight"], s["2.bias"][:, None]])))

    def inputs(self, radius: float) -> Interval:
        """Inputs of the last layer while every row moves by a Euclidean distance up to the radius."""
        reach = radius * np.linalg.norm(self.W, axis=1)
        one = np.ones((len(self.z), 1))
        return Interval(np.hstack([np.tanh(self.z - reach), one]), np.hstack([np.tanh(self.z + reach), one]))

    def norms(self, radius: float, missing: int) -> list[float]:
        """The bound r after each step."""
        r, out = 0.0, []
        spread = self.inputs(radius)
        moved = np.linalg.norm(np.maximum(spread.hi - self.P, self.P - spread.lo), axis=1)
        size = np.linalg.norm(self.P, axis=1)
        for V, g in zip(self.nominal, self.gradients, strict=False):
            slope = np.linalg.norm(g, axis=1)
            if missing:
                e = np.sort(slope * size)[-missing:].sum() / len(g)
            else:  # |g(φ')φ' − g(φ)φ| ≤ |g||φ' − φ| + ½‖V‖|φ' − φ||φ'|
                e = float((slope * moved + np.linalg.norm(V, 2) / 2 * moved * (size + moved)).mean())
            r = (1 - self.rate * recipe.DECAY) * r + self.rate * e
            out.append(r)
        return out

    def kept_in_ball(self, r: float) -> int:
        """Evaluation rows whose label every weight within r of the unchanged ones keeps."""
        f = self.P_eval @ self.nominal[-1].T
        top = np.sort(f, axis=1)
        return int((top[:, -1] - top[:, -2] > np.sqrt(2) * r * np.linalg.norm(self.P_eval, axis=1)).sum())


def measure(runs: Runs, what: str, amount: float) -> tuple[list[dict[str, object]], list[float]]:
    """Rows of the table for one change, and the lengths of the interval run's boxes."""
    missing, radius = (int(amount), 0.0) if what == "deleted" else (0, amount)
    lengths: list[float] = []
    rows: list[dict[str, object]] = []
    norms = runs.norms(radius, missing)

    def seen(step: int, V: Interval) -> bool:
        away = np.maximum(V.hi - runs.nominal[step], runs.nominal[step] - V.lo)
        lengths.append(float(np.linalg.norm(away)))
        if step in SHOWN and lengths[-1] < VACUOUS:
            rows.append({"change": what, "amount": amount, "way": "intervals", "step": step, "length": lengths[-1],
                         "labels": labels_kept(V, runs.P_eval, runs.nominal[-1])})
        return lengths[-1] < VACUOUS

    interval_run(runs.inputs(radius), runs.y, runs.rate, missing, seen)
    rows.append({"change": what, "amount": amount, "way": "intervals", "step": len(lengths), "length": lengths[-1],
                 "labels": 0})
    for step in SHOWN:
        rows.append({"change": what, "amount": amount, "way": "norms", "step": step, "length": float(norms[step - 1]),
                     "labels": runs.kept_in_ball(norms[step - 1])})
    return rows, lengths


def draw(found: dict[tuple[str, float], tuple[list[float], list[float]]]) -> None:
    """How far the changed run may be from the unchanged one, step by step."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "certify"
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    titles = "rows deleted", "pixels of all rows moved"
    for axis, what, title in zip(axes, ("deleted", "pixels"), titles, strict=True):
        for i, ((kind, amount), (intervals, norms)) in enumerate(found.items()):
            if kind == what:
                label = f"{int(amount)}" if what == "deleted" else f"{amount:g}"
                axis.loglog(range(1, len(intervals) + 1), intervals, color=f"C{i}", label=f"{label}, intervals")
                axis.loglog(range(1, len(norms) + 1), norms, "--", color=f"C{i}", label=f"{label}, norms")
        axis.axhline(6.06, color="0.5", linewidth=0.8)
        axis.text(1, 6.5, "length of the weights", ha="left", fontsize=8, color="0.4")
        axis.set(title=title, xlabel="steps of gradient descent", ylim=(1e-3, 1e3))
        axis.legend(fontsize=7, frameon=False)
    axes[0].set_ylabel("distance from the unchanged run, at most")
    figure.savefig(HERE / "widths.svg", metadata={"Date": None})
    plt.close(figure)


def table(rows: list[dict[str, object]]) -> str:
    """The runs beside what `certify` proves of the same changes, and what attacks found."""
    with (LAST / "table.csv").open(encoding="utf-8") as stream:
        proved = {(r["change"], float(r["radius"]), int(r["rows"])): r for r in csv.DictReader(stream)}
    lines = ["| change | intervals: distance after 10 steps, labels | distance passes 100 at step | norms: distance "
             f"after {STEPS} steps | labels | `certify`: distance proved | labels | found by attack |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for what, amount in dict.fromkeys((str(r["change"]), float(str(r["amount"]))) for r in rows):
        own = [r for r in rows if (r["change"], float(str(r["amount"]))) == (what, amount)]
        intervals, norms = ([r for r in own if r["way"] == way] for way in ("intervals", "norms"))
        deleted = what == "deleted"
        ours = proved["sample_weights", 1.0, int(amount)] if deleted else proved["features", amount, 1500]
        name = f"any {amount:.0f} rows deleted" if deleted else f"pixels moved by {amount:g}"
        first, last = intervals[0], norms[-1]
        cells = (name, f"{first['length']:.3g}, {first['labels']}", intervals[-1]["step"], f"{last['length']:.3g}",
                 last["labels"], ours["proved"] or "nothing", ours["stable of 297"], ours["found"] or "—")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def insert(text: str) -> None:
    """Put the table into the page."""
    page = HERE / "README.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def main() -> None:
    """All changes."""
    runs = Runs()
    print(f"step {runs.rate:.3g}; after {STEPS} steps {runs.gap:.2g} from the solution")
    rows, drawn = [], {}
    for what, amounts in (("deleted", DELETED), ("pixels", RADII)):
        for amount in amounts:
            found, lengths = measure(runs, what, amount)
            rows += found
            radius, missing = (0.0, int(amount)) if what == "deleted" else (amount, 0)
            drawn[what, amount] = lengths, runs.norms(radius, missing)
            for row in found:
                print(row, flush=True)
    with (HERE / "table.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw(drawn)
    insert(table(rows))


if __name__ == "__main__":
    main()
