"""The training objective as a function of the outputs: slopes and curvatures of every row's term, in balls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.gradients import losses
from certify.check.enclosure.losses.base import loss_of
from certify.check.linalg.balls import ONE
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Objective:
    """`ψ_i(f) = s_i ℓ_i(f)/n − ⟨c_i, f⟩`, so that `L_c = Σ_i ψ_i(f(x_i, w)) + (λ/2)|w|²`; s_i is the weight of row i.

    Attributes:
        plain: `(n, k)`, row i is `g_i/n`, `g_i = s_i ∂ℓ_i/∂f`.
        slopes: `(n, k)`, row i is `g_i/n − c_i`, the slope of ψ_i.
        curvatures: `M_i/n`, `M_i = s_i ∂²ℓ_i/∂f²`, one `k × k` matrix a row.
    """

    plain: arb_mat
    slopes: arb_mat
    curvatures: tuple[arb_mat, ...]


def objective(problem: Problem, outputs: arb_mat, tilt: arb_mat | None = None) -> Objective:
    """Slopes and curvatures at the outputs of all rows, after the change where the problem is the changed one.

    Args:
        problem: a problem with the critical map.
        outputs: `(n, k)`.
        tilt: `(n, k)`, the c_i; None for 0.
    """
    n, bent, plain = outputs.nrows(), curvatures(problem, outputs), plain_slopes(problem, outputs)
    for shares in _shares(problem):
        bent = [M * s for s, M in zip(shares, bent, strict=True)]
    return Objective(plain, plain if tilt is None else plain - tilt, tuple(M * (ONE / n) for M in bent))


def plain_slopes(problem: Problem, outputs: arb_mat) -> arb_mat:
    """The first of them alone."""
    each, changed = ONE / outputs.nrows(), problem.changed
    plain = losses(problem, outputs).slopes * each
    if changed is not None and changed.shifts is not None:
        plain = plain - arb_mat([list(u) for u in changed.shifts]) * each
    for shares in _shares(problem):
        plain = arb_mat([[s * v for v in row] for s, row in zip(shares, plain.tolist(), strict=True)])
    return plain


def _shares(problem: Problem) -> list[Sequence[arb]]:
    """What every row's term is multiplied by, one after the other: what a change leaves of it, and its weight."""
    changed, own = problem.changed, problem.row_weights
    first = [] if changed is None or changed.shares is None else [changed.shares]
    return [*first, *([] if own is None else [[arb(c) for c in own]])]


def curvatures(problem: Problem, outputs: arb_mat) -> list[arb_mat]:
    """`∂²ℓ_i/∂f²` of every row."""
    loss = loss_of(problem)
    return [arb_mat(loss.curvature(problem, i, row)) for i, row in enumerate(outputs.tolist())]
