"""Q6: what is known of a strongly convex last layer at the weights in the file, enclosed.

With the other layers frozen and a weight decay, `F(V) = (1/n) Σ ℓ_i(Vφ_i) + (λ/2)|V|²` is λ-strongly convex in the last
layer's `V = [W, b]`, `φ_i` its input with a 1 for the bias: the solution is one point for every change of the data.
Kinks do no harm: F is smooth in V whatever the layers before it are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import EnclosureError, SpecError
from certify.network.layers.passes import forward, known_weights
from certify.network.loss.base import Loss
from certify.network.loss.hessian import enclose_loss_hessians
from certify.network.loss.losses import enclose_losses, loss_named
from certify.network.network import Network
from certify.problem.nearness import root_below
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.ball import Balls, known_matrix, rounded
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.congruence import witness

WIDE = 1.0 + 2.0**-10
"""Factor on norms of the frozen layers: room for a checker's own."""


@dataclass(frozen=True, eq=False)
class LastLayer:
    """The last layer of a network and the loss on it, all at the weights in the file.

    Attributes:
        V: `(k, m)` exact weights, the bias as last column.
        biased: whether there is a bias.
        decay: λ.
        loss: name of the loss.
        phi, phi_rad, phi_norm: inputs `(n, m)`, their radii and norm bounds.
        g, g_rad, g_norm: slopes `(n, k)`, radii, norm bounds.
        M, M_rad, M_norm: `(n, k, k)` second derivatives, radii and norm bounds (Frobenius).
        weight: `(n,)` upper bounds of the sums of the targets' probabilities (1 for labels, squared and logistic).
        A: `(km, km)` float64 with `‖∇²F(V) − A‖₂ ≤ A_rad`.
        residual: upper bound of `|∇F(V)|`.
        unexplained: upper bound of `|∇F(V) − λ(0, b)|`, b the bias: of the gradient without the decay of the bias.
        omega: Lipschitz constant of the last layer's input in the features.
        bounded: whether these inputs are at most 1 in size, entry by entry, whatever the features.
        labels: `(n,)` class of every row; None where the targets are real or probabilities.
    """

    V: Array
    biased: bool
    decay: float
    loss: str
    phi: Array
    phi_rad: Array
    phi_norm: Array
    g: Array
    g_rad: Array
    g_norm: Array
    M: Array
    M_rad: Array
    M_norm: Array
    weight: Array
    A: Array
    A_rad: float
    residual: float
    omega: float
    bounded: bool
    labels: Array | None = None
    unexplained: float = np.inf

    @property
    def length(self) -> float:
        """The greatest float that is no larger than `|V|`; 0 for weights that are all 0, where norms have a floor."""
        entries = self.V.ravel()
        return root_below(fp.inner(entries, entries))

    @property
    def row_loss(self) -> Loss:
        """The loss of one row."""
        return loss_named(self.loss)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.phi)

    @property
    def plain(self) -> Array:
        """The weights without the bias, `(k, m')`."""
        return self.V[:, :-1] if self.biased else self.V


def enclose_last_layer(
    network: Network, X: Array, loss: str, weight_decay: float, targets: Array | None = None,
    labels: Array | None = None, scale: Array | None = None,
) -> LastLayer:
    """Enclose inputs, slopes, curvature, Hessian and gradient of the last layer's training problem.

    Args:
        network: all layers but the last are frozen.
        X: `(n, d)` features.
        loss: ``"squared"``, ``"logistic"`` or ``"cross_entropy"``.
        weight_decay: λ > 0.
        targets, labels: as of :class:`certify.network.layers.objective.Objective`.
        scale: unit of every feature, in which moves of features are counted; None: all 1.

    Raises:
        SpecError: no weight decay, so that F need not be strongly convex.
        EnclosureError: NaN or overflow.

    >>> net = Network((np.array([[2.0]]),), (None,), "identity")
    >>> layer = enclose_last_layer(net, np.ones((1, 1)), "squared", 0.5, targets=np.array([[3.0]]))
    >>> layer.A.tolist(), layer.residual < 1e-12
    ([[1.5]], True)
    """
    if not (np.isfinite(weight_decay) and weight_decay > 0):
        raise SpecError("training.weight_decay", f"{weight_decay} with a strongly convex last layer",
                        "give a weight decay above 0: without it the solution need be neither unique nor stable")
    arithmetic = DoubleDouble()
    passed = forward(network, known_weights(network), X, arithmetic)
    terms = enclose_losses(loss, passed.output, targets, labels, arithmetic)
    M = enclose_loss_hessians(loss, terms, targets, labels, arithmetic).rounded()
    phi, rad, norm = _inputs(rounded(passed.inputs[-1]), network)
    g = rounded(terms.slopes)
    W, b = network.weights[-1], network.biases[-1]
    n = len(X)
    V = W if b is None else np.hstack([W, b[:, None]])
    weight = np.ones(n)
    if loss_named(loss).weighs and targets is not None:
        weight = np.array([fp.up(fp.total(row)) for row in targets])
    A, A_rad = _hessian(phi, rad, norm, M.mid.hi, M.rad, M.norm, weight_decay)
    residual = _residual(phi, rad, norm, g.mid.hi, g.rad, g.norm, V, weight_decay)
    weights = V if b is None else np.hstack([W, np.zeros_like(b)[:, None]])
    unexplained = _residual(phi, rad, norm, g.mid.hi, g.rad, g.norm, weights, weight_decay)
    return LastLayer(V, b is not None, weight_decay, loss, phi, rad, norm, g.mid.hi, g.rad, g.norm, M.mid.hi, M.rad,
                     M.norm, weight, A, A_rad, residual, _lipschitz(network, scale),
                     network.depth > 1 and network.activation in ("tanh", "sigmoid"),
                     None if labels is None else np.asarray(labels).astype(np.int64), unexplained)


def _hessian(
    phi: Array, rad: Array, norm: Array, M: Array, M_rad: Array, M_norm: Array, decay: float
) -> tuple[Array, float]:
    """`(1/n) Σ M_i ⊗ φ_iφ_iᵀ + λI`, and what it may err by: balls, then products, division, sum."""
    (n, m), k = phi.shape, M.shape[1]
    A: Array = np.empty((k, m, k, m))
    for x in range(k):
        for y in range(x + 1):
            block = phi.T @ (M[:, x, y, None] * phi) / n
            A[x, :, y, :], A[y, :, x, :] = block, block.T
    A = A.reshape(k * m, k * m)
    A = (A + A.T) / 2
    on = np.arange(k * m)
    A[on, on] += decay
    balls = float(np.sum(M_rad * norm * norm + M_norm * (2 * norm + rad) * rad))
    size = float(np.sum(M_norm * norm * norm))
    error = (balls + (fp.dot_unit(n) + 6 * U) * size) / n * fp.sum_up(n)
    error += 4 * U * (fp.frobenius(A) + decay * np.sqrt(k * m)) + fp.FLOOR * k * m
    return fp.require_finite(A, "Hessian of the last layer"), float(error * RAISE)


def _residual(
    phi: Array, rad: Array, norm: Array, g: Array, g_rad: Array, g_norm: Array, V: Array, decay: float
) -> float:
    """Upper bound of `|(1/n) Σ g_i ⊗ φ_i + λV|`."""
    n = len(phi)
    first, second = g.T @ phi / n, decay * V
    R = first + second
    slack = float(np.sum(g_rad * norm + g_norm * rad)) + (fp.dot_unit(n) + 2 * U) * float(np.sum(g_norm * norm))
    error = slack / n * fp.sum_up(n) + 4 * U * (fp.frobenius(first) + fp.frobenius(second))
    return float((fp.frobenius(R) + error) * RAISE)


def _lipschitz(network: Network, scale: Array | None) -> float:
    """`(sup|φ'|)^{H−1} ‖W_1 diag(scale)‖₂ Π_{1<h<H} ‖W_h‖₂`, an upper bound; of one layer the largest unit."""
    steepest = float(activation(network.activation).slope_bound)
    if network.depth == 1:
        return 1.0 if scale is None else float(np.abs(scale).max()) * RAISE
    omega = 1.0
    for h, W in enumerate(network.weights[:-1]):
        size = known_matrix(W).spectral
        if h == 0 and scale is not None:
            counted = W * scale  # every entry rounded once
            size = (known_matrix(counted).spectral + 2 * U * fp.frobenius(counted) + W.size * fp.FLOOR) * RAISE
        omega *= size * steepest * WIDE
    return omega


def last_inputs(network: Network, X: Array) -> tuple[Array, Array, Array]:
    """Inputs of the last layer with a 1 for the bias, their radii and norm bounds, at any rows."""
    a = rounded(forward(network, known_weights(network), X, DoubleDouble()).inputs[-1])
    return _inputs(a, network)


def _inputs(a: Balls, network: Network) -> tuple[Array, Array, Array]:
    if network.biases[-1] is None:
        return a.mid.hi, a.rad, a.norm
    return np.hstack([a.mid.hi, np.ones((len(a.rad), 1))]), a.rad, np.sqrt(a.norm * a.norm + 1.0) * RAISE


@dataclass(frozen=True, eq=False)
class Metric:
    """The norm `|v|_B² = vᵀBv`, `B ≈ θ(∇²F − λ) + λ`, and what every row looks like in its dual (Q6b).

    Attributes:
        theta: θ.
        X: `(km, km)` with `|y|_{B⁻¹} ≤ inverse·|Xy|`.
        inverse: `1/√(1 − ‖XBXᵀ − I‖)`, an upper bound.
        x_size: upper bound of `‖X‖_F`.
        omega: `(1 − ω)B ⪯ θ(∇²F − λ) + λ ⪯ (1 + ω)B`.
        least: positive lower bound of `λ_min(B)`.
    """

    theta: float
    X: Array
    inverse: float
    x_size: float
    omega: float
    least: float

    def images(self, phi: Array, rad: Array, norm: Array, k: int) -> tuple[Array, Array]:
        """`X(e_a ⊗ φ_i)` for every row and output, `(k, n, km)`, and bounds of what they err by."""
        m = phi.shape[1]
        X = self.X.reshape(-1, k, m)
        Z = np.stack([phi @ np.ascontiguousarray(X[:, a].T) for a in range(k)])
        return Z, (self.x_size * (fp.dot_unit(m) * norm + rad) + fp.FLOOR) * RAISE

    def spans(self, Z: Array, error: Array) -> Array:
        """`σ_i`: upper bounds of `max_{a,b} |(e_a − e_b) ⊗ φ_i|_{B⁻¹}`; of one output `|φ_i|_{B⁻¹}`."""
        if len(Z) == 1:
            return np.asarray((fp.row_norms(Z[0]) + error) * self.inverse * RAISE)
        best = np.zeros(Z.shape[1])
        for a in range(len(Z)):
            for b in range(a):
                best = np.maximum(best, self.apart(Z, error, a, b))
        return best

    def apart(self, Z: Array, error: Array, a: int, b: int) -> Array:
        """Upper bounds of `|(e_a − e_b) ⊗ φ_i|_{B⁻¹}`."""
        size = fp.row_norms(Z[a]) + fp.row_norms(Z[b])
        return np.asarray((fp.row_norms(Z[a] - Z[b]) + U * size + 2 * error) * self.inverse * RAISE)

    def leverages(self, Z: Array, error: Array) -> Array:
        """Upper bounds of `sup_{|c| = 1} |c ⊗ φ_i|_{B⁻¹}`, by Gershgorin's circles of the Gram matrix."""
        k, n, p = Z.shape
        size = np.max(np.stack([fp.row_norms(z) for z in Z]), axis=0) + error
        worst = np.zeros(n)
        for a in range(k):
            row = sum(np.abs(np.einsum("ip,ip->i", Z[a], Z[b])) for b in range(k))
            worst = np.maximum(worst, row + k * (fp.dot_unit(p) * size * size + 3 * size * error))
        return np.asarray(np.sqrt(worst * RAISE) * self.inverse * RAISE)


def enclose_metric(layer: LastLayer, theta: float) -> Metric:
    """The metric of one θ in [0, 1].

    Raises:
        EnclosureError: rounding leaves nothing of it.
    """
    p = len(layer.A)
    B = theta * layer.A
    on = np.arange(p)
    B[on, on] += (1 - theta) * layer.decay
    # 1 − θ, its product with λ, θA and the sum are rounded
    gap = layer.A_rad * theta + 6 * U * (fp.frobenius(layer.A) + layer.decay * np.sqrt(p)) + fp.FLOOR * p
    least = layer.decay - gap * RAISE * 2
    X = witness(B)
    if X is None or least <= 0:
        raise EnclosureError("Hessian of the last layer", "not positive definite at float64 precision",
                             "raise the weight decay")
    T = X @ B
    E = T @ X.T
    size = fp.frobenius(X)
    error = fp.dot_unit(p) * (size * size * fp.frobenius(B) + fp.frobenius(T) * size) * RAISE
    E[on, on] -= 1.0
    epsilon = (fp.frobenius(E) + 2 * U * (np.sqrt(p) + fp.frobenius(E)) + error) * RAISE
    if not epsilon < 0.5:
        raise EnclosureError("Hessian of the last layer", f"its inverse is known up to {epsilon:.1e} only",
                             "raise the weight decay")
    return Metric(theta, X, float(1 / np.sqrt(1 - epsilon) * RAISE), size, float(gap * 2 / least * RAISE), least)
