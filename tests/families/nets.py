"""Small trained-looking networks of every kind that an estimate must handle, in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from certify.estimation import ModuleProblem, module_problem


class Block(nn.Module):
    """A residual block with frozen BatchNorms and a padded, strided shortcut; activations in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.silu(self.bn1(self.conv1(x)), inplace=True)))
        return F.silu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.block, self.linear = nn.Conv2d(1, 2, 3, padding=1), Block(), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.block(self.first(x).tanh_()).mean((2, 3)))


class Attention(nn.Module):
    """Parameters in a LayerNorm, an attention layer and a parameter of its own: differentiated row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attend = nn.LayerNorm(4), nn.MultiheadAttention(4, 2, batch_first=True)
        self.scale, self.linear = nn.Parameter(torch.tensor(1.3)), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        return self.linear(self.scale * (x + self.attend(y, y, y, need_weights=False)[0]).mean(1))


class Twice(nn.Module):
    """One layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.tanh(self.inner(torch.tanh(self.inner(x)))))


class Product(nn.Module):
    """The toy `f = w₁w₂x` at w = (1, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w[0] * self.w[1] * x


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


SHAPES: dict[Callable[[], nn.Module], tuple[int, ...]] = {
    mlp: (4,), Residual: (1, 6, 6), Attention: (3, 4), Twice: (4,),
}


def problem(
    make: Callable[[], nn.Module] = mlp, n: int = 5, loss: str = "cross_entropy", map: str = "critical", seed: int = 0,
    **more: object,
) -> ModuleProblem:
    """A problem with seeded parameters, statistics, data and labels; float64."""
    torch.manual_seed(seed)
    module = make().double()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)  # type: ignore[union-attr, operator]
            part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    X = torch.randn(n, *SHAPES[make], dtype=torch.float64)
    y = torch.randn(n, 3, dtype=torch.float64) if loss == "squared" else torch.randint(3, (n,))
    return module_problem(module.eval(), X, y, loss=loss, map=map, **more)  # type: ignore[arg-type]


def dense_jacobian(p: ModuleProblem) -> torch.Tensor:
    """J, (n·k, p), by automatic differentiation of the whole, chunk-free."""
    J = torch.autograd.functional.jacobian(lambda w: p.function.outputs(w, p.X), p.w)
    return J.reshape(-1, p.p)  # type: ignore[union-attr]


def dense_hessian(p: ModuleProblem) -> torch.Tensor:
    """`∇²L`, (p, p)."""
    def total(w: torch.Tensor) -> torch.Tensor:
        return p.loss.values(p.function.outputs(w, p.X), p.y).mean() + p.weight_decay / 2 * w.square().sum()

    return torch.autograd.functional.hessian(total, p.w)  # type: ignore[return-value]
