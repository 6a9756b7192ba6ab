"""One deleted row: it takes `c_ir_i/(1 − K_ii)` from a contrast, exactly, so that no bound of blocks is needed (D4f).

Residuals are divided by what the row leaves, `1 − K_ii`, before anything is summed: then `λ = 0`.
"""

from __future__ import annotations

from array import array

from flint import arb

from certify.check.linalg.fixed import scale
from certify.check.stored.beside import BITS, ONE, Beside, widest_of
from certify.format.refusal import Invalid


def divided(beside: Beside) -> Beside:
    """The same with `r_i/(1 − K̄_ii)` for residuals, `K̄_ii` the bound of each leverage, none of them 1 or more.

    What they are off by grows as much as that of the row of the largest leverage, and each is rounded down once more.

    Raises:
        Invalid: one of them is beyond what a number here may be.
    """
    left = [ONE - k for k in beside.leverages]
    try:
        residuals = tuple(array("q", [(r << BITS) // d for r, d in zip(own, left, strict=True)])
                          for own in beside.residuals)
        widest = widest_of(residuals)
    except OverflowError:
        raise Invalid("claim", "predictions stay when one row is deleted",
                      "a row may carry all that is known of a direction, so nothing follows") from None
    grown = 1 / (arb(min(left)) * scale(BITS))
    off = tuple((e * grown + arb(len(left)).sqrt() * scale(BITS)).upper() for e in beside.off)
    return Beside(residuals, widest, off, beside.leverages, beside.above)

