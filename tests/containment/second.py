"""Containment of Hessians, gradients and mixed derivatives of tilted training losses, decided exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import fmpq

from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.hessian import Sums, Tilde, enclose_hessian
from certify.network.layers.mixed import (
    Move,
    enclose_mixed,
    enclose_mixed_adjoint,
    enclose_mixed_gram,
    enclose_mixed_image,
)
from certify.network.layers.objective import Objective, Pulled, enclosed_rows
from certify.network.layers.passes import Slope
from certify.network.layers.stacks import Stack, diagonals, plus_diagonal, scaled, times
from certify.network.loss.hessian import enclose_loss_hessians
from certify.network.loss.losses import enclose_losses
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.arithmetic import Arithmetic, Binary64, Pair
from certify.rigor.ball import Balls, known_matrix
from certify.systems.interpolation.nearby import Parameters, ball_of, given
from tests.containment import sublevel
from tests.containment.nearby import centre, numbers, parameter_member
from tests.containment.network import direction, member, near_matrix
from tests.containment.registry import attack
from tests.containment.rigor import Array, Outcome, Violation, expect, refusing
from tests.families import training
from tests.families.draws import any_arithmetic
from tests.families.training import Tilted
from tests.oracles import matrices as exact
from tests.oracles.second import Second, output_hessian

Rng = np.random.Generator


class Asked:
    """One tilted objective over a ball of weights in one arithmetic, with members of everything that is uncertain."""

    def __init__(self, tilted: Tilted, arithmetic: Arithmetic, rng: Rng, start: Parameters | None = None) -> None:
        self.tilted, self.arithmetic, self.rng = tilted, arithmetic, rng
        net = tilted.objective.network
        self.layers = net.layers(tilted.layer)
        self.start = centre(rng, net) if start is None else start
        self.objective: Objective | None = refusing(self._with_tilt)

    def _with_tilt(self) -> Objective:
        t = self.tilted
        if t.tilt is None:
            return t.objective
        mid = t.tilt if self.arithmetic.extended else Pair(t.tilt.hi)
        rad = t.tilt_radius
        if not self.arithmetic.extended and t.tilt.lo is not None:  # the same set: the low part is not dropped
            return _replaced(t.objective, enclosed_rows(t.tilt, rad, self.arithmetic))
        return _replaced(t.objective, enclosed_rows(mid, rad, self.arithmetic))

    def arguments(self) -> dict[str, Any]:
        """What every kernel takes besides objective and layers."""
        weights = ball_of(self.start, 0.0, (), self.arithmetic)
        return {"arithmetic": self.arithmetic, "weights": weights, "rho": self.tilted.rho}

    def members(self, move: Move | None = None) -> list[Second]:
        """The truth at the centre and at two members of the ball and of the tilt."""
        found = []
        for at in (numbers(self.start), *(parameter_member(self.start, self.tilted.rho, self.layers, self.rng)
                                          for _ in range(2 if self.tilted.rho else 0))):
            found.append(Second(self.objective, self.layers, at, self._tilt_member(bool(found)), move))
        return found

    def _tilt_member(self, corner: bool) -> exact.Rows | None:
        t = self.tilted
        if t.tilt is None:
            return None
        rows = exact.pair(t.tilt)
        if not (corner or t.rho == 0):
            return rows
        signs = self.rng.choice([-1, 1], t.tilt.shape)
        return [[c + int(s) * exact.rational(r) for c, s, r in zip(*row, strict=True)]
                for row in zip(rows, signs, t.tilt_radius, strict=True)]

    def told(self) -> dict[str, Any]:
        """Words that reproduce the case."""
        t = self.tilted
        o = t.objective
        return {"weights": o.network.weights, "biases": o.network.biases, "activation": o.network.activation,
                "X": o.X, "loss": o.loss, "targets": o.targets, "labels": o.labels, "decay": o.weight_decay,
                "tilt": t.tilt, "tilt_radius": t.tilt_radius, "layer": t.layer, "rho": t.rho, "start": self.start,
                "arithmetic": self.arithmetic.name, "move": t.move}


def _replaced(objective: Objective, tilt: Any) -> Objective:
    return Objective(objective.network, objective.X, objective.loss, objective.targets, objective.labels,
                     objective.weight_decay, tilt)


def _settled(holds: Any, asked: Asked) -> Outcome:
    try:
        return exact.decided(holds)
    except exact.Undecided as error:
        raise Violation(f"undecidable claim: {error}: {asked.told()}") from None


def hessian(tilted: Tilted, arithmetic: Arithmetic, rng: Rng, exactly: bool = False) -> Outcome:
    """`‖H − mid‖` and the Frobenius norm of every block, and the gradient, at members of the ball of weights."""
    asked = Asked(tilted, arithmetic, rng, given(tilted.objective.network) if exactly else None)
    if asked.objective is None:
        return "refused"
    found = refusing(lambda: enclose_hessian(asked.objective, asked.layers, **asked.arguments()))
    slope = refusing(lambda: enclose_gradient(asked.objective, asked.layers, **asked.arguments()))
    if found is None or slope is None:
        return "refused"
    expect(bool((found.mid == found.mid.T).all()), "H is symmetric", **asked.told())
    mid, gradient = exact.matrix(found.mid), exact.pair(slope.mid.reshape(1, -1))[0]

    def holds() -> Outcome:
        for truth in asked.members():
            gap = exact.square([x - y for x, y in zip(truth.gradient, gradient, strict=True)])
            expect(exact.at_most(gap, exact.rational(slope.radius) ** 2), "gradient", **asked.told())
            D = exact.subtract(truth.hessian, mid)
            _blocks_hold(D, found, asked)
            if not exact.at_most(exact.size_square(D), exact.rational(found.radius) ** 2):
                close = exact.symmetric_norm_at_most(D, exact.rational(found.radius))
                expect(close, "‖H − mid‖₂ ≤ radius", **asked.told())
        return "decided"

    return _settled(holds, asked)


def _blocks_hold(D: exact.Rows, found: Any, asked: Asked) -> None:
    ends = np.concatenate([[0], np.cumsum(found.sizes)]).tolist()
    expect(ends[-1] == len(D), "sizes of the blocks", **asked.told())
    for x, (a, b) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
        for y, (c, d) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
            square = sum((exact.square(row[c:d]) for row in D[a:b]), fmpq(0))
            close = exact.at_most(square, exact.rational(float(found.blocks[x, y])) ** 2)
            expect(close, f"block [{x}, {y}] of the Hessian", **asked.told())


def mixed(tilted: Tilted, arithmetic: Arithmetic, rng: Rng, exactly: bool = False) -> Outcome:
    """C, `CCᵀ`, `CZ` and `CᵀZ` at members of the ball of weights."""
    asked = Asked(tilted, arithmetic, rng, given(tilted.objective.network) if exactly else None)
    if asked.objective is None:
        return "refused"
    move, net = tilted.move, tilted.objective.network
    p = sum(net.parameters(h) for h in asked.layers)
    q = move.width(tilted.objective)
    Z, V = _vectors(rng, len(move.rows) * q), _vectors(rng, p)
    common = (asked.objective, move, asked.layers)

    def compute() -> Any:
        more = asked.arguments()
        return (enclose_mixed(*common, **more), enclose_mixed_gram(*common, **more),
                enclose_mixed_image(*common, Z, **more), enclose_mixed_adjoint(*common, V, **more))

    found = refusing(compute)
    if found is None:
        return "refused"
    C, gram, image, adjoint = found

    def holds() -> Outcome:
        for truth in asked.members(move):
            told = asked.told() | {"Z": Z, "V": V}
            D = exact.subtract(truth.mixed, exact.matrix(C.mid))
            for r in range(len(move.rows)):
                square = sum((exact.square(row[r * q:(r + 1) * q]) for row in D), fmpq(0))
                expect(exact.at_most(square, exact.rational(float(C.rad[r])) ** 2), f"columns of row {r}", **told)
            _near(D, C.radius, "C", told)
            turned = exact.transposed(truth.mixed)
            _near(exact.subtract(exact.product_transposed(truth.mixed, truth.mixed), exact.matrix(gram.mid)),
                  gram.radius, "CCᵀ", told)
            _near(exact.subtract(exact.times(truth.mixed, exact.matrix(Z)), exact.matrix(image.mid)),
                  image.radius, "CZ", told)
            _near(exact.subtract(exact.times(turned, exact.matrix(V)), exact.matrix(adjoint.mid)),
                  adjoint.radius, "CᵀZ", told)
        return "decided"

    return _settled(holds, asked)


def _vectors(rng: Rng, n: int) -> Array:
    return rng.standard_normal((n, int(rng.integers(1, 3)))) * float(rng.choice([1.0, 1.0, 0.0, 1e-300, 1e30]))


def _near(D: exact.Rows, radius: float, claim: str, told: dict[str, Any]) -> None:
    expect(exact.at_most(exact.size_square(D), exact.rational(radius) ** 2), f"{claim} within its radius", **told)


# stacks and sums by themselves: every radius is the only one in some case


def drawn(
    rng: Rng, shape: tuple[int, int, int], arithmetic: Arithmetic, blurred: bool
) -> tuple[Stack, list[exact.Rows]]:
    """A stack with a member that lies on its surface."""
    n, r, m = shape
    hi = rng.standard_normal(shape) * float(rng.choice([1.0, 1e-3, 1e3]))
    lo = hi * 2.0**-53 * rng.uniform(-1, 1, shape) if arithmetic.extended and rng.random() < 0.7 else None
    rad = rng.random(n) * float(rng.choice([1e-9, 1e-3, 1.0])) * blurred
    stack = Stack.make(Pair(hi, lo), rad, arithmetic)
    members = []
    for i in range(n):
        step = direction(rng, r * m)
        rows = exact.matrix(hi[i], None if lo is None else lo[i])
        members.append([[x + exact.rational(rad[i]) * step[s * m + t] for t, x in enumerate(row)]
                        for s, row in enumerate(rows)])
    return stack, members


def stack_holds(claim: str, truth: list[exact.Rows], stack: Stack, **told: Any) -> None:
    """`‖X_i − mid_i‖_F ≤ rad_i`, and the norms bound both."""
    for i, X in enumerate(truth):
        mid = exact.matrix(stack.mid.hi[i], None if stack.mid.lo is None else stack.mid.lo[i])
        gap, rad = exact.size_square(exact.subtract(X, mid)), exact.rational(float(stack.rad[i]))
        expect(gap <= rad * rad, f"{claim}: radius of row {i}", stack=stack.mid, **told)
        norm = exact.rational(float(stack.norm[i])) ** 2
        expect(max(exact.size_square(X), exact.size_square(mid)) <= norm, f"{claim}: norm of row {i}", **told)


def stacks(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """Products with layers, slopes, diagonals, sums and dropped low parts of members of stacks."""
    n, r, m, k = (int(v) for v in rng.integers(1, 4, 4))
    x, members = drawn(rng, (n, r, m), arithmetic, rng.random() < 0.5)
    stack_holds("stack", members, x)
    stack_holds("rounded", members, x.rounded())
    W = rng.standard_normal((k, m))
    radius = float(rng.random() * rng.choice([0.0, 1e-3, 1.0]))
    near = near_matrix(exact.matrix(W), radius, rng)
    product = times(x, known_matrix(W, None, radius), arithmetic)
    stack_holds("times", [exact.product_transposed(X, near) for X in members], product, W=W, radius=radius)
    bound = float(rng.choice([1.0, 2.0, 1e-3]))
    d = rng.uniform(-1, 1, (n, m)) * bound
    off = rng.random(n) * float(rng.choice([0.0, 1e-3])) * bound
    truth = [[max(-exact.rational(bound), min(exact.rational(bound), v + exact.rational(o) * int(rng.choice([-1, 1]))))
              for v in row] for row, o in zip(exact.matrix(d), off.tolist(), strict=True)]
    slope = Slope(Pair(d), off, bound)
    expected = [[[v * s for v, s in zip(row, t, strict=True)] for row in X]
                for X, t in zip(members, truth, strict=True)]
    stack_holds("scaled", expected, scaled(x, slope, arithmetic), d=d, off=off)
    whole = [[[t[j] if j == s else fmpq(0) for j in range(m)] for s in range(m)] for t in truth]
    stack_holds("diagonals", whole, diagonals(slope, arithmetic), d=d, off=off)
    y, ys = drawn(rng, (n, m, m), arithmetic, rng.random() < 0.5)
    z, zs = drawn(rng, (n, 1, m), arithmetic, rng.random() < 0.5)
    total = [[[v + (c[0][s] if s == t else 0) for t, v in enumerate(row)] for s, row in enumerate(X)]
             for X, c in zip(ys, zs, strict=True)]
    stack_holds("plus_diagonal", total, plus_diagonal(y, z, arithmetic), y=y.mid, z=z.mid)
    return "decided"


@attack("second_sums", "H1")
def sums(rng: Rng) -> Outcome:
    """One block of a Hessian from members of everything it is made of, in chunks."""
    d, m, k = (int(v) for v in rng.integers(1, 4, 3))
    bias = rng.random() < 0.5
    biases = (np.ones(m), np.ones(k)) if bias else (None, None)
    net = Network((np.ones((m, d)), np.ones((k, m))), biases, "tanh")
    blurred = int(rng.integers(6))
    found, count = Sums(net, (1, 2)), 0
    truth = [[fmpq(0)] * net.parameters(2) for _ in range(net.parameters(1))]
    for _ in range(int(rng.integers(1, 4))):
        n = int(rng.integers(1, 5))
        shapes = ((n, k, m), (n, m, m), (n, 1, k), (n, 1, d), (n, 1, m))
        parts = [drawn(rng, s, Binary64(), blurred in (i, 5)) for i, s in enumerate(shapes)]
        (P, Ps), (G, Gs), (v, vs), (a, as_), (b, bs) = parts
        left, right = (Tilde.of(Balls(Pair(x.mid.hi[:, 0]), x.rad, x.norm), bias) for x in (a, b))
        found.add(Pulled(1, 2, P, G), v, left, right)
        found.chunk(n)
        count += n
        for i in range(n):
            _add_row(truth, Ps[i], Gs[i], vs[i][0], as_[i][0], bs[i][0], bias)
    H = found.finish(count, 0.0)
    D = exact.subtract(exact.scaled(truth, fmpq(1, count)), exact.matrix(H.mid[:net.parameters(1), net.parameters(1):]))
    limit = exact.rational(float(H.blocks[0, 1])) ** 2
    expect(exact.size_square(D) <= limit, "one block of the sums", parts=parts, blurred=blurred)
    return "decided"


def _add_row(truth: exact.Rows, P: exact.Rows, G: exact.Rows, v: list, a: list, b: list, bias: bool) -> None:
    """Add `ã[s]·(P[j, l] b̃[t] + v[l] G[b, j])`, the parameters in their order."""
    d, m, k = len(a), len(b), len(v)
    for j in range(m):
        for s in range(d + bias):
            row = j * d + s if s < d else m * d + j
            for t in range(k):
                for c in range(m + bias):
                    column = t * m + c if c < m else k * m + t
                    entry = P[t][j] * (b[c] if c < m else 1) + (v[t] * G[c][j] if c < m else 0)
                    truth[row][column] += (a[s] if s < d else 1) * entry


def loss_hessians(problem: Problem, output: Balls, arithmetic: Arithmetic, rng: Rng) -> Outcome:
    """`∇²_f ℓ_i` at members of the balls around the outputs."""
    n, k = output.mid.shape

    def call() -> Stack:
        terms = enclose_losses(problem.loss, output, problem.y, problem.labels, arithmetic)
        return enclose_loss_hessians(problem.loss, terms, problem.y, problem.labels, arithmetic)

    found = refusing(call)
    if found is None:
        return "refused"
    objective = Objective(problem.network, problem.X, problem.loss, problem.y, problem.labels)
    told = {"loss": problem.loss, "y": problem.y, "labels": problem.labels, "mid": output.mid, "rad": output.rad}

    def holds() -> Outcome:
        for point in (direction(rng, k), [fmpq(0)] * k):
            truth = [output_hessian(objective, i, member(output, i, point)) for i in range(n)]
            for i, M in enumerate(truth):
                mid = exact.matrix(found.mid.hi[i], None if found.mid.lo is None else found.mid.lo[i])
                rad, gap = exact.rational(float(found.rad[i])), exact.size_square(exact.subtract(M, mid))
                expect(exact.at_most(gap, rad * rad), f"second derivative of the loss of row {i}", **told)
                norm = exact.rational(float(found.norm[i])) ** 2
                expect(exact.at_most(exact.size_square(M), norm), f"its norm in row {i}", **told)
        return "decided"

    try:
        return exact.decided(holds)
    except exact.Undecided as error:
        raise Violation(f"undecidable claim: {error}: {told}") from None


@attack("hessian", "H1", "H2")
def any_hessian(rng: Rng) -> Outcome:
    return hessian(training.tilted(rng), any_arithmetic(rng), rng)


@attack("mixed", "H3")
def any_mixed(rng: Rng) -> Outcome:
    return mixed(training.tilted(rng), any_arithmetic(rng), rng)


@attack("stacks", "H1")
def any_stacks(rng: Rng) -> Outcome:
    return stacks(rng, any_arithmetic(rng))


@attack("loss_hessians")
def any_loss_hessians(rng: Rng) -> Outcome:
    arithmetic, problem = any_arithmetic(rng), training.training(rng)
    balls = sublevel.output_balls(problem, arithmetic, rng)
    return "refused" if balls is None else loss_hessians(problem, balls, arithmetic, rng)
