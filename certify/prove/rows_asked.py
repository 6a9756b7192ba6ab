"""The change of rows that a caller asks about, in the words of a problem: a number, these rows, groups, pairs, both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace as replaced
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Parameter, Set
from certify.inputs.given import given_numbers
from certify.inputs.groups import groups_of
from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.problem.perturbations.codes import Codes, codes_of
from certify.problem.perturbations.named import known_labels
from certify.problem.problem import Problem
from certify.problem.progress import warn
from certify.prove.changed.group_labels import group_numbers
from certify.prove.changed.shares import rows_or_share

KINDS: Final = {"delete": Parameter.DELETIONS, "relabel": Parameter.LABELS}
"""What users call the parameters."""

PLAIN: Final[Mapping[str, Any]] = {
    "set": Set.SPARSE, "count": None, "change": None, "together": None, "relabelled": None, "pairs": None,
    "fresh": None, "box": None}
"""The members of a problem that say which change is meant."""


def is_plain(problem: Problem) -> bool:
    """Whether it is least squares of one layer without a penalty, which few theorems about rows are of."""
    return problem.weight_decay == 0 and isinstance(problem.network, Network) and problem.network.depth == 1 and (
        loss_named(problem.loss).quadratic)


def require_penalty(problem: Problem) -> None:
    """Refuse plain least squares where a penalty is needed, and say what is known of it.

    Raises:
        InputError: it has none.
    """
    if is_plain(problem):
        raise InputError("weight_decay", "plain least squares (LinearRegression) has no penalty, and without weight "
                         "decay the solution need be neither unique nor stable",
                         "ask certify.prediction_change(problem, X_new, delete=3) how far predictions move, "
                         "certify.sign_survives(X, y, column) how many rows a coefficient survives, or fit Ridge with "
                         "an alpha above 0; to arrays give weight_decay")


def asked_new(problem: Problem, add: int | None, replace: int | None, within: Any, others: Mapping[str, Any],
              ) -> dict[str, Any]:
    """The members of the problem that asks about new rows.

    Args:
        problem: whose rows they join.
        add, replace: how many rows are added, or take the place of others.
        within: the least and the largest value of every feature of a new row; None: those of the training rows.
        others: what was asked about other changes.

    Raises:
        InputError: what does not fit together.
    """
    stated = [(key, value) for key, value in {"add": add, "replace": replace, **others}.items() if value is not None]
    (key, count), *more = stated
    if more:
        raise InputError(f"{key} and {more[0][0]}", "given together", "give one of them")
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:
        raise InputError(key, f"{count!r}", "give a whole number of rows from 1 on")
    box = None
    if within is not None:
        ends = given_numbers(within, "within")
        if ends.shape != (2, problem.network.widths[0]):
            raise InputError("within", f"shape {ends.shape}", f"give (2, {problem.network.widths[0]}) numbers: the "
                             "least and the largest value of every feature of a new row")
        box = tuple((float(a), float(b)) for a, b in ends.T)
    if getattr(problem.prepare, "of_rows", False):
        raise InputError(key, "given with features of a kernel, of which a new row would make others",
                         "ask with delete or relabel")
    if problem.prepare is not None and within is not None:
        raise InputError("within", "given with features that are made of the rows before", "leave it out")
    if getattr(problem.prepare, "mixes", False):
        warn("a new row is any row of features from their least to their largest values, also one that mixes "
             "categories: what flips may flip by such a row alone")
    word = "added" if key == "add" else "replaced"
    return {**PLAIN, "parameter": Parameter.DELETIONS, **_most(problem, key, int(count)), "fresh": word, "box": box}


def asked_change(problem: Problem, delete: Any, relabel: Any, groups: Any, pairs: Any) -> dict[str, Any]:
    """The members of the problem that asks about a change.

    Args:
        problem: whose rows change.
        delete: how many rows, as a number or a share of them, or which.
        relabel: how many rows, or the new label of each by its number.
        groups: the group of every row; the numbers are then of groups.
        pairs: labels (a, b): a may become b alone.

    Raises:
        InputError: what does not fit together.
    """
    stated = {kind: _share(problem, kind, value, groups) for kind, value in (("delete", delete), ("relabel", relabel))
              if value is not None}
    if not stated:
        raise InputError("stable_predictions", "no change", "give delete, relabel, or both")
    counts = {kind: _count(kind, value) for kind, value in stated.items()}
    numbers = {kind: count for kind, count in counts.items() if count is not None}
    extra = [name for name, value in (("groups", groups), ("relabel_pairs", pairs)) if value is not None]
    if len(stated) == 2 and (len(numbers) < 2 or extra):
        raise InputError("delete and relabel", f"given with {extra[0]}" if extra else "these rows of one of them",
                         "give both as numbers of rows and nothing else, or one of them")
    if len(extra) > 1 or (extra and not numbers):
        raise InputError(extra[0], "given with relabel_pairs" if len(extra) > 1 else "given with stated rows",
                         "give a number of rows with one of groups and relabel_pairs")
    if len(stated) == 2:
        return {**PLAIN, "parameter": Parameter.DELETIONS, **_most(problem, "delete", numbers["delete"]),
                "relabelled": _most(problem, "relabel", numbers["relabel"])["count"]}
    kind = next(iter(stated))
    members: dict[str, Any] = {**PLAIN, "parameter": KINDS[kind]}
    if not numbers:
        return members | {"set": Set.GIVEN} | _GIVEN[kind](problem, stated[kind])
    if groups is not None:
        return members | {"count": numbers[kind], "together": _groups(problem, groups)}
    if pairs is not None:
        if kind != "relabel":
            raise InputError("relabel_pairs", "given with delete", "give it with relabel")
        members |= {"pairs": _pairs(problem, pairs)}
    return members | _most(problem, kind, numbers[kind])


def labelled(problem: Problem, threshold: float | None) -> Problem:
    """The question with the threshold of its labels.

    Raises:
        InputError: nothing says what the label of one real output is.
    """
    if threshold is not None:
        if problem.outputs == 1 and problem.row_loss.output:
            meant = f"; to part them at {threshold:g} give math.log({threshold:g})" if threshold > 0 else ""
            warn(f"threshold: an output of the {problem.loss} loss is the logarithm of what is predicted: "
                 f"predictions part at {math.exp(min(threshold, 700.0)):.4g}{meant}")
        return replaced(problem, threshold=float(threshold))
    targets = problem.y if problem.y is not None else problem.labels
    if problem.threshold is None and problem.outputs == 1 and problem.row_loss.slides and not (
            targets is not None and np.isin(targets, (-1, 1)).all()):
        told = problem.row_loss.output
        hint = f"; the output is {told}" if told else ", e.g. 0.5 for targets 0 and 1"
        moves = ("certify.prediction_change(problem, X_new, delete=3) says" if loss_named(problem.loss).quadratic else
                 'certify.audit(problem, X_new, delete=2, ask="rows deleted") says, and of single rows '
                 "certify.leave_one_out(problem, X_new)")
        raise InputError("threshold", "none, and the targets of the one output are not all -1 and 1",
                         f"give the threshold that parts the two labels{hint}; how far amounts move {moves}")
    return problem


def _share(problem: Problem, kind: str, value: Any, groups: Any) -> Any:
    """A share of the rows as a number of them; anything else as it is."""
    if not isinstance(value, str) or "%" not in value:
        return value
    if groups is not None:
        raise InputError(kind, f"{value!r} with groups", "give a number of groups")
    number, part = rows_or_share(kind, value)
    return number if part is None else part.of(problem.n)


def _count(kind: str, value: Any) -> int | None:
    """A number of rows; None where rows are stated."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        if value >= 1:
            return int(value)
    elif isinstance(value, Sequence | np.ndarray | Mapping | set | frozenset | range) and not isinstance(value, str):
        return None
    these = "a list of row numbers" if kind == "delete" else "a dictionary of row numbers and new labels"
    raise InputError(kind, f"{value!r}", f"give a whole number of rows from 1 on, a share such as '1%', or {these}")


def _most(problem: Problem, kind: str, count: int) -> dict[str, Any]:
    if count > len(problem.rows):
        raise InputError(kind, f"{count} of {len(problem.rows)} rows that may change",
                         f"give at most {len(problem.rows)}")
    return {"count": count}


def _rows(problem: Problem, kind: str, stated: Any) -> tuple[int, ...]:
    """Row numbers, each once, of rows that there are."""
    found = [row.item() if isinstance(row, np.generic) else row for row in stated]
    strange = next((row for row in found if type(row) is not int), None)
    if strange is not None:
        raise InputError(kind, f"{strange!r} among the rows", "give numbers of rows, from 0")
    beyond = next((row for row in found if not 0 <= row < problem.n), None)
    if beyond is not None:
        raise InputError(kind, f"row {beyond} of {problem.n}", f"rows are 0 … {problem.n - 1}")
    twice = next((row for row in found if found.count(row) > 1), None) if len(set(found)) < len(found) else None
    if twice is not None:
        raise InputError(kind, f"row {twice} is listed {found.count(twice)} times", "list every row once")
    if not found:
        raise InputError(kind, "no rows", "list one row or more")
    return tuple(sorted(found))


def _deleted(problem: Problem, stated: Any) -> dict[str, Any]:
    if isinstance(stated, Mapping):
        raise InputError("delete", "a dictionary", "give a list of row numbers")
    return {"rows": _rows(problem, "delete", stated)}


def _relabelled(problem: Problem, stated: Any) -> dict[str, Any]:
    if not isinstance(stated, Mapping):
        raise InputError("relabel", "row numbers without labels", "give a dictionary, e.g. {3: 1}: row 3 gets label 1")
    rows, found = _rows(problem, "relabel", stated), codes_of(problem)
    change = np.zeros((problem.n, 1))
    for row, label in stated.items():
        change[int(row), 0] = new = _label(problem, found, label, f"relabel, row {row}")
        if known_labels(problem, found)[int(found.label[int(row)])] == new:
            raise InputError(f"relabel, row {row}", f"label {label!r}, which it has already",
                             "list the rows whose labels change, and give them others")
    return {"rows": rows, "change": change}


_GIVEN: Final = {"delete": _deleted, "relabel": _relabelled}


def _groups(problem: Problem, groups: Any) -> tuple[tuple[int, ...], ...]:
    labels = group_numbers(groups, problem.n)
    if len(problem.rows) != problem.n:
        raise InputError("groups", f"given where {len(problem.rows)} of {problem.n} rows may change",
                         "use a problem all of whose rows may change")
    return groups_of(labels.tolist())


def _pairs(problem: Problem, pairs: Any) -> tuple[tuple[float, float], ...]:
    found, read = codes_of(problem), []
    for pair in pairs:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise InputError("relabel_pairs", f"{pair!r}", "give pairs of labels, e.g. [(0, 1)]: 0 may become 1")
        a, b = (_label(problem, found, label, "relabel_pairs") for label in pair)
        read.append((a, b))
    if not read:
        raise InputError("relabel_pairs", "no pairs", "give one or more, e.g. [(0, 1)]")
    return tuple(read)


def _label(problem: Problem, found: Codes, label: Any, where: str) -> float:
    """A label as the data has it, from what the user calls it."""
    known = sorted(known_labels(problem, found).values())
    names = list(known) if problem.classes is None or len(problem.classes) != len(known) else list(problem.classes)
    for value, name in zip(known, names, strict=True):
        if type(label) is not bool and label == name:
            return value
    said = ", ".join(f"{name:g}" if isinstance(name, float) else repr(name) for name in names)
    raise InputError(where, f"label {label!r}", f"the labels are {said}")


def tell_of_classes(problem: Problem, labels: bool) -> None:
    """Warn that weights follow the labels, as in a fit anew, where these may change."""
    if problem.weights is None or not problem.weights.by_label:
        return
    if problem.weights.balanced:
        said = ("a row that is relabelled counts as its new label does, and balanced weights follow the rows, as in a "
                "fit anew" if labels else
                "answers are about fits anew, with balanced weights of the rows that are left")
        warn(f"class_weight: {said}")
    elif labels:
        warn("class_weight: a row that is relabelled counts as its new label does")
