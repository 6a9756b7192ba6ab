"""Train the two networks of this report; write `tanh/` and `gelu/`, `model.safetensors` and `train.npz` each.

Fixed before anything was certified, rows included. Torch's default initialisation, seed 0, float64; 2000 full-batch
Adam steps, learning rate 1e-3, on half the mean squared error.

* tanh 30-64-1: every ninth row of scikit-learn's breast cancer data (64 rows), columns standardised over them,
  targets ±1;
* gelu 4-64-64-1: every fifth row of scikit-learn's iris data (30 rows), columns standardised over them, targets
  −1, 0, 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

STEPS, RATE = 2000, 1e-3


def load_data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Standardised features and targets `(n, 1)` of the network `tanh` or `gelu`."""
    from sklearn.datasets import load_breast_cancer, load_iris

    if name == "tanh":
        bunch, every, scale, shift = load_breast_cancer(), 9, 2.0, 1.0
    else:
        bunch, every, scale, shift = load_iris(), 5, 1.0, 1.0
    y = scale * bunch.target[::every, None].astype(np.float64) - shift
    return training.standardised(bunch.data[::every]), y


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    files: training.Files = {}
    for name, widths in (("tanh", (30, 64, 1)), ("gelu", (4, 64, 64, 1))):
        X, y = load_data(name)
        net = training.network(widths, name, double=True)
        inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
        training.adam(net, lambda n=net, a=inputs, b=targets: 0.5 * torch.nn.functional.mse_loss(n(a), b), STEPS, RATE)
        files[f"{name}/model.safetensors"] = save(training.state(net))
        files[f"{name}/train.npz"] = training.npz_bytes(X=X, y=y)
    return files


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
