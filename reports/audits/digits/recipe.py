"""Train the network of this report; write `model.safetensors`, `train.npz` and `first-200.npz`.

Fixed before anything was certified: scikit-learn's digits, pixels divided by 16 (exact in float16), labels 0 … 9; gelu
64-256-256-10 (exact gelu, with the error function), torch's default initialisation, seed 0, float32; 500 full-batch
Adam steps, learning rate 1e-3, on the mean cross-entropy. All 1797 rows are trained on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

WIDTHS, ACTIVATION = (64, 256, 256, 10), "gelu"
STEPS, RATE = 500, 1e-3


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Features `(1797, 64)` float16 in [0, 1] and labels `(1797,)`."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.data / 16).astype(np.float16), bunch.target.astype(np.uint8)


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=False)
    inputs, labels = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y.astype(np.int64))
    training.adam(net, lambda: torch.nn.functional.cross_entropy(net(inputs), labels), STEPS, RATE)
    return {
        "model.safetensors": save(training.state(net)),
        "train.npz": training.npz_bytes(X=X, y=y),
        "first-200.npz": training.npz_bytes(X=X[:200], y=y[:200]),
    }


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
