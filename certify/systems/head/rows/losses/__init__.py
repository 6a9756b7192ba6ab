"""Losses of a convex head, one file each: slopes and curvature of whole batches of outputs, enclosed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from certify.format.words import Loss
from certify.systems.head.rows.losses.base import HeadLoss
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from certify.systems.head.rows.losses.gamma import GammaHead
from certify.systems.head.rows.losses.huber import HuberHead
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.systems.head.rows.losses.one_vs_rest import OneVsRestHead
from certify.systems.head.rows.losses.poisson import PoissonHead
from certify.systems.head.rows.losses.squared import SquaredHead
from certify.systems.head.rows.losses.squared_hinge import SquaredHingeHead

HEAD_LOSSES: Final[Mapping[str, HeadLoss]] = MappingProxyType({
    Loss.SQUARED: SquaredHead(), Loss.LOGISTIC: LogisticHead(), Loss.CROSS_ENTROPY: CrossEntropyHead(),
    Loss.ONE_VS_REST: OneVsRestHead(), Loss.SQUARED_HINGE: SquaredHingeHead(), Loss.HUBER: HuberHead(),
    Loss.POISSON: PoissonHead(), Loss.GAMMA: GammaHead()})
"""By the word of the spec."""

__all__ = ["HEAD_LOSSES", "HeadLoss"]
