"""Write the files of the paper's example: `f = w₁w₂x`, data (1, 2), (2, 4), weights (1, 2). Nothing is trained."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402


def build() -> training.Files:
    from safetensors.numpy import save

    weights = {"0.weight": np.array([[1.0]]), "1.weight": np.array([[2.0]])}
    data = training.npz_bytes(X=np.array([[1.0], [2.0]]), y=np.array([[2.0], [4.0]]))
    return {"model.safetensors": save(weights), "train.npz": data}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
