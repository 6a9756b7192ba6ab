"""`certify.estimate`: the new solution set after a change of the training data, to first order, with evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from certify.estimation.change import Change, change_of
from certify.estimation.derivatives.jacobian import centred
from certify.estimation.evidence import Evidence, measure
from certify.estimation.krylov import Solved
from certify.estimation.model.fully_connected import module_problem_of, of_loaded
from certify.estimation.model.functional import require_finite
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions, options_of, require_whole
from certify.estimation.retraining import Retrained, compare, retrain
from certify.estimation.routing import in_output_space, require_asked
from certify.estimation.solvers.correctors import (
    Corrector,
    Onward,
    corrected,
    onward_of,
    searched,
    unasked,
    untaken,
)
from certify.estimation.solvers.meter import Cost, Meter
from certify.estimation.solvers.output_space import Rows, approach, centres, held_loss, rows_of, wanted
from certify.estimation.solvers.system import FirstAnswer, System, failure, with_failure
from certify.estimation.solvers.weight_space import chord_steps, kernel_part, require_left, weight_space_step
from certify.format.errors import InputError
from certify.problem.progress import forward, part, silent

if TYPE_CHECKING:
    from certify.problem.problem import Problem

Tell = Callable[[str, float], None]

DIRECT = "solved directly"

MEASURED = 0.9
"""Share of the work, for progress alone, that is done before the evidence."""


@dataclass(frozen=True, eq=False)
class Estimate:
    r"""An estimate (rigour: estimated) of the solutions after the change: `w + v + ker`, with its evidence.

    Attributes:
        problem, change, options: what was asked.
        step: `(p,)` the minimum-norm member v at t = 1 (with correctors, if asked).
        response: the part of the step that answers the change of the data (with ``apart=False``: both parts).
        stationary: `−H⁺∇L`, the part that would lead the given weights to a critical point; it is added to the step
            only with base ``"nearby"``. 0 where `∇L` is less than what the solver leaves of the response. In output
            space it is computed for that base alone (else None), with the Gauss–Newton matrix and for the losses of the
            rows that change (:mod:`certify.estimation.solvers.output_space`).
        residual: relative residual of the linear system for the response, computed from it: of the system that was
            solved, which `system` names.
        status: what became of it, in words; it begins with "failed" where `failure` says why.
        ended: how the solve for the response ended, in a word or two: a
            :class:`certify.estimation.krylov.Status`, or "solved directly".
        correctors: what became of each corrector step.
        system: which linear system was solved: its damping, who chose it and why, the residual without it.
        cost: of the step, in full-batch gradients.
        evidence: measured on the real network.
        start: with ``hold="all"``: the step that looks at the moved rows alone, with its own evidence and cost.
        history: relative residual after each iteration of the solver.
        history_cost: what had been spent by then, in gradients; empty in weight space.
        rows: in output space: the equations, to be `prepared` for the next estimate.
    """

    problem: ModuleProblem
    change: Change
    options: EstimateOptions = field(repr=False)
    step: torch.Tensor = field(repr=False)
    response: torch.Tensor = field(repr=False)
    stationary: torch.Tensor | None = field(repr=False)
    residual: float
    status: str
    ended: str = field(repr=False)
    correctors: tuple[Corrector, ...]
    system: System = field(repr=False)
    cost: Cost = field(repr=False)
    evidence: Evidence = field(repr=False)
    start: Estimate | None = field(default=None, repr=False)
    history: tuple[float, ...] = field(default=(), repr=False)
    history_cost: tuple[float, ...] = field(default=(), repr=False)
    rows: Rows | None = field(default=None, repr=False)

    @property
    def failure(self) -> str:
        """Why it is none, in words: the residual of the system that was solved is above 0.5; empty where it is one."""
        return failure(self.residual, self.system)

    @property
    def loss_before(self) -> float:
        """Mean loss on the moved rows, data changed, at the given parameters."""
        return self.evidence.loss_before

    @property
    def loss_after(self) -> float:
        """Mean loss on the moved rows, data changed, at the estimated parameters."""
        return self.evidence.loss_after

    @property
    def loss_all_before(self) -> float:
        """Mean loss on all rows, data changed, at the given parameters."""
        return self.evidence.loss_all_before

    @property
    def loss_all_after(self) -> float:
        """Mean loss on all rows, data changed, at the estimated parameters."""
        return self.evidence.loss_all_after

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The estimated new parameters by name, with the module's buffers: `module.load_state_dict` takes it."""
        module, function = self.problem.module, self.problem.function
        new = function.named(self.problem.w + self.step)
        first: dict[int, str] = {}
        state = {name: value.detach().clone() for name, value in module.state_dict().items()}
        for name, parameter in module.named_parameters(remove_duplicate=False):  # a shared one has several names
            state[name] = new[first.setdefault(id(parameter), name)].clone()
        return state

    def sample_members(self, count: int, scale: float = 1.0, seed: int = 0, tell: Tell = silent) -> list[Member]:
        """Other members of the estimated set: the step plus random directions that change no output to first order.

        A random vector of length `scale·|step|` is projected onto the kernel of the Jacobian (in weight space: of the
        Hessian), which costs a solve for each; all are solved together.

        Raises:
            InputError: the set is one point: the Jacobian or the Hessian has full rank, or damping was asked for; or
                the solver did not get far enough to tell.
        """
        require_whole("count", count, 1)
        require_whole("seed", seed)
        if not isinstance(scale, int | float) or not 0 < scale < float("inf"):
            raise InputError("scale", f"{scale!r}", "give a positive number")
        if self.system.damping:
            raise InputError("sample_members", "damping, with which the estimated set is one point",
                             "give damping = 0")
        generator = torch.Generator().manual_seed(seed)
        p = self.problem.p
        length = float(self.step.norm()) or 1.0
        raw = torch.randn(count, p, generator=generator).to(self.step)
        raw *= scale * length / raw.norm(dim=1, keepdim=True)
        meter = Meter(self.cost.gradient_seconds, self.step)
        if self.rows is None:
            moves = kernel_part(self.problem, raw, self.options, tell)
        else:
            apply = self.rows.jacobian.product
            moves = raw - self.rows.solve(apply(raw), None, self.options, meter, tell)[1]
            require_left(apply, raw, moves, self.options, "Jacobian")
        base = self.problem.function.all_outputs(self.problem.w, self.problem.X)
        return [Member(self, self.step + move, measure(self.problem, self.change, self.step + move, base))
                for move in moves]

    def retrain(self, start: str = "given", gradients: int = 200, seed: int = 0, tell: Tell = silent) -> Retrained:
        """Train on the changed data after all, as evidence: :func:`certify.estimation.retraining.retrain`."""
        return retrain(self, start, gradients, seed, tell)

    def compare(self, state: Mapping[str, torch.Tensor]) -> Retrained:
        """The estimate beside weights of your own training: :func:`certify.estimation.retraining.compare`."""
        return compare(self, state)


@dataclass(frozen=True, eq=False)
class Member:
    """One member of the estimated set, with its own evidence."""

    of: Estimate = field(repr=False)
    step: torch.Tensor = field(repr=False)
    evidence: Evidence

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Its parameters by name."""
        return replace(self.of, step=self.step).state_dict()


def estimate(
    problem: ModuleProblem | Problem, u: Any, rows: Sequence[int] | None = None, *, parameter: str | None = None,
    progress: Tell | None = None, prepared: Rows | None = None, first: Callable[[FirstAnswer], None] | None = None,
    **options: Any,
) -> Estimate:
    r"""Estimate the solutions after the listed rows moved by u, without training again.

    Interpolation, and critical points with base ``"given"`` and as many parameters as equations: in output space,
    `v = −J⁺J_u u`, the moved rows first, then all of them. Otherwise in weight space, `v = −H⁺Cu`.

    Args:
        problem: from `certify.Problem.from_module`, or one that was loaded
            (:mod:`certify.estimation.model.fully_connected`).
        u: the change: `(len(rows), *X.shape[1:])` for features.
        rows: the rows that change; default all.
        parameter: ``"features"``, ``"targets"`` or ``"sample_weights"`` (−1 deletes a row); default that of a loaded
            problem, else features.
        progress: told the stage in words and the fraction of the whole that is done.
        prepared: `estimate.rows` of an earlier estimate of the same problem: the kernel is not made again.
        first: given a first answer as soon as there is one, where the whole takes longer.
        options: fields of :class:`EstimateOptions`.

    Returns:
        An :class:`Estimate`: never a proof.

    Raises:
        InputError: what does not fit the problem.
    """
    tell = forward(progress or silent)
    chosen = options_of(options)
    if not isinstance(problem, ModuleProblem):
        from certify.problem.problem import Problem

        if not isinstance(problem, Problem):
            raise InputError("problem", f"a {type(problem).__name__}",
                             "give what certify.Problem.from_module or certify.load_problem returns")
        parameter, rows, u = of_loaded(problem, u, rows, parameter)
        problem = module_problem_of(problem)
    change = change_of(problem, u, rows, parameter or "features")
    outputs = in_output_space(problem, chosen)
    require_asked(problem, chosen, outputs, prepared)
    tell("one gradient", 0.0)
    meter = Meter.of(problem)
    with meter.evidence():
        base = problem.function.all_outputs(problem.w, problem.X)
    require_finite(base, "outputs of the module")
    if outputs:
        found = _output_space(problem, change, chosen, meter, base, prepared, part(tell, 0.02, 1.0), first)
    else:
        found = _weight_space(problem, change, chosen, meter, base, part(tell, 0.02, 1.0), first)
    tell("evidence", 1.0)
    return found


def _solved(options: EstimateOptions) -> float:
    """Share of the work, for progress alone, that is done before the correctors, each of which solves again."""
    return MEASURED / (1 + options.steps)


def _output_space(
    problem: ModuleProblem, change: Change, options: EstimateOptions, meter: Meter, base: torch.Tensor,
    prepared: Rows | None, tell: Tell, first: Callable[[FirstAnswer], None] | None,
) -> Estimate:
    last = options.hold == "moved" or len(change.rows) == problem.n
    share = 1.0 if last else min(0.5, len(change.rows) / problem.n)
    told, rest = part(tell, 0.0, share), part(tell, share, 1.0)
    prepared_at = 0.6 * _solved(options)
    with meter.stage("moved rows"):
        b = wanted(problem, change)
        extra = approach(problem, change)
        asked = torch.stack([b] if extra is None else [b, extra])  # (1 or 2, m, k)
        some = rows_of(problem, problem.X[change.rows], options, part(told, 0.0, prepared_at))
        z, v, solved = some.solve(asked.flatten(1), None, options, meter, part(told, prepared_at, _solved(options)))
        goal = base.clone()
        goal[change.rows] += (b if change.moves_outputs else 0.0) + (0.0 if extra is None else extra)
    found = _finished(_Answer(problem, change, options, base, goal, some, asked, v, solved, None, last), meter, told)
    if last:
        return found
    if first is not None:
        first(FirstAnswer(found.loss_before, found.loss_after, found.residual, "other rows not held yet"))
    with meter.stage("all rows"):
        whole = prepared or rows_of(problem, problem.X, options, part(rest, 0.0, prepared_at))
        right = torch.zeros(len(asked), problem.n, problem.k, dtype=b.dtype, device=b.device)
        right[:, change.rows] = asked
        begun = torch.zeros_like(right)
        begun[:, change.rows] = z.reshape(asked.shape)
        if not options.apart:
            right, begun = right.sum(0, keepdim=True), begun.sum(0, keepdim=True)
        z, v, solved = whole.solve(right.flatten(1), begun.flatten(1), options, meter,
                                   part(rest, prepared_at, _solved(options)))
    return _finished(_Answer(problem, change, options, base, goal, whole, right, v, solved, found, True), meter, rest)


@dataclass(frozen=True, eq=False)
class _Answer:
    """A system in output space and its solution: the response, and the part towards a critical point if asked for."""

    problem: ModuleProblem
    change: Change
    options: EstimateOptions
    base: torch.Tensor
    goal: torch.Tensor
    rows: Rows
    asked: torch.Tensor
    parts: torch.Tensor
    solved: Solved | None
    start: Estimate | None
    last: bool


def _finished(a: _Answer, meter: Meter, tell: Tell) -> Estimate:
    """Correctors and line search where this is the last step, and the evidence."""
    response, stationary = a.parts[0], a.parts[1] if len(a.parts) > 1 else None
    made: tuple[Corrector, ...]
    v, b, made = a.parts.sum(0), a.asked[:1].flatten(1), ()
    onward = onward_of(a.options, a.problem.solution.approaches)
    if a.last:
        with meter.stage("correctors"):
            v, made = _corrected(a, v, onward, meter, part(tell, _solved(a.options), MEASURED))
            if a.options.line_search:
                v = searched(a.problem, a.change, v)
    with meter.evidence():
        tell("evidence", MEASURED)
        found = measure(a.problem, a.change, v, a.base)
        undamped = float((b - a.rows.jacobian.product(response[None])).norm() / b.norm()) if b.any() else 0.0
    damped = a.options.shift > 0 and a.solved is not None and bool(b.any())
    residual = float(a.solved.residual[0]) if damped and a.solved is not None else undamped
    system = System("kernel", a.options.shift, undamped=undamped if damped else None, preconditioner=a.rows.words())
    said = [f"solved directly; relative residual {residual:.2g}"] if a.solved is None else list(a.solved.words())
    if b.any() and not response.any():
        said[0] += "; no step is taken, since that one leaves more than there was"
    lessened = "the error of the outputs" if onward.asked else "the mean loss of the moved rows"
    words = "; towards a critical point: ".join(said) + system.words() + (
        untaken(made, lessened) if onward.asked else unasked(made, onward, lessened))
    history = () if a.solved is None else tuple(float(h) for h in a.solved.history[:, 0])
    ended = DIRECT if a.solved is None else str(a.solved.status[0])
    return Estimate(a.problem, a.change, a.options, v, response, stationary, residual,
                    with_failure(words, residual, system), ended, made, system, meter.cost(), found, a.start, history,
                    tuple(meter.marks) if history else (), a.rows)


def _corrected(
    a: _Answer, v: torch.Tensor, onward: Onward, meter: Meter, tell: Tell
) -> tuple[torch.Tensor, tuple[Corrector, ...]]:
    """Chord steps on the error of the outputs; unasked, towards a critical point while the moved rows' loss falls."""
    def answer(error: torch.Tensor, tell: Tell) -> torch.Tensor:
        marks = list(meter.marks)
        found = a.rows.solve(error.reshape(1, -1), None, a.options, meter, tell)[1][0]
        meter.marks[:] = marks  # those of the first solve belong to the history
        return found

    if onward.asked:
        return corrected(v, onward, lambda new: _error(a, new), answer, meter, tell)
    targets = a.change.targets(a.problem)
    X, y = a.change.data(a.problem)

    def whole(new: torch.Tensor) -> float:
        return a.problem.loss.mean(a.problem.function.all_outputs(a.problem.w + new, X), y)

    highest = whole(v) if onward.most else 0.0

    def loss(new: torch.Tensor) -> float:
        own = a.problem.loss.mean(a.change.outputs(a.problem, a.problem.w + new), targets)
        return own if new is v or whole(new) <= highest else math.inf  # the others do not pay for it

    def lack(new: torch.Tensor) -> torch.Tensor:
        now = a.change.outputs(a.problem, a.problem.w + new)
        goal = a.goal.clone()
        goal[a.change.rows] = now + a.problem.loss.towards(now, targets)
        return _error(replace(a, goal=goal), new)

    return corrected(v, onward, lack, answer, meter, tell, loss,
                     held_loss(a.problem, a.change, a.base))


def _error(a: _Answer, v: torch.Tensor) -> torch.Tensor:
    """What the outputs lack at the new weights and data, (rows, k)."""
    X, _ = a.change.data(a.problem)
    whole = len(a.rows.X) == a.problem.n
    x, goal = (X, a.goal) if whole else (X[a.change.rows], a.goal[a.change.rows])
    error = goal - a.problem.function.all_outputs(a.problem.w + v, x)
    return centred(error) if centres(a.problem) else error


def _weight_space(
    problem: ModuleProblem, change: Change, options: EstimateOptions, meter: Meter, base: torch.Tensor, tell: Tell,
    first: Callable[[FirstAnswer], None] | None,
) -> Estimate:
    y = change.targets(problem)

    def hand(v: torch.Tensor, residual: float, system: System) -> None:
        before, after = (problem.loss.mean(change.outputs(problem, w), y) for w in (problem.w, problem.w + v))
        assert first is not None
        first(FirstAnswer(before, after, residual, f"with damping {system.damping:g}"))

    with meter.stage("weight space"):
        found = weight_space_step(problem, change, options, meter, part(tell, 0.0, _solved(options)),
                                  None if first is None else hand)
        shifted, system = problem.solution.base.shifted, found.system
        v = found.response + (0.0 if shifted else found.stationary)
        onward = onward_of(options, system.chosen and not shifted)
        v, made = chord_steps(problem, change, found.answer.again, v, onward, meter,
                              part(tell, _solved(options), MEASURED))
        if options.line_search:
            v = searched(problem, change, v)
    with meter.evidence():
        tell("evidence", MEASURED)
        evidence = measure(problem, change, v, base, of_gradient=True)
    residual = float(found.solved.residual[0])
    words = found.words() + (untaken(made, "the gradient") if onward.asked else unasked(made, onward, "the gradient"))
    return Estimate(problem, change, options, v, found.response, found.stationary, residual,
                    with_failure(words, residual, system), str(found.solved.status[0]), made, system, meter.cost(),
                    evidence, None, tuple(float(h) for h in found.solved.history[:, 0]))
