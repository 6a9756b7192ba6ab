"""Every word a spec may use, and which of them this version can act on.

A word of the format that is not in :data:`BUILT` is understood and refused by name. Building it means
adding it here, next to the code that does it.
"""

from __future__ import annotations

from typing import Final

ACTIVATIONS: Final = (
    "relu", "leaky_relu", "elu", "tanh", "sigmoid", "softplus", "gelu", "silu", "identity",
)
LOSSES: Final = ("squared", "cross_entropy", "logistic")
MAPS: Final = ("interpolation", "critical", "sublevel")
BASES: Final = ("given", "nearby")
WEIGHT_NORMS: Final = ("euclidean", "relative", "function")
PARAMETERS: Final = ("features", "targets", "sample_weights", "labels")
SETS: Final = ("total", "per_sample", "sparse", "given")
QUANTITIES: Final = (
    "modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
    "prediction_change", "stable_predictions", "first_order_prediction_change", "excess", "hausdorff", "loss_after",
    "residual",
)
MODEL_FORMATS: Final = (".safetensors", ".pt", ".pth", ".th", ".pt2", ".onnx")
DATA_FORMATS: Final = (".npz", ".safetensors", ".csv", ".parquet")
CHECKED: Final[dict[str, tuple[str, ...]]] = {"model": (".safetensors",), "data": (".npz", ".safetensors", ".csv")}
"""The formats that the checker reads too; a certificate about other files cannot be checked."""

_ARRAYS: Final = (
    "save its arrays with safetensors.numpy.save_file as '0.weight' (outputs × inputs{}), '0.bias', '2.weight', …"
)
FOREIGN: Final[dict[str, str]] = {
    **dict.fromkeys((".npz", ".npy", ".mat"), _ARRAYS.format("")),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), _ARRAYS.format(": Keras' kernels transposed")),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle can run code, and none is opened: load it where you "
                    "trust it, and " + _ARRAYS.format(": scikit-learn's coefs_ transposed")),
    **dict.fromkeys((".ckpt", ".bin", ".tar"), "if torch.save wrote it, name it .pt; else " + _ARRAYS.format("")),
    **dict.fromkeys((".pb", ".tflite", ".mlmodel"), "export it as .onnx, or " + _ARRAYS.format("")),
}
"""What to do about a model file of a format by others, by its ending."""

BUILT: Final[dict[str, tuple[str, ...]]] = {
    "model.activation": ACTIVATIONS,
    "training.loss": LOSSES,
    "training.normalization": ("fixed",),
    "solution.map": ("interpolation", "critical", "sublevel"),
    "solution.base": ("given", "nearby"),
    "weights.norm": WEIGHT_NORMS,
    "perturbation.parameter": PARAMETERS,
    "perturbation.set": SETS,
    "gate.quantity": ("modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
                      "prediction_change", "stable_predictions", "first_order_prediction_change", "excess",
                      "hausdorff"),
    "model.file": MODEL_FORMATS,
    "data.file": DATA_FORMATS,
    "run.arithmetic": ("float", "exact"),
}
"""The words this version can act on, by key of the spec."""

ESTIMATED: Final = ("loss_after", "residual")
"""Quantities that `certify estimate` estimates; `certify run` proves all others."""

FOR_ESTIMATES: Final[dict[str, tuple[str, ...]]] = {
    "solution.map": ("interpolation", "critical"),
    "perturbation.parameter": ("features", "targets", "sample_weights"),
    "perturbation.set": ("given",),
    "weights.norm": ("euclidean",),
    "gate.quantity": ESTIMATED,
    "model.file": (".safetensors", ".pt", ".pth", ".th"),
}
"""As `BUILT`, where a spec is read by `certify estimate`."""

UNBUILT_KEYS: Final[dict[str, tuple[str, ...]]] = {"run": (), "estimate": ("weights.reference", "weights.tau")}
"""Keys that are understood and refused whenever they are given, by verb."""
