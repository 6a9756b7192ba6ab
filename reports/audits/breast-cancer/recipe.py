"""Train the network of this report and write `model.safetensors` and `train.npz`.

The recipe and its seed were fixed before anything was certified and are never changed because of a result:

1. data: scikit-learn's breast cancer set, each of the 30 columns standardised, targets −1 and +1, float64;
2. network: tanh 30-64-64-1, torch's default initialisation (drawn in float32, seed 0), converted to float64;
3. Adam, learning rate 1e-3, 4000 full-batch steps on the mean of ½(f − y)²;
4. Gauss–Newton steps of minimum norm, `w ← w − a J^T (J J^T)^{-1} (f − y)` with a halved until |f − y|
   decreases, until max |f − y| < 1e-12.

A rounding error in a Gauss–Newton step stays in the row space of J and is corrected by the next step, so the normal
equations are accurate enough *here*; the study of moved rows, which measures distances, uses QR.

Usage: `python recipe.py` writes both files beside this script (or into `-o FOLDER`); `python recipe.py --check`
trains again, writes nothing and compares with the files that are there.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SEED = 0
WIDTHS = (30, 64, 64, 1)
ADAM_STEPS, LEARNING_RATE = 4000, 1e-3
TARGET_RESIDUAL, NEWTON_LIMIT = 1e-12, 30
SMALLEST_STEP = 1e-8
SHA256 = {
    "model.safetensors": "0f7c1de5d3ee73750562f9be75f3d458d47844a13c35c97ec177d38d64a0d944",
    "train.npz": "587bad7fe0df5485ed5259197eb67042a5797f1e912f67b5ea7eb02bd2554863",
}
"""Digests of the committed files; they decide what is the subject of this report."""


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Standardised features `(569, 30)` and targets `(569,)` in {−1, +1}, float64."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    X = (bunch.data - bunch.data.mean(0)) / bunch.data.std(0)
    return X, 2.0 * bunch.target - 1.0


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """An uncompressed `.npz` whose bytes depend on the arrays alone: no time stamps, no platform."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def train(X: np.ndarray, y: np.ndarray, say: Callable[[str], None]) -> dict[str, np.ndarray]:
    """Parameters by name (`0.weight`, `0.bias`, `2.weight`, …) of the network trained by the recipe above."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    layers: list[torch.nn.Module] = []
    for before, after in zip(WIDTHS, WIDTHS[1:], strict=False):
        layers += [torch.nn.Linear(before, after), torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1]).double()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    for step in range(1, ADAM_STEPS + 1):
        optimiser.zero_grad()
        residual = net(inputs) - targets
        (0.5 * (residual**2).mean()).backward()
        optimiser.step()
        if step % 1000 == 0:
            say(f"Adam step {step}: max |f - y| = {residual.detach().abs().max():.2e}")
    _interpolate(net, inputs, targets, say)
    return {name: tensor.detach().numpy() for name, tensor in net.state_dict().items()}


def _interpolate(net, inputs, targets, say: Callable[[str], None]) -> None:
    """Minimum-norm Gauss–Newton steps with step halving, in place, until the residual is at rounding level."""
    import torch
    from torch.func import functional_call, grad, vmap

    names = [name for name, _ in net.named_parameters()]

    def output(parameters, x):
        return functional_call(net, parameters, (x[None],))[0, 0]

    for step in range(NEWTON_LIMIT):
        residual = (net(inputs) - targets)[:, 0].detach()
        worst = residual.abs().max().item()
        say(f"Gauss-Newton step {step}: max |f - y| = {worst:.2e}")
        if worst < TARGET_RESIDUAL:
            return
        parameters = {name: p.detach() for name, p in net.named_parameters()}
        rows = vmap(grad(output), (None, 0))(parameters, inputs)
        J = torch.cat([rows[name].reshape(len(inputs), -1) for name in names], 1)
        move = -J.T @ torch.linalg.solve(J @ J.T, residual)
        old = torch.nn.utils.parameters_to_vector(net.parameters()).detach()
        with torch.no_grad():
            length = 1.0
            while True:
                torch.nn.utils.vector_to_parameters(old + length * move, net.parameters())
                if (net(inputs) - targets).norm() < residual.norm():
                    break
                length /= 2
                if length < SMALLEST_STEP:
                    raise RuntimeError(f"Gauss-Newton step {step}: no step down to {SMALLEST_STEP} lowers |f - y|")
    raise RuntimeError(f"max |f - y| is not below {TARGET_RESIDUAL} after {NEWTON_LIMIT} Gauss-Newton steps")


def build(say: Callable[[str], None]) -> dict[str, bytes]:
    """Bytes of the two files, by name."""
    from safetensors.numpy import save

    X, y = load_data()
    return {"model.safetensors": save(train(X, y, say)), "train.npz": npz_bytes(X=X, y=y)}


def compare(files: dict[str, bytes], folder: Path, say: Callable[[str], None]) -> bool:
    """Whether the files in `folder` have exactly these bytes; says how far the numbers are apart where not."""
    from safetensors.numpy import load

    same = True
    for name, new in files.items():
        old = (folder / name).read_bytes()
        if new == old:
            say(f"{name}: identical, sha256 {hashlib.sha256(old).hexdigest()}")
            continue
        same = False
        read = load if name.endswith(".safetensors") else lambda data: dict(np.load(io.BytesIO(data)))
        a, b = read(new), read(old)
        apart = max(float(np.abs(a[key] - b[key]).max()) for key in b)
        say(f"{name}: not the same bytes; largest difference of a number {apart:.1e}")
    return same


def main(argv: list[str] | None = None) -> int:
    """Write the files, or compare with them; 0 if written or identical, 1 if they differ."""
    parser = argparse.ArgumentParser(description="train the network of reports/audits/breast-cancer")
    parser.add_argument("-o", "--out", type=Path, default=HERE, help="folder of the two files")
    parser.add_argument("--check", action="store_true", help="train again and compare, writing nothing")
    options = parser.parse_args(argv)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    files = build(say)
    if options.check:
        return 0 if compare(files, options.out, say) else 1
    for name, data in files.items():
        (options.out / name).write_bytes(data)
        say(f"{name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
