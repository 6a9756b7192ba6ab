"""Exact moduli and derivatives of small problems, in SymPy, over the rationals (extra `symbolic`).

>>> from certify.symbolic import critical
>>> toy = critical([[[1, 2]]], [[1], [2]], [2, 4], product=True)  # f = w₁w₂x at (1, 2), trained on (1, 2), (2, 4)
>>> toy.modulus()
2/5
"""

from certify.format.errors import MissingPackage

try:
    import sympy  # noqa: F401
except ImportError as error:
    raise MissingPackage("certify.symbolic", "SymPy is not installed", "pip install 'certify[symbolic]'") from error

from certify.symbolic.family import AlgebraicFamily
from certify.symbolic.network import critical, interpolation
from certify.symbolic.system import System

__all__ = ["AlgebraicFamily", "System", "critical", "interpolation"]
