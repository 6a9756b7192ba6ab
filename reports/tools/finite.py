"""Write the specs of finite size that several reports share: rows left out, data rounded, a last layer under deletions.

    python reports/tools/finite.py            # the specs and the changes they name; then `certify run` each

Fixed before the runs. *leave-1, leave-5, leave-20*: the rows with the largest training loss at the weights in the file,
left out together, as one change. *rounded*: every feature rounded to 3 decimals, as one change. *last-layer-any-1, -5,
-20*: any so many rows left out (weights down to 0), the last layer's problem alone, and the predictions at the training
rows. Thresholds only ask for the number.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

AUDITS = Path(__file__).resolve().parents[1] / "audits"
sys.path.insert(0, str(AUDITS.parents[1]))
from certify import load_problem  # noqa: E402
from certify.problem.problem import Problem  # noqa: E402

COUNTS, DECIMALS = (1, 5, 20), 3
CRITICAL = {"default": "features", "bikeshare": "features", "digits-critical": "features"}
"""Reports about critical points, and the spec whose network and data are taken."""
LAST = {"default": "features", "bikeshare": "features", "breast-cancer-logistic": "features"}
EXACT = {"breast-cancer": ".", "wine": "interpolation", "diabetes": "nearby"}
PHI = {"tanh": np.tanh, "softplus": lambda z: np.logaddexp(0.0, z)}
GATE = '''
[[gate]]
quantity = "{quantity}"
{bound}
severity = "warn"
rationale = "a threshold that asks for the number, fixed before the run"
'''
GIVEN = '''[perturbation]
parameter = "{parameter}"
rows = {rows}
set = "given"
file = "change.npz"
'''
ANY = '''[perturbation]
parameter = "sample_weights"
set = "sparse"
count = {count}
radius = 1.0
direction = "down"

[evaluation]
file = "../train.npz"
features = "X"
'''


def row_losses(problem: Problem) -> np.ndarray:
    """The training loss of every row at the weights in the file."""
    a, net = problem.X, problem.network
    for h, (W, b) in enumerate(zip(net.weights, net.biases, strict=True), 1):
        a = a @ W.T + b
        a = a if h == net.depth else PHI[net.activation](a)
    if problem.loss == "squared":
        return ((a - problem.y) ** 2).sum(axis=1) / 2
    if problem.loss == "logistic":
        return np.logaddexp(0.0, -(2.0 * problem.labels - 1) * a[:, 0])
    top = a.max(axis=1)
    return np.log(np.exp(a - top[:, None]).sum(axis=1)) + top - a[np.arange(len(a)), problem.labels]


def head_of(folder: Path, spec: str) -> str:
    """The sections of a spec before its perturbation, for a spec in a folder of its own, without comments."""
    text = (folder / spec / "certify.toml").read_text(encoding="utf-8").split("[perturbation]")[0].split("[weights]")[0]
    lines = [line.split("  #")[0].rstrip() for line in text.splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).strip() + "\n\n"
    whole = whole if spec != "." else whole.replace('file = "', 'file = "../')
    return whole.replace('base = "nearby"', 'base = "given"') if "interpolation" in whole else whole


def write(path: Path, question: str, text: str, u: np.ndarray | None = None) -> None:
    """One spec in its folder, with the change that it names."""
    path.mkdir(exist_ok=True)
    if u is not None:
        np.savez(path / "change.npz", u=u)
    # The certificates bind these bytes, and with them where the folders were before they were sorted.
    run = f"# certify run reports/{path.parent.name}/{path.name}/certify.toml\n# {question}\n"
    (path / "certify.toml").write_text(run + text, encoding="utf-8")


def main() -> int:
    ask = GATE.format(quantity="distance", bound="max = 1.0")
    for name, spec in CRITICAL.items():
        folder, losses = AUDITS / name, row_losses(load_problem(AUDITS / name / spec / "certify.toml"))
        for count in COUNTS:
            rows = sorted(np.argsort(-losses, kind="stable")[:count].tolist())
            given = GIVEN.format(parameter="sample_weights", rows=rows)
            question = f"How far does the solution move if the {count} worst-fitted rows are left out?"
            write(folder / f"leave-{count}", question, head_of(folder, spec) + given + ask, -np.ones((count, 1)))
    for name, spec in EXACT.items():
        folder, X = AUDITS / name, load_problem(AUDITS / name / spec / "certify.toml").X
        given = GIVEN.format(parameter="features", rows='"all"')
        write(folder / "rounded", "How far is the nearest exact fit of the same features, rounded to 3 decimals?",
              head_of(folder, spec) + given + ask, np.round(X, DECIMALS) - X)
    for name, spec in LAST.items():
        folder = AUDITS / name
        problem = load_problem(folder / spec / "certify.toml")
        head = head_of(folder, spec).rstrip() + f"\nlayer = {problem.network.depth}\n\n"
        watch = GATE.format(quantity="prediction_change", bound="max = 10.0")
        if problem.labels is not None:
            watch += GATE.format(quantity="stable_predictions", bound=f"min = {problem.n // 2}")
        for count in COUNTS:
            write(folder / f"last-layer-any-{count}",
                  f"Any {count} rows left out: how far the last layer's one solution moves, and the predictions.",
                  head + ANY.format(count=count) + ask + watch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
