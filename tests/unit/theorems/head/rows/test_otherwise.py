"""Where an audit leaves predictions open, the command that may decide more is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.theorems.head.rows import claims
from certify.theorems.head.rows.claims import otherwise
from certify.theorems.head.rows.searches.methods import WAYS
from certify.theorems.head.rows.survey import _method
from tests.families.heads import any_rows
from tests.families.other_heads import other_head


@pytest.mark.parametrize(("loss", "least"), [("cross_entropy", "LARGE"), ("logistic", "LARGE_OF_TWO")])
def test_of_a_large_table(loss: str, least: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = other_head(np.random.default_rng(0), loss, n=9)
    assert otherwise(head, any_rows(head, 1, False)) == ""
    monkeypatch.setattr(claims, least, 9)
    words = otherwise(head, any_rows(head, 2, False))
    assert "certify rows" in words and "--delete 2`" in words
    assert "--relabel 3`" in otherwise(head, any_rows(head, 3, True))
    for other in (replace(head, remaining=True), replace(head, phi_rad=np.full(9, 1e-9)),
                  other_head(np.random.default_rng(0), loss, n=9, weights="rows"),
                  other_head(np.random.default_rng(0), "one_vs_rest", n=9)):
        assert otherwise(other, any_rows(other, 2, False)) == ""
    assert otherwise(head, replace(any_rows(head, 2, False), rows=(0, 1, 2))) == ""


@pytest.mark.parametrize("name", WAYS)
def test_every_method_is_the_one_of_its_row_and_says_in_words_what_it_does(name: str) -> None:
    assert _method(name).name == name and "_" not in WAYS[name][1]
