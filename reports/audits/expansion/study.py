"""Expansion and contraction for multiples of the change, proved: `table.csv` and `expansion.svg`.

Usage: `python study.py` writes both beside this script. About 15 s of processor time.
"""

import csv
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from certify import load_problem
from certify.theorems.excess.curve import window_movement

HERE = Path(__file__).resolve().parent
FACTORS = (1 / 64, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 7 / 8, 1.0, 5 / 4, 3 / 2, 2.0, 3.0, 4.0)
RADII = (0.1, 1.0)


def main() -> None:
    """Both windows at every multiple."""
    problem = load_problem(HERE / "breast-cancer" / "certify.toml")
    plt.rcParams["svg.hashsalt"] = "expansion"
    figure, axes = plt.subplots(1, len(RADII), figsize=(9.5, 3.8), constrained_layout=True)
    with (HERE / "table.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["radius", "u", "expansion_lower", "expansion_upper", "contraction_lower", "contraction_upper"])
        for radius, ax in zip(RADII, axes, strict=True):
            found = window_movement(problem, radius, FACTORS)
            for p in found.points:
                table.writerow([radius, float(p.u), *(f"{v:.9g}" for e in (p.expansion, p.contraction)
                                                     for v in (e.lower, e.upper))])
            found.draw(ax)
            ax.set(title=f"within {radius:g} of the weights")
    figure.savefig(HERE / "expansion.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
