"""Mutants of the motion of a last layer (Q6): constants that random problems do not fill, with killers that do."""

from __future__ import annotations

from tests.mutation.mutants import Mutant

MOTION_PY = "theorems/head/motion.py"
KILLED = ("convex_tight*40",)

MOTION = (
    Mutant("motion: slopes that move by half", MOTION_PY, "(1 + metric.omega) / metric.theta * _top(steep[rows], count) / n)", "0.25 * (1 + metric.omega) / metric.theta * _top(steep[rows], count) / n)", KILLED),
    Mutant("motion: inputs that move by half", MOTION_PY, "third = r * math.sqrt(count / n)", "third = 0.5 * r * math.sqrt(count / n)", KILLED),
    Mutant("motion: targets by half", MOTION_PY, "joint = math.sqrt(count / layer.n) * math.sqrt(1 + seen.metric.omega) * RAISE\n    if change.total", "joint = 0.5 * math.sqrt(count / layer.n) * math.sqrt(1 + seen.metric.omega) * RAISE\n    if change.total", KILLED),
    Mutant("motion: labels by half", MOTION_PY, "moved = (layer.weight * spans)", "moved = (0.5 * layer.weight * spans)", KILLED),
    Mutant("motion: weights by half", MOTION_PY, "share = change.radius / layer.n * RAISE", "share = 0.5 * change.radius / layer.n * RAISE", KILLED),
    Mutant("motion: distance without the least eigenvalue", MOTION_PY, "(T / math.sqrt(metric.least) + base) * RAISE", "(0.5 * T / math.sqrt(metric.least) + base) * RAISE", KILLED),
)
