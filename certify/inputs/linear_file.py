"""Linear models in `.npz` files: one array of weights, and perhaps one of biases, under the names people give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from certify.format.errors import InputError
from certify.inputs.formats.archive import listed
from certify.inputs.formats.npz import NpzArchive
from certify.inputs.numbers import exact_float64
from certify.rigor.fp import Array
from certify.spec.sources import read_source

WEIGHTS: Final = ("coef", "coef_", "W", "w", "weight", "weights")
BIASES: Final = ("intercept", "intercept_", "b", "bias", "biases")
"""Names of the arrays."""


def linear_of(path: str | Path) -> tuple[Array, Array | None]:
    """Weights `(k, d)` and biases `(k,)` or None, for :func:`certify.from_arrays`.

    Args:
        path: an `.npz` file of `coef`, `coef_`, `W`, `w`, `weight` or `weights`: `(k, d)` numbers, or `(d,)` of one
            output; and perhaps `intercept`, `intercept_`, `b`, `bias` or `biases`: `(k,)` numbers, or one.

    Raises:
        InputError: it is missing, damaged, holds other arrays, or arrays that do not fit together.
    """
    source = read_source(Path(path), "model")
    asked = f"model file {source.path}"
    archive = NpzArchive(source.content, asked)
    other = [name for name in archive.names if name not in (*WEIGHTS, *BIASES)]
    if other:
        raise InputError(asked, f"it holds {listed(other)} beside weights and biases" if len(other) < len(
            archive.names) else f"it holds {listed(other)}, and nothing that is called weights",
            f"save one array named {WEIGHTS[0]} and one named {BIASES[0]}")
    weight, bias = _one(archive.names, WEIGHTS, asked), _one(archive.names, BIASES, asked)
    if weight is None:
        raise InputError(asked, f"it holds {listed(archive.names)}, and no weights", f"name them {WEIGHTS[0]}")
    W = exact_float64(archive.read(weight), f"array '{weight}' in {asked}")
    if W.ndim not in (1, 2):
        raise InputError(f"array '{weight}' in {asked}", f"shape {W.shape}",
                         "give (outputs, inputs) numbers, or (inputs,) of one output")
    W = W.reshape(-1, W.shape[-1])
    if bias is None:
        return W, None
    b = exact_float64(archive.read(bias), f"array '{bias}' in {asked}")
    if b.size != len(W):
        turned = f"; transpose '{weight}', if it is (inputs, outputs)" if b.size == W.shape[1] else ""
        raise InputError(f"array '{bias}' in {asked}", f"{b.size} numbers, and '{weight}' has {len(W)} outputs",
                         f"give one for every output{turned}")
    return W, b.reshape(-1)


def _one(names: Sequence[str], known: Sequence[str], asked: str) -> str | None:
    """The one name of those that are known."""
    found = [name for name in names if name in known]
    if len(found) > 1:
        raise InputError(asked, f"it holds {listed(found)}, and each could be meant", "save one of them")
    return found[0] if found else None
