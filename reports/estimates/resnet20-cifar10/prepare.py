"""Make `model.safetensors`, `rows.npz` and `graph.json` from files that are not in this repository; test accuracy.

    python reports/estimates/resnet20-cifar10/prepare.py --weights resnet20-12fca82f.th --cifar FOLDER

The weights are read with `weights_only=True` and stored as they are (float32, running statistics included). FOLDER is
that of `resnet2b-cifar10/prepare.py`. The paths can also come from the environment: RESNET20_WEIGHTS and
CIFAR_FOLDER. Rows: the first 4 training images, decided in advance. Inputs are `(x/255 − mean)/deviation` in float32,
the normalisation published with the weights; the test accuracy, known to be 91.73 %, shows that it is the right one.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parents[2])]
import training  # noqa: E402

found = importlib.util.spec_from_file_location("resnet2b", HERE.parent / "resnet2b-cifar10" / "prepare.py")
assert found is not None and found.loader is not None
resnet2b = importlib.util.module_from_spec(found)
found.loader.exec_module(resnet2b)

ROWS = 4
SHAPE = (3, 32, 32)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def module() -> Any:
    """The network as a torch module, with the names of the published tensors."""
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
            self.more = (after - before) // 2

        def forward(self, x: Any) -> Any:
            out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.more:  # option A: every second pixel, and channels of zeros on both sides
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
            return F.relu(out + x)

    class ResNet20(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            self.layer1 = nn.Sequential(*[Block(16, 16, 1) for _ in range(3)])
            self.layer2 = nn.Sequential(Block(16, 32, 2), *[Block(32, 32, 1) for _ in range(2)])
            self.layer3 = nn.Sequential(Block(32, 64, 2), *[Block(64, 64, 1) for _ in range(2)])
            self.linear = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
            return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))

    return ResNet20()


def main() -> int:
    parser = argparse.ArgumentParser(description="files of reports/estimates/resnet20-cifar10")
    parser.add_argument("--weights", type=Path, default=os.environ.get("RESNET20_WEIGHTS"))
    parser.add_argument("--cifar", type=Path, default=os.environ.get("CIFAR_FOLDER"))
    parser.add_argument("-o", "--out", type=Path, default=HERE)
    options = parser.parse_args()
    if options.weights is None or options.cifar is None:
        parser.error("give --weights and --cifar, or RESNET20_WEIGHTS and CIFAR_FOLDER")
    from safetensors.torch import save

    from certify.inputs.graph_file import graph_bytes
    from certify.inputs.torch.trace import trace

    net, folder = module().eval(), Path(options.cifar)
    tensors = resnet2b.read_weights(Path(options.weights))
    net.load_state_dict({name.removeprefix("module."): tensor for name, tensor in tensors.items()})
    images = resnet2b.read_images(folder, "test_batch", None, MEAN, DEVIATION)
    tested = resnet2b.accuracy(net, images, resnet2b.read_labels(folder, "test"))
    training.say(f"test accuracy: {100 * tested:.2f} %")
    X = resnet2b.read_images(folder, "data_batch_1", ROWS, MEAN, DEVIATION)
    y = resnet2b.read_labels(folder, "train", ROWS)
    training.say(f"rows: first {ROWS} training images; accuracy {100 * resnet2b.accuracy(net, X, y):.1f} %")
    graph = trace(net, SHAPE, "resnet20")
    files = {"model.safetensors": save(net.state_dict()), "rows.npz": training.npz_bytes(X=X, y=y),
             "graph.json": graph_bytes(graph.nodes, graph.shape, graph.output)}  # fmt: skip
    for name, data in files.items():
        (options.out / name).write_bytes(data)
        training.say(f"{name}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
