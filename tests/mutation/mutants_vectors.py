"""Mutants of sums of few vectors (D31), in the prover and in the checker, with the case that catches each."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

MOVES, CHECK = "theorems/head/rows/motions/", "check/theorems/head/rows/moves/"
FEW, SUMMED, OUTPUTS = (MOVES + f"{name}.py" for name in ("few_vectors", "summed", "relabelled"))
CHECKED, WHOLE = CHECK + "summed.py", CHECK + "few_vectors.py"
MANY = "heads of the attack have fewer rows than are looked at one by one; tests/unit/theorems/head/rows/moves/test_summed.py kills it"

VECTORS: tuple[Mutant, ...] = (
    Mutant("vectors: one row fewer", FEW, "square = (largest(own, m)", "square = (largest(own, m - 1)", ("heads_squared_summed@0",)),
    Mutant("vectors: one other row fewer", FEW, "np.partition(along, along.shape[1] - (m - 1), axis=1)[:, along.shape[1] - (m - 1):]", "np.sort(along, axis=1)[:, along.shape[1] - (m - 2):] * (m > 2)", ("heads_squared_summed@0",)),
    Mutant("vectors: nothing of their own", FEW, "lengths[:, c] ** 2 + found", "0.0 * lengths[:, c] ** 2 + found", ("heads_squared_summed@0",)),
    Mutant("vectors: the first step of others", FEW, "for other in range(s):", "for other in range(1):", ("heads_squared_summed@2",)),
    Mutant("vectors: the first step alone", FEW, "for c in range(s):\n        along", "for c in range(1):\n        along", ("heads_squared_summed@2",)),
    Mutant("vectors: steps without rows", FEW, "(some.V[:, c] @ some.V[:, other].T) * G", "(some.V[:, c] @ some.V[:, other].T)", ("heads_squared_summed@0",)),
    Mutant("vectors: others far away count nothing", FEW, "rest = float(lengths[order[FEW]]) if", "rest = 0.0 if", note=MANY),
    Mutant("summed: comparisons cost nothing", SUMMED, "xi[:, a] = found.xi", "xi[:, a] = 0.0", ("heads_squared_summed@29",)),
    Mutant("summed: what a row itself holds is left out", SUMMED, "state.R[:, 0] / (1.0 - state.d)", "state.R[:, 0]", ("heads_squared_summed@11",)),
    Mutant("summed: the first output for all", SUMMED, "deleted.root_of_output(bare, a, rows", "deleted.root_of_output(bare, 0, rows", ("heads_squared_summed@17",)),
    Mutant("summed: half of a step", SUMMED, "- head.Y[rows][:, None, :])", "- head.Y[rows][:, None, :]) * 0.5", ("heads_squared_summed@0",)),
    Mutant("relabelled: falls alone", OUTPUTS, "for way, sign in enumerate((1.0, -1.0)):", "for way, sign in enumerate((1.0, 1.0)):", ("heads_squared_summed@0",)),
    Mutant("relabelled: one row fewer", OUTPUTS, "taken, slack = float(v[top].sum())", "taken, slack = float(np.sort(v[top])[1:].sum())", ("heads_squared_summed@0",)),
    Mutant("relabelled: influences of one sign", OUTPUTS, "for sign in (1.0, -1.0):\n                mine", "for sign in (1.0,):\n                mine", ("heads_squared_summed@2",)),
    Mutant("relabelled: a pool of one label", OUTPUTS, "for label in np.unique(self.label):", "for label in np.unique(self.label)[:1]:", ("heads_squared_summed@2",)),
    Mutant("relabelled: more is reached than is", OUTPUTS, "far = math.hypot(*value.tolist())", "far = 1.001 * math.hypot(*value.tolist())", ("heads_squared_summed@0",)),
    Mutant("check vectors: one row fewer", WHOLE, "square = sum(nlargest(m, [", "square = sum(nlargest(m - 1, [", ("heads_squared_summed@0",)),
    Mutant("check vectors: one other row fewer", WHOLE, "sum(nlargest(m - 1, others))", "sum(nlargest(m - 2, others))", ("heads_squared_summed@0",)),
    Mutant("check vectors: nothing of their own", WHOLE, "max(best, square * vectors.sizes[i] +", "max(best,", ("heads_squared_summed@0",)),
    Mutant("check vectors: steps of the first kind for all", WHOLE, "for other in vectors.steps]", "for other in [vectors.steps[0]] * len(vectors.steps)]", ("heads_squared_summed@0",)),
    Mutant("check vectors: products below 0 count nothing", WHOLE, "return max(0, *products), min(0, *products)", "return max(0, *products), 0", ("heads_squared_summed@1",)),
    Mutant("check vectors: others far away count nothing", WHOLE, "rest = lengths[order[FEW]] if", "rest = 0 if", note=MANY.replace("tests/unit/theorems", "tests/unit/check/theorems").replace("test_summed", "test_summed_check")),
    Mutant("check summed: comparisons cost nothing", CHECKED, "arb(off + xi) ** 2", "arb(off) ** 2", ("heads_squared_summed@60",)),
    Mutant("check summed: what a row itself holds is left out", CHECKED, "[(x << BITS) // (ONE - d) for", "[x for", ("heads_squared_summed@11",)),
    Mutant("check summed: one row fewer", CHECKED, "count = min(head.count, len(head.moving))", "count = max(min(head.count, len(head.moving)) - 1, 1)", ("heads_squared_summed@0",)),
    Mutant("check summed: falls alone", CHECKED, "falls.max(rises).upper()", "falls.upper()", ("heads_squared_summed@3",)),
    Mutant("check summed: influences of one sign", CHECKED, "found.setdefault((kinds[i], q[i] < 0), [])", "found.setdefault((kinds[i], False), [])", note="the attack draws no such point; tests/unit/check/theorems/head/rows/moves/test_summed_check.py kills it"),
)
