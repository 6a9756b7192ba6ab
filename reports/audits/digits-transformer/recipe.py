"""Train the network of this report; write `model.safetensors`, `graph.json`, `train.npz` and `test.npz`.

Fixed before anything was certified: the first 300 of scikit-learn's digits, rows of an image as 8 tokens of 8 pixels
divided by 16; a linear layer to 16 channels, learned positions, one `nn.TransformerEncoderLayer` (2 heads, 32 units,
gelu, norms before), LayerNorm, mean over tokens, a linear layer to 10; torch's default initialisation, seed 0, float32;
600 full-batch Adam steps, learning rate 3e-3, on the mean cross-entropy, no dropout. The next 200 digits are predicted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

ROWS, TOKENS, CHANNELS, HEADS, UNITS = 300, 8, 16, 2, 32
PREDICTED = 200
STEPS, RATE = 600, 3e-3


def network() -> Any:
    """The module, with fresh weights; `certify graph recipe:network --shape 8,8` writes its graph."""
    import torch
    from torch import nn

    class Classifier(nn.Module):
        """A transformer block over the rows of an image."""

        def __init__(self) -> None:
            super().__init__()
            self.enter = nn.Linear(8, CHANNELS)
            self.position = nn.Parameter(0.02 * torch.randn(1, TOKENS, CHANNELS))
            self.block = nn.TransformerEncoderLayer(CHANNELS, HEADS, UNITS, dropout=0.0, activation="gelu",
                                                    batch_first=True, norm_first=True)
            self.norm, self.leave = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """Outputs of rows `(n, 8, 8)`."""
            return self.leave(self.norm(self.block(self.enter(x) + self.position)).mean(dim=1))

    torch.set_num_threads(1)
    torch.manual_seed(training.SEED)
    return Classifier()


def build() -> training.Files:
    import torch
    from safetensors.numpy import save
    from sklearn.datasets import load_digits

    from certify.inputs.graph_file import graph_bytes
    from certify.inputs.torch.trace import trace

    bunch, end = load_digits(), ROWS + PREDICTED
    rows, labels_of = (bunch.data[:end] / 16).reshape(-1, TOKENS, 8).astype(np.float16), bunch.target.astype(np.uint8)
    X, y = rows[:ROWS], labels_of[:ROWS]
    net = network()
    inputs, labels = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y.astype(np.int64))
    training.adam(net, lambda: torch.nn.functional.cross_entropy(net(inputs), labels), STEPS, RATE)
    graph = trace(net, (TOKENS, 8))
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y),
            "test.npz": training.npz_bytes(X=rows[ROWS:], y=labels_of[ROWS:end]),
            "graph.json": graph_bytes(graph.nodes, graph.shape, graph.output)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
