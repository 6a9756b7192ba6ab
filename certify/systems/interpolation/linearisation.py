"""The linearised problem: kernel, perturbation and congruence, in one arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from certify.network.layers.jacobian import Jacobian, jacobian
from certify.network.layers.kernel import Kernel, tangent_kernel
from certify.network.layers.passes import Forward, backward, forward, known_weights, rounded_passes
from certify.network.network import Network
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.perturbations.parameters import FITS
from certify.problem.perturbations.row_sets import RowSets
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.ball import rounded
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.congruence import Congruence, Failure, congruence, jacobian_congruence
from certify.systems.interpolation.nearby import Solution, ball_of


@dataclass(frozen=True, eq=False)
class Linearisation:
    """Everything the bounds of M1–M4 need, enclosed in one arithmetic.

    Attributes:
        arithmetic: what it was computed in.
        passed: forward pass over the kept rows.
        kernel: tangent kernel over the free layers in the norm of the weights, or the Jacobian it is the Gram matrix
            of; function norm: that of S2, over kept and reference rows.
        Q: perturbation matrix, sample by sample over the same rows.
        sets: what each kept row can do under the norm of the perturbation set.
        idle: equations at the end of the kernel that stand for nothing.
    """

    arithmetic: Arithmetic
    passed: Forward
    kernel: Kernel | Jacobian
    Q: BlockFactor
    sets: RowSets
    idle: int = 0

    @cached_property
    def congruence(self) -> Congruence | Failure:
        """Near-orthonormal form of the kernel, or why there is none; computed when it is first asked for."""
        if isinstance(self.kernel, Jacobian):
            return jacobian_congruence(self.kernel, self.arithmetic)
        return congruence(self.kernel, self.arithmetic)

    def multipliers(self, z: Array) -> list[float]:
        """A witness without the entries of equations that stand for nothing: these only make `zᵀKz` larger."""
        return [float(v) for v in z[:len(z) - self.idle]]

    def in_function_norm(self, tau: float) -> Linearisation:
        """Sets and Q for the kernel of S2: over its rows, and τ times as large as they are, as that kernel is τ².

        A product with τ is rounded once, relative to its own size.
        """
        n, more = len(self.sets.G), len(self.Q.C) - len(self.sets.G)
        G, C = self.sets.G * tau, self.Q.C * tau
        size, moves = fp.row_norms(G.reshape(n, -1)), self.sets.moves
        rad = (tau * self.sets.rad + 2.0 * U * size * moves) * RAISE
        square = fp.row_norms(C.reshape(len(C), -1)) ** 2
        eta = (tau * tau * self.Q.eta + 4.0 * U * square * (self.Q.C.any(axis=(1, 2)) | (self.Q.eta > 0))) * RAISE
        still = np.zeros((more, *G.shape[1:]))
        sets = replace(self.sets, G=np.concatenate([fp.require_finite(G, "row sets"), still]),
                       rad=np.concatenate([fp.require_finite(rad, "row sets"), np.zeros(more)]))
        return replace(self, Q=BlockFactor(C, fp.require_finite(eta, "factor of the perturbation")), sets=sets)


def linearise(
    problem: Problem, arithmetic: Arithmetic, progress: Progress, form_jacobian: bool = False,
    solution: Solution | None = None, passes: Arithmetic | None = None,
) -> Linearisation:
    """Enclose kernel and perturbation of an interpolation problem.

    Args:
        problem: the problem.
        arithmetic: binary64 (fast) or double-double (ill-conditioned problems).
        progress: told the stage.
        form_jacobian: form J and orthonormalise its rows (W1), which bears condition numbers of J, not of `JJᵀ`.
        solution: base `nearby`: everything is enclosed over the whole ball that holds the exact solution.
        passes: a finer arithmetic for the passes alone; their results are rounded to `arithmetic`. A pass bounds the
            error of whole vectors, layer after layer, which costs a float64 kernel far more than its own products do.
    """
    passes = passes or arithmetic
    kept = np.array(problem.kept)
    k = problem.outputs
    net = problem.network
    assert isinstance(net, Network)  # a graph has the sublevel map alone
    progress(f"forward and backward pass ({passes.name})", 0.0)
    if solution is None:
        weights = known_weights(net)
    else:
        weights = ball_of(solution.parameters, solution.radius, solution.layers, passes)
    X = problem.X if len(kept) == len(problem.X) else problem.X[kept]
    passed = forward(net, weights, X, passes)
    adjoints = backward(net, weights, passed, passes)
    passed = replace(passed, slopes=())
    own, measure, scale = adjoints[0], problem.measure, problem.layer_scale
    passed, adjoints = measure.joined(net, (passed, adjoints), passes)
    adjoints = scale.adjoints(adjoints, passes)
    if passes.extended and not arithmetic.extended:
        passed, adjoints = rounded_passes(passed, adjoints)
        own = rounded(own)
    moves = np.isin(kept, np.array(problem.rows))
    Q, sets = FITS[problem.parameter].factor(own, problem.scale, len(kept), k, moves, problem.norm)
    Q = measure.padded(Q)
    biases = tuple(b is not None for b in net.biases)
    layers = net.layers(problem.layer)
    if form_jacobian:
        progress("Jacobian, for an ill-conditioned problem", 0.3)
        J = jacobian(passed, adjoints, layers, biases, arithmetic)
        J = measure.regularised_jacobian(J, problem.equations)
        return Linearisation(arithmetic, passed.without_layers(), J, Q, sets)
    progress(f"tangent kernel ({arithmetic.name})", 0.3)
    K = tangent_kernel(passed, adjoints, layers, biases, arithmetic)
    K = measure.regularised(K, problem.equations, arithmetic)
    return Linearisation(arithmetic, passed.without_layers(), K, Q, sets)
