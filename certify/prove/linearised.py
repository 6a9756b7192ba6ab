"""The equations of a trained network's solution map, linearised at its weights, in floats.

Nothing here is proved but which case of M5 holds for the critical map, and with it the dimension of the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.problem.perturbations.parameters import FITS

if TYPE_CHECKING:
    from certify.problem.problem import Problem
    from certify.systems.critical.settled import Settled

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linearised:
    """`G_w` and `G_u`.

    Attributes:
        G_w: `(m, p)`.
        G_u: `(m, q)`, columns row by row of the data that may move.
        rank: of `G_w`, where it is proved; None: to be read off the singular values.
        doubt: why `{v : G_u μ + G_w v = 0}` may be larger than the graphical derivative; empty where it is not.
    """

    G_w: Array
    G_u: Array
    rank: int | None = None
    doubt: str = ""


def linearised(problem: Problem) -> Linearised:
    """The equations of an interpolation or critical problem.

    Interpolation: the outputs. Critical: the gradient of the (tilted) loss, `G_w = H`, `G_u = C`; at an exact fit with
    a Jacobian of full row rank the outputs again, whose zeros are the critical points nearby (M5a). H is singular in
    the directions of the symmetries, and no others where M5b is proved.

    Raises:
        InputError: another map, or weights that are not proved to be a critical point, or to lie near one.
    """
    if not problem.solutions.trains:
        return Linearised(*matrices(problem))
    if not problem.solutions.stationary:
        raise InputError("derivative", f"the {problem.map} map",
                         "use a fully connected interpolation or critical problem")
    from certify.problem.progress import silent
    from certify.prove.prover import answer
    from certify.systems.critical.point import CriticalPoint
    from certify.systems.critical.settled import Unsettled

    problem = replace(problem, weight_norm="euclidean", reference=None)
    settled = CriticalPoint(problem, answer, silent).settled
    if isinstance(settled, Unsettled):
        raise InputError("derivative", settled.reason, "give a critical point")
    return _at_fit(problem, settled) if settled.interpolation is not None else _at_critical(problem, settled)


def _at_fit(problem: Problem, settled: Settled) -> Linearised:
    """M5a: the outputs; of softmax outputs, which are fixed up to a shift, the contrasts."""
    assert settled.interpolation is not None
    G_w, G_u = matrices(settled.interpolation.problem)
    if problem.reweighted:  # every residual is 0, whatever its weight
        G_u = np.zeros((len(G_w), len(problem.rows)))
    if problem.row_loss.shifts:
        k = problem.outputs
        contrasts = np.linalg.qr(np.column_stack([np.ones(k), np.eye(k)[:, 1:]]))[0][:, 1:].T
        G_w, G_u = (np.einsum("ca,iaj->icj", contrasts, M.reshape(problem.n, k, -1)).reshape(-1, M.shape[1])
                    for M in (G_w, G_u))
    return Linearised(G_w, G_u, len(G_w))


def _at_critical(problem: Problem, settled: Settled) -> Linearised:
    """M5b to M5d: Hessian and mixed derivative."""
    from certify.systems.critical.point import mixed_blocks

    point = settled.point
    assert point is not None
    parts = [block.mid.swapaxes(0, 1).reshape(problem.parameters, -1) for block in mixed_blocks(problem, settled)()]
    C = np.concatenate(parts, axis=1)
    rank = None if point.inverse is None else problem.parameters - point.dimension
    return Linearised(point.H.mid.hi, C, rank, settled.reason)


def matrices(problem: Problem) -> tuple[Array, Array]:
    """`G_w` and `G_u` of a fully connected interpolation problem, rows and columns as in `certify.bound`.

    Features: a column for each feature of each row that may move, times its `scale`. Equal rows that are treated as one
    are represented by the first of them.

    Raises:
        InputError: another map, or a network that is not fully connected.
    """
    from certify.network.layers.jacobian import jacobian
    from certify.network.layers.passes import backward, forward, known_weights
    from certify.network.network import Network
    from certify.rigor.arithmetic import Binary64

    net = problem.network
    if not isinstance(net, Network) or problem.solutions.trains:
        raise InputError("derivative", f"the {problem.map} map", "use a fully connected interpolation problem")
    kept, k = np.array(problem.kept), problem.outputs
    arithmetic, weights = Binary64(), known_weights(net)
    passed = forward(net, weights, problem.X[kept], arithmetic)
    adjoints = backward(net, weights, passed, arithmetic)
    biases = tuple(b is not None for b in net.biases)
    G_w = jacobian(passed, adjoints, net.layers(problem.layer), biases, arithmetic).mid.hi
    places = np.searchsorted(kept, np.array(problem.rows))
    blocks = [FITS[problem.parameter].block(adjoints[0].mid.hi[i * k : (i + 1) * k], problem.scale) for i in places]
    width = problem.width
    G_u = np.zeros((len(kept) * k, len(places) * width))
    for j, (i, block) in enumerate(zip(places, blocks, strict=True)):
        G_u[i * k : (i + 1) * k, j * width : (j + 1) * width] = block
    return G_w, G_u
