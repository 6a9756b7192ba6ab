"""The critical map in a layerwise norm of the weights: its derivatives in the coordinates `Sw` (S1)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import Pair
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Block, Blocks, Matrix


def inverse_scale(problem: Problem) -> Array | None:
    """`s_h⁻¹` of every free parameter as floats within 2u of them; None for the Euclidean norm.

    Args:
        problem: a critical problem.
    """
    if problem.layer_scale.plain:
        return None
    assert isinstance(problem.network, Network)  # a graph has the sublevel map alone
    return problem.layer_scale.columns(problem.network, problem.network.layers(problem.layer))[0].hi


def scaled_hessian(H: Matrix, t: Array) -> Matrix:
    """`S⁻¹HS⁻¹`: `fl(fl(t_it_j)H_ij)` errs by 6u of each entry, and the radius grows by `max t²`.

    Args:
        H: enclosed Hessian, without low part.
        t: `s⁻¹` within 2u.

    >>> found = scaled_hessian(Matrix(Pair(np.array([[1.0, 2.0], [2.0, 3.0]])), Fraction(1)), np.array([2.0, 0.5]))
    >>> found.mid.hi.tolist(), found.radius > 4
    ([[4.0, 2.0], [2.0, 0.75]], True)
    """
    assert H.mid.lo is None
    mid = fp.require_finite(np.outer(t, t) * H.mid.hi, "Hessian in the norm of the weights")
    most = Fraction(float(t.max())) * (1 + Fraction(4 * U))
    error = Fraction(8 * U) * Fraction(fp.frobenius(mid)) + Fraction(fp.FLOOR)
    return Matrix(Pair(mid), H.radius * most**2 + error)


def scaled_blocks(C: Blocks, t: Array) -> Blocks:
    """The blocks of `S⁻¹C`.

    Args:
        C: the rows' blocks.
        t: `s⁻¹` within 2u.
    """
    most = float(t.max()) * RAISE

    def make() -> Iterator[Block]:
        for block in C():
            mid = fp.require_finite(block.mid * t[:, None], "mixed derivative in the norm of the weights")
            size = fp.row_norms(mid.reshape(len(mid), -1))
            yield Block(mid, (most * block.radius + 4 * U * size + fp.FLOOR) * RAISE)

    return make
