"""Model files of different origin, written here or named on the command line, and what certify says about each.

    python reports/studies/readers/table.py [FILE …]          prints the table of README.md

Needs torch, onnxscript and scikit-learn to write the files. The reading is certify's own and runs none of them.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from certify.format.errors import CertifyError

Written = tuple[str, str, Callable[[Path], None]]
SPEC = 'version = 1\nmodel = {{ file = "{}", widths = [1, 1], activation = "tanh" }}\ndata = {{ file = "d.npz" }}\n'


class Command:
    """Its pickle runs a command when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


def written() -> Iterator[Written]:
    """Origin, file name and how the file is written."""
    yield from saved_by_torch()
    yield from exported()
    yield from by_others()


def saved_by_torch() -> Iterator[Written]:
    import torch
    from safetensors.torch import save_file
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    state = net.state_dict()

    def save(content: object, **how: object) -> Callable[[Path], None]:
        return lambda path: torch.save(content, path, **how)

    def cast(kind: torch.dtype) -> dict[str, torch.Tensor]:
        return {key: value.to(kind) for key, value in state.items()}

    optimiser = torch.optim.Adam(net.parameters())
    sum(p.square().sum() for p in net.parameters()).backward()
    optimiser.step()
    state = {key: value.clone() for key, value in net.state_dict().items()}
    yield "state dict by safetensors, float32", "net.safetensors", lambda path: save_file(state, path)
    yield "the same in float16", "half.safetensors", lambda path: save_file(cast(torch.float16), path)
    yield "the same in bfloat16", "brain.safetensors", lambda path: save_file(cast(torch.bfloat16), path)
    yield "state dict of nn.Sequential by torch.save", "net.pt", save(state)
    yield "the same in bfloat16", "brain.pt", save(cast(torch.bfloat16))
    yield "the same in the format before torch 1.6", "old.pth", save(state, _use_new_zipfile_serialization=False)
    yield "checkpoint of a training loop: epoch, model, optimiser", "checkpoint.pt", save(
        {"epoch": 7, "model_state_dict": state, "optimizer_state_dict": optimiser.state_dict(), "loss": 0.1})
    yield "checkpoint in the form of Lightning, under its own ending", "last.ckpt", save({"state_dict": state})
    yield "the same, named .pt, keys with `model.`", "last.pt", save(
        {"epoch": 7, "pytorch-lightning_version": "2.5", "state_dict": {f"model.{k}": v for k, v in state.items()},
         "hyper_parameters": {"lr": 1e-3}, "optimizer_states": [optimiser.state_dict()]})
    yield "keys with `module.` of DataParallel", "parallel.pt", save({f"module.{k}": v for k, v in state.items()})
    yield "keys with `_orig_mod.` of torch.compile", "compiled.pt", save(
        {f"_orig_mod.{k}": v for k, v in state.items()})
    yield "whole nn.Module", "module.pt", save(net)
    yield "TorchScript", "script.pt", lambda path: torch.jit.script(net).save(path)
    yield "state dict with BatchNorm", "norm.pt", save(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).state_dict())
    yield "state dict with LayerNorm", "layernorm.pt", save(
        nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 1)).state_dict())
    yield "state dict with a convolution", "conv.pt", save(nn.Sequential(nn.Conv2d(1, 2, 3)).state_dict())
    yield "state dict of a transformer layer", "encoder.pt", save(nn.TransformerEncoderLayer(8, 2, 16).state_dict())
    yield "int8 weights", "int8.pt", save({k: (10 * v).to(torch.int8) for k, v in state.items()})
    yield "weights with a NaN", "nan.safetensors", lambda path: save_file(
        {k: v.where(v < v.max(), torch.tensor(torch.nan)) for k, v in state.items()}, path)
    yield "pickle that runs a command, inside torch.save", "command.pt", save({"0.weight": Command()})
    yield "pickle that runs a command, as .pth", "command.pth", lambda path: path.write_bytes(
        pickle.dumps(Command())) and None
    yield "the same as .safetensors", "command.safetensors", lambda path: path.write_bytes(
        pickle.dumps(Command())) and None


def exported() -> Iterator[Written]:
    import torch
    from torch import nn

    torch.manual_seed(0)
    example = torch.zeros(2, 4)

    def chain(*more: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), *more).eval()

    plain = chain(nn.Tanh(), nn.Linear(16, 3))

    def export(module: nn.Module, **how: object) -> Callable[[Path], None]:
        return lambda path: torch.export.save(torch.export.export(module, (example,), **how), path)

    def onnx(module: nn.Module, dynamo: bool = False) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            buffer = io.BytesIO()
            if dynamo:
                torch.onnx.export(module, (example,), dynamo=True, verbose=False).save(buffer)
            else:
                axes = {"x": {0: "n"}}
                torch.onnx.export(module, (example,), buffer, dynamo=False, dynamic_axes=axes, input_names=["x"])
            path.write_bytes(buffer.getvalue())

        return write

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.tanh(self.a(x))

    batch = {"dynamic_shapes": ({0: torch.export.Dim("n")},)}
    yield "torch.export", "net.pt2", export(plain)
    yield "torch.export, any number of rows", "rows.pt2", export(plain, **batch)
    yield "torch.export with softmax at the end", "softmax.pt2", export(
        chain(nn.ReLU(), nn.Linear(16, 3), nn.Softmax(1)))
    yield "torch.export with a skip connection", "skip.pt2", export(Residual())
    yield "torch.onnx.export", "net.onnx", onnx(plain)
    yield "torch.onnx.export, Flatten and Dropout", "flat.onnx", onnx(
        nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 1)).eval())
    yield "torch.onnx.export with BatchNorm", "norm.onnx", onnx(chain(nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)))
    yield "the same with dynamo=True, which folds it", "dynamo.onnx", onnx(
        chain(nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)), dynamo=True)
    yield "the same with BatchNorm folded into the layer before export", "folded.onnx", onnx(folded())
    yield "torch.onnx.export with SiLU", "silu.onnx", onnx(chain(nn.SiLU(), nn.Linear(16, 3)))
    yield "torch.onnx.export with a skip connection", "skip.onnx", onnx(Residual())


def folded():
    """A network whose BatchNorm is folded into the linear layer before it, as exporters do."""
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_linear_bn_eval

    torch.manual_seed(0)
    linear, norm = nn.Linear(4, 16).eval(), nn.BatchNorm1d(16).eval()
    norm.running_mean.normal_()
    return nn.Sequential(fuse_linear_bn_eval(linear, norm), nn.ReLU(), nn.Linear(16, 3)).eval()


def by_others() -> Iterator[Written]:
    import joblib
    from safetensors.numpy import save_file
    from sklearn.datasets import load_iris
    from sklearn.neural_network import MLPClassifier

    X, y = load_iris(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it converged is of no interest here
        fitted = MLPClassifier((16,), activation="tanh", random_state=0, max_iter=50).fit(X, y)
    arrays = {}
    for h, (coefficients, intercepts) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        arrays |= {f"{2 * h}.weight": np.ascontiguousarray(coefficients.T), f"{2 * h}.bias": intercepts}
    keras = {f"dense_{h}/kernel:0": value for h, value in enumerate(fitted.coefs_)}
    yield "scikit-learn MLPClassifier by joblib", "iris.joblib", lambda path: joblib.dump(fitted, path) and None
    yield "its coefs_ and intercepts_ as .npz", "iris.npz", lambda path: np.savez(path, *fitted.coefs_)
    yield "the same as the line above asks for", "iris.safetensors", lambda path: save_file(arrays, path)
    yield "weights of Keras as .safetensors", "keras.safetensors", lambda path: save_file(keras, path)
    yield "Keras' own format", "net.keras", lambda path: path.write_bytes(b"PK\x03\x04") and None


def said(path: Path) -> str:
    """What certify makes of a file: layers and activation, or its one line, without folders."""
    from certify.inputs.formats.table import open_archive
    from certify.inputs.model import read_network, widths_of
    from certify.spec import parse_spec
    from certify.spec.sources import read_source

    try:
        parse_spec(SPEC.format(path.name).encode())
        widths = widths_of(path)
        activation = open_archive(read_source(path, "model"), "model").activation
        text = SPEC.format(path.name).replace("[1, 1]", str(widths)).replace("tanh", activation or "tanh")
        net = read_network(parse_spec(text.encode()), path.parent)
        layers = "-".join(map(str, net.widths))
        mark = ", reparameterised" if net.reparameterised else ""
        return f"read: {layers}, {activation or 'activation from the spec'}, {net.parameters('all')} parameters{mark}"
    except CertifyError as error:
        line = str(error).replace(f"{path.parent}/", "")
        return "refused: " + re.sub(rf"^(model file {re.escape(path.name)}|spec): ", "", line).replace("|", "∣")


def rows(others: list[str]) -> Iterator[str]:
    """The table, line by line."""
    yield "| origin | file | what certify says |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        for origin, name, write in written():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(Path(folder) / name)
            yield f"| {origin} | {name} | {said(Path(folder) / name)} |"
        if list(Path(folder).rglob("EXECUTED")) or Path("EXECUTED").exists():
            raise SystemExit("something was executed")
    for name in others:
        yield f"| by others | {Path(name).name} | {said(Path(name))} |"


def main() -> None:
    for line in rows(sys.argv[1:]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
