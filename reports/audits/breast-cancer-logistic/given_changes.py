"""Write the given changes of `changes/` and their specs, or train again after each and compare with the proved ends.

    python reports/audits/breast-cancer-logistic/given_changes.py            # write the changes and the specs
    python reports/audits/breast-cancer-logistic/given_changes.py --compare  # train again; needs the certificates

Fixed before the run: leave out the 1, 5 and 20 rows with the largest proved κ_i (`rows.csv`), and the row with the
median κ_i; flip the label of the row with the largest and of that with the median κ_i. Training again: Newton's method
from the given weights, shortened where the gradient would grow, to a gradient below 1e-13.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from leave_one_out import DECAY, hessian, load, row_gradients  # noqa: E402

NAMES = ("leave-1", "leave-5", "leave-20", "leave-median", "flip-1", "flip-median")
# The certificates bind these bytes, and with them where the folders were before they were sorted.
SPEC = '''# certify run reports/breast-cancer-logistic/changes/{name}/certify.toml
version = 1

[model]
file = "../../model.safetensors"
widths = [30, 32, 1]
activation = "tanh"

[data]
file = "../../train.npz"
features = "X"
targets = "y"

[training]
loss = "logistic"
weight_decay = 0.01

[solution]
map = "critical"
base = "nearby"

[perturbation]
parameter = "{parameter}"
rows = {rows}
set = "given"
file = "change.npz"

[[gate]]
quantity = "distance"
max = 1.0
severity = "warn"
rationale = "fixed before the run; a threshold that asks for the number"
'''


def rows_of(name: str) -> list[int]:
    """The rows a change is about, ascending."""
    with open(HERE / "rows.csv", encoding="utf-8", newline="") as file:
        kappa = {int(row["row"]): float(row["modulus_upper"]) for row in csv.DictReader(file)}
    order = sorted(kappa, key=lambda i: (-kappa[i], i))
    kind = name.split("-")[1]
    return [order[len(order) // 2]] if kind == "median" else sorted(order[: int(kind)])


def write() -> None:
    """One folder a change: the array `u` and the spec."""
    labels = np.load(HERE / "train.npz")["y"].ravel()
    for name in NAMES:
        rows, folder = rows_of(name), HERE / "changes" / name
        folder.mkdir(parents=True, exist_ok=True)
        flip = name.startswith("flip")
        u = np.array([[1.0 - 2.0 * labels[i]] if flip else [-1.0] for i in rows])
        np.savez(folder / "change.npz", u=u)
        parameter = "targets" if flip else "sample_weights"
        (folder / "certify.toml").write_text(SPEC.format(name=name, parameter=parameter, rows=rows), encoding="utf-8")


def retrained(name: str) -> tuple[float, float]:
    """How far the weights are after training again, and the gradient that is left."""
    X, s, w, m = load()
    n, rows, start = len(X), rows_of(name), w
    keep = np.ones(n, dtype=bool)
    if name.startswith("flip"):
        s = s.copy()
        s[rows] *= -1.0
    else:
        keep[rows] = False
    X, s = X[keep], s[keep]

    def gradient(at: np.ndarray) -> np.ndarray:
        return row_gradients(X, s, at, m).sum(axis=0) / n + DECAY * at

    g = gradient(w)
    for _ in range(50):
        size = float(np.linalg.norm(g))
        if size < 1e-13:
            break
        step, t = np.linalg.solve(hessian(X, s, w, m) / n + DECAY * np.eye(len(w)), g), 1.0
        while t > 1e-3 and np.linalg.norm(gradient(w - t * step)) >= size:
            t /= 2
        if t <= 1e-3:
            break
        w = w - t * step
        g = gradient(w)
    return float(np.linalg.norm(w - start)), float(np.linalg.norm(g))


def compare() -> int:
    """A line for each change; status 1 if a distance lies outside the proved ends."""
    wrong = 0
    for name in NAMES:
        found = json.loads((HERE / "changes" / name / "certificate.json").read_text(encoding="utf-8"))["claims"][0]
        distance, left = retrained(name)
        # the weights in the file lie within 1e-14 of the critical point that the claims are about
        inside = found["lower"] - 1e-12 <= distance <= found["upper"] + 1e-10
        wrong += not inside
        print(f"{name:13} rows {rows_of(name)[:3]}  proved [{found['lower']:.6g}, {found['upper']:.10g}]  "
              f"trained again {distance:.10g} (gradient {left:.0e}){'' if inside else '  OUTSIDE'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(compare() if "--compare" in sys.argv[1:] else write())
