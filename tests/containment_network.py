"""Containment of balls, passes, kernel, perturbation factor and congruence, decided exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import fmpq

from certify.network.layers.jacobian import Jacobian, jacobian
from certify.network.layers.kernel import Kernel, tangent_kernel
from certify.network.layers.passes import Forward, backward, forward, known_weights, rounded_passes
from certify.network.network import Network
from certify.problem.perturbations.factor import feature_factor, scaled
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls, affine, known_matrix
from certify.rigor.singular import sigma_min_ends
from certify.rigor.witness import orthonormalise
from certify.systems.interpolation.congruence import Congruence, congruence
from tests import network_oracles
from tests import oracles as exact
from tests.containment import Array, Outcome, expect, refusing

Number = exact.Number


def ball_holds(claim: str, truth: list[Number], balls: Balls, i: int, **inputs: Any) -> None:
    """Row i: `|x − mid| ≤ rad`, `|x| ≤ norm`, `|mid| ≤ norm`."""
    low = None if balls.mid.lo is None else balls.mid.lo[i : i + 1]
    mid = exact.matrix(balls.mid.hi[i : i + 1], low)[0]
    rad, norm = exact.rational(balls.rad[i]), exact.rational(balls.norm[i])
    gap = exact.square([x - m for x, m in zip(truth, mid, strict=True)])
    expect(exact.at_most(gap, rad * rad), f"{claim}: |x − mid| ≤ rad in row {i}", **inputs)
    expect(exact.at_most(exact.square(truth), norm * norm), f"{claim}: |x| ≤ norm in row {i}", **inputs)
    expect(exact.square(mid) <= norm * norm, f"{claim}: |mid| ≤ norm in row {i}", **inputs)


def member(balls: Balls, i: int, direction: Array) -> list[fmpq]:
    """A point of ball i, on its surface if the direction is a coordinate vector or (±3/5, ±4/5)."""
    low = None if balls.mid.lo is None else balls.mid.lo[i : i + 1]
    mid = exact.matrix(balls.mid.hi[i : i + 1], low)[0]
    rad = exact.rational(balls.rad[i])
    return [m + rad * s for m, s in zip(mid, direction, strict=True)]


def direction(rng: np.random.Generator, m: int) -> list[fmpq]:
    """A rational unit vector with one or two nonzero coordinates."""
    v = [fmpq(0)] * m
    i, j = int(rng.integers(m)), int(rng.integers(m))
    if i == j:
        v[i] = fmpq(int(rng.choice([-1, 1])))
    else:
        v[i], v[j] = fmpq(3 * int(rng.choice([-1, 1])), 5), fmpq(4 * int(rng.choice([-1, 1])), 5)
    return v


def near_matrix(M: exact.Rows, radius: float, rng: np.random.Generator) -> exact.Rows:
    """M plus a matrix of rank one whose spectral norm is the radius."""
    left, right = direction(rng, len(M)), direction(rng, len(M[0]))
    r = exact.rational(radius)
    return [[x + r * u * v for x, v in zip(row, right, strict=True)] for row, u in zip(M, left, strict=True)]


def affine_balls(mid: Pair, rad: Array, W: Pair, b: Pair | None, radii: tuple[float, float], arithmetic: Arithmetic,
                 rng: np.random.Generator) -> Outcome:
    """`Mx + c` lies in the ball that `affine` returns, for members x, M, c of vectors, matrix and bias."""
    x = refusing(lambda: Balls.make(mid, rad, arithmetic))
    known = refusing(lambda: known_matrix(W.hi, W.lo, radii[0]))
    y = None if x is None or known is None else refusing(lambda: affine(x, known, b, arithmetic, radii[1]))
    if y is None:
        return "refused"
    rows, inputs = exact.pair(W), {"mid": mid, "rad": rad, "W": W, "b": b, "radii": radii}
    expect(exact.norm_at_most(rows, exact.rational(known.spectral)), "known_matrix.spectral", **inputs)
    expect(exact.size_square(rows) <= exact.rational(known.frobenius) ** 2, "known_matrix.frobenius", **inputs)
    shift = [fmpq(0)] * len(rows) if b is None else exact.pair(b.reshape(1, len(rows)))[0]
    for i in range(len(rad)):
        for near in (False, True, True):
            point = member(x, i, direction(rng, mid.shape[1]))
            M = near_matrix(rows, radii[0], rng) if near else rows
            c = shift
            if near and b is not None:
                c = [s + exact.rational(radii[1]) * d for s, d in zip(shift, direction(rng, len(rows)), strict=True)]
            truth = [exact.dot(row, point) + s for row, s in zip(M, c, strict=True)]
            ball_holds("affine", truth, y, i, **inputs)
    return "decided"


def passed(network: Network, X: Array, arithmetic: Arithmetic) -> Forward | None:
    """The product's forward pass, None where it refuses."""
    return refusing(lambda: forward(network, known_weights(network), X, arithmetic))


def forward_pass(network: Network, X: Array, arithmetic: Arithmetic) -> Outcome:
    """Layer inputs, slopes, outputs, margin and dead units of a forward pass."""
    found = passed(network, X, arithmetic)
    return "refused" if found is None else exact.decided(lambda: _forward_holds(network, X, found))


def _forward_holds(network: Network, X: Array, found: Forward) -> Outcome:
    inputs = {"weights": network.weights, "biases": network.biases, "X": X, "activation": network.activation}
    samples = [network_oracles.evaluate(network, x) for x in X]
    for i, s in enumerate(samples):
        for h, truth in enumerate(s.inputs):
            ball_holds(f"input of layer {h + 1}", truth, found.inputs[h], i, **inputs)
        ball_holds("output", s.output, found.output, i, **inputs)
        for h, slope in enumerate(found.slopes):
            mid = exact.pair(slope.mid)[i]
            rad = exact.rational(slope.rad[i])
            for j, (truth, m) in enumerate(zip(s.slopes[h], mid, strict=True)):
                if network.activation not in network_oracles.KINKED or found.kinks[0] == 0:
                    expect(exact.at_most(abs(truth - m), rad), f"slope of layer {h + 1}, unit {j}, row {i}", **inputs)
    if found.margin is not None:
        _facts_of_kinks_hold(samples, found, inputs)
    return "decided"


def _facts_of_kinks_hold(samples: list[network_oracles.Sample], found: Forward, inputs: dict[str, Any]) -> None:
    """Margin is a lower bound of |z|, units at 0 are kinks, dead units are dead."""
    least = min(abs(z) for s in samples for layer in s.before for z in layer)
    if found.kinks[0] == 0:
        expect(0 < exact.rational(found.margin) <= least, "margin", **inputs)
    for h, claimed in enumerate(found.dead):
        expect(claimed == 0 or inputs["activation"] == "relu", "only ReLU units die", **inputs)
        dead = sum(all(s.before[h][j] < 0 for s in samples) for j in range(len(samples[0].before[h])))
        expect(claimed <= dead, f"dead units of layer {h + 1}", **inputs)


def backward_pass(network: Network, X: Array, arithmetic: Arithmetic) -> Outcome:
    """∂f/∂z_h and ∂f/∂x of a network without kinks."""
    found = passed(network, X, arithmetic)
    if found is None or found.kinks[0]:
        return "refused"
    adjoints = refusing(lambda: backward(network, known_weights(network), found, arithmetic))
    if adjoints is None:
        return "refused"

    def holds() -> Outcome:
        for i, x in enumerate(X):
            s = network_oracles.evaluate(network, x)
            for h, rows in enumerate(s.adjoints):
                for a, truth in enumerate(rows):
                    ball_holds(f"∂f/∂z_{h}", truth, adjoints[h], i * len(rows) + a, weights=network.weights,
                                biases=network.biases, X=X, activation=network.activation)
        return "decided"

    return exact.decided(holds)


def kernel_of(
    network: Network, X: Array, layers: tuple[int, ...], arithmetic: Arithmetic, tile: int = 256,
    passes: Arithmetic | None = None,
) -> Kernel | None:
    """The product's tangent kernel, None where it refuses or a kink is open; `passes`: rounded from there."""
    found = passed(network, X, passes or arithmetic)
    if found is None or found.kinks[0]:
        return None
    biases = tuple(b is not None for b in network.biases)

    def compute() -> Kernel:
        adjoints = backward(network, known_weights(network), found, passes or arithmetic)
        finished = rounded_passes(found, adjoints) if passes else (found, adjoints)
        return tangent_kernel(*finished, layers, biases, arithmetic, tile)

    return refusing(compute)


def kernel(
    network: Network, X: Array, layers: tuple[int, ...], arithmetic: Arithmetic, tile: int = 256,
    passes: Arithmetic | None = None,
) -> Outcome:
    """`|JJᵀ − mid|_ij ≤ e_i s_j + s_i e_j` and `|JJᵀ|_ij ≤ s_i s_j`."""
    found = kernel_of(network, X, layers, arithmetic, tile, passes)
    if found is None:
        return "refused"
    mid, e, s = exact.pair(found.mid), exact.vector(found.e), exact.vector(found.s)

    def holds() -> Outcome:
        samples = [network_oracles.evaluate(network, x) for x in X]
        J = [row for sample in samples for row in network_oracles.jacobian_rows(network, sample, layers)]
        for i, row in enumerate(exact.product_transposed(J, J)):
            for j, truth in enumerate(row):
                inputs = {"weights": network.weights, "biases": network.biases, "X": X, "layers": layers}
                close = exact.at_most(abs(truth - mid[i][j]), e[i] * s[j] + s[i] * e[j])
                expect(close, f"kernel [{i}, {j}] ({network.activation})", **inputs)
                expect(exact.at_most(abs(truth), s[i] * s[j]), f"kernel size [{i}, {j}]", **inputs)
        return "decided"

    return exact.decided(holds)


def jacobian_rows(network: Network, X: Array, layers: tuple[int, ...], arithmetic: Arithmetic) -> Outcome:
    """`|row − mid| ≤ rad` for every row of the formed Jacobian."""
    found = passed(network, X, arithmetic)
    if found is None or found.kinks[0]:
        return "refused"
    biases = tuple(b is not None for b in network.biases)

    def compute() -> Jacobian:
        return jacobian(found, backward(network, known_weights(network), found, arithmetic), layers, biases, arithmetic)

    J = refusing(compute)
    if J is None:
        return "refused"

    def holds() -> Outcome:
        k = network.widths[-1]
        for i, x in enumerate(X):
            sample = network_oracles.evaluate(network, x)
            for a, truth in enumerate(network_oracles.jacobian_rows(network, sample, layers)):
                mid = exact.pair(J.mid)[i * k + a]
                gap = exact.square([x - m for x, m in zip(truth, mid, strict=True)])
                close = exact.at_most(gap, exact.rational(J.rad[i * k + a]) ** 2)
                expect(close, f"Jacobian row {i * k + a}", weights=network.weights, biases=network.biases, X=X)
        return "decided"

    return exact.decided(holds)


def factor(mid: Pair, rad: Array, k: int, moves: Array, scale: Array | None, arithmetic: Arithmetic,
           rng: np.random.Generator) -> Outcome:
    """`‖G_iG_iᵀ − C_iC_iᵀ‖₂ ≤ eta_i`, G_i members of the balls around the k rows of each sample, in units of scale."""
    n = len(rad) // k
    balls = refusing(lambda: Balls.make(mid, rad, arithmetic))
    in_units = None if balls is None else refusing(lambda: scaled(balls, scale))
    Q = None if in_units is None else refusing(lambda: feature_factor(in_units, n, k, moves))
    if Q is None:
        return "refused"
    for i in range(n):
        eta, C = exact.rational(Q.eta[i]), exact.matrix(Q.C[i])
        if not moves[i]:
            expect(not Q.C[i].any() and Q.eta[i] == 0, "rows that may not move have Q = 0", moves=moves)
            continue
        for _ in range(3):
            G = [member(balls, i * k + a, direction(rng, mid.shape[1])) for a in range(k)]
            G = network_oracles.scaled_columns(G, scale)
            for a, row in enumerate(G):
                ball_holds("scaled", row, in_units, i * k + a, mid=mid, rad=rad, scale=scale)
            D = exact.subtract(exact.product_transposed(G, G), exact.product_transposed(C, C))
            close = exact.symmetric_norm_at_most(D, eta)
            expect(close, f"feature_factor, sample {i}", mid=mid, rad=rad, k=k, scale=scale)
    return "decided"


def kernel_member(K: Kernel, rng: np.random.Generator, corner: bool) -> exact.Rows:
    """A symmetric K within the kernel's radius: a corner (then maybe indefinite), or the midpoint."""
    mid, e, s = exact.pair(K.mid), exact.vector(K.e), exact.vector(K.s)
    N = len(e)
    S = rng.choice([-1, 1], (N, N)) if rng.random() < 0.7 else np.full((N, N), int(rng.choice([-1, 1])))
    M = [[fmpq(0)] * N for _ in range(N)]
    for i in range(N):
        for j in range(i + 1):  # both entries must stay within the radius of both midpoints
            room = e[i] * s[j] + s[i] * e[j]
            middle = (mid[i][j] + mid[j][i]) / 2
            reach = room - abs(mid[i][j] - mid[j][i]) / 2
            M[i][j] = M[j][i] = middle + (int(S[i, j]) * reach if corner and reach > 0 else 0)
    return M


def congruent(K: Kernel, arithmetic: Arithmetic, rng: np.random.Generator) -> Outcome:
    """`‖XKXᵀ − (I+F)‖ ≤ error`, `‖XKXᵀ − I‖ ≤ ε`, `λ_min(K) ≥ sigma²` for members of the kernel."""
    found = refusing(lambda: congruence(K, arithmetic))
    if not isinstance(found, Congruence):
        return "refused"
    X, F = exact.matrix(found.X), exact.matrix(found.F)
    for corner in (False, True):
        M = kernel_member(K, rng, corner)
        T = exact.times(exact.times(X, M), exact.transposed(X))
        D = exact.shifted(T, fmpq(1))
        inputs = {"mid": K.mid, "e": K.e, "s": K.s}
        close = exact.symmetric_norm_at_most(exact.subtract(D, F), exact.rational(found.error))
        expect(close, "congruence error", **inputs)
        expect(exact.symmetric_norm_at_most(D, exact.rational(found.epsilon)), "congruence epsilon", **inputs)
        sigma = exact.rational(found.sigma)
        expect(exact.is_semidefinite(exact.shifted(M, sigma * sigma)), "congruence sigma", **inputs)
    return "decided"


def orthonormal(A: Pair, radius: Any, X: Array, arithmetic: Arithmetic, rng: np.random.Generator) -> Outcome:
    """`‖XA(XA)ᵀ − (I+F)‖ ≤ error`, `‖XA(XA)ᵀ − I‖ ≤ ε` and both ends of σ_min(A), for members of the radius."""
    o = refusing(lambda: orthonormalise(A, radius, X, arithmetic))
    if o is None:
        return "refused"
    ends = refusing(lambda: sigma_min_ends(o))
    middle, factor_rows = exact.pair(A), exact.matrix(X)
    rows = exact.vector(radius) if isinstance(radius, np.ndarray) else [exact.rational(radius)] * len(middle)
    for corner in (False, True, True):
        M = middle
        if corner:  # row radii: every row moves; one bound of the norm: one row moves
            moved = range(len(M)) if isinstance(radius, np.ndarray) else [int(rng.integers(len(M)))]
            steps = {i: [rows[i] * v for v in direction(rng, len(M[0]))] for i in moved}
            M = [[a + s for a, s in zip(row, steps[i], strict=True)] if i in steps else row for i, row in enumerate(M)]
        Q = exact.times(factor_rows, M)
        D = exact.shifted(exact.product_transposed(Q, Q), fmpq(1))
        inputs = {"A": A, "radius": radius, "X": X}
        gap = exact.subtract(D, exact.matrix(o.F))
        expect(exact.symmetric_norm_at_most(gap, exact.rational(o.error)), "witness error", **inputs)
        expect(exact.symmetric_norm_at_most(D, exact.rational(o.epsilon)), "witness epsilon", **inputs)
        if ends is not None:
            inside = exact.sigma_min_between(M, exact.rational(ends[0]), exact.rational(ends[1]))
            expect(inside, "sigma_min_ends", **inputs)
    return "decided"
