"""Kernel and effects of the equations of a network where more than moving features of them counts.

Other parameters than features, the function norm (S2), and contrasts: critical points that are solutions of
interpolation systems (M3, M5a).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flint import arb, arb_mat

from certify.check.enclosure.network import Backward, Forward, tangent_kernel
from certify.check.enclosure.norms import layer_squares
from certify.check.linalg.balls import ONE, ZERO
from certify.check.reading.subject import Problem

if TYPE_CHECKING:
    from certify.check.enclosure.function_norm import Reference

Block = list[list[arb]]
Effects = dict[int, Block]


def kernel(problem: Problem, forward: Forward, backward: Backward, seen: Reference | None) -> arb_mat:
    """The tangent kernel, with the passes over the reference rows of the function norm; of the contrasts."""
    if seen is None:
        K = tangent_kernel(problem, forward, backward, layer_squares(problem))
    else:
        from certify.check.enclosure import function_norm

        K = function_norm.kernel(problem, forward, backward, seen)
    if not problem.contrasts:
        return K
    from certify.check.systems.contrasts import contrasted_kernel

    return contrasted_kernel(K, problem.outputs, len(problem.kept) * problem.outputs)


def effects(problem: Problem, forward: Forward, backward: Backward, places: list[int]) -> Effects:
    """`G_i` of the kept positions that may move; function norm: τ times that, as the kernel is τ² times too large.

    That there is a backward pass says that the network is smooth at the data, which every parameter needs.
    """
    found = _EFFECTS[problem.parameter](problem, forward, backward, places)
    if problem.tau is None:
        return found
    return {at: [[arb(problem.tau) * x for x in row] for row in G] for at, G in found.items()}


def _features(problem: Problem, forward: Forward, backward: Backward, places: list[int]) -> Effects:
    """`∂f_i/∂x` in the units of `scale`; with cross-entropy (M5a) of the contrasts."""
    G, k = backward.gradients.tolist(), problem.outputs
    found = {at: G[at * k:at * k + k] for at in places}
    if not problem.contrasts:
        return found
    return {at: [[u - v for u, v in zip(row, rows[-1], strict=True)] for row in rows[:-1]]
            for at, rows in found.items()}


def _targets(problem: Problem, forward: Forward, backward: Backward, places: list[int]) -> Effects:
    """I; its sign does not matter."""
    k = problem.outputs
    return {at: [[ONE if a == b else ZERO for b in range(k)] for a in range(k)] for at in places}


def _sample_weights(problem: Problem, forward: Forward, backward: Backward, places: list[int]) -> Effects:
    """The one column `v_i`, `M_iv_i = g_i` (M5a alone)."""
    from certify.check.systems.contrasts import responses

    return {at: [[x] for x in v] for at, v in zip(places, responses(problem, forward), strict=True)}


_EFFECTS: dict[str, Callable[[Problem, Forward, Backward, list[int]], Effects]] = {
    "features": _features, "targets": _targets, "sample_weights": _sample_weights}
"""What a change of a row does to its equations, by what moves."""
