"""Golden heads: small linear models, each asked about rows that change, at sizes that a user asks about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from safetensors.numpy import save_file

from certify.finders.head.refits import Refitter
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, {outputs}]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
{weights}[training]
loss = "{loss}"
weight_decay = {decay}
bias_decay = {bias_decay}
{balanced}[solution]
map = "critical"
base = "nearby"
[perturbation]
{change}
{evaluation}
[[gate]]
quantity = "{quantity}"
{bar}
"""
EVALUATION = '[evaluation]\nfile = "more.npz"\n'
ROWS, POINTS, USERS = 24, 12, 8
DELETED, LABELS = 'parameter = "deletions"\nset = "sparse"\ncount = ', 'parameter = "labels"\nset = "sparse"\ncount = '


@dataclass(frozen=True)
class Asked:
    """One question about one model: its loss and penalty, the change, and the gate."""

    change: str
    loss: str = "logistic"
    decay: float = 0.05
    bias_decay: bool = True
    quantity: str = "stable_predictions"
    bar: str = "min = 1"
    evaluation: str = EVALUATION
    weights: str = ""
    balanced: str = ""

    @property
    def classes(self) -> int:
        """How many; one output stands for two."""
        return 3 if self.loss in ("cross_entropy", "one_vs_rest") else 2


ASKED: Final[Mapping[str, Asked]] = MappingProxyType({
    "rows-deleted": Asked(DELETED + "2"),
    "rows-deleted-free-intercept": Asked(DELETED + "1", bias_decay=False),
    "rows-deleted-classes": Asked(DELETED + "1", "cross_entropy"),
    "rows-deleted-one-vs-rest": Asked(DELETED + "1", "one_vs_rest"),
    "rows-deleted-hinge": Asked(DELETED + "1", "squared_hinge"),
    "rows-deleted-squared": Asked(DELETED + "2", "squared", evaluation=EVALUATION + "threshold = 0.0"),
    "labels-wrong": Asked(LABELS + "2"),
    "labels-wrong-classes": Asked(LABELS + "1", "cross_entropy"),
    "labels-wrong-squared": Asked(LABELS + "3", "squared", evaluation=EVALUATION + "threshold = 0.0"),
    "these-rows": Asked('parameter = "deletions"\nset = "given"\nrows = [3, 1]'),
    "one-user": Asked('parameter = "deletions"\ngroups = "user"\ncount = 1'),
    "deleted-and-relabelled": Asked(DELETED + "1\nrelabelled = 1", decay=0.2),
    "rows-added": Asked(DELETED + '1\nfresh = "added"', decay=0.5),
    "noise": Asked('parameter = "features"\nset = "per_sample"\nradius = 0.05'),
    "right-labels": Asked(DELETED + "1", quantity="correct_predictions", evaluation=EVALUATION + 'targets = "y"'),
    "rows-survived": Asked(DELETED + "3", quantity="tolerated_changes"),
    "weights-moved": Asked(DELETED + "1", quantity="distance", bar="max = 9", evaluation=""),
    "outputs-moved": Asked(LABELS + "1", quantity="prediction_change", bar="max = 9"),
    "weights-of-rows": Asked(DELETED + "2", weights='weights = "c"\n'),
    "signs-of-coefficients": Asked(DELETED + "2", evaluation='[evaluation]\ncoefficients = "all"\n'),
    "values-of-coefficients": Asked(DELETED + "1", quantity="functional", bar="max = 9",
                                    evaluation='[evaluation]\ncoefficients = "all"\n'),
    "outputs-moved-classes": Asked(DELETED + "1", "cross_entropy", quantity="prediction_change", bar="max = 9"),
})
"""By the name of the folder."""


def write(asked: Asked, folder: Path) -> Path:
    """The files of a question, at weights fitted to their rows; the path of its spec."""
    rng = np.random.default_rng(20)
    label = np.arange(ROWS) % asked.classes
    X = np.round(np.array([[-2.0, 0], [2.0, 0], [0, 3.0]])[label] + rng.normal(size=(ROWS, 2)), 2)
    codes = np.array([[-1.0], [1.0]])
    if asked.classes == 3:
        codes = np.eye(3) if asked.loss == "cross_entropy" else 2 * np.eye(3) - 1
    y = codes[label].ravel() if asked.loss == "squared" else label if asked.classes == 3 else label.astype(float)
    V = Refitter(Head(np.c_[X, np.ones(ROWS)], np.zeros(ROWS), codes[label], codes, label.astype(np.int64),
                      HEAD_LOSSES[asked.loss], np.zeros((codes.shape[1], 3)), asked.decay,
                      np.array([True, True, asked.bias_decay]), False, np.ones((1, 3)), np.zeros(1))).V0
    points = np.round(rng.normal(size=(POINTS, 2)) * 2, 2)
    folder.mkdir(parents=True)
    save_file({"0.weight": V[:, :2].copy(), "0.bias": V[:, 2].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y, user=(np.arange(ROWS) % USERS).astype(float),
             c=1.0 + np.arange(ROWS) % 3)
    np.savez(folder / "more.npz", X=points, y=(points[:, 0] > 0).astype(float))
    spec = SPEC.format(outputs=len(V), loss=asked.loss, decay=asked.decay, weights=asked.weights,
                       bias_decay=str(asked.bias_decay).lower(), balanced=asked.balanced,
                       change=asked.change, evaluation=asked.evaluation, quantity=asked.quantity, bar=asked.bar)
    (folder / "spec.toml").write_text(spec, encoding="utf-8")
    return folder / "spec.toml"
