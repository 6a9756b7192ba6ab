"""Rigorous numerics: enclosures of matrix quantities with every rounding error bounded.

The guarantee is in the type: what comes out of an ``enclose_`` function contains the truth, and a true
``verify_`` is a proof. Theorems R0–R7 and A1–A3 are in ``proofs/rounding.md``.
"""

from certify.rigor.cholesky import Verification, enclose_lambda_min, verify_positive_definite
from certify.rigor.enclosure import Enclosure
from certify.rigor.singular import enclose_norm2, enclose_sigma_min

__all__ = [
    "Enclosure",
    "Verification",
    "enclose_lambda_min",
    "enclose_norm2",
    "enclose_sigma_min",
    "verify_positive_definite",
]
