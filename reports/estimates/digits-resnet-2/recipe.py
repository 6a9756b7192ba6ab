"""Train the network of this report and write `model.safetensors`: a strict minimum of the training loss, in float64.

scikit-learn's first 1000 digits, the residual net of `resnet.py` (SiLU, so that two derivatives exist everywhere; no
BatchNorm), cross-entropy plus (λ/2)|w|² on all parameters with λ = 1e-2, seed 0, full batches, one thread:

1. Adam, 150 steps at rate 1e-2 with λ = 0: with decay from the first step a deep net is drawn to the zero weights;
2. Adam with decay, 400 steps at 1e-2 and 150 at 2e-3;
3. L-BFGS, eight times 100 iterations;
4. Newton's method with a trust region (`minimum.py`), its metric made again every 60 steps, until |∇L| ≤ 1e-11.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training as shared  # noqa: E402
from minimum import Metric, dense_hessian, minimum  # noqa: E402
from resnet import DECAY, Training, load_data, network  # noqa: E402
from torch import nn  # noqa: E402

SEED = 0
STAGES = ((150, 1e-2, 0.0), (400, 1e-2, DECAY), (150, 2e-3, DECAY))
LBFGS, TIMES = 100, 8
TOLERANCE = 1e-11
ROUND, ROUNDS = 60, 10


def trained(training: Training, seed: int = SEED) -> torch.Tensor:
    """The recipe on any training problem: weights, (p,)."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    w = vector(network()).requires_grad_(True)
    for steps, rate, decay in STAGES:
        optimiser = torch.optim.Adam([w], rate)
        for _ in range(steps):
            optimiser.zero_grad()
            training.loss(w, decay).backward()
            optimiser.step()
        shared.say(f"Adam: L {float(training.loss(w.detach())):.6f}")
    optimiser = torch.optim.LBFGS([w], max_iter=LBFGS, history_size=100, tolerance_grad=1e-9,
                                  tolerance_change=0.0, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = training.loss(w)
        loss.backward()
        return loss

    for _ in range(TIMES):
        optimiser.step(closure)
    shared.say(f"L-BFGS: L {float(training.loss(w.detach())):.9f}")
    return polished(training, w.detach())


def polished(training: Training, w: torch.Tensor) -> torch.Tensor:
    """Stage 4."""
    for _ in range(ROUNDS):
        found = minimum(training, w, Metric.of(dense_hessian(training, w)), TOLERANCE, ROUND)
        w = found.w
        shared.say(f"Newton, {found.steps} steps, {found.products} products: L {found.value:.12f}, "
                   f"|grad| {found.gradient:.2e}")
        if found.converged:
            break
    return w


def vector(net: nn.Module) -> torch.Tensor:
    """The parameters of a network, (p,)."""
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def build() -> shared.Files:
    from safetensors.torch import save

    net = network()
    w = trained(Training.of(load_data()))
    nn.utils.vector_to_parameters(w, net.parameters())
    return {"model.safetensors": save(net.state_dict())}


if __name__ == "__main__":
    sys.exit(shared.main(HERE, build))
