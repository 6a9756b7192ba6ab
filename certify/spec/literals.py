"""The words of a spec as types, for readers of code and for type checkers, which cannot look into an enumeration.

>>> from typing import get_args
>>> from certify.format import words as w
>>> from certify.format.quantities import ESTIMATED, QUANTITIES
>>> pairs = {w.Activation: Activation, w.Loss: Loss, w.Map: Map, w.Base: Base, w.WeightNorm: WeightNorm,
...          w.Parameter: Parameter, w.Normalization: Normalization, w.Set: Set, w.Arithmetic: Arithmetic,
...          w.Severity: Severity}
>>> all(w.words(kind) == get_args(word) for kind, word in pairs.items())
True
>>> get_args(Norm) == w.ROW_NORMS, get_args(Direction) == (w.DOWN,), get_args(Quantity) == (*QUANTITIES, *ESTIMATED)
(True, True, True)
"""

from __future__ import annotations

from typing import Literal

Activation = Literal["relu", "leaky_relu", "elu", "tanh", "sigmoid", "softplus", "gelu", "silu", "identity"]
Loss = Literal["squared", "cross_entropy", "logistic", "one_vs_rest", "squared_hinge", "huber", "poisson", "gamma"]
Map = Literal["interpolation", "critical", "sublevel"]
Base = Literal["given", "nearby"]
WeightNorm = Literal["euclidean", "relative", "function"]
Parameter = Literal["features", "targets", "sample_weights", "labels", "deletions"]
Normalization = Literal["fixed", "remaining"]
ClassWeight = Literal["balanced"]
Set = Literal["total", "per_sample", "sparse", "given"]
Norm = Literal[1, 2, "inf"]
Direction = Literal["down"]
Arithmetic = Literal["float", "exact"]
Fresh = Literal["added", "replaced"]
Severity = Literal["fail", "warn"]
Bounded = Literal[
    "modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
    "prediction_change", "stable_predictions", "correct_predictions", "tolerated_changes", "functional",
    "first_order_prediction_change", "excess", "hausdorff",
]
"""Quantities that are proved."""
Quantity = Literal[Bounded, "loss_after", "residual"]
"""Those, and the ones that are estimated only."""
