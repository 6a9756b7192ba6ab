"""Operations on sequences as scalars on a tape, and graphs of them drawn at random."""

from __future__ import annotations

import numpy as np
from flint import arb


def apply(tape, x, value, slope):
    """A function of one scalar."""
    return tape.put(value, [(int(x), slope)])


def sequence_node(net, node, before, tape, get):
    """Indices of the value of an operation on sequences, in its shape; None where the node is none."""
    rule = _RULES.get(node.op)
    if node.op == "linear" and before[0].ndim == 2:
        rule = _token_linear
    return None if rule is None else rule(net, node, before, tape, get)


def _token_linear(net, node, before, tape, get):
    W, b = get("weight"), get("bias")
    return np.array([[tape.linear([*((int(u), int(v)) for u, v in zip(row, token, strict=True)),
                                   *([(int(b[a]), arb(1))] if b is not None else [])])
                      for a, row in enumerate(W)] for token in before[0]])


def _layer_norm(net, node, before, tape, get):
    gamma, beta, out = get("weight"), get("bias"), np.empty_like(before[0])
    tokens, values = before[0].reshape(-1, before[0].shape[-1]), out.reshape(-1, before[0].shape[-1])
    d = tokens.shape[1]
    for token, to in zip(tokens, values, strict=True):
        mean = tape.linear([(int(x), arb(1) / d) for x in token])
        centred = [tape.linear([(int(x), arb(1)), (mean, arb(-1))]) for x in token]
        spread = tape.values[tape.linear([(c, c) for c in centred])] / d + arb(node.eps)
        spread_at = tape.linear([(tape.linear([(c, c) for c in centred]), arb(1) / d)], arb(node.eps))
        inverse = apply(tape, spread_at, 1 / spread.sqrt(), -1 / (2 * spread * spread.sqrt()))
        for j, c in enumerate(centred):
            y = tape.linear([(c, inverse)])
            y = tape.linear([(y, int(gamma[j]))]) if gamma is not None else y
            to[j] = tape.linear([(y, arb(1)), *([(int(beta[j]), arb(1))] if beta is not None else [])])
    return out


def _attention(net, node, before, tape, get):
    q, k, v = before
    width, after = q.shape[1] // node.heads, v.shape[1] // node.heads
    scale = arb(width) ** arb(-0.5) if node.scale is None else arb(node.scale)
    out = np.empty((len(q), v.shape[1]), dtype=int)
    for h in range(node.heads):
        for i in range(len(q)):
            seen = range(i + 1) if node.causal else range(len(k))
            powers = []
            for j in seen:
                score = tape.linear([(int(q[i, a]), int(k[j, a])) for a in range(h * width, (h + 1) * width)])
                s = tape.linear([(score, scale)])
                e = tape.values[s].exp()
                powers.append(apply(tape, s, e, e))
            total = tape.linear([(p, arb(1)) for p in powers])
            t = tape.values[total]
            inverse = apply(tape, total, 1 / t, -1 / (t * t))
            for a in range(h * after, (h + 1) * after):
                summed = tape.linear([(p, int(v[j, a])) for p, j in zip(powers, seen, strict=True)])
                out[i, a] = tape.linear([(summed, inverse)])
    return out


def _rms_norm(net, node, before, tape, get):
    gamma, out = get("weight"), np.empty_like(before[0])
    tokens, values = before[0].reshape(-1, before[0].shape[-1]), out.reshape(-1, before[0].shape[-1])
    for token, to in zip(tokens, values, strict=True):
        square = tape.linear([(tape.linear([(int(x), int(x)) for x in token]), arb(1) / len(token))], arb(node.eps))
        s = tape.values[square]
        inverse = apply(tape, square, 1 / s.sqrt(), -1 / (2 * s * s.sqrt()))
        for j, x in enumerate(token):
            y = tape.linear([(int(x), inverse)])
            to[j] = tape.linear([(y, int(gamma[j]))]) if gamma is not None else y
    return out


def _multiply(net, node, before, tape, get):
    return np.vectorize(lambda x, y: tape.linear([(int(x), int(y))]), otypes=[int])(*before)


def _times(net, node, before, tape, get):
    return np.vectorize(lambda x: tape.linear([(int(x), arb(node.factor))]), otypes=[int])(before[0])


def _gelu_tanh(net, node, before, tape, get):
    def one(x):
        z, c, a = tape.values[x], (2 / arb.pi()).sqrt(), arb(0.044715)
        t = (c * (z + a * z**3)).tanh()
        return apply(tape, x, z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t**2) * c * (1 + 3 * a * z**2) / 2)
    return np.vectorize(one, otypes=[int])(before[0])


def _mean_tokens(net, node, before, tape, get):
    return np.array([tape.linear([(int(x), arb(1) / len(before[0])) for x in column]) for column in before[0].T])


def _position(net, node, before, tape, get):
    return np.vectorize(lambda x, p: tape.linear([(int(x), arb(1)), (int(p), arb(1))]), otypes=[int])(
        before[0], get("weight").reshape(before[0].shape))


def _embedding(net, node, before, tape, get):
    table = get("weight")
    return np.array([table[int(float(tape.values[int(x)].mid()))] for x in before[0]])


def _shift(net, node, before, tape, get):
    fixed = net.tensors[node.mean].reshape(before[0].shape)
    flat = [tape.linear([(int(x), arb(1))], arb(float(c)))
            for x, c in zip(before[0].ravel(), fixed.ravel(), strict=True)]
    return np.array(flat).reshape(before[0].shape)


def _prepend(net, node, before, tape, get):
    return np.concatenate([get("weight").reshape(-1, before[0].shape[1]), before[0]])


def _slice(net, node, before, tape, get):
    return np.take(before[0], range(node.start, node.stop), axis=node.axis)


_RULES = {"rms_norm": _rms_norm, "multiply": _multiply, "times": _times, "shift": _shift,
          "layer_norm": _layer_norm, "attention": _attention, "gelu_tanh": _gelu_tanh, "mean_tokens": _mean_tokens,
          "position": _position, "prepend": _prepend, "embedding": _embedding, "slice": _slice,
          "reshape": lambda net, node, before, tape, get: before[0].reshape(node.size),
          "transpose": lambda net, node, before, tape, get: before[0].T}


def token_linear(b, q, bias=True):
    """A linear layer at every token."""
    W = b.tensor("weight", (b.numbers(q, b.here[-1]) / 2).astype(np.float32).astype(np.float64))
    return b.add("linear", weight=W, bias=b.tensor("bias", b.numbers(q)) if bias else None)


def layer_norm(b, affine=True, eps=1e-5):
    """LayerNorm over the last axis."""
    c = b.here[-1]
    names = {"weight": b.tensor("weight", b.numbers(c)), "bias": b.tensor("bias", b.numbers(c))} if affine else {}
    return b.add("layer_norm", eps=eps, **names)


def attend(b, heads, causal=False, scale=None):
    """Attention of a sequence with itself, behind one product."""
    whole = b.at
    c = b.here[-1]
    both = token_linear(b, 3 * c)
    parts = [b.add("slice", (both,), axis=1, start=at * c, stop=(at + 1) * c) for at in range(3)]
    b.add("attention", tuple(parts), heads=heads, causal=causal, scale=scale)
    b.add("add", (whole, b.at))


def random_sequence(rng, k=3, tokens=False):
    """A small graph of operations on sequences; `tokens`: an embedding reads its rows."""
    from tests.oracles.graph import SMOOTH, Builder

    t = int(rng.integers(1, 4))
    b = Builder(rng, (t,) if tokens else (t, int(rng.integers(2, 5))))
    c = int(rng.choice([2, 4]))
    if tokens:
        b.add("embedding", weight=b.tensor("weight", b.numbers(5, c)))
    else:
        token_linear(b, c, bool(rng.integers(2)))
    if rng.integers(2):
        b.add("position", weight=b.tensor("weight", b.numbers(*([1] * int(rng.integers(2))), t, c)))
    if tokens and rng.integers(2):  # the graphs without tokens are what mutants name their killers by
        b.add("prepend", weight=b.tensor("weight", b.numbers(1, int(rng.integers(1, 3)), c)))
        t = b.here[0]
        skip = b.at
        b.add("times", factor=float(rng.choice([-0.75, 3.0])))
        b.add("rms_norm", eps=float(rng.choice([1e-5, 0.1])), weight=b.tensor("weight", b.numbers(c)))
        b.add("multiply", (b.at, skip))
        b.add("shift", mean=b.tensor("fixed", b.numbers(t, c)))
    for _ in range(int(rng.integers(1, 4))):
        pick = rng.integers(0, 6)
        if pick <= 1:
            attend(b, int(rng.choice([1, 2])), bool(rng.integers(2)), float(rng.choice([0.5, 1.0])) if rng.integers(
                2) else None)
        elif pick == 2:
            layer_norm(b, bool(rng.integers(3)), float(rng.choice([1e-5, 0.1])))
        elif pick == 3:
            b.add("gelu_tanh")
        elif pick == 4:
            b.add("transpose")
            b.add("transpose")
        else:
            b.add(str(rng.choice(SMOOTH)))
    pick = rng.integers(0, 3)
    if pick == 0:
        b.add("mean_tokens")
    elif pick == 1:
        b.add("slice", axis=0, start=t - 1, stop=t)
        b.add("reshape", size=(b.here[1],))
    else:
        b.add("transpose")
        b.add("flatten")
    b.linear(k, bool(rng.integers(2)))
    return b.network()
