"""Thirty changes of the data: the predicted change of the loss against retraining.

For each change u of `perturbations.py`:

* **predicted**: `w̄ + v`, `v = −H⁻¹Cu`, by the products and the solver of `certify.estimation` with a preconditioner, to
  a relative residual of 1e-6;
* **retrained**: from w̄ on the changed data until |∇L| ≤ 1e-9, by code that shares nothing with `certify`; or, where
  `converged` says False, until 100 Newton steps were spent.

The loss changes compared: mean loss of the changed rows (as changed), from the old weights to the new; the same of the
797 held-out rows. `python study.py` writes `table.csv` (a minute a change on one core), `python study.py keep`
`steps.npz`, `python others.py` two other predictions, `python tables.py` the rest.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from critical import Found, Metric, descend, newton
from perturbations import Perturbation, concrete, listed
from recipe import TOLERANCE
from resnet import DECAY, HERE, Data, Training, load_data, load_model
from training import npz_bytes

from certify.estimation import ModuleProblem, module_problem
from certify.estimation.change import Change, change_of
from certify.estimation.derivatives.hessian import hessian, mixed
from certify.estimation.evidence import Evidence, measure
from certify.estimation.krylov import MinresQlp

SOLVED = 1e-6
KEPT = (8, 16, 23)
"""Changes whose predicted and retrained weights are kept in `steps.npz`, so that they can be checked quickly."""


@dataclass(frozen=True, eq=False)
class Base:
    """The trained network and what all changes share."""

    data: Data
    training: Training
    w: torch.Tensor
    metric: Metric
    problem: ModuleProblem
    outputs: torch.Tensor

    @staticmethod
    def load(metric: bool = True) -> Base:
        """From the committed model; the metric takes half a minute."""
        torch.set_num_threads(1)
        data, net = load_data(), load_model()
        training = Training.of(net, data.X, data.y)
        w = training.weights()
        problem = module_problem(net, data.X, data.y, loss="cross_entropy", weight_decay=DECAY, map="critical",
                                 base="nearby", chunk=1000)
        made = Metric.at(training, w) if metric else Metric(torch.empty(0))
        return Base(data, training, w, made, problem, problem.function.all_outputs(w, problem.X))


@dataclass(frozen=True)
class Row:
    """One line of `table.csv`; every number in float64, nothing proved."""

    number: int
    parameter: str
    changed: int
    direction: str
    size: float
    loss_original: float
    loss_before: float
    predicted: float
    first_order: float
    retrained: float
    predicted_out: float
    retrained_out: float
    validity: float
    data_error: float
    step: float
    distance: float
    step_error: float
    residual: float
    gradient: float
    steps: int
    converged: bool
    L_before: float
    L_predicted: float
    L_retrained: float
    seconds: float


def solved(base: Base, right: torch.Tensor) -> tuple[torch.Tensor, float]:
    """`−H⁻¹ right` and its relative residual."""
    solver = MinresQlp(tolerance=SOLVED, max_products=300)
    found = solver.compute(solver.init(hessian(base.problem), base.metric), -right[None])
    return found.x[0], float(found.residual[0])


def retrain(base: Base, perturbation: Perturbation) -> Found:
    """From w̄ to the tolerance, on the changed data: L-BFGS, and Newton where that takes more than 150 steps."""
    new = perturbation.training(base.training)
    found = descend(new, base.w, base.metric, TOLERANCE, 150)
    if found.converged:
        return found
    return newton(new, base.w, base.metric, TOLERANCE)


def validity(evidence: Evidence) -> float:
    """`evidence.validity` at t = 1, also where the first-order prediction is a rise."""
    return (evidence.loss_before - evidence.loss_after) / (evidence.loss_before - evidence.loss_predicted)


def held_out(base: Base, w: torch.Tensor) -> float:
    """Mean loss of the held-out rows."""
    with torch.no_grad():
        return float(base.training.losses(w, base.data.X_out, base.data.y_out).mean())


def change(base: Base, perturbation: Perturbation) -> Change:
    """The change in the words of `certify.estimation`."""
    return change_of(base.problem, perturbation.u, perturbation.rows, perturbation.line.parameter)


def study(base: Base, perturbation: Perturbation) -> Row:
    """Predict, retrain, compare."""
    start, line, rows, w = time.perf_counter(), perturbation.line, perturbation.rows, base.w
    asked, new = change(base, perturbation), perturbation.training(base.training)
    first = mixed(base.problem, asked)
    v, residual = solved(base, first)
    evidence = measure(base.problem, asked, v, base.outputs)
    there = new.gradient(w)
    found = retrain(base, perturbation)

    def moved(at: torch.Tensor) -> float:
        with torch.no_grad():
            return float(base.training.losses(at, new.X[rows], new.y[rows]).mean())

    old, out = moved(w), held_out(base, w)
    return Row(
        number=line.number, parameter=line.parameter, changed=len(rows), direction=line.direction, size=line.size,
        loss_original=evidence.loss_original, loss_before=old, predicted=moved(w + v) - old,
        first_order=evidence.loss_predicted - evidence.loss_before,
        retrained=moved(found.w) - old,
        predicted_out=held_out(base, w + v) - out,
        retrained_out=held_out(base, found.w) - out, validity=validity(evidence),
        data_error=float((there - base.training.gradient(w) - first).norm() / first.norm()), step=float(v.norm()),
        distance=float((found.w - w).norm()), step_error=float((found.w - w - v).norm() / (found.w - w).norm()),
        residual=residual, gradient=found.gradient, steps=found.steps, converged=found.converged, L_before=new.value(w),
        L_predicted=new.value(w + v), L_retrained=new.value(found.w), seconds=time.perf_counter() - start,
    )


def main(path: Path = HERE / "table.csv") -> int:
    """All thirty; 1 if a retraining did not converge."""
    base, rows = Base.load(), []
    print(f"|w| {base.w.norm():.4f}, |grad| {base.training.gradient(base.w).norm():.2e}", flush=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for line in listed():
            row = study(base, concrete(line, base.training, base.w))
            rows.append(row)
            writer.writerow(asdict(row))
            stream.flush()
            print(f"{row.number}: predicted {row.predicted:.4e}, retrained {row.retrained:.4e}, validity "
                  f"{row.validity:.3f}, {row.steps} steps to {row.gradient:.1e}, {row.seconds:.0f} s", flush=True)
    return 0 if all(row.converged for row in rows) else 1


def keep(path: Path = HERE / "steps.npz") -> int:
    """v and the retrained weights of three changes."""
    base, kept = Base.load(), {}
    for number in KEPT:
        perturbation = concrete(listed()[number - 1], base.training, base.w)
        kept[f"v{number}"] = solved(base, mixed(base.problem, change(base, perturbation)))[0].numpy()
        kept[f"w{number}"] = retrain(base, perturbation).w.numpy()
    path.write_bytes(npz_bytes(**kept))
    return 0


if __name__ == "__main__":
    sys.exit(keep() if sys.argv[1:] == ["keep"] else main())
