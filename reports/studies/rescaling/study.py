"""What a rescaling that leaves the function alone does to a modulus.

    python reports/studies/rescaling/study.py      # some minutes

The relu 10-48-48-1 network of `recipe.py`, and the same function by other weights: a hidden unit's weights and bias
times c > 0, what reads it divided by c. All c are powers of two, so every number of the rescaled file is exact and the
function is the same one, not nearly the same. Rescalings: the whole first hidden layer by 8; by 1/8; every hidden unit
of both layers by its own 2^-3 … 2^3 (seed 0). Norms of the weights: Euclidean, relative, and function space with the
training rows (τ = 2^-10, the default, and 2^-4) or 60 other rows (2^-10) as reference. Every line is a run of its own
whose certificate was then checked. All this was fixed before the first run.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))
import numpy as np  # noqa: E402

FILES = ("train.npz", "other.npz")
RESCALINGS = ("none", "layer × 8", "layer × 1/8", "units")
NORMS = {
    "Euclidean": "", "relative": 'norm = "relative"',
    "function, τ = 2^-10": 'norm = "function"\nreference = "train.npz"',
    "function, τ = 2^-4": 'norm = "function"\nreference = "train.npz"\ntau = 0.0625',
    "function, other rows": 'norm = "function"\nreference = "other.npz"',
}
MAPS = {"interpolation": ("modulus", "sample_modulus"), "sublevel": ("modulus",)}
COLUMNS = ("map", "quantity", "norm", "rescaling", "lower", "upper", "check")
SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [10, 48, 48, 1]
activation = "relu"
[data]
file = "train.npz"
features = "X"
targets = "y"
[solution]
map = "{map}"
[weights]
{norm}
"""


def factors(rescaling: str) -> list[np.ndarray]:
    """c of every hidden unit, by layer."""
    ones = np.ones(48)
    if rescaling == "none":
        return [ones, ones]
    if rescaling.startswith("layer"):
        return [ones * (8.0 if rescaling.endswith("8") and "/" not in rescaling else 0.125), ones]
    rng = np.random.default_rng(0)
    return [np.ldexp(1.0, rng.integers(-3, 4, 48)) for _ in range(2)]


def rescaled(tensors: dict[str, np.ndarray], rescaling: str) -> dict[str, np.ndarray]:
    """The same function by other weights."""
    c1, c2 = factors(rescaling)
    into = {"0": np.ones(10), "2": c1, "4": c2}
    out = {"0": c1, "2": c2, "4": np.ones(1)}
    return {name: (a * out[name[0]][:, None] / into[name[0]]) if name.endswith("weight") else a * out[name[0]]
            for name, a in tensors.items()}


def measure() -> list[dict[str, str]]:
    from safetensors.numpy import load_file, save_file

    from certify.auditing.spec_run import run_audit
    from certify.check.main import ROLES, check

    tensors, lines = load_file(HERE / "model.safetensors"), []
    for kind, quantities in MAPS.items():
        for norm, words in NORMS.items():
            for rescaling in RESCALINGS:
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    for file in FILES:
                        (folder / file).write_bytes((HERE / file).read_bytes())
                    save_file(rescaled(tensors, rescaling), folder / "model.safetensors")
                    (folder / "certify.toml").write_text(SPEC.format(map=kind, norm=words), encoding="utf-8")
                    found = {c["quantity"]: c for c in run_audit(folder / "certify.toml")["claims"]}
                    checked = check(folder / "certificate.json", dict.fromkeys(ROLES)).verdict
                for quantity in quantities:
                    ends = [repr(found[quantity][side]) for side in ("lower", "upper")]
                    line = dict(zip(COLUMNS, (kind, quantity, norm, rescaling, *ends, checked), strict=True))
                    print(*line.values(), file=sys.stderr, flush=True)
                    lines.append(line)
    return lines


def table(lines: list[dict[str, str]]) -> str:
    """For each norm the modulus, and by which factor each rescaling changes it."""
    rows = ["| map | quantity | norm of the weights | modulus | layer × 8 | layer × 1/8 | units |",
            "|---|---|---|---:|---:|---:|---:|"]
    for kind, quantities in MAPS.items():
        for quantity in quantities:
            for norm in NORMS:
                key = (kind, quantity, norm)
                found = {x["rescaling"]: x for x in lines if (x["map"], x["quantity"], x["norm"]) == key}
                own = found["none"]
                cells = [_change(own, found[name]) for name in RESCALINGS[1:]]
                rows.append(f"| {kind} | {quantity} | {norm} | {float(own['upper']):.7g} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _change(old: dict[str, Any], new: dict[str, Any]) -> str:
    """The enclosure of the quotient in seven digits if its ends agree in them, else both ends."""
    low, high = float(new["lower"]) / float(old["upper"]), float(new["upper"]) / float(old["lower"])
    ends = [f"{x:.6g}" for x in (low, high)]
    return f"× {ends[0]}" if ends[0] == ends[1] else f"× {ends[0]} – {ends[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description="moduli of one function by different weights")
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
