"""Mutants of the checkers of rows deleted and relabelled at once (D32, D1c), with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

BASE, SETS, METHOD = (f"check/theorems/head/rows/both_squared/{name}.py" for name in ("base", "sets", "method"))
SEEN = "tests/unit/check/theorems/head/rows/both_squared/test_both_squared_numbers.py kills it: heads that attacks draw have room"

PAIRED, SUMMED, HELD = (f"check/theorems/head/rows/{name}.py" for name in ("both_pairs/method", "both_pairs/sums", "refitted/packed_held"))
AVERAGED, LAST = (f"check/theorems/head/rows/refitted/{name}.py" for name in ("held", "last"))
TERM = "tests/unit/check/theorems/head/rows/test_held_rounding.py kills it: heads that attacks draw have room"
EACH = "tests/unit/check/theorems/head/rows/both_pairs/test_every_pair_is_judged.py kills it: heads that attacks draw have few choices"
MET = "tests/unit/check/theorems/head/rows/both_pairs/test_both_pairs_check.py kills it: "

BOTH: tuple[Mutant, ...] = (
    Mutant("check pairs: a deleted row pulls on", HELD, "G[row] -= G[row] & marks", "G[row] -= 0 * G[row] & marks", ("checked_pairs_both*6",)),
    Mutant("check pairs: a label stays as it is", HELD, "G[row] -= marks << SLOPE", "G[row] -= 0", ("checked_pairs_both*6",)),
    Mutant("check pairs: a deleted row has curvature", HELD, "0 if i in gone else", "0 if False else", note=MET + "such a row holds hardly more; so does test_held_rounding.py"),
    Mutant("check pairs: refits are no distance away", HELD, "far[j] * reach", "0 * reach", ("checked_pairs_both*40",)),
    Mutant("check pairs: what points are off by reaches into the next number", HELD, "if slip >= ROOM:", "if False:", note="tests/unit/check/theorems/head/rows/both_pairs/test_points_known_badly.py kills it: heads that attacks draw know their inputs"),
    Mutant("check pairs: no deletions by themselves", PAIRED, "*(((row, DELETED),) for row in rows)", "*()", note=MET + "pairs mostly take more than one"),
    Mutant("check pairs: no labels by themselves", PAIRED, "single += [", "[][:] = [", note=MET + "pairs mostly take more than one"),
    Mutant("check pairs: sums count no change twice", SUMMED, "[x - column[0] for x in column[1 : f + 1]]", "[x for x in column[1 : f + 1]]", ("checked_pairs_both*6",)),
    Mutant("check pairs: the first deleted row is not looked at", SUMMED, "for place in range(len(self.rows) if", "for place in range(1, len(self.rows) if", note=MET + "each choice is met"),
    Mutant("check pairs: half of what slopes err by", HELD, "packed.stretch * wide / 2 * (wide", "packed.stretch * wide / 4 * (wide", note=TERM),
    Mutant("check pairs: the table, inputs and the decay are exact", HELD, "error = small + shift +", "error = shift +", note=TERM),
    Mutant("check pairs: gradients are not cut off", HELD, "error = small + shift +", "error = small +", note=TERM),
    Mutant("check pairs: curvature of the table for that of margins", HELD, "// (1 << SLOPE) - LEAST)", "// (1 << SLOPE))", note=TERM),
    Mutant("check pairs: curvature does not fade within a cell", HELD, "(-wide).exp().lower())", "arb(1))", note=TERM),
    Mutant("check pairs: gradients are exact", HELD, "found.error * form.per_error + form.slip * size", "form.slip * size", note=TERM),
    Mutant("check pairs: forms are exact", HELD, "found.error * form.per_error + form.slip * size", "found.error * form.per_error", note=TERM),
    Mutant("check pairs: refits are found however far", HELD, "length < limit and", "True and", note=TERM),
    Mutant("check pairs: points are exact", HELD, "far[j] * reach - slip * unit", "far[j] * reach", note=TERM),
    Mutant("check pairs: distances of any length", HELD, "length < limit and y * widest < ROOM // 4", "length < limit", note=TERM),
    Mutant("check pairs: weights of any length", HELD, "outputs * 2**OUT < arb(ROOM) / 8 and", "True and", note=TERM),
    Mutant("check pairs: averages are exact", AVERAGED, "around = off * arb(0, 1)", "around = ZERO", note=TERM),
    Mutant("check pairs: a form a tenth too large", AVERAGED, "((reach / z) ** 2)", "((reach / z) ** 2 * 1.1)", note=TERM),
    Mutant("check pairs: an intercept that no average holds", AVERAGED, "first * first / mu + 1 / strength[0] if free", "first * first / mu if free", note="tests/unit/check/theorems/head/rows/test_held.py kills it: averages have more of the intercept than rows"),
    Mutant("check pairs: a corrected one is lost every 512", LAST, "waiting = waiting[many:]", "waiting = waiting[many + 1 :]", note=EACH),
    Mutant("check pairs: one alone is lost every 128", LAST, "alone = alone[few:]", "alone = alone[few + 1 :]", note=EACH),
    Mutant("check pairs: the first 32 blocks", LAST, "            stays = [all(ok) for ok in zip(*found, strict=True)]\n", "            return [all(ok) for ok in zip(*found, strict=True)]\n", note=EACH),
    Mutant("check pairs: single changes are not asked", PAIRED, "    stays = last.judge.after(single,", "    last.judge.after(single,", note=EACH),
    Mutant("check pairs: labels that are open today", PAIRED, "stays = [yes and old >= 0 for", "stays = [yes for", note=EACH),
    Mutant("check pairs: weights leave their place", SUMMED, "if any(abs(x) >= LARGEST >> 8 for", "if any(False for", note=EACH),
    Mutant("check both: one label fewer", METHOD, "(deleted, kind.relabelled))", "(deleted, kind.relabelled - 1))", ("checked_rows_both@0",)),
    Mutant("check both: one deletion fewer", METHOD, "most, effort = min(kind.deleted, len(rows))", "most, effort = min(kind.deleted - 1, len(rows))", ("checked_rows_both@0",)),
    Mutant("check both: the decay of all rows", METHOD, "ridge_of(head, deleted)", "ridge_of(head, 0)", ("checked_rows_both@0",)),
    Mutant("check both: all deletions alone", METHOD, "range(most + 1) if head.remaining else (most,)", "(most,)", ("checked_rows_both@1",)),
    Mutant("check both: the first row may not change", METHOD, "sorted(kind.moving)", "sorted(kind.moving)[1:]", ("checked_rows_both@0",)),
    Mutant("check both: one sum is enough", SETS, "if top_sum(each, base.deleted) < need:", "if True:", ("checked_rows_both@0",)),
    Mutant("check both: the sum of one deletion fewer", SETS, "top_sum(each, base.deleted) < need", "top_sum(each, base.deleted - 1) < need", ("checked_rows_both@0",)),
    Mutant("check both: sets of all sizes but the last", SETS, "range(1, min(base.deleted, len(each)) + 1)", "range(1, min(base.deleted, len(each)))", ("checked_rows_both@0",)),
    Mutant("check both: sets of all sizes but the first", SETS, "for size in range(1, min(", "for size in range(2, min(", ("checked_rows_both@0",)),
    Mutant("check both: of sets the first alone", SETS, "        for more in reaching(values, size - 1, need - values[at], at + 1):", "        for more in list(reaching(values, size - 1, need - values[at], at + 1))[:1]:", ("checked_rows_both@2",)),
    Mutant("check both: labels are no part of what sets need", SETS, "need = least - top_sum(taken, base.relabelled)", "need = least", ("checked_rows_both@0",)),
    Mutant("check both: deletions do not know of labels", BASE, "zip(sums(K, eK, x, deleted - 1)[0], labels, strict=True)", "zip(sums(K, eK, x, deleted - 1)[0], [0] * len(labels), strict=True)", ("checked_rows_both@0",)),
    Mutant("check both: no comparison", BASE, "[e + w for e, w in zip(off, self.omega, strict=True)]", "off", ("checked_rows_both@0",)),
    Mutant("check both: no residuals of other deleted rows", BASE, "sums(K, eK, x, deleted - 1)[0]", "[0] * len(K)", note=SEEN),
    Mutant("check both: the comparison is for one row fewer", BASE, "comparison(K, eK, low, first, deleted - 1)", "comparison(K, eK, low, first, deleted - 2)", note=SEEN),
    Mutant("check both: sums of one fewer", BASE, "nlargest(s, terms)", "nlargest(s - 1, terms)", ("checked_rows_both@0",)),
    Mutant("check both: residuals of the first output for all", BASE, "[x - y for x, y in zip(R[a], R[b], strict=True)]", "list(R[a])", ("checked_rows_both@4",)),
    Mutant("check both: the sign of the output is forgotten", BASE, "[sign * x for x in R[0]]", "list(R[0])", ("checked_rows_both@5",)),
    Mutant("check both: labels without a sign", BASE, "weights[a] += sign", "weights[a] += 1", ("checked_rows_both@0",)),
    Mutant("check both: labels of one output for the difference of two", BASE, "weights[b] -= 1", "pass", ("checked_rows_both@4",)),
    Mutant("check both: the least new label for the largest", BASE, "high.append(up(value - min(others), shift))", "high.append(up(value - max(others), shift))", ("checked_rows_both@4",)),
    Mutant("check both: the largest new label for the least", BASE, "low.append(-up(max(others) - value, shift))", "low.append(-up(min(others) - value, shift))", note=SEEN),
    Mutant("check both: what labels take by one end", SETS, "[x * (h if x > 0 else g) + error", "[x * h + error", note=SEEN),
    Mutant("check both: influences as before the deletions", SETS, "c = one.c[l] + (sum(", "c = one.c[l] + 0 * (sum(", ("checked_rows_both@0",)),
    Mutant("check both: labels stay as they take before", SETS, "    if top_sum(one.taken, base.relabelled) + (sum(v", "    if top_sum(one.taken, base.relabelled) + 0 * (sum(v", ("checked_rows_both@0",)),
    Mutant("check both: later rows are not looked at", SETS, "[one.taken[l] + more] * m", "[one.taken[l]] * m", ("checked_rows_both@0",)),
    Mutant("check both: no labels beside sets", SETS, "return top_sum(found, m) < rest", "return True", ("checked_rows_both@0",)),
    Mutant("check both: residuals alone take", SETS, "taken = sum(v * x for v, x in zip(y, r, strict=True))", "taken = sum(v * x for v, x in zip([one.c[q] for q in gone], r, strict=True))", ("checked_rows_both@0",)),
    Mutant("check both: nothing is gone", SETS, "rest = one.least - taken", "rest = one.least", ("checked_rows_both@0",)),
    Mutant("check both: the first contrast for all", SETS, "for n in range(len(point.pairs)))", "for n in range(1))", ("checked_rows_both@10",)),
    Mutant("check both: what is far is near", BASE, "largest.append(top[0] + wrong)", "largest.append(0)", ("checked_rows_both@0",)),
    Mutant("check both: hat matrix of other rows", BASE, "hat_of(system, [head.rows[i] for i in rows])", "hat_of(system, [head.rows[i] for i in range(len(rows))])", ("checked_rows_both@0",)),
    Mutant("check both: labels of other rows", BASE, "own = outputs_of(head, system, rows), [head.codes.label[i] for i in rows]", "own = outputs_of(head, system, rows), [head.codes.label[i] for i in range(len(rows))]", ("checked_rows_both@0",)),
)
