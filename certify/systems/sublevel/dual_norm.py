"""`|S⁻¹∇_wL|` in the function norm, the dual norm of a loss gradient (M6 with S2)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.network.layers.gradients import Norm, array_norm, layer_gradient
from certify.network.layers.jacobian import Jacobian, jacobian
from certify.network.layers.passes import Forward, backward, forward, known_weights
from certify.network.network import Network
from certify.problem.norms.function import Reference, regularised_jacobian, with_kinks
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.systems.interpolation.congruence import Failure, jacobian_congruence
from certify.systems.interpolation.row_moduli import enclose_sample_moduli


def function_dual_norm(
    network: Network, passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], decay: float,
    reference: Reference, arithmetic: Arithmetic,
) -> tuple[Norm, Forward]:
    """Enclose `√(gᵀ(J_refᵀJ_ref + τ²I)⁻¹g)`, `g = ∇_wL`; returns the pass with the kinks of the reference rows too.

    With g as the one equation of S2, `K = gᵀS⁻²g` and `τ²K = 1/((J̃J̃ᵀ)⁻¹)_00`, enclosed by C2 from a witness that
    makes the rows of `J̃ = [[gᵀ, 0], [J_ref, τI]]` orthonormal (W1). Where there is none:
    `|g|/√(‖J_ref‖_F² + τ²) ≤ |S⁻¹g| ≤ |g|/τ`.

    Args:
        network: the network.
        passed, adjoints: passes over the training rows, seeded with the slopes of the loss.
        layers: the free layers.
        decay: the weight decay.
        reference: rows and τ.
        arithmetic: of the passes.
    """
    n = len(passed.output.rad)
    weights = known_weights(network)
    there = forward(network, weights, reference.X, arithmetic)
    biases = tuple(b is not None for b in network.biases)
    J = jacobian(there, backward(network, weights, there, arithmetic), layers, biases, arithmetic)
    gradient, error = _row(network, passed, adjoints, layers, decay, arithmetic)
    own = array_norm(gradient, error)
    tau, size = Fraction(reference.tau), Fraction(fp.frobenius(J.mid.hi)) + _length(J.rad)
    size += Fraction(0) if J.mid.lo is None else Fraction(fp.frobenius(J.mid.lo))
    low, high = own.lower / fp.sqrt_up(size**2 + tau**2), own.upper / tau
    found = jacobian_congruence(regularised_jacobian(_over(gradient, error, J), 1, reference.tau), arithmetic)
    if not isinstance(found, Failure):
        C = np.zeros((len(found.X), 1, 1))
        C[0] = 1.0
        ends = enclose_sample_moduli(found, BlockFactor(C, np.zeros(len(C))), np.array([0]))
        inner, outer = fp.exact(float(ends.lower[0])), fp.exact(float(ends.upper[0]))
        low = max(low, 1 / (tau * outer))
        high = min(high, 1 / (tau * inner)) if inner > 0 else high
    return Norm(low / n, high / n), with_kinks(passed, there)


def _row(
    network: Network, passed: Forward, adjoints: tuple[Balls, ...], layers: tuple[int, ...], decay: float,
    arithmetic: Arithmetic,
) -> tuple[Pair, Fraction]:
    """`n·∇_wL` in the order of the Jacobian's columns, `(1, p)`, and a bound of its error."""
    parts: list[Pair] = []
    total = Fraction(0)
    for h in layers:
        M, error = layer_gradient(network, h, passed.inputs[h - 1], adjoints[h], decay, arithmetic)
        width = network.weights[h - 1].shape[1]
        parts += [_flat(M, slice(0, width)), _flat(M, slice(width, None))]
        total += error**2
    lo = None
    if any(part.lo is not None for part in parts):
        lo = np.concatenate([np.zeros_like(p.hi) if p.lo is None else p.lo for p in parts], axis=1)
    return Pair(np.concatenate([p.hi for p in parts], axis=1), lo), fp.sqrt_up(total)


def _flat(M: Pair, columns: slice) -> Pair:
    return Pair(M.hi[:, columns].reshape(1, -1), None if M.lo is None else M.lo[:, columns].reshape(1, -1))


def _over(row: Pair, error: Fraction, J: Jacobian) -> Jacobian:
    """The Jacobian with one more row above."""
    lo = None
    if row.lo is not None or J.mid.lo is not None:
        lo = np.vstack([np.zeros_like(A.hi) if A.lo is None else A.lo for A in (row, J.mid)])
    return Jacobian(Pair(np.vstack([row.hi, J.mid.hi]), lo), np.concatenate([[fp.up(error)], J.rad]))


def _length(v: np.ndarray) -> Fraction:
    return Fraction(float(fp.row_norms(v[None, :])[0]))
