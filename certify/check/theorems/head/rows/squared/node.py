"""D4 in integers: a squared-loss head with some rows deleted, and what k more deletions can take from a contrast.

Numbers are integers times `2^−BITS` times a power of two of their own: K has none, r and c have one each, and the
contrast z that of `c·r`. Errors are integers of the same units, and every rounding adds to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def d(self) -> list[int]:
        """Diagonal of K."""
        return [row[i] for i, row in enumerate(self.K)]

    def entry(self, a: int, b: int) -> int:
        """Of K."""
        return self.K[a][b]

    def line(self, a: int, at: Sequence[int]) -> list[int]:
        """Some entries of a row of K."""
        row = self.K[a]
        return [row[b] for b in at]


@dataclass(frozen=True)
class Later:
    """The state after one more deletion, of K its diagonal d; the other entries are made as they are asked for.

    Attributes:
        rows, d, r, c, z, eK, er, ec, ez: as of :class:`Node`.
        before: the state before, `at` the places there of the rows.
        k, scaled: the column of the deleted row, and the same over `D`.
    """

    rows: list[int]
    d: list[int]
    r: list[int]
    c: list[int]
    z: int
    eK: int
    er: int
    ec: int
    ez: int
    before: Node | Later
    at: list[int]
    k: list[int]
    scaled: list[int]

    @property
    def least(self) -> int:
        """Lower end of the contrast."""
        return self.z - self.ez

    def entry(self, a: int, b: int) -> int:
        """Of K."""
        return self.before.entry(self.at[a], self.at[b]) + (self.k[a] * self.scaled[b] >> BITS)

    def line(self, a: int, at: Sequence[int]) -> list[int]:
        """Some entries of a row of K."""
        f = self.k[a]
        known = self.before.line(self.at[a], [self.at[b] for b in at])
        return [x + (f * self.scaled[b] >> BITS) for x, b in zip(known, at, strict=True)]

    def formed(self) -> Node:
        """With all of K."""
        K = [self.line(a, range(len(self.rows))) for a in range(len(self.rows))]
        return Node(self.rows, K, self.r, self.c, self.z, self.eK, self.er, self.ec, self.ez)


State = Node | Later


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
    child = later(node, row, drop)
    if child is None or known is None:
        return None if child is None else child.formed()
    return Node(child.rows, known[0], child.r, child.c, child.z, known[1], child.er, child.ec, child.ez)


def later(node: State, row: int, drop: set[int]) -> Later | None:
    """The same without the entries of K.

    Args:
        node: before.
        row: number of the row.
        drop: numbers of rows that stay for good.
    """
    i = node.rows.index(row)
    D = ONE - node.d[i]
    low = D - node.eK
    if low <= 0:
        return None
    at = [a for a, x in enumerate(node.rows) if x != row and x not in drop]
    k = node.line(i, at)
    ri, ci, top = node.r[i], node.c[i], (max(map(abs, k), default=0), node.eK)
    scaled = [(x << BITS) // D for x in k]  # K_i/D, off by less than 1
    d = [node.d[a] + (f * g >> BITS) for a, f, g in zip(at, k, scaled, strict=True)]
    eK = node.eK + _quotient(top, top, low, node.eK) + 3
    er = node.er + _quotient(top, (abs(ri), node.er), low, node.eK) + 2
    ec = node.ec + _quotient(top, (abs(ci), node.ec), low, node.eK) + 2
    ez = node.ez + _quotient((abs(ci), node.ec), (abs(ri), node.er), low, node.eK) + 2
    return Later([node.rows[a] for a in at], d, [node.r[a] + x * ri // D for a, x in zip(at, k, strict=True)],
                 [node.c[a] + x * ci // D for a, x in zip(at, k, strict=True)], node.z - ci * ri // D, eK, er, ec, ez,
                 node, at, k, scaled)


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


def lows(node: State) -> list[int] | None:
    """At most `1 − K_ii` of every row; None where one is not proved to be positive."""
    low = [ONE - d - node.eK for d in node.d]
    return None if any(d <= 0 for d in low) else low


def compare(node: Node, k: int, xi: Sequence[int], proved: bool = False) -> Compared | None:
    """A stated vector, if `D_iξ_i > T_{k−1}(|K_il||x_l|) + T_{k−1}(|K_il|ξ_l)` in every row; None if not.

    With `I − K_MM ≥ diag(D) − |K_MM|` off the diagonal this makes it an H-matrix, and ξ bounds its inverse on `|K||x|`.
    """
    low = lows(node)
    if low is None:
        return None
    if k <= 1:
        return Compared([0] * len(low), [], low)
    size = [[abs(x) + node.eK for x in row] for row in node.K]
    for i, row in enumerate(size):
        row[i] = 0
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


def first_terms(node: State, k: int, found: Compared) -> tuple[list[int], int]:
    """w and ε such that deleting at most k rows M takes at most `Σ_M w_i + ε`: `w_i = c_i x_i + |c_i|ξ_i`."""
    first, slack = _first(node, k, found)
    return [f + above((abs(c) + node.ec) * v, ONE) for f, c, v in zip(first, node.c, found.xi, strict=True)], slack


def _first(node: State, k: int, found: Compared) -> tuple[list[int], int]:
    x, ex = divided(node, node.r, node.er, found.low)
    most_x, most_c = max(map(abs, x), default=0), max(map(abs, node.c), default=0)
    slack = k * (above(node.ec * (most_x + ex) + most_c * ex, ONE) + 1)
    return [c * v >> BITS for c, v in zip(node.c, x, strict=True)], slack


def divided(node: State, values: list[int], error: int, low: list[int]) -> tuple[list[int], int]:
    """`values/D` and what every one errs by."""
    x = [(v << BITS) // (ONE - d) for v, d in zip(values, node.d, strict=True)]
    off = [above((error << BITS) + (abs(v) + 1) * node.eK, d) for v, d in zip(x, low, strict=True)]
    return x, max(off, default=0) + 1


def pair_terms(node: Node, k: int, found: Compared) -> tuple[list[int], int]:
    """The same with the second order's signs: `w_i = c_i x_i + T_{k−1}(P_il)_+ + T_{k−1}(|K_il||y_l|)ξ_i`.

    `y = c/D`, `P_il = ½K_il(y_i x_l + y_l x_i)`: `N⁻¹ = D⁻¹ + D⁻¹OD⁻¹ + D⁻¹ON⁻¹OD⁻¹` for `N = D − O`.
    """
    first, slack = _first(node, k, found)
    x, ex = divided(node, node.r, node.er, found.low)
    y, ey = divided(node, node.c, node.ec, found.low)
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
