"""Figures 2 and 3 of the paper with the right modulus beside the printed one, and curves of expansion and contraction.

    python reports/studies/paper/figures.py
"""

from __future__ import annotations

import sys
from fractions import Fraction as F
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]

import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from show import MU, NEW, exact, members, paper_loss, toy  # noqa: E402

from certify.sets import Ball, Curve, Polyhedron, movement  # noqa: E402
from certify.symbolic import interpolation  # noqa: E402

STEP = float(sum(m**2 for m in MU)) ** 0.5


def hyperbola(ax, c: float, **style) -> None:
    w = np.linspace(0.2, 4, 800)
    ax.plot(w, c / w, **style)


def band(ax, radius: float, colour: str, label: str, **style) -> None:
    """Both edges of `{w₁w₂ = 2} + radius·B`, drawn along the normals."""
    w = np.linspace(0.3, 4, 800)
    normal = np.stack([2 / w, w])
    normal /= np.linalg.norm(normal, axis=0)
    for k, side in enumerate((-1, 1)):
        edge = np.stack([w, 2 / w]) + side * radius * normal
        ax.plot(*edge, color=colour, label=label if k == 0 else None, **style)


def figure_2() -> None:
    printed, right = 0.2 * STEP, float(toy().modulus()) * STEP
    distance = Curve({(1, 1): 1, (0, 0): "-5/2"}).distance([1, 2]).upper
    fig, axes = plt.subplots(1, 2, figsize=(10, 4.8))
    for ax, (centre, half) in zip(axes, (((1.3, 1.9), 1.1), ((1.06, 2.06), 0.3)), strict=True):
        hyperbola(ax, 2.0, color="#1f4e79", lw=2, label="S(x̄): w₁w₂ = 2")
        hyperbola(ax, 2.5, color="#b5521b", lw=2, label="S(x^p): w₁w₂ = 5/2")
        band(ax, printed, "#999999", f"expansion, printed κ = 0.2: {printed:.4f}", ls=":", lw=1.5)
        band(ax, right, "#1f4e79", f"expansion, modulus 2/5: {right:.4f}", ls="--", lw=1.2)
        ax.add_patch(plt.Circle((1, 2), distance, fill=False, color="#b5521b", lw=0.8))
        ax.plot(1, 2, "ko", ms=5)
        ax.annotate("w̄", (1, 2), (-14, -4), textcoords="offset points")
        ax.set(xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half), aspect="equal",
               xlabel="w₁", ylabel="w₂")  # fmt: skip
    axes[0].legend(loc="lower left", fontsize=7.5, framealpha=0.95)
    axes[1].set_title(f"circle: dist(w̄, S(x^p)) = {distance:.6f}", fontsize=10)
    axes[0].set_title("Solutions before and after the data moved", fontsize=10)
    fig.tight_layout()
    fig.savefig(HERE / "figure2.svg", metadata={"Date": None})


def figure_3() -> None:
    fig, ax = plt.subplots(figsize=(6.4, 5.2))
    w = np.stack(np.meshgrid(np.linspace(0.7, 1.6, 70), np.linspace(1.6, 2.5, 70)))
    loss = sum((w[0] * w[1] * float(x) - y) ** 2 for x, y in zip(NEW, (2, 4), strict=True)) / 2
    levels = ax.contourf(*w, np.log10(loss + 1e-4), 12, cmap="Blues_r")
    fig.colorbar(levels, label="log₁₀ of the loss ½Σr² at x^p")
    hyperbola(ax, 2.5, color="#b5521b", lw=2, label="S(x^p)")
    hyperbola(ax, 2.0, color="#111111", lw=1.2, ls="--", label="S(x̄)")
    v = [float(exact(x)) for x in toy().member(MU)]
    s = np.array([-1.0, 1.0])
    ax.plot(1 + v[0] - s / 2, 2 + v[1] + s, color="#2e7d32", lw=1, label="w̄ + DS(Δx): the estimated set")
    ax.add_patch(plt.Circle((1, 2), 0.2, fill=False, color="#555555", lw=1))
    found = members()
    ax.plot([float(a) for a, _ in found], [float(b) for _, b in found], "o", color="#2e7d32", ms=5)
    ax.plot(float(found[2][0]), float(found[2][1]), "o", color="#ff9800", ms=8, label="shortest member, loss 0.0122")
    ax.plot(1, 2, "ko", ms=5)
    ax.annotate("w̄, loss 0.4", (1, 2), (-62, -12), textcoords="offset points")
    ax.set(xlim=(0.7, 1.6), ylim=(1.6, 2.5), aspect="equal", xlabel="w₁", ylabel="w₂",
           title="Five estimated solutions within 0.2 of w̄: losses " + ", ".join(f"{float(paper_loss(m)):.4f}" for m in found))
    ax.title.set_fontsize(8.5)
    ax.legend(loc="lower left", fontsize=8)
    fig.tight_layout()
    fig.savefig(HERE / "figure3.svg", metadata={"Date": None})


def figure_movement() -> None:
    """Expansion and contraction on a window as curves over |u|: f = w·x with one row that turns, and the toy."""
    fig, axes = plt.subplots(1, 2, figsize=(10, 4.2))
    # f = w·x at w̄ = (1, 1), row (1, 0) moved to (1, u): S(u) = {w : w₁ + u w₂ = 1}, modulus |w̄₂|/|x| = 1
    turned = movement(lambda u: Polyhedron.affine([[1, u]], [1]), [F(k, 8) for k in range(9)], Ball([1, 1], 1))
    turned.draw(axes[0], modulus=float(interpolation([[[1, 1]]], [[1, 0]]).modulus()) / 2**0.5)
    axes[0].set_title("f = w·x, the row (1, 0) moved to (1, u), window of radius 1", fontsize=9)
    # the toy along the paper's change: x = (1, 2)(1 − s), S = {w₁w₂ = 2/(1 − s)}, |u| = s√5
    root_5 = F(161, 72)  # within 1e-4 of √5: only the numbers on the axis of |u| depend on it
    toys = movement(lambda u: Curve({(1, 1): 1, (0, 0): -2 / (1 - u / root_5)}),
                    [root_5 * F(k, 15) for k in range(4)], Ball([1, 2], F(1, 4)))  # fmt: skip
    toys.draw(axes[1], modulus=0.4)
    axes[1].set_title("the toy, data scaled by 1 − |u|/√5, window of radius 1/4", fontsize=9)
    fig.tight_layout()
    fig.savefig(HERE / "figure-movement.svg", metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "certify"
    figure_2()
    figure_3()
    figure_movement()
