"""Which claims a report calls limits, which it does not, and what it says of a radius that nothing uses."""

from __future__ import annotations

from itertools import combinations

import pytest

from certify.report.exporters.html import render
from certify.report.quantities import QUANTITIES
from tests.families.report_samples import Json, certificate, claim
from tests.unit.report.exporters.test_html import Page

RADII = {"theorem": "Q1", "witness": {"radius_u": 1e-3, "radius_w": 1e-2}}
MADE = {
    "modulus": claim("modulus"),
    "first_order_distance": claim("first_order_distance"),
    "distance": claim("distance", theorem="Q4", witness={}),
    "aubin": claim("aubin", **RADII),
}
NO_FACTOR = claim("aubin", theorem="Q1", upper=None, witness={}, verdict="inconclusive", reason="give smaller ones")
GIVEN = {"set": "given"}


LABELS = {"first_order_distance": "N3", "distance": "Q7"}
"""Theorems about one given change."""


def text(*claims: Json, **problem: object) -> str:
    if problem.get("set") == "given":
        claims = tuple(made | {"theorem": LABELS[made["quantity"]], "witness": {}} for made in claims)
    return Page(render(certificate(*claims, problem=problem))).text


@pytest.mark.parametrize("quantities, problem, said, unsaid", [
    (("modulus", "distance"), {"radius": 0.1},
     ["A factor, or modulus, is a statement about the limit of ever smaller moves. The distance is not: it is about "
      "every change of this kind, at its own size.", "By itself it says nothing about what a move"], ["persistence"]),
    (("first_order_distance", "distance"), {"radius": 0.1},
     ["A distance to first order is about the linearisation", "The distance is not: it is about every change of this"],
     ["This is a statement of first order"]),
    (("first_order_distance", "distance"), GIVEN, ["The distance is not: it is about this one change of the data"], []),
    (("distance",), GIVEN, ["it is about this one change of the data, at its own size"], ["every move up to the size"]),
    (("modulus", "aubin"), {}, ["The factor with explicit radii is not: it covers every move up to its size.",
                                "By itself it says nothing about what a move"], ["Nothing is said about what"]),
    (("aubin",), {}, ["it covers every move up to the size given"], ["a limit. “About”"]),
])
def test_each_claim_is_called_what_it_is(quantities, problem, said, unsaid) -> None:
    page = text(*(MADE[quantity] for quantity in quantities), **problem)
    assert [words for words in said if words not in page] == [] == [words for words in unsaid if words in page]


def test_a_factor_without_radii_covers_no_size() -> None:
    assert "every move up to" not in text(NO_FACTOR) + text(MADE["modulus"], NO_FACTOR)
    assert "“About” becomes exact" in text(MADE["modulus"], NO_FACTOR)


def test_only_what_was_asked_is_named_and_a_radius_nothing_uses_has_its_reason() -> None:
    for size in (1, 2, 3):
        for quantities in combinations(MADE, size):
            page = text(*(MADE[quantity] for quantity in quantities), radius=0.25)
            named = [quantity for quantity, row in QUANTITIES.items()
                     if row.at_size and f"{row.at_size} is not:" in page]
            assert set(named) <= set(quantities)
            used = {"first_order_distance", "distance"} & set(quantities)
            assert ("do not use it: " in page) == (not used) and "use it: ." not in page
    assert "the factor holds within the radii named with it" in text(MADE["aubin"], radius=0.25)
    assert "the one change is taken from the file" in text(MADE["distance"], radius=0.25, **GIVEN)
