"""Whether what a certificate states of a small head is so: every change of its rows and training again, in floats.

It reads the spec as it lies in the folder and nothing of the product. Floats say nothing of outputs near a threshold.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np

Json = dict[str, Any]
Array = np.ndarray

CLEAR = 1e-7
"""Outputs that are told from a threshold, and ends from each other."""

MOST, STEPS = 20_000, 60
LOSSES = ("squared", "logistic", "cross_entropy")
KNOWN = {"model": {"file", "widths", "activation"}, "data": {"file", "features", "targets", "weights"},
         "training": {"loss", "weight_decay", "bias_decay", "class_weight"}, "solution": {"map", "base"},
         "perturbation": {"parameter", "set", "count", "groups", "radius", "rows"},
         "evaluation": {"file", "features", "threshold"}}
"""What a spec may say that is understood here."""

QUANTITIES = ("stable_predictions", "prediction_change", "distance")


@dataclass(frozen=True)
class Truth:
    """What all changes do.

    Attributes:
        least: by evaluation row the least lead of today's label over another, over all changes.
        moved, distance: the largest change of an output, in Euclidean length, and of the weights.
    """

    least: Array
    moved: float
    distance: float


def understood(spec: Json) -> bool:
    """Whether the spec says no more than what is understood."""
    known = {*KNOWN, "version", "gate"}
    if not known - {"evaluation"} <= set(spec) <= known:
        return False
    if any(set(spec.get(part, {})) - names for part, names in KNOWN.items()):
        return False
    model, training, change = spec["model"], spec["training"], spec["perturbation"]
    ways = change["parameter"] in ("deletions", "labels", "targets") and len(model["widths"]) == 2
    if change["parameter"] == "targets":
        ways = ways and training["loss"] == "squared" and change.get("set") == "per_sample" and model["widths"][1] == 1
    elif change.get("set") not in ("sparse", None) or not isinstance(change.get("count"), int):
        return False
    return ways and model["activation"] == "identity" and training["loss"] in LOSSES and spec["solution"] == {
        "map": "critical", "base": "nearby"}


class Trained:
    """The rows of a spec, and training on what is left of them."""

    def __init__(self, folder: Path, spec: Json) -> None:
        data = np.load(folder / spec["data"]["file"])
        self.spec, self.X = spec, data[spec["data"]["features"]]
        self.phi = np.c_[self.X, np.ones(len(self.X))]
        y = data[spec["data"]["targets"]]
        training, self.loss = spec["training"], str(spec["training"]["loss"])
        self.k = int(spec["model"]["widths"][1])
        self.numbers = np.asarray(y, float).reshape(len(y), -1)
        self.label = (self.numbers[:, 0] > 0).astype(int) if self.k == 1 else np.asarray(y).ravel().astype(int)
        self.codes = np.eye(self.k) if self.k > 1 else np.array([[-1.0], [1.0]])
        named = spec["data"].get("weights")
        self.own = np.ones(len(y)) if named is None else np.asarray(data[named], float)
        self.balanced = training.get("class_weight") == "balanced"
        decayed = np.array([True] * self.X.shape[1] + [training.get("bias_decay", True)])
        self.mu = np.tile(decayed, self.k) * float(training["weight_decay"]) * len(y)
        groups = spec["perturbation"].get("groups")
        self.groups = None if groups is None else np.asarray(data[groups])
        evaluation = spec.get("evaluation")
        self.threshold = 0.0 if evaluation is None else float(evaluation.get("threshold", 0.0))
        points = np.zeros((0, self.X.shape[1])) if evaluation is None else np.load(
            folder / evaluation["file"])[evaluation.get("features", spec["data"]["features"])]
        self.points = np.c_[points, np.ones(len(points))]

    def choices(self) -> Iterator[tuple[Array, Array]]:
        """Of every change which rows are left, and all labels."""
        change = self.spec["perturbation"]
        n, count = len(self.phi), int(change["count"])
        parts = [np.array([i]) for i in range(n)] if self.groups is None else [
            np.flatnonzero(self.groups == one) for one in np.unique(self.groups)]
        for some in chain.from_iterable(combinations(parts, size) for size in range(count + 1)):
            rows = np.concatenate(some).astype(int) if some else np.zeros(0, int)
            if change["parameter"] == "deletions":
                left = np.ones(n, bool)
                left[rows] = False
                yield left, self.label
                continue
            for new in np.ndindex(*[max(self.k, 2) - 1] * len(rows)):
                label = self.label.copy()
                label[rows] = (label[rows] + 1 + np.array(new, int)) % max(self.k, 2)
                yield np.ones(n, bool), label

    def weights(self, left: Array, label: Array) -> Array:
        """What each row counts: with balanced labels by those that are left."""
        c = self.own * left
        if self.balanced:
            many = np.array([left[label == y].sum() for y in range(max(self.k, 2))])
            c = c * left.sum() / (len(many) * np.maximum(many, 1))[label]
        return np.asarray(c)

    def trained(self, C: Array, Y: Array) -> Array:
        """`(B, k, m)` minimisers of `Σ c_i ℓ(Vφ_i; y_i) + ½Σ μV²`, by Newton's method."""
        B, phi, k, m = len(C), self.phi, self.k, self.phi.shape[1]
        V = np.zeros((B, k, m))
        eye = np.eye(k)
        for step in range(STEPS):
            Z = np.einsum("bkm,nm->bnk", V, phi)
            if self.loss == "squared":
                g, H = Z - Y, np.broadcast_to(eye, (*Z.shape, k))
            elif self.loss == "logistic":
                p = 1 / (1 + np.exp(np.clip(Y * Z, -700, 700)))
                g, H = -Y * p, (p * (1 - p))[..., None]
            else:
                S = np.exp(Z - Z.max(axis=2, keepdims=True))
                S /= S.sum(axis=2, keepdims=True)
                g, H = S - Y, S[..., :, None] * (eye - S[..., None, :])
            G = np.einsum("bn,bnk,nm->bkm", C, g, phi).reshape(B, -1) + self.mu * V.reshape(B, -1)
            A = np.einsum("bn,bnkl,ni,nj->bkilj", C, H, phi, phi, optimize=True).reshape(B, k * m, k * m)
            A = A + np.diag(self.mu + (1e-9 if k > 1 else 0.0))
            move = np.linalg.solve(A, G[..., None])[..., 0].reshape(B, k, m)
            size = np.abs(move).max(axis=(1, 2), keepdims=True)
            V = V - move * np.minimum(1.0, 2.0 / (size + 1e-300)) if step < STEPS // 2 else V - move
            if size.max() < 1e-13:
                break
        return V if size.max() < 1e-9 else np.full_like(V, np.nan)

    def leads(self, outputs: Array, today: Array) -> Array:
        """By how much the label of today is ahead, `(B, N)`."""
        if self.k == 1:
            return (outputs[..., 0] - self.threshold) * np.where(today == 1, 1.0, -1.0)
        at = np.arange(outputs.shape[1])
        own = outputs[:, at, today]
        others = outputs.copy()
        others[:, at, today] = -np.inf
        return np.asarray(own - others.max(axis=2))

    def truth(self) -> Truth | None:
        """What all changes do; None of too many, or where training does not end."""
        change = self.spec["perturbation"]
        if change["parameter"] == "targets":
            A = self.phi.T @ self.phi + np.diag(self.mu)
            moves = np.abs(self.points @ np.linalg.solve(A, self.phi.T)).sum(axis=1) * float(change["radius"])
            return Truth(np.zeros(0), float(moves.max()), np.nan)
        every = []
        for one in self.choices():
            every.append(one)
            if len(every) > MOST:
                return None
        C = np.array([self.weights(*one) for one in every])
        Y = self.numbers[None] if self.loss == "squared" and change["parameter"] == "deletions" else self.codes[
            np.array([label for _, label in every])]
        V = self.trained(C, np.broadcast_to(Y, (len(every), len(self.phi), self.k)))
        if not np.isfinite(V).all():
            return None
        outputs = np.einsum("bkm,nm->bnk", V, self.points)
        today = (outputs[0, :, 0] > self.threshold).astype(int) if self.k == 1 else outputs[0].argmax(axis=1)
        moved = np.sqrt(((outputs - outputs[0]) ** 2).sum(axis=2)).max(initial=0.0)
        return Truth(self.leads(outputs, today).min(axis=0), float(moved),
                     float(np.sqrt(((V - V[0]) ** 2).sum(axis=(1, 2))).max()))


@functools.lru_cache(maxsize=4096)
def _truth(folder: Path, text: bytes) -> Truth | None:
    spec = tomllib.loads(text.decode())
    return Trained(folder, spec).truth() if understood(spec) else None


def is_true(folder: Path, top: Json, spec: bytes) -> bool | None:
    """Whether the claims are so; None where that is not told here.

    Args:
        folder: with the other files.
        top: the certificate, which was accepted.
        spec: its spec.
    """
    found = _truth(folder, spec)
    if found is None or any(claim["quantity"] not in QUANTITIES for claim in top["claims"]):
        return None
    return all(_claim(found, claim) for claim in top["claims"])


def _claim(found: Truth, claim: Json) -> bool:
    """One claim."""
    low, high = claim["lower"], claim["upper"]
    if claim["quantity"] == "stable_predictions":
        flipped, undecided = claim["witness"]["flipped"], claim["witness"]["undecided"]
        stays = sorted(set(range(len(found.least))) - {*flipped, *undecided})
        return bool((found.least[stays] > -CLEAR).all() and (found.least[flipped] < CLEAR).all()
                    and low <= len(stays) and high >= len(found.least) - len(flipped))
    value = found.moved if claim["quantity"] == "prediction_change" else found.distance
    room = CLEAR * max(1.0, value)
    return not (np.isfinite(value) and ((low is not None and low > value + room)
                                        or (high is not None and high < value - room)))
