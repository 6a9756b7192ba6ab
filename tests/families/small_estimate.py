"""A small problem for `certify estimate` on disk: a convolution with BatchNorm, 12 images, two of which change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

MODULE = "certify_estimated_net"
CODE = """
from torch import nn
def make():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))
def number(): return 3
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 4)
        self.outer.weight = self.inner.weight
    def forward(self, x):
        return self.outer(self.inner(x).tanh())
"""
SPEC = f"""\
version = 1
[model]
file = "model.safetensors"
factory = "{MODULE}:make"
[data]
file = "train.npz"
features = "X"
targets = "y"
[training]
loss = "cross_entropy"
[solution]
map = "critical"
[perturbation]
set = "given"
rows = [5, 0]
file = "u.npz"
array = "u"
"""


def net(seed: int = 0) -> nn.Sequential:
    """The module that the factory makes, with weights of its own, in eval mode."""
    torch.manual_seed(seed)
    space: dict[str, Any] = {}
    exec(CODE, space)  # the very code that the factory's file holds
    made: nn.Sequential = space["make"]()
    made[1].running_mean.normal_()
    made[1].running_var.uniform_(0.5, 2.0)
    return made.eval()


def arrays(seed: int = 1) -> dict[str, np.ndarray]:
    """Images, labels, and the change of two images."""
    rng = np.random.default_rng(seed)
    return {"X": rng.standard_normal((12, 1, 4, 4)).astype(np.float32), "y": rng.integers(0, 3, 12),
            "u": 0.05 * rng.standard_normal((2, 1, 4, 4)).astype(np.float32)}


def write(folder: Path, spec: str = SPEC, **changed: np.ndarray) -> Path:
    """Write everything into a folder; the path of the spec."""
    found = arrays() | changed
    (folder / f"{MODULE}.py").write_text(CODE, encoding="utf-8")
    save_file(net().state_dict(), folder / "model.safetensors")
    np.savez(folder / "u.npz", u=found.pop("u"))
    np.savez(folder / "train.npz", **found)
    (folder / "certify.toml").write_text(spec, encoding="utf-8")
    return folder / "certify.toml"
