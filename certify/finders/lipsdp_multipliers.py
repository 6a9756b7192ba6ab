"""Multipliers of LipSDP for a chain of layers: a closed form where slopes are nearly known, descent elsewhere.

Nothing here is trusted: :func:`certify.network.lipschitz.lipsdp.chain_bound` proves a bound from multipliers,
or does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg
from scipy.optimize import minimize

from certify.network.lipschitz.lipsdp import Chain
from certify.rigor.fp import Array

SWEEPS, POWER, FLAT = 3, 4.0, 1e-2
GAP = 1.01
"""Descent starts where the closed form is farther than this above what slopes at the ends of their intervals give."""

ROUNDS, STEPS = 6, 100


def propose_multipliers(chain: Chain, steps: int = 20, rounds: int = 2) -> tuple[tuple[Array, ...], float] | None:
    """Multipliers, and about the bound that they give; None where none were found.

    Args:
        chain: the chain, halves > 0.
        steps, rounds: most steps of a descent, and how many of them, each with the largest eigenvalue smoothed less.
    """
    with np.errstate(all="ignore"):
        try:
            return _proposed(_narrowed(chain), steps, rounds)
        except (np.linalg.LinAlgError, ValueError):
            return None


def _proposed(chain: Chain, steps: int, rounds: int) -> tuple[tuple[Array, ...], float] | None:
    if not chain.weights:
        return (), float(np.linalg.norm(_top(chain), 2))
    first, low = closed_form(chain)
    found = [(value, tuple(first)) for value in [_value(chain, first)] if value is not None]
    if not found or found[0][0] > GAP * low:
        start = first if found else _uniform(chain)
        found.append(descend(chain, start, steps, rounds))
    value, multipliers = min(found, key=lambda pair: pair[0])
    return (multipliers, value) if np.isfinite(value) else None


def _narrowed(chain: Chain) -> Chain:
    """The same chain with as many features as units of the first layer, if there are more: `|W_1x|` is what counts."""
    first = (*chain.weights, chain.last)[0]
    if first.shape[0] >= first.shape[1]:
        return chain
    square = np.linalg.qr(first.T)[1].T
    weights = (square, *chain.weights[1:]) if chain.weights else ()
    last = chain.last if chain.weights else square
    return Chain(weights, chain.mids, chain.halves, last, chain.factors)


def _top(chain: Chain) -> Array:
    return chain.last if chain.factors is None else chain.factors[:, None] * chain.last


def closed_form(chain: Chain) -> tuple[list[Array], float]:
    """`λ = |g|/(half·|z|)` at slopes that make the map steep, and how steep they make it: a lower end of any bound.

    At an optimum whose largest eigenvalue is simple and attained, z are the pre-activations of the worst direction, g
    the gradients of the squared norm there, and this is the condition of optimality; a few directions are averaged.
    """
    C, D = _top(chain), list(chain.mids)
    for _ in range(SWEEPS):
        J = np.eye(chain.weights[0].shape[1])
        for W, d in zip(chain.weights, D, strict=True):
            J = d[:, None] * (W @ J)
        _, sizes, directions = np.linalg.svd(C @ J, full_matrices=False)
        weights = (sizes / sizes[0]) ** POWER if sizes[0] > 0 else np.ones_like(sizes)
        Z, G, A = [], [], directions.T
        for W, d in zip(chain.weights, D, strict=True):
            Z.append(W @ A)
            A = d[:, None] * Z[-1]
        g = C.T @ (C @ A)
        for W, d in zip(chain.weights[::-1], D[::-1], strict=True):
            G.append(g)
            g = W.T @ (d[:, None] * g)
        G.reverse()
        D = [mid + half * np.where((z * g) @ weights >= 0, 1.0, -1.0)
             for mid, half, z, g in zip(chain.mids, chain.halves, Z, G, strict=True)]
    found = []
    for half, z, g in zip(chain.halves, Z, G, strict=True):
        size, pull = (z * z) @ weights, (g * g) @ weights
        found.append(np.sqrt((pull + FLAT * pull.mean() + 1e-300) / (size + FLAT * size.mean() + 1e-300)) / half)
    return found, float(sizes[0])


def _uniform(chain: Chain) -> list[Array]:
    """Equal multipliers in every layer, large enough to be feasible."""
    Q, found = _top(chain).T @ _top(chain), []
    for W, mid, half in zip(chain.weights[::-1], chain.mids[::-1], chain.halves[::-1], strict=True):
        size = np.linalg.norm(Q, 2) + 1e-300
        found.append(np.full(len(mid), size * (1 + max(np.abs(mid).max() / half.max(), 1e-2))))
        step = _eliminate(Q, W, mid, half, found[-1])
        if step is None:
            raise np.linalg.LinAlgError
        Q = step[0]
    return found[::-1]


def _eliminate(Q: Array, W: Array, mid: Array, half: Array, factor: Array) -> tuple[Array, Array] | None:
    """`WᵀMW`, M the maximum over a of `aᵀQa + Σλ(a − αz)(βz − a)`, and the map `z ↦ a − mid·z` that attains it."""
    try:
        L = scipy.linalg.cho_factor(np.diag(factor) - Q, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    QM = Q * mid
    T = scipy.linalg.cho_solve(L, QM, check_finite=False)
    M = mid[:, None] * QM + QM.T @ T + np.diag(half * half * factor)
    found = W.T @ M @ W
    return (found + found.T) / 2, T


def _reduced(chain: Chain, multipliers: Sequence[Array]) -> tuple[Array, list[Array]] | None:
    """The form on x after all layers are eliminated, and the maps that attain it; None where it is unbounded."""
    C = _top(chain)
    Q, maps = C.T @ C, []
    layers = zip(chain.weights[::-1], chain.mids[::-1], chain.halves[::-1], multipliers[::-1], strict=True)
    for W, mid, half, factor in layers:
        step = _eliminate(Q, W, mid, half, factor)
        if step is None:
            return None
        Q = step[0]
        maps.append(step[1])
    return (Q, maps[::-1]) if np.isfinite(Q).all() else None


def _value(chain: Chain, multipliers: Sequence[Array]) -> float | None:
    found = _reduced(chain, multipliers)
    return None if found is None else float(np.sqrt(max(np.linalg.eigvalsh(found[0])[-1], 0.0)))


def descend(
    chain: Chain, start: Sequence[Array], steps: int = STEPS, rounds: int = ROUNDS,
) -> tuple[float, tuple[Array, ...]]:
    """The least bound found by quasi-Newton steps in log λ on a smoothed largest eigenvalue, and its multipliers.

    The bound's square is convex in λ; its gradient is the constraint `½(half²z² − (a − mid·z)²)` at the worst x.

    Args:
        chain: the chain, with at least one hidden layer.
        start: multipliers for which the form is bounded.
        steps, rounds: as for :func:`propose_multipliers`.
    """
    cuts = np.cumsum([len(m) for m in chain.mids])[:-1]
    best: list[tuple[float, tuple[Array, ...]]] = [(np.inf, tuple(start))]

    def smoothed(x: Array, power: float) -> tuple[float, Array]:
        multipliers = np.split(np.exp(x), cuts)
        found = _reduced(chain, multipliers)
        if found is None:
            return 1e6, np.zeros_like(x)
        values, vectors = np.linalg.eigh(found[0])
        top = values[-1]
        if not top > 0:
            return 1e6, np.zeros_like(x)
        best[0] = min(best[0], (float(np.sqrt(top)), tuple(multipliers)), key=lambda pair: pair[0])
        kept = values > 0.01 * top
        shares = (values[kept] / top) ** power
        weights = shares / shares.sum() / values[kept]
        A, slopes = vectors[:, kept], []
        for W, mid, half, T in zip(chain.weights, chain.mids, chain.halves, found[1], strict=True):
            Z = W @ A
            Y = T @ Z
            slopes.append((half[:, None] ** 2 * Z * Z - Y * Y) @ weights)
            A = mid[:, None] * Z + Y
        return float(np.log(top) + np.log(shares.sum()) / power), np.concatenate(slopes) * np.exp(x)

    for turn in range(rounds):
        x = np.log(np.concatenate(best[0][1]))
        minimize(smoothed, x, args=(4.0 * 4.0**turn,), jac=True, method="L-BFGS-B",
                 options={"maxiter": steps, "maxcor": 30, "maxfun": 2 * steps})
    return best[0]
