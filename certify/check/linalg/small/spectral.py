"""The largest singular value of a small matrix, from above."""

from __future__ import annotations

import math

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.linalg.definite import Truth, definiteness

ITERATIONS, GUESS, ENOUGH = 300, 64, 2.0**-52
"""Of a power iteration: most steps, bits, and the relative change of the eigenvalue with which it ends."""


def spectral(W: arb_mat) -> arb:
    """Upper bound of `‖W‖₂`: `s²I − WWᵀ ≻ 0` for s a little above a float estimate, else the Frobenius norm."""
    rows = [[float(x) for x in row] for row in W.tolist()]
    guess = estimate(rows)
    if len(rows) > len(rows[0]):
        W = W.transpose()
    entries = (W * W.transpose()).tolist()
    for bits in (30, 24, 18, 14, 11, 8):
        s = arb(guess * (1 + 2.0**-bits))
        difference = [[(s * s if i == j else ZERO) - x for j, x in enumerate(row)] for i, row in enumerate(entries)]
        if guess > 0 and definiteness(arb_mat(difference), sharp=False).truth is Truth.PROVED:
            return s.upper()
    return norm(W.entries()).upper()


def estimate(rows: list[list[float]]) -> float:
    """The largest singular value by power iteration: a guess, of which nothing is proved."""
    if not 0 < math.hypot(*(x for row in rows for x in row)) < math.inf:
        return 0.0
    with ctx.workprec(GUESS):
        M, found = arb_mat(rows), ZERO
        G = (M * M.transpose() if M.nrows() < M.ncols() else M.transpose() * M).mid()
        v = arb_mat([[ONE + ONE / (j + 1)] for j in range(G.nrows())]).mid()
        for _ in range(ITERATIONS):
            v = (v * (1 / (v.transpose() * v)[0, 0].sqrt())).mid()
            image, before = (G * v).mid(), found
            found = (v.transpose() * image)[0, 0].mid()
            if abs(found - before) <= found * ENOUGH or not found > 0:
                break
            v = image
        return float(found.max(ZERO).sqrt().mid())
