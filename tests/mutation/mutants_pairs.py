"""Mutants of trees of pairs, D12 and D13: the prover and the checker."""

from tests.mutation.mutants import Mutant

PROVER, CHECK = "theorems/head/rows/pair_tree/", "check/theorems/head/rows/pair_tree/"
ROWS, LABELS = "changed_rows_pairs", "changed_labels_pairs"
FORGED = "tests/unit/check/theorems/head/rows/pair_tree/test_pair_tree_last_forged.py kills it: of what provers state another reason holds"
TINY = "tests/unit/check/theorems/head/rows/pair_tree/test_tiny_gradients.py kills it"
LABELS_TINY = "tests/unit/check/theorems/head/rows/label_sums/test_tiny_gradients_of_labels.py kills it"
FLOOR = "no input is known that tells it: where rows pull, what is off along a vector is 2^-900 of that, and is above what underflows"

PAIRS: tuple[Mutant, ...] = (
    Mutant("pairs: no pair costs anything", PROVER + "bound.py", "share = (0.5 * top(C, C_far, k - 1) + long", "share = (0.0 * top(C, C_far, k - 1) + long", ("changed_rows_pairs@1",)),
    Mutant("pairs: nothing of what a step does to another's row", PROVER + "bound.py", "C = (C + pull + pull.T) * RAISE", "C = C * RAISE", ("changed_rows_pairs@12",)),
    Mutant("pairs: rows that go keep their curvature", PROVER + "bound.py", "gone = (1.0 - kappa[: len(rho)]) * (1.0 - 4.0 * U) if k == 1 else least_gone", "gone = 1.0", ("changed_rows_pairs@34",)),
    Mutant("pairs: signed pairs are a tenth", PROVER + "bound.py", "C[a, b] = C[b, a] = np.minimum(signed, C[a, b]) * RAISE", "C[a, b] = C[b, a] = 0.1 * np.minimum(signed, C[a, b]) * RAISE", ("changed_rows_pairs@1",)),
    Mutant("pairs: steps leave no gradient", PROVER + "bound.py", "rho = (single + st.left_off[self.h :] * np.sqrt(size)) * RAISE", "rho = 0.0 * single", ("changed_rows_pairs@2",)),
    Mutant("pairs: no triples", PROVER + "bound.py", "return top(C, C_far, k - 1) / 6.0 * RAISE, far * RAISE", "return 0.0 * top(C, C_far, k - 1), 0.0 * far", ("changed_rows_pairs@37",)),
    Mutant("pairs: half the bits see little of what pairs do", "rigor/single/grams.py", "return np.asarray(found * (1.0 + 2.0 * dot_unit(ROWS + 8)))", "return np.asarray(found * 0.01)", ("changed_rows_pairs@37",)),
    Mutant("pairs: half the bits shorten rows", PROVER + "bound.py", "long = lengths(X, off, s.S, s.norms) if rough is None else rough", "long = lengths(X, off, s.S, s.norms) if rough is None else 0.1 * rough", ("changed_rows_pairs@2",)),
    Mutant("labels' pairs: no pair costs anything", PROVER + "bound.py", "share = (0.5 * top(C, C_far, k - 1) + long", "share = (0.0 * top(C, C_far, k - 1) + long", ("changed_labels_pairs@0",)),
    Mutant("labels' pairs: slopes hardly bend", PROVER + "bound.py", "second = np.minimum(THIRD * kept, most", "second = np.minimum(0.01 * THIRD * kept, 0.01 * most", ("changed_labels_pairs@0",)),
    Mutant("labels, last: slopes do not bend", PROVER + "last.py", "rho = (0.5 * np.concatenate(parts) + rest)", "rho = (0.05 * np.concatenate(parts) + rest)", ("changed_labels_pairs@0",)),
    Mutant("labels, last: rows beyond the long ones move nothing", PROVER + "last.py", "float(ratio.max(initial=0.0)) * own * own * RAISE", "0.0 * own * own", ("changed_labels_pairs@5",)),
    Mutant("labels, last: margins stay where they are", PROVER + "last.py", "farthest = (np.abs(t) + self.reach + c.at.off) * RAISE", "farthest = (np.abs(t) + c.at.off) * RAISE", ("changed_labels_pairs@0",)),
    Mutant("labels, last: the step takes nothing", PROVER + "last.py", "drop = np.minimum(np.maximum(C, 0.0), np.outer(there[tight], own[some]))", "drop = 0.0 * np.outer(there[tight], own[some])", ("changed_labels_pairs@0",)),
    Mutant("check pairs of rows: no pair costs anything", CHECK + "bound.py", "x + 0.5 * top(row, z, k - 1) + b * y + q for", "x + b * y + q for", ("changed_rows_pairs@1",)),
    Mutant("check pairs of rows: nothing of what a step does to another's row", CHECK + "bound.py", "x = C[a][b] + pulled[a][b] * long[a] + pulled[b][a] * long[b]", "x = C[a][b]", ("changed_rows_pairs@12",)),
    Mutant("check pairs of rows: rows that go keep their curvature", CHECK + "bound.py", "x * UP * UP / (1.0 - y) for x, y", "x * UP * UP for x, y", ("changed_rows_pairs@34",)),
    Mutant("check pairs of rows: signed pairs are a tenth", CHECK + "bound.py", "(x + (error + 2.0**-50 * size) * self.root) * UP)", "0.1 * x)", ("changed_rows_pairs@1",)),
    Mutant("check pairs of rows: a row that goes changes its own slope", CHECK + "formed.py", "line[l] = int((other.P[l] - st.still[l]) * 2.0**SLOPE)", "line[l] = 0", ("changed_rows_pairs@1",)),
    Mutant("check pairs of rows: steps leave no gradient", CHECK + "bound.py", "single = [(x + one.left_off * self.root) * UP for", "single = [0.0 * x for", ("changed_rows_pairs@2",)),
    Mutant("check pairs of rows: a step counts its own row", CHECK + "moved.py", "line[i] = line[i] - (1 << SLOPE) if self.s.relabels else 0", "line[i] = line[i] - (1 << SLOPE) if self.s.relabels else line[i]", ("changed_rows_pairs@1",)),
    Mutant("check pairs of rows: two by two, rows keep their curvature", CHECK + "drops.py", "return share * UP / (1.0 - kappa) * UP if kappa < 1.0 and share < inf else inf", "return share", ("changed_rows_pairs@12",)),
    Mutant("check pairs of rows: two by two, no pair costs anything", CHECK + "drops.py", "line = array(\"d\", [x + y + z for y, z in", "line = array(\"d\", [x + y + 0.0 * z for y, z in", ("changed_rows_pairs@12",)),
    Mutant("check pairs of rows: two by two, one row alone is not looked at", CHECK + "drops.py", "open_ += [(a, -1) for a, (x, y) in enumerate(zip(own, self.far, strict=True))", "open_ += [(a, -1) for a, (x, y) in enumerate(zip(own[:0], self.far[:0], strict=True))", ("changed_rows_pairs@13",)),
    Mutant("check labels' pairs: no pair costs anything", CHECK + "bound.py", "(x + 0.5 * top(row, 0.0, self.k - 1) + q) * UP", "(x + q) * UP", ("changed_labels_pairs@0",)),
    Mutant("check labels' pairs: slopes hardly bend", CHECK + "bound.py", "second, own = min(THIRD, most * min(0.5 * farthest, 1.0) * UP), up", "second, own = 0.01 * min(THIRD, most * min(0.5 * farthest, 1.0) * UP), up", ("changed_labels_pairs@0",)),
    Mutant("check labels' pairs: a step without its pull", CHECK + "moved.py", "line[i] = line[i] - (1 << SLOPE) if self.s.relabels else 0", "line[i] = line[i] if self.s.relabels else 0", ("changed_labels_pairs@0",)),
    Mutant("check labels, last: slopes do not bend", CHECK + "last.py", "found.append((0.5 * (sqrt(sum(map(mul, weight, map(mul, row, row))) + more * more)", "found.append((0.05 * (sqrt(sum(map(mul, weight, map(mul, row, row))) + more * more)", ("changed_labels_pairs@0",)),
    Mutant("check labels, last: rows beyond the long ones move nothing", CHECK + "last.py", "more = beyond * self.size[i] * self.size[i]", "more = 0.0", ("changed_labels_pairs@5",)),
    Mutant("check labels, last: margins stay where they are", CHECK + "last.py", "farthest = (abs(at) + moved + off) * UP", "farthest = (abs(at) + off) * UP", ("changed_labels_pairs@4",)),
    Mutant("labels' pairs: half the bits shorten rows", PROVER + "bound.py", "long = lengths(X, off, s.S, s.norms) if rough is None else rough", "long = lengths(X, off, s.S, s.norms) if rough is None else 0.1 * rough", ("changed_labels_pairs@2",)),
    Mutant("labels' pairs: half the bits see little of what pairs do", "rigor/single/grams.py", "return np.asarray(found * (1.0 + 2.0 * dot_unit(ROWS + 8)))", "return np.asarray(found * 0.01)", ("changed_labels_pairs@1",)),
    Mutant("check labels' pairs: nothing lost within reach", CHECK + "bound.py", "int(kept_part(least, x) * 2.0**WEIGHT) for least, x in zip(self.least", "int(least * 2.0**WEIGHT) for least, x in zip(self.least", ("changed_labels_pairs@35",)),
    Mutant("check labels, last: a tenth less of what slopes bend", CHECK + "last.py", "found.append((0.5 * (sqrt(sum(map(mul, weight, map(mul, row, row))) + more", "found.append((0.45 * (sqrt(sum(map(mul, weight, map(mul, row, row))) + more", note=FORGED),
    Mutant("check labels, last: a tenth less for followed rows", CHECK + "last.py", "found.append((0.5 * (sqrt(sum(map(mul, weight, map(mul, row, row)))) + sum", "found.append((0.45 * (sqrt(sum(map(mul, weight, map(mul, row, row)))) + sum", note=FORGED),
    Mutant("check labels, last: nothing lost within reach", CHECK + "last.py", "int(kept_part(curve(farthest) / UP, x) * 2.0**WEIGHT)", "int(curve(farthest) / UP * 2.0**WEIGHT)", note=FORGED),
    Mutant("check labels, last: any reach will do", CHECK + "last.py", "self.proved = needed < 1.0", "self.proved = True", note=FORGED),
    Mutant("check labels, last: margins of few rows move", CHECK + "last.py", "self.moved = [x * far * UP for x in self.size]", "self.moved = [0.0 * x for x in self.size]", note=FORGED),
    Mutant("check labels, last: a largest distance passes over what is no number", CHECK + "last.py", "all(x < inf for x in rho)", "max(rho, default=0.0) < inf", note=FORGED),
    Mutant("check labels, last: rows that are not followed are not looked at", CHECK + "labels.py", "[i for i in place.free if i not in inside], [TABLE", "[], [TABLE", note=FORGED),
    Mutant("check labels, last: no look at the label that has changed alone", CHECK + "labels.py", "if not ok}\n    needed", "if False}\n    needed", note=FORGED),
    Mutant("check pairs of rows: no gradient where its length underflows", CHECK + "bound.py", "/ gone * UP * UP + LOST", "/ gone * UP * UP", note=TINY),
    Mutant("check choices of rows: no gradient where its length underflows", "check/theorems/head/rows/by_choice/pieces.py", "self.root * UP * UP + LOST", "self.root * UP * UP", note=TINY),
    Mutant("check labels, last: no gradient where its length underflows", CHECK + "last.py", "+ still) * UP + LOST", "+ still) * UP", note=LABELS_TINY),
    Mutant("check sums of labels: no gradient where its length underflows", "check/theorems/head/rows/label_sums/bound.py", "gradient) * root * UP + LOST", "gradient) * root * UP", note=LABELS_TINY),
    Mutant("check boxes to second order: no gradient where its length underflows", "check/theorems/head/rows/bent_box/taken.py", "fixed * UP * UP + TINY", "fixed * UP * UP", note=FLOOR),
    Mutant("check bent motions: no gradient where its length underflows", "check/theorems/head/rows/moves/bent.py", "+ rough) * UP + TINY", "+ rough) * UP", note=FLOOR),
    Mutant("check rows on disk: no pull where it underflows", "check/stored/lengths/reading.py", "p * length * RAISED + LEAST", "p * length * RAISED", note="tests/unit/check/stored/lengths/test_doubles.py kills it"),
    Mutant("check energies of rows: great numbers below 0 round nothing", "check/theorems/head/rows/energy/scores.py", "if x < 1e290)", "if abs(x) < 1e290)", note="tests/unit/check/theorems/head/rows/test_energy_products.py kills it"),
)
