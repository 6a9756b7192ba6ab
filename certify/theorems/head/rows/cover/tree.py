"""D8: a cover of a box of the hyperplane and of its faces, by halving boxes and by which rows change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.finders.head.cells import Frame, Margins, coordinates, frame, separators, shares
from certify.rigor.fp import Array, U
from certify.theorems.head.rows.cover.plane import Cell, Held, Plane, excluded, plane_of, starts_inside
from certify.theorems.head.rows.method import Budget

Most = tuple[int, int]
"""Most nodes of one cover, and rows of one tree by which choices are told apart."""

FEW: Most = (3000, 200)
MANY: Most = (30_000, 6000)
"""For every point at first; and for those that this leaves open."""

GROWN, WIDER = 6, 1.25
"""How many boxes are tried, and how much wider the next is on a side that was reached."""

DEEP, HALF, WHOLE = 12, 0.5, 1e-3
"""After how many halvings choices are told apart where no centre is reachable; and how near to 0 or 1 a row's share
counts as that."""
LEAST = 2.0**-30
"""Radius of a cell, where curvature is about 1, below which nothing but rounding is left to be told apart."""


def cover(
    head: Margins, e: Array, level: float, start: Array, ridge_off: float, budget: Budget,
    suspects: list[tuple[int, ...]], most: Most = FEW,
) -> dict[str, Array] | None:
    """A cover of a box in the hyperplane `e·w = level` and of its faces; None where none was found.

    Choices that seem to flip the point join `suspects`.
    """
    f = frame(head, e, level, start)
    at = plane_of(head, f, e, level, ridge_off)
    if at is None:
        return None
    low, high = f.low.copy(), f.high.copy()
    for _ in range(GROWN):
        trees = [_tree(Held(head, at), e, level, low, high, None, budget, suspects, most)]
        if trees[0] is None:
            return None
        faces = [(k, side) for k in range(len(low)) for side in (0, 1)]
        trees += [_tree(Held(head, at), e, level, low, high, face, budget, suspects, most) for face in faces]
        bad = [face for face, tree in zip(faces, trees[1:], strict=True) if tree is None]
        if not bad:
            return _stored(f, low, high, trees) if starts_inside(at, low, high) else None
        for k, side in bad:
            (high if side else low)[k] *= WIDER
    return None


@dataclass(frozen=True, eq=False)
class Tree:
    """A cover: what cuts each box, in preorder, and the cells' `(v, κ)`.

    A direction in which it is halved; −1 for a cell; `−2 − i` where choices that change row i come before the others.
    """

    cuts: list[int]
    tests: list[Array]


def _stored(f: Frame, low: Array, high: Array, trees: list[Tree | None]) -> dict[str, Array]:
    cuts = [cut for tree in trees if tree is not None for cut in tree.cuts]
    tests = [test for tree in trees if tree is not None for test in tree.tests]
    return {"w0": f.w0, "B": f.B.ravel(), "across": f.across, "low": low, "high": high,
            "cuts": np.array(cuts, dtype=np.int64), "tests": np.array(tests)}


def _tree(
    held: Held, e: Array, level: float, low: Array, high: Array, face: tuple[int, int] | None, budget: Budget,
    suspects: list[tuple[int, ...]], most: Most,
) -> Tree | None:
    """A cover of the box, or of one of its faces, depth first; None where a centre is reachable or cells are many."""
    low, high = low.copy(), high.copy()
    if face is not None:
        low[face[0]] = high[face[0]] = (low, high)[face[1]][face[0]]
    stack = [(low, high, held, 0)]
    cuts: list[int] = []
    tests: list[Array] = []
    parted, whole = 0, held.head
    scale = np.sqrt((held.at.C * held.at.C).sum(axis=0))
    while stack:
        budget.check()
        if len(cuts) > most[0]:
            return None
        low, high, held, depth = stack.pop()
        y, r = about(low, high)
        tried = 0
        for cell in _tests(held.head, held.at, e, y, r, face is not None):
            tried += 1
            if excluded(held.head, held.at, cell):
                cuts.append(-1)
                tests.append(np.r_[cell.v, cell.kappa])
                break
        else:
            row = None
            if face is None and (not tried or held.head is not whole or depth >= DEEP) and parted < most[1]:
                share = shares(held.head, held.at.f, y, e)
                if _suspect(held, e, level, share, suspects):
                    return None
                row = int(np.argmin(np.abs(share - HALF)))
                row = row if WHOLE < share[row] < 1.0 - WHOLE else None
            if row is not None:  # it reaches the centre, or comes nearest, by changing in part: it does, or it does not
                parted += 1
                cuts.append(-2 - row)
                stack += [(low, high, part, depth) for part in held.parted(row)]
            elif tried and float(r.max()) > LEAST:  # a face of a line is a point, which no halving makes smaller
                k = int(np.argmax(r * scale))
                middle = (low[k] + high[k]) / 2
                on = np.arange(len(low)) == k
                cuts.append(k)
                stack += [(np.where(on, middle, low), high, held, depth + 1),
                          (low, np.where(on, middle, high), held, depth + 1)]
            else:
                return None
    return Tree(cuts, tests)


def _suspect(held: Held, e: Array, level: float, share: Array, suspects: list[tuple[int, ...]]) -> bool:
    """Whether the choice nearest to these shares seems to flip the point; it joins the suspects then."""
    rows = np.flatnonzero(share > HALF)[: held.head.count]
    if float(np.dot(e, held.head.refit(rows, held.at.f.w0))) > level:
        return False
    suspects.append((*held.rows, *rows.tolist()))
    return True


def about(low: Array, high: Array) -> tuple[Array, Array]:
    """Centre and radii of a cell that holds the box."""
    y = (low + high) / 2
    return y, np.maximum(high - y, y - low) * (1 + 4 * U)


def _tests(head: Margins, at: Plane, e: Array, y: Array, r: Array, face: bool) -> Iterator[Cell]:
    for u in separators(head, at.f, y, e, face):
        v, kappa = coordinates(at.f, e, u)
        if np.isfinite(v).all() and np.isfinite(kappa):
            yield Cell(y, r, v, 0.0 if face else kappa)
