"""A yes or no: whether the modulus of many rows lies below a number, by one Cholesky (M2k)."""

from __future__ import annotations

from fractions import Fraction

from certify.format.errors import InputError
from certify.rigor import fp
from certify.systems.interpolation.streamed import Streamed
from certify.theorems.modulus.streamed.columns import scaled_blocks
from certify.theorems.modulus.streamed.factor import decided, lead, needed_shift


def verify_streamed_modulus_below(at: Streamed, kappa: float) -> bool:
    """Whether `lip S < kappa` is proved by a factor of `K̂ − D`, `D ⪰ Q/κ²` and all that floats leave out (M2k).

    Half of `N²` numbers are in memory at the peak, whatever else the equations are made of.
    """
    if not 1e-60 < kappa < 1e60:
        raise InputError("verify_streamed_modulus_below", f"threshold {kappa}", "give a positive number within 1e±60")
    kappa2 = fp.down(Fraction(kappa) ** 2)
    D = scaled_blocks(at.Q, kappa2)
    led = lead(at.parts, D, needed_shift(at.parts), at.parts.samples, ())
    return led is not None and decided(at.parts, led, D, led.left)
