"""The tilt that makes the given weights an exact critical point (theory: base `given`; proofs/critical.md)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layers.gradients import Gradient
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.objective import enclosed_rows
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Binary64, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.inverse import Inverse, Matrix, NoInverse, invert
from certify.systems.critical.reduction import completed, field_length, spanning
from certify.systems.critical.symmetry import Fields


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


def output_tilt(
    J: Jacobian, outputs: int, fields: Fields, gradient: Gradient, centred: bool, arithmetic: Arithmetic
) -> Balls | str:
    """Enclose the shortest c with `Jᵀc = ∇L`; in words why none was found (proofs/critical.md, *Output tilt*).

    `B = JᵀΠJ + TTᵀ` is proved nonsingular in floats. For any y and ĉ with `|ΠJy − ĉ| ≤ e`,
    `r = ∇L − JᵀΠJy` lies in `range(T)^⊥`, so `c = ΠJ(y + B⁻¹r)` and `|c − ĉ| ≤ e + |r|√‖B⁻¹‖`.

    Args:
        J: enclosed Jacobian, `n·k` rows.
        outputs: k.
        fields: symmetry fields at the weights.
        gradient: encloses ∇L.
        centred: whether Π takes the mean over the outputs of each row away (cross-entropy without weight decay).
        arithmetic: that of J; computes the residual.
    """
    found = _inverse_gram(J, outputs, fields, centred)
    if isinstance(found, str):
        return found
    turned = Pair(np.ascontiguousarray(J.mid.hi.T), None if J.mid.lo is None else np.ascontiguousarray(J.mid.lo.T))
    y = Pair(found.X @ gradient.mid.hi)
    for _ in range(4):
        c, slack = _image(J, y, outputs, centred, arithmetic)
        r, rest = _residual(turned, J, c, slack, gradient, arithmetic)
        error = slack + rest * fp.sqrt_up(found.size / (1 - found.epsilon))
        y = arithmetic.add(y, Pair(found.X @ r))
    each = np.zeros_like(c.hi)
    each[:, 0] = fp.up(error)  # the whole error, of which a row has at most that
    return enclosed_rows(c, each, arithmetic)


def _inverse_gram(J: Jacobian, outputs: int, fields: Fields, centred: bool) -> Inverse | str:
    """`B = JᵀΠJ + TTᵀ` in floats, proved nonsingular."""
    rad = J.rad if J.mid.lo is None else J.rad + 2.0 * U * fp.row_norms(J.mid.hi)
    P, rad = _centred(J.mid.hi, rad, outputs) if centred else (J.mid.hi, rad)
    size, error_p = Fraction(fp.frobenius(P)), Fraction(float(fp.row_norms(rad[None, :])[0]))
    G = fp.require_finite(P.T @ P, "output tilt")
    G = (G + G.T) / 2
    error = (Fraction(fp.dot_unit(len(P))) + 2 * Fraction(U)) * size**2 + 2 * size * error_p + error_p**2
    B = completed(Matrix(Pair(G), error), spanning(fields, field_length(G)), Binary64())
    found = invert(B, Binary64())
    if isinstance(found, NoInverse):
        return f"no output tilt: the Jacobian's rank could not be proved to be p − s ({found.reason})"
    return found


def _image(J: Jacobian, y: Pair, outputs: int, centred: bool, arithmetic: Arithmetic) -> tuple[Pair, Fraction]:
    """`ĉ ≈ ΠJy` as `(n, k)`, and a bound of its Euclidean error."""
    v = arithmetic.product(J.mid, y.reshape(1, -1)).reshape(-1, outputs)
    length = Fraction(float(arithmetic.row_norms(y.reshape(1, -1))[0]))
    size = Fraction(fp.frobenius(J.mid.hi)) * Fraction(RAISE)
    error = (Fraction(arithmetic.product_unit(y.shape[0])) * size + Fraction(float(fp.row_norms(J.rad[None, :])[0])))
    error *= length
    if not centred:
        return v, error
    total = _column(v, 0)
    for a in range(1, outputs):
        total = arithmetic.add(total, _column(v, a))
    inverse = Fraction(1, outputs)
    hi = float(inverse)
    share = Pair(np.array([[-hi]]), np.array([[-float(inverse - Fraction(hi))]]) if arithmetic.extended else None)
    c = arithmetic.add(v, arithmetic.multiply(total, share))
    # sums of k terms, one product and one difference of each entry, relative to the sum of the row's sizes
    rounding = (outputs + 4) * Fraction(arithmetic.unit) * outputs * Fraction(fp.frobenius(v.hi)) * Fraction(RAISE)
    return c, error + rounding


def _column(v: Pair, a: int) -> Pair:
    return Pair(v.hi[:, a : a + 1], None if v.lo is None else v.lo[:, a : a + 1])


def _residual(
    turned: Pair, J: Jacobian, c: Pair, slack: Fraction, gradient: Gradient, arithmetic: Arithmetic
) -> tuple[Array, Fraction]:
    """`∇L − Jᵀĉ` in floats, and a bound of `|∇L − JᵀΠJy|`."""
    flat = c.reshape(1, -1)
    image = arithmetic.product(turned, flat).reshape(-1)
    minus = Pair(-image.hi, None if image.lo is None else -image.lo)
    g = gradient.mid if arithmetic.extended else Pair(gradient.mid.hi)
    left = Fraction(0) if arithmetic.extended else gradient.low
    r = arithmetic.add(g, minus)
    length, size_j = Fraction(float(arithmetic.row_norms(flat)[0])), Fraction(fp.frobenius(J.mid.hi)) * Fraction(RAISE)
    rad = Fraction(float(fp.row_norms(J.rad[None, :])[0]))
    sizes = Fraction(gradient.norm) + Fraction(float(arithmetic.row_norms(image.reshape(1, -1))[0]))
    rest = Fraction(float(arithmetic.row_norms(r.reshape(1, -1))[0])) + left + Fraction(gradient.radius)
    rest += (Fraction(arithmetic.product_unit(flat.shape[1])) * size_j + rad) * length
    rest += Fraction(arithmetic.unit) * sizes * Fraction(RAISE) + (size_j + rad) * slack
    return r.hi, rest


def _centred(P: Array, rad: Array, outputs: int) -> tuple[Array, Array]:
    """ΠJ and its radii: a row less the mean of the k rows of its sample, `k + 3` roundings of each entry at most."""
    blocks = P.reshape(-1, outputs, P.shape[1])
    result = (blocks - blocks.mean(axis=1, keepdims=True)).reshape(P.shape)
    sizes = fp.row_norms(P).reshape(-1, outputs)
    whole = (sizes + sizes.sum(axis=1, keepdims=True)) * ((outputs + 3) * U)
    r = rad.reshape(-1, outputs)
    r = (r + r.sum(axis=1, keepdims=True) / outputs + whole) * RAISE
    return fp.require_finite(result, "output tilt"), r.ravel()


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

