"""What speaks for an estimate: losses before and after, outputs of rows that did not move, first-order validity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from certify.estimation.change import Change
from certify.estimation.derivatives.hessian import changed_gradient, gradient, mixed
from certify.estimation.derivatives.jacobian import centred, output_jacobian
from certify.estimation.model.subject import ModuleProblem


@dataclass(frozen=True)
class Evidence:
    """Measured after the step, on the real network; nothing here is a proof.

    Attributes:
        loss_original: mean loss on the moved rows before the data changed.
        loss_before, loss_after: on the moved rows, after the change, at the old and the new parameters.
        loss_predicted: the same at outputs that follow the new parameters to first order.
        loss_all_original: on all rows, before the data changed.
        loss_all_before, loss_all_after: on all rows, after the change, at the old and the new parameters.
        unmoved_output_change: `|f(x, w + v) − f(x, w)|` over the rows that did not move.
        unmoved_outputs: `|f(x, w)|` over the same rows, to compare it with.
        distance: `|v|`.
        validity: `t` and (actual change of the loss on the moved rows) / (change predicted to first order), a fall or a
            rise, for steps of t = 1, 1/2, 1/4 with t times the change; None where no change is predicted. It tests the
            step in the weights alone, at changed data.
        data_error: how far the change of the data is from its linear part, relative to that: of the moved rows' outputs
            `|f(x + u) − f(x) − J_u u| / |J_u u|` for a step in output space, of the gradient
            `|∇L(u) − ∇L(0) − Cu| / |Cu|` for one in weight space; 0 where it is linear, None where that part is 0.
        gradient_left: `|∇L(u, w + v)| / |∇L(u, w)|`, what the step leaves of the gradient that it should take away: 0
            at a critical point of the changed loss. It sees what the other two do not: that the Hessian changes on the
            way, for rows that did not move too. None in output space, and with base ``"given"``, which shifts the loss.
    """

    loss_original: float
    loss_before: float
    loss_after: float
    loss_predicted: float
    loss_all_original: float
    loss_all_before: float
    loss_all_after: float
    unmoved_output_change: float
    unmoved_outputs: float
    distance: float
    validity: tuple[tuple[float, float | None], ...]
    data_error: float | None
    gradient_left: float | None


def measure(
    problem: ModuleProblem, change: Change, step: torch.Tensor, base_outputs: torch.Tensor, of_gradient: bool = False
) -> Evidence:
    """Evidence for the parameters `w + step`.

    Args:
        problem: the problem.
        change: the change of the data.
        step: `(p,)`.
        base_outputs: outputs of all rows at the given data and parameters.
        of_gradient: whether the step answers the gradient (weight space), not the outputs.
    """
    X, y = change.data(problem)
    new = problem.w + step
    f = problem.function
    if problem.batch_statistics == "recomputed":
        before, after, same = f.all_outputs(problem.w, X), f.all_outputs(new, X), f.all_outputs(new, problem.X)
    else:
        moved = change.inputs(problem)
        same = f.all_outputs(new, problem.X)
        before, after = base_outputs.clone(), same.clone()
        before[change.rows], after[change.rows] = f.all_outputs(problem.w, moved), f.all_outputs(new, moved)
    still = torch.ones(problem.n, dtype=torch.bool, device=same.device)
    still[change.rows] = False
    weights = change.sample_weights(problem).double()
    rows = change.rows
    ratios = tuple((t, _validity(problem, change, step, t)) for t in (1.0, 0.5, 0.25))
    return Evidence(
        loss_original=problem.loss.mean(base_outputs[rows], problem.y[rows]),
        loss_before=problem.loss.mean(before[rows], y[rows]), loss_after=problem.loss.mean(after[rows], y[rows]),
        loss_predicted=_predicted(problem, change, step, 1.0)[1],
        loss_all_original=problem.loss.mean(base_outputs, problem.y),
        loss_all_before=_mean(problem, before, y, weights), loss_all_after=_mean(problem, after, y, weights),
        unmoved_output_change=float((same - base_outputs)[still].double().norm()),
        unmoved_outputs=float(base_outputs[still].double().norm()),
        distance=float(step.double().norm()), validity=ratios,
        data_error=_data_error(problem, change, base_outputs, of_gradient),
        gradient_left=_gradient_left(problem, change, new) if of_gradient and not problem.solution.base.shifted
        else None,
    )


def _data_error(problem: ModuleProblem, change: Change, base: torch.Tensor, of_gradient: bool) -> float | None:
    if change.linear:
        return 0.0
    if of_gradient:
        linear, moved = mixed(problem, change), _gradient_change(problem, change)
    else:
        parts = change.output_change(problem, base)
        if parts is None:
            return 0.0
        linear, moved = (centred(part) for part in parts) if problem.loss.shift else parts
    size = float(linear.double().norm())
    return float((moved - linear).double().norm()) / size if size > 0 else None


def _gradient_left(problem: ModuleProblem, change: Change, new: torch.Tensor) -> float | None:
    before, after = (float(changed_gradient(problem, change, w).double().norm()) for w in (problem.w, new))
    return after / before if before > 0 else None


def _gradient_change(problem: ModuleProblem, change: Change) -> torch.Tensor:
    """`∇L(u) − ∇L(0)` at the given weights: that of the changed rows, unless rows share their statistics."""
    if problem.batch_statistics == "recomputed":
        X, y = change.data(problem)
        return gradient(replace(problem, X=X, y=y)) - gradient(problem)
    new = replace(problem, X=change.inputs(problem), y=change.targets(problem))
    old = replace(problem, X=problem.X[change.rows], y=problem.y[change.rows])
    return (gradient(new) - gradient(old)) * (len(change.rows) / problem.n)


def _mean(problem: ModuleProblem, f: torch.Tensor, y: torch.Tensor, weights: torch.Tensor) -> float:
    """`(1/n) Σ (1 + u_i) ℓ_i`, in float64."""
    values = problem.loss.values(f.double(), y.double() if y.is_floating_point() else y)
    return float((weights * values).sum() / problem.n)


def _validity(problem: ModuleProblem, change: Change, step: torch.Tensor, t: float) -> float | None:
    before, predicted, after = _predicted(problem, change, step, t)
    return (after - before) / (predicted - before) if predicted != before else None


def _predicted(problem: ModuleProblem, change: Change, step: torch.Tensor, t: float) -> tuple[float, float, float]:
    """Mean loss on the moved rows at t: without the step, with it to first order, and with it."""
    y = change.targets(problem, t)
    out, after = (change.outputs(problem, w, t) for w in (problem.w, problem.w + t * step))
    if problem.batch_statistics == "recomputed":
        J = output_jacobian(problem, change.data(problem, t)[0], centre=False)
        slope = J.product(step[None]).reshape(problem.n, problem.k)[change.rows]
    else:
        J = output_jacobian(problem, change.inputs(problem, t), centre=False)
        slope = J.product(step[None]).reshape(len(out), problem.k)
    mean = problem.loss.mean
    return mean(out, y), mean(out + t * slope, y), mean(after, y)
