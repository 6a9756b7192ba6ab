"""Three ordinary models, trained as one trains: Adam or AdamW, batches, stopped early, no polish. Seed 0, one thread.

Fixed before any estimate was made, and never changed because of one:

* `batchnorm`: breast cancer, 30-64-64-1 with BatchNorm and ReLU; Adam with an L2 penalty of 1e-4;
* `cnn`: scikit-learn's digits, twice Conv-ReLU-MaxPool and a linear layer; Adam with an L2 penalty of 1e-4;
* `transformer`: the digits as 8 tokens of 8, one encoder layer; AdamW, whose decay of 0.01 is no penalty.

A quarter of the rows is held out and stops the training: when its loss has not fallen for ten epochs, the best weights
so far are taken. The question is always the same: the first five training rows are deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

SEED, BATCH, RATE, EPOCHS, PATIENCE = 0, 32, 1e-3, 200, 10
DELETED = (0, 1, 2, 3, 4)


class Block(nn.Module):
    """An encoder layer on 8 tokens of 8 numbers, their mean, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.place = nn.Parameter(0.02 * torch.randn(8, 32))
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rows of shape (8, 8) to ten outputs."""
        made: torch.Tensor = self.head(self.layer(self.embed(x) + self.place).mean(1))
        return made


def batchnorm() -> nn.Module:
    """30-64-64-1 with BatchNorm."""
    return nn.Sequential(nn.Linear(30, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.BatchNorm1d(64),
                         nn.ReLU(), nn.Linear(64, 1))


def cnn() -> nn.Module:
    """Two convolutions of 8 and 16 channels."""
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10))


@dataclass(frozen=True)
class Model:
    """A recipe.

    Attributes:
        network: makes it.
        loss: in the words of a spec.
        penalty: λ of the L2 penalty that it was trained with: the weight decay of the problem.
        optimiser: of its parameters.
    """

    network: Callable[[], nn.Module]
    loss: str
    penalty: float
    optimiser: Callable[[nn.Module], torch.optim.Optimizer]


def _adam(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), RATE, weight_decay=1e-4)


def _adamw(module: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), RATE, weight_decay=1e-2)


MODELS = {"batchnorm": Model(batchnorm, "logistic", 1e-4, _adam), "cnn": Model(cnn, "cross_entropy", 1e-4, _adam),
          "transformer": Model(Block, "cross_entropy", 0.0, _adamw)}


def data(name: str) -> tuple[torch.Tensor, ...]:
    """Training features and labels, held-out features and labels; labels ±1 for the logistic loss."""
    if name == "batchnorm":
        X, y = load_breast_cancer(return_X_y=True)
        y = 2.0 * y - 1
    else:
        X, y = load_digits(return_X_y=True)
        X = (X / 16).reshape((-1, 1, 8, 8) if name == "cnn" else (-1, 8, 8))
    parts = train_test_split(X, y, test_size=0.25, random_state=SEED, stratify=y)
    if name == "batchnorm":
        middle, spread = parts[0].mean(0), parts[0].std(0)
        parts[:2] = [(part - middle) / spread for part in parts[:2]]
    kind = torch.float32 if name == "batchnorm" else torch.int64
    X, held, y, right = (torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
    return X.float(), y.to(kind), held.float(), right.to(kind)


def loss_of(name: str, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The mean loss."""
    if MODELS[name].loss == "logistic":
        return functional.softplus(-y * outputs[:, 0]).mean()
    return functional.cross_entropy(outputs, y)


def trained(name: str, seed: int = SEED) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """The network in eval mode, and its training rows."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    X, y, held, right = data(name)
    module = MODELS[name].network()
    optimiser = MODELS[name].optimiser(module)
    best, since, kept = float("inf"), 0, {}
    for _ in range(EPOCHS):
        module.train()
        for rows in torch.randperm(len(X)).split(BATCH):
            optimiser.zero_grad()
            loss_of(name, module(X[rows]), y[rows]).backward()
            optimiser.step()
        module.eval()
        with torch.no_grad():
            now = float(loss_of(name, module(held), right))
        since += 1
        if now < best:
            best, since, kept = now, 0, {key: value.clone() for key, value in module.state_dict().items()}
        if since >= PATIENCE:
            break
    module.load_state_dict(kept)
    return module.eval(), X, y
