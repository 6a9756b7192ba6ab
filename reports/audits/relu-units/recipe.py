"""Train the network of this report; write `model.safetensors` and `train.npz`.

Fixed before anything was certified: scikit-learn's diabetes, features and targets standardised, float64; relu 10-8-1,
p = 97, torch's default initialisation, seed 0, float64, except that the biases of units 0 and 1 start at 4 and 5 and
those of units 2 and 3 at −8 and −9, so that the first two are active and the last two inactive on all 442 rows; 1000
full-batch Adam steps, learning rate 1e-3, on the mean of ½(f − y)², no weight decay. No Newton steps: base `given`.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import critical_training  # noqa: E402
import training  # noqa: E402

WIDTHS, ACTIVATION = (10, 8, 1), "relu"
BIASES = (4.0, 5.0, -8.0, -9.0)
STEPS, RATE = 1000, 1e-3


def build() -> training.Files:
    import torch
    from safetensors.numpy import save
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    X, y = training.standardised(bunch.data), training.standardised(bunch.target[:, None])
    net = training.network(WIDTHS, ACTIVATION, double=True)
    with torch.no_grad():
        net[0].bias[: len(BIASES)] = torch.tensor(BIASES)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)

    def loss(f):  # type: ignore[no-untyped-def]
        return 0.5 * ((f(inputs) - targets) ** 2).sum(dim=1).mean()

    training.adam(net, critical_training.decayed(net, loss, 0.0), STEPS, RATE)
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
