"""Model files of different origin: each is read, or refused with one line that says why and what to do.

The table in `reports/benchmarks/formats.md` is what `python -m tests.unit.inputs.test_formats` prints. The nets by
others are looked for in the folder that the variable CERTIFY_MODELS names; without it their rows are skipped.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from certify.format.errors import InputError
from certify.inputs.model import widths_of
from tests.families.onnx_bytes import model, node
from tests.families.small import tensors
from tests.unit.inputs.formats.test_safetensors import pack

FILES = Path(__file__).parents[3] / "tests" / "families" / "files"
OTHERS = os.environ.get("CERTIFY_MODELS", "")
REPORT = Path(__file__).parents[3] / "reports" / "benchmarks" / "formats.md"


def bfloat16() -> bytes:
    header, data = {}, b""
    for name, array in tensors().items():
        half = (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(half)]}
        data += half
    return pack(header, data)


def onnx(kind: str) -> bytes:
    nodes = [node("Gemm", ["x", "w", "b"], "a", transB=1), node(kind, ["a"], "c"), node("Gemm", ["c", "v"], "y")]
    return model(nodes, {"w": np.ones((8, 3), "f4"), "b": np.ones(8, "f4"), "v": np.ones((8, 1), "f4")})


def half() -> bytes:
    return save({key: value.astype(np.float16) for key, value in tensors().items()})


TABLE: list[tuple[str, str, str | Callable[[], bytes]]] = [
    ("tanh net, float64, safetensors", "float64.safetensors", lambda: save(tensors())),
    ("the same in float16", "float16.safetensors", half),
    ("the same in bfloat16", "bfloat16.safetensors", bfloat16),
    ("state dict of torch.save", "tanh.pt", "files"),
    ("state dict in torch's format before 1.6, keys with `module.`", "half.pth", "files"),
    ("MNIST 6×100 of the α,β-CROWN benchmark, `state_dict` in a list", "mnist_6_100.pth", "others"),
    ("CIFAR-10 ResNet-20 by akamaster", "resnet20-12fca82f.th", "others"),
    ("CIFAR-10 ResNet-2b of the α,β-CROWN benchmark", "resnet2b_cifar10.pth", "others"),
    ("state dict with a convolution", "convolution.pt", "files"),
    ("state dict with BatchNorm", "batch-norm.pt", "files"),
    ("pickle that calls a function", "code.pt", "files"),
    ("whole module, pickled", "module.pt", "files"),
    ("TorchScript", "script.pt", "files"),
    ("torch.export", "tanh.pt2", "files"),
    ("torch.export with a slope of 0.2", "slope.pt2", "files"),
    ("torch.export with BatchNorm", "norm.pt2", "files"),
    ("ONNX, Gemm and Tanh", "tanh.onnx", lambda: onnx("Tanh")),
    ("ONNX with another operation", "clip.onnx", lambda: onnx("Clip")),
]


def line(name: str, origin: str | Callable[[], bytes], folder: Path) -> str:
    """What certify makes of the file: its widths, or the line of the refusal without the path."""
    if callable(origin):
        (folder / name).write_bytes(origin())
    path = {"files": FILES, "others": Path(OTHERS)}.get(origin, folder) / name if isinstance(origin, str) else (
        folder / name
    )
    try:
        return f"read: widths {widths_of(path)}"
    except InputError as error:
        return re.sub(rf"^model file \S*/{re.escape(name)}: ", "refused: ", str(error))


@pytest.mark.parametrize("label, name, origin", TABLE)
def test_the_report_holds_the_line(tmp_path, label, name, origin):
    if origin == "others" and not OTHERS:
        pytest.skip("CERTIFY_MODELS names no folder with nets by others")
    assert f"| {label} | {name} | {line(name, origin, tmp_path)} |\n" in REPORT.read_text(encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for label, name, origin in TABLE:
            sys.stdout.write(f"| {label} | {name} | {line(name, origin, Path(folder))} |\n")


if __name__ == "__main__":
    main()
