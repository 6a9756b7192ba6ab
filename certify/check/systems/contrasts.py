"""The moving data in an interpolation system, also where critical points are its solutions (M3, M5a)."""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.check.enclosure.gradients import losses
from certify.check.enclosure.network import Backward, Forward
from certify.check.enclosure.objective import curvatures, softmax
from certify.check.linalg.balls import ONE, ZERO, mirrored
from certify.check.reading.subject import Problem

Block = list[list[arb]]


def contrasted_kernel(K: arb_mat, k: int, equations: int) -> arb_mat:
    """`(I⊗V)K(I⊗V)ᵀ`, V the k − 1 differences `f_a − f_k` of every row; what follows the equations stays (S2)."""
    def apart(values: Sequence[arb]) -> list[arb]:
        return [*_contrasts(values[:equations], k), *values[equations:]]

    across = [apart(row) for row in K.tolist()]
    down = [apart(column) for column in zip(*across, strict=True)]
    return mirrored([list(row) for row in zip(*down, strict=True)])


def moved_blocks(problem: Problem, passed: Forward, adjoint: Backward) -> dict[int, Block]:
    """The diagonal blocks of Q that are not zero by definition: kept position → block.

    Features: `G_iG_iᵀ`; targets: the unit matrix; sample weights (M5a alone): `v_iv_iᵀ`, `M_iv_i = g_i`. With
    cross-entropy all of it of the contrasts.
    """
    k, place = problem.outputs, {row: at for at, row in enumerate(problem.kept)}
    at_rows = [place[row] for row in problem.moving]
    if problem.parameter == "targets":
        unit = [[ONE if a == b else ZERO for b in range(k)] for a in range(k)]
        return {at: unit for at in at_rows}
    if problem.parameter == "sample_weights":
        return {at: [[x * y for y in v] for x in v] for at, v in zip(at_rows, _responses(problem, passed), strict=True)}
    G = adjoint.gradients.tolist()
    blocks = {}
    for at in at_rows:
        rows = [G[at * k + a] for a in range(k)]
        if problem.contrasts:
            rows = [[u - v for u, v in zip(row, rows[-1], strict=True)] for row in rows[:-1]]
        blocks[at] = [[_dot(u, v) for v in rows] for u in rows]
    return blocks


def moved_sets(problem: Problem, passed: Forward, adjoint: Backward) -> dict[int, Block]:
    """Of each row that may move the matrix G_i whose `G_iu_i` is what u_i does to the equations of M5a.

    Features: `∂f_i/∂x`; targets: I; sample weights: the one column v_i. With cross-entropy of the contrasts.
    """
    k, place = problem.outputs, {row: at for at, row in enumerate(problem.kept)}
    at_rows = [place[row] for row in problem.moving]
    if problem.parameter == "targets":
        return {at: [[ONE if a == b else ZERO for b in range(k)] for a in range(k)] for at in at_rows}
    if problem.parameter == "sample_weights":
        return {at: [[x] for x in v] for at, v in zip(at_rows, _responses(problem, passed), strict=True)}
    G = adjoint.gradients.tolist()
    found = {at: G[at * k:at * k + k] for at in at_rows}
    if problem.contrasts:
        found = {at: [[u - v for u, v in zip(row, rows[-1], strict=True)] for row in rows[:-1]]
                 for at, rows in found.items()}
    return found


def _responses(problem: Problem, passed: Forward) -> list[list[arb]]:
    """How a row's outputs answer to its weight where `s_ig_i` is constant: `M_i⁻¹g_i`, up to sign.

    Base `nearby`: every g_i is 0 there. Cross-entropy: the contrasts of `g_ia/(|q_i|₁ softmax_a)`, since
    `M_iv = |q_i|₁ softmax ∘ (v − ⟨softmax, v⟩)`.
    """
    moving, k = problem.moving, problem.outputs
    if problem.base == "nearby":
        return [[ZERO] * problem.block for _ in moving]
    slopes = losses(problem, passed.outputs).slopes.tolist()
    if problem.loss != "cross_entropy":
        M = curvatures(problem, passed.outputs)
        return [[slopes[i][a] / M[i][a, a] for a in range(k)] for i in moving]
    sizes = ([ONE] * len(slopes) if problem.targets is None
             else [sum(map(arb, q), ZERO) for q in problem.targets])
    outputs = passed.outputs.tolist()
    return [_contrasts([g / (sizes[i] * p) for g, p in zip(slopes[i], softmax(outputs[i]), strict=True)], k)
            for i in moving]


def _contrasts(values: Sequence[arb], k: int) -> list[arb]:
    """The differences of every k numbers in turn with the last of them."""
    return [values[i + a] - values[i + k - 1] for i in range(0, len(values), k) for a in range(k - 1)]


def _dot(u: list[arb], v: list[arb]) -> arb:
    return sum((x * y for x, y in zip(u, v, strict=True)), ZERO)
