"""The rules of exact fits, and of critical points that are the solutions of an interpolation system (M5a)."""

from __future__ import annotations

from certify.check.table import BUDGETS, MODULI, Row

ROWS = (
    Row("modulus.kernel", MODULI, ("total",)),  # M2, M5a
    Row("modulus.row_budgets", MODULI, BUDGETS),  # N1, N2, M5a
    Row("modulus.given_change", MODULI, ("given",)),  # N3, M5a
    Row("modulus.rows", ("sample_modulus",), norms=(2,)),  # M4, M5a
    Row("modulus.one_row", ("sample_modulus",)),  # N4, M5a
    Row("distance.given_change", ("distance",), ("given",)),  # Q7
    Row("distance.compensation", ("distance",)),  # Q4
    Row("aubin.interpolation", ("aubin",)),  # Q1
    Row("predictions.labels", ("stable_predictions",)),  # P2
    Row("excess.window", ("excess", "hausdorff")),  # S14
)
"""The first that fits counts."""
