"""The moving data in an interpolation system, also where critical points are its solutions (M3, M5a)."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.gradients import losses
from certify.check.enclosure.losses.base import loss_of
from certify.check.enclosure.network import Forward
from certify.check.enclosure.objective import curvatures
from certify.check.linalg.balls import ZERO, mirrored
from certify.check.reading.subject import Problem

Block = list[list[arb]]


def contrasted_kernel(K: arb_mat, k: int, equations: int) -> arb_mat:
    """`(I⊗V)K(I⊗V)ᵀ`, V the k − 1 differences `f_a − f_k` of every row; what follows the equations stays (S2)."""
    def apart(values: Sequence[arb]) -> list[arb]:
        return [*_contrasts(values[:equations], k), *values[equations:]]

    across = [apart(row) for row in K.tolist()]
    down = [apart(column) for column in zip(*across, strict=True)]
    return mirrored([list(row) for row in zip(*down, strict=True)])


def responses(problem: Problem, passed: Forward) -> list[list[arb]]:
    """How a row's outputs answer to its weight where `s_ig_i` is constant: `M_i⁻¹g_i`, up to sign.

    Base `nearby`: every g_i is 0 there. Cross-entropy: the contrasts of `g_ia/(|q_i|₁ softmax_a)`, since
    `M_iv = |q_i|₁ softmax ∘ (v − ⟨softmax, v⟩)`.
    """
    moving, k = problem.moving, problem.outputs
    if problem.nearby:
        return [[ZERO] * problem.block for _ in moving]
    slopes = losses(problem, passed.outputs).slopes.tolist()
    if not loss_of(problem).invariant:
        M = curvatures(problem, passed.outputs)
        return [[slopes[i][a] / M[i][a, a] for a in range(k)] for i in moving]
    from certify.check.enclosure.losses.cross_entropy import softmax, weight

    outputs = passed.outputs.tolist()
    return [_contrasts([g / (weight(problem, i) * p) for g, p in zip(slopes[i], softmax(outputs[i]), strict=True)], k)
            for i in moving]


def _contrasts(values: Sequence[arb], k: int) -> list[arb]:
    """The differences of every k numbers in turn with the last of them."""
    return [values[i + a] - values[i + k - 1] for i in range(0, len(values), k) for a in range(k - 1)]


def _dot(u: list[arb], v: list[arb]) -> arb:
    return sum((x * y for x, y in zip(u, v, strict=True)), ZERO)
