"""What a spec has to say where rows change whole or not at all, and where the training is not as usual (Q6, H1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from certify.check.reading.sections.evaluation import LABELS, LEAVING, asked

if TYPE_CHECKING:
    from certify.check.reading.spec import Demand, Spec


@dataclass(frozen=True)
class Whole:
    """How a row changes.

    Attributes:
        sets: how the budget may be shared, where the question need not be of any `count` rows.
        losses: those for which it need not.
    """

    sets: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()


KINDS = {"labels": Whole(sets=("sparse", "per_sample"), losses=("cross_entropy", "logistic")),
         "deletions": Whole()}
"""By the word of the parameter."""
ROWS = ("sparse", frozenset({LABELS}))
"""The set, and the quantities, of a question about any `count` rows that change (H1)."""


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """Wrong or not, where, what is stated, what is needed."""
    row, convex = KINDS.get(spec.parameter), asked(spec, quantities)
    rows = row is not None and convex and (spec.set, frozenset(quantities)) == ROWS
    alone = f"{ROWS[0]} and {LABELS} alone"
    found = (
        (not spec.bias_decay and not (rows and spec.weight_decay > 0), "training.bias_decay", False,
         f"true, but where rows change whole, with {alone}"),
        (spec.normalization != "fixed" and spec.parameter not in LEAVING, "training.normalization",
         spec.normalization, "fixed, unless rows are left out"),
    )
    if row is None:
        return found
    return (
        *found,
        (not convex, "perturbation.parameter", spec.parameter, "finite changes of a convex last layer"),
        (spec.radius is not None, "perturbation.radius", spec.radius, "none, where rows change whole"),
        (not rows and spec.set not in row.sets, "perturbation.set", spec.set,
         " or ".join(row.sets) if row.sets else alone),
        (not rows and spec.loss not in row.losses, "training.loss", spec.loss,
         f"{' or '.join(row.losses)}, or {alone}" if row.losses else alone),
    )
