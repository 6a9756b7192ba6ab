"""The function norm `|w|_S² = |J_ref w|² + τ²|w|²`: distances between weights as seen by reference rows (S2).

`K = J(J_refᵀJ_ref + τ²I)⁻¹Jᵀ` needs no inverse: `τ²K` is the Schur complement of `J_refJ_refᵀ + τ²I` in

`[[JJᵀ, JJ_refᵀ], [J_refJᵀ, J_refJ_refᵀ + τ²I]] = J̃J̃ᵀ`,  `J̃ = [[J, 0], [J_ref, τI]]`,

the kernel of a problem in which every reference output is one more equation, with a parameter of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.network.layers.passes import Forward, backward, forward, known_weights
from certify.network.network import Network
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array

DEFAULT_TAU = 2.0**-10
"""τ where the spec gives none. A free last bias alone gives every reference output a derivative of length 1 or more,
so that τ is at most a thousandth of what the reference rows see; proofs/norms.md says what it costs."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The rows in whose outputs weights are compared.

    Attributes:
        X: `(m, d)` features, exact.
        tau: τ > 0, what a motion counts that no reference output sees.
    """

    X: Array
    tau: float


Passes = tuple[Forward, tuple[Balls, ...]]


def joined(network: Network, passes: Passes, reference: Reference, arithmetic: Arithmetic) -> Passes:
    """The passes over the training rows, followed by those over the reference rows at the network's own weights.

    Kinks at reference rows count as kinks, since `J_ref` is a derivative too.
    """
    weights = known_weights(network)
    there = forward(network, weights, reference.X, arithmetic)
    back = backward(network, weights, there, arithmetic)
    passed, adjoints = passes
    inputs = tuple(_stacked(a, b) for a, b in zip(passed.inputs, there.inputs, strict=True))
    whole = replace(with_kinks(passed, there), inputs=inputs, output=_stacked(passed.output, there.output), slopes=(),
                    pre=())
    return whole, tuple(_stacked(a, b) for a, b in zip(adjoints, back, strict=True))


def with_kinks(passed: Forward, there: Forward) -> Forward:
    """The pass over the training rows with the kinks of the reference rows, which are counted after them."""
    count, first = passed.kinks
    n = len(passed.output.rad)
    kinks = (count + there.kinks[0], (*first, *(replace(kink, row=n + kink.row) for kink in there.kinks[1])))
    margin = None if passed.margin is None or there.margin is None else min(passed.margin, there.margin)
    return replace(passed, kinks=kinks, margin=margin)


def _stacked(a: Balls, b: Balls) -> Balls:
    low = [part.mid.lo for part in (a, b)]
    lo = None
    if any(part is not None for part in low):
        lo = np.vstack([np.zeros_like(part.mid.hi) if part.mid.lo is None else part.mid.lo for part in (a, b)])
    mid = Pair(np.vstack([a.mid.hi, b.mid.hi]), lo)
    return Balls(mid, np.concatenate([a.rad, b.rad]), np.concatenate([a.norm, b.norm]))


def regularised(K: Kernel, equations: int, tau: float, arithmetic: Arithmetic) -> Kernel:
    """`J̃J̃ᵀ` from the kernel over training and reference rows: τ² joins the diagonal from entry `equations` on.

    With `s' = √(s² + τ²)`, `e' = e + 2·unit·s'` the radius `2e's'` of a diagonal entry covers its own, and the
    rounding of square and sum, at most `unit·(2τ² + 1.1s²)` (R10, S2).
    """
    hi, lo = K.mid.hi.copy(), None if K.mid.lo is None else K.mid.lo.copy()
    there = np.arange(equations, len(hi))
    square = arithmetic.multiply(Pair(np.array([tau])), Pair(np.array([tau])))
    diagonal = arithmetic.add(Pair(hi[there, there], None if lo is None else lo[there, there]), square)
    hi[there, there] = diagonal.hi
    if lo is not None and diagonal.lo is not None:
        lo[there, there] = diagonal.lo
    e, s = K.e.copy(), K.s.copy()
    s[there] = np.sqrt(s[there] ** 2 + tau * tau) * RAISE
    e[there] = (e[there] + 2.0 * arithmetic.unit * s[there]) * RAISE
    return Kernel(Pair(hi, lo), fp.require_finite(e, "kernel radius"), fp.require_finite(s, "kernel size"))


def regularised_jacobian(J: Jacobian, equations: int, tau: float) -> Jacobian:
    """`J̃` from the Jacobian over training and reference rows: τ in a column of its own for every reference output."""
    N = len(J.rad)
    more = np.zeros((N, N - equations))
    more[np.arange(equations, N), np.arange(N - equations)] = tau
    lo = None if J.mid.lo is None else np.hstack([J.mid.lo, np.zeros_like(more)])
    return Jacobian(Pair(np.hstack([J.mid.hi, more]), lo), J.rad)


def padded(Q: BlockFactor, rows: int) -> BlockFactor:
    """Q with `rows` more samples, which do not move."""
    n, k, q = Q.C.shape
    return BlockFactor(np.concatenate([Q.C, np.zeros((rows, k, q))]), np.concatenate([Q.eta, np.zeros(rows)]))
