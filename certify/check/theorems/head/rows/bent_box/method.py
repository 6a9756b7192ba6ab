"""D24: slabs that hold every motion, row by row, and the points whose margins all choices leave positive."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.bent_box.linear import UP, Bent, linear
from certify.check.theorems.head.rows.bent_box.taken import Taken, taken
from certify.check.theorems.head.rows.boxes.margins import Points
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.pair_tree.numbers import top
from certify.format.refusal import Invalid

LEAST, LONGEST = 2.0**-40, 64.0
"""Slabs that are longer are none, as curvatures there are next to nothing; secants over shorter ones are no numbers."""


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `weights` (m), the centre; `slabs`, how far the margin of each row may fall and rise where it stays
            and, where rows are deleted, where it is; `rows` (2, n), a λ for each row and for its negative; `points`
            (N), a λ for each evaluation row.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays have another form, or the theorem is not about this problem.
    """
    _, points = oriented(head, where)
    b = held(head, arrays, {"points": (len(asked),)}, where)
    which = [j for j, want in enumerate(asked) if want and head.today[j] >= 0] if b is not None else []
    good = _stay(b, points, which, arrays["points"].values) if b is not None and which else set()
    return [j in good for j in range(len(asked))]


def held(head: Head, arrays: Mapping[str, Array], more: Mapping[str, tuple[int, ...]], where: str) -> Bent | None:
    """What the stated box says, if it holds every refit; None where that is not proved.

    Args:
        head: the head.
        arrays: `weights`, `slabs`, `rows`, and others.
        more: the shapes of these.
        where: the claim, for messages.

    Raises:
        Invalid: the arrays have another form, or the theorem is not about this problem.
    """
    s, _ = oriented(head, where)
    if head.relabels and head.labelled is not None:
        raise Invalid(where, "a box is stated", "weights go by the labels, and it is for weights that stay")
    if not head.moving:
        raise Invalid(where, "a box is stated", "no row may change")
    kinds = 2 if head.relabels else 4
    shapes = {"weights": (head.m,), "slabs": (kinds, head.n), "rows": (2, head.n), **more}
    if set(arrays) != set(shapes) or any(a.shape != shapes[x] or a.kind != "f" for x, a in arrays.items()):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}", f"{', '.join(shapes)}: floats "
                      f"of the shapes {', '.join(str(x) for x in shapes.values())}, are needed")
    if not all(LEAST <= x < LONGEST for x in arrays["slabs"].values):
        raise Invalid(f"{where}, slabs", "one is not from 2^-40 to 64", "lengths are needed")
    if not all(x - x == 0.0 for x in arrays["weights"].values):
        raise Invalid(f"{where}, weights", "one is not finite", "numbers are needed")
    n, flat = head.n, arrays["slabs"].values
    slabs = [list(flat[a * n : (a + 1) * n]) for a in range(kinds)] * (4 // kinds)
    b = linear(centre(s, [], arrays["weights"].values), list(head.moving), head.count, slabs)
    return b if b is not None and _holds(b, slabs, arrays["rows"].values) else None


def _holds(b: Bent, slabs: list[list[float]], shares: tuple[float, ...]) -> bool:
    """Whether the motion of every row is proved to stay within its slabs."""
    s = b.c.sums
    vectors = [(row, r, (shares[j], shares[s.n + j])) for j, (row, r) in enumerate(zip(s.rows, s.norms, strict=True))]
    place = {i: at for at, i in enumerate(b.free)}
    for j, (falls, rises) in enumerate(taken(b, vectors)):
        if falls is None or rises is None:
            return False
        own = -1 if s.relabels else place.get(j, -1)
        if not (most_along(b, falls, own) < slabs[0][j] and most_along(b, rises, own) < slabs[1][j]):
            return False
        if own >= 0 and not (_falls(b, falls, own, j) < slabs[2][j] and _rises(b, rises, own) < slabs[3][j]):
            return False
    return True


def most_along(b: Bent, one: Taken, own: int) -> float:
    """What changes of other rows, or of all, take along a vector at most."""
    each = one.each
    return (top(each if own < 0 else each[:own] + each[own + 1 :], 0.0, b.k) + one.fixed) * UP


def _others(b: Bent, one: Taken, own: int) -> float:
    """The same of one less, beside a row that is deleted."""
    each = one.each
    return (top(each[:own] + each[own + 1 :], 0.0, b.k - 1) + one.fixed) * UP


def _falls(b: Bent, one: Taken, own: int, j: int) -> float:
    """How far the margin of a deleted row falls: by x, its own pull being at most `first + c_jD_jx`."""
    h = one.most[own]
    left = (1.0 - h * b.own[j] * UP) / UP
    return (h * b.first[own] + one.rest[own] + _others(b, one, own)) / left * UP * UP if left > 0.0 else inf


def _rises(b: Bent, one: Taken, own: int) -> float:
    """How far it rises."""
    return (one.pull[own] + one.rest[own] + _others(b, one, own)) * UP


def _stay(b: Bent, points: Points, which: list[int], shares: tuple[float, ...]) -> set[int]:
    """The points, of some, whose margins are proved to stay positive."""
    margins = points.margins(b.c.w)
    vectors = [(points.rows[j], points.norms[j], (shares[j],)) for j in which]
    return {j for j, (one,) in zip(which, taken(b, vectors), strict=True)
            if one is not None and margins[j] > most_along(b, one, -1)}
