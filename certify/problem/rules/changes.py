"""What a problem has to say where rows change as a whole: groups, pairs of labels, stated rows, two kinds at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss, Parameter, Set
from certify.network.network import Network
from certify.problem.perturbations.codes import codes_of
from certify.problem.perturbations.named import code_named

if TYPE_CHECKING:
    from certify.problem.statement import Statement


def require_kind(problem: Statement) -> None:
    """Refuse groups that are none, pairs that nothing moves along, and stated rows that leave nothing to fit.

    And a loss of several outputs with one: the cross-entropy of one output is 0 whatever the output, so that no row
    holds it, and with an intercept without decay every output of that size is one of a minimiser (proofs/heads, D1).

    Raises:
        InputError: with what would work.
    """
    parameter, given = Parameter(problem.parameter), not Set(problem.set).sized
    if parameter.discrete and problem.outputs == 1 and Loss(problem.loss).outputs_by_class:
        raise InputError("loss", f"'{problem.loss}' with one output, and it takes one for each of two classes or more",
                         "use 'logistic' for two classes, or give an output for each class")
    stated = [key for key in ("together", "relabelled", "pairs", "fresh") if getattr(problem, key) is not None]
    if stated and (given or not parameter.discrete or problem.count is None or len(stated) > 1):
        raise InputError(stated[0], f"given with parameter '{problem.parameter}', set '{problem.set}'"
                         f"{f' and {stated[1]}' if len(stated) > 1 else ''}",
                         "use it alone, with parameter 'deletions' or 'labels' and set 'sparse'")
    if problem.together is not None:
        _require_groups(problem, problem.together)
    if problem.relabelled is not None:
        _require_both(problem, problem.relabelled)
    if problem.pairs is not None:
        _require_pairs(problem, problem.pairs)
    if problem.fresh is not None:
        _require_new(problem)
    if given and parameter.leaves and len(problem.rows) >= problem.n:
        raise InputError("rows", f"all {problem.n} rows are left out", "leave a row to train on")
    if given and parameter.relabels and problem.change is not None:
        _require_labels(problem, problem.change)


def _require_new(problem: Statement) -> None:
    net = problem.network
    widths = net.widths if isinstance(net, Network) else ()
    inputs = widths[0] if len(widths) == 2 and widths[-1] == 1 else None
    if inputs is None:
        raise InputError("fresh", f"given with a network of widths {list(widths)}",
                         "use one layer with one output: other layers change what a row is")
    if problem.box is not None and (len(problem.box) != inputs or any(not a <= b for a, b in problem.box)):
        raise InputError("box", f"{len(problem.box)} pairs", f"give {inputs} pairs, each a least and a largest value")
    if len(codes_of(problem).codes) != 2:
        raise InputError("fresh", "given with targets that are not two labels", "give two labels")


def _require_groups(problem: Statement, groups: tuple[tuple[int, ...], ...]) -> None:
    rows = [row for group in groups for row in group]
    if sorted(rows) != list(range(problem.n)) or len(problem.rows) != problem.n or any(
            list(group) != sorted(group) for group in groups) or [g[0] for g in groups] != sorted(g[0] for g in groups):
        raise InputError("groups", f"{len(rows)} rows in {len(groups)} groups, of {problem.n} rows",
                         "give every row one group")
    assert problem.count is not None
    if problem.count >= len(groups):
        raise InputError("count", f"{problem.count} of {len(groups)} groups", "give fewer: some have to stay")


def _require_both(problem: Statement, relabelled: int) -> None:
    if not Parameter(problem.parameter).leaves:
        raise InputError("relabelled", f"given with parameter '{problem.parameter}'", "use parameter 'deletions'")
    assert problem.count is not None
    if relabelled < 1 or problem.count + relabelled > len(problem.rows):
        raise InputError("relabelled", f"{relabelled} beside {problem.count} deleted, of {len(problem.rows)} rows that "
                         "may change", f"give from 1 to {max(len(problem.rows) - problem.count, 1)}")
    codes_of(problem)  # refuses targets that are no labels


def _require_pairs(problem: Statement, pairs: tuple[tuple[float, float], ...]) -> None:
    found = codes_of(problem)
    for a, b in pairs:
        if code_named(problem, found, a, "pairs") == code_named(problem, found, b, "pairs"):
            raise InputError("pairs", f"label {a:g} becomes {b:g}", "give pairs of different labels")
    if len(set(pairs)) < len(pairs):
        raise InputError("pairs", "a pair is given twice", "give every pair once")
    first = {code_named(problem, found, a, "pairs") for a, _ in pairs}
    if not np.isin(found.label[list(problem.rows)], list(first)).any():
        raise InputError("pairs", "no row that may change has a label that may become another",
                         "give pairs (a, b) in which a is the label of a row")


def _require_labels(problem: Statement, change: np.ndarray) -> None:
    found = codes_of(problem)
    for row in problem.rows:
        new = float(change[row, 0])
        if code_named(problem, found, new, f"the new label of row {row}") == found.label[row]:
            raise InputError(f"the new label of row {row}", f"{new:g}, which it has already",
                             "list the rows whose labels change, and give them others")
