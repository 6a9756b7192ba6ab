"""Right labels in every form that they may have, and those that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.format.errors import InputError
from certify.systems.head.rows.labels import labels_of
from tests.families.heads import drawn_head


def of(head, y) -> list[int]:
    return labels_of(head, np.asarray(y, dtype=float), "y_eval").tolist()


def test_labels_of_several_outputs() -> None:
    head = drawn_head(np.random.default_rng(0), "cross_entropy", N=3)
    assert of(head, [2, 0, 1]) == of(head, [[2], [0], [1]]) == of(head, np.eye(3)[[2, 0, 1]]) == [2, 0, 1]
    for wrong, said in (([3, 0, 1], "row 0: 3; labels are 0 … 2"), ([0.5, 0, 1], "labels are 0"), ([0, 1], "shape"),
                        (np.ones((3, 3)), "two entries"), ([0, -1, 1], "row 1: -1; labels are 0")):
        with pytest.raises(InputError, match=f"y_eval.*{said}"):
            of(head, wrong)


def test_labels_of_one_output() -> None:
    head = drawn_head(np.random.default_rng(0), "squared", N=3)
    assert of(head, [-1, 1, 1]) == of(head, [False, True, True]) == of(head, [[-1], [1], [1]]) == [0, 1, 1]
    with pytest.raises(InputError, match="row 1: 2; labels are -1 and 1, or 0 and 1"):
        of(head, [0, 2, 1])
    with pytest.raises(InputError, match="row 0: 0; labels are -1 and 1, or 0 and 1"):
        of(head, [0, -1, 1])
    for threshold in (-0.85, -1.0, 0.3, 1.0, 1.4):  # it parts outputs, log-odds for one, and not labels
        apart = replace(head, threshold=threshold)
        assert of(apart, [0, 1, 1]) == of(apart, [-1, 1, 1]) == [0, 1, 1]
    half = replace(head, threshold=0.5)
    assert of(half, [0.0, 0.75, 3.0]) == [0, 1, 1]
    with pytest.raises(InputError, match="row 2: 0.5; it lies on the threshold"):
        of(half, [0.0, 1.0, 0.5])
