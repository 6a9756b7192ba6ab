"""What the recipes of the reports share: networks, full-batch Adam, and files whose bytes depend on the numbers alone.

Every recipe uses torch's default initialisation with seed 0 and one thread, and was fixed before anything was
certified.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import math
import sys
import zipfile
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Files = dict[str, bytes]
SEED = 0
ACTIVATIONS = {"elu": "ELU", "gelu": "GELU", "relu": "ReLU", "softplus": "Softplus", "tanh": "Tanh"}


def network(widths: tuple[int, ...], activation: str, double: bool) -> Any:
    """`torch.nn.Sequential` of linear layers, drawn in float32 with seed 0."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    layers: list[Any] = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [torch.nn.Linear(before, after), getattr(torch.nn, ACTIVATIONS[activation])()]
    net = torch.nn.Sequential(*layers[:-1])
    return net.double() if double else net


def adam(net: Any, loss: Callable[[], Any], steps: int, rate: float) -> None:
    """Full-batch steps of Adam on `loss`."""
    import torch

    optimiser = torch.optim.Adam(net.parameters(), lr=rate)
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        if step % 500 == 0 or step == steps:
            say(f"Adam step {step}: loss {value.item():.3e}")


def state(net: Any) -> Files:
    """Parameters by name, copied."""
    return {name: tensor.detach().numpy().copy() for name, tensor in net.state_dict().items()}


def level_above(loss: float) -> float:
    """1.05 × loss, rounded up to three significant digits: the level of every persistence radius in these reports.

    >>> level_above(0.0123449), level_above(2.0)
    (0.013, 2.1)
    """
    value = Decimal(loss) * Decimal("1.05")
    unit = Decimal(1).scaleb(math.floor(value.log10()) - 2)
    return float((value / unit).to_integral_value(ROUND_CEILING) * unit)


def npz_bytes(**arrays: Array) -> bytes:
    """An uncompressed `.npz` without time stamps or platform."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def standardised(X: Array) -> Array:
    """Columns with mean 0 and standard deviation 1 (population formula)."""
    return (X - X.mean(0)) / X.std(0)


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


def main(folder: Path, build: Callable[[], Files]) -> int:
    """Write the files `build` makes, or with `--check` compare them with those in the folder; 1 if they differ."""
    parser = argparse.ArgumentParser(description=f"make the files of reports/{folder.parent.name}/{folder.name} again")
    parser.add_argument("-o", "--out", type=Path, default=folder, help="where to write")
    parser.add_argument("--check", action="store_true", help="compare with the files there, writing nothing")
    options = parser.parse_args()
    same = True
    for name, new in build().items():
        digest = hashlib.sha256(new).hexdigest()
        if options.check:
            old = (folder / name).read_bytes()
            same &= new == old
            say(f"{name}: {'identical' if new == old else 'other bytes, ' + _apart(name, new, old)}")
        else:
            (options.out / name).write_bytes(new)
            say(f"{name}: {len(new)} bytes, sha256 {digest}")
    return 0 if same else 1


def _apart(name: str, new: bytes, old: bytes) -> str:
    from safetensors.numpy import load

    read = load if name.endswith(".safetensors") else lambda data: dict(np.load(io.BytesIO(data)))
    a, b = read(new), read(old)
    largest = max(float(np.abs(a[key].astype(float) - b[key].astype(float)).max()) for key in b)
    return f"largest difference of a number {largest:.1e}"
