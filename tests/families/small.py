"""A small real problem on disk: a 3-8-1 tanh net, 10 rows. It is read, proved and checked in well under a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

SPEC = """\
version = 1
[model]
file = "model.safetensors"
widths = [3, 8, 1]
activation = "tanh"
[data]
file = "train.npz"
features = "X"
targets = "y"
"""


def gate(quantity: str = "modulus", **members: Any) -> str:
    """One gate, as TOML."""
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in {"quantity": quantity, **members}.items()]
    return "\n".join(["[[gate]]", *lines, ""])


def tensors(seed: int = 0, widths: tuple[int, ...] = (3, 8, 1)) -> dict[str, np.ndarray]:
    """Weights and biases under torch's names."""
    rng = np.random.default_rng(seed)
    found = {}
    for h, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
        found[f"{2 * h}.weight"] = rng.standard_normal((b, a))
        found[f"{2 * h}.bias"] = rng.standard_normal(b)
    return found


def features(rows: int = 10, columns: int = 3, seed: int = 1) -> np.ndarray:
    """Rows of standard normal numbers."""
    return np.random.default_rng(seed).standard_normal((rows, columns))


def write(folder: Path, spec: str = SPEC, model: dict[str, np.ndarray] | None = None, **arrays: np.ndarray) -> Path:
    """Write spec, model and data into a folder; the path of the spec."""
    X = features()
    arrays = arrays or {"X": X, "y": np.sign(X[:, 0])}
    (folder / "model.safetensors").write_bytes(save(tensors() if model is None else model))
    np.savez(folder / "train.npz", **arrays)
    (folder / "certify.toml").write_text(spec, encoding="utf-8")
    return folder / "certify.toml"


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes: to show that nothing was written."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
