"""Containment over balls of parameters, of exact solutions nearby, and of single tiers on whole problems."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat, fmpq

from certify.network.layers.jacobian import row_radii
from certify.network.layers.kernel import tangent_kernel
from certify.network.layers.passes import backward, forward
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.prove.prover import answer
from certify.rigor.arithmetic import Arithmetic, Binary64
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.linearisation import Linearisation, linearise
from certify.systems.interpolation.nearby import Parameters, Solution, ball_of, given
from certify.systems.interpolation.point import InterpolationPoint
from certify.systems.interpolation.row_moduli import enclose_sample_moduli
from certify.theorems.modulus.direct import direct_modulus, verify_modulus_below
from certify.theorems.modulus.kernel import ModulusEnds, enclose_modulus
from tests.containment.bounds import described, row_holds
from tests.containment.network import ball_holds, direction, near_matrix
from tests.containment.registry import attack
from tests.containment.rigor import Array, Outcome, expect, refusing
from tests.containment.sublevel import settled
from tests.families import adversarial as families
from tests.families import training
from tests.families.draws import any_arithmetic, net_and_data
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles

Rng = np.random.Generator


# passes over a ball of parameters


def centre(rng: Rng, network: Network) -> Parameters:
    """The network's parameters as pairs, with or without low parts."""
    if rng.random() < 0.5:
        return given(network)

    def low(a: Array) -> Array:
        return a * 2.0**-53 * rng.uniform(-1, 1, a.shape)

    return Parameters(tuple((W, low(W)) for W in network.weights),
                      tuple(None if b is None else (b, low(b)) for b in network.biases))


def numbers(parameters: Parameters) -> network_oracles.Parameters:
    """Pairs as exact numbers."""
    return [(exact.matrix(*W), None if b is None else exact.matrix(b[0][None], b[1][None])[0])
            for W, b in zip(parameters.weights, parameters.biases, strict=True)]


def parameter_member(
    parameters: Parameters, radius: float, layers: tuple[int, ...], rng: Rng
) -> network_oracles.Parameters:
    """Parameters at the given joint distance: spread over one or two matrices or biases of the free layers."""
    found = numbers(parameters)
    slots = [(h - 1, bias) for h in layers for bias in (False, True) if not bias or found[h - 1][1] is not None]
    parts = direction(rng, len(slots))
    for (h, bias), share in zip(slots, parts, strict=True):
        W, b = found[h]
        step = share * exact.rational(radius)
        if bias:
            found[h] = (W, [x + step * v for x, v in zip(b, direction(rng, len(b)), strict=True)])
        else:
            E = near_matrix([[fmpq(0)] * len(W[0]) for _ in W], 1.0, rng)
            found[h] = (exact.add(W, exact.scaled(E, step)), b)
    return found


def uncertain_passes(network: Network, X: Array, parameters: Parameters, radius: float, layers: tuple[int, ...],
                     arithmetic: Arithmetic, rng: Rng) -> Outcome:
    """Outputs, adjoints, kernel and the rows of J hold at members of the ball of parameters."""
    biases = tuple(b is not None for b in network.biases)

    def compute() -> Any:
        weights = ball_of(parameters, radius, layers, arithmetic)
        passed = forward(network, weights, X, arithmetic)
        adjoints = backward(network, weights, passed, arithmetic)
        kernel = tangent_kernel(passed, adjoints, layers, biases, arithmetic)
        return passed, adjoints, kernel, row_radii(passed, adjoints, layers, biases, arithmetic)

    found = refusing(compute)
    if found is None or found[0].kinks[0]:
        return "refused"
    passed, adjoints, kernel, rows = found
    inputs = {"weights": network.weights, "biases": network.biases, "activation": network.activation, "X": X,
              "parameters": parameters, "radius": radius, "layers": layers}

    def holds() -> Outcome:
        jacobians = []
        for at in (numbers(parameters), parameter_member(parameters, radius, layers, rng),
                   parameter_member(parameters, radius, layers, rng)):
            samples = [network_oracles.evaluate(network, x, at) for x in X]
            for i, s in enumerate(samples):
                for h, truth in enumerate(s.inputs):
                    ball_holds(f"input of layer {h + 1}", truth, passed.inputs[h], i, **inputs)
                ball_holds("output", s.output, passed.output, i, **inputs)
                for h, adjoint in enumerate(s.adjoints):
                    for a, truth in enumerate(adjoint):
                        ball_holds(f"∂f/∂z_{h}", truth, adjoints[h], i * len(adjoint) + a, **inputs)
            jacobians.append([row for s in samples for row in network_oracles.jacobian_rows(network, s, layers)])
            _kernel_holds(kernel, jacobians[-1], inputs)
        for J in jacobians[1:]:
            for i, (row, first) in enumerate(zip(J, jacobians[0], strict=True)):
                gap = exact.square([x - y for x, y in zip(row, first, strict=True)])
                expect(exact.at_most(gap, (2 * exact.rational(rows[i])) ** 2), f"row {i} of J over the ball", **inputs)
        return "decided"

    return exact.decided(holds)


def _kernel_holds(kernel: Any, J: exact.Rows, inputs: dict[str, Any]) -> None:
    mid, e, s = exact.pair(kernel.mid), exact.vector(kernel.e), exact.vector(kernel.s)
    for i, row in enumerate(exact.product_transposed(J, J)):
        for j, truth in enumerate(row):
            close = exact.at_most(abs(truth - mid[i][j]), e[i] * s[j] + s[i] * e[j])
            expect(close, f"kernel over the ball [{i}, {j}]", **inputs)
            expect(exact.at_most(abs(truth), s[i] * s[j]), f"kernel size over the ball [{i}, {j}]", **inputs)


# single tiers on whole problems


def tier(problem: Problem, arithmetic: Arithmetic, form_jacobian: bool, rng: Rng) -> Outcome:
    """Congruence or Jacobian tier of modulus and row moduli."""
    def attempt() -> Linearisation:
        return linearise(problem, arithmetic, _silent, form_jacobian)

    lin = refusing(attempt)
    if lin is None or lin.passed.kinks[0]:
        return "refused"
    X = refusing(lambda: lin.congruence)
    if not isinstance(X, Congruence):
        return "refused"
    ends = refusing(lambda: enclose_modulus(lin.kernel, lin.Q, X, arithmetic))
    samples = np.searchsorted(np.array(problem.kept), np.array(problem.rows))
    rows = refusing(lambda: enclose_sample_moduli(X, lin.Q, samples))

    def holds() -> Outcome:
        truth = network_oracles.linearise(problem)
        sigma = exact.rational(X.sigma)
        expect(exact.is_semidefinite(exact.shifted(truth.K, sigma * sigma)), "sigma", **described(problem))
        _ends_hold(problem, truth, ends)
        for i, low, high in zip(samples, rows.lower.tolist(), rows.upper.tolist(), strict=True) if rows else ():
            row_holds(truth, int(i), low, high, **described(problem))
        return "decided" if ends is not None and ends.upper is not None else "refused"

    return settled(holds, problem)


def direct_tier(problem: Problem, rng: Rng) -> Outcome:
    """The fast tier, and `verify_modulus_below` near the truth: it never proves what is false."""
    lin = refusing(lambda: linearise(problem, Binary64(), _silent))
    if lin is None or lin.passed.kinks[0]:
        return "refused"
    ends = refusing(lambda: direct_modulus(lin.kernel, lin.Q, Binary64()))
    if ends is None or ends.lower is None:
        return "refused"
    steps = (-1e-2, -1e-6, -1e-10, -1e-14, 0.0, 1e-15, 1e-12, 1e-6, 1e-2)
    claimed = [k for k in (ends.lower * (1.0 + s) for s in steps)
               if refusing(lambda k=k: verify_modulus_below(lin.kernel, lin.Q, k))]

    def holds() -> Outcome:
        truth = network_oracles.linearise(problem)
        _ends_hold(problem, truth, ends)
        if claimed:
            least = min(claimed)
            below = network_oracles.modulus_at_most(truth, least)
            expect(below, f"verify_modulus_below {least!r}", **described(problem))
        return "decided" if claimed or ends.upper is not None else "refused"

    return settled(holds, problem)


def _ends_hold(problem: Problem, truth: network_oracles.Truth, ends: ModulusEnds | Bound | None) -> None:
    if ends is not None and ends.upper is not None:
        expect(network_oracles.modulus_at_most(truth, ends.upper), f"lip ≤ {ends.upper!r}", **described(problem))
    if ends is not None and ends.lower is not None and ends.lower > 0:  # by its vector: K may be exactly singular
        z = ends.z if isinstance(ends, ModulusEnds) else ends.witness["z"]
        form = network_oracles.quadratic(truth.pencil(exact.rational(ends.lower) ** 2), exact.vector(z))
        expect(exact.sign(form) <= 0, f"lip ≥ {ends.lower!r}", **described(problem))


def _silent(stage: str, fraction: float) -> None:
    """Progress that nobody watches."""


# exact solutions nearby


def nearby(problem: Problem) -> Outcome:
    """Newton in balls from ŵ meets a zero within the radius; distance and both moduli hold there."""
    prover = refusing(lambda: InterpolationPoint(problem, answer, _silent))
    if prover is None or not isinstance(prover.solution, Solution):
        return "refused"
    solution = prover.solution
    bounds = {q: prover.bound(q) for q in ("modulus", "sample_modulus")}

    def holds() -> Outcome:
        with exact.precision(1500):
            _frozen_hold(problem, solution)
            start = numbers(solution.parameters)
            zero = newton(problem, start, solution.layers)
            expect(zero is not None, "a zero near the centre", **described(problem))
            r = exact.rational(solution.radius)
            inputs = described(problem) | {"radius": solution.radius}
            expect(exact.at_most(_gap(zero, start), r * r + fmpq(1, 2**800)), "the zero within the radius", **inputs)
            own = network_oracles.parameters_of(problem.network)
            away = arb(_gap(start, own)).sqrt() + r
            expect(exact.at_most(away, exact.rational(solution.distance)), "distance ≥ |ŵ − w̄| + ρ", **inputs)
            truth = network_oracles.linearise(problem, zero)
            _ends_hold(problem, truth, bounds["modulus"])
            found = bounds["sample_modulus"]
            for row, low, high in zip(found.rows, found.row_lower, found.row_upper, strict=True):
                row_holds(truth, list(problem.kept).index(row), low, high, **inputs)
        return "decided" if bounds["modulus"].upper is not None else "refused"

    return settled(holds, problem)


def _frozen_hold(problem: Problem, solution: Solution) -> None:
    """Layers that are not free are exactly those in the file."""
    own, found = network_oracles.parameters_of(problem.network), numbers(solution.parameters)
    for h in range(1, problem.network.depth + 1):
        expect(h in solution.layers or own[h - 1] == found[h - 1], "frozen layers", **described(problem))
    expect(solution.layers == problem.network.layers(problem.layer), "free layers", **described(problem))


def _gap(p: network_oracles.Parameters, q: network_oracles.Parameters) -> Any:
    """`|p − q|²`."""
    total = fmpq(0)
    for (W, b), (V, c) in zip(p, q, strict=True):
        total += exact.size_square(exact.subtract(W, V))
        total += fmpq(0) if b is None else exact.square([x - y for x, y in zip(b, c, strict=True)])
    return total


def newton(
    problem: Problem, start: network_oracles.Parameters, layers: tuple[int, ...]
) -> network_oracles.Parameters | None:
    """A zero of `f(x_i, w) − y_i` by minimum-norm Newton steps at the current precision, or None."""
    points = [exact.vector(problem.X[i]) for i in problem.kept]
    targets = [y for i in problem.kept for y in exact.vector(problem.y[i])]
    return newton_on(problem.network, points, targets, start, layers, 900)


def newton_on(
    network: Network, points: exact.Rows, targets: list[Any], start: network_oracles.Parameters,
    layers: tuple[int, ...], bits: int = 300,
) -> network_oracles.Parameters | None:
    """The same at any points and targets; residuals below 2^-bits count as zero."""
    w = start
    for _ in range(14):
        samples = [network_oracles.evaluate(network, x, w) for x in points]
        G = [f - y for f, y in zip([f for s in samples for f in s.output], targets, strict=True)]
        if not all(arb(g).is_finite() for g in G):
            return None
        if max(abs(arb(g)).upper() for g in G) < arb(2) ** -bits:
            return w
        J = [row for s in samples for row in network_oracles.jacobian_rows(network, s, layers)]
        K = exact.product_transposed(J, J)
        try:
            v = arb_mat(len(K), len(K), [arb(x) for row in K for x in row]).solve(
                arb_mat(len(G), 1, [arb(g) for g in G]))
        except ZeroDivisionError:
            return None
        step = [exact.dot(column, [v[i, 0] for i in range(len(G))]) for column in zip(*J, strict=True)]
        w = _stepped(w, [arb(s).mid() for s in step], layers)
    return None


def _stepped(w: network_oracles.Parameters, step: list[arb], layers: tuple[int, ...]) -> network_oracles.Parameters:
    rest, found = iter(step), list(w)
    for h in layers:
        W, b = w[h - 1]
        V = [[(x - next(rest)) for x in row] for row in W]
        c = None if b is None else [x - next(rest) for x in b]
        found[h - 1] = ([[arb(x).mid() for x in row] for row in V], None if c is None else [arb(x).mid() for x in c])
    return found


@attack("uncertain_passes", "Q2", slow=1)
def any_uncertain_passes(rng: Rng) -> Outcome:
    net, X = net_and_data(rng)
    layers = net.layers("all") if rng.random() < 0.6 else (int(rng.integers(1, net.depth + 1)),)
    radius = float(rng.random() * rng.choice([0.0, 1e-30, 1e-16, 1e-9, 1e-4, 0.1]))
    return uncertain_passes(net, X, centre(rng, net), radius, layers, any_arithmetic(rng), rng)


@attack("congruence_tier", slow=1)
def congruence_tier(rng: Rng) -> Outcome:
    return tier(families.problem(rng), any_arithmetic(rng), False, rng)


@attack("jacobian_tier", slow=1)
def jacobian_tier(rng: Rng) -> Outcome:
    return tier(families.problem(rng), any_arithmetic(rng), True, rng)


@attack("direct_tier", slow=1)
def any_direct_tier(rng: Rng) -> Outcome:
    return direct_tier(families.problem(rng), rng)


@attack("nearby", "Q2", slow=1)
def any_nearby(rng: Rng) -> Outcome:
    return nearby(training.nearly_fitted(rng))
