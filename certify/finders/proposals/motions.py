"""What moving features do to a critical point, proposed to the checker: X near `H⁻¹`, `Y_i` near `H⁻¹C_i`, vectors.

A line of JSON and floats come in on standard input: the passes of a network at the point, row by row. A line with bits
and then integers of eight bytes go out: X, vectors near its largest left singular vectors, vectors near those of all
`Y_i` beside each other, `Y_iᵀ` of every moving row, and R for every budget. All of it is computed in floats and
nothing here is trusted.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from certify.finders.proposals.inverses import inverse
from certify.finders.proposals.parent import end_with_parent
from certify.finders.proposals.sliced import Array, sum_of

LONG, FINE, FRACTION = 60, 50, 40
"""Bits of the largest entry of X and of each `Y_i`, and of the fraction of the vectors."""

CHUNK, SOME = 16, 64
"""Rows whose columns are made at a time, and over which sums of a sharp Hessian are those of floats."""

VECTORS, STEPS = 24, 6
"""Of the subspace iteration."""

NEAR = (8, 16, 24, 32)
"""Binary digits of how far below 1 what a budget allows is tried to be."""


@dataclass(frozen=True)
class Passes:
    """The passes at the point, and how the loss bends.

    Attributes:
        weights: `W_h`.
        inputs: `ã_{h−1}` of free layers, a row each, with a last 1 where the layer has a bias; nothing of the others.
        slopes, bends: `φ'(z_h)` and `φ''(z_h)` of the hidden layers.
        ends, curvatures: slopes and second derivatives of the rows' terms at the outputs.
        first, scale: `∂z_1` and `∂x` by the features in their units.
        free, biased, moving, decay: layers from 0 on, which have a bias, rows, and weight decay.
        wanted: `inverse`, which is X alone, `square`, which is X and `YYᵀ`, `motions`, or `effects`.
        most: a bound of ‖X‖ for which R is asked too, with `R(most²I − XXᵀ)Rᵀ ≈ I`; None: none is.
        formed: whether no vectors are asked for.
        whole: whether `YYᵀ` is then asked for.
        vectors: the y_j of `effects`, a row each, of which `C_iᵀy_j` is asked.
        budgets: the roots of weights of every moving row and feature, one budget after the other.
        sharp: whether X is asked for to more digits than sums of floats over all rows leave.
    """

    weights: list[Array]
    inputs: list[Array]
    slopes: list[Array]
    bends: list[Array]
    ends: Array
    curvatures: Array
    first: Array
    scale: Array
    free: list[int]
    biased: list[bool]
    moving: list[int]
    decay: float
    wanted: str
    most: float | None
    formed: bool
    whole: bool
    vectors: Array | None
    budgets: Array
    sharp: bool = False


def read() -> Passes:
    """From standard input."""
    asked = json.loads(sys.stdin.buffer.readline())
    sizes, n, k = asked["layers"], asked["rows"], asked["outputs"]

    def floats(*shape: int) -> Array:
        return np.frombuffer(sys.stdin.buffer.read(8 * math.prod(shape)), dtype="<f8").reshape(shape)

    weights = [floats(m, d) for m, d, _ in sizes]
    inputs = [floats(n, d + biased) if h in asked["free"] else np.empty((n, 0))
              for h, (_, d, biased) in enumerate(sizes)]
    slopes, bends = ([floats(n, m) for m, *_ in sizes[:-1]] for _ in range(2))
    def rows(count: int, wide: int) -> Array:
        bits, *_ = np.frombuffer(sys.stdin.buffer.read(8), dtype="<i8")
        whole = np.frombuffer(sys.stdin.buffer.read(8 * count * wide), dtype="<i8").astype("<f8")
        found: Array = np.ldexp(whole, -bits).reshape(count, wide)
        return found

    d = sizes[0][1]
    ends = floats(n, k), floats(n, k, k), floats(sizes[0][0], d), floats(d)
    return Passes(weights, inputs, slopes, bends, *ends, asked["free"], [biased for *_, biased in sizes],
                  asked["moving"], asked["decay"], asked["wanted"], asked["most"], asked["formed"], asked["whole"],
                  None if asked["vectors"] is None else rows(*asked["vectors"]),
                  floats(asked["budgets"], len(asked["moving"]) * d), asked["sharp"])


class Curvature:
    """Second derivatives by structure, as H1 and H3 of proofs/hessian.md have them."""

    def __init__(self, at: Passes) -> None:
        self.at, depth = at, len(at.weights)
        self.adjoints, self.seconds = [at.ends], [at.curvatures]
        for h in range(depth - 1, 0, -1):
            W, D = at.weights[h], at.slopes[h - 1]
            back = self.adjoints[0] @ W
            S = np.einsum("ra,nrs,sb->nab", W, self.seconds[0], W, optimize=True) * D[:, :, None] * D[:, None, :]
            every = np.arange(W.shape[1])
            S[:, every, every] += at.bends[h - 1] * back
            self.adjoints.insert(0, back * D)
            self.seconds.insert(0, S)

    def swept(self, rows: Array, h: int, z: Array, a: Array) -> dict[int, tuple[Array, Array]]:
        """How `δ_g` and `ã_{g−1}` move from layer h on, along motions z of its pre-activations and a of its inputs."""
        found = {}
        for g in range(h, len(self.at.weights)):
            if g > h:
                a = self.at.slopes[g - 1][rows][:, :, None] * z
                z = self.at.weights[g] @ a
            if g in self.at.free:
                inner = np.pad(a, ((0, 0), (0, 1), (0, 0))) if self.at.biased[g] else a
                found[g] = self.seconds[g][rows] @ z, inner
        return found

    def hessian(self) -> Array:
        """Of the whole objective, unit by unit: one matrix, or where it is sharp one and what it lacks."""
        at, every = self.at, np.arange(len(self.at.ends))
        starts, size = {}, 0
        for h in at.free:
            starts[h] = size
            size += self.adjoints[h].shape[1] * at.inputs[h].shape[1]
        H = np.zeros((1 + at.sharp, size, size))
        for h in at.free:
            m, wide = self.adjoints[h].shape[1], at.inputs[h].shape[1]
            unit = np.broadcast_to(np.eye(m), (len(every), m, m))
            for g, (P, T) in self.swept(every, h, unit, np.zeros((len(every), wide - at.biased[h], m))).items():
                M, N = self.adjoints[g].shape[1], at.inputs[g].shape[1]
                faced = _facing(at.inputs[h], at.inputs[g])
                block = self._summed(P, faced).reshape(-1, M, m, wide, N).transpose(0, 2, 3, 1, 4)
                if g != h:
                    faced = _facing(at.inputs[h], self.adjoints[g])
                    block = _added(block, self._summed(T, faced).reshape(-1, N, m, wide, M).transpose(0, 2, 3, 4, 1))
                block = np.reshape(block, (-1, m * wide, M * N))
                i, j = (slice(starts[a], starts[a] + length) for a, length in ((h, m * wide), (g, M * N)))
                H[:, i, j] = block
                H[:, j, i] = block.transpose(0, 2, 1)
        decay = np.zeros_like(H)
        decay[0, np.arange(size), np.arange(size)] = at.decay
        return _added(H, decay)

    def _summed(self, moves: Array, faced: Array) -> Array:
        """The sum over the rows of the products of one matrix a row with one row: by floats, or some rows at a time."""
        A, found = moves.reshape(len(moves), -1), None
        step = SOME if self.at.sharp else len(A)
        for at in range(0, len(A), step):
            part = (A[at:at + step].T @ faced[at:at + step])[None]
            part = np.concatenate([part, np.zeros_like(part)]) if self.at.sharp else part
            found = part if found is None else _added(found, part)
        assert found is not None
        return found

    def columns(self, rows: Array) -> Array:
        """`C_i` of some rows, `(rows, p, d)`."""
        return self.along(rows, self.at.first, np.diag(self.at.scale))

    def along(self, rows: Array, z: Array, a: Array) -> Array:
        """How gradients move with the pre-activations and the inputs of the first layer, `(rows, p, q)`."""
        at, n = self.at, len(rows)
        z, a = (np.broadcast_to(M, (n, *M.shape)) for M in (z, a))
        parts = []
        for g, (N, P) in self.swept(rows, 0, z, a).items():
            inner, outer = at.inputs[g][rows], self.adjoints[g][rows]
            block = N[:, :, None, :] * inner[:, None, :, None] + outer[:, :, None, None] * P[:, None, :, :]
            parts.append(block.reshape(n, -1, block.shape[-1]))
        return np.concatenate(parts, axis=1)

    def squared(self) -> Array:
        """`Σ C_iC_iᵀ` of the moving rows: of every layer `C = N ⊗ ã + δ ⊗ P`, so that no column is made."""
        at, rows = self.at, np.array(self.at.moving)
        first = (np.broadcast_to(M, (len(rows), *M.shape)) for M in (at.first, np.diag(at.scale)))
        parts = [(M, v) for g, (N, P) in self.swept(rows, 0, *first).items()
                 for M, v in ((N, at.inputs[g][rows]), (P, self.adjoints[g][rows]))]
        tables = [[(np.matmul(M, L.transpose(0, 2, 1)).reshape(len(rows), -1).T @ _facing(v, w)).reshape(
            M.shape[1], L.shape[1], v.shape[1], w.shape[1]) for L, w in parts] for M, v in parts]
        orders = ((0, 2, 1, 3), (0, 2, 3, 1)), ((2, 0, 1, 3), (2, 0, 3, 1))  # N comes before ã, P behind δ
        sizes = [len(at.inputs[g][0]) * len(self.adjoints[g][0]) for g in at.free]
        both = [(u, w) for u in (0, 1) for w in (0, 1)]
        blocks = [[sum(tables[2 * r + u][2 * c + w].transpose(orders[u][w]).reshape(one, other) for u, w in both)
                   for c, other in enumerate(sizes)] for r, one in enumerate(sizes)]
        found: Array = np.block(blocks)
        return found


def _added(A: Array, B: Array) -> Array:
    """The sum of two matrices, or of two pairs of these, each with what it lacks."""
    if len(A) == 1:
        return A + B
    high, lost = sum_of(A[0], B[0])
    return np.stack([high, A[1] + B[1] + lost])


def _facing(A: Array, B: Array) -> Array:
    """Row by row the products of every entry of A with every entry of B."""
    return (A[:, :, None] * B[:, None, :]).reshape(len(A), -1)


def proposed(at: Passes) -> tuple[Array, Array | None, list[Array], Array]:
    """X and what is known of it beyond, its vectors and those of the motions or `YYᵀ`, and `Y_iᵀ` after each other."""
    of = Curvature(at)
    H = of.hessian()
    found = inverse((H[0], H[1])) if at.sharp else None
    X, below = (np.linalg.inv(H[0]), None) if found is None else found
    if at.wanted == "inverse":
        return X, below, [], np.empty((0, len(X)))
    if at.wanted == "square":
        return X, below, [X @ of.squared() @ X.T] if at.whole else [], np.empty((0, len(X)))
    Y = moved(of, X)
    between = [_topmost(X.T), _topmost(Y)] if not at.formed else [Y.T @ Y] if at.whole else []
    return X, below, between, Y


def below(G: Array, most: float) -> Array | None:
    """R with `R(most²I − G)Rᵀ ≈ I`; None where that is not positive definite."""
    gap = -G
    gap[np.diag_indices_from(gap)] += most**2
    try:
        R: Array = np.linalg.inv(np.linalg.cholesky(gap))
    except np.linalg.LinAlgError:
        return None
    return R if np.isfinite(R).all() else None


def bounding(X: Array, most: float) -> Array | None:
    """R with `R(most²I − XXᵀ)Rᵀ ≈ I`; None where that is not positive definite."""
    return below(X @ X.T, most)


def within(Y: Array, roots: Array) -> tuple[int, Array]:
    """k and R with `R((1 − 2^−k)²I − YeYᵀ)Rᵀ ≈ I`, e the squares of the roots, of as many rows; else 0 and zeros."""
    scaled = Y * roots[:, None]
    G = scaled.T @ scaled
    found = ((k, below(G, 1 - 2.0**-k)) for k in NEAR)
    return next(((k, R) for k, R in found if R is not None), (0, np.zeros_like(G)))


def moved(of: Curvature, rows: Array) -> Array:
    """`C_iᵀ` times the transposed rows, of every moving row of the data one under the other.

    With fewer units than features in a free first layer by `C_i = P_iW + δ_i ⊗ I`, P_i along the units: less work.
    """
    at, d, moving = of.at, len(of.at.scale), np.array(of.at.moving)
    found, m = np.empty((len(moving) * d, len(rows))), len(at.first)
    split = 0 in at.free and 2 * m < d
    wide = at.inputs[0].shape[1]
    own = rows[:, :m * wide].reshape(len(rows), m, wide)[:, :, :d] * at.scale if split else None
    turned = None if own is None else np.ascontiguousarray(own.transpose(1, 2, 0)).reshape(m, -1)
    for start in range(0, len(moving), CHUNK):
        some = moving[start:start + CHUNK]
        C = of.columns(some) if turned is None else of.along(some, np.eye(m), np.zeros((d, m)))
        part = C.transpose(0, 2, 1).reshape(-1, C.shape[1]) @ rows.T
        if turned is not None:
            part = at.first.T @ part.reshape(len(some), m, -1) + (of.adjoints[0][some] @ turned).reshape(
                len(some), d, -1)
        found[start * d:(start + len(some)) * d] = part.reshape(len(some) * d, -1)
    return found


def _topmost(M: Array) -> Array:
    """Orthonormal columns near the eigenvectors of the largest eigenvalues of `MᵀM`."""
    V = np.random.default_rng(0).standard_normal((M.shape[1], VECTORS))
    for _ in range(STEPS):
        V = np.linalg.qr(M.T @ (M @ V))[0]
    return V


def fraction(M: Array, longest: int) -> int | None:
    """Bits of the fraction of numbers of which the largest has so many bits as an integer; None of zeros."""
    most = max(float(M.max()), -float(M.min()))
    return longest - math.frexp(most)[1] if most else None


def whole(M: Array, bits: int | None, below: Array | None = None) -> bytes:
    """Integers of eight bytes, of M and what is known of it beyond."""
    scaled = np.ldexp(M, bits or 0)
    near = np.rint(scaled)
    rest = scaled - near if below is None else scaled - near + np.ldexp(below, bits or 0)
    found: bytes = (near.astype("<i8") + np.rint(rest).astype("<i8")).tobytes()
    return found


def each(Y: Array, d: int) -> list[int]:
    """Bits of the fraction of d numbers after the others; those of zeros fit any, and get the most."""
    rows = [fraction(Y[at:at + d], FINE) for at in range(0, len(Y), d)]
    most = max((bits for bits in rows if bits is not None), default=0)
    return [most if bits is None else bits for bits in rows]


def effects(S: Array, d: int) -> Iterator[bytes]:
    """A line with the bits of every row, and for each vector the integers of all rows after the others."""
    rows = each(S, d)
    yield json.dumps(rows).encode() + b"\n"
    units = np.repeat(np.array(rows, dtype=np.int64), d)
    for column in S.T:
        yield np.rint(np.ldexp(column, units)).astype("<i8").tobytes()


def answers(
    X: Array, R: Array | None, between: list[Array], Y: Array, d: int, inside: Sequence[tuple[int, Array]] = (),
    below: Array | None = None,
) -> Iterator[bytes]:
    """A line, and the integers: of one matrix between as many bits as of X, of two `FRACTION` of the fraction.

    Without motions X alone, which is known beyond floats by what is below, and what is between. R comes first, where
    there is one, and that of every budget last, with its k in the line.
    """
    bits, first = fraction(X, LONG), [] if R is None else [fraction(R, FINE)]
    start = b"" if R is None else whole(R, first[0])
    if not len(Y):
        alone = [fraction(M, LONG) or 0 for M in between]
        yield json.dumps([*first, bits or 0, *alone]).encode() + b"\n" + start + whole(X, bits, below)
        yield from (whole(M, own) for M, own in zip(between, alone, strict=True))
        return
    rows = each(Y, d)
    other = fraction(between[0], LONG) if len(between) == 1 else FRACTION
    last = [(k, fraction(M, FINE) or 0) for k, M in inside]
    yield json.dumps([*first, bits or 0, other or 0, *rows, *(x for pair in last for x in pair)]).encode() + b"\n"
    yield start + whole(X, bits, below)
    for M in between:
        yield whole(M, other)
    for at, row in enumerate(rows):
        yield whole(Y[at * d:at * d + d], row)
    for (_, own), (_, M) in zip(last, inside, strict=True):
        yield whole(M, own)


def main() -> int:
    """Answer one question; nothing goes out where there is no proposal."""
    end_with_parent()
    at = read()
    if at.vectors is not None:
        S = moved(Curvature(at), at.vectors)
        if not np.isfinite(S).all():
            return 1
        for part in effects(S, len(at.scale)):
            sys.stdout.buffer.write(part)
        return 0
    try:
        X, lower, between, Y = proposed(at)
    except np.linalg.LinAlgError:
        return 1
    if not all(np.isfinite(M).all() for M in (X, *between, Y, X if lower is None else lower)):
        return 1
    R = None if at.most is None else bounding(X, at.most)
    for part in answers(X, R, between, Y, len(at.scale), [within(Y, roots) for roots in at.budgets], lower):
        sys.stdout.buffer.write(part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
