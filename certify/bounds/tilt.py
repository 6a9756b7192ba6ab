"""The tilt that makes the given weights an exact critical point (theory: base `given`; proofs/critical.md)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.bounds.inverse import Inverse, Matrix, NoInverse, invert
from certify.bounds.reduction import completed, field_length, spanning
from certify.maps.symmetry import Fields
from certify.network.gradients import Gradient
from certify.network.jacobian import Jacobian
from certify.network.objective import enclosed_rows
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array, U


@dataclass(frozen=True)
class Shift:
    """How far the problem was moved so that the given weights solve it, as upper bounds.

    Attributes:
        kind: ``"output"`` (`n c`, row by row) or ``"weights"`` (t).
        norm: `n|c|`, or `|t|`.
        worst, worst_row: the largest `|n c_i|` and its row; None for a weight tilt.
        loss: what the tilt adds to the loss at the weights, in size.
    """

    kind: str
    norm: float
    worst: float | None
    worst_row: int | None
    loss: float


def output_tilt(J: Jacobian, outputs: int, fields: Fields, gradient: Gradient, centred: bool) -> Balls | str:
    """Enclose the shortest c with `Jᵀc = ∇L`, in words why not where it was not found (proofs/critical.md, *Output tilt*).

    With `B = JᵀΠJ + TTᵀ` nonsingular, `c = ΠJB⁻¹∇L`: `y₀ = X∇L` in floats, `|y − y₀| ≤ ‖B⁻¹‖(|∇L − By₀|)`, and each
    row of c moves with y by at most its length in `ΠJ`.

    Args:
        J: enclosed Jacobian in binary64, `n·k` rows.
        outputs: k.
        fields: symmetry fields at the weights.
        gradient: encloses ∇L.
        centred: whether Π takes the mean over the outputs of each row away (cross-entropy without weight decay).
    """
    P, rad = _centred(J, outputs) if centred else (J.mid.hi, J.rad)
    size_p, error_p = Fraction(fp.frobenius(P)), Fraction(float(fp.row_norms(rad[None, :])[0]))
    G = fp.require_finite(P.T @ P, "output tilt")
    G = (G + G.T) / 2
    error = (Fraction(fp.dot_unit(len(P))) + 2 * Fraction(U)) * size_p**2 + 2 * size_p * error_p + error_p**2
    B = completed(Matrix(Pair(G), error), spanning(fields, field_length(G)), Binary64())
    found = invert(B, Binary64())
    if isinstance(found, NoInverse):
        return f"no output tilt: the Jacobian's rank could not be proved to be p − s, {found.reason}"
    y, slack = _solved(found, B, gradient)
    c = fp.require_finite(P @ y, "output tilt")
    length = float(fp.row_norms(y[None, :])[0])
    own = fp.row_norms(P)
    each = own * (fp.dot_unit(len(y)) * length) + rad * length + (own + rad) * fp.up(slack)
    rows = (-1, outputs)
    return enclosed_rows(c.reshape(rows), (each * RAISE).reshape(rows), Binary64())


def _solved(inverse: Inverse, B: Matrix, gradient: Gradient) -> tuple[Array, Fraction]:
    """`y₀` with `|B⁻¹∇L − y₀| ≤ slack`: `‖B⁻¹‖ ≤ ‖X‖/(1 − ε)` times the residual."""
    g = gradient.mid.hi
    y = inverse.X @ g
    y = y + inverse.X @ (g - B.mid.hi @ y)  # one step of refinement; a finder
    fp.require_finite(y, "output tilt")
    length, size_b = Fraction(float(fp.row_norms(y[None, :])[0])), Fraction(fp.frobenius(B.mid.hi))
    image = B.mid.hi @ y
    rest = Fraction(float(fp.row_norms((g - image)[None, :])[0])) * (1 + 2 * Fraction(U))
    rest += (Fraction(fp.dot_unit(len(y))) * size_b + B.radius) * length + gradient.low + Fraction(gradient.radius)
    return y, inverse.size / (1 - inverse.epsilon) * rest


def _centred(J: Jacobian, outputs: int) -> tuple[Array, Array]:
    """ΠJ and its radii: a row less the mean of the k rows of its sample, `k + 3` roundings of each entry at most."""
    blocks = J.mid.hi.reshape(-1, outputs, J.mid.hi.shape[1])
    mean = blocks.mean(axis=1, keepdims=True)
    P = (blocks - mean).reshape(J.mid.hi.shape)
    sizes = fp.row_norms(J.mid.hi).reshape(-1, outputs)
    whole = (sizes + sizes.sum(axis=1, keepdims=True)) * ((outputs + 3) * U)
    rad = J.rad.reshape(-1, outputs)
    rad = (rad + rad.sum(axis=1, keepdims=True) / outputs + whole) * RAISE
    return fp.require_finite(P, "output tilt"), rad.ravel()


def shift_of_outputs(c: Balls, output: Balls, n: int) -> Shift:
    """The shift `n c_i` of every row, and `|⟨c, f⟩|`, as upper bounds.

    Args:
        c: balls around the tilt of every row.
        output: balls around the outputs.
        n: number of rows.
    """
    rows = n * c.norm * RAISE
    worst = int(np.argmax(rows))
    return Shift("output", float(fp.row_norms(rows[None, :])[0]), float(rows[worst]), worst, pairing(c, output))


def pairing(c: Balls, f: Balls) -> float:
    """Upper bound of `|Σ ⟨c_i, f_i⟩|`: the exact sum of the midpoints' products, and what the balls leave open."""
    middle = abs(fp.inner(c.mid.hi.ravel(), f.mid.hi.ravel()))
    low = 0.0 if f.mid.lo is None else fp.row_norms(f.mid.lo)
    low_c = 0.0 if c.mid.lo is None else fp.row_norms(c.mid.lo)
    spread = c.norm * (f.rad + low) + (c.rad + low_c) * f.norm
    return fp.up(middle + fp.exact(float(np.sum(spread))) * Fraction(fp.sum_up(len(spread))))


def shift_of_weights(gradient: Gradient, weights: Array) -> Shift:
    """The weight tilt `t = ∇L`: `|t|` and `|⟨t, w̄⟩|`, as upper bounds.

    Args:
        gradient: encloses ∇L.
        weights: `(p,)` the free parameters.
    """
    size = Fraction(float(fp.row_norms(weights[None, :])[0]))
    middle = abs(fp.inner(gradient.mid.hi, weights))
    loss = middle + (Fraction(gradient.radius) + gradient.low) * size
    return Shift("weights", gradient.norm, None, None, fp.up(loss))

