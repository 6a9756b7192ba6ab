"""Families u ↦ S(u) of sets with one real parameter: limits, excess as a curve, and whether they are Lipschitz-like."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from certify.format.errors import InputError
from certify.sets.ball import Ball
from certify.sets.base import ClosedSet
from certify.sets.cones import limiting_normal_cone
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import Vector, number, vector
from certify.sets.excess import excess
from certify.sets.extent import Extent, infinite, largest, root
from certify.sets.union import FiniteUnion


@dataclass(frozen=True)
class Aubin:
    """Whether a map is Lipschitz-like at a point of its graph.

    Attributes:
        holds: True or False, proved; None where the criterion does not decide.
        modulus: `lip S`, where it holds and is known.
        reason: the criterion with its numbers.
    """

    holds: bool | None
    modulus: Extent | None
    reason: str


@dataclass(frozen=True)
class PolyhedralFamily:
    """`S(u) = {w : (u, w) ∈ ∪ P_i}`: a map whose graph is a finite union of polyhedra, u the first coordinate.

    Args:
        pieces: polyhedra in `R^{1+m}`.

    Raises:
        InputError: no polyhedra, or of different spaces, or without w.

    >>> argmin = PolyhedralFamily([  # min {uw : 0 ≤ w ≤ 1}
    ...     Polyhedron([[-1, 0]], [0], E=[[0, 1]], f=[0]), Polyhedron([[1, 0]], [0], E=[[0, 1]], f=[1]),
    ...     Polyhedron([[0, -1], [0, 1]], [0, 1], E=[[1, 0]], f=[0])])
    >>> argmin.outer_limit(0).contains([0.5]), argmin.inner_limit(0), argmin.aubin(0, [1]).holds
    (False, None, False)
    """

    pieces: tuple[Polyhedron, ...]

    def __init__(self, pieces: Any) -> None:
        found = FiniteUnion(pieces).pieces
        if not all(isinstance(piece, Polyhedron) and piece.space >= 2 for piece in found):
            raise InputError("family", "a piece that is no polyhedron of (u, w)", "give polyhedra, u first")
        object.__setattr__(self, "pieces", found)

    def at(self, u: Any) -> FiniteUnion | None:
        """`S(u)`, None where it is empty."""
        return _union([_slice(piece, number(u, "u")) for piece in self.pieces])

    def outer_limit(self, u: Any) -> FiniteUnion | None:
        """`limsup S(u')` as `u' → u`, `u' ≠ u`: limits of points of S(u') along some sequence; None: empty (S10)."""
        at = number(u, "u")
        return _union([_slice(piece, at) for piece in self.pieces if _reaches(piece, at, 1) or _reaches(piece, at, -1)])

    def inner_limit(self, u: Any) -> FiniteUnion | None:
        """`liminf S(u')` as `u' → u`, `u' ≠ u`: limits of points of S(u') along every sequence; None: empty (S10)."""
        at = number(u, "u")
        sides = [_union([_slice(piece, at) for piece in self.pieces if _reaches(piece, at, s)]) for s in (1, -1)]
        if sides[0] is None or sides[1] is None:
            return None
        return _union([_met(a, b) for a in sides[0].pieces for b in sides[1].pieces])

    def expansion(self, u: Any, base: Any, window: Ball) -> Extent:
        """`e(S(u) ∩ window, S(base))`: how far the set at u reaches beyond the one at the base parameter."""
        return _between(self.at(u), self.at(base), window)

    def contraction(self, u: Any, base: Any, window: Ball) -> Extent:
        """`e(S(base) ∩ window, S(u))`: how far points of the set at the base parameter are from that at u."""
        return _between(self.at(base), self.at(u), window)

    def graph(self) -> FiniteUnion:
        """The graph, a subset of `R^{1+m}`."""
        return FiniteUnion(self.pieces)

    def aubin(self, u: Any, w: Any) -> Aubin:
        """Mordukhovich's criterion, `D*S(u|w)(0) = {0}`, and `lip S = max {|p| : p ∈ D*S(u|w)(q), |q| ≤ 1}` (S11)."""
        point: Vector = (number(u, "u"), *vector(w, "w", self.pieces[0].space - 1))
        normals = limiting_normal_cone(self.graph(), point)
        pieces = normals.pieces if isinstance(normals, FiniteUnion) else (normals,)
        found = []
        for cone in pieces:
            assert isinstance(cone, Polyhedron)
            for sign in (1, -1):
                level = cone.intersect(Polyhedron(E=[[1] + [0] * (cone.space - 1)], f=[sign]))
                if level is None:
                    continue
                q = level.nearest((Fraction(sign), *(Fraction(0),) * (cone.space - 1)))[1:]
                size = sum((v * v for v in q), Fraction(0))
                if not size:
                    return Aubin(False, None, f"({sign}, 0) is a limiting normal of the graph, so D*S(0) holds {sign}: "
                                              "not Lipschitz-like")
                found.append(root(1 / size))
        modulus = largest(found)
        return Aubin(True, modulus, "no limiting normal (p, 0) of the graph but 0: D*S(0) = {0}")


def _slice(piece: Polyhedron, u: Fraction) -> Polyhedron | None:
    """`{w : (u, w) ∈ piece}`."""
    b = [right - row[0] * u for row, right in zip(piece.A, piece.b, strict=True)]
    f = [right - row[0] * u for row, right in zip(piece.E, piece.f, strict=True)]
    whole = Polyhedron(space=piece.space - 1)
    if not b and not f:
        return whole
    try:
        return Polyhedron([row[1:] for row in piece.A], b, [row[1:] for row in piece.E], f, space=piece.space - 1)
    except InputError:
        return None


def _reaches(piece: Polyhedron, u: Fraction, side: int) -> bool:
    """Whether the piece has points with parameters beyond u on a side, and at u."""
    first = [1] + [0] * (piece.space - 1)
    edge = piece.intersect(Polyhedron(E=[first], f=[u]))
    if edge is None:
        return False
    g = piece.generators
    return any(side * (v[0] - u) > 0 for v in g.vertices) or any(side * r[0] > 0 for r in g.rays) or any(
        line[0] for line in g.lines)


def _met(a: ClosedSet, b: ClosedSet) -> Polyhedron | None:
    assert isinstance(a, Polyhedron) and isinstance(b, Polyhedron)
    return a.intersect(b)


def _union(pieces: list[Polyhedron | None]) -> FiniteUnion | None:
    found = [piece for piece in pieces if piece is not None]
    return FiniteUnion(found) if found else None


def _between(C: FiniteUnion | None, D: FiniteUnion | None, window: Ball) -> Extent:
    """Excess of what the window leaves of C; 0 where nothing is left."""
    if C is None or not meets(C, window):
        return root(Fraction(0))
    return infinite("the other set is empty") if D is None else excess(C, D, window)


def meets(C: FiniteUnion, window: Ball) -> bool:
    """Whether a union of polyhedra meets a ball, decided exactly."""
    found = C.distance(window.centre).square
    assert found is not None  # distances from polyhedra are exact
    return found <= window.radius**2
