"""The network of this report, its data, and its training loss as a function of one weight vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, jvp

HERE = Path(__file__).resolve().parent
WIDTHS = (4, 8)
DECAY = 1e-2
TRAIN = 1000
CHUNK = 1000
SEED = 0


class Block(nn.Module):
    """Two convolutions with BatchNorm beside a shortcut, which is 1×1 where the shape changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.short = nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))
        return self.act(out + self.short(x))


def network() -> nn.Sequential:
    """Stem to 4×4, a block there, a block to 2×2, mean over pixels, linear layer; torch's default initialisation."""
    a, b = WIDTHS
    return nn.Sequential(
        nn.Conv2d(1, a, 3, 2, 1, bias=False), nn.BatchNorm2d(a), nn.SiLU(), Block(a, a, 1), Block(a, b, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(b, 10),
    ).double()


@dataclass(frozen=True, eq=False)
class Data:
    """Training rows `X, y` and held-out rows `X_out, y_out`; inputs `(rows, 1, 8, 8)` in [0, 1], float64."""

    X: torch.Tensor
    y: torch.Tensor
    X_out: torch.Tensor
    y_out: torch.Tensor


def load_data() -> Data:
    """scikit-learn's digits, pixels / 16, shuffled with seed 0: the first 1000 train, the other 797 are held out."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(SEED).permutation(len(bunch.data))
    X = torch.from_numpy(bunch.data[order] / 16).reshape(-1, 1, 8, 8)
    y = torch.from_numpy(bunch.target[order].astype(np.int64))
    return Data(X[:TRAIN], y[:TRAIN], X[TRAIN:], y[TRAIN:])


def load_model(path: Path = HERE / "model.safetensors") -> nn.Sequential:
    """The trained network in eval mode."""
    from safetensors.torch import load_file

    net = network().eval()
    net.load_state_dict(load_file(path))
    return net


@dataclass(frozen=True, eq=False)
class Training:
    """`L(w) = (1/n) Σ s_i ℓ(f(x_i, w), y_i) + (λ/2)|w|²` with the BatchNorm statistics of `net`; written without
    `certify`, so that retraining and prediction share no code.
    """

    net: nn.Module
    X: torch.Tensor
    y: torch.Tensor
    s: torch.Tensor

    @staticmethod
    def of(net: nn.Module, X: torch.Tensor, y: torch.Tensor, s: torch.Tensor | None = None) -> Training:
        """Sample weights default to 1."""
        return Training(net, X, y, torch.ones(len(X), dtype=X.dtype) if s is None else s)

    def weights(self) -> torch.Tensor:
        """The parameters of `net`, (p,)."""
        return torch.cat([p.detach().flatten() for p in self.net.parameters()])

    def outputs(self, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """`f(x, w)`, (rows, 10)."""
        named, at = {}, 0
        for name, p in self.net.named_parameters():
            named[name] = w[at : at + p.numel()].view(p.shape)
            at += p.numel()
        return functional_call(self.net, (named, dict(self.net.named_buffers())), (X,))

    def losses(self, w: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """ℓ of each row."""
        return nn.functional.cross_entropy(self.outputs(w, X), y, reduction="none")

    def value(self, w: torch.Tensor) -> float:
        """L."""
        with torch.no_grad():
            total = sum(float((self.s[p] * self.losses(w, self.X[p], self.y[p])).sum()) for p in self._parts())
        return total / len(self.X) + DECAY / 2 * float(w @ w)

    def gradient(self, w: torch.Tensor) -> torch.Tensor:
        """∇L."""
        return sum(grad(self._part(p))(w).detach() for p in self._parts()) + DECAY * w

    def both(self, w: torch.Tensor) -> tuple[float, torch.Tensor]:
        """L and ∇L in one pass."""
        parts = [grad_and_value(self._part(p))(w) for p in self._parts()]
        value = sum(float(part[1].detach()) for part in parts) + DECAY / 2 * float(w @ w)
        return value, sum(part[0].detach() for part in parts) + DECAY * w

    def product(self, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """∇²L v, forward over reverse."""
        parts = [jvp(grad(self._part(p)), (w,), (v,))[1].detach() for p in self._parts()]
        return sum(parts) + DECAY * v

    def _parts(self) -> list[slice]:
        return [slice(at, min(at + CHUNK, len(self.X))) for at in range(0, len(self.X), CHUNK)]

    def _part(self, part: slice) -> Callable[[torch.Tensor], torch.Tensor]:
        X, y, s, n = self.X[part], self.y[part], self.s[part], len(self.X)
        return lambda w: (s * self.losses(w, X, y)).sum() / n
