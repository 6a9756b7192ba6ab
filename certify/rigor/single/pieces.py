"""Long inner products in single precision, in parts: their rounding is that of one part and of adding them (R2b).

Of q parts of at most b terms it is at most `(b + 2q + 2)u` of the sum of the absolute terms. proofs/rounding.md.
"""

from __future__ import annotations

import numpy as np

from certify.rigor.single.floats import Short

WHOLE, PIECE = 512, 128
"""Terms up to which a product is one part, and those of a part where there are more."""


def terms(n: int, piece: int = PIECE) -> int:
    """The length of a product in one part that is off by as much as one of at most n terms in parts.

    >>> terms(500), terms(4366)
    (500, 198)
    """
    return n if n <= WHOLE else piece + 2 * -(-n // piece)


def product(a: Short, b: Short, n: int, piece: int = PIECE) -> Short:
    """`a @ b` for at most n terms, in parts as n terms come in."""
    if n <= WHOLE or len(b) <= piece:
        return np.asarray(a @ b)
    found, more = a[:, :piece] @ b[:piece], None
    for at in range(piece, len(b), piece):
        more = np.matmul(a[:, at : at + piece], b[at : at + piece], out=more)
        found += more
    return np.asarray(found)
