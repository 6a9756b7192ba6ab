"""How fast `X(J, G_u)` changes around the data and the given weights, to first order (Q1): norms, in balls.

X is an exact lower triangular matrix with `‖XJJᵀXᵀ − I‖ ≤ ε`, and Q stands for the real matrix XJ. Spectral norms are
bounded by traces: `λ_max(G) ≤ tr(G^m)^(1/m)` for a symmetric positive semidefinite G, m a power of two.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.tangents import Point, Tangent, along
from certify.check.linalg.balls import ZERO, gram, root
from certify.check.reading.subject import Problem

SQUARINGS = 22
"""Of an N × N matrix: the trace exceeds the norm by a factor `N^(2^-22)`."""

ROW_SQUARINGS = 20
"""The same for what belongs to one row."""


@dataclass(frozen=True)
class Bending:
    """Upper bounds of first-order changes, per unit of what changes.

    Attributes:
        weights: `sup ‖X·DJ[δ]·Qᵀ‖` over directions δ of all weights.
        inside: `sup ‖X·DJ[Qᵀt]·Qᵀ‖` over `|t| ≤ 1`.
        data: `sup ‖X·DJ[u]·Qᵀ‖` over `|u| ≤ 1`; 0 where targets move.
        pushed: for every row of Q as a direction of the weights, what it does to the first layer's pre-activations.
        curved, mixed: of every row `‖∂²f/∂x²‖` and `‖∂²f/∂x∂w‖`, 0 for one whose features do not move.
    """

    weights: arb
    inside: arb
    data: arb
    curved: list[arb]
    mixed: list[arb]
    pushed: list[arb_mat]


def bending(problem: Problem, point: Point, X: arb_mat) -> Bending:
    """Bounds for the right inverse `QᵀX`.

    Args:
        problem: the problem.
        point: passes at the data.
        X: exact, `(N, N)`.
    """
    k, N = problem.outputs, point.rows
    moving = set(problem.moving) if problem.moves.inputs else set()
    moves = [problem.kept[r // k] in moving for r in range(N)]
    tangents = [along(point, _combined(point, row)) for row in X.tolist()]
    weights = X * _products(point, tangents) * X.transpose()
    inside = _inside(tangents, X)
    found = [t.features.tolist() for t in tangents]
    bends = [spectral(arb_mat([f[r] for f in found]), ROW_SQUARINGS) if moves[r] else ZERO for r in range(N)]
    curved, mixed = _by_features(point, moves) if any(moves) else ([ZERO] * N, [ZERO] * N)
    pushed = [t.pushed[0] for t in tangents]
    return Bending(root_of(weights, SQUARINGS), inside, weighted(X, bends, k), curved, mixed, pushed)


def weighted(X: arb_mat, lengths: list[arb], k: int) -> arb:
    """`√k‖X diag(e)‖`: bounds `‖Σ_i Σ_a X_ia v_iaᵀ|u_i|‖` over `|v_ia| ≤ e_ia`, `Σ|u_i|² ≤ 1`."""
    if not any(bool(e != 0) for e in lengths):
        return ZERO
    N = X.nrows()
    scaled = [x * e for row in X.tolist() for x, e in zip(row, lengths, strict=True)]
    return (spectral(arb_mat(N, N, scaled), SQUARINGS) * arb(k).sqrt()).upper()


def spectral(M: arb_mat, squarings: int) -> arb:
    """Upper bound of the largest singular value."""
    return root_of(gram(M if M.nrows() <= M.ncols() else M.transpose()), squarings)


def root_of(G: arb_mat, squarings: int) -> arb:
    """Upper bound of `λ_max(G)^½`, `G ⪰ 0`: `tr(G^m)^(1/2m)`."""
    for _ in range(squarings):
        G = G * G
    most = sum((G[i, i] for i in range(G.nrows())), ZERO)
    for _ in range(squarings + 1):
        most = root(most)
    return most.upper()


def _combined(point: Point, row: list[arb]) -> list[arb_mat]:
    """A row of Q as a direction: `Σ_i x_i B_iᵀÃ_i` of every layer."""
    found = []
    for B, A in zip(point.adjoints, point.inputs, strict=True):
        scaled = [[x * b for b in values] for x, values in zip(row, B.tolist(), strict=True)]
        found.append(arb_mat(scaled).transpose() * A)
    return found


def _products(point: Point, tangents: list[Tangent]) -> arb_mat:
    """`Σ_l D_lD_lᵀ`, D_l the change of the rows along Q_l: inner products of `B'⊗ã + B⊗ã'`, layer by layer."""
    N = point.rows
    total = [ZERO] * (N * N)
    for h in range(point.depth):
        A, B = point.inputs[h], point.adjoints[h]
        first, last = h == 0, h == point.depth - 1  # along weights the data stay, and so does ∂f/∂f
        if not last:
            outer = _beside([t.outer[h] for t in tangents])
            total = _plus(total, gram(outer), gram(A))
        if not first:
            total = _plus(total, gram(B), gram(_beside([t.inner[h] for t in tangents])))
        if not first and not last:
            plain = arb_mat([row[:tangents[0].inner[h].ncols()] for row in A.tolist()])
            for t in tangents:
                left, right = t.outer[h] * B.transpose(), plain * t.inner[h].transpose()
                total = _plus(_plus(total, left, right), left.transpose(), right.transpose())
    return arb_mat(N, N, total)


def _inside(tangents: list[Tangent], X: arb_mat) -> arb:
    """The tensor `Σ_i X_mi D²f_i[Q_l, Q_j]`: the less of the norms of two of the matrices that it is."""
    N = X.nrows()
    left = [_beside([*t.outer, *t.inner]).tolist() for t in tangents]
    right = [_beside([*t.pushed, *t.pulled]).tolist() for t in tangents]
    second = []
    for i in range(N):
        second += (arb_mat([rows[i] for rows in left]) * arb_mat([rows[i] for rows in right]).transpose()).entries()
    C = X * arb_mat(N, N * N, second)
    entries = C.entries()
    other = [entries[m * N * N + l * N + j] for l in range(N) for m in range(N) for j in range(N)]
    return spectral(C, SQUARINGS).min(spectral(arb_mat(N, N * N, other), SQUARINGS)).upper()


def _by_features(point: Point, moves: list[bool]) -> tuple[list[arb], list[arb]]:
    """`‖∂²f/∂x²‖` and `‖∂²f/∂x∂w‖` of every row that moves, from one tangent for each feature."""
    N, d = point.rows, point.weights[0].ncols()
    tangents = []
    for j in range(d):
        step = arb_mat(N, d, [arb(int(c == j)) for _ in range(N) for c in range(d)])
        tangents.append(along(point, None, step))
    squares = [t.features.tolist() for t in tangents]
    layers = [([t.outer[h].tolist() for t in tangents], [t.inner[h].tolist() for t in tangents],
               point.adjoints[h].tolist(), point.inputs[h].tolist()) for h in range(point.depth)]
    curved, mixed = [ZERO] * N, [ZERO] * N
    for r in range(N):
        if not moves[r]:
            continue
        curved[r] = spectral(arb_mat([s[r] for s in squares]), ROW_SQUARINGS)
        G = arb_mat(d, d, [ZERO] * (d * d))
        for outer, inner, B, A in layers:
            O, I = arb_mat([rows[r] for rows in outer]), arb_mat([rows[r] for rows in inner])
            b, a = arb_mat([B[r]]), arb_mat([A[r]])
            plain = arb_mat([A[r][:I.ncols()]])
            cross = (O * b.transpose()) * (I * plain.transpose()).transpose()
            G = G + cross + cross.transpose()
            G = G + gram(O) * (a * a.transpose())[0, 0] + gram(I) * (b * b.transpose())[0, 0]
        mixed[r] = root_of(G, ROW_SQUARINGS)
    return curved, mixed


def _plus(total: list[arb], left: arb_mat, right: arb_mat) -> list[arb]:
    """`total + left ∘ right`."""
    return [t + x * y for t, x, y in zip(total, left.entries(), right.entries(), strict=True)]


def _beside(parts: list[arb_mat]) -> arb_mat:
    """Matrices of as many rows, one beside the other."""
    lists = [part.tolist() for part in parts]
    return arb_mat([[x for rows in lists for x in rows[i]] for i in range(parts[0].nrows())])
