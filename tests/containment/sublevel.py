"""Containment of losses, gradients, sublevel moduli, persistence radii and reach, decided exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb, fmpq

from certify.finders.loss_attack import _ascend
from certify.format.errors import CertifyError
from certify.network.layers.passes import forward, known_weights
from certify.network.lipschitz.reach import reach
from certify.network.loss.losses import enclose_losses
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Arithmetic, Binary64, Pair
from certify.rigor.ball import Balls
from certify.systems.sublevel.descent import descend
from certify.theorems.persistence.radius import Growth
from tests.containment.bounds import described
from tests.containment.network import direction, member
from tests.containment.rigor import Array, Outcome, Violation, expect, refusing
from tests.families import training as families
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles
from tests.oracles import sublevel as training

Rng = np.random.Generator


def told(problem: Problem) -> dict[str, Any]:
    """A sublevel problem in words that reproduce it."""
    return described(problem) | {"labels": problem.labels, "loss": problem.loss, "decay": problem.weight_decay,
                                 "level": problem.level, "set": problem.set}


def settled(holds: Any, problem: Problem) -> Outcome:
    """What `holds` says; a claim that no precision confirms is a violation."""
    try:
        return exact.decided(holds)
    except exact.Undecided as error:
        raise Violation(f"undecidable claim: {error}: {told(problem)}") from None


def _between(claim: str, low: Any, truth: Any, high: Any, **inputs: Any) -> None:
    """`low ≤ truth ≤ high`; None: no such end."""
    if low is not None and low != 0:  # the truth is never negative
        expect(exact.at_most(exact.rational(low), truth), f"{claim} ≥ {float(low)!r}", **inputs)
    if high is not None:
        expect(exact.at_most(truth, exact.rational(high)), f"{claim} ≤ {float(high)!r}", **inputs)


def loss_terms(problem: Problem, output: Balls, arithmetic: Arithmetic, rng: Rng) -> Outcome:
    """Values, slopes and their Lipschitz constants hold for members of the balls around the outputs."""
    def call() -> Any:
        return enclose_losses(problem.loss, output, problem.y, problem.labels, arithmetic)

    terms = refusing(call)
    if terms is None:
        return "refused"
    inputs = told(problem) | {"mid": output.mid, "rad": output.rad}

    def holds() -> Outcome:
        slopes = exact.pair(terms.slopes.mid)
        for i in range(problem.n):
            k = output.mid.shape[1]
            points = [member(output, i, step) for step in (direction(rng, k), [fmpq(0)] * k, direction(rng, k))]
            truths = [training.sample_loss(problem, i, f) for f in points]
            for value, c in truths:
                gap = abs(value - exact.rational(terms.value[i]))
                expect(exact.at_most(gap, exact.rational(terms.value_error[i])), f"loss of row {i}", **inputs)
                gap = exact.square([a - b for a, b in zip(c, slopes[i], strict=True)])
                expect(exact.at_most(gap, exact.rational(terms.slopes.rad[i]) ** 2), f"slope of row {i}", **inputs)
                size = exact.rational(terms.slopes.norm[i]) ** 2
                expect(exact.at_most(exact.square(c), size), f"norm of the slope of row {i}", **inputs)
            _steady(points, [c for _, c in truths], exact.rational(terms.slope_lipschitz[i]), inputs)
        return "decided"

    return settled(holds, problem)


def _steady(points: exact.Rows, slopes: exact.Rows, constant: fmpq, inputs: dict[str, Any]) -> None:
    for f, g, c, d in zip(points[1:], points[:-1], slopes[1:], slopes[:-1], strict=True):
        moved = exact.square([a - b for a, b in zip(f, g, strict=True)])
        if moved == 0:
            continue
        gap = exact.square([a - b for a, b in zip(c, d, strict=True)])
        expect(exact.at_most(gap, constant * constant * moved * (1 + fmpq(1, 2**200))), "slope_lipschitz", **inputs)


def descent(problem: Problem, arithmetic: Arithmetic) -> Outcome:
    """Ends of the loss, of `|∇_w L|` and of every row's gradient."""
    d = refusing(lambda: descend(problem, arithmetic))
    if d is None:
        return "refused"

    def holds() -> Outcome:
        truth = training.Gradients(problem)
        _between("loss", d.loss.lower, truth.loss, d.loss.upper, **told(problem))
        if d.passed.kinks[0]:
            return "refused"
        _between("|∇_w L|²", d.weight_norm.lower**2, truth.weights, d.weight_norm.upper**2, **told(problem))
        for i, row in enumerate(truth.rows):
            low, high = (exact.rational(float(v[i])) for v in (d.row_lower, d.row_upper))
            expect(low == 0 or (low > 0 and exact.at_most(low * low, row)), f"row {i} from below", **told(problem))
            expect(exact.at_most(row, high * high), f"row {i} from above", **told(problem))
        return "decided"

    return settled(holds, problem)


def asked(problem: Problem, quantity: str) -> Bound | None:
    """The product's bound, None where it refuses with an error of its own."""
    try:
        with np.errstate(all="ignore"):
            return bound(problem, quantity)
    except CertifyError:
        return None


def sublevel(problem: Problem, quantity: str) -> Outcome:
    """M6 on the boundary, and 0 inside."""
    found = asked(problem, quantity)
    if found is None:
        return "refused"
    if found.lower is None and found.upper is None:
        expect(bool(found.reason), "an open bound says why", **told(problem))
        return "refused"

    def holds() -> Outcome:
        truth = training.Gradients(problem)
        _hypotheses_hold(problem, truth, found)
        if problem.level is not None:
            expect(exact.sign(exact.rational(problem.level) - truth.loss) > 0, "an interior point", **told(problem))
            expect((found.lower, found.upper) == (0.0, 0.0), "inside, lip S = 0", **told(problem))
            return "decided"
        expect(truth.kinks == 0, "no kink", **told(problem))
        expect(exact.sign(truth.weights) > 0, "∇_w L ≠ 0", **told(problem))
        n = problem.n * training.root(truth.weights)
        if quantity == "modulus":
            _ratio_holds(problem, truth, found)
            return "decided"
        for i, low, high in zip(found.rows, found.row_lower, found.row_upper, strict=True):
            size = training.root(truth.rows[i])
            expect(low == 0 or exact.at_most(exact.rational(low) * n, size), f"κ_{i} ≥ {low!r}", **told(problem))
            expect(exact.at_most(size, exact.rational(high) * n), f"κ_{i} ≤ {high!r}", **told(problem))
        ends = (max(found.row_lower), max(found.row_upper))
        expect(found.rows == problem.rows and (found.lower, found.upper) == ends, "maximum over rows", **told(problem))
        return "decided"

    return settled(holds, problem)


def _ratio_holds(problem: Problem, truth: training.Gradients, found: Bound) -> None:
    low, high = exact.rational(found.lower), exact.rational(found.upper)
    square = truth.weights * problem.n * problem.n
    if problem.set == "total":  # squares: exact where the network is rational
        size = sum(truth.rows, fmpq(0))
        expect(low == 0 or exact.at_most(low * low * square, size), f"lip ≥ {found.lower!r}", **told(problem))
        expect(exact.at_most(size, high * high * square), f"lip ≤ {found.upper!r}", **told(problem))
        return
    size, scale = truth.size("per_sample"), training.root(square)
    expect(low == 0 or exact.at_most(low * scale, size), f"lip ≥ {found.lower!r}", **told(problem))
    expect(exact.at_most(size, high * scale), f"lip ≤ {found.upper!r}", **told(problem))


def _hypotheses_hold(problem: Problem, truth: training.Gradients, found: Bound) -> None:
    for h in found.hypotheses:
        if not h.holds or h.value is None:
            continue
        value = exact.rational(float(h.value))
        if h.name == "loss":
            expect(exact.at_most(truth.loss, value), "hypothesis loss", **told(problem))
        if h.name == "interior":
            room = exact.rational(problem.level) - truth.loss
            expect(exact.at_most(value, room), "hypothesis interior", **told(problem))
        if h.name == "gradient":
            expect(exact.at_most(value * value, truth.weights), "hypothesis gradient", **told(problem))


# the persistence radius


def rise(problem: Problem, radius: float, rng: Rng) -> Outcome:
    """`Growth.rise` bounds `n(L(u) − L)` for perturbations of the budget, also where kinks are open."""
    growth = refusing(lambda: Growth(problem, descend(problem, Binary64())))
    limit = None if growth is None else refusing(lambda: growth.rise(radius))
    if limit is None:
        return "refused"

    def holds() -> Outcome:
        before = training.training_loss(problem)
        for u in _feature_attacks(problem, radius, rng):
            after = training.training_loss(problem, training.moved_rows(problem, u))
            inside = exact.at_most(problem.n * (after - before), exact.rational(limit))
            expect(inside, f"rise within {radius!r}", u=u, **told(problem))
        return "decided"

    return settled(holds, problem)


def persistence(problem: Problem, rng: Rng) -> Outcome:
    """Nothing within the certified budget lifts the loss above the level; what bounds the radius from above does."""
    found = asked(problem, "persistence_radius")
    if found is None or found.lower is None:
        return "refused"

    def holds() -> Outcome:
        level, truth = exact.rational(problem.level), training.Gradients(problem)
        _hypotheses_hold(problem, truth, found)
        if problem.parameter == "features":
            for u in _feature_attacks(problem, found.lower, rng):
                loss = training.training_loss(problem, training.moved_rows(problem, u))
                expect(exact.at_most(loss, level), f"persists for {found.lower!r}", u=u, **told(problem))
            _attack_holds(problem, found, level)
            return "decided" if found.lower > 0 else "refused"
        room = problem.n * (level - truth.loss)
        for end, sign in ((found.lower, 1), (found.upper, -1)):
            if end is not None:
                gap = room - _worst_rise(problem, truth, exact.rational(end))
                expect(exact.sign(sign * gap) >= 0, f"the radius against {end!r}", **told(problem))
        _closed_form_by_hand(problem, truth, found.lower, level)
        return "decided"

    return settled(holds, problem)


def _worst_rise(problem: Problem, truth: training.Gradients, radius: fmpq) -> Any:
    """Largest `n(L(u) − L)` for a budget: `Σ u_i ℓ_i`, or `Σ |r_i||u_i| + ½|u_i|²`."""
    linear = truth.size(problem.set) * radius
    if problem.parameter == "sample_weights":
        return linear
    count = 1 if problem.set == "total" else len(problem.rows)
    return linear + count * radius * radius / 2


def _closed_form_by_hand(problem: Problem, truth: training.Gradients, radius: float, level: fmpq) -> None:
    """The loss itself at the worst perturbation, shrunk by 2^-100 so that the budget holds."""
    size = exact.rational(radius) * (1 - fmpq(1, 2**100))
    whole = truth.size("total")
    if not whole > 2.0**-200:  # nothing to move along, or nothing that the balls can tell from that
        return
    if problem.set == "total":
        shares = [training.root(r) / whole for r in truth.rows]
    else:
        shares = [arb(int(i in problem.rows)) for i in range(problem.n)]
    if problem.parameter == "sample_weights":
        shift = sum((size * s * v for s, v in zip(shares, truth.losses, strict=True)), fmpq(0)) / problem.n
        expect(exact.at_most(truth.loss + shift, level), "sample weights by hand", **told(problem))
        return
    targets = []
    for i, row in enumerate(problem.X):
        f, y = network_oracles.evaluate(problem.network, row).output, exact.vector(problem.y[i])
        length = training.root(truth.rows[i])
        scale = size * shares[i] / length if truth.rows[i] != 0 else fmpq(0)
        targets.append([b - scale * (a - b) for a, b in zip(f, y, strict=True)])
    loss = training.training_loss(problem, y=targets)
    expect(exact.at_most(loss, level), "targets by hand", **told(problem))


def _feature_attacks(problem: Problem, radius: float, rng: Rng) -> list[exact.Rows]:
    """Perturbations of exactly the budget or less: random ones and ends of gradient ascent."""
    scale = np.ones(problem.inputs) if problem.scale is None else problem.scale
    moving = np.isin(np.arange(problem.n), problem.rows)[:, None] * np.ones(problem.inputs)
    found = []
    for trial in range(4):
        u = rng.standard_normal(problem.X.shape) * moving
        if trial == 1:  # all in one row
            u[np.arange(problem.n) != rng.choice(problem.rows)] = 0.0
        found.append(u)
    if radius > 0:
        risen = refusing(lambda: _ascend(problem, radius))  # a search in floats: it may overflow
        if risen is not None:
            with np.errstate(all="ignore"):
                found.append((risen - problem.X) / np.where(scale > 0, scale, 1.0) * (scale > 0))
        found.append(_climbed(problem, found[0], radius, moving))
    return [_within(u, radius, problem.set, rng) for u in found if np.isfinite(u).all() and np.abs(u).max() < 1e100]


def _within(u: Array, radius: float, kind: str, rng: Rng) -> exact.Rows:
    """u scaled to the budget exactly: rational, at most the radius and hardly less."""
    rows, r = exact.matrix(u), exact.rational(radius)
    squares = [exact.square(row) for row in rows]
    whole = sum(squares, fmpq(0))
    found = []
    for row, square in zip(rows, squares, strict=True):
        size = square if kind == "per_sample" else whole
        if size == 0:
            found.append([fmpq(0)] * len(row))
            continue
        with exact.precision(300):
            factor = exact.rational(float(1 - 2.0**-50)) * r / _rational_root(size)
        found.append([factor * x for x in row])
    return found


def _rational_root(x: fmpq) -> fmpq:
    """A rational root of x to about 2^-200, used only to scale: it is rounded up."""
    man, exp = ((arb(x).sqrt() * (1 + arb(2) ** -200)).mid()).man_exp()
    return fmpq(int(man)) * fmpq(2) ** int(exp)


def _climbed(problem: Problem, start: Array, radius: float, moving: Array) -> Array:
    """Gradient ascent by the oracle itself, at low precision, from a random start."""
    u = start
    scale = np.ones(problem.inputs) if problem.scale is None else problem.scale
    with exact.precision(80):
        for _ in range(4):
            size = np.linalg.norm(u, axis=1, keepdims=True) if problem.set == "per_sample" else np.linalg.norm(u)
            u = u * radius / np.maximum(size, 1e-300)
            if not np.isfinite(u).all():  # huge slopes
                break
            try:
                slopes = [_slope(problem, i, x) for i, x in enumerate(training.moved_rows(problem, u))]
            except exact.Undecided:
                break
            g = np.array(slopes) * scale * moving
            u = u + g * (2.0 * radius / max(float(np.linalg.norm(g)), 1e-300))
    return u


def _slope(problem: Problem, i: int, x: list[Any]) -> list[float]:
    sample = network_oracles.evaluate(problem.network, x)
    c = training.sample_loss(problem, i, sample.output)[1]
    return [float(arb(exact.dot(c, column)).mid()) for column in zip(*sample.adjoints[0], strict=True)]


def _attack_holds(problem: Problem, found: Bound, level: fmpq) -> None:
    """The witness lifts the loss above the level within the upper end, and moves what may move only."""
    if found.upper is None:
        expect("array" not in found.witness and bool(found.reason), "no attack, no upper end", **told(problem))
        return
    moved, limit = np.asarray(found.witness["array"].content), exact.rational(found.upper) ** 2
    rows = exact.matrix(moved)
    expect(exact.sign(training.training_loss(problem, rows) - level) > 0, "the attack", moved=moved, **told(problem))
    units = exact.vector(np.ones(problem.inputs) if problem.scale is None else problem.scale)
    squares = []
    for i, (row, x) in enumerate(zip(rows, exact.matrix(problem.X), strict=True)):
        gaps = [a - b for a, b in zip(row, x, strict=True)]
        expect(all(g == 0 for g, s in zip(gaps, units, strict=True) if s == 0 or i not in problem.rows),
               "the attack moves what may move", moved=moved, **told(problem))
        squares.append(exact.square([g / s for g, s in zip(gaps, units, strict=True) if s != 0]))
    used = sum(squares, fmpq(0)) if problem.set == "total" else max(squares)
    expect(used <= limit, "the budget of the attack", moved=moved, **told(problem))


def reached(problem: Problem, t: Array, rng: Rng) -> Outcome:
    """No u in the balls moves a row's outputs or their gradients beyond the bounds; `steady(t)/t` is nondecreasing."""
    net, scale = problem.network, problem.scale
    p = refusing(lambda: forward(net, known_weights(net), problem.X, Binary64(), keep_pre=True))
    found = None if p is None or p.kinks[0] else refusing(lambda: reach(net, p, t, scale))
    if found is None:
        return "refused"
    smaller = refusing(lambda: reach(net, p, t * 0.5, scale))
    inputs = described(problem) | {"t": t}
    expect(bool((found.steady >= found.moved).all()), "steady ≥ moved", **inputs)
    if smaller is not None and activation(net.activation).smooth:
        expect(bool((smaller.steady * 2.0 <= found.steady * (1 + 1e-9)).all()), "steady(t)/t nondecreasing", **inputs)
    steps = [[exact.rational(r) * v for v in direction(rng, problem.inputs)] for r in t]
    short = [[v * int(rng.integers(0, 2**20)) / 2**20 for v in row] for row in steps]

    def holds() -> Outcome:
        for i, x in enumerate(problem.X):
            here = network_oracles.evaluate(net, x)
            G = network_oracles.scaled_columns(here.adjoints[0], scale)
            for u in (steps, short):
                there = network_oracles.evaluate(net, training.moved_rows(problem, u)[i])
                H = network_oracles.scaled_columns(there.adjoints[0], scale)
                for a, (g, h) in enumerate(zip(G, H, strict=True)):
                    _row_reached(found, i, a, g, h, here.output[a] - there.output[a], inputs)
        return "decided"

    return settled(holds, problem)


def _row_reached(found: Any, i: int, a: int, g: list[Any], h: list[Any], gap: Any, inputs: dict[str, Any]) -> None:
    centre, moved, output = (exact.rational(v[i, a]) for v in (found.centre, found.moved, found.output))
    change = exact.square([x - y for x, y in zip(g, h, strict=True)])
    zero = fmpq(1, 2**900)  # weights that are 0 make these 0, which balls cannot tell
    claims = (("centre", exact.square(g), centre * centre), ("movement of the gradient", change, moved * moved),
              ("movement of the output", abs(gap), output))
    for claim, truth, limit in claims:
        expect(bool(truth < zero) or exact.at_most(truth, limit), f"{claim} of row {i}", **inputs)


def open_level(problem: Problem, rng: Rng) -> Problem:
    """The problem with a level above its loss."""
    loss = refusing(lambda: descend(replace(problem, level=None), Binary64()).loss.upper)
    return problem if loss is None else families.with_level(rng, problem, float(min(loss, 10**200)))


def output_balls(problem: Problem, arithmetic: Arithmetic, rng: Rng) -> Balls | None:
    """Balls around any outputs, from points to wide."""
    k = problem.outputs
    hi = rng.standard_normal((problem.n, k)) * float(rng.choice([1.0, 30.0, 1e-6, 1e3]))
    lo = hi * 2.0**-53 * rng.uniform(-1, 1, hi.shape) if arithmetic.name != "binary64" else None
    rad = rng.random(problem.n) * float(rng.choice([0.0, 1e-30, 1e-16, 1e-8, 0.1, 5.0]))
    return refusing(lambda: Balls.make(Pair(hi, lo), rad, arithmetic))
