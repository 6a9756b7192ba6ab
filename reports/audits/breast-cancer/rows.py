"""The rows of the training set before they move, and what is measured when one of them does."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import resolve

SIZES = (1e-2, 1e-3, 1e-4, 1e-5)
ALIKE = 0.99
"""Rows whose weight gradients have a cosine above this are counted as alike."""


@dataclass(frozen=True)
class Row:
    """One training row before it moves.

    Attributes:
        number: row of X, from 0.
        target: −1 (malignant) or +1 (benign).
        slope: |g_i|, the norm of the output's gradient in the features.
        paper: Theorem 2's κ over all weights, |g_i| / |∂_w f_i|.
        paper_layers: Theorem 2's κ_h, one a layer.
        layers: the exact modulus in float64 for one layer alone: M4, or that of least squares.
        wide: for each layer, whether it has at least as many parameters as there are rows, so that M4 applies.
        alike: number of other rows whose ∂_w f makes an angle of cosine > ALIKE with this row's.
        modulus: M4 in float64.
        lower, upper: proved ends of M4, None without a certificate.
    """

    number: int
    target: float
    slope: float
    paper: float
    paper_layers: tuple[float, ...]
    layers: tuple[float, ...]
    wide: tuple[bool, ...]
    alike: int
    modulus: float
    lower: float | None
    upper: float | None

    @property
    def ratio(self) -> float:
        """How many times M4 exceeds the paper's κ."""
        return self.modulus / self.paper


@dataclass(frozen=True)
class Measurement:
    """One row moved by `size` along `sign`·g_i/|g_i|, and the nearest solution found.

    Attributes:
        by_output: dist/t if only f's curvature in x is kept, `|f(x + td) − f(x)| √((K^{-1})_ii) / t`.
    """

    row: Row
    sign: int
    size: float
    by_output: float
    found: resolve.Nearest

    @property
    def rate(self) -> float:
        """Measured distance per unit of motion."""
        return self.found.distance / self.size


def proved_moduli(path: Path, model: Path) -> dict[int, tuple[float, float]]:
    """Proved ends of M4 by row from the certificate at `path`; empty where there is none."""
    if not path.exists():
        return {}
    certificate = json.loads(path.read_text(encoding="utf-8"))
    recorded, found = certificate["subject"]["model"]["sha256"], hashlib.sha256(model.read_bytes()).hexdigest()
    if recorded != found:
        raise SystemExit(f"{path.name}: is about a model of sha256 {recorded}, the file here has {found}; run certify")
    for claim in certificate["claims"]:
        if claim["quantity"] == "sample_modulus" and claim["rigour"] == "proved":
            ends = zip(claim["rows"], claim["row_lower"], claim["row_upper"], strict=True)
            return {row: (low, high) for row, low, high in ends if low is not None and high is not None}
    return {}


def describe_rows(net, w, X, y, proved: dict[int, tuple[float, float]]) -> list[Row]:
    """Every training row with the paper's moduli and M4."""
    J, g = net.jacobians(w, X)
    slopes, moduli = np.linalg.norm(g, axis=1), resolve.row_moduli(J, g)
    ends = np.cumsum([int(np.prod(shape)) for shape in net.shapes])[1::2]
    parts = np.split(J, ends[:-1], axis=1)
    norms = np.stack([np.linalg.norm(part, axis=1) for part in parts], axis=1)
    unit = J / np.linalg.norm(J, axis=1, keepdims=True)
    alike = (unit @ unit.T > ALIKE).sum(1) - 1
    alone = [resolve.row_moduli(part, g) for part in parts]
    return [
        Row(
            number=i,
            target=float(y[i]),
            slope=float(slopes[i]),
            paper=float(slopes[i] / np.linalg.norm(norms[i])),
            paper_layers=tuple(float(slopes[i] / norm) for norm in norms[i]),
            layers=tuple(float(m[i]) for m in alone),
            wide=tuple(part.shape[1] >= len(X) for part in parts),
            alike=int(alike[i]),
            modulus=float(moduli[i]),
            lower=proved.get(i, (None, None))[0],
            upper=proved.get(i, (None, None))[1],
        )
        for i in range(len(X))
    ]


def measure(net, w, X, rows: Iterable[Row], signs: tuple[int, ...]) -> list[Measurement]:
    """Move each row by each size along ± its gradient and re-solve."""
    out = []
    g = net.jacobians(w, X)[1]
    before = net.outputs(w, X)
    for row in rows:
        direction = g[row.number] / row.slope
        for sign in signs:
            for size in SIZES:
                moved = X.copy()
                moved[row.number] += sign * size * direction
                change = abs(net.outputs(w, moved)[row.number] - before[row.number])
                found = resolve.nearest(net, w, X, moved, convexity=True)
                out.append(Measurement(row, sign, size, change * row.modulus / row.slope / size, found))
                say(f"row {row.number} moved by {sign * size:+.0e}: dist/t = {out[-1].rate:.5f}, {found.status}")
    return out


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)
