"""Which words of a spec this version can act on, by verb, and the formats of its files.

The words themselves are those of :mod:`certify.format.words`. One that is understood and not listed here is refused
by name.
"""

from __future__ import annotations

from typing import Final

from certify.format.quantities import ESTIMATED, QUANTITIES
from certify.format.words import (
    Activation,
    Arithmetic,
    Base,
    Loss,
    Map,
    Normalization,
    Parameter,
    Set,
    WeightNorm,
    words,
)

ACTIVATIONS: Final = words(Activation)
LOSSES: Final = words(Loss)
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
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle can run code, and none is opened: write a scikit-learn "
                    "estimator with skops.io.dump and give `certify audit` the .skops file; else load it where you "
                    "trust it, and " + _ARRAYS.format(": scikit-learn's coefs_ transposed")),
    **dict.fromkeys((".json", ".ubj", ".bst"), "of trees, as those of XGBoost, nothing is proved: fit a linear model "
                    "or a network; of one that others wrote, " + _ARRAYS.format("")),
    **dict.fromkeys((".ckpt", ".bin", ".tar"), "if torch.save wrote it, name it .pt; else " + _ARRAYS.format("")),
    **dict.fromkeys((".pb", ".tflite", ".mlmodel"), "export it as .onnx, or " + _ARRAYS.format("")),
}
"""What to do about a model file of a format by others, by its ending."""

BUILT: Final[dict[str, tuple[str, ...]]] = {
    "model.activation": ACTIVATIONS,
    "training.loss": LOSSES,
    "training.normalization": words(Normalization),
    "solution.map": words(Map),
    "solution.base": words(Base),
    "weights.norm": words(WeightNorm),
    "perturbation.parameter": words(Parameter),
    "perturbation.set": words(Set),
    "gate.quantity": tuple(QUANTITIES),
    "model.file": MODEL_FORMATS,
    "data.file": DATA_FORMATS,
    "run.arithmetic": words(Arithmetic),
}
"""The words this version can act on, by key of the spec."""

WORDS: Final[dict[str, tuple[str, ...]]] = {
    **BUILT,
    "training.normalization": (str(Normalization.FIXED),),
    "solution.map": (str(Map.INTERPOLATION), str(Map.CRITICAL)),
    "perturbation.parameter": (str(Parameter.FEATURES), str(Parameter.TARGETS), str(Parameter.SAMPLE_WEIGHTS)),
    "perturbation.set": (str(Set.GIVEN),),
    "weights.norm": (str(WeightNorm.EUCLIDEAN),),
    "gate.quantity": ESTIMATED,
    "model.file": (".safetensors", ".pt", ".pth", ".th"),
}
"""As `BUILT`, where a spec is read by `certify estimate`, which estimates its own quantities."""

UNBUILT_KEYS: Final[dict[str, tuple[str, ...]]] = {"run": (), "estimate": ("weights.reference", "weights.tau")}
"""Keys that are understood and refused whenever they are given, by verb."""
