"""Train the network of this report; write `model.safetensors` and `train.npz`.

Fixed before anything was certified: scikit-learn's breast cancer data, columns standardised, float64, targets ±1; relu
30-1024-1, torch's default initialisation, seed 0, float64; 2000 full-batch Adam steps, learning rate 1e-3, on half the
mean squared error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

WIDTHS, ACTIVATION = (30, 1024, 1), "relu"
STEPS, RATE = 2000, 1e-3


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features `(569, 30)` and targets ±1 `(569, 1)`."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return training.standardised(bunch.data), 2.0 * bunch.target[:, None].astype(np.float64) - 1.0


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    training.adam(net, lambda: 0.5 * torch.nn.functional.mse_loss(net(inputs), targets), STEPS, RATE)
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
