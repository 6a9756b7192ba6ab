"""Mutants of a row left out of a large head (D1h): errors of logic, with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

FOLDER = "systems/head/rows/left_out/"
STEPS, SLOPES, REDUCED, REFERENCE = (FOLDER + f"{name}.py" for name in ("steps", "slopes", "reduced", "reference"))
ROWS = "prove/changed/each_row.py"

LEFT_OUT: tuple[Mutant, ...] = (
    Mutant("left out: a step is exact", STEPS, "(missed + (factor - 1.0 + 4 * U * factor) * r) * RAISE", "missed * RAISE", ("rows_left_out@0",)),
    Mutant("left out: curvature stays within a ball", STEPS, "steep = at.rho * room * RAISE", "steep = 0.0 * room", ("rows_left_out@3",)),
    Mutant("left out: what the row held is not missed", STEPS, "found[b] = 1.0 / np.sqrt(1.0 - h) * RAISE", "found[b] = 1.0", note="tests/unit/systems/head/rows/test_left_out.py kills it; of drawn heads what curvatures change by is more"),
    Mutant("left out: the decay stays what it was", STEPS, "exp(reach) * RAISE / at.kept", "exp(reach) * RAISE", ("rows_left_out@46",)),
    Mutant("left out: curvature stays on the way", SLOPES, "np.where(lost, np.inf, high * exp(", "np.where(lost, np.inf, 1.0 + 0.0 * high * exp(", ("rows_left_out@0",)),
    Mutant("left out: the row stays", SLOPES, "F[rows, :, np.arange(B)] = -at.pull[rows]", "F[rows, :, np.arange(B)] = 0.0", ("rows_left_out@0",)),
    Mutant("left out: steps carry no decay", SLOPES, "g = g + reduced.decay(d, mid)", "g = g + 0.0", ("rows_left_out@0",)),
    Mutant("left out: the decay of V₀ stays", SLOPES, "g += reduced.decay(at.V, shift)[:, :, None]", "pass", ("rows_left_out@0",)),
    Mutant("left out: differences carry decay as outputs do", REDUCED, "np.eye(k - 1) - 1.0 / k, np.vstack", "np.eye(k - 1), np.vstack", ("rows_left_out@0",)),
    Mutant("left out: columns that some rows have not are none", REDUCED, "(head.phi != 0.0).any(axis=0)", "(head.phi != 0.0).all(axis=0)", ("rows_left_out@3",)),
    Mutant("left out: each product of two outputs once", REFERENCE, "(1.0 if a == b else 2.0)", "1.0", note="tests/unit/systems/head/rows/test_left_out.py kills it"),
    Mutant("left out: curvature without the square", REFERENCE, "(np.eye(s.shape[1]) - s[:, None, :])", "(np.eye(s.shape[1]) - 0.0 * s[:, None, :])", note="none found: of drawn heads what the other rows' curvatures change by is more"),
    Mutant("left out: outputs as if steps were exact", ROWS, "near[:, None, None] * at.contrast", "0.0 * near[:, None, None]", ("rows_left_out@0",)),
)
