"""Graphical derivative and coderivative of a solution map at a trained network, in floats.

`DS(ū|w̄)(μ) = {v : G_u μ + G_w v = 0}` and `D*S(ū|w̄)(q) = {G_uᵀy : G_wᵀy = −q}` (M1); for critical points
`{v : Cμ + Hv = 0}`, with the kernel that symmetries leave to H (M5). The matrices are floats, so what is computed from
them is *estimated*; the verdict of the criterion and the modulus are those that :func:`certify.bound` proves. Exact
matrices: :class:`certify.symbolic.System`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import InputError
from certify.format.words import Rigour
from certify.problem.bound import Bound
from certify.prove.linearised import linearised

if TYPE_CHECKING:
    from certify.problem.problem import Problem

Array = NDArray[np.float64]

RANK, INSIDE = 1e-12, 1e-8
"""Singular values below `RANK` times the largest count as 0; an equation may fail by `INSIDE`, relative."""


_SURJECTIVE = {"M5b": "H is proved nonsingular but for its symmetries", "M5c": "H is proved nonsingular"}
"""What proves Mordukhovich's criterion, by the case of M5; of exact fits it is the rank of the Jacobian."""


@dataclass(frozen=True, eq=False)
class Directions:
    """A value of the graphical derivative: the affine set `member + span(kernel)`, or nothing.

    Attributes:
        member: `(p,)`, the shortest solution; where the set is empty the least-squares answer, which is no derivative.
        kernel: `(p, s)`, orthonormal columns.
        outside: `|(I − G_wG_w⁺)G_uμ|/|G_uμ|`, the part of the right-hand side that no direction reaches.
        rigour: estimated.
        doubt: why the derivative may be a smaller set than this one; empty where it is this one.
    """

    member: Array
    kernel: Array
    outside: float
    rigour: Rigour = Rigour.ESTIMATED
    doubt: str = ""

    @property
    def empty(self) -> bool:
        """Whether no direction solves the equations, as far as floats can tell."""
        return self.outside > INSIDE

    def contains(self, v: Any, tolerance: float = INSIDE) -> bool:
        """Whether v belongs to the set, up to a relative tolerance."""
        off = np.asarray(v, dtype=float) - self.member
        rest = off - self.kernel @ (self.kernel.T @ off)
        return not self.empty and float(np.linalg.norm(rest)) <= tolerance * (1.0 + float(np.linalg.norm(self.member)))

    def random_members(self, count: int, radius: float, seed: int = 0) -> Array:
        """`(count, p)`: the shortest member moved by up to `radius` along the kernel, evenly in its ball."""
        if self.empty:
            found = f"the set is empty ({self.outside:.1e} of the right-hand side is out of reach)"
            raise InputError("random_members", found, "use another direction")
        s = self.kernel.shape[1]
        if not s:
            return np.tile(self.member, (count, 1))
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal((count, s))
        lengths = radius * rng.random(count) ** (1.0 / s)
        steps *= (lengths / np.linalg.norm(steps, axis=1))[:, None]
        return self.member + steps @ self.kernel.T


@dataclass(frozen=True, eq=False)
class _Linear:
    """`G_w` and `G_u` with a singular value decomposition of `G_w`."""

    G_w: Array
    G_u: Array
    problem: Problem | None = None
    proved_rank: int | None = None
    doubt: str = ""

    def __post_init__(self) -> None:
        for name, M in (("G_w", self.G_w), ("G_u", self.G_u)):
            if np.ndim(M) != 2 or not np.isfinite(M).all() or not M.size:
                raise InputError(name, f"shape {np.shape(M)}", "give a finite matrix")
        if len(self.G_w) != len(self.G_u):
            raise InputError("G_w, G_u", f"{len(self.G_w)} and {len(self.G_u)} equations", "give as many rows")

    @cached_property
    def _svd(self) -> tuple[Array, Array, Array, int]:
        U, s, Vt = np.linalg.svd(self.G_w, full_matrices=True)
        numerical = int((s > RANK * s[0]).sum()) if s[0] > 0 else 0
        return U, s, Vt, numerical if self.proved_rank is None else self.proved_rank

    @property
    def rank(self) -> int:
        """Rank of `G_w`: the proved one, else that of the floats, which decides nothing."""
        return self._svd[3]

    def modulus(self) -> Bound:
        """`lip S` for a total Euclidean budget, whatever the problem's set; proved from both sides where it can be.

        Raises:
            InputError: built from matrices alone.
        """
        from certify.prove.prover import bound

        if self.problem is None:
            raise InputError("modulus", "matrices without a problem", "build it with `of(problem)`")
        return bound(replace(self.problem, set="total", norm=2, count=None, change=None), "modulus")

    def criterion(self) -> tuple[bool | None, str]:
        """Mordukhovich's criterion, `D*S(0) = {0}`: True or False where proved, else None, with the reason."""
        found = self.modulus()
        if found.upper is not None:
            words = _SURJECTIVE.get(found.theorem, "G_w is proved surjective")
            return True, f"{words}: lip S ≤ {found.upper:.6g} ({found.theorem})"
        return (False if found.refuted else None), found.reason

    def outer_norm(self) -> float:
        """`‖G_w⁺G_u‖`, estimated: of the derivative and, transposed, of the coderivative."""
        U, s, _, r = self._svd
        return float(np.linalg.norm((U[:, :r].T @ self.G_u) / s[:r, None], 2)) if r else 0.0


class GraphicalDerivative(_Linear):
    """`DS(ū|w̄)`: the directions in which solutions may move when the data moves along μ.

    Args:
        G_w: `(m, p)`, derivative of the equations by the weights.
        G_u: `(m, q)`, by the data.
        problem: where they come from; needed for what is proved.

    >>> D = GraphicalDerivative(np.array([[10.0, 5.0]]), np.array([[0.0, -10.0]]))
    >>> D([-0.2, -0.4]).member.round(6).tolist(), D([-0.2, -0.4]).kernel.shape
    ([-0.32, -0.16], (2, 1))
    """

    @classmethod
    def of(cls, problem: Problem) -> GraphicalDerivative:
        """Of a fully connected problem, interpolation or critical, at its weights.

        Raises:
            InputError: another map, or weights that are not proved to be a critical point, or to lie near one.
        """
        found = linearised(problem)
        return cls(found.G_w, found.G_u, problem, found.rank, found.doubt)

    def __call__(self, mu: Any) -> Directions:
        """`DS(ū|w̄)(μ)` for a direction of the data.

        Args:
            mu: `(q,)`, or of the shape of the rows that move.
        """
        b = -self.G_u @ _direction(mu, self.G_u.shape[1])
        U, s, Vt, r = self._svd
        coordinates = U.T @ b
        size = float(np.linalg.norm(b))
        outside = float(np.linalg.norm(coordinates[r:])) / size if size else 0.0
        return Directions(Vt[:r].T @ (coordinates[:r] / s[:r]), Vt[r:].T, outside, doubt=self.doubt)


class Coderivative(_Linear):
    """`D*S(ū|w̄)`, the adjoint: which directions of the data a functional of the weights is sensitive to.

    >>> D = Coderivative(np.array([[10.0, 5.0]]), np.array([[0.0, -10.0]]))
    >>> abs(D([2.0, 1.0])).round(6).tolist(), D([1.0, 0.0]) is None
    ([0.0, 2.0], True)
    """

    @classmethod
    def of(cls, problem: Problem) -> Coderivative:
        """Of a fully connected problem, interpolation or critical, at its weights.

        Raises:
            InputError: another map, or weights that are not proved to be a critical point, or to lie near one.
        """
        found = linearised(problem)
        return cls(found.G_w, found.G_u, problem, found.rank, found.doubt)

    def __call__(self, q: Any) -> Array | None:
        """The member `G_uᵀy` of `D*S(ū|w̄)(q)` with the shortest y, `G_wᵀy = −q`; None: empty.

        It is the only one where `G_w` is surjective, and where H is singular by symmetries alone: they are in the
        kernel of `G_uᵀ` too.
        """
        q = _direction(q, self.G_w.shape[1])
        U, s, Vt, r = self._svd
        coordinates = Vt @ q
        size = float(np.linalg.norm(q))
        if size and float(np.linalg.norm(coordinates[r:])) > INSIDE * size:
            return None
        return np.asarray(self.G_u.T @ (U[:, :r] @ (-coordinates[:r] / s[:r])))


def _direction(values: Any, length: int) -> Array:
    found = np.asarray(values, dtype=float).ravel()
    if len(found) != length or not np.isfinite(found).all():
        raise InputError("direction", f"{len(found)} numbers", f"give {length} finite numbers")
    return found
