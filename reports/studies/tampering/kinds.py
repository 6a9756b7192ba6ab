"""Which kinds of claim there are, by the tables of `certify.format`, and which of them a certificate has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from certify.format.methods import FIRST, METHODS
from certify.format.quantities import DISTANCE, FUNCTIONAL, PREDICTION_CHANGE, SAMPLE_MODULUS
from certify.format.theorems import D1_MOVES, D1_RANGES, THEOREMS, System, Theorem
from certify.format.words import By

Json = dict[str, Any]
Arrays = Mapping[str, np.ndarray]

SUMS = "D1, by enumeration: sums of refits"
BY = {(D1_MOVES, DISTANCE): (By.COUNTED, By.NORMS, By.BOXES, By.SUMS, By.BENT),
      (D1_MOVES, PREDICTION_CHANGE): tuple(By),
      (D1_RANGES, FUNCTIONAL): (By.COUNTED, By.BOXES)}
"""What may bound every change (V68, V72, V88 of proofs/certificate-format.md)."""

ON_DISK = {"labels": "D3", "deletions": "D4"}
"""By what happens to rows on disk the theorem of the claim with the squared loss (V85)."""

LENGTHS = "D14"
"""That of the logistic loss, whatever happens to them."""


def every() -> set[str]:
    """All kinds: a new theorem, case, quantity, member of a witness, or method of a head is one at once."""
    found = {SUMS, *(f"D1, by {method}" for method in METHODS)}
    for theorem in THEOREMS:
        found |= {f"{label} {quantity.name}" for label in _labels(theorem) for quantity in theorem.quantities}
        found |= {_member(theorem, name) for name in theorem.witness.members()}
    found |= {f"D1 {quantity.name}, by {by}" for (_, quantity), bys in BY.items() for by in bys}
    found |= {_on_disk(label, change, two) for change, label in ON_DISK.items() for two in (True, False)}
    return found | {_on_disk(LENGTHS, change, True) for change in ON_DISK}


def of(top: Json, arrays: Arrays) -> set[str]:
    """The kinds of a certificate with its side file; claims that state no end have none."""
    if "claim" in top:
        return {_on_disk(top["claim"]["theorem"], top["problem"]["change"], top["problem"]["classes"] == 2)}
    found = set(_methods(arrays))
    for claim in top["claims"]:
        label, quantity, witness = claim["theorem"], claim["quantity"], claim["witness"]
        if claim["lower"] is None and claim["upper"] is None and "equal_rows" not in witness:
            continue
        found.add(f"{label} {quantity}")
        found |= {_member(row, name) for row in THEOREMS for name in witness if name in row.witness.members()
                  and row.states(label) and str(row.map) == top["problem"]["map"]
                  and quantity in {q.name for q in row.quantities}}
        if "by" in witness:
            found.add(f"D1 {quantity}, by {witness['by']}")
    return found


def _methods(arrays: Arrays) -> Iterator[str]:
    """Those by which predictions of a head stay."""
    for name, values in arrays.items():
        if name.endswith(".status"):
            yield from (f"D1, by {METHODS[int(s) - FIRST]}" for s in np.unique(values) if s >= FIRST)
        if name.endswith(".enumeration.shares"):
            yield SUMS


def _labels(theorem: Theorem) -> tuple[str, ...]:
    """What a claim with an end states: the case, where the theorem has several; of one row alone M5d states none."""
    if theorem.system is not System.CRITICAL or theorem.label != "M5":
        return (theorem.label,)
    return tuple(case for case in theorem.cases if case != "M5d" or SAMPLE_MODULUS not in theorem.quantities)


def _member(theorem: Theorem, name: str) -> str:
    return f"{theorem.label} ({theorem.system}, {theorem.quantities[0].name}), witness: {name}"


def _on_disk(label: str, change: str, two: bool) -> str:
    if label == LENGTHS:
        return f"{label} on disk, {change}"
    return f"{label} on disk, {'two classes' if two else 'more classes'}"
