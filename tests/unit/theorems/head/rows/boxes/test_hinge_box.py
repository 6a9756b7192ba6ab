"""One box for heads with the squared hinge: what it proves, what a checker follows, and what either refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import ctx
from sklearn.datasets import make_classification
from sklearn.svm import LinearSVC

import certify
from certify.check.theorems.head.rows import box as checked
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.method import Budget, Part
from tests.families.hinge_heads import hinge_head, least_margins, twin
from tests.families.other_heads import other_head
from tests.families.row_heads import stored


def found(head: Head, change: RowChange) -> Part:
    part = Box().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    return part


def followed(head: Head, change: RowChange, part: Part, **other: np.ndarray) -> list[bool]:
    with ctx.workprec(64):
        return checked.proved(twin(head, change), stored(dict(part.arrays) | other), "claim",
                              part.proved.tolist())


def some(relabels: bool, weights: bool = False) -> tuple[Head, RowChange, Part]:
    """The first head drawn of which two changes leave something proved."""
    for seed in range(40):
        head = hinge_head(np.random.default_rng([seed, relabels]), weights)
        change = RowChange(relabels, 2, tuple(range(head.n)))
        part = Box().prove(head, change, head.today >= 0, Budget())
        if part is not None and part.proved.any():
            return head, change, part
    raise AssertionError("no box was found")


@pytest.mark.parametrize("relabels", [False, True])
def test_every_refit_keeps_what_is_proved_and_a_checker_follows(relabels: bool) -> None:
    head, change, part = some(relabels)
    assert (least_margins(head, change)[part.proved] > 0).all()
    assert followed(head, change, part) == part.proved.tolist()


@pytest.mark.parametrize("relabels", [False, True])
def test_rows_that_carry_weights_keep_them(relabels: bool) -> None:
    head, change, part = some(relabels, weights=True)
    assert (least_margins(head, change)[part.proved] > 0).all()
    assert followed(head, change, part) == part.proved.tolist()
    assert (least_margins(replace(head, weights=None), change) != least_margins(head, change)).any()


@pytest.mark.parametrize("relabels", [False, True])
def test_smaller_slabs_and_more_changes_are_not_followed(relabels: bool) -> None:
    head, change, part = some(relabels)
    nothing = [False] * len(part.proved)
    assert followed(head, change, part, slabs=np.maximum(part.arrays["slabs"] // 64, 0)) == nothing
    assert followed(head, replace(change, count=head.n - 2), part) == nothing


def test_the_second_order_is_not_for_it() -> None:
    head, change, part = some(False)
    with pytest.raises(Invalid, match="it is for the logistic loss"):
        followed(head, change, part, second=np.zeros(len(part.proved)))


def test_a_free_intercept_and_several_outputs_are_refused() -> None:
    rng = np.random.default_rng(0)
    free, two = other_head(rng, "squared_hinge", free=True), other_head(rng, "one_vs_rest")
    change = RowChange(False, 1, (0, 1))
    assert "nothing else holds it" in Box().able(free, change) and "one output" in Box().able(two, change)
    head, own, part = some(False)
    with pytest.raises(Invalid, match="nothing else holds it"):
        followed(replace(head, decayed=np.append(np.ones(head.phi.shape[1] - 1, bool), False)), own, part)


def test_linear_svc_bears_three_deleted_rows() -> None:
    """Before there were boxes for it, from three rows on nothing was proved."""
    X, y = make_classification(260, 5, n_informative=3, n_redundant=0, random_state=0, flip_y=0.05)
    model = LinearSVC(tol=1e-8, max_iter=100_000).fit(X[:200], y[:200])
    answer = certify.stable_predictions(certify.from_sklearn(model, X[:200], y[:200]), X[200:], delete=3, seconds=20.0)
    assert len(answer.proved) >= 45 and len(answer.undecided) <= 3
