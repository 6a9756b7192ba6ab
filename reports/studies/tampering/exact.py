"""Whether a certificate about a few rows on disk is true: every change and training again, in rationals.

With the logistic loss in floats, which say nothing of outputs near 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from tests.families.stored_logistic import Logistic
from tests.families.stored_rows import FILES, Small

Json = dict[str, Any]

MOST, CHANGES = 8, 2
"""Rows and changes up to which all of these are gone through."""

LOGISTIC, CLEAR = 400, 1e-7
"""Rows up to which each is gone through with the logistic loss, and outputs that are told from 0."""


@dataclass(frozen=True)
class Stated(Small):
    """A problem with the labels that the weights in its file give.

    Attributes:
        today: these labels.
        everything: whether the intercept carries the penalty too.
    """

    today: tuple[int, ...]
    everything: bool

    def labels(self) -> list[int]:
        """Those of the file, whatever the penalty is."""
        return list(self.today)

    @property
    def decayed(self) -> list[bool]:
        """By column."""
        return [True] * self.X.shape[1] + [self.everything] * self.free


def is_true(folder: Path, top: Json) -> bool | None:
    """Whether what is stated of the evaluation rows is so; None of too many rows or changes.

    Args:
        folder: with the files.
        top: the certificate, which has the form of one.
    """
    problem, claim = top["problem"], top["claim"]
    if problem["loss"] == "logistic":
        return _by_refits(folder, top)
    if problem["rows"] > MOST or problem["count"] > CHANGES:
        return None
    X, y, new = (np.load(folder / FILES[role]) for role in ("data", "labels", "evaluation"))
    model = load_file(folder / FILES["model"])
    out = new @ model["weight"].T + model.get("bias", 0.0)
    today = (out[:, 0] > 0).astype(int) if problem["classes"] == 2 else out.argmax(axis=1)
    small = Stated(X, y, new, problem["classes"], float(problem["penalty"]), problem["intercept"] != "none",
                   tuple(today.tolist()), problem["intercept"] == "decayed")
    truth = small.truth(problem["change"], problem["count"])
    return all(truth[j][0] for j in claim["stays"]) and all(truth[j][1] for j in claim["flips"])


def _by_refits(folder: Path, top: Json) -> bool | None:
    """The same with the logistic loss and one change at most; None where floats do not tell."""
    problem, claim = top["problem"], top["claim"]
    if problem["rows"] > LOGISTIC or problem["count"] != 1 or not 1e-6 < problem["penalty"] < 1e6:
        return None
    X, y, new = (np.load(folder / FILES[role]) for role in ("data", "labels", "evaluation"))
    model = load_file(folder / FILES["model"])
    today = np.sign(new @ model["weight"][0] + model.get("bias", np.zeros(1))[0])
    found = Recipe(X, y, new, float(problem["penalty"]), problem["intercept"] != "none",
                   problem["intercept"] == "decayed")
    _, w = found.refits(problem["change"], 1)
    margins = (found.with_ones(new) @ w.T) * today[:, None]
    lost, kept = (margins < -CLEAR).any(axis=1), (margins > CLEAR).all(axis=1)
    if lost[claim["stays"]].any() or kept[claim["flips"]].any():
        return False
    return True if kept[claim["stays"]].all() and lost[claim["flips"]].all() else None


@dataclass(frozen=True)
class Recipe(Logistic):
    """A logistic regression whose intercept may carry the penalty."""

    everything: bool

    @property
    def mu(self) -> np.ndarray:
        """By column."""
        return np.array([self.penalty] * self.X.shape[1] + [self.penalty * self.everything] * self.free)
