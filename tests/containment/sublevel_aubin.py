"""Q5 against searches in floats: from any member found near the weights one descends within what is claimed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.special import erf, expit, log_softmax, softmax

from certify.format.errors import EnclosureError, SpecError
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer
from certify.systems.sublevel.point import SublevelPoint
from certify.theorems.aubin.sublevel import Loss, Way, promise, propose_ways, radii_for
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families import training

Rng = np.random.Generator
Array = np.ndarray

SMALL = 1e-9
"""A rise of the loss below which floats decide nothing."""

SLACK = 1e-12


def _density(x: Array) -> Array:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


PHI: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "identity": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1.0, 0.01)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
    "tanh": (np.tanh, lambda x: np.cosh(x) ** -2.0),
    "sigmoid": (expit, lambda x: expit(x) * expit(-x)),
    "softplus": (lambda x: np.logaddexp(0, x), expit),
    "silu": (lambda x: x * expit(x), lambda x: expit(x) * (1 + x * expit(-x))),
    "gelu": (lambda x: x * (1 + erf(x / np.sqrt(2))) / 2, lambda x: (1 + erf(x / np.sqrt(2))) / 2 + x * _density(x)),
}


class Floats:
    """Loss and gradients of a sublevel problem in floats, by nothing but numpy and scipy."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.net = problem, problem.network
        self.w = np.concatenate([part.ravel() for pair in zip(self.net.weights, self.net.biases, strict=True)
                                 for part in pair if part is not None])
        self.shape = problem.X.shape if problem.parameter == "features" else problem.y.shape
        layers = self.net.layers(problem.layer)
        self.free = np.concatenate([np.full(part.size, float(h in layers)) for h, pair in enumerate(zip(
            self.net.weights, self.net.biases, strict=True), 1) for part in pair if part is not None])
        self.moves = np.isin(np.arange(problem.n), problem.rows)[:, None]

    def loss(self, u: Array, w: Array) -> float:
        """`L(u, w)`."""
        return self.both(u, w)[0]

    def both(self, u: Array, w: Array) -> tuple[float, Array, Array]:
        """`L`, its gradient in the weights and in the data."""
        p, features = self.problem, self.problem.parameter == "features"
        phi, slope = PHI[self.net.activation]
        layers, at = [], 0
        for W, b in zip(self.net.weights, self.net.biases, strict=True):
            V, at = w[at : at + W.size].reshape(W.shape), at + W.size
            c = None if b is None else w[at : at + b.size]
            at += 0 if b is None else b.size
            layers.append((V, c))
        a, inputs, before = p.X + (u if features else 0.0), [], []
        for V, c in layers:
            inputs.append(a)
            before.append(a @ V.T + (0.0 if c is None else c))
            a = phi(before[-1])
        f, n = before[-1], p.n
        if p.loss == "squared":
            r = f - p.y - (0.0 if features else u)
            value, v = (r**2).sum() / 2, r
        elif p.loss == "logistic":
            s = np.where(np.asarray(p.labels) > 0, 1.0, -1.0)[:, None]
            value, v = np.logaddexp(0, -s * f).sum(), -s * expit(-s * f)
        else:
            q = p.y if p.y is not None else np.eye(f.shape[1])[np.asarray(p.labels).astype(int)]
            total = q.sum(axis=1, keepdims=True)
            value, v = -(q * log_softmax(f, axis=1)).sum(), total * softmax(f, axis=1) - q
        parts: list[Array] = []
        outer = -v
        for h in range(len(layers) - 1, -1, -1):
            V, c = layers[h]
            parts = [v.T @ inputs[h], *([] if c is None else [v.sum(axis=0)]), *parts]
            v = v @ V
            v = v * slope(before[h - 1]) if h else v
        g = np.concatenate([x.ravel() for x in parts]) / n + p.weight_decay * w
        return value / n + p.weight_decay / 2 * float(w @ w), g * self.free, (v if features else outer) * self.moves / n

    def descended(self, u: Array, start: Array, level: float, reach: float) -> Array | None:
        """A point with a loss of at most the level within `reach` of the start; None: none was found.

        By steps `−(L − ℓ)∇L/|∇L|²`, and, where they run out of the ball, back along its radius.
        """
        w = start.copy()
        for _ in range(400):
            value, g, _ = self.both(u, w)
            if value <= level + SLACK * (1 + abs(level)):
                return w
            w = w - min((value - level) / float(g @ g), 0.2 * reach / float(np.linalg.norm(g))) * g
            gone = float(np.linalg.norm(w - start))
            if gone > reach:
                w = start + (w - start) * (reach / gone)
        return None


def sphere(rng: Rng, like: Array, r: float) -> Array:
    """A point of length r, or now and then shorter."""
    z = rng.standard_normal(like.shape)
    return z * (r * (1.0 if rng.random() < 0.7 else rng.random()) / max(float(np.linalg.norm(z)), 1e-300))


def random_problem(rng: Rng) -> Problem:
    """A small sublevel problem for which Q5 is built."""
    while True:
        try:
            found = replace(training.training(rng, mild=True), layer="all", set="total", scale=None)
        except EnclosureError:
            continue
        if found.parameter == "sample_weights":
            continue
        kinked = found.network.activation in ("relu", "leaky_relu", "elu")
        if kinked and rng.random() < 0.7:  # a kink in reach leaves nothing to hold against the claim
            smooth = str(rng.choice(["tanh", "gelu", "softplus", "sigmoid", "silu"]))
            found = replace(found, network=replace(found.network, activation=smooth))
        return found


def inclusion(problem: Problem, rng: Rng, tries: int = 4) -> Outcome:
    """`S(u') ∩ B(w̄, r_w) ⊂ S(u) + κ|u − u'|B` at the worst changes and members that a few steps find."""
    claim = largest(problem) if rng.random() < 0.1 else some(problem, rng)
    if claim is None:
        return "refused"
    floats, kappa, r_u, r_w = Floats(problem), claim[0], claim[1] * 0.999, claim[2] * 0.999
    level, decided = floats.loss(np.zeros(floats.shape), floats.w), False
    for _ in range(tries):
        e = floats.both(np.zeros(floats.shape), floats.w)[2]
        e = e / np.linalg.norm(e) if rng.random() < 0.6 and e.any() else sphere(rng, e, 1.0) * floats.moves
        before, after = -r_u * e, r_u * e
        if rng.random() < 0.3:
            after = after * float(rng.random())
        w = floats.w + sphere(rng, floats.w, r_w * float(rng.choice([0.0, 0.5, 1.0]))) * floats.free
        w = member(floats, before, w, level, r_w)
        gap = float(np.linalg.norm(after - before))
        if w is None or floats.loss(after, w) - level < SMALL * (1 + abs(level)):
            continue
        decided = True
        found = floats.descended(after, w, level, kappa * gap)
        expect(found is not None, "the inclusion of Q5", kappa=kappa, radius_u=r_u, radius_w=r_w, X=problem.X,
               w=floats.w, u=after, before=before, member=w)
    return "decided" if decided else "refused"


def largest(problem: Problem) -> tuple[float, float, float] | None:
    """κ and the largest radii found, as they are claimed."""
    try:
        bound = SublevelPoint(problem, answer, silent).bound("aubin")
    except SpecError:
        return None
    return None if bound.upper is None else (bound.upper, bound.witness["radius_u"], bound.witness["radius_w"])


def some(problem: Problem, rng: Rng) -> tuple[float, float, float] | None:
    """The least κ proved for radii drawn at random, along one of the directions."""
    loss = Loss(problem)
    ways = list(propose_ways(loss))[:3]
    if not ways:
        return None
    way = Way(loss, ways[int(rng.integers(len(ways)))])
    if way.start <= 0 or way.calm.loss <= 0:
        return None
    lip = way.calm.loss * way.size / way.start
    whole = promise(way, lip, lip * Fraction(float(rng.choice([2.0, 4.0]))), None)
    ratio = float(lip) * float(rng.choice([0.2, 1.0, 1.0, 2.0]))
    for share in (0.5, 0.1, 0.02):
        found = radii_for(way, whole * share, ratio * whole * share) if 1e-100 < whole < 1e100 else None
        if found is not None:
            return found.kappa, found.radius_u, found.radius_w
    return None


def member(floats: Floats, u: Array, w: Array, level: float, r_w: float) -> Array | None:
    """A member of S(u) within r_w of the weights, as high as it may be: up the gradient to the level, or down to it."""
    for _ in range(60):
        value, g, _ = floats.both(u, w)
        if not g.any():
            return None
        step = (level - SLACK - value) / float(g @ g) * g
        w = w + step * min(1.0, 0.3 * r_w / max(float(np.linalg.norm(step)), 1e-300))
        gone = w - floats.w
        far = float(np.linalg.norm(gone))
        w = floats.w + gone * (r_w / far) if far > r_w else w
    return w if floats.loss(u, w) <= level else None


@attack("sublevel_aubin", "Q5", slow=4)
def any_inclusion(rng: Rng) -> Outcome:
    """One random problem, all layers or one free."""
    problem = random_problem(rng)
    if rng.random() < 0.4:
        problem = replace(problem, layer=int(rng.integers(1, problem.network.depth + 1)))
    try:
        return inclusion(problem, rng)
    except EnclosureError:
        return "refused"
