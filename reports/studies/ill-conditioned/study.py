"""How wide enclosures get as condition numbers grow: `python reports/studies/ill-conditioned/study.py`, some minutes.

Synthetic: 200 × 400 and 400 × 800 matrices with singular values spaced evenly in the logarithm from 1 to 1/c, drawn
once (seed 0), through `certify.rigor.enclose_sigma_min`.

Real: the gelu 64-256-256-10 network of the audit `digits`, trained with cross-entropy, the first 10 rows of its data,
with row 1 replaced by row 0 + δv, v the direction of the original row 1 − row 0 (unit length): two nearly equal rows
that must keep their own outputs. 100 equations; J's condition number grows like 1/δ, the kernel's like 1/δ².
δ = 10^0 … 10^-13, fixed in advance. Both quantities, base `given`.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))
import numpy as np  # noqa: E402

SHAPES = ((200, 400), (400, 800))
EXPONENTS = (2, 4, 6, 8, 10, 11, 12, 13, 14)
GAPS = tuple(range(14))
ROWS = 10
COLUMNS = ("kind", "size", "condition", "delta", "quantity", "lower", "upper", "seconds", "reason")


def synthetic(shape: tuple[int, int], exponent: int) -> np.ndarray:
    """`(n, m)` matrix with singular values 1 … 10^-exponent, up to rounding."""
    rng = np.random.default_rng(0)
    n, m = shape
    left = np.linalg.qr(rng.standard_normal((n, n)))[0]
    right = np.linalg.qr(rng.standard_normal((m, n)))[0]
    return np.asarray((left * np.logspace(0, -exponent, n)) @ right.T)


def real(gap: int) -> Any:
    """The problem with two rows 10^-gap apart."""
    from safetensors.numpy import load_file

    from certify.network.network import Network
    from certify.problem.problem import Problem

    folder = HERE.parents[1] / "audits" / "digits"
    tensors = {name: a.astype(np.float64) for name, a in load_file(folder / "model.safetensors").items()}
    net = Network(
        tuple(tensors[f"{h}.weight"] for h in (0, 2, 4)), tuple(tensors[f"{h}.bias"] for h in (0, 2, 4)), "gelu"
    )
    X = np.load(folder / "first-200.npz")["X"][:ROWS].astype(np.float64)
    v = X[1] - X[0]
    X[1] = X[0] + 10.0**-gap * v / np.linalg.norm(v)
    return Problem(net, X, None, "features", tuple(range(ROWS)))


def condition(problem: Any) -> float:
    """Condition number of J, estimated from its singular values in floats."""
    from certify.network.layers.jacobian import jacobian
    from certify.network.layers.passes import backward, forward, known_weights
    from certify.rigor.arithmetic import Binary64

    net, arithmetic = problem.network, Binary64()
    weights = known_weights(net)
    passed = forward(net, weights, problem.X, arithmetic)
    adjoints = backward(net, weights, passed, arithmetic)
    J = jacobian(passed, adjoints, net.layers("all"), (True,) * net.depth, arithmetic)
    values = np.linalg.svd(J.mid.hi, compute_uv=False)
    return float(values[0] / values[-1])


def measure() -> list[dict[str, str]]:
    from certify.prove.prover import answer
    from certify.rigor import enclose_sigma_min
    from certify.systems.interpolation.point import InterpolationPoint

    lines = []
    for shape in SHAPES:
        for exponent in EXPONENTS:
            start = time.perf_counter()
            ends = enclose_sigma_min(synthetic(shape, exponent))
            took = time.perf_counter() - start
            size, c = f"{shape[0]} × {shape[1]}", f"1e{exponent}"
            lines.append(line("synthetic", size, c, "", "σ_min", ends.lower, ends.upper, took, ""))
    for gap in GAPS:
        problem = real(gap)
        size = f"{problem.equations} × {problem.parameters}"
        proving, c = InterpolationPoint(problem, answer, lambda stage, fraction: None), f"{condition(problem):.1e}"
        for quantity in ("modulus", "sample_modulus"):
            start = time.perf_counter()
            b = proving.bound(quantity)
            took = time.perf_counter() - start
            lines.append(line("digits, gelu", size, c, f"1e-{gap}", quantity, b.lower, b.upper, took, b.reason))
    return lines


def line(
    kind: str, size: str, c: str, delta: str, quantity: str, lower: Any, upper: Any, took: float, reason: str
) -> dict[str, str]:
    ends = ["" if end is None else repr(float(end)) for end in (lower, upper)]
    found = dict(zip(COLUMNS, (kind, size, c, delta, quantity, *ends, f"{took:.2f}", reason), strict=True))
    print(kind, c, quantity, *ends, f"{took:.1f} s", file=sys.stderr, flush=True)
    return found


def target(c: float) -> float:
    """Largest upper/lower that is wanted at condition number c."""
    return 1.05 if c <= 1.0001e10 else 2.0 if c <= 1.0001e12 else float("inf") if c <= 1.0001e14 else float("nan")


def table(lines: list[dict[str, str]]) -> str:
    rows = [
        "| matrix | size | condition | δ | quantity | lower | upper | upper / lower − 1 | target | met | s |",
        "|---|---|---:|---:|---|---:|---:|---:|---|---|---:|",
    ]
    for x in lines:
        low, high = float(x["lower"] or 0), float(x["upper"] or "inf")
        ratio = high / low if low > 0 else float("inf")
        want = target(float(x["condition"]))
        met = "—" if np.isnan(want) else "yes" if ratio < float("inf") and ratio <= want else "**no**"
        aim = "—" if np.isnan(want) else "finite" if np.isinf(want) else f"≤ {want:g}"
        over = f"{ratio - 1:.1e}" if np.isfinite(ratio) else "not proved"
        what = " | ".join(x[key] for key in ("kind", "size", "condition", "delta", "quantity"))
        rows.append(f"| {what} | {low:.7g} | {high:.7g} | {over} | {aim} | {met} | {x['seconds']} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description="enclosures of ill-conditioned problems")
    parser.add_argument("--tables", action="store_true", help="only write table.md again, from table.csv")
    if parser.parse_args().tables:
        with (HERE / "table.csv").open(encoding="utf-8", newline="") as stream:
            lines = list(csv.DictReader(stream))
    else:
        lines = measure()
        with (HERE / "table.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
    (HERE / "table.md").write_text(table(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
