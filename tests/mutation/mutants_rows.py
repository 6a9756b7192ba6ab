"""Mutants of claims about changed rows (D1 to D9), in the prover and in the checker: errors of logic, with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

SYSTEM, THEOREM, CHECK = "systems/head/rows/", "theorems/head/rows/", "check/theorems/head/rows/"
REFIT, CHANGE, HEAD, TRAP, PULLS, SLABS, BENDS = (SYSTEM + name for name in (
    "refit.py", "change.py", "head.py", "boxes/trap.py", "boxes/pulls.py", "boxes/slabs.py", "boxes/bends.py"))
GAMMA, NEAREST = SYSTEM + "losses/gamma.py", SYSTEM + "nearest.py"
TREE, SECOND, LEAVES = (THEOREM + f"boxes/{name}.py" for name in ("tree", "second", "leaves"))
NODE, WALK, CONTRASTS = (THEOREM + f"squared/{name}.py" for name in ("node", "tree", "contrasts"))
MOVED = THEOREM + "moves/deleted.py"
SHARED, ASIDE = THEOREM + "squared_tree/", THEOREM + "squared_aside/"
ENERGY, DUALS, SCORES, BRANCHES, PRIMALS = (THEOREM + f"energy/{name}.py" for name in ("method", "duals", "scores", "tree", "primals"))
CENTRE, SOFTMAX = THEOREM + "softmax/centre.py", THEOREM + "softmax/trap.py"
CELLS, SURVEY = THEOREM + "cover/plane.py", THEOREM + "survey.py"
PAIRED, JUDGED = SYSTEM + "paired.py", THEOREM + "refitted/judge_pairs.py"
TWO_ROWS, BY_MATRIX = (CHECK + f"squared/{name}.py" for name in ("two_rows", "refits"))
HELD, PACKED_PAIRS = (CHECK + f"refitted/{name}.py" for name in ("held_pairs", "packed_pairs"))
BEYOND = "a pull longer than the reach leaves a radius of more than half of it, and no label that was drawn is kept wrongly by that"
LABELS, DELETIONS = (THEOREM + f"{name}.py" for name in ("squared_labels", "squared_deletions"))

ROWS: tuple[Mutant, ...] = (
    # D1
    Mutant("refit: a deleted row keeps its curvature", REFIT, "D[rows[gone], gone] = 0.0", "pass", ("rows_refits@3",)),
    Mutant("refit: σ without the mean of rows", REFIT, "(mu + low + low * held[1] * held[1])", "(mu + low)", ("rows_refits@3",)),
    Mutant("refit: decay of all rows after deletions", REFIT, "head.mu(d) for d in range", "head.mu(0) for d in range", ("rows_refits@8",)),
    Mutant("refit: free intercept held by μ", REFIT, "if not head.free_intercept:", "if True:", ("rows_refits@3",)),
    Mutant("refit: deleted rows pull on", REFIT, "g[rows[gone], gone] = 0.0", "pass", ("rows_refits@32",)),
    Mutant("refit: curvature at the centre for the ball", REFIT, "float(head.phi_norm.max()) * radius) * RAISE", "0.0 * radius) * RAISE", ("rows_refits@7",)),
    Mutant("labels: one output for the difference of two", HEAD, "np.sqrt(2.0) * RAISE * norms[:, None]", "0.5 * RAISE * norms[:, None]", ("rows_refits@4",)),
    Mutant("classes that may vanish: the first one", SURVEY, "change.emptied(head)[:MENTIONED]", "change.emptied(head)[1:MENTIONED]", ("rows_energy@14",)),
    Mutant("gamma: slopes do not move", GAMMA, "near, (q + 4 * U", "near, 0.0 * (q + 4 * U", ("heads_other_near@10",)),
    Mutant("gamma: curvature at the centre for the ball", GAMMA, "low * shrink *", "low *", ("heads_other_near@59",)),
    Mutant("gamma: curvature grows with the ball", GAMMA, "np.where(near, -radius, 0.0)", "np.where(near, radius, 0.0)", ("heads_other_near@11",)),
    Mutant("gamma: slopes without an error", GAMMA, "(EXP_ERROR + 2) * U * largest[0] + U * largest[1] + TINY", "0.0", note="tests/unit/systems/head/rows/test_other_losses.py kills it; of a whole head the rounding of sums is more"),
    Mutant("nearest: curvature at the centre for the ball", NEAREST, "curved(rows.norm * radius)", "curved(rows.norm * 0.0)", ("heads_other_base@53",)),
    Mutant("nearest: no way back from the middle", NEAREST, "(2.0 + float(fp.row_norms(c[None, :])[0])) * RAISE if c.any() else 1.0", "1.0", ("heads_other_base@8",)),
    Mutant("nearest: the mean of the rows does not count", NEAREST, "(mu + s + s * far * far)", "(mu + s)", ("heads_other_base@12",)),
    Mutant("nearest: the best output for all", NEAREST, "sigma = min(", "sigma = max(", ("heads_other_base@7",)),
    Mutant("nearest: the largest share of the rows", NEAREST, ".min(initial=1.0)", ".max(initial=1.0)", ("heads_other_base@63",)),
    # D2
    Mutant("enumeration: the last size is left out", THEOREM + "refitted/walk.py", "for size in range(1, self.change.count + 1):", "for size in range(1, self.change.count):", ("rows_enumeration@0",)),
    Mutant("alternatives: one dropped", CHANGE, "if c != head.label[row])", "if c < head.label[row])", ("rows_enumeration@0",)),
    # D3
    Mutant("labels: one end of the swing", LABELS, "np.maximum(high, point.q * s.low)", "np.minimum(high, point.q * s.low)", ("rows_squared_labels@0",)),
    Mutant("labels: a sum of one fewer", LABELS, "sums, room = np.cumsum(top), fp", "sums, room = np.cumsum(top) - top, fp", ("rows_squared_labels@0",)),
    Mutant("labels: one more than tolerated", LABELS, "lower >= count, {}", "lower >= count - 1, {}", ("rows_squared_labels@0",)),
    Mutant("contrasts: a rival dropped", CONTRASTS, "for b in range(outputs) if b != today", "for b in range(outputs - 1) if b != today", ("rows_squared_labels@10",)),
    Mutant("contrasts: the threshold forgotten", CONTRASTS, "1.0 if today == 1 else -1.0, threshold)", "1.0 if today == 1 else -1.0, 0.0)", ("rows_squared_labels@1",)),
    Mutant("labels: free intercept as decayed", LABELS, "head.mu(), head.decayed, head.phi_rad)", "head.mu(), head.decayed | True, head.phi_rad)", ("rows_squared_labels@1",)),
    # D4
    Mutant("deletions: decay of all rows", DELETIONS, "ridge(head.phi, head.mu(count), head.decayed)", "ridge(head.phi, head.mu(0), head.decayed)", ("rows_squared_deletions@12",)),
    Mutant("deletions: leverage not divided by", NODE, "node.z - ci * (ri / D)", "node.z - ci * ri", ("rows_squared_deletions@0",)),
    Mutant("deletions: x without leverage", NODE, "x, y = node.r / D, node.c / D", "x, y = node.r, node.c", ("rows_squared_deletions@0",)),
    Mutant("deletions: pairs dropped", NODE, "w = first + top_sums(pairs, k - 1) + third", "w = first + third", ("rows_squared_deletions@3",)),
    Mutant("deletions: k − 2 pairs", NODE, "w = first + top_sums(pairs, k - 1) + third", "w = first + top_sums(pairs, k - 2) + third", ("rows_squared_deletions@3",)),
    Mutant("deletions: no remainder of the comparison", NODE, "(np.abs(node.c) + ec) * found.xi * RAISE", "0.0 * found.xi", ("rows_squared_deletions@3",)),
    Mutant("deletions: the sum of k − 1 terms", WALK, "np.arange(len(w) + 1) + k, len(w)", "np.arange(len(w) + 1) + k - 1, len(w)", ("rows_squared_deletions@3",)),
    Mutant("deletions: a child forgets its brothers' rows", WALK, "            left[i] = False\n", "            left[order] = False\n", ("rows_squared_deletions@10",)),
    Mutant("deletions: the last child is missing", WALK, "        for i in order:\n", "        for i in order[:-1]:\n", ("rows_squared_deletions@18",)),
    Mutant("shared tree: decay of all rows", SHARED + "method.py", "ridge(head.phi, head.mu(count), head.decayed)", "ridge(head.phi, head.mu(0), head.decayed)", ("rows_squared_tree@9",)),
    Mutant("shared tree: a contrast keeps its value", SHARED + "state.py", "state.z - c_own * (own / D)", "state.z", ("rows_squared_tree@0",)),
    Mutant("shared tree: x without leverage", SHARED + "sums.py", "/ (1.0 - state.d[rows]))", "/ 1.0)", ("rows_squared_tree@0",)),
    Mutant("shared tree: no remainder of the comparison", SHARED + "sums.py", "(np.abs(c) + ec[:, None]) * found.xi[rows] * RAISE", "0.0 * found.xi[rows]", ("rows_squared_tree@1",)),
    Mutant("shared tree: a sum of one fewer", SHARED + "walk.py", "holds(state, found, self.C, self.pairs, at, k)", "holds(state, found, self.C, self.pairs, at, max(k - 1, 1))", ("rows_squared_tree@1",)),
    Mutant("shared tree: no children", SHARED + "walk.py", "range(state.start, int(needed.max(initial=-1)))", "range(0)", ("rows_squared_tree@0",)),
    Mutant("aside: decay of all rows", ASIDE + "both.py", "head.phi[kept], head.mu(whole.count)", "head.phi[kept], head.mu(0)", ("rows_squared_aside@6",)),
    Mutant("aside: squares cost nothing", ASIDE + "sums.py", "0.25 * (s * reached + gained / s) * RAISE", "0.0 * reached", ("rows_squared_aside@2",)),
    Mutant("aside: the contrast of all rows alone", ASIDE + "sums.py", "+ (rest.z - rest.ez)[at]", "+ (whole.root.z - whole.root.ez)[at]", ("rows_squared_aside@3",)),
    Mutant("aside: a sum of one fewer", ASIDE + "sums.py", "w.shape[1] - m, axis=1)[:, w.shape[1] - m :] if m < w.shape[1] else w", "w.shape[1] - max(m - 1, 1), axis=1)[:, w.shape[1] - max(m - 1, 1) :]", ("rows_squared_aside@9",)),
    Mutant("aside: other rows keep their squares", ASIDE + "sums.py", "half + 0.25 * (s * p + q / s)", "half", ("rows_squared_aside@2",)),
    Mutant("aside: no remainder of the comparison", ASIDE + "sums.py", "c * r + after * x + size * found.xi", "c * r + after * x", ("rows_squared_aside@21",)),
    # D5
    Mutant("box: curvature floor of the other end", TRAP, "for weights in (sec.least * (1.0 - room),", "for weights in (sec.most * (1.0 - room),", ("rows_box@4",)),
    Mutant("box: no difference of inverses", TRAP, "0.5 * (top + low), 0.5 * (top - low)", "0.5 * (top + low), 0.0 * (top - low)", ("rows_box@158",)),
    Mutant("box: pulls of rows that stay put", PULLS, "Pulls((first + D * il) * RAISE, back, first, D)", "Pulls(first * RAISE, back, first, D)", ("rows_box@11",)),
    Mutant("box: a new label pulls by half", PULLS, "pull = 1.0 if own", "pull = 0.5 if own", ("rows_box@1",)),
    Mutant("box: pulls never turn round", TRAP, "np.maximum(C, C * -t.back) + (8.0", "np.maximum(C, 0.0) + (8.0", ("rows_box@98",)),
    Mutant("box: one row of k", TREE, "push = top_sums(V, min(box.k, f))[0]", "push = top_sums(V, 1)[0]", ("rows_box@4",)),
    Mutant("box: second order without its remainder", SECOND, "+ 0.5 * lam * (1.0 + TINY) * parts.rho", "+ 0.0 * parts.rho", ("rows_box@9",)),
    Mutant("box: second order, the curvature of changed rows", SECOND, "* t.size, np.maximum(-beta, 0.0)", "* t.size, 0.0 * beta", ("rows_box@704",)),
    Mutant("box: a new label pulls by its share wherever its row goes", PULLS, "return up * RAISE, down * RAISE", "return 0.0 * up, 0.0 * down", ("rows_box@3",)),
    Mutant("box: second order, rows with new labels bend like others", SECOND, "_largest(x, off, parts.free_bends) - beta, 0.0) * RAISE", "_largest(x, off, parts.free_bends) - beta, 0.0) * 0.0", ("rows_box@47",)),
    Mutant("box: losses bend as at the centre", BENDS, "sign * far * np.minimum(a / count, 1.0))", "sign * far * np.minimum(a / count, 1.0) * 0.01)", ("rows_box@47",)),
    # D6
    Mutant("tree: a child too few", TREE, "for a in range(int(need.max()))]", "for a in range(int(need.max()) - 1)]", ("rows_box_tree@9",)),
    Mutant("tree: a leaf that fails does not count", TREE, "        self.failed[live[~stand]] = True", "        pass", ("rows_box_tree@2",)),
    Mutant("tree: a changed row keeps its label", SYSTEM + "boxes/sums.py", "        S[list(rows)] *= -1.0\n", "        S[list(rows)] *= 1.0\n", ("rows_box_tree@1",)),
    Mutant("leaves: rows that are left out keep their curvature", LEAVES, "most[some[less]], gone[some[less]] = bound, out[less]", "most[some[less]] = bound", ("rows_left_out",)),
    Mutant("leaves: rows that are left out have none", LEAVES, "out = own[some] + (lost", "out = own[some] + 0.0 * (lost", ("rows_left_out",)),
    Mutant("check leaves: rows that are left out keep their curvature", CHECK + "boxes/leaves.py", "best, found = factor, (arb(rest), arb(gone))", "best, found = factor, (arb(rest), own)", ("checked_rows_left_out",)),
    # D7
    Mutant("energy: a quarter for a half of |r|²/μ", DUALS, "far * far / (2.0 * rows.mu[0])", "far * far / (4.0 * rows.mu[0])", ("rows_energy@0",)),
    Mutant("energy: averages give back twice", SCORES, "Q * (-0.5 / (k * k))", "Q * (-2.0 / (k * k))", ("rows_energy@3",)),
    Mutant("energy: labels push the other way", PRIMALS, "    single = steps @ w\n    error", "    single = -(steps @ w)\n    error", ("rows_energy@0",)),
    Mutant("energy: weights on any side", BRANCHES, "if not side(family, e, k) > rows.level:", "if False:", ("rows_energy@14",)),
    Mutant("energy: a free intercept as decayed", DUALS, "    if rows.decayed.all():\n        return -(r", "    if True:\n        return -(r", ("rows_energy@31",)),
    Mutant("energy: one rival of several", ENERGY, "np.delete(e, a, axis=0).reshape(head.k - 1, -1))", "np.delete(e, a, axis=0).reshape(head.k - 1, -1)[:1])", ("rows_energy@2",)),
    Mutant("energy: sets without their refit", BRANCHES, "            if len(bad):\n                raise Open", "            if False:\n                raise Open", ("rows_energy@0",)),
    # D8
    Mutant("cells: no changes", CELLS, "return float(top.sum()) * fp", "return 0.0 * float(top.sum()) * fp", ("rows_cells@1",)),
    Mutant("cells: one change fewer", CELLS, "np.partition(v, len(v) - head.count)[len(v) - head.count :] if head.count < len(v) else v", "np.sort(v)[len(v) - head.count + 1 :]", ("rows_cells@4",)),
    Mutant("cells: no pull of the decay", CELLS, "pull = float(middle.mid @ c) - own", "pull = float(middle.mid @ c)", ("rows_cells@1",)),
    Mutant("cells: centres for cells", CELLS, "first = pull - wrong - float(steep @ r) * fp.sum_up(q)", "first = pull - wrong", ("rows_cells@1",)),
    Mutant("cells: faces uncovered", THEOREM + "cover/tree.py", "faces = [(k, side) for k in range(len(low)) for side in (0, 1)]", "faces: list[tuple[int, int]] = []", ("rows_cells@1",)),
    # D9
    Mutant("softmax: pulls by half", CENTRE, "np.asarray(Y - changes.new)", "np.asarray(0.5 * (Y - changes.new))", ("rows_softmax_box@7",)),
    Mutant("softmax: curvature of one end", SOFTMAX, "above, under = judged(hessian(c, least), unsure, proved)", "above, under = judged(hessian(c, most), unsure, proved)", ("rows_softmax_box@5",)),
    Mutant("softmax: an alternative dropped", SOFTMAX, "np.maximum(push.max(axis=-1), 0.0)", "np.maximum(push[..., 0], 0.0)", ("rows_softmax_box@148",)),
    Mutant("softmax: the spread of pulls dropped", THEOREM + "softmax/drops.py", "fixed = (bent * t.s.spread + top", "fixed = (0.0 * bent * t.s.spread + top", ("rows_softmax_box@39",)),
    Mutant("softmax: one row of m", CENTRE, "head.codes[codes], True, min(change.count, len(rows)))", "head.codes[codes], True, 1)", ("rows_softmax_box@13",)),
    Mutant("softmax: one deleted row of m", CENTRE, "False, min(change.count, len(rows)))", "False, 1)", ("rows_softmax_box@4",)),
    Mutant("softmax: a rival dropped", THEOREM + "softmax/drops.py", "4 * U * np.abs(self.gap)).min(axis=1))", "4 * U * np.abs(self.gap))[:, 0])", ("rows_softmax_box@27",)),
    # D1f
    Mutant("pairs: no curvature fades", PAIRED, "products * _left(moves)", "products * 1.0", ("rows_pairs@26",)),
    Mutant("pairs: outputs move by a tenth", PAIRED, "found = reach * self._farthest(form)", "found = 0.1 * reach * self._farthest(form)", ("rows_pairs@35",)),
    Mutant("pairs: the largest curvature of a block", PAIRED, "(seen[:, a] * seen[:, b]).min(axis=1, initial=1.0)", "(seen[:, a] * seen[:, b]).max(axis=1)", ("rows_pairs@0",)),
    Mutant("pairs: a new label does not pull", PAIRED, "s[rows[~gone], codes[~gone], each[~gone]] -= 1.0", "s[rows[~gone], codes[~gone], each[~gone]] -= 0.0", ("rows_pairs@0",)),
    Mutant("pairs: a row's own label pulls on", PAIRED, "s[rows, label[rows], each] += 1.0", "s[rows, label[rows], each] += 0.0", ("rows_pairs@0",)),
    Mutant("pairs: a free intercept held by μ", PAIRED, "np.tile(np.where(head.decayed, low, 0.0), k)", "np.tile(np.where(head.decayed, low, low), k)", ("rows_pairs@4",)),
    Mutant("pairs: gradients without decay", PAIRED, "gradient = (pull + self._held[:, None] * V.transpose(1, 2, 0))", "gradient = (pull + 0.0 * self._held[:, None] * V.transpose(1, 2, 0))", ("rows_pairs@0",)),
    Mutant("pairs: a quarter of the pull", JUDGED, "near, good = (length / 2 +", "near, good = (length / 4 +", ("rows_pairs@29",)),
    Mutant("pairs: a ball about the weights", JUDGED, " - form.root.T @ y / 2", " - 0.0 * (form.root.T @ y)", ("rows_pairs@29",)),
    Mutant("pairs: a rival is dropped", JUDGED, "        for b in range(k):\n            other", "        for b in range(k - 1):\n            other", ("rows_pairs@1",)),
    Mutant("pairs: pulls beyond the form", JUDGED, "at.near[some] & (length < form.reach / SPARE)", "at.near[some]", note=BEYOND),
    Mutant("check pairs: no curvature fades", HELD, "_left(arb(x), fade)", "_left(arb(0), fade)", ("rows_pairs@26",)),
    Mutant("check pairs: outputs move by a tenth", HELD, "scale = form.reach * 2.0", "scale = 0.1 * form.reach * 2.0", ("rows_pairs@35",)),
    Mutant("check pairs: a free intercept held by μ", HELD, "if not (free and x % m == m - 1):", "if True:", ("rows_pairs@4",)),
    Mutant("check pairs: a root that is none", HELD, "return PairForm(reach, root, q, whole, size.upper(), self.head.k) if whole < CLOSE else None", "return PairForm(reach, [[x // 2 for x in row] for row in root], q, arb(0), size.upper(), self.head.k)", ("rows_pairs@0",)),
    Mutant("check pairs: the largest curvature of a block", PACKED_PAIRS, "max(0, min(map(mul, row[a], row[b]))", "max(0, max(map(mul, row[a], row[b]))", ("rows_pairs@0",)),
    Mutant("check pairs: a new label does not pull", PACKED_PAIRS, "G[row][code] -= marks << SLOPE", "pass", ("rows_pairs@0",)),
    Mutant("check pairs: a row's own label pulls on", PACKED_PAIRS, "G[row][head.codes.label[row]] += marks << SLOPE", "pass", ("rows_pairs@0",)),
    Mutant("check pairs: gradients without decay", PACKED_PAIRS, "decay = 0 if head.free_intercept and j == m - 1 else held", "decay = 0", ("rows_pairs@0",)),
    Mutant("check pairs: a quarter of the pull", PACKED_PAIRS, "length * times >> 21 + PULL - NEAR", "length * times >> 22 + PULL - NEAR", ("rows_pairs@29",)),
    Mutant("check pairs: a ball about the weights", PACKED_PAIRS, "block.columns[a * m + j] - half[a * m + j]", "block.columns[a * m + j]", ("rows_pairs@1",)),
    Mutant("check pairs: a rival is dropped", PACKED_PAIRS, "[a for a in range(head.k) if a != own]", "[a for a in range(head.k - 1) if a != own]", ("rows_pairs@1",)),
    Mutant("check pairs: pulls beyond the form", PACKED_PAIRS, "length < limit and b not in found.lost", "b not in found.lost", note=BEYOND),
    Mutant("check pairs: slopes are exact", PACKED_PAIRS, "error = packed.stretch * (wide * norm(ends) + arb(n).sqrt() * flat) + 2 * n * packed.eta", "error = arb(0) * n", ("rows_pairs@0",)),
    Mutant("check pairs: deleted rows hold on", PACKED_PAIRS, "(1 << SHARE) - sum(form.shares[i] for i, _ in change)", "(1 << SHARE)", ("rows_pairs_deleted@17",)),
    Mutant("check pairs: deleted rows leave the radius", PACKED_PAIRS, "(y * ((2 << 2 * SHARE) // x + 1 - (1 << SHARE)) >> SHARE) + 1 if ok", "y + 1 if ok", ("rows_pairs_deleted@53",)),
    Mutant("check pairs: deleted rows pull on", PACKED_PAIRS, "s[b] = 1 << SLOPE if a == label[i] else 0", "pass", ("rows_pairs_deleted@0",)),
    Mutant("check pairs: decay of no deletion", PACKED_PAIRS, "head.mu(0 if head.relabels else len(block.changes[0]))", "head.mu()", note="tests/unit/check/theorems/head/rows/test_deleted_refits.py kills it: the attack draws no weights that are minima for it"),
    # the checker: what it accepts of arrays for an easier problem
    Mutant("check pairs: pulls beyond what is left of the form", PACKED_PAIRS, "ok and x > 0 and length < (room * x >> SHARE) - less", "ok and x > 0", note="tests/unit/check/theorems/head/rows/test_deleted_refits.py kills it: the attack draws no pulls between both lengths"),
    Mutant("check flips by the matrix: an inverse that is exact", BY_MATRIX, "(form + loose * plain**2).upper()", "form.upper()", note="tests/unit/check/theorems/head/rows/test_long_columns.py kills it: the inverse of no attack is coarse"),
    Mutant("check two rows: nothing is left of a pair", TWO_ROWS, "rho < ONE and taken", "taken", note="tests/unit/check/theorems/head/rows/test_two_rows.py kills it: no two rows of the attacks hold all of each other"),
    Mutant("check two rows: each alone", TWO_ROWS, "taken + above(least * rho, ONE) < least", "taken < least", note="tests/unit/check/theorems/head/rows/test_two_rows.py kills it: a hair of a pair that no head of the attacks has"),
    Mutant("check two rows: one product of two", TWO_ROWS, "(b * x[l] + y[l] * a)", "(b * x[l])", note="tests/unit/check/theorems/head/rows/test_two_rows.py kills it: a hair of a pair that no head of the attacks has"),
    Mutant("check two rows: lengths without products", TWO_ROWS, "above(one.g[i] * (abs(one.y[i]) + one.ey) * far, ONE * ONE * ONE)", "0", note="tests/unit/check/theorems/head/rows/test_two_rows.py kills it: a hair of a pair that no head of the attacks has"),
    Mutant("check two rows: lengths without ρ", TWO_ROWS, "above(node.least * part[i] * largest, 2 * ONE * ONE)", "0", note="tests/unit/check/theorems/head/rows/test_two_rows.py kills it: a hair of a pair that no head of the attacks has"),
    Mutant("check refit: decay of all rows", CHECK + "refitted/refit.py", "mu = head.mu(len(pulled.gone))", "mu = head.mu()", ("rows_enumeration@66",)),
    Mutant("check enumeration: the last size is left out", CHECK + "enumeration.py", "else most, len(head.moving)) + 1)", "else most, len(head.moving)))", ("rows_enumeration@2",)),
    Mutant("check enumeration: an alternative dropped", CHECK + "enumeration.py", "if c != head.codes.label[row]] if", "if c < head.codes.label[row]] if", ("rows_enumeration@2",)),
    Mutant("check labels: one change fewer", CHECK + "squared_labels.py", "[head.count] * len(at)", "[head.count - 1] * len(at)", ("rows_squared_labels@0",)),
    Mutant("check labels: one end of the swing", CHECK + "squared_labels.py", "x * s.high[i] if x > 0 else x * s.low[i]", "x * s.low[i] if x > 0 else x * s.high[i]", ("rows_squared_labels@0",)),
    # D23
    Mutant("moved: falls alone", MOVED, "np.tile([1.0, -1.0], N)", "np.tile([1.0, 1.0], N)", ("heads_squared_moved@1",)),
    Mutant("moved: lower ends beyond what is reached", MOVED, "low[j, a] = abs(z) - wrong", "low[j, a] = abs(z) * 1.001 - wrong", ("heads_squared_moved@0",)),
    Mutant("moved: another output's tree", MOVED, "Y=head.Y[:, [a]]", "Y=head.Y[:, [0]]", ("heads_squared_moved@0",)),
    Mutant("moved: no children", SHARED + "most.py", "            while place < t:", "            while False:", ("heads_squared_moved@0",)),
    Mutant("moved: a child of one deletion fewer", SHARED + "most.py", "child, k - 1, at[open_]", "child, max(k - 2, 0), at[open_]", ("heads_squared_moved@0",)),
    Mutant("moved: what is gone has taken nothing", SHARED + "most.py", "here = lost[open_] + more", "here = more", ("heads_squared_moved@0",)),
    Mutant("moved: a sum of one fewer", SHARED + "most.py", "self.walk.pairs, at[open_], k)", "self.walk.pairs, at[open_], max(k - 1, 1))", ("heads_squared_moved@0",)),
    Mutant("check moved: falls alone", CHECK + "squared_tree/root.py", "[(0, -1, 1), (0, -1, -1)]", "[(0, -1, 1), (0, -1, 1)]", ("heads_squared_moved@4",)),
    Mutant("check moved: one deletion fewer", CHECK + "moves/deleted.py", "count, nodes = set(bounds), min(head.count, len(rows)), shared.nodes", "count, nodes = set(bounds), min(head.count, len(rows)) - 1, shared.nodes", ("heads_squared_moved@4",)),
    Mutant("check moved: the first output for all", CHECK + "moves/deleted.py", "targets=[[y[a]] for y in head.targets]", "targets=[[y[0]] for y in head.targets]", ("heads_squared_moved@4",)),
    Mutant("check moved: the first bound for all outputs", CHECK + "moves/deleted.py", "{j: bounds[j][a] for j", "{j: bounds[j][0] for j", ("heads_squared_moved@4",)),
    Mutant("check moved: no sum of squares", CHECK + "moves/deleted.py", "if not norm([arb(v) for v in row]) <= most if k > 1 else", "if False if k > 1 else", ("heads_squared_moved@4",)),
    Mutant("check moved: points of no tree", CHECK + "moves/deleted.py", "left, count, nodes = set(bounds),", "left, count, nodes = {j for tree in trees for j in tree.points},", ("heads_squared_moved@4",)),
    Mutant("check shared tree: one fewer", CHECK + "squared_tree/trees.py", "count = min(head.count, len(rows))", "count = min(head.count - 1, len(rows))", ("rows_squared_tree@1",)),
    Mutant("check shared tree: no children", CHECK + "squared_tree/walk.py", "range(state.start, max(needed.values(), default=0))", "range(0)", ("rows_squared_tree@12",)),
    Mutant("check aside: one fewer", CHECK + "squared_aside/sets.py", "count = min(head.count, len(rows))", "count = min(head.count - 1, len(rows))", ("rows_squared_aside@5",)),
    Mutant("check aside: squares cost nothing", CHECK + "squared_aside/sums.py", "taken + above(S * seen.reached, 1 << fine) + above(side.gained << fine, S)", "taken", ("rows_squared_aside@83",)),
    Mutant("check aside: a sum of one fewer", CHECK + "squared_aside/sums.py", "nlargest(m, w)", "nlargest(max(m - 1, 1), w)", ("thin: duplicates", "thin: duplicates, three go", "thin: remaining")),
    Mutant("check aside: no coupling", CHECK + "squared_aside/sums.py", "kappa = coupling(state, both.rest.hat, low, m)", "kappa = 0", ("thin: duplicates", "thin: remaining")),
    Mutant("check aside: coupling of one fewer", CHECK + "squared_aside/sums.py", "coupling(state, both.rest.hat, low, m)", "coupling(state, both.rest.hat, low, m - 1)", ("thin: duplicates",)),
    Mutant("check aside: no remainder of the comparison", CHECK + "squared_aside/sums.py", "xi = [above(v, 1 << after) for v in found.xi]", "xi = [0 for v in found.xi]", ("thin: duplicates", "thin: duplicates, three go")),
    Mutant("check aside: influences of rows set aside cost nothing", CHECK + "squared_aside/sums.py", " + above(S * seen.reached, 1 << fine)", "", ("thin: one set aside", "thin: one set aside, of another axis")),
    Mutant("check aside: residuals of rows set aside cost nothing", CHECK + "squared_aside/sums.py", " + above(side.gained << fine, S)", "", ("thin: one set aside", "thin: remaining, one set aside")),
    Mutant("check aside: r_A·r_A for r_A·r'_A", CHECK + "squared_aside/both.py", "gone = _with(whole, aside), _left_out(head, system, outputs, [whole.rows[q] for q in aside])", "gone = _with(whole, aside), _with(whole, aside)", ("thin: one set aside", "thin: one set aside, of another axis")),
    Mutant("check aside: the contrast of all rows alone", CHECK + "squared_aside/sums.py", "for z, own in zip((before, after)", "for z, own in zip((before, before)", ("thin: one set aside",)),
    Mutant("check aside: decay of all rows", CHECK + "squared_aside/both.py", "head.mu(size)", "head.mu(0)", ("thin: remaining", "thin: remaining, one set aside")),
    Mutant("check aside: the largest residual for the spread of all", CHECK + "squared_aside/sums.py", "max(r) - min(r)", "max(r)", ("thin: two outputs", "thin: two outputs, three go")),
    Mutant("check deletions: one fewer", CHECK + "squared_deletions.py", "count = min(head.count, len(head.moving))", "count = min(head.count - 1, len(head.moving))", ("rows_squared_deletions@2",)),
    Mutant("check box: one change fewer", CHECK + "box.py", "list(head.moving), head.count, slabs", "list(head.moving), max(head.count - 1, 1), slabs", ("rows_box@11",)),
    Mutant("check tree: one change fewer", CHECK + "box_tree.py", "head.moving, head.count, where", "head.moving, max(head.count - 1, 1), where", ("rows_box_tree@6",)),
    Mutant("check energy: one change fewer", CHECK + "energy/replay.py", "k = min(lines.head.count, len(lines.head.moving))", "k = max(1, min(lines.head.count, len(lines.head.moving)) - 1)", ("rows_energy@3",)),
    Mutant("check cells: one change fewer", CHECK + "cells.py", "lost = _top(most, left)", "lost = _top(most, max(left - 1, 0))", ("rows_cells@5",)),
    Mutant("check softmax: one change fewer", CHECK + "softmax_box.py", "changes, min(head.count, f), R)", "changes, max(min(head.count, f) - 1, 1), R)", ("rows_softmax_box@23",)),
)
