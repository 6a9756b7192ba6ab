"""The relative norm: the change of a layer as a multiple of the size of its weight matrix (S1)."""

from __future__ import annotations

from certify.network.layer_scale import LayerScale
from certify.network.network import Network
from certify.problem.norms.weight_norm import WeightNorm


class Relative(WeightNorm):
    """`|w|² = Σ_h |w^(h)|²/‖W_h‖_F²`."""

    word, by_layer, own_units = "relative", ", by relative changes of the layers,", True

    def scale(self, network: Network, layers: tuple[int, ...]) -> LayerScale:
        """One over the size of every free layer."""
        return LayerScale.relative(network, layers)
