"""Train the network of this report; write `model.safetensors` and `train.npz`.

Fixed before anything was certified: all 10,000 rows of ISLP's Default; features student (0 or 1), balance, income,
columns standardised and rounded to float16 (the file's numbers are the data); label 1: defaulted. tanh 3-8-1, p = 41,
torch's default initialisation (drawn in float32, seed 0), converted to float64; mean logistic loss plus `0.001/2·|w|²`
over all weights and biases; 2000 full-batch Adam steps, learning rate 1e-2; Newton steps until the gradient is below
1e-13, or 60.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import critical_training  # noqa: E402
import islp  # noqa: E402
import training  # noqa: E402

WIDTHS, ACTIVATION, DECAY = (3, 8, 1), "tanh", 1e-3
STEPS, RATE = 2000, 1e-2


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Features `(10000, 3)` float16 and labels `(10000,)`."""
    rows = islp.rows("Default")
    X = np.array([[row["student"] == "Yes", float(row["balance"]), float(row["income"])] for row in rows], float)
    return training.standardised(X).astype(np.float16), np.array([row["default"] == "Yes" for row in rows], np.uint8)


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, signs = torch.from_numpy(X.astype(float)), torch.from_numpy(2.0 * y - 1.0)

    def loss(f):  # type: ignore[no-untyped-def]
        return torch.nn.functional.softplus(-signs * f(inputs)[:, 0]).mean()

    training.adam(net, critical_training.decayed(net, loss, DECAY), STEPS, RATE)
    critical_training.newton(net, loss, DECAY)
    with torch.no_grad():
        value = float(loss(net)) + DECAY / 2 * sum(float((p * p).sum()) for p in net.parameters())
    training.say(f"loss with decay {value:.8g}, level {training.level_above(value)}")
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
