"""The loss whose critical points are asked for, and what its second derivatives are made of, row by row (H1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.network.layers.passes import Forward, Slope, Weights, forward, known_weights
from certify.network.layers.stacks import Stack, diagonals, identities, plus_diagonal, rows_of, scaled, times
from certify.network.loss.hessian import enclose_loss_hessians
from certify.network.loss.losses import LossTerms, enclose_losses
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.activation import Activation, activation
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls, Matrix, rounded
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Objective:
    """`L(w) − ⟨c, f(x, w)⟩`, `L = (1/n) Σ ℓ_i + (λ/2)|w|²` over the free layers, `⟨c, f⟩ = Σ_i c_i·f(x_i, w)`.

    Attributes:
        network: a fully connected network.
        X: `(n, d)` features, exact.
        loss: ``"squared"``, ``"logistic"`` or ``"cross_entropy"``.
        targets: `(n, k)` real targets or probabilities, or None.
        labels: `(n,)` class labels, or None.
        weight_decay: λ.
        tilt: balls around the rows `c_i`, or None for c = 0 (see :func:`enclosed_rows`).
        count: the n of 1/n where these are some rows of a larger problem; 0 for the number of rows.
        low: `(n, d)`, the features are exactly `X + low`; None for X alone.
        shares: `(n, 1)` exact pair, the sample weights `s_i` before the `ℓ_i`; None: all 1.
        spread: `(n,)` radii, what is derived holds for all features within them of those above; None: all 0.

    >>> net = Network((np.ones((1, 2)),), (None,), "identity")
    >>> Objective(net, np.zeros((3, 2)), "squared", targets=np.zeros((3, 1))).n
    3
    """

    network: Network
    X: Array
    loss: str = "squared"
    targets: Array | None = None
    labels: Array | None = None
    weight_decay: float = 0.0
    tilt: Balls | None = None
    count: int = 0
    low: Array | None = None
    shares: Pair | None = None
    spread: Array | None = None

    def __post_init__(self) -> None:
        n, k = len(self.X), self.network.widths[-1]
        if n == 0:
            raise InputError("objective", "no rows", "give at least one row")
        if self.targets is not None and self.targets.shape != (n, k):
            raise InputError("targets", f"shape {self.targets.shape}", f"give {(n, k)}")
        if self.labels is not None and np.shape(self.labels) != (n,):
            raise InputError("labels", f"shape {np.shape(self.labels)}", f"give one label a row, ({n},)")
        if self.tilt is not None and self.tilt.mid.shape != (n, k):
            raise InputError("tilt", f"shape {self.tilt.mid.shape}", f"give {(n, k)}")
        if not (np.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError("weight_decay", f"{self.weight_decay}", "give a finite number from 0 on")
        if self.loss == "cross_entropy" and self.targets is not None and not (self.targets >= 0).all():
            raise InputError("targets", "a negative or missing probability", "give rows of probabilities")
        if self.spread is not None and not (np.shape(self.spread) == (n,) and (self.spread >= 0).all()):
            raise InputError("spread", "not a radius from 0 on for every row", f"give an array of shape {(n,)}")
        self._require_labels(k)

    def _require_labels(self, k: int) -> None:
        if self.labels is None or self.loss == "squared":
            return
        values = set(np.asarray(self.labels).ravel().tolist())
        allowed = ({0, 1}, {-1, 1}) if self.loss == "logistic" else (set(range(k)),)
        if not any(values <= a for a in allowed):
            raise InputError("labels", f"{sorted(values)[:5]} with the {self.loss} loss", "give labels of this loss")

    @property
    def n(self) -> int:
        """The n of 1/n."""
        return self.count or len(self.X)

    def rows(self, index: Array) -> Objective:
        """Some rows, with the same 1/n."""
        tilt = self.tilt
        if tilt is not None:
            low = None if tilt.mid.lo is None else tilt.mid.lo[index]
            tilt = Balls(Pair(tilt.mid.hi[index], low), tilt.rad[index], tilt.norm[index])
        shares = self.shares
        if shares is not None:
            shares = Pair(shares.hi[index], None if shares.lo is None else shares.lo[index])
        return replace(self, X=self.X[index], targets=None if self.targets is None else self.targets[index],
                       labels=None if self.labels is None else np.asarray(self.labels)[index], tilt=tilt, count=self.n,
                       low=None if self.low is None else self.low[index], shares=shares,
                       spread=None if self.spread is None else self.spread[index])

    def points(self, arithmetic: Arithmetic) -> Balls:
        """The features; in binary64 what it drops of them joins the radii."""
        spread = np.zeros(len(self.X)) if self.spread is None else self.spread
        if self.low is None or arithmetic.extended:
            return Balls.make(Pair(self.X, self.low), spread, arithmetic)
        lost = fp.row_norms(self.low) * self.low.any(axis=1)
        return Balls.make(Pair(self.X), (spread + lost) * RAISE, arithmetic)


def enclosed_rows(mid: Array | Pair, rad: Array, arithmetic: Arithmetic) -> Balls:
    """Balls around the rows of an array known entry by entry: `|c − mid| ≤ rad`; what a tilt is given as.

    Args:
        mid: `(n, k)` array or pair.
        rad: `(n, k)` array, at least 0.
        arithmetic: what the tilt will be used with (binary64 takes no low part).
    """
    pair = mid if isinstance(mid, Pair) else Pair(mid)
    if not (rad >= 0).all():
        raise EnclosureError("tilt", "a negative or missing radius", "give radii of at least 0")
    radius = fp.row_norms(rad) * rad.any(axis=1)
    if pair.lo is not None and not arithmetic.extended:
        pair, radius = Pair(pair.hi), (radius + fp.row_norms(pair.lo)) * RAISE
    return Balls.make(pair, radius, arithmetic)


def widened(weights: Weights, rho: float, layers: tuple[int, ...]) -> Weights:
    """All weights within ρ (jointly, Euclidean) of those given, layers not named as they are.

    Every matrix gets spectral radius ρ and every bias Euclidean radius ρ: a set that contains the ball.
    """
    if not (np.isfinite(rho) and rho >= 0):
        raise EnclosureError("ball of weights", f"radius {rho}", "give a finite radius of at least 0")
    if rho == 0:
        return weights
    result = []
    for h, layer in enumerate(weights, 1):
        if h in layers:
            weight = replace(layer.weight, radius=(layer.weight.radius + rho) * RAISE)
            layer = replace(layer, weight=weight, bias_radius=(layer.bias_radius + rho) * RAISE)
        result.append(layer)
    return tuple(result)


@dataclass(frozen=True, eq=False)
class Derivatives:
    """What second derivatives of `ψ_i = s_i ℓ_i − n c_i·f` are made of, for some rows.

    Attributes:
        passed: forward pass.
        terms: losses and their slopes, without sample weights.
        adjoints: `adjoints[h − 1]` encloses `v_h = ∂ψ_i/∂z_h` as `(n, 1, m_h)`.
        curved: `curved[h − 1]` encloses `φ''(z_h) ∘ (W_{h+1}ᵀ v_{h+1})`; None where φ'' is 0.
        outer: encloses `s_i ∇²_f ℓ_i`, `(n, k, k)`.
        turned: the transposed weights.
    """

    passed: Forward
    terms: LossTerms
    adjoints: tuple[Stack, ...]
    curved: tuple[Stack | None, ...]
    outer: Stack
    turned: tuple[Matrix, ...]


def differentiate(
    objective: Objective, weights: Weights, turned: tuple[Matrix, ...], arithmetic: Arithmetic
) -> Derivatives:
    """One forward and one backward pass, with `v_H = ∂ℓ_i/∂f − n c_i` and φ'' on the way.

    Raises:
        EnclosureError: a pre-activation that may lie where φ is not twice differentiable, or an overflow.
    """
    net = objective.network
    phi = activation(net.activation)
    passed = forward(net, weights, objective.points(arithmetic), arithmetic, keep_pre=True)
    for h, z in enumerate(passed.pre, 1):
        if (at := phi.bend(z.mid.hi, z.rad[:, None])).any():
            i, j = np.argwhere(at)[0]
            raise EnclosureError(f"second derivatives of {phi.name}",
                                 f"a pre-activation that may be at a kink (row {i}, layer {h}, unit {j}, "
                                 f"{z.mid.hi[i, j]:.3g})", "change these rows or weights slightly")
    terms = enclose_losses(objective.loss, passed.output, objective.targets, objective.labels, arithmetic)
    v = rows_of(_tilted(objective, terms, arithmetic))
    adjoints, curved = [v], []
    for h in range(net.depth - 1, 0, -1):
        y = times(v, turned[h], arithmetic)
        curved.append(None if phi.curvature == 0 else scaled(y, _second(phi, passed.pre[h - 1]), arithmetic))
        v = scaled(y, passed.slopes[h - 1], arithmetic)
        adjoints.append(v)
    outer = enclose_loss_hessians(objective.loss, terms, objective.targets, objective.labels, arithmetic)
    if objective.shares is not None:
        n, k, _ = outer.mid.shape
        mid, rad = _weighted(outer.mid.reshape(n, k * k), outer.rad, outer.norm, objective.shares, arithmetic)
        outer = Stack.make(mid.reshape(n, k, k), rad, arithmetic)
    return Derivatives(passed, terms, tuple(reversed(adjoints)), tuple(reversed(curved)), outer, turned)


def _tilted(objective: Objective, terms: LossTerms, arithmetic: Arithmetic) -> Balls:
    """`s_i ∂ℓ_i/∂f − n c_i`."""
    c, tilt = terms.slopes, objective.tilt
    if objective.shares is not None:
        c = Balls.make(*_weighted(c.mid, c.rad, c.norm, objective.shares, arithmetic), arithmetic)
    if tilt is None:
        return c
    n = float(objective.n)
    tilt = tilt if arithmetic.extended else rounded(tilt)
    shift = arithmetic.multiply(tilt.mid, Pair(np.full((1, 1), -n)))
    size = n * tilt.norm
    mid = arithmetic.add(c.mid, shift)
    rad = c.rad + n * tilt.rad + arithmetic.unit * (c.norm + 3.0 * size)
    return Balls.make(mid, rad * RAISE, arithmetic)


def _weighted(mid: Pair, rad: Array, norm: Array, shares: Pair, arithmetic: Arithmetic) -> tuple[Pair, Array]:
    """Rows times their sample weights, `|s|·rad + norm·(e + unit·|s|)`, e what binary64 drops of s.

    A sample weight is 0 or at least 2⁻⁵³ in size, so the norm bounds, at least FLOOR, cover what underflows.
    """
    low = np.zeros_like(shares.hi) if shares.lo is None else shares.lo
    size, dropped = np.abs(shares.hi[:, 0]) + np.abs(low[:, 0]), 0.0 if arithmetic.extended else np.abs(low[:, 0])
    value = arithmetic.multiply(mid, shares if arithmetic.extended else Pair(shares.hi))
    return value, (size * rad + norm * (dropped + arithmetic.unit * size)) * RAISE


def _second(phi: Activation, z: Balls) -> Slope:
    """φ'' at a pre-activation: `third·(rad + |lo|)` from the midpoint's high part, plus the error there."""
    found = phi.enclose(z.mid.hi, 2)[2]
    low = 0.0 if z.mid.lo is None else np.abs(z.mid.lo).max(axis=1, initial=0.0)
    rad = (phi.third * (z.rad + low) + found.error.max(axis=1)) * RAISE
    rad = np.minimum(rad, (phi.curvature + np.abs(found.mid).max(axis=1)) * RAISE)
    return Slope(Pair(found.mid), rad, phi.curvature)


@dataclass(frozen=True, eq=False)
class Pulled:
    """Second derivatives with respect to additions to `z_h` and the parameters of layer g.

    Attributes:
        h: layer of the additions; 0 stands for the features.
        g: layer of the parameters, `h ≤ g`.
        P: `P[i, l, j] = ∂²ψ_i/∂z_{g,l}∂z_{h,j}`.
        G: `G[i, b, j] = ∂a_{g−1,b}/∂z_{h,j}`; None for h = g.
    """

    h: int
    g: int
    P: Stack
    G: Stack | None


def pulled(
    d: Derivatives, layers: tuple[int, ...], lowest: int, arithmetic: Arithmetic
) -> Iterator[Pulled]:
    """All `(h, g)` with g a free layer and `lowest ≤ h ≤ g`, from the last layer down (H1).

    Args:
        d: from :func:`differentiate`.
        layers: the free layers.
        lowest: smallest h, 0 for the features.
        arithmetic: what computes the midpoints.
    """
    S, slopes = d.outer, d.passed.slopes
    whole = identities(len(S.rad), d.passed.inputs[0].mid.shape[1], arithmetic) if lowest == 0 else None
    for g in range(len(slopes) + 1, max(lowest, 1) - 1, -1):
        if g in layers:
            yield Pulled(g, g, S, None)
        X, G, below = S, None, None
        for h in range(g - 1, (lowest if g in layers else max(lowest, g - 1)) - 1, -1):
            X = times(X, d.turned[h], arithmetic)
            G = None if g not in layers else G if G is None else times(G, d.turned[h], arithmetic)
            if h > 0:
                X = scaled(X, slopes[h - 1], arithmetic)
                if G is not None:
                    G = scaled(G, slopes[h - 1], arithmetic)
            if h == g - 1:
                below = X
                if g in layers:
                    G = diagonals(slopes[h - 1], arithmetic) if h else whole
            if g in layers:
                yield Pulled(h, g, X, G)
        if g - 1 >= max(lowest, 1) and below is not None:
            S = scaled(times(below.transposed(), d.turned[g - 1], arithmetic), slopes[g - 2], arithmetic)
            bend = d.curved[g - 2]
            S = S if bend is None else plus_diagonal(S, bend, arithmetic)


def weights_of(
    objective: Objective, weights: Weights | None, rho: float, layers: tuple[int, ...]
) -> tuple[Weights, tuple[Matrix, ...]]:
    """The weights (None: those in the network, exact) over the ball of radius ρ, and their transposes."""
    over = widened(known_weights(objective.network) if weights is None else weights, rho, layers)
    return over, tuple(layer.weight.turned() for layer in over)


def checked_layers(network: Network, layers: tuple[int, ...]) -> tuple[int, ...]:
    """Layer numbers, ascending; refuses others."""
    if not layers or list(layers) != sorted(set(layers)) or not set(layers) <= set(range(1, network.depth + 1)):
        raise InputError("layers", f"{layers}", f"give ascending numbers from 1 to {network.depth}")
    return layers


def chunks(n: int, width: int) -> Iterator[Array]:
    """Row numbers in chunks of about √n: what one tensor of `width` numbers a row holds in memory, and short sums."""
    step = max(1, min(max(16, round(np.sqrt(n))), 2**22 // max(width, 1)))
    for start in range(0, n, step):
        yield np.arange(start, min(n, start + step))
