"""The least training loss near given weights: L-BFGS to come near, Newton's method to rounding. Nothing is trusted.

`w ← w − (H + μI)⁻¹∇L`, μ raised where a step fails and lowered where it does what the quadratic model says (Levenberg);
H by a factorisation up to `DENSE` parameters, beyond it by conjugate gradients. For the last layer alone the loss is
convex, and Newton's method is used from the start.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import scipy.linalg
import scipy.optimize

from certify.network.layers.plain import PlainLoss, PlainPoint
from certify.network.loss.losses import loss_named
from certify.problem.progress import Progress, silent
from certify.rigor.finder import FAILED
from certify.rigor.fp import Array

ROUNDING: Final = 1e-12
"""Share of what adds up to the gradient at which the gradient counts as 0."""
DENSE: Final = 2000
"""Parameters up to which H is formed."""
BLOCK: Final = 2000
"""Inputs of a last layer up to which the blocks of H of single outputs are factorised, to precondition."""
NEWTON_STEPS, QUASI_STEPS, PRODUCTS = 200, 20_000, 400
"""Most steps of either method, and most products with H a step."""
FLAT: Final = 1e-13
"""Share of the largest pivot below which H counts as singular."""
DAMPED: Final = 1e-9
"""The least damping but for none, as a share of the norm of H: flat directions then carry no rounding."""
GROWN: Final = 1e3
"""Factor of the weights' length at which a loss without weight decay is said to have no minimiser."""
STEADY: Final = 8
"""Steps of Newton's method of about one length, each of which lowers the gradient by about one factor, that say so."""
STALL, STALLED, AT_KINKS = 300, 1e-7, 3e-3
"""Steps of L-BFGS in which the loss has to fall by that share: by more where it runs along kinks, as it then crawls."""


class Ended(StrEnum):
    """Why a search ended."""

    CRITICAL = "the gradient is 0 to rounding"
    TIME = "the time was up"
    STEPS = "the steps were used up"
    ENDLESS = "the loss has no minimiser"
    KINK = "the least loss lies at a kink"
    STUCK = "no step lowers the loss or its gradient any more"


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a search ended.

    Attributes:
        w: `(p,)` free parameters.
        ended: why.
        value, gradient, scale: of the loss there, as of :class:`certify.network.layers.plain.PlainPoint`.
        steps: of L-BFGS and of Newton's method.
        kinks: pre-activations that lie at a kink to rounding.
    """

    w: Array
    ended: Ended
    value: float
    gradient: float
    scale: float
    steps: tuple[int, int]
    kinks: int = 0


class _Out(Exception):
    """A search by scipy ends here."""


class _Search:
    """One search: what it has seen, and when it has to end."""

    def __init__(self, loss: PlainLoss, seconds: float, tell: Progress) -> None:
        self.loss, self.tell = loss, tell
        self.until = time.monotonic() + seconds
        self.at = loss.at(loss.given)
        self.first = max(self.relative, 10 * ROUNDING)
        self.length = max(float(np.linalg.norm(loss.given)), 1.0)
        self.quasi = self.newton = 0
        self.paces: list[tuple[float, float]] = []
        """Of Newton's method: the length of every step, and the factor by which it lowered the gradient."""
        self.rough = self._hidden() and loss.network.kinked

    @property
    def size(self) -> float:
        """Length of the gradient."""
        return float(np.linalg.norm(self.at.gradient))

    @property
    def relative(self) -> float:
        """The gradient as a share of what adds up to it."""
        return self.size / self.at.scale if self.at.scale else 0.0

    def moved(self, at: PlainPoint) -> None:
        """Go on from there, and say how far it is."""
        self.at = at
        if self.rough:  # how long it runs along kinks nobody knows, so no time is foretold
            self.tell(f"gradient {self.size:.1e}", 0.0)
            return
        share = math.log(self.first / max(self.relative, ROUNDING)) / math.log(self.first / ROUNDING)
        self.tell(f"gradient {self.size:.1e}", min(max(share, 0.0), 0.99))

    def over(self) -> Ended | None:
        """Why to end now, if so."""
        if time.monotonic() > self.until:
            return Ended.TIME
        if self.endless():
            return Ended.ENDLESS
        return None

    def endless(self) -> bool:
        """Whether larger weights lower the loss for ever: without decay, every row right; or they have grown so."""
        loss = self.loss
        if loss.weight_decay or self.size == 0:
            return False
        if float(np.linalg.norm(self.at.w)) > GROWN * self.length or self._steady():
            return True
        return self.at.endless()

    def _steady(self) -> bool:
        """Whether the last steps were equally long and the gradient fell at one pace, as towards infinity."""
        last = self.paces[-STEADY:]
        return len(last) == STEADY and last[-1][0] > 0.5 * last[0][0] and all(0.1 < fall < 0.9 for _, fall in last)

    def end(self, why: Ended) -> Minimum:
        """The result."""
        kinks = self.at.at_kinks()[0] if self._hidden() else 0
        if self.relative <= ROUNDING and why is not Ended.ENDLESS:
            why = Ended.CRITICAL
        elif why is Ended.STUCK and kinks:
            why = Ended.KINK
        return Minimum(self.at.w, why, self.at.value, self.size, self.at.scale, (self.quasi, self.newton), kinks)

    def _hidden(self) -> bool:
        return self.loss.layers[0] < self.loss.network.depth


def minimise(loss: PlainLoss, seconds: float = math.inf, tell: Progress = silent) -> Minimum:
    """Lower the loss from the weights of its network until its gradient is 0 to rounding, or as far as it goes.

    Args:
        loss: the loss, with its free layers.
        seconds: it may take.
        tell: told the gradient, and the share of its way to rounding on a logarithmic scale.

    >>> from certify.network.network import Network
    >>> net = Network((np.array([[0.0]]),), (None,), "identity")
    >>> found = minimise(PlainLoss(net, np.ones((1, 1)), np.array([[3.0]]), "squared", (1,), 0.5))
    >>> found.w.tolist(), str(found.ended)
    ([2.0], 'the gradient is 0 to rounding')
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        search = _Search(loss, seconds, tell)
        why = search.over() if search.relative > ROUNDING else None
        if why is not None:
            return search.end(why)
        if search._hidden() and (why := _come_near(search)) is not None:
            return search.end(why)
        return search.end(_finish(search))


def _come_near(search: _Search) -> Ended | None:
    """L-BFGS until Newton's method can take over; why to end, if so."""
    why: list[Ended] = []
    seen: dict[str, float] = {"value": search.at.value, "step": 0}

    def both(w: Array) -> tuple[float, Array]:
        try:
            both.last = search.loss.at(w)  # type: ignore[attr-defined]
        except FAILED:
            return 1e300, np.zeros_like(w)
        at: PlainPoint = both.last  # type: ignore[attr-defined]
        return (at.value, at.gradient) if math.isfinite(at.value) else (1e300, np.zeros_like(w))

    def step(w: Array) -> None:
        at: PlainPoint = both.last  # type: ignore[attr-defined]
        search.quasi += 1
        search.moved(at if np.array_equal(at.w, w) else search.loss.at(w))
        if search.quasi % 20 == 0 and (ended := search.over()):
            why.append(ended)
            raise _Out
        if search.relative <= 1e-7:
            raise _Out
        if search.quasi - seen["step"] >= STALL:
            fall = STALLED if not search.at.at_kinks()[0] else AT_KINKS
            if seen["value"] - search.at.value < fall * abs(seen["value"]):
                raise _Out
            seen.update(value=search.at.value, step=search.quasi)

    try:
        scipy.optimize.minimize(both, search.at.w.copy(), jac=True, method="L-BFGS-B", callback=step, options={
            "maxiter": QUASI_STEPS, "maxfun": 2 * QUASI_STEPS, "ftol": 0.0, "gtol": 0.0, "maxcor": 20})
    except _Out:
        pass
    return why[0] if why else None


def _finish(search: _Search) -> Ended:
    """Newton's method with a damping that follows how well its steps do."""
    damping, best, idle = 0.0, search.size, 0
    for _ in range(NEWTON_STEPS):
        if ended := search.over():
            return ended
        if search.relative <= ROUNDING and idle:
            return Ended.CRITICAL
        found = _step(search, damping)
        if found is None:
            return Ended.STUCK
        at, damping = found
        search.newton += 1
        search.paces.append((float(np.linalg.norm(at.w - search.at.w)),
                             float(np.linalg.norm(at.gradient)) / max(search.size, 1e-300)))
        search.moved(at)
        idle = 0 if search.size < 0.5 * best else idle + 1
        best = min(best, search.size)
        if idle > 30 and search.relative > ROUNDING:
            return Ended.STUCK
    return Ended.STEPS


def _step(search: _Search, damping: float) -> tuple[PlainPoint, float] | None:
    """One step that does better, and the damping for the next; None where there is none."""
    at = search.at
    solve = _solver(search.loss, at)
    least = DAMPED * solve.size
    for _ in range(25):
        d = solve.step(damping)
        if d is None:
            damping = max(10 * damping, least)
            continue
        Hd = at.product(d)
        model = float(at.gradient @ d) + 0.5 * float(d @ Hd)
        new = _tried(search.loss, at.w + d)
        if new is not None and model < 0:
            gained = new.value - at.value
            fine = abs(model) <= 1e-12 * max(abs(at.value), 1e-300)  # below what the value itself is known to
            better = float(np.linalg.norm(new.gradient)) < 0.999 * search.size
            if (fine and better) or (not fine and gained <= 1e-3 * model):
                well = fine or gained < 0.75 * model
                return new, (damping / 10 if damping > 9 * least else 0.0) if well else max(2 * damping, least)
            if fine and search.relative <= ROUNDING:
                return at, damping  # rounding
        elif model >= 0 and search.relative <= ROUNDING:
            return at, damping
        damping = max(6 * damping, least)
        if time.monotonic() > search.until:
            return None
    return None


def _tried(loss: PlainLoss, w: Array) -> PlainPoint | None:
    try:
        at = loss.at(w)
    except FAILED:
        return None
    return at if math.isfinite(at.value) and np.isfinite(at.gradient).all() else None


@dataclass(frozen=True, eq=False)
class _Solver:
    """`−(H + μI)⁻¹∇L` for any μ.

    Attributes:
        step: of a μ; None where H + μI is not positive definite.
        size: about the norm of H.
    """

    step: Callable[[float], Array | None]
    size: float


def _solver(loss: PlainLoss, at: PlainPoint) -> _Solver:
    """By a factorisation, or by conjugate gradients."""
    p = len(at.w)
    if p > DENSE:
        return _by_products(loss, at)
    H = head_hessian(at) if loss.layers == (loss.network.depth,) else np.stack([at.product(e) for e in np.eye(p)])
    H = (H + H.T) / 2
    size = float(np.abs(H).sum(axis=1).max())

    def step(damping: float) -> Array | None:
        A = H.copy()
        A[np.arange(p), np.arange(p)] += damping
        try:
            factor = scipy.linalg.cho_factor(A, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        pivots = np.diag(factor[0]) ** 2
        if not pivots.min() > FLAT * pivots.max():  # a flat direction, along which rounding would carry the weights
            return None
        d = -scipy.linalg.cho_solve(factor, at.gradient, check_finite=False)
        return np.asarray(d) if np.isfinite(d).all() else None

    return _Solver(step, size)


def head_hessian(at: PlainPoint) -> Array:
    """`(1/n) Σ s_i ∇²ℓ_i ⊗ φ_iφ_iᵀ + λ` of a last layer, in the order of its parameters."""
    loss, phi, M = _curvature(at)
    W, b = loss.network.weights[-1], loss.network.biases[-1]
    k, m = W.shape
    full = phi if b is None else np.hstack([phi, np.ones((len(phi), 1))])
    size = full.shape[1]
    blocks = np.empty((k, size, k, size))
    for a in range(k):
        for c in range(a + 1):
            block = full.T @ (M[:, a, c, None] * full) / loss.n
            blocks[a, :, c, :], blocks[c, :, a, :] = block, block.T
    order = np.arange(k * size).reshape(k, size)
    place = np.concatenate([order[:, :m].ravel(), order[:, m:].ravel()])
    H: Array = blocks.reshape(k * size, k * size)[np.ix_(place, place)]
    H[np.arange(len(H)), np.arange(len(H))] += loss.decay
    return H


def _curvature(at: PlainPoint) -> tuple[PlainLoss, Array, Array]:
    """Inputs of a last layer, and `s_i ∇²ℓ_i` as `(n, k, k)`."""
    loss, rule, f = at.of, loss_named(at.of.loss), at.outputs()
    c, k = rule.rough_slopes(f, loss.aims), f.shape[1]
    M = np.stack([rule.rough_products(c, loss.aims, np.tile(e, (len(f), 1))) for e in np.eye(k)], axis=2)
    return loss, loss.inputs, M if loss.shares is None else M * loss.shares[:, None, None]


def _by_products(loss: PlainLoss, at: PlainPoint) -> _Solver:
    """By conjugate gradients, which stop where H + μI has no curvature."""
    smooth = _preconditioner(at)
    g = at.gradient
    size = float(np.linalg.norm(at.product(g))) / max(float(np.linalg.norm(g)), 1e-300)

    def step(damping: float) -> Array | None:
        x, r = np.zeros_like(g), -g
        y = smooth(r, damping)
        d, ry, first = y.copy(), float(r @ y), float(np.linalg.norm(g))
        for _ in range(PRODUCTS):
            Hd = at.product(d) + damping * d
            curvature = float(d @ Hd)
            if not curvature > 0:
                return x if x.any() else None
            x += ry / curvature * d
            r -= ry / curvature * Hd
            if float(np.linalg.norm(r)) <= min(0.1, math.sqrt(first / max(at.scale, 1e-300))) * 0.1 * first:
                break
            y = smooth(r, damping)
            ry, before = float(r @ y), ry
            d = y + ry / before * d
        return x

    return _Solver(step, size)


def _preconditioner(at: PlainPoint) -> Callable[[Array, float], Array]:
    """The blocks of single outputs of a last layer, factorised; elsewhere nothing."""
    loss = at.of
    W, b = loss.network.weights[-1], loss.network.biases[-1]
    k, m = W.shape
    if loss.layers != (loss.network.depth,) or m > BLOCK:
        return lambda r, damping: r
    _, phi, M = _curvature(at)
    factors = []
    for a in range(k):
        B = phi.T @ (M[:, a, a, None] * phi) / loss.n
        B[np.arange(m), np.arange(m)] += loss.weight_decay + 1e-10 * float(np.trace(B)) / m + 1e-300
        factors.append(scipy.linalg.cho_factor(B, check_finite=False))
    bias = M[:, np.arange(k), np.arange(k)].mean(axis=0) + (loss.weight_decay if loss.bias_decay else 0.0) + 1e-300

    def smooth(r: Array, damping: float) -> Array:
        parts = [np.concatenate([scipy.linalg.cho_solve(factors[a], r[a * m:(a + 1) * m], check_finite=False)
                                 for a in range(k)])]
        if b is not None:
            parts.append(r[k * m:] / bias)
        return np.concatenate(parts)

    return smooth
