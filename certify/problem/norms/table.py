"""The objects that measure a motion of the weights, by the word of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.problem.norms.euclidean import Euclidean
from certify.problem.norms.reference_rows import ReferenceRows
from certify.problem.norms.relative import Relative
from certify.problem.norms.weight_norm import WeightNorm

WEIGHT_NORMS: Final[Mapping[str, type[WeightNorm]]] = MappingProxyType({
    norm.word: norm for norm in (Euclidean, Relative, ReferenceRows)})
"""Every word.

>>> [word for word, norm in WEIGHT_NORMS.items() if norm.own_units]
['relative']
"""
