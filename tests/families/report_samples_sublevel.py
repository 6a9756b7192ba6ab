"""Certificates of the sublevel map and of exact solutions nearby, in every shape a report has to set."""

from __future__ import annotations

import hashlib
from typing import Any

from certify.certificate import seal
from tests.families.report_samples import COUNTING, RANK, Json, certificate, claim, gate

N = 24
LOSS = {"name": "loss", "statement": "the training loss is at most", "value": 4.1020312e-4, "holds": True}
INSIDE = {"name": "interior", "statement": "the level exceeds it by at least", "value": 1.2297969e-3, "holds": True}
GRADIENT = {"name": "gradient", "statement": "the gradient's norm is at least", "value": 0.0031234567, "holds": True}
SOLUTION = {"name": "solution", "statement": "its distance is at most", "value": 4.8212345e-8, "holds": True}
POINT = {"residual": 0.0, "distance": 0.0, "radius": None, "shift_worst": None, "shift_worst_row": None}
SMALL = {"widths": [3, 12, 1], "biases": [True, True], "n": N, "inputs": 3, "parameters": 61, "equations": 1}
LEVEL = 0.00164
RADIUS = (0.12495040417, 0.14398581236)


def sublevel(*claims: Json, **problem: Any) -> Json:
    """A certificate of the sublevel map; the arguments by name change the problem."""
    return certificate(*claims, problem=SMALL | {"map": "sublevel"} | problem, base=POINT)


def modulus(quantity: str = "modulus", **more: Any) -> Json:
    """A modulus on the boundary."""
    made = claim("modulus", theorem="M6", lower=0.86497843, upper=0.86497844, witness={}, hypotheses=[LOSS, GRADIENT])
    if quantity == "sample_modulus":
        values = [0.39 / (1 + i) for i in range(N)]
        made |= {"quantity": quantity, "lower": values[0], "upper": values[0]}
        made |= {"rows": list(range(N)), "row_lower": values, "row_upper": values}
    return made | more


def radius(**more: Any) -> Json:
    """A persistence radius with an attack above."""
    ends = {"lower": RADIUS[0], "upper": RADIUS[1], "unit": "feature distance in total"}
    witness = {"array": "persistence_radius.moved"}
    asked = gate("min", 0.1, "met")
    made = claim("persistence_radius", theorem="M6", witness=witness, hypotheses=[LOSS, INSIDE], gate=asked)
    return made | ends | more


def zero(quantity: str) -> Json:
    rows = {"rows": list(range(N)), "row_lower": [0.0] * N, "row_upper": [0.0] * N}
    return modulus(lower=0.0, upper=0.0, hypotheses=[LOSS, INSIDE], quantity=quantity,
                   **(rows if quantity == "sample_modulus" else {}))  # fmt: skip


def boundary() -> Json:
    return sublevel(modulus(), modulus("sample_modulus"))


def boundary_per_sample() -> Json:
    values = {"rows": [0, 3, 5], "row_lower": [0.2, 0.1, 0.3], "row_upper": [0.2, 0.1, 0.3], "lower": 0.3, "upper": 0.3}
    met = gate("max", 1.0, "met")
    return sublevel(modulus(gate=met), modulus("sample_modulus", **values), set="per_sample", rows=[0, 3, 5],
                    layer=2, weight_decay=0.001, loss="logistic")  # fmt: skip


def interior() -> Json:
    return sublevel(zero("modulus"), zero("sample_modulus"), level=LEVEL)


def stationary() -> Json:
    blocked = {"lower": None, "upper": None, "verdict": "inconclusive", "reason": "close to a stationary point"}
    lost = GRADIENT | {"value": None, "holds": False}
    return sublevel(modulus(hypotheses=[LOSS, lost], **blocked), loss="cross_entropy")


def persistence() -> Json:
    return with_witness(sublevel(radius(), zero("modulus") | {"gate": gate("max", 1.0, "met")}, level=LEVEL))


def persistence_open() -> Json:
    reason = "min = 0.13 lies inside the proved enclosure"
    open_ = radius(gate=gate("min", 0.13, "open"), verdict="inconclusive", reason=reason)
    return with_witness(sublevel(open_, level=LEVEL, scale=[2.5, 0.0, 1.0], rows=[4]))


def persistence_without_attack() -> Json:
    return sublevel(radius(upper=None, witness={}), level=LEVEL, set="per_sample")


def persistence_unproved() -> Json:
    blocked = {"verdict": "inconclusive", "gate": gate("min", 0.1, "open"), "reason": "overflow", "witness": {}}
    return sublevel(radius(lower=None, upper=None, **blocked), level=LEVEL)


def persistence_nothing_below() -> Json:
    blocked = {"verdict": "inconclusive", "gate": gate("min", 0.1, "open"), "reason": "the slopes are too steep"}
    return with_witness(sublevel(radius(lower=0.0, **blocked), level=LEVEL))


def persistence_estimated() -> Json:
    met = gate("min", 0.1, "met", rigour="estimated")
    made = radius(rigour="estimated", gate=met, verdict="inconclusive", reason="only a proved bound decides")
    return sublevel(made, level=LEVEL)


def sample_weights() -> Json:
    unit = "weight distance per unit of change of the sample weights"
    return sublevel(modulus(unit=unit), parameter="sample_weights")


def sample_weights_persistence() -> Json:
    made = radius(lower=0.99901254, upper=0.99901255, witness={}, unit="change of the sample weights of every row")
    return sublevel(made, level=LEVEL, parameter="sample_weights", set="per_sample")


def targets_persistence() -> Json:
    return sublevel(radius(lower=0.2, upper=0.2, witness={}), level=LEVEL, parameter="targets", activation="gelu")


def scaled() -> Json:
    return certificate(claim("modulus"), problem={"scale": [0.0, 2.5, 1.0] + [1.0] * 27})


def nearby(**more: Any) -> Json:
    base = POINT | {"residual": 2.2e-8, "distance": 4.8212345e-8, "radius": 1.25e-22}
    proved = [COUNTING, SOLUTION, RANK]
    made = certificate(claim("modulus", hypotheses=proved), claim("sample_modulus", hypotheses=proved),
                       problem={"base": "nearby"}, base=base | more)  # fmt: skip
    return with_witness(made)


def nearby_unproved() -> Json:
    base = POINT | {"residual": 0.2, "distance": None}
    blocked = {"lower": None, "upper": None, "verdict": "inconclusive", "reason": "no exact solution could be proved"}
    return certificate(claim("modulus", witness={}, hypotheses=[COUNTING], **blocked),
                       problem={"base": "nearby", "parameter": "targets"}, base=base)  # fmt: skip


def direct() -> Json:
    """The direct tier proves full rank without a number for it."""
    rank = {"name": "rank", "statement": "full row rank, by the upper end", "value": None, "holds": True}
    return certificate(claim("modulus", hypotheses=[COUNTING, rank]))


def with_witness(made: Json) -> Json:
    digest = hashlib.sha256(b"witness").hexdigest()
    made["subject"]["witness"] = {"path": "witness.safetensors", "sha256": digest, "bytes": 672}
    return seal(made)


SHAPES = {
    made.__name__: made
    for made in (
        boundary, boundary_per_sample, interior, stationary, persistence, persistence_open, persistence_without_attack,
        persistence_unproved, persistence_nothing_below, persistence_estimated, sample_weights,
        sample_weights_persistence, targets_persistence, scaled, nearby, nearby_unproved, direct,
    )
}  # fmt: skip
