"""Accuracy under every change: both ends against exhaustion, and labels that are none."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from certify import stable_predictions
from certify.prove.changed.accuracy import Accuracy
from tests.families.heads import drawn_head
from tests.oracles.squared_head import margin, refit
from tests.unit.prove.changed.test_coefficients import squared
from tests.unit.prove.changed.test_tolerated import POINTS, with_weights


@pytest.mark.parametrize("seed", range(4))
def test_the_exact_share_lies_between_the_ends(seed: int) -> None:
    problem = with_weights(squared(np.random.default_rng(seed), free=bool(seed % 2)))
    found = stable_predictions(problem, POINTS, delete=2, seconds=20)
    phi, y = np.hstack([problem.X, np.ones((7, 1))]).tolist(), problem.y.tolist()
    stays = []
    for i, point in enumerate(np.hstack([POINTS, np.ones((4, 1))]).tolist()):
        margins = []
        for m in range(3):
            for out in combinations(range(7), m):
                left = [r for r in range(7) if r not in out]
                W = refit([phi[r] for r in left], [y[r] for r in left], 7 * problem.weight_decay,
                          [True, True, problem.bias_decay])
                assert W is not None
                margins.append(margin(W, point, int(found.head.today[i])))
        stays.append(min(margins) > 0)
    right = np.random.default_rng(seed).integers(0, 2, size=4)
    accuracy = found.accuracy(right)
    true = sum(bool(s) and right[i] == found.head.today[i] for i, s in enumerate(stays)) / 4
    assert accuracy.lower <= true <= accuracy.upper <= len(accuracy.today) / 4
    assert accuracy.lower == accuracy.upper  # seven rows: all is decided
    assert not set(accuracy.kept) & set(accuracy.lost) and {*accuracy.kept, *accuracy.lost} <= {*accuracy.today}
    for same in (2 * right - 1, right.astype(bool), (2 * right - 1)[:, None].astype(float)):
        assert found.accuracy(same).lower == accuracy.lower
    assert repr(accuracy).startswith(f"Accuracy(today {len(accuracy.today)} of 4 labels right; under every change ")


def test_what_is_open_does_not_read_as_if_labels_changed() -> None:
    nothing, none = np.arange(0), Accuracy(9, np.arange(8), np.arange(0), np.arange(8), 0.0, 0.0)
    assert repr(Accuracy(9, np.arange(8), nothing, np.array([7]), 0.0, 7 / 9)).endswith(
        "under every change at most 7: 0.7778 from above, nothing is proved from below)")
    assert repr(none).endswith("under every change 0 proved to stay right, at most 0: 0.0000 to 0.0000)")


def test_a_label_that_is_not_known_today_may_be_right() -> None:
    """Too near a tie: the upper end counts it, the lower does not."""
    head = drawn_head(np.random.default_rng(0), "logistic", free=False)
    tie = replace(head, points=np.zeros_like(head.points), V=np.zeros_like(head.V))
    assert (tie.today == -1).all()
    problem = with_weights(squared(np.random.default_rng(0), free=False))
    found = stable_predictions(problem, POINTS, delete=1)
    found.head.__dict__["today"] = np.full(4, -1)
    unknown = found.accuracy([0, 1, 0, 1])
    assert unknown.lower == 0 and unknown.upper == found.upper / 4 and len(unknown.today) == 0


def test_its_picture_has_every_part_and_rounds_no_end_inwards() -> None:
    pytest.importorskip("matplotlib")
    found = Accuracy(9, np.arange(8), np.arange(5), np.array([7]), 5 / 9, 7 / 9)
    assert found.parts() == {"stay right": 5, "undecided": 2, "made wrong": 1, "wrong today": 1}
    axes = found.plot()
    assert [bar.get_width() for bar in axes.patches] == [5, 2, 1, 1] and found.plot(axes) is axes
    assert axes.get_legend().get_title().get_text() == "certified accuracy 55.5 % to 77.8 %"
    assert "8 right today" in [text.get_text() for text in axes.get_legend().get_texts()]
