"""Ends of every row alone (M4): what is false by a hair is refused, with the row's number."""

from __future__ import annotations

import pytest

from certify.format.refusal import Invalid
from tests.families import emitter
from tests.families.check_cases import plain
from tests.families.prover_cases import checked, forged, prove

HAIR = 1e-6


@pytest.mark.parametrize("end, factor, other, nothing", [
    ("upper", 1 - HAIR, "lower", 0.0), ("lower", 1 + HAIR, "upper", None)])
def test_ends_of_rows_that_are_false_by_a_hair_are_refused(end, factor, other, nothing, tmp_path):
    emitter.write_files(plain(), tmp_path)
    certificate = prove(tmp_path)
    at = next(at for at, claim in enumerate(certificate["claims"]) if claim["quantity"] == "sample_modulus")
    claim = certificate["claims"][at]
    low, high = max(claim["row_lower"]), max(claim["row_upper"])
    assert 0 < low <= high <= low * (1 + HAIR / 9) and checked(certificate, tmp_path)
    for place, row in enumerate(claim["rows"]):
        ends = list(claim[f"row_{end}"])
        ends[place] *= factor
        change = {f"row_{end}": ends, end: max(ends), f"row_{other}": [nothing] * len(ends), other: nothing}
        with pytest.raises(Invalid, match=f"row_{end} of row {row}:"):
            checked(forged(certificate, at, **change), tmp_path)
