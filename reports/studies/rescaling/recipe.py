"""Train the network of this report; write `model.safetensors`, `train.npz` and `other.npz`.

Fixed before anything was certified: scikit-learn's diabetes, columns and target standardised over all rows, float64;
the first 60 rows to train on (`train.npz`), the next 60 for other reference rows (`other.npz`); relu 10-48-48-1,
torch's default initialisation, seed 0, float64; 2000 full-batch Adam steps, learning rate 1e-3, on the mean of
½(f − y)².
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

WIDTHS, ACTIVATION = (10, 48, 48, 1), "relu"
ROWS, STEPS, RATE = 60, 2000, 1e-3


def build() -> training.Files:
    import torch
    from safetensors.numpy import save
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    X, y = training.standardised(bunch.data), training.standardised(bunch.target)
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, targets = torch.from_numpy(X[:ROWS]), torch.from_numpy(y[:ROWS])[:, None]
    training.adam(net, lambda: 0.5 * ((net(inputs) - targets) ** 2).mean(), STEPS, RATE)
    return {
        "model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X[:ROWS], y=y[:ROWS]),
        "other.npz": training.npz_bytes(X=X[ROWS:2 * ROWS]),
    }


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
