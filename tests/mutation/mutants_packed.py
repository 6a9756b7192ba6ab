"""Mutants of refits in whole numbers (D2), and of what refits have to be: each constant of the checker's rounding."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

ROOM = "check/theorems/head/rows/refitted/"
ONE, SEVERAL, REFIT = (ROOM + f"{name}.py" for name in ("packed", "packed_softmax", "refit"))
PROVER, LOGISTIC, SOFTMAX = (f"systems/head/rows/{name}.py" for name in ("refit", "losses/logistic", "losses/cross_entropy"))
BELOW = "no distance is proved where all curvature is that of the table's end: n·2^-22 over 6n·2^-26 is above any ball"
SMALL = "k·2^-21 stands beside w/2 of at least 2^-16, which is met by no more than 0.7"
PARALLEL = "a slope that is wrong by η|V̂| moves weights along its row, where the modulus is larger than μ by the curvature itself"

PACKED: tuple[Mutant, ...] = (
    Mutant("packed: half of what slopes err by", ONE, "self.stretch * wide / 2 * (wide / 2)", "self.stretch * wide / 4 * (wide / 2)", ("packed_edge",)),
    Mutant("packed: a quarter of a cell", ONE, "arb(2) ** -(CELL + 1) + self.eta * longest", "arb(2) ** -(CELL + 2) + self.eta * longest", ("packed_edge",)),
    Mutant("packed: margins of inputs as they are rounded", ONE, "arb(2) ** -(CELL + 1) + self.eta * longest", "arb(2) ** -(CELL + 1)", note=PARALLEL),
    Mutant("packed: the end of the table is exact", ONE, "arb(2) ** -22 + n", "arb(2) ** -32 + n", ("packed_tail",)),
    Mutant("packed: inputs as they are rounded", ONE, " + n * self.eta + 2", " + 2", ("packed_tiny",)),
    Mutant("packed: the decay as it is rounded", ONE, " + 2 * longest * arb(2) ** (V - PHI - SLOPE)\n        rest", "\n        rest", ("packed_decay",)),
    Mutant("packed: deleted rows curve on", ONE, "s = arb(sum(D) - most) / one", "s = arb(sum(D)) / one", ("packed_shares_of_sum",)),
    Mutant("packed: deleted rows weigh in the mean", ONE, " + arb(most) / one * self.far\n        found", "\n        found", ("packed_shares_of_mean",)),
    Mutant("packed: the curvature at the weights for the ball", ONE, "(-(wide + ball * self.far)).exp()", "(-wide).exp()", ("packed_fading",)),
    Mutant("packed: the mean is 0", ONE, "low * (t / s) ** 2", "0 * (t / s) ** 2", ("packed_mean",)),
    Mutant("packed: the decay of all rows", ONE, "len(changes[0]) if not head.relabels else 0)\n", "0)\n", ("packed_remaining",)),
    Mutant("packed: points as they are rounded", ONE, "slack = above(self.eta_points * found.longest * unit) + 4", "slack = 4", ("packed_unseen",)),
    Mutant("packed: numbers of 70 bits", ONE, "ROOM = 1 << 61", "ROOM = 1 << 70", ("packed_lanes",)),
    Mutant("packed: nothing changes", ONE, "for i, _ in change:", "for i, _ in ():", ("packed_unchanged", "packed_undeleted")),
    Mutant("packed: points move by half", ONE, "above(size * 2**(32 + CELL - RADIUS))", "above(size * 2**(31 + CELL - RADIUS))", ("packed_length",)),
    Mutant("packed: curvature beyond the table", ONE, "LEAST = 12", "LEAST = 0", note=BELOW),
    Mutant("packed softmax: a quarter of a cell", SEVERAL, "* arb(2) ** -(CELL + 1) + self.eta", "* arb(2) ** -(CELL + 2) + self.eta", ("packed_softmax_edge",)),
    Mutant("packed softmax: half of what slopes err by", SEVERAL, "each = wide / 2 + k", "each = wide / 4 + k", ("packed_softmax_edge",)),
    Mutant("packed softmax: inputs as they are rounded", SEVERAL, " + 2 * n * self.eta + 2", " + 2", ("packed_softmax_tiny",)),
    Mutant("packed softmax: the table is exact", SEVERAL, "k * arb(2) ** -21", "k * arb(2) ** -31", note=SMALL),
    Mutant("packed softmax: the mean is 0", SEVERAL, "low * (t / s) ** 2", "0 * (t / s) ** 2", ("packed_softmax_mean",)),
    Mutant("packed softmax: one output for the difference of two", SEVERAL, "above(root * size", "above(size", ("packed_softmax_difference",)),
    Mutant("packed softmax: nothing changes", SEVERAL, "for i, code in change:", "for i, code in ():", ("packed_softmax_unchanged", "packed_softmax_undeleted")),
    # one refit in balls
    Mutant("check refit: the curvature at the weights for the ball", REFIT, "pulled, i, ball * size)", "pulled, i, ZERO)", ("packed_fading",)),
    Mutant("check refit: the mean is 0", REFIT, "(mu + s + t * t / s)", "(mu + s)", ("packed_mean", "packed_softmax_mean")),
    Mutant("check refit: deleted rows pull on", REFIT, "[ZERO] * head.k if i in gone else head.loss.slope(z, y)", "head.loss.slope(z, y)", ("packed_undeleted",)),
    Mutant("check refit: a free intercept held by μ", REFIT, "if not head.free_intercept:", "if True:", ("packed_shares_of_sum",)),
    Mutant("check refit: targets as they are", REFIT, "codes[new[i]] if new.get(i, DELETED) != DELETED else y", "y", ("packed_unchanged",)),
    # one refit by the prover
    Mutant("refit: slopes tell the curvature of the ball", PROVER, "falls = np.fmax(1.0 - head.loss.fading * reach * (RAISE / 8), 0.0)", "falls = 1.0 + 0.0 * reach", ("packed_fading",)),
    Mutant("refit: a new label does not pull", LOGISTIC, "np.asarray((Y - new) / 2)", "np.asarray((Y - new) * 0.0)", ("packed_unchanged",)),
    Mutant("refit: a new class does not pull", SOFTMAX, "np.asarray(Y - new)", "np.asarray((Y - new) * 0.0)", ("packed_softmax_unchanged",)),
    Mutant("refit: a deleted row pulls on", PROVER, "    g[rows[gone], gone] = 0.0\n", "", ("packed_undeleted",)),
)
