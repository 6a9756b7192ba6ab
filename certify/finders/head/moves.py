"""How much each row's change lowers a margin, about a refitted head, and the sets that follow from it, in floats.

With `c_i = Φ_i H⁻¹ E` (E the gradient of the margin in the weights) a change of row i's slope by s lowers the margin by
`c_i·s` to first order; a deletion takes the slope away. One output: the row itself is solved exactly, the others to
second order, so that a deletion counts `c p/(1 − h)`, `h` the leverage times the curvature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.floats import Array, FloatHead
from certify.finders.head.newton import Newton, Sets
from certify.finders.head.upper.own import Trained

OWN = 4
"""Newton steps for a row's own output."""


@dataclass(frozen=True, eq=False)
class Change:
    """What may be changed.

    Attributes:
        deletes: rows are deleted; else they are relabelled.
        count: how many at most.
        allowed: `(n,)` which.
    """

    deletes: bool
    count: int
    allowed: Array


@dataclass(frozen=True, eq=False)
class Lanes:
    """A batch of margins to lower: evaluation row, the output that has to fall, the one that has to rise.

    Attributes:
        point: `(T,)` rows of the evaluation data.
        up, down: `(T,)` outputs; one output: both 0.
        sign: `(T,)` ±1: the sign of the only output; 1 with several.
    """

    point: Array
    up: Array
    down: Array
    sign: Array

    def __len__(self) -> int:
        return len(self.point)

    def at(self, which: Array | slice) -> Lanes:
        """Some of them."""
        return Lanes(self.point[which], self.up[which], self.down[which], self.sign[which])

    def gradients(self, head: FloatHead) -> Array:
        """`(T, k, m)` of the margins in the weights."""
        E, t = np.zeros((len(self), head.k, head.phi.shape[1])), np.arange(len(self))
        E[t, self.down] += self.sign[:, None] * head.points[self.point]
        if head.k > 1:
            E[t, self.up] -= head.points[self.point]
        return E

    def margins(self, head: FloatHead, z: Array) -> Array:
        """`(B, T)` the margins, from outputs `(B, k, N)` of the evaluation rows."""
        if head.k == 1:
            return np.asarray(self.sign * (z[:, 0, self.point] - head.threshold))
        return np.asarray(z[:, self.down, self.point] - z[:, self.up, self.point])


@dataclass(frozen=True, eq=False)
class Scores:
    """What each row's being changed takes from each margin.

    Attributes:
        worth: `(T, n)`; -inf for rows that may not change. A row of the set counts what it takes now.
        code: `(T, n)` the new target, -1: deleted.
    """

    worth: Array
    code: Array


def scores(
    newton: Newton, change: Change, lanes: Lanes, sets: Sets, V: Array, own: bool, trained: Trained,
    pulled: bool = False,
) -> Scores:
    """The worth of rows at weights V `(T, k, m)` that are refitted without or with other labels of `sets`.

    Args:
        newton, change, lanes, sets, V: as above, one set a lane.
        own: the row's own output solved as well; else first order.
        trained: of the trained head, for what is too dear at V.
        pulled: of several outputs a row outside the set counts what it pulls once its own outputs are solved.
    """
    head = newton.head
    Z = head.outputs(V)
    E = lanes.gradients(head)
    U, here = newton.solve_and_leverages(sets, Z, E) if own else (newton.solve(sets, Z, E), None)
    leverages = trained.leverages if here is None else here
    C = head.outputs(U)
    inside = member(sets, len(head.phi))
    if head.k == 1:
        result = _one_output(head, change, C[:, 0], Z[:, 0], inside, leverages[:, 0, 0] if own else None)
    else:
        result = _several(head, change, C, Z, leverages if own else None)
        if pulled and trained.pulls is not None:  # the way back of rows of the set is to first order
            result = _pulled(head, C, trained.pulls, result, inside)
    result.worth[:, ~change.allowed] = -np.inf
    return result


def _one_output(
    head: FloatHead, change: Change, C: Array, Z: Array, inside: Array, leverage: Array | None
) -> Scores:
    old = head.targets.T
    if change.deletes:
        worth = -C * _slope(head, Z, old)
        if leverage is not None:
            h = leverage * _curvature(head, Z)
            out = worth / np.maximum(1 - h, 0.02)
            back = -C * _slope(head, _solved(head, Z, leverage, np.broadcast_to(old, Z.shape)), old)
            worth = np.where(inside, back, out)
        return Scores(worth, np.full(worth.shape, -1))
    assert head.codes is not None and head.label is not None
    best, code = np.full(C.shape, -np.inf), np.zeros(C.shape, int)
    for c, target in enumerate(head.codes[:, 0]):
        # From the row's target to this one; rows of the set count the way back, with its sign turned.
        there = np.where(inside, old, target)
        here = np.where(inside, target, old)
        if leverage is None:
            value = C * (_slope(head, Z, np.full(Z.shape, target)) - _slope(head, Z, old))
        else:
            h = leverage * _curvature(head, Z)
            less = np.maximum(1 - h, 0.02)
            s = _slope(head, Z, here)
            moved = _solved(head, Z + leverage / less * s, leverage / less, there)
            value = C / less * (_slope(head, moved, there) - s) * np.where(inside, -1, 1)
        value = np.where(head.label == c, -np.inf, value)
        code = np.where(value > best, c, code)
        best = np.maximum(best, value)
    return Scores(best, code)


def _several(head: FloatHead, change: Change, C: Array, Z: Array, leverages: Array | None) -> Scores:
    slopes = head.loss.slopes(Z, head.targets.T)
    if change.deletes:
        if leverages is not None:
            unit = np.eye(head.k)[:, None, :, None]
            z = Z[: len(leverages)]
            A = np.stack([head.loss.curved(z, np.broadcast_to(e, z.shape)) for e in unit], axis=1)
            inverse = _bounded_inverse(np.einsum("tabn,tbcn->tnac", A, leverages))
            if len(inverse) == 1:
                slopes = (inverse[0] @ slopes.transpose(2, 1, 0)).transpose(2, 1, 0)
            else:
                slopes = (inverse @ slopes.transpose(0, 2, 1)[..., None])[..., 0].transpose(0, 2, 1)
        return Scores(-np.einsum("tkn,tkn->tn", C, slopes), np.full((len(C), Z.shape[2]), -1))
    assert head.codes is not None and head.label is not None
    if head.loss.affine:
        each = head.codes @ C  # (T, c, n): the slope is that of z less this code
    else:
        each = -np.stack(
            [np.sum(C * head.loss.slopes(Z, np.broadcast_to(c[:, None], Z.shape)), axis=1) for c in head.codes], axis=1
        )
    n = np.arange(Z.shape[2])
    now = each[:, head.label, n]
    each[:, head.label, n] = np.inf
    code = np.argmin(each, axis=1)
    return Scores(now - np.min(each, axis=1), code)


def _pulled(head: FloatHead, C: Array, pulls: Array, plain: Scores, inside: Array) -> Scores:
    assert head.label is not None
    each = (C.transpose(2, 0, 1) @ pulls.transpose(0, 2, 1)).transpose(1, 2, 0)  # (T, c, n)
    each[:, head.label, np.arange(len(head.label))] = -np.inf
    return Scores(np.where(inside, plain.worth, each.max(axis=1)), np.where(inside, plain.code, each.argmax(axis=1)))


def member(sets: Sets, n: int) -> Array:
    """`(T, n)` which rows the sets hold."""
    inside = np.zeros((len(sets), n + 1), bool)
    inside[np.arange(len(sets))[:, None], sets.rows] = True
    return inside[:, :n]


def largest(score: Scores, count: int) -> Sets:
    """The sets of the `count` rows of largest positive worth, one a lane, rows ascending."""
    count = min(count, score.worth.shape[1])
    rows = np.argpartition(-score.worth, count - 1, axis=1)[:, :count]
    return ordered(rows, score)


def ordered(rows: Array, score: Scores) -> Sets:
    """Rows `(T, q)` with their codes, the ones without worth left out, ascending with the empty places first."""
    worth = np.take_along_axis(score.worth, rows, axis=1)
    rows = np.where(worth > 0, rows, -1)
    codes = np.where(rows >= 0, np.take_along_axis(score.code, np.maximum(rows, 0), axis=1), -1)
    return sorted_sets(rows, codes)


def sorted_sets(rows: Array, codes: Array) -> Sets:
    """The same sets with rows ascending: equal sets are then equal arrays."""
    order = np.argsort(rows, axis=1, kind="stable")
    return Sets(np.take_along_axis(rows, order, axis=1), np.take_along_axis(codes, order, axis=1))


def _slope(head: FloatHead, z: Array, y: Array) -> Array:
    return np.asarray(head.loss.slopes(z[:, None], np.broadcast_to(y, z.shape)[:, None])[:, 0])


def _curvature(head: FloatHead, z: Array) -> Array:
    return np.asarray(head.loss.curved(z[:, None], np.ones_like(z)[:, None])[:, 0])


def _solved(head: FloatHead, z: Array, h: Array, y: Array) -> Array:
    """`x + h l'(x; y) = z`, by Newton steps kept between z and the first tangent's end."""
    x = z
    end = z - h * _slope(head, z, y)
    low, high = np.minimum(z, end), np.maximum(z, end)
    for _ in range(OWN):
        x = np.clip(x - (x + h * _slope(head, x, y) - z) / (1 + h * _curvature(head, x)), low, high)
    return x


def _bounded_inverse(AL: Array) -> Array:
    """`(I − AL)⁻¹`, or I where it is close to singular."""
    k = AL.shape[-1]
    M = np.eye(k) - AL
    size = np.abs(AL).sum(axis=-1).max(axis=-1)
    M[size > 0.95] = np.eye(k)
    return np.asarray(np.linalg.inv(M))
