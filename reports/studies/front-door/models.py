"""Twenty-four ordinary models, as people have them: recipes fixed before anything was asked about them.

    python reports/studies/front-door/models.py FOLDER        # trains them and writes model, data and what is known

Twelve are those of a new user's evaluation (a to j, with e1 to e3), twelve are of the same kinds on other data (names
with a prime, here `2`). A folder holds the model's file, `train` and `new` rows, and `model.json`: the options that
somebody who trained it knows, and the mean training loss that its own library computes.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

NETS = Path(__file__).with_name("nets.py")

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "logistic": lambda f, y: nn.functional.binary_cross_entropy_with_logits(f[:, 0], y.double() if (
        f.dtype == torch.float64) else y.float()),
    "cross_entropy": nn.functional.cross_entropy,
    "squared": lambda f, y: 0.5 * ((f - y.to(f.dtype).reshape(f.shape)) ** 2).sum(dim=1).mean(),
}


@dataclass(frozen=True)
class Split:
    """Rows to train on, and rows to predict."""

    X: Any
    X_new: Any
    y: Any
    y_new: Any
    names: tuple[str, ...] = ()


def split(load: Callable[..., Any], scaled: bool = True, classes: tuple[int, ...] | None = None,
          columns: slice = slice(None)) -> Split:
    """A data set of scikit-learn, parted by `train_test_split(random_state=0)`; images are divided by 16."""
    data = load()
    X, y = np.asarray(data.data)[:, columns], np.asarray(data.target)
    if classes is not None:
        keep = np.isin(y, classes)
        X, y = X[keep], np.searchsorted(classes, y[keep])
    X, X_new, y, y_new = train_test_split(X, y, random_state=0)
    if scaled == "pixels":
        X, X_new = X / 16.0, X_new / 16.0
    elif scaled:
        scale = StandardScaler().fit(X)
        X, X_new = scale.transform(X), scale.transform(X_new)
    names = tuple(str(n).replace(" ", "_") for n in getattr(data, "feature_names", ()))[columns]
    return Split(X, X_new, y, y_new, names)


def trained(net: nn.Module, rows: Split, loss: str, optimizer: str = "adamw", decay: float = 0.01, epochs: int = 60,
            shape: tuple[int, ...] = ()) -> nn.Module:
    """Train as usual: minibatches of 32, a rate of 1e-3, stopped after some epochs."""
    torch.manual_seed(0)
    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    made = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[optimizer](net.parameters(), 1e-3, weight_decay=decay)
    X = torch.tensor(rows.X, dtype=torch.float32).reshape(len(rows.X), *shape) if shape else torch.tensor(
        rows.X, dtype=torch.float32)
    y = torch.tensor(rows.y)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(X)).split(32):
            if len(batch) > 1:
                made.zero_grad()
                LOSSES[loss](net(X[batch]), y[batch]).backward()
                made.step()
    return net.eval()


def mean_loss(net: nn.Module, rows: Split, loss: str, shape: tuple[int, ...] = ()) -> float:
    """The mean training loss in float64, by torch."""
    import copy

    X = torch.tensor(rows.X, dtype=torch.float64)
    with torch.no_grad():
        outputs = copy.deepcopy(net).double().eval()(X.reshape(len(X), *shape) if shape else X)
        return float(LOSSES[loss](outputs, torch.tensor(rows.y)))


def arrays(folder: Path, rows: Split, shape: tuple[int, ...] = ()) -> None:
    """Write the rows as `.npz`."""
    for name, X, y in (("train", rows.X, rows.y), ("new", rows.X_new, rows.y_new)):
        np.savez(folder / f"{name}.npz", X=X.reshape(len(X), *shape) if shape else X, y=y)


def table(folder: Path, rows: Split, target: str = "target") -> None:
    """Write the rows as `.csv`."""
    for name, X, y in (("train", rows.X, rows.y), ("new", rows.X_new, rows.y_new)):
        lines = [",".join((*rows.names, target))] + [
            ",".join(repr(float(v)) for v in row) + f",{label}" for row, label in zip(X, y, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def note(folder: Path, model: str, data: str, loss: float | None, options: list[str]) -> None:
    """Write what is known of the model."""
    (folder / "model.json").write_text(json.dumps(
        {"model": model, "train": f"train.{data}", "new": f"new.{data}", "loss": loss, "options": options}, indent=1),
        encoding="utf-8")


def chain(*widths: int, act: Callable[[], nn.Module]) -> nn.Sequential:
    """A fully connected network."""
    layers: list[nn.Module] = []
    for d, k in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(d, k), act()]
    return nn.Sequential(*layers[:-1])


def torch_chain(rows: Split, widths: tuple[int, ...], act: type[nn.Module], word: str, loss: str,
                optimizer: str = "adamw", decay: float = 0.01, csv: bool = False) -> Callable[[Path], None]:
    """A network as a state_dict in `.safetensors`, whose activation and loss no file says."""
    def write(folder: Path) -> None:
        from safetensors.torch import save_file

        net = trained(chain(*widths, act=act), rows, loss, optimizer, decay)
        save_file(net.state_dict(), folder / "model.safetensors")
        (table if csv else arrays)(folder, rows)
        penalty = decay if optimizer == "adam" else 0.0  # the decay of AdamW is no penalty
        said = [] if len(widths) == 2 else ["--activation", word]
        note(folder, "model.safetensors", "csv" if csv else "npz", mean_loss(net, rows, loss),
             [*said, "--loss", loss, "--weight-decay", repr(penalty)])

    return write


def estimator(rows: Split, model: Any, csv: bool = True) -> Callable[[Path], None]:
    """A fitted estimator as `.skops`, which says everything itself."""
    def write(folder: Path) -> None:
        import pandas as pd
        import skops.io

        X = pd.DataFrame(rows.X, columns=rows.names) if csv and rows.names else rows.X
        skops.io.dump(model.fit(X, rows.y), folder / "model.skops")
        (table if csv else arrays)(folder, rows)
        note(folder, "model.skops", "csv" if csv else "npz", None, [])

    return write


def module(rows: Split, name: str, loss: str, optimizer: str, decay: float, shape: tuple[int, ...],
           ) -> Callable[[Path], None]:
    """The weights of a module of `nets.py`, which the factory makes."""
    def write(folder: Path) -> None:
        import importlib.util

        spec = importlib.util.spec_from_file_location("front_door_nets", NETS)
        assert spec is not None and spec.loader is not None
        nets = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(nets)
        net = trained(getattr(nets, name)(), rows, loss, optimizer, decay, 30, shape)
        torch.save(net.state_dict(), folder / "model.pt")
        (folder / "nets.py").write_text(NETS.read_text(encoding="utf-8"), encoding="utf-8")
        arrays(folder, rows, shape)
        penalty = decay if optimizer == "adam" else 0.0
        note(folder, "model.pt", "npz", mean_loss(net, rows, loss, shape),
             ["--factory", f"nets:{name}", "--loss", loss, "--weight-decay", repr(penalty)])

    return write


def onnx(rows: Split, widths: tuple[int, ...], act: type[nn.Module], loss: str, optimizer: str, decay: float,
         ) -> Callable[[Path], None]:
    """A network as torch exports it to ONNX with its default arguments."""
    def write(folder: Path) -> None:
        net = trained(chain(*widths, act=act), rows, loss, optimizer, decay)
        torch.onnx.export(net, (torch.zeros(1, widths[0]),), folder / "model.onnx")
        arrays(folder, rows)
        penalty = decay if optimizer == "adam" else 0.0
        note(folder, "model.onnx", "npz", mean_loss(net, rows, loss), ["--loss", loss, "--weight-decay", repr(penalty)])

    return write


def linear_file(rows: Split, C: float) -> Callable[[Path], None]:
    """Weights and intercepts of a LogisticRegression as `.npz`."""
    def write(folder: Path) -> None:
        model = LogisticRegression(C=C).fit(rows.X, rows.y)
        np.savez(folder / "model.npz", coef=model.coef_, intercept=model.intercept_)
        arrays(folder, rows)
        z = model.decision_function(rows.X)
        loss = float(np.logaddexp(0.0, np.where(rows.y == 1, -z, z)).mean())
        note(folder, "model.npz", "npz", loss,
             ["--loss", "logistic", "--weight-decay", repr(1.0 / (C * len(rows.X))), "--no-bias-decay"])

    return write


def random_features(rows: Split, count: int) -> Split:
    """Cosine features in the place of the embeddings of an encoder: the same sizes, and no package to fetch."""
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(rows.X.shape[1], count)) * 0.5, rng.uniform(0, 2 * math.pi, count)
    X, X_new = (np.cos(part @ W + b) * math.sqrt(2.0 / count) for part in (rows.X[:800], rows.X_new[:200]))
    return Split(X, X_new, rows.y[:800], rows.y_new[:200])


def recipes() -> dict[str, Callable[[Path], None]]:
    """By name, in the order of the table."""
    cancer, digits = split(load_breast_cancer), split(load_digits, "pixels")
    diabetes, wine, iris = split(load_diabetes), split(load_wine), split(load_iris)
    unscaled = split(load_wine, False)
    five = split(load_digits, "pixels", (0, 1, 2, 3, 4))
    return {
        "a": torch_chain(cancer, (30, 64, 32, 1), nn.ReLU, "relu", "logistic"),
        "b": torch_chain(digits, (64, 128, 64, 10), nn.ReLU, "relu", "cross_entropy", "adam", 1e-4),
        "c": torch_chain(diabetes, (10, 32, 1), nn.ReLU, "relu", "squared", csv=True),
        "d": torch_chain(split(load_breast_cancer, columns=slice(3)), (3, 1), nn.ReLU, "", "logistic", "adam", 1e-3),
        "e1": estimator(cancer, LogisticRegression()),
        "e2": estimator(diabetes, Ridge()),
        "e3": estimator(cancer, MLPClassifier(hidden_layer_sizes=(32,), random_state=0)),
        "f": module(digits, "small_cnn", "cross_entropy", "adam", 1e-3, (1, 8, 8)),
        "g": module(cancer, "batch_norm", "logistic", "adam", 1e-3, (30,)),
        "h": onnx(cancer, (30, 32, 16, 1), nn.ReLU, "logistic", "adamw", 0.01),
        "i": module(digits, "transformer", "cross_entropy", "adam", 1e-3, (8, 8)),
        "j": torch_chain(random_features(five, 384), (384, 5), nn.ReLU, "", "cross_entropy", "adam", 1e-3),
        "a2": torch_chain(wine, (13, 32, 16, 3), nn.ReLU, "relu", "cross_entropy"),
        "b2": torch_chain(digits, (64, 64, 10), nn.Tanh, "tanh", "cross_entropy", "adam", 1e-3),
        "c2": torch_chain(diabetes, (10, 16, 1), nn.SiLU, "silu", "squared", "adam", 1e-3, csv=True),
        "d2": linear_file(split(load_digits, "pixels", (3, 8)), 1.0),
        "e12": estimator(unscaled, make_pipeline(StandardScaler(), LogisticRegression())),
        "e22": estimator(wine, RidgeClassifier()),
        "e32": estimator(diabetes, MLPRegressor(hidden_layer_sizes=(20,), max_iter=500, random_state=0)),
        "f2": module(five, "norm_cnn", "cross_entropy", "adam", 1e-3, (1, 8, 8)),
        "g2": module(wine, "norm_wine", "cross_entropy", "adam", 1e-3, (13,)),
        "h2": onnx(iris, (4, 16, 3), nn.Tanh, "cross_entropy", "adam", 1e-3),
        "i2": module(five, "attention", "cross_entropy", "adam", 1e-3, (8, 8)),
        "j2": estimator(random_features(digits, 256), LogisticRegression(), csv=False),
    }


def main() -> None:
    """Write every model that is not there yet."""
    root = Path(sys.argv[1])
    for name, write in recipes().items():
        folder = root / name
        if not (folder / "model.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write(folder)
            print(name, flush=True)


if __name__ == "__main__":
    main()
