"""Corrector steps after the first-order step: errors are those of the real network, derivatives the old ones.

Asked for by number, steps are taken while they lessen the error. Left out, with base ``"nearby"`` steps towards a
critical point go on while each, shortened to an eighth if need be, takes a tenth off, ten at most:

* in output space off the mean loss of the moved rows: each is a Newton step of their outputs from where the last one
  ended; none may raise the loss of all rows, and none follows once that of the moved rows is as low as the others';
* in weight space, where a damping was chosen, off the gradient of the changed loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.estimation.change import Change
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.options import EstimateOptions
from certify.estimation.solvers.meter import Meter
from certify.problem.progress import part

Tell = Callable[[str, float], None]

MOST_UNASKED = 10
"""Steps that are taken unasked, at most."""

ENOUGH = 0.9
"""A step that was not asked for has to leave less than this share of what it lessens; else it was the last."""

SHARES = (1.0, 0.5, 0.25, 0.125)
"""Shares of such a step that are tried: the derivatives are the old ones, and a whole step may go too far."""


@dataclass(frozen=True)
class Corrector:
    """What became of one corrector step.

    Attributes:
        gradients: wall time that it took, in full-batch gradients.
        left: the error after it, over that of the first-order step.
        taken: whether it lessened the error; else it is left out, and is the last.
    """

    gradients: float
    left: float
    taken: bool


@dataclass(frozen=True)
class Onward:
    """How many corrector steps there may be, and when they stop.

    Attributes:
        most: steps at most.
        asked: whether that many were asked for; else the steps stop when one does not lessen by a tenth.
    """

    most: int
    asked: bool = True

    @property
    def lengths(self) -> tuple[float, ...]:
        """Shares of a step that are tried until one lessens enough, else the best is taken; whole where asked for."""
        return (1.0,) if self.asked else SHARES

    @property
    def enough(self) -> float:
        """Share of the error that a step may leave, for another to follow it."""
        return 1.0 if self.asked else ENOUGH


def corrected(
    v: torch.Tensor, onward: Onward, lack: Callable[[torch.Tensor], torch.Tensor],
    answer: Callable[[torch.Tensor, Tell], torch.Tensor], meter: Meter, tell: Tell,
    measure: Callable[[torch.Tensor], float] | None = None, level: float = 0.0,
) -> tuple[torch.Tensor, tuple[Corrector, ...]]:
    """Chord steps: `v ← v + answer(lack(v))` while that lessens `|lack(v)|`.

    Where first order says nothing, further steps lead away: so the first that does not help is the last.

    Args:
        v: the first-order step.
        onward: how many at most, and when they stop.
        lack: what the real network still lacks after a step.
        answer: the step that answers this to first order, with the derivatives of the given weights; told its own
            progress.
        meter: times each; inside a stage.
        tell: told the stage and the fraction done.
        measure: what a step has to lessen; None: the length of what is lacking.
        level: a measure at which no further step is needed.
    """
    made: list[Corrector] = []
    error = lack(v) if onward.most else v

    def measured(new: torch.Tensor, lacking: torch.Tensor) -> float:
        return float(lacking.double().norm()) if measure is None else measure(new)

    first = size = measured(v, error) if onward.most else 0.0
    while len(made) < onward.most and size > level:
        begun, done = meter.now(), len(made)
        tell(f"corrector {done + 1} of {'' if onward.asked else 'at most '}{onward.most}", done / onward.most)
        step = answer(error, part(tell, done / onward.most, (done + 1) / onward.most))
        new, left, after = v, error, math.inf
        for length in onward.lengths:
            tried = v + length * step
            lacking = lack(tried)
            found = measured(tried, lacking)
            if not after <= found:
                new, left, after = tried, lacking, found
            if after <= onward.enough * size:
                break
        made.append(Corrector(meter.now() - begun, after / first, after < size))
        if not after < size:
            break
        last = after > onward.enough * size
        v, error, size = new, left, after
        if last:
            break
    return v, tuple(made)


def untaken(correctors: tuple[Corrector, ...], what: str) -> str:
    """Words on a corrector that was not taken; empty where all were.

    >>> untaken((Corrector(2.0, 0.1, True), Corrector(2.0, 0.5, False)), "the gradient")
    '; corrector 2 did not lessen the gradient: it was not taken, nor any after it'
    """
    if not correctors or correctors[-1].taken:
        return ""
    return f"; corrector {len(correctors)} did not lessen {what}: it was not taken, nor any after it"


def unasked(correctors: tuple[Corrector, ...], onward: Onward, what: str) -> str:
    """Words on steps that were not asked for: how many were taken, and why no more; empty where there were none.

    >>> unasked((Corrector(2.0, 0.1, True), Corrector(2.0, 0.092, True)), Onward(10, False), "the gradient")
    '; 2 further steps left 0.092 of the gradient, and the last took less than a tenth off'
    """
    taken = [one for one in correctors if one.taken]
    if onward.asked or not correctors:
        return ""
    count = f"{len(taken)} further step{'' if len(taken) == 1 else 's'}"
    if not taken:
        return f"; no further step: the first did not lessen {what}"
    before = taken[-2].left if len(taken) > 1 else 1.0
    if len(correctors) > len(taken):
        why = "the next would not have helped"
    elif taken[-1].left > onward.enough * before:
        why = "the last took less than a tenth off"
    elif len(taken) == onward.most:
        why = "no more are taken unasked"
    else:
        why = "that is as low as that of the rows that did not move"
    return f"; {count} left {taken[-1].left:.2g} of {what}, and {why}"


def onward_of(options: EstimateOptions, approaches: bool) -> Onward:
    """The corrector steps asked for or, left out, those that go on towards a critical point while they help."""
    if options.corrector_steps is not None:
        return Onward(options.corrector_steps)
    return Onward(MOST_UNASKED if approaches else 0, asked=False)


def searched(problem: ModuleProblem, change: Change, v: torch.Tensor) -> torch.Tensor:
    """The step, halved while that lowers the mean loss on the moved rows."""
    y = change.targets(problem)

    def loss(t: float) -> float:
        return problem.loss.mean(change.outputs(problem, problem.w + t * v), y)

    t, best = 1.0, loss(1.0)
    while t > 1e-3 and (half := loss(t / 2)) < best:
        t, best = t / 2, half
    return t * v
