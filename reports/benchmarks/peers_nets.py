"""The networks of `peers.py`: fixed seeds and recipes, written down before anything was compared.

Small ones (p ≤ 500) are trained a little on their mean loss plus (1e-3/2)|w|², by Adam and L-BFGS in float64, then
rounded to float32: what every method is given. The damping δ is small beside the largest eigenvalue and makes every
system positive definite, which conjugate gradients of the peers need.

* mlp: 10-16-8-3, tanh, p = 339; 192 points of three Gaussians.
* resnet: convolution 1→4, one basic block of 4 channels, ReLU, average pool to 2×2, linear 16→5, p = 421; 200 rows of
  scikit-learn's digits 0-4.
* resnet-bn: the same with BatchNorm after each convolution, p = 433; trained in train mode, then, statistics frozen, in
  eval mode.
* resnet-20: trained by others (p = 269,722), with 100 images of CIFAR-10; its Hessian has eigenvalues from about −0.43
  to 41, so δ = 0.5.

Right-hand sides are gradients of the loss at rows that were not trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

DECAY = 1e-3
DAMPING = {"mlp": 1e-3, "resnet": 1e-2, "resnet-bn": 1e-2, "resnet-20": 0.5}
TESTS = 8
ROWS = 100


@dataclass(frozen=True, eq=False)
class Case:
    """A network in eval mode with training rows, test rows and damping."""

    name: str
    module: nn.Module
    X: torch.Tensor
    y: torch.Tensor
    tests: torch.Tensor
    labels: torch.Tensor
    damping: float

    def to(self, dtype: torch.dtype) -> Case:
        """A copy of another dtype."""
        module = make(self.name).to(dtype).eval()
        module.load_state_dict(self.module.state_dict())
        return Case(self.name, module, self.X.to(dtype), self.y, self.tests.to(dtype), self.labels, self.damping)

    @property
    def p(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.module.parameters())


class Block(nn.Module):
    """Basic block with an option-A shortcut where the size changes."""

    def __init__(self, before: int, after: int, stride: int = 1, bn: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=not bn)
        self.bn1 = nn.BatchNorm2d(after) if bn else nn.Identity()
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=not bn)
        self.bn2 = nn.BatchNorm2d(after) if bn else nn.Identity()
        self.pad = (after - before) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pad:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(out + x)


class Small(nn.Module):
    """One block on 8×8 images."""

    def __init__(self, bn: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1, 1, bias=not bn)
        self.bn1 = nn.BatchNorm2d(4) if bn else nn.Identity()
        self.block = Block(4, 4, bn=bn)
        self.linear = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block(F.relu(self.bn1(self.conv1(x))))
        return self.linear(F.avg_pool2d(x, 4).flatten(1))


class ResNet20(nn.Module):
    """Names as in the weights' file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(Block(16, 16) for _ in range(3)))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64), Block(64, 64))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(F.avg_pool2d(x, 8).flatten(1))


def make(name: str) -> nn.Module:
    """The network, not trained."""
    if name == "mlp":
        return nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    return ResNet20() if name == "resnet-20" else Small(bn=name == "resnet-bn")


def case(name: str, weights: Path | None = None, images: Path | None = None) -> Case:
    """A case in float32; ResNet-20 needs its weights' file and the folder of CIFAR-10's sheets."""
    torch.manual_seed(0)
    if name == "resnet-20":
        assert weights is not None and images is not None
        return _resnet20(weights, images)
    X, y = _gaussians() if name == "mlp" else _digits()
    module = make(name).double()
    rows = len(X) - TESTS
    _train(module, X[:rows], y[:rows], DECAY)
    return Case(name, module.float().eval(), X[:rows].float(), y[:rows], X[rows:].float(), y[rows:], DAMPING[name])


def _train(module: nn.Module, X: torch.Tensor, y: torch.Tensor, decay: float) -> None:
    def loss() -> torch.Tensor:
        return F.cross_entropy(module(X), y) + decay / 2 * sum(p.square().sum() for p in module.parameters())

    adam = torch.optim.Adam(module.parameters(), 1e-2)
    module.train()
    for _ in range(150):
        adam.zero_grad()
        loss().backward()
        adam.step()
    module.eval()
    lbfgs = torch.optim.LBFGS(module.parameters(), max_iter=100, tolerance_grad=1e-9, tolerance_change=0,
                              line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        lbfgs.zero_grad()
        value = loss()
        value.backward()
        return value

    lbfgs.step(closure)


def _gaussians() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    y = np.arange(192 + TESTS) % 3
    X = rng.standard_normal((len(y), 10)) + 1.5 * rng.standard_normal((3, 10))[y] / np.sqrt(2)
    return torch.from_numpy(X), torch.from_numpy(y)


def _digits() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.datasets import load_digits

    X, y = load_digits(n_class=5, return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(X))[: 200 + TESTS]
    return torch.from_numpy(X[chosen].reshape(-1, 1, 8, 8) / 8 - 1), torch.from_numpy(y[chosen])


def _resnet20(weights: Path, images: Path) -> Case:
    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
    module = ResNet20()
    module.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    rows = ROWS + TESTS  # a row of the sheet is an image, 32 × 32 pixels of three colours
    sheet = matplotlib.image.imread(images / "data_batch_1.png")[:rows, :, :3].reshape(rows, 32, 32, 3)
    X = (sheet - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    x = torch.from_numpy(X.transpose(0, 3, 1, 2).astype(np.float32).copy())
    y = torch.tensor(json.loads((images / "train_lables.json").read_text(encoding="utf-8"))[:rows])
    return Case("resnet-20", module.eval(), x[:ROWS], y[:ROWS], x[ROWS:], y[ROWS:], DAMPING["resnet-20"])
