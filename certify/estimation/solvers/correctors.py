"""Corrector steps after the first-order step: errors are those of the real network, derivatives the old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from certify.estimation.solvers.meter import Meter
from certify.problem.progress import part

Tell = Callable[[str, float], None]


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


def corrected(
    v: torch.Tensor, steps: int, lack: Callable[[torch.Tensor], torch.Tensor],
    answer: Callable[[torch.Tensor, Tell], torch.Tensor], meter: Meter, tell: Tell,
) -> tuple[torch.Tensor, tuple[Corrector, ...]]:
    """Chord steps: `v ← v + answer(lack(v))` while that lessens `|lack(v)|`.

    Where first order says nothing, further steps lead away: so the first that does not help is the last.

    Args:
        v: the first-order step.
        steps: how many at most.
        lack: what the real network still lacks after a step.
        answer: the step that answers this to first order, with the derivatives of the given weights; told its own
            progress.
        meter: times each; inside a stage.
        tell: told the stage and the fraction done.
    """
    made: list[Corrector] = []
    error = lack(v) if steps else v
    first = size = float(error.double().norm())
    while len(made) < steps and size > 0:
        begun, done = meter.now(), len(made)
        tell(f"corrector {done + 1} of {steps}", done / steps)
        new = v + answer(error, part(tell, done / steps, (done + 1) / steps))
        left = lack(new)
        after = float(left.double().norm())
        made.append(Corrector(meter.now() - begun, after / first, after < size))
        if not after < size:
            break
        v, error, size = new, left, after
    return v, tuple(made)


def untaken(correctors: tuple[Corrector, ...], what: str) -> str:
    """Words on a corrector that was not taken; empty where all were.

    >>> untaken((Corrector(2.0, 0.1, True), Corrector(2.0, 0.5, False)), "the gradient")
    '; corrector 2 did not lessen the gradient: it was not taken, nor any after it'
    """
    if not correctors or correctors[-1].taken:
        return ""
    return f"; corrector {len(correctors)} did not lessen {what}: it was not taken, nor any after it"
