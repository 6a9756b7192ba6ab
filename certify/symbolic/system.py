"""A smooth system `G(u, w) = 0` at a point of its graph: derivatives, cones and the modulus, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy
from sympy import Expr, Matrix, Rational, Symbol

from certify.format.errors import InputError
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import vector
from certify.sets.extent import Extent
from certify.sets.family import Aubin
from certify.sets.smooth.manifold import Manifold

DIGITS = 40


def rational(value: Any, asked: str) -> Rational:
    """A number as a SymPy rational."""
    (found,) = vector([value], asked)
    return Rational(found.numerator, found.denominator)


@dataclass(frozen=True)
class System:
    """`S(u) = {w : G(u, w) = 0}` near `(ū, w̄)`, every derivative exact (M1).

    Args:
        equations: `G`, expressions in the symbols of w and u.
        w, u: the symbols.
        at_w, at_u: the point; `G` vanishes there, which is verified.
        names: of symmetries that were divided out, for a reader.

    Raises:
        InputError: the point is not on the graph, or SymPy cannot decide whether it is.

    >>> w, u = sympy.symbols("w u")
    >>> root = System((w**2 - u,), (w,), (u,), (0,), (0,))
    >>> root.aubin().holds, System((w**2 - u,), (w,), (u,), (2,), (4,)).modulus()
    (False, 1/4)
    """

    equations: tuple[Expr, ...]
    w: tuple[Symbol, ...]
    u: tuple[Symbol, ...]
    at_w: tuple[Any, ...]
    at_u: tuple[Any, ...]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.equations or not self.w or len(self.at_w) != len(self.w) or len(self.at_u) != len(self.u):
            raise InputError("system", f"{len(self.equations)} equations, {len(self.w)} weights", "give a full point")
        for k, value in enumerate(self.value(self.equations)):
            if _zero(value) is not True:
                found = f"equation {k} is {sympy.N(value, 5)} at the point"
                raise InputError("system", found, "give a point of the graph")

    def value(self, expressions: Any) -> list[Expr]:
        """Expressions at the point, simplified."""
        where = dict(zip((*self.w, *self.u), (*self.at_w, *self.at_u), strict=True))
        return [sympy.simplify(e.subs(where)) for e in expressions]

    @cached_property
    def G_w(self) -> Matrix:
        """`∂G/∂w` at the point."""
        full = Matrix(self.equations).jacobian(Matrix(self.w))
        return Matrix(*full.shape, self.value(list(full)))

    @cached_property
    def G_u(self) -> Matrix:
        """`∂G/∂u` at the point."""
        full = Matrix(self.equations).jacobian(Matrix(self.u))
        return Matrix(*full.shape, self.value(list(full)))

    @cached_property
    def rank(self) -> int:
        """Rank of `G_w`, over the exact numbers."""
        return int(self.G_w.rank(iszerofunc=_certainly_zero, simplify=True))

    @property
    def surjective(self) -> bool:
        """Whether `G_w` is surjective."""
        return self.rank == len(self.equations)

    def aubin(self) -> Aubin:
        """M1: Lipschitz-like if `G_w` is surjective; if only `[G_u, G_w]` is, then not; else undecided."""
        if self.surjective:
            words = f"G_w has full row rank {self.rank}: lip S = ‖G_w⁺G_u‖"
            try:
                return Aubin(True, self.enclosure(), words)
            except InputError as error:  # the property holds all the same
                return Aubin(True, None, f"{words}, of which no enclosure was found ({error})")
        both = self.G_u.row_join(self.G_w).rank(iszerofunc=_certainly_zero, simplify=True)
        if both == len(self.equations):
            return Aubin(False, None, f"G_w has rank {self.rank} of {len(self.equations)}, [G_u, G_w] full row rank: "
                                      "not Lipschitz-like (Rockafellar and Wets 9.40)")
        return Aubin(None, None, f"[G_u, G_w] has rank {both} of {len(self.equations)}: this criterion does not decide")

    def modulus(self) -> Expr:
        """`lip S = ‖G_w⁺G_u‖`, the root of the largest λ with `det(λK − Q) = 0`, `K = G_wG_wᵀ`, `Q = G_uG_uᵀ`.

        Raises:
            InputError: `G_w` is not surjective.
        """
        if not self.surjective:
            found = f"G_w has rank {self.rank} of {len(self.equations)}"
            raise InputError("modulus", found, "ask aubin() for a verdict")
        x = sympy.Symbol("lambda")
        K, Q = self.G_w * self.G_w.T, self.G_u * self.G_u.T
        if len(self.equations) == 1:
            return sympy.sqrt(sympy.simplify(Q[0, 0] / K[0, 0]))
        characteristic = sympy.Poly(sympy.simplify((x * K - Q).det(method="berkowitz")), x)
        if all(c.is_Rational for c in characteristic.all_coeffs()):
            roots = sympy.real_roots(characteristic)
        else:
            found = sympy.roots(characteristic)
            if sum(found.values()) < characteristic.degree():  # those that are missing may be the largest
                found = {}
            roots = [r for r in found if abs(sympy.im(sympy.N(r, DIGITS))) < 1e-30]
        if not roots:
            raise InputError("modulus", "no closed form was found for the eigenvalues", "use fewer equations")
        return sympy.sqrt(sympy.simplify(max(roots, key=lambda r: sympy.re(sympy.N(r, DIGITS)))))

    def enclosure(self) -> Extent:
        """The modulus between two floats, from its closed form in balls."""
        from certify.symbolic.balls import enclose

        return enclose(self.modulus())

    def graphical_derivative(self, mu: Any) -> Polyhedron | None:
        """`DS(ū|w̄)(μ) = {v : G_u μ + G_w v = 0}`, an affine set; None: empty. Exact numbers only.

        Raises:
            InputError: `[G_u, G_w]` is not surjective, where the derivative may be smaller than that (`w³ = u³` at 0).
        """
        self._require_normals()
        return self.linear_solutions(mu)

    def manifold(self, u: Any = None, near: Any = None) -> Manifold:
        """`S(u)` as a set, whole: every w at which the equations hold for these u (default ū).

        Of a network with kinks the equations are those of the pattern of activations at w̄, and so is the set.

        Args:
            u: rational numbers.
            near: a point near which a zero is proved; default w̄, where that is rational.

        Raises:
            InputError: no zero was proved near the point.
        """
        from certify.symbolic.smooth import SmoothEquations

        at = self.at_u if u is None else [rational(v, "u") for v in _length(u, len(self.u), "u")]
        where = dict(zip(self.u, at, strict=True))
        equations = SmoothEquations(tuple(e.subs(where) for e in self.equations), self.w)
        return Manifold(equations, _vector(Matrix(self.at_w)) if near is None else near)

    def linear_solutions(self, mu: Any) -> Polyhedron | None:
        """`{v : G_u μ + G_w v = 0}`; None: empty. It contains `DS(ū|w̄)(μ)` at any point of the graph."""
        right = -self.G_u * Matrix([rational(v, "direction") for v in _length(mu, len(self.u), "direction")])
        rank = self.G_w.row_join(right).rank(iszerofunc=_certainly_zero, simplify=True)
        if rank > self.rank:
            return None
        return Polyhedron.affine(_rows(self.G_w), _vector(right))

    def member(self, mu: Any) -> Matrix:
        """The minimum-norm member of the graphical derivative, `−G_w⁺G_u μ`.

        Raises:
            InputError: there is none.
        """
        if self.graphical_derivative(mu) is None:
            raise InputError("member", f"no v with G_u μ + G_w v = 0 for μ = {mu}", "give another direction")
        direction = Matrix([rational(v, "direction") for v in _length(mu, len(self.u), "direction")])
        return (-self.G_w.pinv() * self.G_u * direction).applyfunc(sympy.simplify)

    def kernel(self) -> list[Matrix]:
        """A basis of `ker G_w`."""
        return list(self.G_w.nullspace(iszerofunc=_certainly_zero, simplify=True))

    def coderivative(self, q: Any) -> Polyhedron | None:
        """`D*S(ū|w̄)(q) = {G_uᵀy : G_wᵀy = −q}`; None: empty. Needs `[G_u, G_w]` surjective and exact numbers.

        Raises:
            InputError: `[G_u, G_w]` is not surjective.
        """
        self._require_normals()
        size, m = len(self.u), len(self.equations)
        target = [-rational(v, "q") for v in _length(q, len(self.w), "q")]
        # pairs (p, y) with p = G_uᵀy, G_wᵀy = −q; y is unique where G_w is surjective, else p ranges over an affine set
        solved = self.G_w.T.row_join(Matrix(target)).rref(iszerofunc=_certainly_zero, simplify=True)[0]
        if self.G_w.T.row_join(Matrix(target)).rank(iszerofunc=_certainly_zero) > self.rank:
            return None
        y = Matrix([next((solved[i, m] for i in range(solved.rows) if solved[i, k] == 1
                          and all(solved[i, j] == 0 for j in range(k))), 0) for k in range(m)])
        base = self.G_u.T * y
        free = [self.G_u.T * v for v in self.G_w.T.nullspace(iszerofunc=_certainly_zero)]
        span = Matrix.hstack(*free) if free else sympy.zeros(size, 0)
        normals = span.T.nullspace() if free else [Matrix([int(i == j) for i in range(size)]) for j in range(size)]
        if not normals:
            return Polyhedron(space=size)
        rows = [list(n) for n in normals]
        right = _vector(Matrix([Matrix(r).dot(base) for r in rows]))
        return Polyhedron.affine([_vector(Matrix(r)) for r in rows], right)

    def tangent_cone(self) -> Polyhedron:
        """`{(μ, v) : G_u μ + G_w v = 0}`, the tangent cone of the graph, parameters first."""
        self._require_normals()
        return Polyhedron.affine(_rows(self.G_u.row_join(self.G_w)), [0] * len(self.equations))

    def normal_cone(self) -> Polyhedron:
        """`range [G_u, G_w]ᵀ`, the normal cone of the graph."""
        from certify.sets.cones import normal_cone

        return normal_cone(self.tangent_cone(), [0] * (len(self.u) + len(self.w)))

    def _require_normals(self) -> None:
        both = self.G_u.row_join(self.G_w).rank(iszerofunc=_certainly_zero, simplify=True)
        if both < len(self.equations):
            raise InputError("cones of the graph", f"[G_u, G_w] has rank {both} of {len(self.equations)}",
                             "they are those of a smooth graph; give equations that are independent at the point")

    def latex(self) -> dict[str, str]:
        """The point, the equations, their derivatives and the modulus, for a page."""
        found = {"G": sympy.latex(Matrix(self.equations)), "G_w": sympy.latex(self.G_w), "G_u": sympy.latex(self.G_u)}
        if self.surjective:
            found["lip S"] = sympy.latex(self.modulus())
        return found


def _zero(value: Expr) -> bool | None:
    """Whether an exact number is 0; None if SymPy cannot say."""
    if value.is_Rational:
        return bool(value == 0)
    found = value.equals(0)
    return None if found is None else bool(found)


def _certainly_zero(value: Expr) -> bool:
    found = _zero(sympy.sympify(value))
    if found is None:
        raise InputError("rank", f"SymPy cannot decide whether {value} is 0", "use rational numbers")
    return found


def _length(values: Any, length: int, asked: str) -> tuple[Fraction, ...]:
    return vector(values, asked, length)


def _vector(column: Matrix) -> list[Fraction]:
    if not all(v.is_Rational for v in column):
        raise InputError("exact set", "numbers that are not rational", "use member() and kernel(), which are symbolic")
    return [Fraction(int(v.p), int(v.q)) for v in column]


def _rows(matrix: Matrix) -> list[list[Fraction]]:
    return [_vector(matrix.row(i)) for i in range(matrix.rows)]
