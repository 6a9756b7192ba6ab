"""Mutants of perturbation sets: every error term of N0 to N3 set to zero, and errors of logic, with what kills them."""

from __future__ import annotations

from tests.mutation.mutants import SLACK, Mutant

ROW_SETS, FACTOR = "problem/perturbations/row_sets.py", "problem/perturbations/factor.py"
BUDGETS, PAIRS, CHANGE = "theorems/modulus/row_budgets.py", "theorems/modulus/pairs.py", "theorems/modulus/given_change.py"

STRETCH = "the search scales shapes so that τ is 1 up to rounding; a stated shape that does not is the checker's to refuse"
SECOND = "F is rounding alone in small problems: its second order, and what is left of the first, are below the error beside it"
HIDDEN = "none of 150 cases shows it: an ellipsoid is wider than its hull in all but a few directions"

SETS: tuple[Mutant, ...] = (
    # N0
    Mutant("supports: product", ROW_SETS, "(fp.dot_unit(k) * size + sets.rad) * length", "sets.rad * length", note=SLACK),
    Mutant("supports: radius", ROW_SETS, "(fp.dot_unit(k) * size + sets.rad) * length", "fp.dot_unit(k) * size * length", ("box@0",)),
    Mutant("supports: √d", ROW_SETS, "if sets.boxes else Fraction(1)", "if False else Fraction(1)", ("sparse@14",)),
    Mutant("lower end: all rows move", BUDGETS, "reverse=True)[:count], Fraction(0))\n    bottom", "reverse=True), Fraction(0))\n    bottom", ("sparse@1",)),
    # ellipsoids
    Mutant("interval, norm 2: radius", ROW_SETS, "D = fp.row_norms(g) + sets.rad", "D = fp.row_norms(g)", ("box@42",)),
    Mutant("interval, norm 1: radius", ROW_SETS, "D = np.abs(g).max(axis=1) + sets.rad", "D = np.abs(g).max(axis=1)", ("box@66",)),
    Mutant("interval, norm inf: radius", ROW_SETS, " + np.sqrt(d) * RAISE * sets.rad", "", ("box@71",)),
    Mutant("interval, norm inf: √d", ROW_SETS, "np.sqrt(d) * RAISE * sets.rad", "sets.rad", ("box@71",)),
    Mutant("interval, norm inf: sum", ROW_SETS, "(1.0 + 2.0 * fp.dot_unit(d))", "1.0", note=SLACK),
    Mutant("interval: the norm itself for its dual", ROW_SETS, "elif sets.norm == 1:\n        D", 'elif sets.norm == "inf":\n        D', ("box@12",)),
    Mutant("box: radius", FACTOR, "(rad * W.max(axis=1) + extra)", "extra", ("sparse@2",)),
    Mutant("box: rounding of the weights", FACTOR, "(rad * W.max(axis=1) + extra)", "rad * W.max(axis=1)", note=SLACK),
    Mutant("box: stretch", ROW_SETS, "tuple(sum((1 / fp.exact(w) ** 2 for w in row.tolist()), Fraction(0)) for row in W)", "tuple(Fraction(1, 2) for row in W)", ("box@2",)),
    Mutant("hull: radius", ROW_SETS, "(fp.dot_unit(k) * size_g + sets.rad[:, None])", "(fp.dot_unit(k) * size_g)", note=HIDDEN),
    Mutant("hull: product", ROW_SETS, "(fp.dot_unit(k) * size_g + sets.rad[:, None])", "sets.rad[:, None]", note=SLACK),
    Mutant("hull: ω", ROW_SETS, "reach.max(axis=1) / (1 - omega)", "reach.max(axis=1)", note=SLACK),
    Mutant("hull: the nearest vertex", ROW_SETS, "reach.max(axis=1) / (1", "reach.min(axis=1) / (1", ("box@22",)),
    # N1, N2
    Mutant("weights: rounding of C", BUDGETS, "(w * w * around.factor.eta + 4.0 * fp.U * size * size)", "(w * w * around.factor.eta)", note=SLACK),
    Mutant("weights: eta", BUDGETS, "(w * w * around.factor.eta + 4.0", "(4.0", ("box@5",)),
    Mutant("weights: not repaired", BUDGETS, "square = fp.exact(mu) ** 2", "square = Fraction(99, 100)", ("box@0",)),
    Mutant("weights: stretch", BUDGETS, "parts = [fp.exact(d) * tau for", "parts = [fp.exact(d) for", ("sparse@50|box*120",)),
    Mutant("weights: the smallest", BUDGETS, "sum(sorted(parts, reverse=True)[:count], Fraction(0)))), \"weights\"", "sum(sorted(parts)[:count], Fraction(0)))), \"weights\"", ("sparse@3",)),
    Mutant("rows: stretch", BUDGETS, "fp.exact(v) * fp.sqrt_up(tau) for", "fp.exact(v) for", note=STRETCH),
    Mutant("rows: squares are added", BUDGETS, "return fp.up(sum(sorted(parts, reverse=True)[:count], Fraction(0))), \"rows\", None", "return fp.up(fp.sqrt_up(sum((v * v for v in sorted(parts, reverse=True)[:count]), Fraction(0)))), \"rows\", None", ("sparse@1",)),
    Mutant("pairs: stretch", BUDGETS, "* tau[:, None] * tau * RAISE", "* RAISE", note=STRETCH),
    Mutant("pairs: the diagonal alone", BUDGETS, "largest = -np.sort(-norms, axis=1)[:, :count]", "largest = np.diagonal(norms)[:, None]", ("sparse@1",)),
    Mutant("pairs: sum", BUDGETS, "* (1.0 + 2.0 * fp.dot_unit(count)) * RAISE", "", note=SLACK),
    Mutant("pairs: first order", PAIRS, "(size + inner + divided", "(size + divided", ("sparse@23",)),
    Mutant("pairs: second order and loose parts", PAIRS, "(size + inner + divided / (1 - epsilon) * RAISE)", "(size + inner)", ("sparse@32",)),
    Mutant("pairs: error of the congruence", PAIRS, "np.outer(y, error * y + w_error", "np.outer(y, w_error", ("sparse@23",)),
    Mutant("pairs: eta", PAIRS, "    divided += np.outer(loose, whole) + np.outer(whole, loose) + np.outer(loose, loose)\n", "", note=SLACK),
    # N3
    Mutant("change: radius of G", CHANGE, "+ sets.rad) * lengths", "+ 0.0 * sets.rad) * lengths", ("given_change@2",)),
    Mutant("change: what y leaves out", CHANGE, "if lengths.any() else Fraction(0)", "if False else Fraction(0)", ("given_change@2",)),
    Mutant("change: first order", CHANGE, "first = w_error * size + X.error * size * size", "first = Fraction(0)", ("given_change@1",)),
    Mutant("change: second order", CHANGE, "(plain + first + second, Fraction(0))", "(plain + first, Fraction(0))", note=SECOND),
    Mutant("change: F forgotten", CHANGE, "fp.inner(y, y) - fp.inner(y, w)\n", "fp.inner(y, y)\n", note=SECOND),
)
