"""Estimates count every row the same and let all weights decay: a loaded problem that says otherwise is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import certify
from certify.format.errors import InputError
from tests.unit.check.theorems.head.rows.test_weights import COUNTS, Case


@pytest.mark.parametrize(("weighed", "bias", "words"), [(True, True, "carry weights"), (False, False, "bias_decay")])
def test_an_estimate_does_not_leave_out_what_the_problem_says(weighed: bool, bias: bool, words: str,
                                                              tmp_path: Path) -> None:
    case = Case(tmp_path, bias=bias)
    text = case.spec if weighed else case.spec.replace(', weights = "w"', "")
    (tmp_path / "spec.toml").write_text(text + COUNTS, encoding="utf-8")
    problem = certify.load_problem(tmp_path / "spec.toml")
    with pytest.raises(InputError, match=words):
        certify.estimate(problem, np.zeros_like(case.X), parameter="features")
