"""Upper bounds of largest eigenvalues, and of sums of the largest terms, in balls (Q6)."""

from __future__ import annotations

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, largest, root

SQUARINGS = 10
"""How often a matrix is squared before its trace bounds the largest eigenvalue."""

Rows = list[list[arb]]


def circles(G: Rows) -> arb:
    """Largest eigenvalue of a positive semidefinite matrix, by Gershgorin's circles."""
    return largest([sum((abs(x) for x in row), ZERO) for row in G])


def top_of_product(M: Rows, R: Rows) -> arb:
    """Upper bound of `λ_max(M^½RM^½)` by `tr((MR)⁴)^¼`: MR has the same eigenvalues, none below 0."""
    T = arb_mat(M) * arb_mat(R)
    square = T * T
    return root(root((square * square).trace().max(ZERO))).upper()


def top_of_gram(S: arb_mat) -> arb:
    """Upper bound of the largest eigenvalue of a positive semidefinite matrix, by the trace of a high power."""
    for _ in range(SQUARINGS):
        S = S * S
    found = S.trace().max(ZERO).upper()
    for _ in range(SQUARINGS):
        found = root(found).upper()
    return found


def total_of(values: list[arb], count: int) -> arb:
    """Upper bound of the sum of the `count` largest, none negative.

    They are sorted by floats of their shares of the largest, which neither overflow nor tie by underflow where it
    matters: that may err by 2^-52 of a term, and by 2^-1022 of the largest.

    >>> total_of([arb("1e309"), arb("1e310")], 1) >= arb("1e310"), total_of([arb("1e-330"), arb("1e-329")], 1) > arb(0)
    (True, True)
    """
    tops = [v.upper() for v in values]
    most = largest(tops)
    if not (most > 0 and most.is_finite()):
        return most  # all are 0, or one is not a number, which has no place in an order
    tops = sorted(tops, key=lambda v: float(v / most), reverse=True)[:count]
    return (sum(tops, ZERO) * (1 + arb(2) ** -50)).upper()
