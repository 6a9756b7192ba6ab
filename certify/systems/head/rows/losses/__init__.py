"""Losses of a convex head, one file each: slopes and curvature of whole batches of outputs, enclosed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.format.words import Loss
from certify.systems.head.rows.losses.base import HeadLoss
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.losses.squared import SquaredHead

HEAD_LOSSES: Final[Mapping[str, HeadLoss]] = MappingProxyType({
    Loss.SQUARED: SquaredHead(), Loss.LOGISTIC: LogisticHead(), Loss.CROSS_ENTROPY: CrossEntropyHead()})
"""By the word of the spec."""

__all__ = ["HEAD_LOSSES", "HeadLoss"]
