"""Train the networks of this report; write `adam.safetensors`, `interpolating.safetensors` and `train.npz`.

Fixed before anything was certified: scikit-learn's diabetes, columns and target standardised, float64; softplus
10-64-64-1, torch's default initialisation, seed 0, float64; 4000 full-batch Adam steps, learning rate 1e-3, on the mean
of ½(f − y)² (`adam.safetensors`). From there Levenberg–Marquardt steps `w ← w − Jᵀ(JJᵀ + μI)⁻¹(f − y)`, with μ divided
by 10 after a step that lowers |f − y| and multiplied by 10 after one that does not (starting from the mean of the
diagonal of JJᵀ over 1000), until max |f − y| < 1e-12 or 400 steps are used up (`interpolating.safetensors`, as it is
then).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

WIDTHS, ACTIVATION = (10, 64, 64, 1), "softplus"
STEPS, RATE = 4000, 1e-3
RESIDUAL, LIMIT = 1e-12, 400


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features `(442, 10)` and target `(442,)`."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    return training.standardised(bunch.data), training.standardised(bunch.target)


def interpolate(net: Any, inputs: Any, targets: Any) -> None:
    """Levenberg–Marquardt steps on the rows' residuals, in place."""
    import torch
    from torch.func import functional_call, grad, vmap

    def output(parameters: Any, x: Any) -> Any:
        return functional_call(net, parameters, (x[None],))[0, 0]

    damping, fresh = None, True
    for step in range(LIMIT):
        residual = (net(inputs) - targets)[:, 0].detach()
        worst = residual.abs().max().item()
        if step % 10 == 0 or worst < RESIDUAL:
            training.say(f"step {step}: max |f - y| = {worst:.2e}")
        if worst < RESIDUAL:
            return
        if fresh:
            parameters = {name: p.detach() for name, p in net.named_parameters()}
            rows = vmap(grad(output), (None, 0))(parameters, inputs)
            J = torch.cat([rows[name].reshape(len(inputs), -1) for name in parameters], 1)
            K = J @ J.T
            damping = K.diagonal().mean() / 1000 if damping is None else damping
        move = -J.T @ torch.linalg.solve(K + damping * torch.eye(len(K), dtype=K.dtype), residual)
        old = torch.nn.utils.parameters_to_vector(net.parameters()).detach()
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(old + move, net.parameters())
            fresh = bool((net(inputs) - targets).norm() < residual.norm())
            if not fresh:
                torch.nn.utils.vector_to_parameters(old, net.parameters())
        damping = damping / 10 if fresh else damping * 10


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    training.adam(net, lambda: 0.5 * ((net(inputs) - targets) ** 2).mean(), STEPS, RATE)
    files = {"adam.safetensors": save(training.state(net))}
    interpolate(net, inputs, targets)
    files["interpolating.safetensors"] = save(training.state(net))
    return files | {"train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
