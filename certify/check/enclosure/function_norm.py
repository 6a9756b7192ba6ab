"""The function norm: outputs at reference rows, and a little of the weights themselves (S2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flint import arb, arb_mat

from certify.check.enclosure.network import Backward, Forward, backward, forward, given, tangent_kernel
from certify.check.linalg.balls import ONE, ZERO, squares
from certify.check.linalg.definite import Truth, definiteness
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Reference:
    """The passes over the reference rows, at the weights in the file."""

    passed: Forward
    adjoint: Backward


def reference(problem: Problem) -> Reference:
    """Forward and backward pass over the reference rows; raises `NotSmooth`."""
    there = replace(problem, features=problem.reference, kept=tuple(range(len(problem.reference))), moving=())
    parameters = given(problem)
    passed = forward(there, parameters, problem.reference)
    return Reference(passed, backward(there, parameters, passed))


def kernel(problem: Problem, passed: Forward, adjoint: Backward, seen: Reference) -> arb_mat:
    """`J̃J̃ᵀ` with `J̃ = [[J, 0], [J_ref, τI]]`, of which `τ²JS⁻²Jᵀ`, the kernel in that norm, is a Schur complement."""
    N = passed.outputs.nrows() * problem.outputs
    inputs = tuple(_stacked(a, b) for a, b in zip(passed.inputs, seen.passed.inputs, strict=True))
    outputs = _stacked(passed.outputs, seen.passed.outputs)
    adjoints = tuple(_stacked(a, b) for a, b in zip(adjoint.adjoints, seen.adjoint.adjoints, strict=True))
    K = tangent_kernel(problem, Forward(inputs, (), outputs), Backward(adjoints, adjoint.first))
    return _regularised(K, N, problem)


def dual_square(problem: Problem, seen: Reference, gradient: Mapping[int, Sequence[Sequence[arb]]]) -> arb:
    """`gᵀ(J_refᵀJ_ref + τ²I)⁻¹g = τ⁻²(|g|² − bᵀ(J_refJ_refᵀ + τ²I)⁻¹b)`, `b = J_ref g`.

    Args:
        problem: the problem.
        seen: the passes over the reference rows.
        gradient: g by layer, each a matrix with the bias as last column.
    """
    assert problem.tau is not None
    k = problem.outputs
    b = [ZERO] * (len(problem.reference) * k)
    for h, G in gradient.items():
        rows = (seen.adjoint.adjoints[h - 1] * arb_mat(G)).tolist()
        inputs = seen.passed.inputs[h - 1].tolist()
        if problem.layers[h - 1].biases is not None:
            inputs = [[*row, ONE] for row in inputs]
        b = [total + sum((u * v for u, v in zip(row, inputs[at // k], strict=True)), ZERO)
             for at, (total, row) in enumerate(zip(b, rows, strict=True))]
    found = definiteness(_regularised(tangent_kernel(problem, seen.passed, seen.adjoint), 0, problem))
    size = sum((squares(row) for G in gradient.values() for row in G), ZERO)
    square = arb(problem.tau) ** 2
    most = size / square
    if found.truth is not Truth.PROVED or found.R is None:
        return ZERO.union(most)
    seen_part = squares((found.R * arb_mat(len(b), 1, b)).entries())
    defect = found.defect
    return ((size - seen_part * (1 / (1 + defect)).union(1 / (1 - defect))) / square).max(ZERO)


def _regularised(K: arb_mat, start: int, problem: Problem) -> arb_mat:
    """τ² on the diagonal from entry `start` on."""
    assert problem.tau is not None
    rows, square = K.tolist(), arb(problem.tau) ** 2
    for r in range(start, len(rows)):
        rows[r][r] += square
    return arb_mat(rows)


def _stacked(a: arb_mat, b: arb_mat) -> arb_mat:
    return arb_mat(a.tolist() + b.tolist())
