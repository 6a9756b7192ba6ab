"""D1: which predictions stay under every choice of changed rows, and which are flipped: form and both ends (V63)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from flint import ctx

from certify.check.hypotheses import Check, Stated
from certify.check.reading import label_rules
from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Witness, stated, whole
from certify.check.reading.side import array_start
from certify.check.reading.subject import Problem
from certify.check.rule import Rule, Side, always
from certify.check.systems.point import Ladder
from certify.check.theorems.head.in_doubles import check_ordinary
from certify.check.theorems.head.rows.changes.any_rows import AnyRows
from certify.check.theorems.head.rows.changes.base import Rows
from certify.check.theorems.head.rows.changes.new_rows import NewRows
from certify.check.theorems.head.rows.head import BITS, Head, head_at
from certify.check.theorems.head.rows.head import OPEN as OPEN_LABEL
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after
from certify.check.theorems.head.rows.right import right_labels
from certify.format.canonical import Json, kind, same, show
from certify.format.methods import FIRST, FLIPPED, METHODS, OPEN
from certify.format.refusal import Invalid

CORRECT = "correct_predictions"
NO_MINIMUM = "a free intercept has no finite minimum"
FLIPS = ("point", "rows", "codes", "weights")
NEW = ("new", "labels")
"""Arrays of flips where rows are new."""
WEIGHED = ("every_choice", "box", "box_tree", "group_tree", "label_sums", "bent_box", "squared_labels", "squared_tree",
           "squared_aside", "squared_deletions", "separate_boxes")
BALANCED, LABELLED = ("every_choice", "by_counts", "label_sums"), ("every_choice", "label_sums")
"""Methods that take rows that carry weights, which stay; balanced ones, which every change of rows changes; and those
that go by the label that a row has, where labels change."""
SOLVED = {"squared_labels"}
"""Methods that make the normal matrix of the squared loss, by which refits are soon judged."""
KINDS, PLAIN = ("every_choice", "new_rows", "group_tree", "both_squared", "both_pairs"), ("enumeration",)
"""Methods for every kind of change as it is, and methods for any rows and nothing that they contain."""


def places(value: object, where: str) -> tuple[int, ...]:
    """Numbers of rows, or −1, or `Invalid`."""
    if not isinstance(value, list):
        raise Invalid(where, f"it is {kind(value)}", "a list is needed")
    return tuple(v if v == -1 and type(v) is int else whole(v, f"{where}[{i}]") for i, v in enumerate(value))


@dataclass(frozen=True)
class Changes(Witness):
    """What every method that was tried proved: several arrays, whose names begin with this one; and rows by number.

    Attributes:
        flipped, undecided: evaluation rows.
        changed: for every flipped one the rows whose change flips it, −1 in the place of none.
    """

    array: str | None = stated(array_start)
    flipped: tuple[int, ...] | None = stated(places)
    undecided: tuple[int, ...] | None = stated(places)
    changed: tuple[int, ...] | None = stated(places)

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """What a label is."""
        return label_rules.scope(problem)


class Method(Protocol):
    """A module of this folder."""

    def proved(self, head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
        """Which evaluation rows stay."""
        ...


def check_form(claim: Claim[Changes], problem: Problem) -> None:
    """V8: the name of the arrays is all there is; it is there where an end says something.

    Raises:
        Invalid: the claim has another form.
    """
    N, found = len(problem.evaluation), claim.witness
    ends, lists = (claim.lower, claim.upper), (found.flipped, found.undecided, found.changed)
    if ends == (None, None) and found.array is None and lists == (None, None, None):
        return  # it says nothing
    if claim.lower is None or claim.upper is None or claim.lower % 1 or claim.upper % 1 or claim.upper > N:
        raise Invalid(f"{claim.where}.lower, .upper", show(list(ends)), f"whole numbers up to {N} are needed")
    if claim.witness.array is None:
        raise Invalid(f"{claim.where}.witness", "array is missing", "the status of every row is needed")
    if None in lists:
        raise Invalid(f"{claim.where}.witness", "flipped, undecided or changed is missing", "all three are needed")


def arrays_of(array: str, side: Side) -> dict[str, Array]:
    """The arrays of a claim, whose names begin with its own, by the rest of their names."""
    return {name.removeprefix(f"{array}."): one for name, one in side.items() if name.startswith(f"{array}.")}


def check_ends(claim: Claim[Changes], ladder: Ladder, side: Side) -> None:
    """Every row by the method that is stated for it, and every flip by its refit.

    Raises:
        Invalid: one cannot be re-derived.
    """
    if claim.witness.array is None:
        return
    start, where = f"{claim.witness.array}.", f"{claim.where}, arrays {claim.witness.array}"
    arrays = arrays_of(claim.witness.array, side)
    with ctx.workprec(BITS):
        head = head_at(ladder)
        centre = arrays.pop("centre", None)  # of `base`, which reads it where the intercept is free
        if centre is not None and (centre.shape != (head.k * head.m,) or centre.kind != "f"):
            raise Invalid(f"{where}.centre", f"its shape is {centre.shape}, its type {centre.kind}",
                          f"{head.k * head.m} weights are needed")
        _keeps_classes(claim, head)
        with within_doubles(where, "its flips are stated"):
            status, flips, flipped = read(head, arrays, where)
        _agree(claim, status, flipped, where)
        if claim.quantity == CORRECT:
            _right(claim, status, head, right_labels(head, ladder.problem.right))
        _listed(claim, status, flips)
        check_methods(head, status, arrays, where, ladder.tell, start not in ladder.kept)
        ladder.kept[start] = True


def read(head: Head, arrays: dict[str, Array], where: str) -> tuple[list[int], dict[str, Array], list[bool]]:
    """The status of every row, the arrays of flips, and the rows that they flip; what is left are those of methods.

    Raises:
        Invalid: a status is none, or a change does not flip what it is stated to flip.
    """
    status = whole_numbers(arrays.pop("status", None), f"{where}.status", (len(head.today),))
    if not all(0 <= s < FIRST + len(METHODS) for s in status):
        raise Invalid(f"{where}.status", show(status), f"numbers from 0 to {FIRST + len(METHODS) - 1} are needed")
    flips = {name: arrays.pop(f"flips.{name}") for name in (*FLIPS, *NEW) if f"flips.{name}" in arrays}
    used = {METHODS[s - FIRST] for s in status if s >= FIRST}
    return status, flips, flipped_by(head, flips, where, bool(used & SOLVED)) if flips else [False] * len(status)


@contextmanager
def within_doubles(where: str, stated: str) -> Iterator[None]:
    """What is proved here uses no number beyond doubles.

    Raises:
        Invalid: one comes up.
    """
    try:
        yield
    except (OverflowError, ZeroDivisionError):
        raise Invalid(where, stated, "numbers come up that doubles do not hold, and nothing is proved") from None


def check_methods(head: Head, status: list[int], arrays: Mapping[str, Array], where: str, tell: Callable[[str], None],
                  derive: bool = True) -> None:
    """Every row that is stated to stay does, by its method.

    Raises:
        Invalid: that is not proved of one, or there are arrays on which no row rests.
    """
    parts: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        method, _, part = name.partition(".")
        parts.setdefault(method, {})[part] = array
    used = {METHODS[s - FIRST] for s in status if s >= FIRST}
    if set(parts) | used != used:
        raise Invalid(where, f"there are arrays of {show(sorted(set(parts) - used))}", "no row rests on them")
    for place, name in enumerate(METHODS):
        if name in used and derive:
            asked = [s == FIRST + place for s in status]
            tell(f"{name}: {sum(asked)} predictions are looked at")
            _fits(head, name, f"{where}.status")
            check_ordinary(head, name, f"{where}.status")
            module: Method = import_module(f"certify.check.theorems.head.rows.{name}")
            with within_doubles(f"{where}.{name}", f"{sum(asked)} rows are stated to stay"):
                found = module.proved(head, parts.get(name, {}), f"{where}.{name}", asked)
            missing = [j for j, (yes, want) in enumerate(zip(found, asked, strict=True)) if want and not yes]
            if missing:
                raise Invalid(f"{where}.status", f"evaluation row {missing[0]} is stated to stay, by {name}",
                              f"that is not proved for {len(missing)} of its {sum(asked)} rows")
            tell(f"{name}: {sum(asked)} predictions stay")


def _fits(head: Head, name: str, where: str) -> None:
    """A method takes rows that carry weights; one for any rows proves a kind that these contain, if all labels stay.

    Raises:
        Invalid: there is none, or it may leave no row of a label.
    """
    kind = head.kind
    goes = head.labelled is not None and (head.relabels or kind is not None)
    known = BALANCED if head.balanced else LABELLED if goes else WEIGHED
    if head.weights is not None and name not in known:
        raise Invalid(where, f"rows are stated to stay by {name}", "rows carry weights, and that is for "
                      f"{'weights that stay' if goes or head.balanced else 'rows that count the same'}; one of "
                      f"{show(list(known))} is needed")
    if kind is None or name in KINDS:
        return
    if kind.plain is None or name in PLAIN:
        raise Invalid(where, f"rows are stated to stay by {name}", "that is for any rows deleted, or any relabelled")
    check_classes(head, AnyRows(kind.labels, head.relabels, head.count, head.moving), where, f"{name} is stated")


def _keeps_classes(claim: Claim[object], head: Head) -> None:
    """Every class keeps a row where refits need one.

    Raises:
        Invalid: a number is stated, and a class may lose all its rows.
    """
    if claim.lower:
        check_classes(head, head.change, f"{claim.where}.lower", show(claim.lower))


def check_classes(head: Head, change: Rows, where: str, stated: str) -> None:
    """No label may lose all its rows where the intercept is free and the loss not quadratic, or labels are balanced.

    Raises:
        Invalid: one may, so that there may be no refit.
    """
    if not head.balanced and (not head.free_intercept or head.loss.quadratic):
        return
    for c in change.emptied():
        raise Invalid(where, stated, f"label {c} may lose all its {len(change.labels.rows(c))} rows; then "
                      f"{'balanced weights have no meaning' if head.balanced else NO_MINIMUM}")


def _agree(claim: Claim[object], status: list[int], flipped: list[bool], where: str) -> None:
    """The flips are those of the side file, and where all labels are counted the ends are the counts."""
    turned = [s == FLIPPED for s in status]
    if turned != flipped:
        raise Invalid(f"{where}.status", f"{sum(turned)} rows are stated to be flipped",
                      f"{sum(flipped)} have a change")
    lower, upper = sum(s >= FIRST for s in status), len(status) - sum(turned)
    if claim.quantity != CORRECT and (claim.lower, claim.upper) != (lower, upper):
        raise Invalid(f"{claim.where}.lower, .upper", show([claim.lower, claim.upper]),
                      f"the rows give {show([lower, upper])}")


def _right(claim: Claim[object], status: list[int], head: Head, right: list[int]) -> None:
    """V67: no more right labels are said to stay than do, and no fewer said to be able to than may.

    Raises:
        Invalid: one of these.
    """
    every = list(zip(status, head.today, right, strict=True))
    lower = sum(s >= FIRST and own == wanted for s, own, wanted in every)
    upper = sum(s != FLIPPED and own in (OPEN_LABEL, wanted) for s, own, wanted in every)
    if claim.lower is None or claim.upper is None or claim.lower > lower or claim.upper < upper:
        raise Invalid(f"{claim.where}.lower, .upper", show([claim.lower, claim.upper]),
                      f"the rows and their right labels give {show([lower, upper])}")


def _at(status: list[int], which: int) -> list[int]:
    """Numbers of the evaluation rows of a status."""
    return [j for j, s in enumerate(status) if s == which]


def _listed(claim: Claim[Changes], status: list[int], flips: Mapping[str, Array]) -> None:
    """The lists for readers say what the side file says, which is what was proved."""
    flipped = _at(status, FLIPPED)
    changes: list[list[int]] = []
    if flipped:
        rows, width = [int(row) for row in flips["rows"].values], flips["rows"].shape[1]
        at = [int(p) * width for p in flips["point"].values]
        changes = [sorted(row for row in rows[at[j] : at[j] + width] if row != -1) for j in flipped]
    longest = max(map(len, changes), default=0)
    for name, said, found in (
            ("flipped", claim.witness.flipped, flipped), ("undecided", claim.witness.undecided, _at(status, OPEN)),
            ("changed", claim.witness.changed, [r for c in changes for r in (*c, *[-1] * (longest - len(c)))])):
        if said != tuple(found):
            raise Invalid(f"{claim.where}.witness.{name}", show(said), f"the side file says {show(found)}")


def flipped_by(head: Head, flips: Mapping[str, Array], where: str, solved: bool = False) -> list[bool]:
    """Which evaluation rows a stated change flips, each proved by its refit; by its normal matrix if that is made."""
    new = isinstance(head.change, NewRows)
    if set(flips) != {*FLIPS, *(NEW if new else ())}:
        raise Invalid(f"{where}.flips", f"its arrays are {show(sorted(flips))}", f"{show(list(FLIPS))} are needed, and "
                      f"{show(list(NEW))} where rows are new")
    shape = flips["rows"].shape
    if len(shape) != 2 or flips["weights"].shape != (shape[0], head.k * head.m):
        raise Invalid(f"{where}.flips", f"the shapes of rows and weights are {shape}, {flips['weights'].shape}",
                      "rows of a change and weights of its refit are needed")
    point = whole_numbers(flips["point"], f"{where}.flips.point", (len(head.today),))
    rows = whole_numbers(flips["rows"], f"{where}.flips.rows", shape)
    codes = whole_numbers(flips["codes"], f"{where}.flips.codes", shape)
    A, r = shape
    changes = [change_of(head, rows[a * r : (a + 1) * r], codes[a * r : (a + 1) * r], f"{where}.flips, change {a}")
               for a in range(A)]
    if any(not -1 <= p < A for p in point):
        raise Invalid(f"{where}.flips.point", show(point), f"numbers of {A} changes, or -1, are needed")
    size = head.k * head.m
    V = [list(flips["weights"].values[a * size : (a + 1) * size]) for a in range(A)]
    labels = _labels_with_new(head, changes, V, flips, where) if new else (
        _labels_by_matrix if solved else labels_after)(head, changes, V)
    left = _not_flipped(head, point, labels)
    if left is not None and head.loss.quadratic and head.relabels and not new and not solved:
        left = _not_flipped(head, point, _labels_by_matrix(head, changes, V))  # which long columns take nothing from
    if left is not None:
        raise Invalid(f"{where}.flips.point", f"change {point[left]} is stated to flip evaluation row {left}",
                      "that is not proved by its weights")
    return [p >= 0 for p in point]


def _not_flipped(head: Head, point: list[int], labels: list[list[int]]) -> int | None:
    """The first evaluation row whose change is not proved to flip it."""
    return next((j for j, (p, now) in enumerate(zip(point, head.today, strict=True))
                 if p >= 0 and (labels[p][j] < 0 or now < 0 or labels[p][j] == now)), None)


def _labels_by_matrix(head: Head, changes: list[Change], V: list[list[float]]) -> list[list[int]]:
    module = import_module("certify.check.theorems.head.rows.squared.refits")
    found: list[list[int]] = module.labels_after(head, changes, V)
    return found


def _labels_with_new(head: Head, changes: list[Change], V: list[list[float]], flips: Mapping[str, Array], where: str,
                     ) -> list[list[int]]:
    from certify.check.theorems.head.rows.new_rows.flips import labels_with

    return labels_with(head, changes, V, flips, where)


def change_of(head: Head, rows: list[int], codes: list[int], where: str) -> Change:
    """One of the choices that are asked about."""
    pairs = tuple((row, code) for row, code in zip(rows, codes, strict=True) if row != -1)
    if not head.change.permits(pairs):
        raise Invalid(where, f"its rows become {show([list(pair) for pair in pairs])}",
                      "a change that the spec asks about is needed: of rows that may change, as many as may, and what "
                      "each may become")
    return pairs


def whole_numbers(array: Array | None, where: str, shape: tuple[int, ...]) -> list[int]:
    """An array of whole numbers of a shape."""
    if array is None or array.shape != shape or array.kind != "i":
        raise Invalid(where, "it is missing" if array is None else f"its shape is {array.shape}, its type {array.kind}",
                      f"whole numbers of shape {shape} are needed")
    return [int(v) for v in array.values]


def _convex(stated: Stated) -> None:
    """The weight decay, which the spec has above 0."""
    decay = stated.ladder.problem.weight_decay
    if not same(stated.value, decay) or not stated.holds:
        raise Invalid(stated.where, stated.words, f"the weight decay is {show(decay)}")


HYPOTHESES: dict[str, Check] = {"convex": _convex}
RULE = Rule(always("D1"), lambda claim, problem: label_rules.units(problem), check_form, check_ends,
            lambda claim, problem: HYPOTHESES, Changes)
