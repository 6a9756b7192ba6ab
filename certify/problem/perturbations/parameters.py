"""The objects that know what of the data moves, by the word of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.problem.perturbations.deletions import Deletions
from certify.problem.perturbations.features import Features
from certify.problem.perturbations.labels import Labels
from certify.problem.perturbations.moving import Moving, MovingFits
from certify.problem.perturbations.sample_weights import SampleWeights
from certify.problem.perturbations.targets import Targets

FITS: Final[Mapping[str, MovingFits]] = MappingProxyType({
    moving.word: moving for moving in (Features(), Targets())})
"""What moves exact fits."""

MOVING: Final[Mapping[str, Moving]] = MappingProxyType({
    **FITS, **{moving.word: moving for moving in (SampleWeights(), Labels(), Deletions())}})
"""Every word.

>>> MOVING["targets"].width(8, 2), MOVING["labels"].width(8, 2)
(2, 1)
"""
