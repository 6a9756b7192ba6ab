"""Train the network of this report; write `model.safetensors` and `train.npz`.

Fixed before anything was certified: scikit-learn's breast cancer set, columns standardised, labels 0 and 1; tanh
30-32-1, p = 1025, torch's default initialisation (drawn in float32, seed 0), converted to float64; mean logistic loss
plus `0.01/2·|w|²` over all weights and biases; 2000 full-batch Adam steps, learning rate 1e-2; Newton steps until the
gradient is below 1e-13, or 60.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import critical_training  # noqa: E402
import training  # noqa: E402

WIDTHS, ACTIVATION, DECAY = (30, 32, 1), "tanh", 0.01
STEPS, RATE = 2000, 1e-2


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features `(569, 30)` and labels `(569,)`."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return training.standardised(bunch.data), bunch.target.astype(np.int64)


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, signs = torch.from_numpy(X), torch.from_numpy(2.0 * y - 1.0)

    def loss(f):  # type: ignore[no-untyped-def]
        return torch.nn.functional.softplus(-signs * f(inputs)[:, 0]).mean()

    training.adam(net, critical_training.decayed(net, loss, DECAY), STEPS, RATE)
    critical_training.newton(net, loss, DECAY)
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
