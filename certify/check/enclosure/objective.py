"""The training objective as a function of the outputs: slopes and curvatures of every row's term, in balls."""

from __future__ import annotations

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


def objective(problem: Problem, outputs: arb_mat, tilt: arb_mat | None = None, curved: bool = True) -> Objective:
    """Slopes and curvatures at the outputs of all rows, after the change where the problem is the changed one.

    Args:
        problem: a problem with the critical map.
        outputs: `(n, k)`.
        tilt: `(n, k)`, the c_i; None for 0.
        curved: whether curvatures are asked for.
    """
    n, bent = outputs.nrows(), curvatures(problem, outputs) if curved else []
    plain = losses(problem, outputs).slopes * (ONE / n)
    changed = problem.changed
    if changed is not None and changed.shifts is not None:
        plain = plain - arb_mat([list(u) for u in changed.shifts]) * (ONE / n)
    if changed is not None and changed.shares is not None:
        plain = arb_mat([[s * v for v in row] for s, row in zip(changed.shares, plain.tolist(), strict=True)])
        bent = [M * s for s, M in zip(changed.shares, bent, strict=curved)]
    if problem.row_weights is not None:
        own = [arb(c) for c in problem.row_weights]
        plain = arb_mat([[s * v for v in row] for s, row in zip(own, plain.tolist(), strict=True)])
        bent = [M * s for s, M in zip(own, bent, strict=curved)]
    return Objective(plain, plain if tilt is None else plain - tilt, tuple(M * (ONE / n) for M in bent))


def curvatures(problem: Problem, outputs: arb_mat) -> list[arb_mat]:
    """`∂²ℓ_i/∂f²` of every row."""
    loss = loss_of(problem)
    return [arb_mat(loss.curvature(problem, i, row)) for i, row in enumerate(outputs.tolist())]
