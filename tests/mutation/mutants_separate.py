"""Mutants of the checker of heads whose outputs are fitted apart (D34): errors of logic, with their killers."""

# ruff: noqa: E501
from __future__ import annotations

from tests.mutation.mutants import Mutant

CHECK = "check/theorems/head/rows/separate_boxes/"
LOST, TREE, OUTPUTS = CHECK + "lost.py", CHECK + "tree.py", CHECK + "outputs.py"

SEPARATE: tuple[Mutant, ...] = (
    Mutant("check separate: rows take half", TREE, "return max(first + second, 0.0)", "return max(0.5 * (first + second), 0.0)", ("changed_rows_separate_checked@5",)),
    Mutant("check separate: only the first output loses", TREE, "return max(first + second, 0.0)", "return max(first, 0.0)", ("changed_rows_separate_checked@5",)),
    Mutant("check separate: labels take from the first output alone", TREE, "max(0.0, *(first * a + second * b for a, b in reaches))", "max(0.0, *(first * a for a, b in reaches))", ("changed_rows_separate_checked@24",)),
    Mutant("check separate: labels take their least", TREE, "max(0.0, *(first * a + second * b for a, b in reaches))", "max(0.0, min(first * a + second * b for a, b in reaches))", ("changed_rows_separate_checked@24",)),
    Mutant("check separate: one change fewer", TREE, "sum(nlargest(k, values)) * UP", "sum(nlargest(k - 1, values)) * UP", ("changed_rows_separate_checked@5",)),
    Mutant("check separate: nothing is fixed", TREE, "up.margin - against.margin - up.fixed[alone] - against.fixed[alone]", "up.margin - against.margin", note="what is fixed is small where boxes hold; at drawn centres what rows take is more"),
    Mutant("check separate: hot rows have no children", TREE, "for a in range(node.numbers[j]) for code in self.o.may(node.hot[a])", "for a in range(0) for code in self.o.may(node.hot[a])", ("changed_rows_separate_checked@21",)),
    Mutant("check separate: rows without boxes need no refit", TREE, "for change in (rest if still", "for change in ([] if still", ("changed_rows_separate_checked@24",)),
    Mutant("check separate: one other output is enough", TREE, "return all(any(room > largest_sum", "return any(any(room > largest_sum", ("changed_rows_separate_checked@5",)),
    Mutant("check separate: boxes of any changes serve", TREE, "or self._reached(its, a) != self._reached(node, a)", "or False", note="tests/unit/check/theorems/head/rows/separate_boxes/test_separate_boxes_check.py kills it"),
    Mutant("check separate: boxes for fewer rows serve", TREE, "or not light <= set(one.place)", "or False", note="a row that a box is not for is found nowhere in it, an error"),
    Mutant("check separate: deleted rows pull less", LOST, "self.low, self.high = [], [up(box.forth[i]) for i in box.free]", "self.low, self.high = [], [0.5 * up(box.forth[i]) for i in box.free]", ("changed_rows_separate_checked@5",)),
    Mutant("check separate: deleted rows always help", LOST, "down(c.counts(i) * (c.p[i] - c.D[i] * arb(ih[i])))", "up(box.forth[i])", note="test_separate_outputs.py beside that one kills it"),
    Mutant("check separate: relabelled rows never pull back", LOST, "down(c.counts(i) * pull - box.backs[i])", "up(box.forth[i])", note="test_separate_outputs.py beside that one kills it"),
    Mutant("check separate: what opposes the other output helps it", LOST, "[y - min(a, b) for (a, b), y", "[max(a, b) + y for (a, b), y", ("changed_rows_separate_checked@5",)),
    Mutant("check separate: each row by itself in the norm of B is nothing", LOST, "apart = [edge * x * UP for x in self.own]", "apart = [0.0 * x for x in self.own]", note="of drawn heads what rows take together in that norm is more"),
    Mutant("check bent motions: what is no number is passed by", "check/theorems/head/rows/moves/bent.py", "if not all(map(isfinite, ends)):", "if False:", ("huge_shares",)),
)
