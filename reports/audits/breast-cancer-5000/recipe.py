"""Train the network of this report; write `model.safetensors` and `train.npz`.

Fixed before anything was certified: scikit-learn's breast cancer set, columns standardised, labels 0 and 1; tanh
30-64-46-1, p = 5021, torch's default initialisation (drawn in float32, seed 0), converted to float64; mean logistic
loss plus `0.01/2·|w|²` over all weights and biases; scipy's L-BFGS (50 pairs) from there until it gets no further, at
most 20,000 gradients. No Hessian is formed: that is left to the run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import critical_training  # noqa: E402
import training  # noqa: E402

WIDTHS, ACTIVATION, DECAY = (30, 64, 46, 1), "tanh", 0.01
GRADIENTS, PAIRS, ROUNDS = 20_000, 50, 3


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features `(569, 30)` and labels `(569,)`."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return training.standardised(bunch.data), bunch.target.astype(np.int64)


def descend(net, value) -> None:  # type: ignore[no-untyped-def]
    """L-BFGS in place; begun again where its line search ends, as the last digits need fresh pairs."""
    import torch
    from scipy.optimize import minimize
    from torch.nn.utils import parameters_to_vector, vector_to_parameters

    parameters = list(net.parameters())

    def both(w: np.ndarray) -> tuple[float, np.ndarray]:
        vector_to_parameters(torch.from_numpy(w.copy()), parameters)
        total = value()
        gradient = torch.cat([g.ravel() for g in torch.autograd.grad(total, parameters)])
        return total.item(), gradient.numpy()

    w = parameters_to_vector(parameters).detach().numpy()
    for _ in range(ROUNDS):
        found = minimize(both, w, jac=True, method="L-BFGS-B",
                         options={"maxcor": PAIRS, "maxfun": GRADIENTS // ROUNDS, "maxiter": GRADIENTS, "ftol": 0.0,
                                  "gtol": 1e-13})
        w = found.x
        training.say(f"{found.nfev} gradients: loss {found.fun:.12g}, |gradient| = {np.linalg.norm(found.jac):.2e}")
    both(w)


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, signs = torch.from_numpy(X), torch.from_numpy(2.0 * y - 1.0)

    def loss(f):  # type: ignore[no-untyped-def]
        return torch.nn.functional.softplus(-signs * f(inputs)[:, 0]).mean()

    descend(net, critical_training.decayed(net, loss, DECAY))
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
