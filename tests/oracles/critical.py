"""The critical map by second-order jets in 260-bit balls and a numerical pseudo-inverse in 50 digits.

Independent of the product in all of its steps: derivatives by the product rule on every scalar (no passes, no
structure), the kernel of the Hessian by its eigenvalues (no symmetry fields), the tilt by a pseudo-inverse.
"""

from __future__ import annotations

from dataclasses import dataclass

import flint
import mpmath as mp
import numpy as np
from flint import arb, arb_mat

from certify.problem.problem import Problem

BITS, DIGITS = 260, 60
TINY = mp.mpf(10) ** -28
"""Eigenvalues below this, relative to the largest, are 0."""


@dataclass
class Jet:
    """Value, gradient and Hessian with respect to all variables."""

    v: arb
    g: arb_mat
    h: arb_mat

    def __add__(self, other: Jet) -> Jet:
        return Jet(self.v + other.v, self.g + other.g, self.h + other.h)

    def __mul__(self, other: Jet) -> Jet:
        cross = self.g * other.g.transpose()
        return Jet(self.v * other.v, self.g * other.v + other.g * self.v,
                   self.h * other.v + other.h * self.v + cross + cross.transpose())

    def times(self, x: arb) -> Jet:
        return Jet(self.v * x, self.g * x, self.h * x)

    def of(self, value: arb, first: arb, second: arb) -> Jet:
        """A function of this jet with the given derivatives."""
        return Jet(value, self.g * first, self.h * first + self.g * self.g.transpose() * second)


def phi(name: str, z: Jet) -> Jet:
    """The activation; refuses the points where it has no second derivative."""
    x, one = z.v, arb(1)
    if name == "identity":
        return z
    if name == "tanh":
        t = x.tanh()
        return z.of(t, one - t * t, -2 * t * (one - t * t))
    if name in ("relu", "leaky_relu", "elu"):
        if x.contains(arb(0)):
            raise ValueError(f"{name} has no second derivative here")
        if x > 0:
            return z
        if name == "elu":
            return z.of(x.expm1(), x.exp(), x.exp())
        slope = arb(0.01) if name == "leaky_relu" else arb(0)
        return z.times(slope)
    s = 1 / (1 + (-x).exp())
    ds = s * (one - s)
    dds = ds * (one - 2 * s)
    if name == "sigmoid":
        return z.of(s, ds, dds)
    if name == "softplus":
        return z.of(x.exp().log1p(), s, ds)
    if name == "silu":
        return z.of(x * s, s + x * ds, 2 * ds + x * dds)
    assert name == "gelu"
    density = (-(x * x) / 2).exp() / (2 * arb.pi()).sqrt()
    below = (one + (x / arb(2).sqrt()).erf()) / 2
    return z.of(x * below, below + x * density, density * (2 - x * x))


class System:
    """Outputs, losses and the whole loss of a problem as jets in (w, u), at given weights."""

    def __init__(self, problem: Problem, tilt: list[list[arb]] | None = None) -> None:
        self.problem, self.tilt = problem, tilt
        self.layers = problem.network.layers(problem.layer)
        self.p = problem.parameters
        self.width = {"features": problem.inputs, "targets": problem.outputs}.get(problem.parameter, 1)
        self.q = self.width * len(problem.rows)
        self.m = self.p + self.q

    def weights(self) -> list[arb]:
        """The free parameters in the file."""
        net, found = self.problem.network, []
        for h in self.layers:
            found += net.weights[h - 1].ravel().tolist()
            found += [] if net.biases[h - 1] is None else net.biases[h - 1].tolist()
        return [arb(x) for x in found]

    def constant(self, x: float | arb) -> Jet:
        return Jet(arb(x), arb_mat(self.m, 1), arb_mat(self.m, self.m))

    def variable(self, x: float | arb, at: int) -> Jet:
        jet = self.constant(x)
        jet.g[at, 0] = 1
        return jet

    def network(self, w: list[arb]) -> list[tuple[list[list[Jet]], list[Jet]]]:
        """Weights and biases as jets."""
        net, result, at = self.problem.network, [], 0
        for h, (W, b) in enumerate(zip(net.weights, net.biases, strict=True), 1):
            def entry(x: float, free: bool = h in self.layers) -> Jet:
                nonlocal at
                if not free:
                    return self.constant(x)
                at += 1
                return self.variable(w[at - 1], at - 1)

            rows = [[entry(x) for x in row] for row in W.tolist()]
            result.append((rows, [] if b is None else [entry(x) for x in b.tolist()]))
        return result

    def outputs(self, w: list[arb]) -> list[list[Jet]]:
        """Network outputs of every row."""
        problem, layers = self.problem, self.network(w)
        found = []
        for i, x in enumerate(problem.X.tolist()):
            a = [self.constant(v) for v in x]
            if problem.parameter == "features" and i in problem.rows:
                start = self.p + problem.rows.index(i) * self.width
                scale = [1.0] * len(x) if problem.scale is None else problem.scale.tolist()
                u = [self.variable(0.0, start + j).times(arb(s)) for j, s in enumerate(scale)]
                a = [v + moved for v, moved in zip(a, u, strict=True)]
            for h, (W, b) in enumerate(layers, 1):
                z = [sum((c * v for c, v in zip(row, a, strict=True)), self.constant(0.0)) for row in W]
                z = [v + c for v, c in zip(z, b, strict=True)] if b else z
                a = [phi(problem.network.activation, v) for v in z] if h < len(layers) else z
            found.append(a)
        return found

    def loss(self, i: int, f: list[Jet]) -> Jet:
        """Loss of row i."""
        problem = self.problem
        if problem.loss == "squared":
            total = self.constant(0.0)
            for a, v in enumerate(f):
                r = v + self.constant(-problem.y[i, a])
                if problem.parameter == "targets" and i in problem.rows:
                    start = self.p + problem.rows.index(i) * self.width
                    r = r + self.variable(0.0, start + a).times(arb(-1))
                total = total + (r * r).times(arb(0.5))
            return total
        if problem.loss == "logistic":
            s = arb(1 if problem.labels[i] > 0 else -1)
            x = -s * f[0].v
            e = 1 / (1 + (-x).exp())
            return f[0].times(-s).of(x.exp().log1p(), e, e * (1 - e))
        q = [float(a == problem.labels[i]) for a in range(len(f))] if problem.y is None else problem.y[i].tolist()
        e = [v.of(v.v.exp(), v.v.exp(), v.v.exp()) for v in f]
        total = sum(e[1:], e[0])
        log = total.of(total.v.log(), 1 / total.v, -1 / total.v**2)
        weight = sum((arb(x) for x in q), arb(0))
        return sum((v.times(-arb(x)) for v, x in zip(f, q, strict=True)), log.times(weight))

    def whole(self, w: list[arb]) -> Jet:
        """`L − ⟨c, f⟩`."""
        problem, total = self.problem, self.constant(0.0)
        outputs = self.outputs(w)
        for i, f in enumerate(outputs):
            term = self.loss(i, f)
            if problem.parameter == "sample_weights" and i in problem.rows:
                term = term * self.variable(1.0, self.p + problem.rows.index(i))
            total = total + term.times(arb(1) / problem.n)
            if self.tilt is not None:
                total = sum((v.times(-c) for v, c in zip(f, self.tilt[i], strict=True)), total)
        if problem.weight_decay:
            for at, x in enumerate(w):
                v = self.variable(x, at)
                total = total + (v * v).times(arb(problem.weight_decay) / 2)
        return total


def number(x: arb) -> mp.mpf:
    """Midpoint; the balls are far smaller than what is decided with them."""
    man, exp = x.mid().man_exp()
    return mp.mpf(int(man)) * mp.power(2, int(exp))


def matrix(A: arb_mat, rows: range, columns: range) -> mp.matrix:
    return mp.matrix([[number(A[i, j]) for j in columns] for i in rows]) if len(columns) else mp.matrix(len(rows), 0)


def balls(A: mp.matrix) -> arb_mat:
    """The same numbers as exact balls."""
    return arb_mat([[arb(flint.fmpq(*_ratio(A[i, j]))) for j in range(A.cols)] for i in range(A.rows)])


def _ratio(x: mp.mpf) -> tuple[int, int]:
    sign, man, exp, _ = mp.mpf(x)._mpf_
    whole = (-1) ** sign * int(man)
    return (whole << exp, 1) if exp >= 0 else (whole, 1 << -exp)


def eigenvectors(H: mp.matrix, least: mp.mpf) -> tuple[list[mp.mpf], arb_mat] | None:
    """Eigenvalues above `least` of the largest, and unit vectors as columns, held against H; None: not found so.

    Flint's are found twenty times as fast as those of mpmath, but where eigenvalues are equal they need not be
    orthogonal or real: then they fail the comparison.
    """
    A, n = balls(H), H.rows
    values, vectors = flint.acb_mat(A).eig(right=True, algorithm="approx")
    numbers = [number(value.real) for value in values]
    top = max(abs(value) for value in numbers)
    keep = [i for i in range(n) if abs(numbers[i]) > least * top]
    columns = [[vectors[j, i].real.mid() for j in range(n)] for i in keep]
    lengths = [sum((x * x for x in column), arb(0)).sqrt() for column in columns]
    if not all(length > arb(10) ** -40 for length in lengths):
        return None
    V = arb_mat([[(columns[i][j] / lengths[i]).mid() for i in range(len(keep))] for j in range(n)])
    one = arb_mat([[arb(i == j) for j in range(len(keep))] for i in range(len(keep))])
    scaled = arb_mat([[V[j, i] * values[keep[i]].real.mid() for i in range(len(keep))] for j in range(n)])
    limit = arb(10) ** -50
    within = [abs(x) < limit for x in (V.transpose() * V - one).entries()]
    within += [abs(x) < limit * abs(arb(float(top))) for x in (A * V - scaled).entries()]
    return ([numbers[i] for i in keep], V) if all(within) else None


def inverse_of(H: mp.matrix, least: mp.mpf) -> tuple[mp.matrix, int]:
    """Of a symmetric matrix with its rank, eigenvalues below `least` of the largest being 0."""
    found = eigenvectors(H, least) if any(H) else None
    if found is not None:
        values, V = found
        n = len(values)
        inverse = arb_mat([[1 / arb(flint.fmpq(*_ratio(values[i]))) if i == j else arb(0) for j in range(n)]
                           for i in range(n)])
        return matrix(V * inverse * V.transpose(), range(H.rows), range(H.rows)), n
    values, vectors = mp.eigsy(H)
    top = max(abs(v) for v in values)
    keep = [i for i in range(len(values)) if abs(values[i]) > least * top]
    result = mp.zeros(H.rows)
    for i in keep:
        v = vectors[:, i]
        result += v * v.T / values[i]
    return result, len(keep)


def pseudo_inverse(H: mp.matrix) -> tuple[mp.matrix, int]:
    """Of a symmetric matrix, with its rank."""
    return inverse_of(H, TINY)


@dataclass
class Truth:
    """The critical map at its base point.

    Attributes:
        H, C: derivatives of the gradient, in the coordinates in which the norm of the weights is Euclidean (function
            norm: `S⁻¹H`, up to a rotation, and C).
        rank: of H.
        image: how the shortest solution answers to each u, in these coordinates: `H⁺C` for the Euclidean norm.
        modulus, rows: norm of the image and of every row's part that moves.
        tilt: rows c, or None.
        distance: from the weights in the file.
    """

    H: mp.matrix
    C: mp.matrix
    rank: int
    image: mp.matrix
    modulus: mp.mpf
    rows: list[mp.mpf]
    gradient: mp.matrix


def derive(system: System, w: list[arb]) -> Truth:
    """H, C and the moduli at w."""
    jet = system.whole(w)
    p, q = system.p, system.q
    H = matrix(jet.h, range(p), range(p))
    C = matrix(jet.h, range(p), range(p, p + q))
    inverse, rank = pseudo_inverse(H)
    image = inverse * C
    if system.problem.weight_norm == "relative":
        scale = sizes(system.problem)
        image = shortest(H, image, mp.diag([1 / x for x in scale]))
        D = mp.diag(scale)
        H, C = D * H * D, D * C
    if system.problem.reference is not None:
        L = mp.cholesky(seen_square(system.problem))
        image, H = shortest(H, image, L.T), mp.inverse(L) * H
    rows = [norm(image[:, i * system.width:(i + 1) * system.width]) for i in range(len(system.problem.rows))]
    return Truth(H, C, rank, image, norm(image), rows, matrix(jet.g, range(p), range(1)))


def seen_square(problem: Problem) -> mp.matrix:
    """`S² = J_refᵀJ_ref + τ²I` at the weights in the file, by first-order jets."""
    from dataclasses import replace

    assert problem.reference is not None
    m, k = len(problem.reference.X), problem.outputs
    there = replace(problem, X=problem.reference.X, y=np.full((m, k), 1.0 / k), labels=None, loss="squared",
                    parameter="targets", rows=(0,), scale=None, set="total", norm=2, count=None, change=None,
                    weight_norm="euclidean", reference=None)
    system = System(there)
    p = system.p
    J = mp.matrix([[number(f.g[j, 0]) for j in range(p)] for row in system.outputs(system.weights()) for f in row])
    return J.T * J + mp.mpf(problem.reference.tau) ** 2 * mp.eye(p)


def sizes(problem: Problem) -> list[mp.mpf]:
    """`‖W_h‖_F` of the layer of every free parameter, the biases left out of it."""
    net, found = problem.network, []
    for h in net.layers(problem.layer):
        size = mp.sqrt(sum((mp.mpf(float(x)) ** 2 for x in net.weights[h - 1].ravel()), mp.mpf(0)))
        found += [size] * net.parameters(h)
    return found


def shortest(H: mp.matrix, v: mp.matrix, S: mp.matrix) -> mp.matrix:
    """`S(v + ker H)` made as short as it can be, column by column."""
    values, vectors = mp.eigsy(H)
    top = max(abs(x) for x in values)
    moved, basis = S * v, []
    for i in range(len(values)):
        if abs(values[i]) <= TINY * top:
            z = S * vectors[:, i]
            for _ in range(2):  # Gram and Schmidt, twice
                for q in basis:
                    z = z - q * (q.T * z)[0]
            basis.append(z / mp.norm(z))
    for q in basis:
        moved = moved - q * (q.T * moved)
    return moved


def norm(A: mp.matrix) -> mp.mpf:
    """Spectral norm."""
    small = A.T * A if A.cols <= A.rows else A * A.T
    values = flint.acb_mat(balls(small)).eig(algorithm="approx") if any(small) else []
    return mp.sqrt(max([mp.mpf(0), *(number(value.real) for value in values)]))


def output_tilt(problem: Problem, centred: bool) -> tuple[list[list[arb]], mp.matrix] | None:
    """The shortest c with `Jᵀ c = ∇L` (of sum 0 for every row if `centred`); None where there is none."""
    system = System(problem)
    w = system.weights()
    outputs = system.outputs(w)
    k, p = problem.outputs, system.p
    J = mp.matrix([[number(f.g[j, 0]) for j in range(p)] for row in outputs for f in row])
    if centred:
        for i in range(problem.n):
            mean = sum((J[i * k + a, :] for a in range(k)), mp.zeros(1, p)) / k
            for a in range(k):
                J[i * k + a, :] -= mean
    g = matrix(system.whole(w).g, range(p), range(1))
    inverse, _ = pseudo_inverse(J.T * J)
    c = J * (inverse * g)
    if mp.norm(J.T * c - g) > mp.mpf(10) ** -35 * (1 + mp.norm(g)):
        return None
    rows = [[arb(mp.nstr(c[i * k + a], 70)) for a in range(k)] for i in range(problem.n)]
    return rows, c


def nearest_critical(
    problem: Problem, w: list[arb], steps: int = 12, system: System | None = None
) -> list[arb] | None:
    """Newton's method with the pseudo-inverse; None where it does not converge to 50 digits."""
    system = system or System(replace_rows(problem))
    p = system.p
    for _ in range(steps):
        jet = system.whole(w)
        g = arb_mat([[jet.g[i, 0].mid()] for i in range(p)])
        if (g.transpose() * g)[0, 0] < arb(10) ** -104:
            return w
        step = eliminated(jet.h, g) if problem.weight_decay else None
        if step is None:
            turned = least_step(matrix(jet.h, range(p), range(p)), matrix(g, range(p), range(1)))
            step = [arb(mp.nstr(turned[j], 75)) for j in range(p)]
        w = [(x - s).mid() for x, s in zip(w, step, strict=True)]
    return None


def eliminated(h: arb_mat, g: arb_mat) -> list[arb] | None:
    """`H⁻¹g`, where weight decay leaves no symmetry the step of :func:`least_step`, and quick; None: singular."""
    p = g.nrows()
    try:
        step = arb_mat([[h[i, j].mid() for j in range(p)] for i in range(p)]).solve(g)
    except ZeroDivisionError:
        return None
    return [step[i, 0].mid() for i in range(p)]


def least_step(H: mp.matrix, g: mp.matrix) -> mp.matrix:
    """`H⁺g`, eigenvalues below 1e-13 of the largest being 0."""
    return inverse_of(H, mp.mpf(10) ** -13)[0] * g


def replace_rows(problem: Problem) -> Problem:
    """The same problem with one row that moves: fewer variables where only the gradient by w is wanted."""
    from dataclasses import replace

    return replace(problem, rows=problem.rows[:1], set="total", norm=2, count=None, change=None)


class precision:
    """260 bits and 60 digits within the block."""

    def __enter__(self) -> None:
        self._bits, flint.ctx.prec = flint.ctx.prec, BITS
        self._digits, mp.mp.dps = mp.mp.dps, DIGITS

    def __exit__(self, *error: object) -> None:
        flint.ctx.prec, mp.mp.dps = self._bits, self._digits


def weights_array(problem: Problem) -> np.ndarray:
    """The free parameters in the file, as floats."""
    return np.array([float(x) for x in System(problem).weights()])
