"""Train the network of this report and write `model.safetensors`.

Fixed before anything was predicted or retrained: 1000 rows of scikit-learn's digits (seed 0), the residual net of
`resnet.py` (1,366 parameters, SiLU so that two derivatives exist everywhere), float64, seed 0, cross-entropy plus
(λ/2)|w|² with λ = 1e-2 on all parameters, so that a critical point exists. Three stages:

1. 300 full-batch Adam steps at rate 1e-2, BatchNorm in train mode, λ = 0 (with decay, weights before a BatchNorm shrink
   towards 0 and the stored variances with them, which leaves a loss of enormous curvature in stage 3);
2. the statistics of the 1000 rows are stored, and frozen from here on: BatchNorm as a constant affine map is what a
   trained ResNet is at work, and only then is L a sum over rows, as the theory asks;
3. in eval mode Adam, 300 and 1000 steps at 1e-2 and 300 at 1e-3, then a trust-region Newton method until |∇L| ≤ 1e-9.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training as shared  # noqa: E402
from critical import Metric, newton  # noqa: E402
from resnet import DECAY, SEED, Training, load_data, network  # noqa: E402
from torch import nn  # noqa: E402

ADAM_STEPS, RATE = 300, 1e-2
TOLERANCE = 1e-9
ROUND = 100


def trained(
    X: torch.Tensor, y: torch.Tensor, s: torch.Tensor | None = None, seed: int = SEED, like: nn.Module | None = None
) -> nn.Sequential:
    """The recipe on given rows with sample weights s; `like`: whose statistics to store in stage 2."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = network()
    problem = Training.of(net, X, y, s)
    shared.adam(net.train(), lambda: _loss(problem, 0.0), ADAM_STEPS, RATE)
    _store_statistics(net, X)
    if like is not None:
        for own, given in zip(net.buffers(), like.buffers(), strict=True):
            own.copy_(given)
    for steps, rate in ((ADAM_STEPS, RATE), (1000, RATE), (ADAM_STEPS, RATE / 10)):
        shared.adam(net.eval(), lambda: _loss(problem), steps, rate)
    polish(problem)
    return net


def polish(problem: Training) -> None:
    """The end of stage 3: the metric is made again every 100 steps."""
    w = problem.weights()
    for _ in range(20):
        found = newton(problem, w, Metric.at(problem, w), TOLERANCE, ROUND)
        w = found.w
        shared.say(f"Newton, {found.steps} steps: L {problem.value(w):.12f}, |grad| {found.gradient:.2e}")
        if found.converged:
            break
    nn.utils.vector_to_parameters(w, problem.net.parameters())


def _loss(problem: Training, decay: float = DECAY) -> torch.Tensor:
    square = sum(p.square().sum() for p in problem.net.parameters())
    values = nn.functional.cross_entropy(problem.net(problem.X), problem.y, reduction="none")
    return (problem.s * values).sum() / len(problem.X) + decay / 2 * square


def _store_statistics(net: nn.Sequential, X: torch.Tensor) -> None:
    """Every BatchNorm keeps the mean and variance of these rows."""
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None
    with torch.no_grad():
        net.train()(X)


def build() -> shared.Files:
    from safetensors.torch import save

    data = load_data()
    return {"model.safetensors": save(trained(data.X, data.y).state_dict())}


if __name__ == "__main__":
    sys.exit(shared.main(HERE, build))
