"""Changes with new rows that flip predictions, each proved by its refit (D1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flint import arb, arb_mat

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.new_rows import NewRows
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.refitted.refit import Change, labels_after
from certify.format.canonical import show
from certify.format.refusal import Invalid


def labels_with(head: Head, changes: list[Change], weights: list[list[float]], flips: Mapping[str, Array], where: str,
                ) -> list[list[int]]:
    """The label of every evaluation row at the refit of every change.

    Args:
        head: the head.
        changes: rows that are left out.
        weights: floats near the refits.
        flips: `new`, `(A, a, d)` features of the new rows, and `labels`, `(A, a)` their codes, −1 where there is none.
        where: the claim, for messages.

    Raises:
        Invalid: new rows that are not asked about.
    """
    kind, found = head.change, []
    assert isinstance(kind, NewRows)
    A, a, d = len(changes), kind.added, len(kind.low)
    if flips["new"].shape != (A, a, d) or flips["labels"].shape != (A, a) or flips["labels"].kind != "i" or (
            flips["new"].kind != "f"):
        raise Invalid(f"{where}.flips.new", f"its shape is {flips['new'].shape}", f"{(A, a, d)} is needed, and a label "
                      "of each row")
    for at, (change, v) in enumerate(zip(changes, weights, strict=True)):
        rows, codes = [], []
        for i in range(a):
            if (code := int(flips["labels"].values[at * a + i])) != -1:
                codes.append(code)
                rows.append(list(flips["new"].values[(at * a + i) * d : (at * a + i + 1) * d]))
        if not kind.holds(rows, codes):
            raise Invalid(f"{where}.flips.new, change {at}", f"{len(rows)} rows with the labels {show(codes)}",
                          f"at most {a} are needed, in the box that the spec asks about")
        found.append(labels_after(with_new(head, rows, codes), [change], [v])[0])
    return found


def with_new(head: Head, rows: list[list[float]], codes: list[int]) -> Head:
    """The head with new rows, which the n of the decay does not count."""
    phi = [*head.rows, *([*map(arb, row), *[arb(1)] * (head.m - len(row))] for row in rows)]
    targets = [*head.targets, *(head.codes.rows[c] for c in codes)]
    more = replace(head.codes, label=[*head.codes.label, *codes], targets=targets)
    return replace(head, phi=arb_mat(phi), rows=phi, sizes=[norm(row).upper() for row in phi], targets=targets,
                   codes=more, new=head.new + len(rows))
