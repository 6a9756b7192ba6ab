"""The Euclidean norm of all free weights."""

from __future__ import annotations

from certify.network.layer_scale import LayerScale
from certify.network.network import Network
from certify.problem.norms.weight_norm import WeightNorm


class Euclidean(WeightNorm):
    """`|w|`."""

    word = "euclidean"

    def scale(self, network: Network, layers: tuple[int, ...]) -> LayerScale:
        """All 1."""
        return LayerScale.euclidean(network.depth)
