"""D4 in integers: a squared-loss head with some rows deleted, and what k more deletions can take from a contrast.

Numbers are integers times `2^−BITS` times a power of two of their own: K has none, r and c have one each, and the
contrast z that of `c·r`. Errors are integers of the same units, and every rounding adds to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BITS = 56
ONE = 1 << BITS

Hat = tuple[list[list[int]], int]
"""Entries of the hat matrix and what each errs by."""


@dataclass(frozen=True)
class Node:
    """State after some deletions.

    Attributes:
        rows: numbers of the rows that still may go, ascending.
        K: `ΦH⁻¹Φᵀ` on them, between 0 and the identity.
        r, c: residuals and influences.
        z: the contrast.
        eK, er, ec, ez: what every entry errs by at most.
    """

    rows: list[int]
    K: list[list[int]]
    r: list[int]
    c: list[int]
    z: int
    eK: int
    er: int
    ec: int
    ez: int

    @property
    def least(self) -> int:
        """Lower end of the contrast."""
        return self.z - self.ez


def above(a: int, b: int) -> int:
    """`a/b` rounded up, b positive."""
    return -(-a // b)


def without(node: Node, row: int, drop: set[int], known: Hat | None = None) -> Node | None:
    """The node after a row is deleted, the rows of `drop` no longer to go; None if `K_ii < 1` is not proved.

    `K + K_iK_iᵀ/D`, `r + K_i r_i/D`, `c + K_i c_i/D`, `z − c_i r_i/D`, `D = 1 − K_ii`.

    Args:
        node: before.
        row: number of the row.
        drop: numbers of rows that stay for good.
        known: K afterwards with its error, from the same deletions in the same order.
    """
    i = node.rows.index(row)
    D = ONE - node.K[i][i]
    low = D - node.eK
    if low <= 0:
        return None
    at = [a for a, x in enumerate(node.rows) if x != row and x not in drop]
    k = [node.K[i][a] for a in at]
    ri, ci, top = node.r[i], node.c[i], (max(map(abs, k), default=0), node.eK)
    K, eK = known if known is not None else _updated(node, at, k, D, low)
    er = node.er + _quotient(top, (abs(ri), node.er), low, node.eK) + 2
    ec = node.ec + _quotient(top, (abs(ci), node.ec), low, node.eK) + 2
    ez = node.ez + _quotient((abs(ci), node.ec), (abs(ri), node.er), low, node.eK) + 2
    return Node([node.rows[a] for a in at], K, [node.r[a] + x * ri // D for a, x in zip(at, k, strict=True)],
                [node.c[a] + x * ci // D for a, x in zip(at, k, strict=True)], node.z - ci * ri // D, eK, er, ec, ez)


def _updated(node: Node, at: list[int], k: list[int], D: int, low: int) -> Hat:
    scaled = [(x << BITS) // D for x in k]  # K_i/D, off by less than 1
    K = [[x + (f * g >> BITS) for x, g in zip([row[b] for b in at], scaled, strict=True)]
         for row, f in zip([node.K[a] for a in at], k, strict=True)]
    top = (max(map(abs, k), default=0), node.eK)
    return K, node.eK + _quotient(top, top, low, node.eK) + 3


def _quotient(a: tuple[int, int], b: tuple[int, int], low: int, eD: int) -> int:
    """Bound of the error of `ab/D`: of a and b by their second numbers, of D by eD, every D at least `low`."""
    (x, ex), (y, ey) = a, b
    return above(x * ey + y * ex + ex * ey, low) + above((x + ex) * (y + ey) * eD, low * low)


def part(node: Node, drop: set[int]) -> Node:
    """The same, some rows no longer to go."""
    if not drop:
        return node
    at = [a for a, x in enumerate(node.rows) if x not in drop]
    return Node([node.rows[a] for a in at], [[node.K[a][b] for b in at] for a in at], [node.r[a] for a in at],
                [node.c[a] for a in at], node.z, node.eK, node.er, node.ec, node.ez)


def top_sum(values: list[int], k: int) -> int:
    """The sum of the k largest of numbers, those that are not positive left out."""
    if k == 1:
        return max(0, max(values, default=0))
    return sum(v for v in sorted(values, reverse=True)[:k] if v > 0)


@dataclass(frozen=True)
class Compared:
    """`|((I − K_MM)⁻¹r_M)_i − r_i/(1 − K_ii)| ≤ xi_i` for every M of at most k rows; in the units of r."""

    xi: list[int]
    size: list[list[int]]
    low: list[int]


def compare(node: Node, k: int, xi: Sequence[int], proved: bool = False) -> Compared | None:
    """A stated vector, if `D_iξ_i > T_{k−1}(|K_il||x_l|) + T_{k−1}(|K_il|ξ_l)` in every row; None if not.

    With `I − K_MM ≥ diag(D) − |K_MM|` off the diagonal this makes it an H-matrix, and ξ bounds its inverse on `|K||x|`.
    """
    low = [ONE - node.K[i][i] - node.eK for i in range(len(node.rows))]
    if any(d <= 0 for d in low):
        return None
    size = [[abs(x) + node.eK for x in row] for row in node.K]
    for i, row in enumerate(size):
        row[i] = 0
    if k <= 1:
        return Compared([0] * len(low), size, low)
    if proved:
        return Compared(list(xi), size, low)
    right = _needed(node, k, xi, size, low)
    if not all(v > 0 and d * v > needed for d, v, needed in zip(low, xi, right, strict=True)):
        return None
    return Compared(list(xi), size, low)


def _needed(node: Node, k: int, xi: Sequence[int], size: list[list[int]], low: list[int]) -> list[int]:
    """What `D_iξ_i` has to exceed, row by row."""
    x = [above((abs(r) + node.er) << BITS, d) for r, d in zip(node.r, low, strict=True)]
    return [top_sum([a * b for a, b in zip(row, x, strict=True)], k - 1)
            + top_sum([a * b for a, b in zip(row, xi, strict=True)], k - 1) for row in size]


def grown(node: Node, k: int, xi: Sequence[int]) -> list[int] | None:
    """A larger vector that :func:`compare` may accept: what it needs and a little more; None if there is none."""
    found = compare(node, k, xi, proved=True)
    if found is None:
        return None
    needed = _needed(node, k, xi, found.size, found.low)
    return [max(v, above(r * 65, d * 64) + 1, 1) for v, r, d in zip(xi, needed, found.low, strict=True)]


def first_terms(node: Node, k: int, found: Compared) -> tuple[list[int], int]:
    """w and ε such that deleting at most k rows M takes at most `Σ_M w_i + ε`: `w_i = c_i x_i + |c_i|ξ_i`."""
    first, slack = _first(node, k, found)
    return [f + above((abs(c) + node.ec) * v, ONE) for f, c, v in zip(first, node.c, found.xi, strict=True)], slack


def _first(node: Node, k: int, found: Compared) -> tuple[list[int], int]:
    x, ex = _divided(node, node.r, node.er, found)
    most_x, most_c = max(map(abs, x), default=0), max(map(abs, node.c), default=0)
    slack = k * (above(node.ec * (most_x + ex) + most_c * ex, ONE) + 1)
    return [c * v >> BITS for c, v in zip(node.c, x, strict=True)], slack


def _divided(node: Node, values: list[int], error: int, found: Compared) -> tuple[list[int], int]:
    """`values/D` and what every one errs by."""
    x = [(v << BITS) // (ONE - node.K[i][i]) for i, v in enumerate(values)]
    off = [above((error << BITS) + (abs(v) + 1) * node.eK, d) for v, d in zip(x, found.low, strict=True)]
    return x, max(off, default=0) + 1


def pair_terms(node: Node, k: int, found: Compared) -> tuple[list[int], int]:
    """The same with the second order's signs: `w_i = c_i x_i + T_{k−1}(P_il)_+ + T_{k−1}(|K_il||y_l|)ξ_i`.

    `y = c/D`, `P_il = ½K_il(y_i x_l + y_l x_i)`: `N⁻¹ = D⁻¹ + D⁻¹OD⁻¹ + D⁻¹ON⁻¹OD⁻¹` for `N = D − O`.
    """
    first, slack = _first(node, k, found)
    x, ex = _divided(node, node.r, node.er, found)
    y, ey = _divided(node, node.c, node.ec, found)
    most_x, most_y = max(map(abs, x), default=0), max(map(abs, y), default=0)
    longer = [abs(v) + ey for v in y]
    w = []
    for i, row in enumerate(node.K):
        a, b = y[i], x[i]
        pairs = [g * (a * p + q * b) for g, p, q in zip(row, x, y, strict=True)]
        pairs[i] = 0
        third = top_sum([g * v for g, v in zip(found.size[i], longer, strict=True)], k - 1) * found.xi[i]
        w.append(first[i] + above(top_sum(pairs, k - 1), 2 << 2 * BITS) + above(third, ONE * ONE))
    each = above(node.eK * (most_x + ex) * (most_y + ey), ONE * ONE)
    each += above(ey * (most_x + ex) + most_y * ex, ONE)
    return w, slack + k * (k - 1) * each
