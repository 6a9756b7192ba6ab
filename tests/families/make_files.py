"""Writes the model files in `files/`, which tests read without torch: run it where torch is installed.

Paths of the machine, which torch.export and TorchScript note for debugging, are left out of what is written.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

FILES = Path(__file__).parent / "files"


class Harmless:
    """Something whose pickle calls a function when it is loaded."""

    def __reduce__(self):
        return os.getenv, ("EXECUTED",)


def rewrite(content: bytes, change) -> bytes:
    """The same zip archive with each member changed, or left out where `change` returns None."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            member = change(name, old.read(name))
            if member is not None:
                new.writestr(zipfile.ZipInfo(name), member)
    return buffer.getvalue()


def without_paths(name: str, content: bytes) -> bytes | None:
    if name.endswith(".debug_pkl"):
        return None
    if "/models/" in name:
        program = json.loads(content)
        for node in program["graph_module"]["graph"]["nodes"]:
            node["metadata"] = {}
        return json.dumps(program, separators=(",", ":")).encode()
    return content


def main() -> None:
    import torch
    from torch import nn

    FILES.mkdir(exist_ok=True)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    state = net.state_dict()
    torch.save(state, FILES / "tanh.pt")
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v.half() for k, v in state.items()}},
               FILES / "half.pth", _use_new_zipfile_serialization=False)
    torch.save([{k: v.bfloat16() for k, v in state.items()}], FILES / "bfloat16.pt")
    torch.save({"0.weight": torch.arange(24.0).reshape(3, 8).t(), "0.bias": nn.Parameter(torch.ones(8))},
               FILES / "strided.pt")
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).state_dict(), FILES / "convolution.pt")
    torch.save(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).state_dict(), FILES / "batch-norm.pt")
    torch.save(net, FILES / "module.pt")
    torch.save({"0.weight": Harmless()}, FILES / "code.pt")
    (FILES / "code.pth").write_bytes(pickle.dumps({"0.weight": Harmless()}, protocol=4))
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(net), buffer)
    (FILES / "script.pt").write_bytes(rewrite(buffer.getvalue(), without_paths))
    example = (torch.zeros(2, 3, dtype=torch.float64),)
    deep = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Dropout(), nn.Linear(4, 4, bias=False), nn.GELU(),
                         nn.Linear(4, 1)).eval()
    for name, module in {
        "tanh": net, "deep": deep.double(),
        "tanh-last": nn.Sequential(nn.Linear(3, 1), nn.Tanh()).double(),
        "slope": nn.Sequential(nn.Linear(3, 2), nn.LeakyReLU(0.2), nn.Linear(2, 1)).double(),
        "norm": nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)).double().eval(),
        "hardtanh": nn.Sequential(nn.Linear(3, 2), nn.Hardtanh(), nn.Linear(2, 1)).double(),
    }.items():
        buffer = io.BytesIO()
        torch.export.save(torch.export.export(module, example), buffer)
        (FILES / f"{name}.pt2").write_bytes(rewrite(buffer.getvalue(), without_paths))


if __name__ == "__main__":
    main()
