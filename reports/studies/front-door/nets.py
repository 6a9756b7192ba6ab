"""Modules that are no chains of linear layers: convolutions, BatchNorm, attention."""

from __future__ import annotations

from typing import Any

from torch import nn


def small_cnn() -> nn.Module:
    """Convolutions and max-pooling on 8×8 images."""
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10))


def norm_cnn() -> nn.Module:
    """The same with BatchNorm and average pooling, five classes."""
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
                         nn.Conv2d(8, 12, 3), nn.GELU(), nn.Flatten(), nn.Linear(48, 5))


def batch_norm() -> nn.Module:
    """BatchNorm and Dropout between linear layers."""
    return nn.Sequential(nn.Linear(30, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16),
                         nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))


def norm_wine() -> nn.Module:
    """LayerNorm and GELU between linear layers, three classes."""
    return nn.Sequential(nn.Linear(13, 24), nn.LayerNorm(24), nn.GELU(), nn.Dropout(0.1), nn.Linear(24, 3))


class Rows(nn.Module):
    """A transformer block over the eight rows of an image, and a linear layer on the mean of what it makes."""

    def __init__(self, width: int, heads: int, classes: int, feedforward: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.block = nn.TransformerEncoderLayer(width, heads, feedforward, dropout=0.1, batch_first=True)
        self.out = nn.Linear(width, classes)

    def forward(self, x: Any) -> Any:
        """Outputs of `(n, 8, 8)` images."""
        return self.out(self.block(self.embed(x)).mean(dim=1))


def transformer() -> nn.Module:
    """Of ten classes."""
    return Rows(32, 4, 10, 64)


class Attention(nn.Module):
    """Attention alone, with GELU after it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 16)
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True)
        self.act = nn.GELU()
        self.out = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        """Outputs of `(n, 8, 8)` images."""
        z = self.embed(x)
        return self.out(self.act(self.attend(z, z, z, need_weights=False)[0]).mean(dim=1))


def attention() -> nn.Module:
    """Of five classes."""
    return Attention()
