"""Containment of the maps of graphs and of their gradients, decided in 400-bit balls."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, ctx

from certify.network.graph import maps
from certify.network.graph.balls import _Descent, _Row
from certify.network.graph.compiled import compile_graph
from certify.network.graph.gradients import descend_graph
from certify.network.graph.graph import GraphNetwork
from certify.network.graph.passes import graph_forward
from certify.network.graph.pooling import Pool
from certify.network.graph.twins import twin_labels
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, Pair
from certify.rigor.ball import Balls
from tests.containment.registry import attack
from tests.containment.rigor import Array, Outcome, expect, refusing
from tests.families.draws import any_arithmetic
from tests.oracles.graph import random_graph, truth

BITS = 400
Rng = np.random.Generator


def numbers(rng: Rng, *shape: int) -> Array:
    """Full-length floats, some of them far smaller than the rest."""
    x = rng.normal(size=shape)
    return x * 2.0 ** rng.integers(-40, 2, size=shape) if rng.random() < 0.3 else x


def drawn(rng: Rng, n: int, m: int, arithmetic: Arithmetic) -> Balls:
    """Balls, half of them exact points."""
    mid = numbers(rng, n, m)
    low = mid * rng.uniform(-1, 1, size=mid.shape) * 2.0**-54 if arithmetic.extended else None
    rad = np.zeros(n) if rng.random() < 0.5 else np.abs(rng.normal(size=n)) * 10.0 ** rng.integers(-12, 1)
    return Balls.make(Pair(mid, low), rad, arithmetic)


def inside(what: str, x: Balls, y: Balls, T: Array, rng: Rng, factor: Any = None, shift: Any = None) -> None:
    """`(factor·)T x' + shift` lies in the ball y for members x' of x; the farthest members among them."""
    weights = np.ones(len(T)) if factor is None else np.array([float(f.mid()) for f in factor])
    tops = np.linalg.svd(weights[:, None] * T)[2][:1]
    with ctx.workprec(BITS):
        for i in range(len(x.rad)):
            some = rng.normal(size=x.mid.shape[1])
            for d in (np.zeros(len(some)), some / np.linalg.norm(some), *tops):
                d = d * (1 - 2.0**-50)
                point = [_exact(x.mid, i, j) + arb(float(x.rad[i])) * arb(float(d[j])) for j in range(len(d))]
                square = arb(0)
                for a in range(len(T)):
                    value = sum((arb(float(T[a, j])) * point[j] for j in np.nonzero(T[a])[0]), arb(0))
                    value = value if factor is None else value * factor[a]
                    value = value if shift is None else value + arb(float(shift[a]))
                    square += (value - _exact(y.mid, i, a)) ** 2
                held = bool(square <= arb(float(y.rad[i])) ** 2)  # squares: the root of a ball around 0 is no number
                expect(held, f"{what} contains a member", mid=x.mid, rad=x.rad, T=T)


def _exact(P: Pair, i: int, j: int) -> arb:
    return arb(float(P.hi[i, j])) + (0 if P.lo is None else arb(float(P.lo[i, j])))


def dense_form(W: Array, shape: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]) -> Array:
    """A convolution as a matrix, by its definition."""
    q, c, kh, kw = W.shape
    oh, ow = ((s + 2 * p - k) // t + 1 for s, k, t, p in zip(shape[1:], (kh, kw), stride, padding, strict=True))
    T, place = np.zeros((q, oh, ow, *shape)), np.arange(c)
    for i, j, a, b in np.ndindex(oh, ow, kh, kw):
        y, x = i * stride[0] - padding[0] + a, j * stride[1] - padding[1] + b
        if 0 <= y < shape[1] and 0 <= x < shape[2]:
            T[:, i, j, place, y, x] = W[:, :, a, b]
    return T.reshape(q * oh * ow, -1)


def window_maps(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """Convolutions, averages and linear layers, and their transposes, send members to members."""
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 5)), int(rng.integers(2, 5)))
    kernel, stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3))), (int(rng.integers(1, 3)), 1)
    padding = (kernel[0] // 2, 0)
    b, taps = None, 1
    if rng.random() < 0.4:
        kernel = (int(rng.integers(1, 3)), 3) if shape[2] >= 3 else kernel
        padding, taps = (kernel[0] // 2, 0), kernel[0] * kernel[1]
        one = dense_form(np.ones((1, 1, *kernel)), (1, *shape[1:]), stride, padding)
        T = np.kron(np.eye(shape[0]), one)
        forth, back = maps.average(shape, kernel, stride, padding, arithmetic)
    else:
        W = numbers(rng, int(rng.integers(1, 4)), shape[0], *kernel)
        b = numbers(rng, len(W)) * 10.0 ** rng.integers(0, 4) if rng.random() < 0.5 else None
        T = dense_form(W, shape, stride, padding)
        forth, back = maps.convolution(W, b, shape, stride, padding)
    with ctx.workprec(BITS):
        factor = arb(1) / taps
    shift = None if b is None else np.repeat(b, len(T) // len(b))
    for which, M, moved in ((forth, T, shift), (back, np.ascontiguousarray(T.T), None)):
        x = drawn(rng, 2, M.shape[1], arithmetic)
        y = refusing(lambda which=which, x=x: which.apply(x, arithmetic))
        if y is None:
            return "refused"
        inside("window map", x, y, M, rng, [factor] * len(M), moved)
    return "decided"


def channel_maps(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """Shifts, scalings, sums and copies send members to members."""
    c, places = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    m = c * places
    x, kind = drawn(rng, 2, m, arithmetic), rng.integers(4)
    if kind == 0:
        s = numbers(rng, c)
        y = maps.shifted(x, maps.Channels.exact(s), places, arithmetic)
        inside("shifted", x, y, np.eye(m), rng, None, np.repeat(s, places))
    elif kind == 1:
        var, eps, gamma = np.abs(numbers(rng, c)), float(rng.choice([1e-5, 1e-3, 0.5])), numbers(rng, c)
        inverse = maps.inverse_deviations(var, eps, arithmetic)
        then = maps.Channels.exact(gamma) if rng.random() < 0.7 else None
        y = maps.scaled(x, inverse, places, arithmetic, then)
        with ctx.workprec(BITS):
            factor = [1 / (arb(float(v)) + arb(eps)).sqrt() * (1 if then is None else arb(float(g)))
                      for v, g in zip(var, gamma, strict=True) for _ in range(places)]
        inside("scaled", x, y, np.eye(m), rng, factor)
    elif kind == 2:
        other = drawn(rng, 2, m, arithmetic)
        y = maps.added(x, other, arithmetic)
        both = Balls.make(Pair(np.hstack([x.mid.hi, other.mid.hi]),
                               None if x.mid.lo is None else np.hstack([x.mid.lo, other.mid.lo])),
                          np.zeros(2), arithmetic)
        inside("added", both, y, np.hstack([np.eye(m), np.eye(m)]), rng)
        with ctx.workprec(BITS):
            for i in range(2):
                square = sum(((_exact(x.mid, i, j) + _exact(other.mid, i, j) - _exact(y.mid, i, j)) ** 2
                              for j in range(m)), arb(0))
                left = arb(float(y.rad[i])) - arb(float(x.rad[i])) - arb(float(other.rad[i]))
                expect(bool(left >= 0 and square <= left**2), "added radii")
    else:
        index, back = maps.selection("pad_channels", (c, places, 1), before=1, after=1)
        T = np.zeros((len(index), m + 1))
        T[np.arange(len(index)), index] = 1
        inside("copied", x, maps.copied(x, index, arithmetic), T[:, :m], rng)
        v = drawn(rng, 2, len(index), arithmetic)
        inside("copied back", v, maps.copied(v, back, arithmetic), np.ascontiguousarray(T[:, :m].T), rng)
    return "decided"


def maxima(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """A proved winner wins at every member, and by the stated gap; the transpose is that of the choice."""
    c, size = int(rng.integers(1, 3)), int(rng.integers(3, 6))
    pool = Pool.make((c, size, 1), (2, 1), (1, 1), (int(rng.integers(2)), 0))
    x = drawn(rng, 2, c * size, arithmetic)
    if rng.random() < 0.5:  # neighbours that differ by about the radius
        hi = np.repeat(x.mid.hi[:, :1], c * size, 1) + rng.choice([0.5, 1.0, 1.3, 1.45, 2.0], size=(2, c * size)) * (
            x.rad[:, None] + np.abs(x.mid.hi[:, :1]) * 2.0**-52)
        x = Balls.make(Pair(hi, None if x.mid.lo is None else hi * 2.0**-54), x.rad, arithmetic)
    still = np.zeros(x.mid.shape, dtype=bool)
    found = pool.choose(x, still)
    with ctx.workprec(BITS):
        for i, p in np.argwhere(~found.tied):
            there = [j for j in pool.index[p] if j < pool.inputs]
            won = pool.index[p][found.winner[i, p]]
            for j in there:
                if j == won:
                    continue
                least = _exact(x.mid, i, won) - _exact(x.mid, i, j) - arb(float(x.rad[i])) * arb(2).sqrt()
                expect(bool(least > 0 and least >= float(found.gap[i, p])), "winner", mid=x.mid, rad=x.rad)
    for i in range(2):
        T = np.zeros((len(pool.index), pool.inputs))
        T[np.arange(len(T)), pool.index[np.arange(len(T)), found.winner[i]]] = 1
        low = None if x.mid.lo is None else x.mid.lo[i:i + 1]
        one = Balls(Pair(x.mid.hi[i:i + 1], low), x.rad[i:i + 1], x.norm[i:i + 1])
        inside("maximum", one, pool.forward(one, found.winner[i:i + 1], arithmetic), T, rng)
        v = drawn(rng, 1, len(T), arithmetic)
        inside("maximum back", v, pool.backward(v, found.winner[i:i + 1], arithmetic), np.ascontiguousarray(T.T), rng)
    return "decided"


def gradients(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """Outputs, row gradients and the weight gradient of a random graph."""
    loss = str(rng.choice(["squared", "cross_entropy", "logistic"]))
    net = random_graph(rng, 1 if loss == "logistic" else 3)
    X, decay = rng.normal(size=(2, net.widths[0])), float(rng.choice([0.0, 0.01, 1.0]))
    y = rng.normal(size=(2, 3)) if loss == "squared" else None
    labels = None if loss == "squared" else rng.integers(0, 2, size=2)
    found = refusing(lambda: descend_graph(net, X, loss, y, labels, decay, None, arithmetic))
    if found is None or found.kinks[0]:
        return "refused"
    exact = truth(net, X, loss, y, labels, decay)
    with ctx.workprec(BITS):
        for low, high, true in ((found.weight_norm.lower, found.weight_norm.upper, exact.weight_norm),
                                *zip(found.input_lower, found.input_upper, exact.rows, strict=True)):
            expect(bool(not true < _rational(low) and not true > _rational(high)), "gradient", X=X)
        for i, row in enumerate(exact.outputs):
            square = sum(((v - _exact(found.output.mid, i, a)) ** 2 for a, v in enumerate(row)), arb(0))
            expect(bool(not square > arb(float(found.output.rad[i])) ** 2), "output", X=X)
    return "decided"


def _rational(x: Any) -> arb:
    x = fp.exact(x) if isinstance(x, float) else x
    return arb(int(x.numerator)) / int(x.denominator)


def activations(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """Values, slopes and pulled adjoints of activations hold for members of balls."""
    from certify.network.graph.compiled import compile_graph
    from certify.network.graph.graph import ACTIVATIONS, GraphNetwork, Node
    from certify.network.graph.passes import GraphForward, _activate, _pulled
    from tests.oracles.graph import _phi

    op, m = str(rng.choice(ACTIVATIONS)), int(rng.integers(1, 5))
    node = Node("a", op, ("input",))
    net = GraphNetwork((node,), {}, (m,), "a")
    z, v = drawn(rng, 2, m, arithmetic), drawn(rng, 2, m, arithmetic)
    passed = GraphForward({"input": z})
    y = refusing(lambda: _activate(node, z, passed, arithmetic))
    if y is None:
        return "refused"
    back = None if passed.kinks[0] else _pulled(compile_graph(net, arithmetic), node, v, passed, arithmetic)
    slope = passed.slopes["a"]
    with ctx.workprec(BITS):
        for i in range(2):
            for j in (None, *range(m)):
                d = np.zeros(m)
                if j is not None:
                    d[j] = rng.choice([-1.0, 1.0]) * (1 - 2.0**-50)
                zs = [_exact(z.mid, i, a) + arb(float(z.rad[i])) * arb(float(d[a])) for a in range(m)]
                known = [_phi(op, x) for x in zs]
                square = sum(((f - _exact(y.mid, i, a)) ** 2 for a, (f, _) in enumerate(known)), arb(0))
                expect(bool(square <= arb(float(y.rad[i])) ** 2), f"{op}: value", mid=z.mid, rad=z.rad)
                if back is None:
                    continue
                for a, (_, s) in enumerate(known):
                    near = _exact(slope.mid, i, a)
                    expect(bool(abs(s - near) <= float(slope.rad[i])), f"{op}: slope", mid=z.mid, rad=z.rad)
                vs = [_exact(v.mid, i, a) + arb(float(v.rad[i])) * arb(float(d[a])) for a in range(m)]
                pulled = [x * s for x, (_, s) in zip(vs, known, strict=True)]
                square = sum(((p - _exact(back.mid, i, a)) ** 2 for a, p in enumerate(pulled)), arb(0))
                expect(bool(square <= arb(float(back.rad[i])) ** 2), f"{op}: pulled", mid=z.mid, rad=z.rad, v=v.mid)
    return "decided"


def parameter_gradients(rng: Rng, arithmetic: Arithmetic) -> Outcome:
    """`Σ V_iᵀ[P_i, 1]` and the sums of a BatchNorm, for members of the balls, lie within the stated error."""
    from certify.network.graph.compiled import compile_graph
    from certify.network.graph.gradients import GradientSum, _channel_gradient, _window_gradient
    from tests.oracles.graph import Builder

    shape = (int(rng.integers(1, 3)), int(rng.integers(2, 4)), int(rng.integers(2, 4)))
    b = Builder(rng, shape)
    norm = rng.random() < 0.4
    if norm:
        b.norm()
    else:
        b.conv(2, int(rng.integers(1, 3)), 1, 0, bool(rng.integers(2)))
    b.linear(1)
    net = b.network()
    made, node = compile_graph(net, arithmetic), net.nodes[0]
    x, v = drawn(rng, 2, net.size("input"), arithmetic), drawn(rng, 2, net.size(node.name), arithmetic)
    make = _channel_gradient if norm else _window_gradient
    term, error = make(made, node, v, x, arithmetic)
    total = GradientSum(term, error).add(term, error, arithmetic)
    some = rng.choice([-1.0, 0.0, 1.0], size=2)
    with ctx.workprec(BITS):
        sums: dict[tuple[int, int], arb] = {}
        for i in range(2):
            dx, dv = (np.full(part.mid.shape[1], sign) / np.sqrt(part.mid.shape[1]) * (1 - 2.0**-50)
                      for part, sign in zip((x, v), some, strict=True))
            xs, vs = ([_exact(part.mid, i, j) + arb(float(part.rad[i])) * arb(float(d[j])) for j in range(len(d))]
                      for part, d in ((x, dx), (v, dv)))
            if norm:
                index, places = np.arange(len(xs)).reshape(shape[0], -1), len(xs) // shape[0]
            else:
                index, places = made.windows[node.name][0].index, made.windows[node.name][0].places
            for at, value in enumerate(vs):
                q, p = at // places, at % places
                row = [xs[index[q, p]]] if norm else [xs[j] for j in index[p]]
                for k, entry in enumerate([*row, *([arb(1)] if node.bias else [])]):
                    sums[q, k] = sums.get((q, k), arb(0)) + value * entry
        for M, bound, times in ((term, error, 1), (total.value, total.error, 2)):
            square = sum(((times * s - _exact(M, *at)) ** 2 for at, s in sums.items()), arb(0))
            expect(bool(square <= _rational(bound) ** 2), "parameter gradient", x=x.mid, v=v.mid, rad=x.rad)
    return "decided"


def twins(rng: Rng) -> Outcome:
    """Entries with equal labels have equal values at other weights near by; those with label 0 are 0 there."""
    net = random_graph(rng)
    x = rng.integers(0, 3, size=net.widths[0]) / 2.0 * (rng.random(net.widths[0]) < rng.choice([0.2, 0.8]))
    made = compile_graph(net, Binary64())
    still = {name: mask[0] for name, mask in graph_forward(made, x[None], Binary64()).still.items()}
    moved = {name: a + 2.0**-40 * rng.normal(size=a.shape) if name in net.learned else a
             for name, a in net.tensors.items()}
    near = compile_graph(GraphNetwork(net.nodes, moved, net.shape, net.output), Binary64())
    with ctx.workprec(BITS):
        values = _Row(_Descent(near, None, True), 0, x).values
        for name, v in values.items():
            labels = twin_labels(made, x, still, name).tolist()
            first = {0: arb(0)}
            for label, value in zip(labels, v.tolist(), strict=True):
                gap = first.setdefault(label, value) - value
                expect(bool(abs(gap) < 2.0**-200 * (1 + abs(value))), f"one function of the weights at {name}", x=x)
    return "decided"


def sequences(rng: Rng, tokens: bool = False) -> Outcome:
    """Outputs and gradients of a random graph of sequences in balls, of the prover and of the checker, at few bits."""
    from certify.check.enclosure.graph_gradients import GraphDescent as Checked
    from tests.families.graph_problem import checked_problem
    from tests.oracles.sequences import random_sequence

    net = random_sequence(rng, 2, tokens)
    shape = (2, net.widths[0])
    X = rng.integers(0, 5, size=shape).astype(float) if tokens else rng.normal(size=shape)
    labels, decay = rng.integers(0, 2, size=2), float(rng.choice([0.0, 0.1]))
    exact = truth(net, X, "cross_entropy", None, labels, decay)
    made = _Descent(compile_graph(net, Binary64()), None, False)
    with ctx.workprec(64):
        found = made.run(X, "cross_entropy", None, labels, decay, lambda _: None)
        problem = checked_problem(net, X, labels, decay, "sample_weights" if tokens else "features")
        of = Checked(problem, problem.graph)
        checked = (of.weight_gradient, of.loss, *(() if tokens else of.row_sizes))
    with ctx.workprec(BITS):
        for low, high, true in ((found.weight_norm.lower, found.weight_norm.upper, exact.weight_norm),
                                *(() if tokens else zip(
                                    found.input_lower, found.input_upper, exact.rows, strict=True))):
            expect(bool(not true < _rational(low) and not true > _rational(high)), "gradient", X=X)
        for i, row in enumerate(exact.outputs):
            square = sum(((v - _exact(found.output.mid, i, a)) ** 2 for a, v in enumerate(row)), arb(0))
            expect(bool(not square > arb(float(found.output.rad[i])) ** 2), "output", X=X)
        for ball, true in zip(checked, (exact.weight_norm, exact.loss, *(() if tokens else exact.rows)), strict=True):
            expect(bool(ball.overlaps(true)), "the checker's gradient", X=X)
    return "decided"


@attack("graph_windows", "G1")
def graph_windows(rng: Rng) -> Outcome:
    return window_maps(rng, any_arithmetic(rng))


@attack("graph_channels", "G2")
def graph_channels(rng: Rng) -> Outcome:
    return channel_maps(rng, any_arithmetic(rng))


@attack("graph_maxima", "G3")
def graph_maxima(rng: Rng) -> Outcome:
    return maxima(rng, any_arithmetic(rng))


@attack("graph_activations", "G4")
def graph_activations(rng: Rng) -> Outcome:
    return activations(rng, any_arithmetic(rng))


@attack("graph_parameters", "G5")
def graph_parameters(rng: Rng) -> Outcome:
    return parameter_gradients(rng, any_arithmetic(rng))


@attack("graph_gradients", "G5")
def graph_gradients(rng: Rng) -> Outcome:
    return gradients(rng, any_arithmetic(rng))


@attack("graph_twins", "G7")
def graph_twins(rng: Rng) -> Outcome:
    return twins(rng)


@attack("graph_sequences", "G8")
def graph_sequences(rng: Rng) -> Outcome:
    return sequences(rng)


@attack("graph_tokens", "G8")
def graph_tokens(rng: Rng) -> Outcome:
    return sequences(rng, True)
