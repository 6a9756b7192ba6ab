"""Graphs drawn at random, and an oracle that knows nothing of windows: scalars on a tape, in 300-bit balls."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from flint import arb, ctx

from certify.network.graph.graph import GraphNetwork, Node
from tests.oracles.sequences import sequence_node

BITS = 300
SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "elu", "gelu")


@dataclass
class Tape:
    """Scalars with the inputs and derivatives of each."""

    values: list[arb] = field(default_factory=list)
    parents: list[list[tuple[int, arb]]] = field(default_factory=list)

    def put(self, value, parents=()):
        self.values.append(value)
        self.parents.append(list(parents))
        return len(self.values) - 1

    def linear(self, terms, constant=0):
        """`Σ a·b + constant` over pairs of scalars (b an index or a number)."""
        total, parents = arb(constant), []
        for a, b in terms:
            if isinstance(b, int):
                total += self.values[a] * self.values[b]
                parents += [(a, self.values[b]), (b, self.values[a])]
            else:
                total += self.values[a] * b
                parents.append((a, arb(b)))
        return self.put(total, parents)

    def gradient(self, seeds):
        """Adjoints of all scalars."""
        adjoint = [arb(0)] * len(self.values)
        for at, seed in seeds:
            adjoint[at] += seed
        for at in range(len(self.values) - 1, -1, -1):
            for parent, slope in self.parents[at]:
                adjoint[parent] += adjoint[at] * slope
        return adjoint


def _phi(name, x):
    """Value and slope."""
    one = arb(1)
    if name in ("relu", "leaky_relu"):
        left = arb(0) if name == "relu" else arb(0.01)
        return (x, one) if x > 0 else (x * left, left)
    if name == "tanh":
        return x.tanh(), 1 - x.tanh() ** 2
    if name == "sigmoid":
        s = 1 / (1 + (-x).exp())
        return s, s * (1 - s)
    if name == "softplus":
        return x.exp().log1p(), 1 / (1 + (-x).exp())
    if name == "silu":
        s = 1 / (1 + (-x).exp())
        return x * s, s + x * s * (1 - s)
    if name == "elu":
        return (x, one) if x > 0 else (x.exp() - 1, x.exp())
    if name == "gelu":
        p = (1 + (x / arb(2).sqrt()).erf()) / 2
        return x * p, p + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()
    return x, one


def evaluate(net: GraphNetwork, x, tape: Tape, params):
    """Indices of the outputs of one row, and of its inputs; arrays of indices in the shapes of the values."""
    inputs = np.array([tape.put(arb(float(v))) for v in x]).reshape(net.shape)
    known = {net.input: inputs}
    for node in net.nodes:
        known[node.name] = _node(net, node, [known[name] for name in node.inputs], tape, params)
    return known[net.output], inputs


def _node(net, node: Node, before, tape, params):
    x = before[0]
    get = lambda role: None if getattr(node, role) is None else params[getattr(node, role)]  # noqa: E731
    of_sequence = sequence_node(net, node, before, tape, get)
    if of_sequence is not None:
        return of_sequence
    if node.op == "flatten":
        return x.reshape(-1)
    if node.op == "add":
        return np.vectorize(lambda a, b: tape.linear([(int(a), arb(1)), (int(b), arb(1))]), otypes=[int])(*before)
    if node.op == "linear":
        W, b = get("weight"), get("bias")
        return np.array([_plus(tape, [(int(u), int(v)) for u, v in zip(row, x, strict=True)], b, i)
                         for i, row in enumerate(W)])
    if node.op == "subsample":
        return x[:, ::node.stride[0], ::node.stride[1]]
    if node.op == "pad_channels":
        zeros = lambda c: np.array([tape.put(arb(0)) for _ in range(c * x[0].size)], dtype=int).reshape(c, *x.shape[1:])  # noqa: E731
        return np.concatenate([zeros(node.before), x, zeros(node.after)])
    if node.op == "batch_norm":
        mean, var = net.tensors[node.mean], net.tensors[node.var]
        out = np.empty_like(x)
        for c in range(len(x)):
            inverse = 1 / (arb(float(var[c])) + arb(node.eps)).sqrt()
            for at in np.ndindex(*x.shape[1:]):
                h = tape.put((tape.values[x[(c, *at)]] - arb(float(mean[c]))) * inverse, [(int(x[(c, *at)]), inverse)])
                terms = [(h, int(get("weight")[c]))] if node.weight else [(h, arb(1))]
                out[(c, *at)] = _plus(tape, terms, get("bias"), c)
        return out
    if node.op in ("conv2d", "avg_pool", "max_pool"):
        return _windows(net, node, x, tape, get)
    def activate(a):
        value, slope = _phi(node.op, tape.values[a])
        return tape.put(value, [(int(a), slope)])
    return np.vectorize(activate, otypes=[int])(x)


def _plus(tape, terms, bias, at):
    return tape.linear([*terms, *([(int(bias[at]), arb(1))] if bias is not None else [])])


def _windows(net, node, x, tape, get):
    shape = net.shapes[node.name]
    kh, kw = get("weight").shape[2:] if node.op == "conv2d" else node.kernel
    out = np.empty(shape, dtype=int)
    for q, oy, ox in np.ndindex(*shape):
        taps = [(a, b, oy * node.stride[0] - node.padding[0] + a, ox * node.stride[1] - node.padding[1] + b)
                for a in range(kh) for b in range(kw)]
        taps = [t for t in taps if 0 <= t[2] < x.shape[1] and 0 <= t[3] < x.shape[2]]
        if node.op == "conv2d":
            W = get("weight")
            terms = [(int(W[q, c, a, b]), int(x[c, y, z])) for c in range(len(x)) for a, b, y, z in taps]
            out[q, oy, ox] = _plus(tape, terms, get("bias"), q)
        elif node.op == "avg_pool":
            out[q, oy, ox] = tape.linear([(int(x[q, y, z]), arb(1) / (kh * kw)) for _, _, y, z in taps])
        else:
            best, *rest = (int(x[q, y, z]) for _, _, y, z in taps)
            for i in rest:  # not by doubles: saturated activations differ by far less
                best = i if tape.values[i] > tape.values[best] else best
            out[q, oy, ox] = tape.put(tape.values[best], [(best, arb(1))])
    return out


@dataclass(frozen=True)
class Truth:
    """Balls around losses, row gradients and the weight gradient's norm."""

    loss: arb
    weight_norm: arb
    rows: list[arb]
    outputs: list[list[arb]]


def truth(net: GraphNetwork, X, loss, targets, labels, decay=0.0) -> Truth:
    """What :func:`certify.network.graph.gradients.descend_graph` has to contain."""
    with ctx.workprec(BITS):
        sums = {name: np.zeros(net.tensors[name].size, dtype=object) for name in net.learned}
        total, rows, outputs = arb(0), [], []
        for i, x in enumerate(X):
            tape = Tape()
            params = {name: np.array([tape.put(arb(float(v))) for v in net.tensors[name].ravel()]).reshape(
                net.tensors[name].shape) for name in net.learned}
            out, inputs = evaluate(net, x, tape, params)
            f = [tape.values[a] for a in out]
            y, label = None if targets is None else targets[i], None if labels is None else labels[i]
            value, slopes = _loss(loss, f, y, label)
            adjoint = tape.gradient(zip([int(a) for a in out], slopes, strict=True))
            total += value
            outputs.append(f)
            rows.append(sum((adjoint[a] ** 2 for a in inputs.ravel()), arb(0)).sqrt())
            for name, at in params.items():
                sums[name] = sums[name] + np.array([adjoint[a] for a in at.ravel()], dtype=object)
        n, size, square = len(X), arb(0), arb(0)
        for name, grad in sums.items():
            for g, w in zip(grad, net.tensors[name].ravel(), strict=True):
                square += (arb(g) / n + arb(decay) * arb(float(w))) ** 2
                size += arb(float(w)) ** 2
        return Truth(total / n + arb(decay) / 2 * size, square.sqrt(), rows, outputs)


def _loss(loss, f, y, label):
    if loss == "squared":
        c = [u - arb(float(v)) for u, v in zip(f, y, strict=True)]
        return sum((u**2 for u in c), arb(0)) / 2, c
    if loss == "logistic":
        s = 1 if label > 0 else -1
        return (-s * f[0]).exp().log1p(), [-s / (1 + (s * f[0]).exp())]
    q = [arb(float(v)) for v in y] if y is not None else [arb(int(a == label)) for a in range(len(f))]
    e = [u.exp() for u in f]
    whole, weight = sum(e, arb(0)), sum(q, arb(0))
    return weight * whole.log() - sum((p * u for p, u in zip(q, f, strict=True)), arb(0)), [
        weight * u / whole - p for u, p in zip(e, q, strict=True)]


class Builder:
    """A graph under construction, with random tensors."""

    def __init__(self, rng, shape):
        self.rng, self.shape, self.nodes, self.tensors = rng, shape, [], {}
        self.at, self.here = "input", shape

    def numbers(self, *shape):
        """Float32 numbers of order one, as files hold them."""
        return self.rng.normal(size=shape).astype(np.float32).astype(np.float64)

    def add(self, op, inputs=None, **members):
        name = f"n{len(self.nodes)}"
        self.nodes.append(Node(name, op, inputs or (self.at,), **members))
        self.here = GraphNetwork.shapes.func(_Shapes(self))[name]
        self.at = name
        return name

    def tensor(self, role, array):
        name = f"n{len(self.nodes)}.{role}"
        self.tensors[name] = array
        return name

    def conv(self, q, kernel=3, stride=1, padding=1, bias=True):
        W = self.tensor("weight", self.numbers(q, self.here[0], kernel, kernel) / np.sqrt(self.here[0] * kernel))
        self.tensors[W] = self.tensors[W].astype(np.float32).astype(np.float64)
        b = self.tensor("bias", self.numbers(q)) if bias else None
        return self.add("conv2d", weight=W, bias=b, stride=(stride, stride), padding=(padding, padding))

    def norm(self, affine=True):
        c = self.here[0]
        names = {"mean": self.tensor("running_mean", self.numbers(c)),
                 "var": self.tensor("running_var", 0.5 + self.numbers(c) ** 2)}
        if affine:
            names |= {"weight": self.tensor("weight", self.numbers(c)), "bias": self.tensor("bias", self.numbers(c))}
        return self.add("batch_norm", eps=1e-5, **names)

    def linear(self, q, bias=True):
        if len(self.here) == 3:
            self.add("flatten")
        W = self.tensor("weight", (self.numbers(q, self.here[0]) / 2).astype(np.float32).astype(np.float64))
        return self.add("linear", weight=W, bias=self.tensor("bias", self.numbers(q)) if bias else None)

    def network(self):
        return GraphNetwork(tuple(self.nodes), self.tensors, self.shape, self.at)


class _Shapes:
    """What `GraphNetwork.shapes` needs of a graph that is not whole yet."""

    def __init__(self, builder):
        self.nodes, self.tensors, self.shape, self.input = builder.nodes, builder.tensors, builder.shape, "input"

    _shape, _linear_shape, _image_shape = GraphNetwork._shape, GraphNetwork._linear_shape, GraphNetwork._image_shape
    _tensor, _vector, _sequence_shape = GraphNetwork._tensor, GraphNetwork._vector, GraphNetwork._sequence_shape


def random_graph(rng, k=3) -> GraphNetwork:
    """A small graph that may hold every operation."""
    b = Builder(rng, (int(rng.integers(1, 4)), int(rng.integers(4, 7)), int(rng.integers(4, 7))))
    for _ in range(int(rng.integers(2, 6))):
        pick = rng.integers(0, 8)
        if pick <= 1:
            stride, padding = int(rng.integers(1, 3)), int(rng.integers(0, 2))
            kernel = int(rng.integers(1, min(4, min(b.here[1:]) + 1)))
            b.conv(int(rng.integers(1, 4)), kernel, stride, padding, bool(rng.integers(2)))
        elif pick == 2:
            b.norm(bool(rng.integers(3)))
        elif pick == 3 and min(b.here[1:]) >= 2:
            pad = int(rng.integers(2))
            b.add(str(rng.choice(["avg_pool", "max_pool"])), kernel=(2, 2), stride=(int(rng.integers(1, 3)), 1),
                  padding=(pad, pad))
        elif pick == 4:
            skip = b.at
            b.conv(b.here[0], 3, 1, 1, bool(rng.integers(2)))
            b.add("relu")
            b.add("add", (b.at, skip))
        elif pick == 5 and b.here[0] < 4:
            b.add("subsample", stride=(2, 2))
            b.add("pad_channels", before=int(rng.integers(2)), after=int(rng.integers(2)))
        elif pick == 6:
            b.add("relu" if rng.integers(2) else "leaky_relu")
        else:
            b.add(str(rng.choice(SMOOTH)))
    b.linear(k, bool(rng.integers(2)))
    return b.network()
