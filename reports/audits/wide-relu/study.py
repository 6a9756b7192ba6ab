"""How far compensation reaches, and what each idea bought: writes the table of README.md.

    python reports/audits/wide-relu/study.py

`distance` (upper end, Q4) at a ladder of total radii; the largest radius at which it stays below ‖W₂‖_F, by bisection;
the same with the norms of whole layers, and without the fixed right inverse; the limit no claim can pass (two rows
with different outputs moved onto one another).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import numpy as np  # noqa: E402

from certify import load_problem  # noqa: E402
from certify.theorems.distance import compensation as q4  # noqa: E402

MARKS = ("<!-- radii: written by study.py -->", "<!-- end of radii -->")
RADII = (0.001, 0.005, 0.01, 0.02, 0.025, 0.03)


def upper(problem, r: float) -> float | None:
    return q4.compensate(replace(problem, radius=r))[0].upper


def without_dual(problem, r: float) -> float | None:
    """With the movement of every row's gradient in place of the dual for all units together."""
    kept = q4.output_steepness
    q4.output_steepness = lambda *_: None
    try:
        return upper(problem, r)
    finally:
        q4.output_steepness = kept


def norms_only(problem, r: float, local: bool) -> float | None:
    """`ω_zr/(σ − ωr)`: with the norms of whole layers, or with steepness near the rows but no fixed right inverse."""
    found = q4.compensate(replace(problem, radius=r))[0]
    W1, W2 = problem.network.weights
    omega = Fraction(found.lipschitz) if local else q4._norm(W1)
    after = omega * q4._norm(W2)
    room = Fraction(found.sigma) - omega * Fraction(r)
    return float(after * Fraction(r) / room) if room > 0 else None


def largest(bound, most: float) -> float:
    """Largest radius found, by bisection to 1 %, at which the bound is at most `most`."""
    good, bad = 0.0, 1.0
    while bad - good > 0.01 * bad:
        middle = (good + bad) / 2
        value = bound(middle)
        good, bad = (middle, bad) if value is not None and value <= most else (good, middle)
    return good


def limit(problem) -> float:
    """`min |x_i − x_j|/√2` over pairs of rows with different outputs, in floats."""
    from certify.network.layers.passes import forward, known_weights
    from certify.rigor.arithmetic import Binary64

    f = forward(problem.network, known_weights(problem.network), problem.X, Binary64()).output.mid.hi[:, 0]
    gaps = np.linalg.norm(problem.X[:, None] - problem.X[None], axis=2)
    gaps[np.abs(f[:, None] - f[None]) <= 1e-12] = np.inf
    return float(gaps.min() / np.sqrt(2))


def main() -> None:
    problem = load_problem(HERE / "total" / "certify.toml")
    size = float(np.linalg.norm(problem.network.weights[-1]))
    ways = (("norms of whole layers", lambda r: norms_only(problem, r, False)),
            ("steepness near the rows", lambda r: norms_only(problem, r, True)),
            ("and a fixed right inverse", lambda r: without_dual(problem, r)),
            ("and a dual for all units of a row together: what `certify run` proves", lambda r: upper(problem, r)))
    lines = ["| bound of the distance | " + " | ".join(f"r = {r:g}" for r in RADII) + f" | largest r, ≤ {size:.4f} |",
             "|---" + "|---:" * (len(RADII) + 1) + "|"]  # fmt: skip
    for name, bound in ways:
        cells = ["∞" if (v := bound(r)) is None else f"{v:.4f}" for r in RADII]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {largest(bound, size):.4f} |")
    found = q4.compensate(replace(problem, radius=0.02))[0]
    at = f"σ(A) ≥ {found.sigma:.4f}, ω ≤ {found.lipschitz:.4f} at r = 0.02; ‖W₂‖_F = {size:.4f}"
    lines += ["", f"{at}; no claim can hold beyond r = {limit(problem):.3f}."]
    path = HERE / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    table = "\n".join(lines)
    path.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
