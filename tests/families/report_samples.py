"""Certificates of every shape a report has to set, sealed; the numbers are plausible and made up."""

from __future__ import annotations

import copy
import hashlib
import math
import random
from typing import Any

from certify.certificate import seal

Json = dict[str, Any]

N = 569
MODULUS = 5.138141732918
UNIT = "weight distance per unit of feature change"
COUNTING = {"name": "counting", "statement": "at least as many parameters as equations", "value": 5640, "holds": True}
SMOOTH = {"name": "smooth", "statement": "the network is continuously differentiable", "value": None, "holds": True}
RANK = {"name": "rank", "statement": "smallest singular value at least", "value": 0.0498126734, "holds": True}
LOST = {"name": "rank", "statement": "smallest singular value at least", "value": None, "holds": False}


def gate(side: str, value: float, state: str, **more: Any) -> Json:
    return {side: value, "rigour": "proved", "severity": "fail", "rationale": "agreed", "state": state, **more}


def claim(quantity: str, **more: Any) -> Json:
    made = {
        "quantity": quantity, "theorem": "M2", "rigour": "proved", "verdict": "certified",
        "lower": MODULUS * (1 - 2e-7), "upper": MODULUS * (1 + 2e-7), "unit": UNIT, "gate": None, "reason": "",
        "hypotheses": [COUNTING, SMOOTH, RANK], "witness": {"z": [0.25] * 5},
    }  # fmt: skip
    if quantity == "sample_modulus":
        values = row_values(N)
        made |= {"theorem": "M4", "witness": {}, "rows": list(range(N))}
        made |= {"row_lower": [v * (1 - 1e-8) for v in values], "row_upper": [v * (1 + 1e-8) for v in values]}
        made |= {"lower": max(made["row_lower"]), "upper": max(made["row_upper"])}
    return made | more


def row_values(n: int, largest: float = 2.4313381) -> list[float]:
    rng = random.Random(n)
    values = [math.exp(rng.gauss(-2.2, 1.1)) for _ in range(n)]
    return [v * largest / max(values) for v in values]


def certificate(*claims: Json, problem: Json | None = None, **more: Any) -> Json:
    """A sealed certificate; the overall verdict and gates follow from the claims."""
    verdicts = {c["verdict"] for c in claims}
    states = {c["gate"]["state"] for c in claims if c["gate"] and c["gate"]["severity"] == "fail"}
    made = {
        "format": "certify/1", "certify_version": "0.1.0", "created": "2026-11-25T00:00:00Z",
        "subject": {
            role: {"path": path, "sha256": hashlib.sha256(role.encode()).hexdigest(), "bytes": 50120}
            for role, path in (("spec", "certify.toml"), ("model", "model.safetensors"), ("data", "train.npz"))
        },
        "problem": {
            "map": "interpolation", "base": "given", "layer": "all", "parameter": "features", "rows": "all",
            "set": "total", "norm": 2, "weight_norm": "euclidean", "widths": [30, 64, 64, 1], "activation": "tanh",
            "biases": [True, True, True], "n": N, "inputs": 30, "outputs": 1, "parameters": 6209, "equations": N,
            "merge_duplicates": False, "groups": [], "scale": None, "loss": "squared", "weight_decay": 0.0,
            "level": None, **(problem or {}),
        },
        "base": {
            "residual": 2.1823918e-4, "distance": 0.0, "radius": None, "shift_worst": 4.12312e-5, "shift_worst_row": 73,
        },
        "claims": [copy.deepcopy(c) for c in claims],
        "verdict": next(v for v in ("refuted", "inconclusive", "certified") if v in verdicts),
        "gates": next((s for s in ("failed", "open") if s in states), "met"),
        "environment": {"rounding": "to nearest", "fma": True, "python": "3.11.9", "blas": {"name": "openblas"}},
        **more,
    }  # fmt: skip
    return seal(made)


def certified() -> Json:
    return certificate(
        claim("modulus", gate=gate("max", 20.0, "met", rationale="twice the factor of the last release")),
        claim("sample_modulus", gate=gate("max", 4.0, "met", rationale=None)),
    )


def no_gate() -> Json:
    return certificate(claim("modulus"), claim("sample_modulus"))


def two_gates_on_one_quantity() -> Json:
    failed = gate("max", 5.0, "failed", severity="warn")
    met = gate("max", 20.0, "met")
    return certificate(claim("modulus", gate=met), claim("modulus", gate=failed, verdict="refuted"))


def refuted_gate() -> Json:
    return certificate(claim("modulus", gate=gate("max", 5.0867, "failed"), verdict="refuted", reason="above"))


def equal_rows() -> Json:
    nothing = {"lower": None, "upper": None, "verdict": "refuted", "witness": {"equal_rows": [3, 17]}}
    nothing |= {"reason": "rows 3 and 17 have equal features", "hypotheses": [COUNTING]}
    return certificate(
        claim("modulus", gate=gate("max", 20.0, "failed"), **nothing),
        claim("sample_modulus", rows=[], row_lower=[], row_upper=[], **nothing),
        problem={"groups": [[3, 17]]},
    )


def inconclusive() -> Json:
    blocked = {"verdict": "inconclusive", "reason": "full row rank could not be proved; use a wider network"}
    blocked |= {"hypotheses": [COUNTING, SMOOTH, LOST], "upper": None, "witness": {}}
    return certificate(
        claim("modulus", gate=gate("max", 20.0, "open"), **blocked),
        claim("sample_modulus", rows=[], row_lower=[], row_upper=[], **blocked | {"lower": None}),
        problem={"layer": 3, "parameters": 600},
    )


def undecided_threshold() -> Json:
    reason = "max = 1.1 lies inside the proved enclosure [1, 1.25]"
    rows = {"rows": [3, 5, 17], "row_lower": [1.0, None, 0.55], "row_upper": [1.25, 0.21, 1.21]}
    ends = {"lower": 1.0, "upper": 1.25, "verdict": "inconclusive", "reason": reason}
    return certificate(
        claim("sample_modulus", gate=gate("max", 1.1, "open"), **rows, **ends),
        problem={"rows": [3, 5, 17], "layer": 2, "parameters": 4160, "merge_duplicates": True, "groups": [[3, 44]]},
    )


def targets() -> Json:
    return certificate(
        claim("modulus", gate=gate("min", 1.0, "met", severity="warn")), problem={"parameter": "targets"}
    )


def ten_outputs() -> Json:
    problem = {"widths": [64, 64, 10], "biases": [True, False], "outputs": 10, "equations": 5690, "activation": "relu"}
    base = {"residual": None, "distance": 0.0, "radius": None, "shift_worst": None, "shift_worst_row": None}
    return certificate(claim("sample_modulus"), problem=problem, base=base)


def estimated() -> Json:
    reason = "the bound is estimated, and only a proved one decides"
    met = gate("max", 20.0, "met", rigour="estimated")
    return certificate(claim("modulus", rigour="estimated", verdict="inconclusive", gate=met, reason=reason))


def one_row() -> Json:
    ends = {"rows": [7], "row_lower": [0.0], "row_upper": [1e-300], "lower": 0.0, "upper": 1e-300}
    return certificate(claim("sample_modulus", **ends), problem={"rows": [7]})


def some_rows_unproved() -> Json:
    made = claim("sample_modulus")
    made["row_upper"][5] = None
    made["row_lower"] = [v / 2 for v in made["row_lower"]]
    ends = {"lower": max(made["row_lower"]), "upper": None}
    return certificate(made | ends | {"verdict": "inconclusive", "reason": "row 5 could not be enclosed"})


def rows_deleted(undecided: int = 3, flipped: int = 2, **more: Any) -> Json:
    """Predictions under deleted rows: some are flipped, each by named rows, and some undecided."""
    problem = {"map": "critical", "base": "nearby", "parameter": "deletions", "set": "sparse", "count": 2,
               "loss": "logistic", "weight_decay": 0.01, "bias_decay": False, "widths": [30, 1], "biases": [True],
               "activation": "identity", "parameters": 31, "equations": 31, "evaluation_rows": 5000,
               "within": None, "weights_length": 3.5}
    base = {"residual": 1e-9, "distance": 1e-7, "radius": 1e-7, "shift_worst": None, "shift_worst_row": None,
            "tilt": None, "shift_norm": None, "shift_loss": None}
    witness = {"array": "stable_predictions.rows", "flipped": list(range(flipped)),
               "undecided": list(range(flipped, flipped + undecided)),
               "changed": [row for j in range(flipped) for row in ((41, 42 + j % 500) if j else (41, -1))]}
    convex = {"name": "convex", "statement": "the training loss is strongly convex", "value": 0.01, "holds": True}
    ends = {"lower": 5000.0 - flipped - undecided, "upper": 5000.0 - flipped}
    made = {"theorem": "D1", "unit": "evaluation rows (label: sign of the output)", "hypotheses": [convex],
            "witness": witness, "gate": gate("min", 100.0, "met"), **ends, **more}
    return certificate(claim("stable_predictions", **made), problem=problem, base=base)


def every_row_undecided() -> Json:
    """So many rows of each kind that no page lists them all."""
    return rows_deleted(undecided=2500, flipped=1200)


SHAPES = {
    made.__name__: made
    for made in (
        certified, no_gate, two_gates_on_one_quantity, refuted_gate, equal_rows, inconclusive, undecided_threshold,
        targets, ten_outputs, estimated, one_row, some_rows_unproved,
        rows_deleted, every_row_undecided,
    )
}  # fmt: skip
