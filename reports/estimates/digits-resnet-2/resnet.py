"""The network of this report, its data, and its training loss as a function of one weight vector."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).resolve().parent
WIDTHS = (3, 6)
DECAY = 1e-2
TRAIN = 1000
CLASSES = 10


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a 1×1 convolution where the shape changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1)
        self.short = nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The images after the block."""
        return self.act(self.conv2(self.act(self.conv1(x))) + self.short(x))


def network() -> nn.Sequential:
    """Stem to 4×4, a block there, a block to 2×2, linear layer; torch's default initialisation."""
    a, b = WIDTHS
    return nn.Sequential(
        nn.Conv2d(1, a, 3, 2, 1), nn.SiLU(), Block(a, a, 1), Block(a, b, 2),
        nn.Flatten(), nn.Linear(4 * b, CLASSES),
    ).double()


@dataclass(frozen=True, eq=False)
class Data:
    """Training rows `X, y` and held-out rows `X_out, y_out`; inputs `(rows, 1, 8, 8)` in [0, 1], targets one-hot."""

    X: torch.Tensor
    y: torch.Tensor
    X_out: torch.Tensor
    y_out: torch.Tensor


def load_data() -> Data:
    """scikit-learn's digits in their own order, pixels / 16: the first 1000 train, the other 797 are held out."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    X = torch.from_numpy(bunch.data / 16).reshape(-1, 1, 8, 8)
    y = nn.functional.one_hot(torch.from_numpy(bunch.target).long(), CLASSES).double()
    return Data(X[:TRAIN], y[:TRAIN], X[TRAIN:], y[TRAIN:])


def load_model(path: Path = HERE / "model.safetensors") -> nn.Sequential:
    """The trained network in eval mode."""
    from safetensors.torch import load_file

    net = network().eval()
    net.load_state_dict(load_file(path))
    return net


@dataclass(frozen=True, eq=False)
class Training:
    """`L(w) = (1/n) Σ s_i ℓ(f(x_i, w), y_i) + (λ/2)|w|²`, cross-entropy with rows of probabilities y.

    Written without `certify` and without the layers of torch, so that retraining and prediction share no code: a
    convolution is a matrix between flattened images, filled from its kernel.
    """

    X: torch.Tensor
    y: torch.Tensor
    s: torch.Tensor

    @staticmethod
    def of(data: Data) -> Training:
        """All sample weights 1."""
        return Training(data.X, data.y, torch.ones(len(data.X), dtype=torch.float64))

    def losses(self, w: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """ℓ of each row."""
        return nn.functional.cross_entropy(outputs(w, X), y, reduction="none")

    def loss(self, w: torch.Tensor, decay: float = DECAY) -> torch.Tensor:
        """L."""
        return (self.s * self.losses(w, self.X, self.y)).sum() / len(self.X) + decay / 2 * (w @ w)


def outputs(w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    """`f(x, w)`, (rows, 10), as matrix products: 10 times faster than convolutions of such small images."""
    a, b = WIDTHS
    take = _Taker(w)
    silu = nn.functional.silu
    x = silu(take.convolution(X.flatten(1), 1, a, 8, 3, 2))
    inner = silu(take.convolution(x, a, a, 4, 3, 1))
    x = silu(take.convolution(inner, a, a, 4, 3, 1) + x)
    inner = silu(take.convolution(x, a, b, 4, 3, 2))
    inner = take.convolution(inner, b, b, 2, 3, 1)
    x = silu(inner + take.convolution(x, a, b, 4, 1, 2))
    return x @ take.next(CLASSES, 4 * b).T + take.next(CLASSES)


class _Taker:
    """Takes the parameters from a vector, in the order in which the module lists them."""

    def __init__(self, w: torch.Tensor) -> None:
        self.w, self.at = w, 0

    def next(self, *shape: int) -> torch.Tensor:
        """The next parameter."""
        size = math.prod(shape)
        self.at += size
        return self.w[self.at - size : self.at].view(shape)

    def convolution(
        self, x: torch.Tensor, before: int, after: int, side: int, kernel: int, stride: int
    ) -> torch.Tensor:
        """Images `(rows, before·side²)` to images, with padding `kernel // 2`."""
        K = self.next(after * before * kernel * kernel)
        index, there = _entries(before, after, side, kernel, stride)
        bias = self.next(after).repeat_interleave((side // stride) ** 2)
        return x @ (K[index] * there).T + bias


@functools.cache
def _entries(before: int, after: int, side: int, kernel: int, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Which entry of the kernel stands at each place of the matrix of a convolution, and whether one does."""
    small, pad = side // stride, kernel // 2
    o, i = torch.meshgrid(torch.arange(after * small * small), torch.arange(before * side * side), indexing="ij")
    row = i // side % side - o // small % small * stride + pad
    column = i % side - o % small * stride + pad
    there = (row >= 0) & (row < kernel) & (column >= 0) & (column < kernel)
    index = ((o // small**2 * before + i // side**2) * kernel + row) * kernel + column
    return torch.where(there, index, 0), there.double()
