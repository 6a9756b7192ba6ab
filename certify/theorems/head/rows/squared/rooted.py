"""Squared-loss heads whose rows carry weights, as heads whose rows count the same: rows and targets times `√c` (D4h).

`Σ c_i ½|Vφ_i − Y_i|² = Σ ½|V(√c_i φ_i) − √c_i Y_i|²`, and row i left out is the row with the root left out. Roots are
rounded: every entry is known within a share of itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.ridge import Ridge, ridge

SHARE = 8 * U
"""What an entry errs by, relatively: a weight within `8u`, of which a root takes half, the root, and a product."""

LEAST, MOST = 2.0**-300, 2.0**300
"""Weights whose roots and products with them do not underflow unnoticed: beyond them nothing is proved."""


def roots_of(head: Head, choice: Choices | None = None) -> Array | None:
    """`(n,)` floats, relatively within `6u` of the roots of weights; None where all rows count the same.

    Args:
        head: the head.
        choice: one change, after which they are meant; None: today's.

    Raises:
        EnclosureError: a weight is far from 1, or none.
    """
    if head.weights is None:
        return None
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    c = head.weights.of(head, nothing if choice is None else choice)[:, 0]
    if not ((c >= LEAST) & (c <= MOST)).all():
        raise EnclosureError("weights of rows", "one is not from 2^-300 to 2^300", "divide all of them by one number")
    return np.asarray(np.sqrt(c))


def rooted(head: Head, choice: Choices | None = None) -> Head:
    """The head whose rows count the same and whose refits are those with given weights; itself where rows do.

    Args:
        head: the head.
        choice: one change, after which weights are meant; None: today's.

    Raises:
        EnclosureError: a weight is far from 1.
    """
    roots = roots_of(head, choice)
    if roots is None:
        return head
    return replace(head, phi=head.phi * roots[:, None], phi_rad=head.phi_rad * roots * RAISE,
                   Y=head.Y * roots[:, None], weights=None, share=SHARE)


def system_of(head: Head, deleted: int = 0, kept: Whole | None = None) -> Ridge | str:
    """The normal matrix of a head of :func:`rooted`, with the decay after some deletions; or why there is none.

    Args:
        head: whose rows count the same.
        deleted: how many rows go.
        kept: rows that are fitted; None: all.
    """
    phi, rad = (head.phi, head.phi_rad) if kept is None else (head.phi[kept], head.phi_rad[kept])
    return ridge(phi, head.mu(deleted), head.decayed, rad, share=head.share)
