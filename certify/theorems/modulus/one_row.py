"""N4: how far the weights move when one row alone changes by 1 in the norm 1 or inf."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from certify.finders.one_row import propose_signs_and_weights
from certify.format.errors import EnclosureError
from certify.format.theorems import N4
from certify.problem.bound import SideArray
from certify.problem.perturbations.factor import BlockFactor, box_factor
from certify.problem.perturbations.row_sets import RowSets, intervals
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.linearisation import Linearisation
from certify.systems.interpolation.row_moduli import RowEnds, enclose_sample_moduli
from certify.theorems.modulus.rows import OfRows

FEW = 6
"""Numbers of one row up to which all sign vectors are gone through; the format says so too."""


@dataclass(frozen=True, eq=False)
class OneRowEnds(RowEnds):
    """`lower_i ≤ κ_i ≤ upper_i`, κ_i the motion that one row can cause by a change of size 1.

    Attributes:
        lower, upper: for each listed row.
        shape: `(rows, d)`: the signs of the change of the lower end times the weights of the upper one; None where
            both ends come from all vertices, or a formula.
    """

    shape: Array | None


def vertices(norm: int | str, columns: NDArray[np.intp], d: int) -> Array | None:
    """Changes u of which one is the worst, `(c, d)`: the vertices of the norm's unit ball, one of each pair ±u.

    None for the norm inf where there are more than `2^(FEW−1)`.

    >>> vertices("inf", np.array([0, 2]), 3).tolist()
    [[1.0, 0.0, 1.0], [1.0, 0.0, -1.0]]
    """
    if norm == 1:
        return np.eye(d)[columns]
    if len(columns) > FEW:
        return None
    signs = [(1.0, *rest) for rest in product((1.0, -1.0), repeat=len(columns) - 1)]
    found = np.zeros((len(signs), d))
    found[:, columns] = signs
    return found


def enclose_one_row(
    X: Congruence, sets: RowSets, samples: NDArray[np.intp], columns: NDArray[np.intp],
) -> OneRowEnds:
    """Enclose `κ_i = max {√(sᵀ(K⁻¹)_iis) : s ∈ R_i}` for every listed sample (N4).

    From below by one change u; from above by `|G_i|_{q*}` with one output, by all vertices where there are few, and
    else (norm inf) by a box: `{u : |u|_∞ ≤ 1}` lies within `{diag(w)v : |v|² ≤ τ}`, `τ = Σ w_a⁻²`.

    Args:
        X: congruence of the kernel.
        sets: what each row can do, norm 1 or inf.
        samples: numbers of the samples that are asked for.
        columns: numbers of a row that may change.
    """
    _, k, d = sets.G.shape
    V = _proposals(X, sets, samples)
    some, weights = vertices(sets.norm, columns, d), None
    if some is not None:
        sizes = np.linalg.norm(np.matmul(V, some.T), axis=1)
        u = some[np.argmax(sizes, axis=1)]
    elif k == 1:
        u = np.where(V[:, 0, :] < 0, -1.0, 1.0)
    else:
        u, weights = propose_signs_and_weights(V)
    lower = enclose_sample_moduli(X, pushed(sets, spread(u, samples, len(sets.G))), samples).lower
    if k == 1:
        return OneRowEnds(lower, enclose_sample_moduli(X, intervals(sets).factor, samples).upper, None)
    if weights is None:
        assert some is not None
        upper = np.zeros(len(samples))
        for vertex in some:
            Q = pushed(sets, np.broadcast_to(vertex, (len(sets.G), d)))
            upper = np.maximum(upper, enclose_sample_moduli(X, Q, samples).upper)
        return OneRowEnds(lower, upper, None)
    factor = box_factor(sets.G, sets.rad, spread(weights, samples, len(sets.G)))
    alone = enclose_sample_moduli(X, factor, samples).upper
    return OneRowEnds(lower, fp.require_finite(alone * stretch(weights) * RAISE, "row moduli"), u * weights)


def stretch(weights: Array) -> Array:
    """Upper bounds of `√(Σ_a w_a⁻²)`; four roundings a term, those of the sum (R2) and one of the root.

    Args:
        weights: `(m, d)` positive.
    """
    if not ((weights > 0) & np.isfinite(weights)).all():
        raise EnclosureError("box around a row's changes", "a weight that is not positive",
                             "this is a defect: report it")
    total = ((1.0 / weights) ** 2).sum(axis=1) * (1.0 + 2.0 * fp.dot_unit(weights.shape[1]) + 8.0 * U)
    return fp.require_finite(np.sqrt(total * RAISE) * RAISE, "box around a row's changes")


def pushed(sets: RowSets, u: Array) -> BlockFactor:
    """The one column `C_i = G_iu_i` of every row, with eta for all G within the radii.

    `|fl(Gu) − (G + Δ)u| ≤ (c_d‖G‖_F + rad)|u| =: e`, and `‖(G + Δ)uuᵀ(G + Δ)ᵀ − CCᵀ‖ ≤ 2|C|e + e²`.

    Args:
        sets: the rows' matrices.
        u: `(n, d)` changes.
    """
    n, k, d = sets.G.shape
    C = fp.require_finite(np.einsum("ikd,id->ik", sets.G, u), "one change of a row")
    length = fp.row_norms(np.ascontiguousarray(u)) * sets.moves
    e = (fp.dot_unit(d) * fp.row_norms(sets.G.reshape(n, k * d)) + sets.rad) * length * RAISE
    eta = (2.0 * fp.row_norms(C) * e + e**2) * RAISE * sets.moves
    return BlockFactor(C[:, :, None], fp.require_finite(eta, "one change of a row"))


def spread(values: Array, samples: NDArray[np.intp], n: int) -> Array:
    """The values at the samples of n, 1 elsewhere.

    Args:
        values: `(m, d)`.
        samples: m numbers.
        n: how many there are.
    """
    found = np.ones((n, values.shape[1]))
    found[samples] = values
    return found


def _proposals(X: Congruence, sets: RowSets, samples: NDArray[np.intp]) -> Array:
    """About `V_i` with `V_iᵀV_i = G_iᵀ(K⁻¹)_iiG_i`, `(m, k, d)`; nothing rests on it."""
    n, k, _ = sets.G.shape
    blocks = np.transpose(X.X.reshape(-1, n, k)[:, samples, :], (1, 0, 2))
    with np.errstate(all="ignore"):
        R = np.linalg.qr(np.ascontiguousarray(blocks), mode="r")
        V = np.matmul(R, sets.G[samples])
    return np.where(np.isfinite(V), V, 0.0)


class OneRow(OfRows):
    """N4."""

    theorem = N4

    def relaxes(self, problem: Problem, block: int) -> bool:
        """Whether more vertices than are gone through decide; with one equation the largest change is known."""
        return problem.boxes and block > 1 and len(problem.movable) > FEW

    def ends(
        self, problem: Problem, lin: Linearisation, X: Congruence, samples: NDArray[np.intp]
    ) -> tuple[RowEnds, dict[str, SideArray]]:
        """Both ends of the rows, with signs and weights of every row."""
        ends = enclose_one_row(X, lin.sets, samples, problem.movable)
        if ends.shape is None:
            return ends, {}
        return ends, {"array": SideArray("shape", spread(ends.shape, samples, len(problem.kept)))}
