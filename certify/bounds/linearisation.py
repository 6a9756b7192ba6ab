"""The linearised problem: kernel, perturbation and congruence, in one arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.bounds.congruence import Congruence, Failure, congruence
from certify.network.kernel import Kernel, tangent_kernel
from certify.network.passes import Forward, backward, forward, known_weights
from certify.perturbations.factor import BlockFactor, feature_factor, target_factor
from certify.problem import Problem
from certify.rigor.arithmetic import Arithmetic

Progress = Callable[[str, float], None]
"""Called with a stage in words and the fraction of the whole that is done."""


@dataclass(frozen=True, eq=False)
class Linearisation:
    """Everything the bounds of M1–M4 need, enclosed in one arithmetic.

    Attributes:
        arithmetic: what it was computed in.
        passed: forward pass over the kept rows.
        kernel: tangent kernel over the free layers.
        Q: perturbation matrix, sample by sample over the kept rows.
        congruence: near-orthonormal form of the kernel, or why there is none.
    """

    arithmetic: Arithmetic
    passed: Forward
    kernel: Kernel
    Q: BlockFactor
    congruence: Congruence | Failure


def linearise(problem: Problem, arithmetic: Arithmetic, progress: Progress) -> Linearisation:
    """Enclose kernel, perturbation and congruence of an interpolation problem with base `given`.

    Args:
        problem: the problem.
        arithmetic: binary64 (fast) or double-double (ill-conditioned problems).
        progress: told the stage.
    """
    kept = np.array(problem.kept)
    k = problem.outputs
    net = problem.network
    progress(f"forward and backward pass ({arithmetic.name})", 0.0)
    weights = known_weights(net)
    passed = forward(net, weights, problem.X[kept], arithmetic)
    adjoints = backward(net, weights, passed, arithmetic)
    moves = np.isin(kept, np.array(problem.rows))
    if problem.parameter == "targets":
        Q = target_factor(len(kept), k, moves)
    else:
        Q = feature_factor(adjoints[0], len(kept), k, moves)
    progress(f"tangent kernel ({arithmetic.name})", 0.3)
    biases = tuple(b is not None for b in net.biases)
    kernel = tangent_kernel(passed, adjoints, net.layers(problem.layer), biases, arithmetic)
    progress(f"rank of the kernel ({arithmetic.name})", 0.6)
    return Linearisation(arithmetic, passed, kernel, Q, congruence(kernel, arithmetic))
