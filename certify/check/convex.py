"""A strongly convex last layer: how far its one solution moves over a whole budget (Q6, V40), in balls.

The claim names θ and T. Everything is recomputed from the files: Hessian, its inverse factor, every row's share.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.activation import ACTIVATIONS
from certify.check.balls import ONE, ZERO, largest, norm, root, squares
from certify.check.definite import Truth, definiteness
from certify.check.evidence import Evidence, Finding
from certify.check.network import first_weights, given
from certify.check.spread import spectral
from certify.check.subject import Problem
from certify.check.sublevel import losses

DIGITS = 17
GRAM = 4000
"""Most rows whose inner products are formed."""


@dataclass(frozen=True)
class Effect:
    """N, the part κ of B that is lost, what the rows' spans grow by, and the spread ς of the outputs at w̄."""

    gradient: arb
    lost: arb = ZERO
    wider: arb = ZERO
    bent: arb = ZERO


def distance_at_most(evidence: Evidence, most: float, theta: float, reach: float) -> Finding:
    """V40: `(1 − κ)T > N + |e|/√λ`, curvature keeps the factor θ within T, and `T/√λ + |e|/λ ≤ most`."""
    problem = evidence.problem
    decay = arb(problem.weight_decay)
    if not decay > 0 or problem.free != (len(problem.layers),):
        return Finding(Truth.UNDECIDED, "the last layer alone must be free, with a weight decay above 0")
    if len(problem.kept) < len(problem.features):
        return Finding(Truth.UNDECIDED, "rows are merged")
    if not 0 <= theta <= 1 or not reach > 0 or (problem.loss == "squared" and theta != 1):
        return Finding(Truth.UNDECIDED, f"θ = {theta!r} and T = {reach!r} are no witness")
    if problem.norm != 2 or problem.parameter == "targets" and problem.loss != "squared":
        return Finding(Truth.UNDECIDED, "no rule is known for this budget")
    if problem.parameter == "sample_weights" and not (problem.radius or 0) <= 1:
        return Finding(Truth.UNDECIDED, "sample weights may become negative")
    if problem.parameter == "features" and theta == 0:
        return Finding(Truth.UNDECIDED, "θ = 0 bounds no slope that moves with features")
    layer = Layer(evidence, theta)
    if layer.inverse is None:
        return Finding(Truth.UNDECIDED, "the Hessian could not be factorised")
    effect = {"sample_weights": _sample_weights, "targets": _targets, "features": _features}[problem.parameter](layer)
    T, least = arb(reach), decay.sqrt()
    start = layer.residual / least
    if not (1 - effect.lost) * T > effect.gradient + start:
        return Finding(Truth.UNDECIDED, f"the barrier at {reach!r} is not proved: it needs more than "
                       f"{((effect.gradient + start) / (1 - effect.lost)).str(DIGITS, radius=False)}")
    spread = T * (largest(layer.spans) + effect.wider)
    if problem.loss != "squared" and theta > 0 and not _kept(spread) * (-effect.bent).exp() >= arb(theta):
        return Finding(Truth.UNDECIDED, f"curvature is not proved to keep the factor {theta!r}")
    found = T / least + layer.residual / decay
    return Finding(Truth.PROVED if found <= arb(most) else Truth.UNDECIDED,
                   f"what is proved is {found.str(DIGITS, radius=False)}")


def _kept(spread: arb) -> arb:
    """`(1 − e^{−s})/s`, which falls with s."""
    s = spread.upper()
    return -(-s).expm1() / s if s > 0 else ONE


class Layer:
    """The last layer at the weights in the file, in the metric of θ: `B = θ(H − λ) + λ`."""

    def __init__(self, evidence: Evidence, theta: float) -> None:
        problem = self.problem = evidence.problem
        self.theta, self.decay = arb(theta), arb(problem.weight_decay)
        passed, k = evidence.forward, problem.outputs
        last = problem.layers[-1]
        self.W = evidence.parameters.weights[-1]
        A, V = passed.inputs[-1].tolist(), self.W.tolist()
        if last.biases is not None:
            A, V = [[*row, ONE] for row in A], [[*row, b] for row, b in zip(V, map(arb, last.biases), strict=True)]
        self.phi, self.k, self.n = arb_mat(A), k, len(A)
        self.slopes = losses(problem, passed.outputs).slopes
        self.weights, self.curves = _curvature(problem, self.slopes.tolist())
        gradient = self.slopes.transpose() * self.phi / arb(self.n) + self.decay * arb_mat(V)
        self.residual = norm(gradient.entries()).upper()
        self.inverse: arb | None = None
        self._factorise()

    def _factorise(self) -> None:
        """R with `|y|_{B⁻¹} ≤ inverse·|Ry|`, and the images `R(e_a ⊗ φ_i)` of every row, `(n, km)` for each output."""
        k, m, size = self.k, self.phi.ncols(), self.k * self.phi.ncols()
        left, blocks = self.phi.transpose(), {}
        for a in range(k):
            for b in range(a + 1):
                rows = [[M[a][b] * x for x in row] for M, row in zip(self.curves, self.phi.tolist(), strict=True)]
                blocks[a, b] = (left * arb_mat(rows) * (self.theta / self.n)).tolist()
        entries = [[blocks[max(a, b), min(a, b)][j][c] for b in range(k) for c in range(m)]
                   for a in range(k) for j in range(m)]
        for i in range(size):
            entries[i][i] += self.decay
        found = definiteness(arb_mat(entries))
        if found.truth is not Truth.PROVED or found.R is None or not found.defect < 1:
            return
        self.inverse = (1 / (1 - found.defect).sqrt()).upper()
        R = found.R.tolist()
        self.images = [(self.phi * arb_mat([row[a * m:(a + 1) * m] for row in R]).transpose()).tolist()
                       for a in range(k)]
        self.spans = [self._span(i) for i in range(self.n)]

    def _span(self, i: int) -> arb:
        """`σ_i`."""
        assert self.inverse is not None
        z = [image[i] for image in self.images]
        if self.k == 1:
            return (norm(z[0]) * self.inverse).upper()
        return (largest([norm(x - y for x, y in zip(z[a], z[b], strict=True)) for a in range(self.k)
                         for b in range(a)]) * self.inverse).upper()

    def lever(self, i: int) -> arb:
        """`sup_{|c| = 1} |c ⊗ φ_i|_{B⁻¹}`, by Gershgorin's circles."""
        assert self.inverse is not None
        z = [image[i] for image in self.images]
        rows = [sum((abs(sum((x * y for x, y in zip(a, b, strict=True)), ZERO)) for b in z), ZERO) for a in z]
        return (root(largest(rows)) * self.inverse).upper()

    @property
    def count(self) -> int:
        """How many rows may move by the whole radius at once."""
        problem, rows = self.problem, len(self.problem.moving)
        return {"total": 1, "per_sample": rows}.get(problem.set) or min(problem.count or 1, rows)

    def top(self, values: list[arb]) -> arb:
        """The sum of the largest values that may be taken together."""
        return total_of(values, self.count)


def total_of(values: list[arb], count: int) -> arb:
    """Upper bound of the sum of the `count` largest; sorting by the nearest floats may err by 2^-52 of it."""
    tops = sorted((v.upper() for v in values), key=float, reverse=True)[:count]
    return (sum(tops, ZERO) * (1 + arb(2) ** -50)).upper()


def _curvature(problem: Problem, slopes: list[list[arb]]) -> tuple[list[arb], list[list[list[arb]]]]:
    """`W_i` and `M_i = ∇²ℓ_i`, from the slopes: I; `s(1 − s)`; `diag(t) − ttᵀ/W`, `t = c + q` (H2)."""
    k = problem.outputs
    if problem.loss == "squared":
        unit = [[ONE if a == b else ZERO for b in range(k)] for a in range(k)]
        return [ONE] * len(slopes), [unit] * len(slopes)
    if problem.loss == "logistic":
        return [ONE] * len(slopes), [[[abs(c) * (1 - abs(c))]] for (c,) in slopes]
    weights, curves = [], []
    for i, c in enumerate(slopes):
        if problem.targets is not None:
            q = [arb(v) for v in problem.targets[i]]
        else:
            assert problem.labels is not None
            q = [ONE if problem.labels[i] == a else ZERO for a in range(k)]
        W = sum(q, ZERO)
        t = [x + y for x, y in zip(c, q, strict=True)]
        weights.append(W)
        curves.append([[(x if a == b else ZERO) - (x * y / W if W > 0 else ZERO) for b, y in enumerate(t)]
                       for a, x in enumerate(t)])
    return weights, curves


def _sample_weights(layer: Layer) -> Effect:
    """Q6c: `(1/n) Σ u_i g_i ⊗ φ_i`, and the curvature that may go with the rows."""
    problem, k = layer.problem, layer.k
    assert layer.inverse is not None and problem.radius is not None
    ys, held = [], []
    for i in problem.moving:
        g, z = [layer.slopes[i, a] for a in range(k)], [image[i] for image in layer.images]
        ys.append([sum((c * x for c, x in zip(g, column, strict=True)), ZERO) for column in zip(*z, strict=True)])
        trace = sum((layer.curves[i][a][a] for a in range(k)), ZERO)
        if problem.loss == "cross_entropy":
            held.append(trace / 2 * layer.spans[i] ** 2)
        else:
            held.append(trace / k * (layer.lever(i) if k > 1 else layer.spans[i]) ** 2)
    sizes = [(norm(y) * layer.inverse).upper() for y in ys]
    share = arb(problem.radius) / layer.n
    if problem.set == "total":
        return Effect(share * norm(sizes), layer.theta * share * norm(held))
    first, count = layer.top(sizes), layer.count
    if 1 < count and len(ys) <= GRAM:
        Y = arb_mat(ys)
        G = (Y * Y.transpose()).tolist()
        rho = []
        for i, row in enumerate(G):
            rho.append(squares(ys[i]) + total_of([abs(x) for j, x in enumerate(row) if j != i], count - 1))
        first = first.min(root(layer.top(rho)) * layer.inverse)
    return Effect((share * first).upper(), (layer.theta * share * layer.top(held)).upper())


def _targets(layer: Layer) -> Effect:
    """Q6c: `(1/n) Σ u_i ⊗ φ_i`, squared loss."""
    problem, count = layer.problem, layer.count
    radius = arb(problem.radius or 0.0)
    joint = (arb(count) / layer.n).sqrt()
    if problem.set == "total":
        return Effect(radius * joint)
    return Effect((radius * joint.min(layer.top([layer.lever(i) for i in problem.moving]) / layer.n)).upper())


def _features(layer: Layer) -> Effect:
    """Q6d: slopes that move, slopes that move times inputs that move, inputs that move."""
    problem, count, n, k = layer.problem, layer.count, layer.n, layer.k
    squared, W = problem.loss == "squared", layer.W.tolist()
    r = (_reach(layer) * arb(problem.radius or 0.0)).upper()
    gram = (layer.W * layer.W.transpose()).tolist()
    traces, sizes = [], []
    for i in problem.moving:
        M = layer.curves[i]
        traces.append(sum((M[a][b] * gram[a][b] for a in range(k) for b in range(k)), ZERO).max(ZERO))
        sizes.append(norm(x for row in M for x in row))
    size = norm(layer.W.entries())
    wide = size if k == 1 else largest([norm(x - y for x, y in zip(W[a], W[b], strict=True))
                                        for a in range(k) for b in range(a)])
    bent = ZERO if squared else (wide * r).upper()
    factor = ONE if squared or not bent > 0 else bent.expm1() / bent
    first = factor * r * root(layer.top(traces) / n / layer.theta)
    gamma = size * r if squared else largest(layer.weights) * arb(2).sqrt() * (bent / 4).min(ONE)
    slope = spectral(arb_mat([[layer.slopes[i, a] for i in problem.moving] for a in range(k)]))
    rest = gamma * r * count / n + r * (arb(count) / n).sqrt() * slope / arb(n).sqrt()
    eta = (r * r * layer.theta * layer.top(sizes) / n / layer.decay).upper()
    lost = (((eta * eta + 4 * eta).sqrt() - eta) / 2).upper()  # t²/(1 − t) = η
    least = layer.decay.sqrt()
    return Effect((first + rest / least).upper(), lost, (arb(2).sqrt() * r / least).upper(), bent)


def _reach(layer: Layer) -> arb:
    """ω, the Lipschitz constant of the last layer's input in the features, in units of their scale."""
    problem = layer.problem
    steepest = arb(ACTIVATIONS[problem.activation].steepest)
    unit = ONE if problem.scale is None else arb(max(map(abs, problem.scale)))
    if len(problem.layers) == 1:
        return unit
    omega = spectral(first_weights(problem, given(problem))) * steepest
    for spec in problem.layers[1:-1]:
        omega *= spectral(arb_mat(spec.outputs, spec.inputs, [arb(v) for v in spec.weights])) * steepest
    return omega

