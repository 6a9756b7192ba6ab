"""Norms of layers against LipSDP, over all slopes and near the rows: writes the tables of README.md.

    python reports/audits/layer-constants/study.py    # the MNIST lines only where mnist-6x100/prepare.py was run

`--mnist FOLDER` says where its model.safetensors and rows.npz are. First table: one constant for all inputs, both ways,
proved. Second: what compensation (Q4) makes of each, at a radius fixed beforehand, and the largest of the radii
r·2^k, k ≤ 5, at which there is a bound at all (not of MNIST: half a minute of processor time for each).
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import numpy as np  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

from certify.finders.lipsdp_multipliers import ROUNDS, STEPS, descend, propose_multipliers  # noqa: E402
from certify.network.lipschitz.lipsdp import Chain, chain_bound  # noqa: E402
from certify.network.network import Network  # noqa: E402
from certify.problem.problem import Problem  # noqa: E402
from certify.rigor.activation import activation  # noqa: E402
from certify.theorems.distance import compensation as q4  # noqa: E402
from certify.theorems.distance.layer_constants import _narrowed  # noqa: E402

MARKS = ("<!-- constants: written by study.py -->", "<!-- end of constants -->")
DOUBLINGS = 5


def subject(folder: Path, data: str, phi: str, rows: int) -> Problem:
    arrays = load_file(folder / "model.safetensors")
    places = sorted({int(name.split(".")[0]) for name in arrays})
    weights, biases = (tuple(arrays[f"{j}.{part}"].astype(float) for j in places) for part in ("weight", "bias"))
    with np.load(folder / data) as file:
        X = file["X"][:rows].astype(float)
    return Problem(Network(weights, biases, phi), X, None, "features", tuple(range(len(X))), radius=1.0)


def everywhere(net: Network, h: int) -> tuple[float, float, float]:
    """Constants of `x ↦ W_ha_{h−1}` on the whole space: by norms, by LipSDP (proved), and the seconds it took."""
    phi = activation(net.activation)
    norms = float(np.prod([float(q4._norm(W)) for W in net.weights[:h]]) * phi.slope_bound ** (h - 1))
    mids = tuple(np.full(m, (phi.slope_floor + phi.slope_bound) / 2) for m in net.widths[1:h])
    halves = tuple(np.full(m, (phi.slope_bound - phi.slope_floor) / 2 + 1e-12) for m in net.widths[1:h])
    start = time.perf_counter()
    chain = Chain((_narrowed(net.weights[0]), *net.weights[1:h - 1]), mids, halves, net.weights[h - 1])
    found = propose_multipliers(chain)
    assert found is not None
    value, multipliers = descend(chain, found[0], STEPS, ROUNDS)
    bound = chain_bound(chain, multipliers, value)
    assert bound is not None
    return norms, bound, time.perf_counter() - start


def compensation(problem: Problem, layer: int, r: float, ways: dict[int, float], grid: bool) -> list[str]:
    """One line of the second table; grid: whether to look for the largest radius."""
    problem = replace(problem, layer=layer, radius=r)

    def plain(size: float) -> q4.Compensation:
        kept, q4.affordable = q4.affordable, lambda *_: False
        try:
            return q4.compensate(replace(problem, radius=size))[0]
        finally:
            q4.affordable = kept

    def near(size: float) -> q4.Compensation:
        return q4.compensate(replace(problem, radius=size))[0]

    def largest(way) -> str:
        good = [r * 2.0**k for k in range(DOUBLINGS + 1) if way(r * 2.0**k).upper is not None] if grid else []
        return f"{max(good):.3g}" if good else "not tried" if not grid else "none"

    norms = plain(r)
    steepest = Fraction(activation(problem.network.activation).slope_bound)
    omega = Fraction(ways[layer - 1]) * steepest
    room = Fraction(norms.sigma) - omega * Fraction(r)
    middle = float(Fraction(ways[layer]) * Fraction(r) / room) if room > 0 else None
    start = time.perf_counter()
    best = near(r)
    seconds = time.perf_counter() - start
    shown = ["none" if v is None else f"{v:.4g}" for v in (norms.upper, middle, best.upper)]
    mean = "" if best.constants is None else f" (mean {best.constants[:, 0].mean():.4g})"
    sizes = [f"{norms.lipschitz:.4g}", f"{float(omega):.4g}", f"{best.lipschitz:.4g}{mean}"]
    return [str(layer), f"{r:g}", *sizes, *shown,
            largest(plain), largest(near), f"{seconds:.0f} s"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mnist", type=Path, default=HERE.parent / "mnist-6x100")
    folder = parser.parse_args().mnist
    cases = [("tanh 30-64-64-1, 60 rows", subject(HERE.parent / "breast-cancer", "train.npz", "tanh", 60),
              ((2, 0.001),)),
             ("gelu 64-256-256-10, 200 rows", subject(HERE.parent / "digits", "first-200.npz", "gelu", 200),
              ((2, 0.0003), (3, 0.0003)))]  # fmt: skip
    if (folder / "rows.npz").exists():
        cases.append(("relu 784-5×100-10, 90 rows", subject(folder, "rows.npz", "relu", 90),
                      ((4, 0.0005), (6, 0.00005))))  # fmt: skip
    one = ["| network | constant of | by norms | by LipSDP, proved | ratio | time |", "|---" * 2 + "|---:" * 4 + "|"]
    two = ["| network | layer | r | ω by norms | by LipSDP, all slopes | ω by LipSDP near the rows | bound by norms | "
           "all slopes | near the rows | largest r·2^k by norms | near the rows | time |",
           "|---" * 2 + "|---:" * 10 + "|"]
    for name, problem, asked in cases:
        ways: dict[int, float] = {1: float(q4._norm(problem.network.weights[0]))}
        for h in range(2, problem.network.depth + 1):
            norms, ways[h], seconds = everywhere(problem.network, h)
            one.append(f"| {name} | W_{h}a_{h - 1} | {norms:.4g} | {ways[h]:.4g} | {norms / ways[h]:.3f} | "
                       f"{seconds:.1f} s |")  # fmt: skip
            print(one[-1], flush=True)
        for layer, r in asked:
            line = compensation(problem, layer, r, ways, problem.inputs < 784)
            two.append(f"| {name} | " + " | ".join(line) + " |")
            print(two[-1], flush=True)
    path = HERE / "README.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    text = "\n".join([*one, "", *two])
    path.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
