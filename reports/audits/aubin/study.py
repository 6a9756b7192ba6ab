"""Radii certified, the attack beside them, and what each idea bought: writes the tables of README.md.

    python reports/audits/aubin/study.py              # about five minutes

Every radius is the largest found, to 1 %, with `r_w = lip·r_u` and κ at most twice the modulus, proved by the code that
`enclose_aubin` uses; the ways differ in how they bound `‖I − XJ(u, w)Qᵀ‖` alone.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE)]

import numpy as np  # noqa: E402
from attack import attack  # noqa: E402

from certify import bound, load_problem  # noqa: E402
from certify.network.lipschitz.along_paths import path_growth, shares  # noqa: E402
from certify.rigor import fp  # noqa: E402
from certify.theorems.aubin.centre import Centre, enclose_centre, rows_bound  # noqa: E402
from certify.theorems.aubin.interpolation import Radii, _row_radii, largest, segment_condition  # noqa: E402

NAMES = {"tanh": "tanh 30-64-1, 64 rows", "gelu": "gelu 4-64-64-1, 30 rows"}


def norm_products(centre: Centre, u: Fraction, w: Fraction, kappa: Fraction) -> tuple[Fraction, Fraction]:
    """`ε + ‖R‖·‖J − A₀‖`, the second from the rows' first derivatives along lines."""
    first = _growth(centre, u, w + 2 * kappa * u, split=False).first[0]
    theta = centre.defect + centre.size**2 * centre.spread * Fraction(float(fp.row_norms(first[None, :])[0]))
    return theta, theta


def row_by_row(centre: Centre, u: Fraction, w: Fraction, kappa: Fraction) -> tuple[Fraction, Fraction]:
    """`ε + ‖|X|e‖·‖Q‖`, e the lengths of the rows of `J − A₀`."""
    theta = centre.defect + centre.size * rows_bound(centre, _growth(centre, u, w + 2 * kappa * u, False).first)
    return theta, theta


def tensors(split: bool):
    """First-order changes as tensors, the largest value of everything on the ball."""

    def condition(centre: Centre, u: Fraction, w: Fraction, kappa: Fraction) -> tuple[Fraction, Fraction]:
        step, s = 2 * kappa * u, centre.slopes
        rest = centre.size * rows_bound(centre, _growth(centre, u, w + step, split).second) / 2
        theta = centre.defect + s.weights * w + s.data * u + s.inside * step / centre.size + rest
        return theta, theta

    return condition


def _growth(centre: Centre, u: Fraction, rho: Fraction, split: bool):
    depth = centre.point.network.depth
    parts = shares(depth) if split else np.ones((1, depth))
    return path_growth(centre.point, _row_radii(centre, u), fp.up(rho) * parts)


WAYS = (
    ("norm products: ‖R‖·‖J − A₀‖", norm_products),
    ("R-form, row by row: ‖ \\|X\\|e ‖", row_by_row),
    ("R-form, first-order change as tensors, remainder by norms", tensors(False)),
    ("and the remainder split by layers", tensors(True)),
    ("and means on segments (majorant): what `enclose_aubin` proves", segment_condition),
)


def limit(X: np.ndarray) -> float:
    """`min |x_i − x_j|/√2`, in floats."""
    gaps = np.linalg.norm(X[:, None] - X[None], axis=2)
    return float(gaps[np.triu_indices(len(X), 1)].min() / np.sqrt(2))


def study(name: str) -> tuple[list[str], list[Radii | None]]:
    """One line of the first table, and the radii of every way."""
    problem = load_problem(HERE / name / "certify.toml")
    lip = bound(problem, "modulus").lower
    start = time.process_time()
    centre = enclose_centre(problem.network, problem.X, np.ones(problem.n, dtype=bool))
    assert isinstance(centre, Centre) and lip is not None
    found = [largest(centre, condition=way) for _, way in WAYS[-1:]]
    seconds = time.process_time() - start
    found = [largest(centre, condition=way) for _, way in WAYS[:-1]] + found
    best = found[-1]
    assert best is not None
    broken = attack(centre, problem.X, lip, best.radius_u)
    print(name, best, broken, flush=True)
    cells = (NAMES[name], f"{best.radius_u:.3e}", f"{best.radius_w:.3e}", f"{best.kappa:.4f}",
             f"{best.kappa / lip:.3f}",
             f"{best.theta:.3f}", f"{broken.radius_u:.3e}", f"{best.radius_u / broken.radius_u:.3f}",
             f"{limit(problem.X):.3f}", f"{seconds:.0f} s")  # fmt: skip
    return [f"| {' | '.join(cells)} |"], found


def write(mark: str, lines: list[str]) -> None:
    """Put a table between its marks in README.md."""
    first, last = f"<!-- table: written by {mark} -->", f"<!-- end of {mark} -->"
    path = HERE / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(first)
    table = "\n".join(lines)
    path.write_text(f"{before}{first}\n{table}\n{last}{rest.partition(last)[2]}", encoding="utf-8")


def main() -> None:
    rows = ["| network | r_u certified | r_w | κ | κ/lip | θ | r_u where an attack breaks θ < 1 | certified/attack "
            "| limit of any claim | processor time |", "|---|" + "---:|" * 9]
    ways = {}
    for name in NAMES:
        lines, ways[name] = study(name)
        rows += lines
    rows += ["", "| how ‖I − XJQᵀ‖ is bounded | " + " | ".join(NAMES.values()) + " |", "|---|---:|---:|"]
    for at, (words, _) in enumerate(WAYS):
        cells = []
        for name in NAMES:
            found, base = ways[name][at], ways[name][0]
            cells.append("none" if found is None else f"{found.radius_u:.3e}"
                         + (f" (× {found.radius_u / base.radius_u:.1f})" if base else ""))
        rows.append(f"| {words} | " + " | ".join(cells) + " |")
    write("study.py", rows)


if __name__ == "__main__":
    main()
