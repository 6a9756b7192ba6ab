r"""On request: train again on the changed data, and say how far the estimate agrees with it.

What an estimate spares is done here after all, as evidence. What is minimised is the question that was asked: with base
``"nearby"`` the training loss `L(u, w)`; with base ``"given"`` the objective of which the given weights are an exact
solution, `½ mean |f(x(u), w) − goal|²` in output space and `L(u, w) − ⟨∇L(0, w̄), w⟩` in weight space. The optimiser is
torch's L-BFGS with a strong Wolfe line search, on the full batch; it knows nothing of how the network was trained, and
whoever has a recipe of his own passes the weights it gave to :meth:`certify.estimation.Estimate.compare`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn

from certify.estimation.change import Change
from certify.estimation.derivatives.hessian import gradient
from certify.estimation.derivatives.jacobian import centred
from certify.estimation.evidence import Evidence
from certify.estimation.model.functional import as_tensor
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import require_whole
from certify.estimation.solvers.output_space import Rows, centres, wanted
from certify.format.errors import InputError
from certify.problem.progress import part, silent

Tell = Callable[[str, float], None]
Valued = Callable[[torch.Tensor], tuple[float, torch.Tensor]]

STARTS = ("given", "estimate", "scratch")
_WHERE = {"given": "the given weights", "estimate": "the estimate", "scratch": "weights drawn anew"}
HISTORY = 20
"""Pairs of vectors that L-BFGS keeps."""


class Stepped(Protocol):
    """What is compared of an estimate: its question, its step, the evidence, and in output space its equations."""

    problem: ModuleProblem
    change: Change
    step: torch.Tensor
    evidence: Evidence
    rows: Rows | None


@dataclass(frozen=True)
class Agreement:
    """An estimate beside weights that were trained on the changed data.

    Attributes:
        loss_retrained, loss_estimated: mean loss of the moved rows at the trained and at the estimated weights.
        loss_all_retrained, loss_all_estimated: the same over all rows.
        outputs_apart: `|f_est − f_ret| / |f_ret − f_old|` over all rows of the changed data: 0 where the estimate
            predicts every output, 1 where the old weights would have done as well; None where training changed none.
        same_labels: share of all rows to which both give the same class; None with the squared loss.
        direction: cosine of the angle between the estimated step and the trained one; None where one of them is 0.
        distance_retrained, distance_estimated: how far both lie from the given weights.
    """

    loss_retrained: float
    loss_estimated: float
    loss_all_retrained: float
    loss_all_estimated: float
    outputs_apart: float | None
    same_labels: float | None
    direction: float | None
    distance_retrained: float
    distance_estimated: float


@dataclass(frozen=True, eq=False)
class Retrained:
    """Weights trained on the changed data, and how far the estimate agrees with them.

    Attributes:
        start: ``"given"`` (fine-tuning from w̄), ``"estimate"``, ``"scratch"``, or ``"theirs"`` (passed in).
        step: `(p,)` from the given weights to the trained ones.
        gradients: full-batch gradients that training took.
        gradient_left: length of the objective's gradient at the trained weights over that at the given ones: what is
            not small has not converged. None where it is 0 at the given ones.
        status: how training ended, in words.
        agreement: with the estimate.
    """

    start: str
    step: torch.Tensor = field(repr=False)
    gradients: int
    gradient_left: float | None
    status: str
    agreement: Agreement


def retrain(
    found: Stepped, start: str = "given", gradients: int = 200, seed: int = 0, tell: Tell = silent
) -> Retrained:
    """Train on the changed data, and compare.

    Args:
        found: an estimate.
        start: ``"given"``: from w̄; ``"estimate"``: from the estimated weights; ``"scratch"``: from weights that the
            module's own layers draw (`reset_parameters`); buffers, such as batch statistics, stay as they are.
        gradients: full-batch gradients that it may take.
        seed: of the weights drawn.
        tell: told the stage in words and the fraction done.

    Raises:
        InputError: an unknown start, no gradients, or a module some of whose parameters cannot be drawn anew.
    """
    if start not in STARTS:
        raise InputError("retrain", f"start '{start}'", f"use one of {', '.join(STARTS)}")
    require_whole("gradients", gradients, 1)
    require_whole("seed", seed)
    problem, valued = found.problem, _objective(found)
    first = {"given": lambda: problem.w, "estimate": lambda: problem.w + found.step,
             "scratch": lambda: _drawn(problem.module, seed).to(problem.w)}[start]()
    w, spent, status = _minimised(valued, first, gradients, part(tell, 0.0, 0.98), _WHERE[start])
    tell("comparing", 0.98)
    return _compared(found, valued, start, w, spent, status)


def compare(found: Stepped, state: Mapping[str, torch.Tensor]) -> Retrained:
    """The estimate beside weights that somebody trained: a state dict of the same module.

    Raises:
        InputError: names or shapes that are not the module's; buffers, such as batch statistics, that differ from its.
    """
    function, parts = found.problem.function, []
    _require_rest(found.problem.module, state)
    for name, shape in zip(function.names, function.shapes, strict=True):
        value = as_tensor(state[name], name) if name in state else None
        if value is None or value.shape != shape:
            shown = "missing" if value is None else f"of shape {tuple(value.shape)}"
            raise InputError("compare", f"parameter '{name}' is {shown}",
                             f"give a state_dict that has it, of shape {tuple(shape)}")
        if not bool(torch.isfinite(value).all()):
            raise InputError("compare", f"parameter '{name}' holds NaN or infinity", "give finite weights")
        parts.append(value.to(found.problem.w).flatten())
    w = torch.cat(parts)
    return _compared(found, _objective(found), "theirs", w, 0, "trained elsewhere")


def _require_rest(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Refuse what is no parameter of the module and no buffer as it is."""
    own, buffers = module.state_dict(), dict(module.named_buffers())
    odd = [name for name in state if name not in own]
    if odd:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        raise InputError("compare", f"the module has no '{odd[0]}'{more}", "give a state_dict of this module alone")
    for name, value in buffers.items():
        theirs = as_tensor(state[name], name) if name in state else value
        if value.is_floating_point() and not (
            theirs.shape == value.shape and torch.allclose(theirs.to(value), value, rtol=1e-5, atol=1e-7)
        ):
            raise InputError("compare", f"buffer '{name}' is not that of the module, which an estimate holds fixed",
                             "train in eval mode, or leave the buffers out to compare the weights with these buffers")


def _compared(found: Stepped, valued: Valued, start: str, w: torch.Tensor, spent: int, status: str) -> Retrained:
    before, after = (float(valued(at)[1].double().norm()) for at in (found.problem.w, w))
    left = after / before if before > 0 and math.isfinite(after) else None
    return Retrained(start, w - found.problem.w, spent, left, status, _agreement(found, w))


def _agreement(found: Stepped, w: torch.Tensor) -> Agreement:
    problem, change, e = found.problem, found.change, found.evidence
    X, y = change.data(problem)
    old, new, est = (problem.function.all_outputs(at, X).double() for at in (problem.w, w, problem.w + found.step))
    target = y.double() if y.is_floating_point() else y
    values, rows = problem.loss.values(new, target), change.rows
    weights = change.sample_weights(problem).double()
    v, t = found.step.double(), (w - problem.w).double()
    size, moved = float(v.norm() * t.norm()), float((new - old).norm())
    labels = None
    if problem.loss.name != "squared":
        a, b = ((f.argmax(1) if f.shape[1] > 1 else f[:, 0] > 0) for f in (new, est))
        labels = float((a == b).double().mean())
    return Agreement(
        loss_retrained=float(values[rows].mean()), loss_estimated=e.loss_after,
        loss_all_retrained=float((weights * values).sum() / problem.n), loss_all_estimated=e.loss_all_after,
        outputs_apart=float((est - new).norm()) / moved if moved > 0 else None, same_labels=labels,
        direction=float(v @ t) / size if size > 0 else None,
        distance_retrained=float(t.norm()), distance_estimated=float(v.norm()),
    )


def _objective(found: Stepped) -> Valued:
    """Value and gradient of what has its minimum where the question has its solution."""
    problem, change = found.problem, found.change
    X, y = change.data(problem)
    s = change.sample_weights(problem)
    to_outputs = problem.base == "given" and found.rows is not None
    goal = _goal(found) if to_outputs else None
    tilt = gradient(problem) if problem.base == "given" and not to_outputs else None

    def row_values(f: torch.Tensor, part: slice) -> torch.Tensor:
        if goal is not None:
            apart = f - goal[part]
            return (centred(apart) if centres(problem) else apart).square().sum(1) / 2
        return s[part] * problem.loss.values(f, y[part])

    def valued(at: torch.Tensor) -> tuple[float, torch.Tensor]:
        w = at.detach().clone().requires_grad_(True)
        value = 0.0
        for some in problem.function.over(problem.n):
            term = row_values(problem.function.outputs(w, X[some]), some).sum() / problem.n
            term.backward()  # type: ignore[no-untyped-call]
            value += float(term.detach())
        assert w.grad is not None
        slope, inside = w.grad, at.detach()
        if goal is None and problem.weight_decay:
            value += problem.weight_decay / 2 * float(inside.square().sum())
            slope = slope + problem.weight_decay * inside
        if tilt is not None:
            value -= float(tilt @ (inside - problem.w))
            slope = slope - tilt
        return value, slope

    return valued


def _goal(found: Stepped) -> torch.Tensor:
    """The outputs that all rows should have."""
    problem, change = found.problem, found.change
    goal = problem.function.all_outputs(problem.w, problem.X)
    if change.parameter != "features":
        goal[change.rows] += wanted(problem, change)
    return goal


def _minimised(
    valued: Valued, start: torch.Tensor, gradients: int, tell: Tell, where: str
) -> tuple[torch.Tensor, int, str]:
    """The best weights that L-BFGS saw, how many gradients it took, and how it ended."""
    w = start.detach().clone().requires_grad_(True)
    spent, best, best_value = 0, w.detach().clone(), math.inf
    solver = torch.optim.LBFGS([w], lr=1.0, max_iter=gradients, max_eval=gradients, history_size=HISTORY,
                               tolerance_grad=0.0, tolerance_change=0.0, line_search_fn="strong_wolfe")

    def closure() -> float:
        nonlocal spent, best, best_value
        value, slope = valued(w)
        tell(f"training again from {where}, gradient {spent + 1} of {gradients}", spent / gradients)
        spent += 1
        if math.isfinite(value) and value < best_value:
            best, best_value = w.detach().clone(), value
        w.grad = slope
        return value

    solver.step(closure)  # type: ignore[no-untyped-call]
    if not math.isfinite(best_value):
        return best, spent, "no finite value was found"
    return best, spent, "all gradients were spent" if spent >= gradients else "no further descent was found"


def _drawn(module: nn.Module, seed: int) -> torch.Tensor:
    """Weights as the module's own layers draw them, by a seed; the generators of others are left alone."""
    new = copy.deepcopy(module)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name, part in new.named_modules():
            own = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
            if callable(own):
                own()
            elif any(True for _ in part.parameters(recurse=False)):
                raise InputError("retrain", f"'{name or type(part).__name__}' has parameters and no reset_parameters",
                                 'use start = "given", or pass weights of your own training to compare')
    return torch.cat([p.detach().flatten() for p in new.parameters()])
