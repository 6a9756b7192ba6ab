"""The rules of critical points of the training loss."""

from __future__ import annotations

from certify.check.table import BUDGETS, MODULI, Row

ROWS = (
    Row("modulus.critical", MODULI, ("total",)),  # M5b, M5c, M5d
    Row("modulus.critical_sets", MODULI),
    Row("modulus.critical_rows", ("sample_modulus",), norms=(2,)),
    Row("modulus.critical_one_row", ("sample_modulus",)),
    Row("head.rows.claims", ("stable_predictions", "correct_predictions"), ("sparse", "given"), (), ("D1",)),
    Row("head.rows.moves.ranges", ("functional",), ("sparse", "given"), theorems=("D1",)),
    Row("head.rows.tolerance.claims", ("tolerated_changes",), ("sparse",), theorems=("D1",)),
    Row("head.rows.moves.claims", ("distance", "prediction_change"), ("sparse", "given"), (), ("D1",)),
    Row("distance.critical_given_change", ("distance",), ("given",), apart=True),  # Q7
    Row("head.rows.squared.targets", ("prediction_change",), ("per_sample",), theorems=("D22",)),
    Row("head.claims", ("distance", "prediction_change"), ("total", *BUDGETS)),  # Q6
    Row("head.labels", ("stable_predictions",), ("total", *BUDGETS)),  # Q6
)
"""The first that fits counts."""
