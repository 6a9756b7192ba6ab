"""Is a symmetric matrix positive definite? A factorisation in balls that can also answer no with a vector.

The factorisation only proposes: it works on midpoints and its rounding errors do not matter. What it proposes,
an approximate inverse R of the Cholesky factor or a vector v, is then judged in balls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ONE, ZERO

LEAF, MANY = 16, 128  # rows that are taken entry by entry, and of which a factor without its inverse is tried first


class Truth(Enum):
    """What is known about a statement. `UNDECIDED` never means false, and never means true."""

    PROVED = "proved"
    DISPROVED = "disproved"
    UNDECIDED = "not decided"


@dataclass(frozen=True)
class Definiteness:
    """Whether a symmetric matrix A is positive definite.

    Attributes:
        truth: `PROVED` if A ≻ 0, `DISPROVED` if `vᵀAv < 0`.
        R: if proved, a nonsingular lower triangular matrix with `‖RARᵀ − I‖ ≤ defect < 1`.
        defect: an upper bound of that norm, exact.
        v: if disproved, the vector, as a row.
    """

    truth: Truth
    R: arb_mat | None = None
    defect: arb = field(default_factory=lambda: arb(1))
    v: arb_mat | None = None


def definiteness(A: arb_mat, sharp: bool = True) -> Definiteness:
    """Decide whether the symmetric matrix enclosed by `A` is positive definite.

    If `‖RARᵀ − I‖ < 1` then `RARᵀ ≻ 0`, so R is nonsingular and `A ≻ 0` by congruence. If the factorisation
    meets a pivot that is not positive, the row v of R built so far belongs to it, and `vᵀAv < 0` in balls
    proves the contrary.

    Args:
        A: `(N, N)` balls that enclose a symmetric matrix.
        sharp: whether a small defect is wanted; if not, R is rounded to half the precision, which is faster.
    """
    R, v = _inverse_cholesky(A.mid())
    if R is None:
        assert v is not None
        below = (v * A * v.transpose())[0, 0] < 0
        return Definiteness(Truth.DISPROVED, v=v) if below else Definiteness(Truth.UNDECIDED)
    if A.nrows() <= LEAF:
        defect = frobenius(R * A * R.transpose() - _unit(A.nrows()))
    else:
        bits = ctx.prec if sharp else ctx.prec // 2
        R = _rounded(R, bits)
        defect = defect_of(A, R, bits)
    if defect < 1:
        return Definiteness(Truth.PROVED, R=R, defect=defect)
    return Definiteness(Truth.UNDECIDED)


def inverse_factor(A: arb_mat) -> arb_mat | None:
    """A lower triangular R with `RARᵀ ≈ I` from the midpoints, or None: a proposal, nothing is proved."""
    return _inverse_cholesky(A.mid())[0]


def quarters(M: arb_mat) -> tuple[arb_mat, arb_mat, arb_mat, arb_mat]:
    """The four blocks of a square matrix cut at half: upper left, upper right, lower left, lower right."""
    rows, N = M.tolist(), M.nrows()
    m = N // 2
    return (arb_mat([row[:m] for row in rows[:m]]), arb_mat([row[m:] for row in rows[:m]]),
            arb_mat([row[:m] for row in rows[m:]]), arb_mat([row[m:] for row in rows[m:]]))


def defect_of(A: arb_mat, R: arb_mat, bits: int) -> arb:
    """Upper bound of `‖RARᵀ − I‖₂` for an exact lower triangular R.

    `A = A₀ + Δ` with midpoints `A₀ = [[a, ·], [c, d]]` and `R = [[P, 0], [Q, S]]`. The lower blocks of `RA₀` are
    `X = Pa`, `V = Qa + Sc`, `W = Qcᵀ + Sd`, rounded to exact numbers of `bits` bits with errors Θ. The lower
    blocks of `RARᵀ − I` are `XPᵀ − I`, `VPᵀ` and `VQᵀ + WSᵀ − I`, up to `ΘRᵀ` and `RΔRᵀ`. A symmetric matrix
    has at most √2 times the Frobenius norm of its lower blocks, so the norm is at most
    `2(|lower blocks|_F + |Θ|_F|R|_F + |R|_F²|Δ|_F)`. Products of exact matrices are what flint does fastest.
    """
    P, _, Q, S = quarters(R)
    a, right, c, d = quarters(A.mid())
    parts = (P * a, Q * a + S * c, Q * right + S * d)
    X, V, W = short = tuple(_rounded(part, bits) for part in parts)
    rounding = frobenius(*(part - exact for part, exact in zip(parts, short, strict=True)))
    lower = frobenius(X * P.transpose() - _unit(P.nrows()), V * P.transpose(),
                  V * Q.transpose() + W * S.transpose() - _unit(S.nrows()))
    size = frobenius(R)
    return (2 * (lower + rounding * size + size**2 * frobenius(A - A.mid()))).upper()


def _rounded(M: arb_mat, bits: int) -> arb_mat:
    """The midpoints of a matrix as exact numbers of `bits` bits."""
    with ctx.workprec(bits):
        return (M * ONE).mid()


def frobenius(*blocks: arb_mat) -> arb:
    """Upper bound of the Frobenius norm of blocks taken together: the root of the squares of their row sums.

    An entry x times the ball ±1 is a ball around 0 that contains `±|x|`, and these add up without cancelling.
    """
    total = ZERO
    for M in blocks:
        sums = (M * arb(0, 1)) * arb_mat(M.ncols(), 1, [ONE] * M.ncols())
        total = sum((x.abs_upper() ** 2 for x in sums.entries()), total)
    return total.sqrt().upper()


def _unit(N: int) -> arb_mat:
    return arb_mat(N, N, [ONE if i == j else ZERO for i in range(N) for j in range(N)])


def _inverse_cholesky(A: arb_mat) -> tuple[arb_mat | None, arb_mat | None]:
    """Propose R with `RARᵀ ≈ I`, lower triangular, or a row v with `vAvᵀ` not above zero. Nothing is proved.

    With `A = [[a, b], [bᵀ, d]]` and P for a: `V = Pb`, the Schur complement is `d − VᵀV`, with S for it
    `R = [[P, 0], [−S Vᵀ P, S]]`; a row v found in the Schur complement extends to `[−v Vᵀ P, v]`.
    """
    N = A.nrows()
    if N <= LEAF:
        return _eliminate(A)
    m = N // 2
    a, b, _, d = quarters(A)
    P, v = _inverse_cholesky(a)
    if P is None:
        assert v is not None
        return None, arb_mat([v.entries() + [ZERO] * (N - m)])
    V = (P * b).mid()
    back = V.transpose()
    S, v = _inverse_cholesky((d - back * V).mid())
    if S is None:
        assert v is not None
        return None, arb_mat([(-((v * back).mid() * P).mid()).entries() + v.entries()])
    Q = -((S * back).mid() * P).mid()
    return arb_mat([row + [ZERO] * (N - m) for row in P.tolist()]
                   + [left + right for left, right in zip(Q.tolist(), S.tolist(), strict=True)]), None


def _eliminate(A: arb_mat) -> tuple[arb_mat | None, arb_mat | None]:
    """The same for a small matrix, entry by entry."""
    N = A.nrows()
    L = A.tolist()
    R = [[ONE if i == j else ZERO for j in range(N)] for i in range(N)]
    for j in range(N):
        if not L[j][j] > 0:
            return None, arb_mat([R[j]])
        for i in range(j + 1, N):
            factor = (L[i][j] / L[j][j]).mid()
            for c in range(j + 1, i + 1):
                L[i][c] = (L[i][c] - factor * L[c][j]).mid()
            for c in range(j + 1):
                R[i][c] = (R[i][c] - factor * R[j][c]).mid()
    return arb_mat([[(x * L[i][i].rsqrt()).mid() for x in row] for i, row in enumerate(R)]), None
