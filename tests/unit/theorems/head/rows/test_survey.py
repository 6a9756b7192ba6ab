"""The survey and enumeration against every choice refitted in 300 bits, and what the checker makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import enumeration as checker
from certify.check.theorems.head.rows.refitted.refit import labels_after
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import Choices, choices_of
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows import box
from certify.theorems.head.rows import survey as surveys
from certify.theorems.head.rows.claims import _reason, in_python, remedy
from certify.theorems.head.rows.energy import method as energy
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget, Part, seconds_of_all
from certify.theorems.head.rows.searches import searched, stopped
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.softmax_tree import ALONE, FEWER, SHARE, SoftmaxTree
from certify.theorems.head.rows.step_sums.method import StepSums
from certify.theorems.head.rows.survey import leading, order, survey
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.oracles.head_rows import stays

LOSSES = ("squared", "logistic", "cross_entropy")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_both_ends_are_the_exhaustive_truth(loss, relabels, count):
    rng = np.random.default_rng([LOSSES.index(loss), relabels, count])
    few = count == 2
    head = drawn_head(rng, loss, n=6 if few else 9, N=12, apart=2.0, decay=0.1, free=False if few else None)
    change = any_rows(head, count, relabels)
    truth, found = stays(head, change), survey(head, change, 8.0)
    assert not (found.proved & ~truth).any() and not (found.attacked & truth).any()
    assert not found.undecided.any()  # no drawn point is that near a tie


def test_the_search_alone_never_proves_that_a_prediction_stays():
    head = drawn_head(np.random.default_rng(3), "logistic")
    found = survey(head, any_rows(head, 1, True), 8.0, methods=())
    assert not found.proved.any()


def test_without_time_nothing_is_proved():
    head = drawn_head(np.random.default_rng(3), "logistic")
    found = survey(head, any_rows(head, 2, True), 0.0)
    assert not found.proved.any()


@pytest.mark.parametrize("error", [np.linalg.LinAlgError("Singular matrix"), FloatingPointError("overflow")])
def test_a_method_whose_matrices_are_singular_in_floats_leaves_points_to_others(error, monkeypatch):
    """Features of 1e20 beside a decay of 0.07 end so in the tree of boxes: that was the end of the run."""
    head, made = drawn_head(np.random.default_rng(3), "logistic", free=False), surveys._method
    change, asked = any_rows(head, 1, True), []

    class Broken(type(made("enumeration"))):
        def prove(self, *_):
            asked.append(1)
            raise error

    whole = survey(head, change, 8.0)
    monkeypatch.setattr(surveys, "_method", lambda name: Broken() if name == "enumeration" else made(name))
    found = survey(head, change, 8.0)
    assert asked and found.proved.tolist() == whole.proved.tolist()


def test_a_method_without_memory_leaves_points_to_others(monkeypatch):
    """It ended the run in a traceback, and what others had proved was lost."""
    head, made = drawn_head(np.random.default_rng(3), "logistic", free=False), surveys._method
    change = any_rows(head, 1, True)

    class Large(type(made("enumeration"))):
        def prove(self, *_):
            raise MemoryError

    whole = survey(head, change, 8.0, methods=("enumeration",))
    monkeypatch.setattr(surveys, "_method", lambda name: Large() if name == "enumeration" else made(name))
    assert whole.proved.any() and survey(head, change, 8.0).proved.tolist() == whole.proved.tolist()
    alone = survey(head, change, 8.0, methods=("enumeration",))
    assert not alone.proved.any() and "as there was not memory enough" in alone.reasons[0]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("after", [0, 1])
def test_a_search_without_memory_leaves_what_others_proved(loss, after, monkeypatch):
    """It ended the run in a traceback; what it found before stays too, and the line says what was short."""
    head = drawn_head(np.random.default_rng(9), loss, n=9, N=60, apart=2.0, decay=0.1, free=False)
    change, calls = any_rows(head, 1, False), []
    whole = survey(head, change, 8.0)

    def short(rows, codes):  # what the search proposes, change by change
        calls.append(len(rows))
        if len(calls) > after:
            raise MemoryError
        return Choices(rows, codes)

    monkeypatch.setattr(searched, "AT_ONCE", 1)
    monkeypatch.setattr(searched, "Choices", short)
    found = survey(head, change, 8.0, methods=("box", "softmax_box"))  # none of which finds changes that flip
    assert len(calls) == after + 1  # none begins anew
    assert whole.attacked.any() and (found.attacked <= whole.attacked).all() and (found.proved <= whole.proved).all()
    assert found.attacked.sum() >= after and found.undecided.any()
    assert any("the search for changes that flip ended before its time: there was not memory" in one
               for one in found.reasons)
    assert "there was not memory enough" in _reason(found, head, change)


def test_a_point_whose_label_today_is_a_tie_is_left_open():
    head = drawn_head(np.random.default_rng(4), "logistic")
    head.points[2] = 0.0
    found = survey(head, any_rows(head, 1, False), 8.0)
    assert head.today[2] == -1 and found.undecided[2]


def enumerated(seed, loss="logistic", relabels=True, count=1):
    head = drawn_head(np.random.default_rng(seed), loss, n=9, N=20, apart=2.0, decay=0.1)
    change = any_rows(head, count, relabels)
    part = Enumeration().prove(head, change, head.today >= 0, Budget())
    weights = part.arrays["weights"].astype(np.float64)
    if "again" in part.arrays:
        weights[part.arrays["again"]] = part.arrays["exact"]
    array = Array(weights.shape, tuple(map(float, weights.ravel())), "f")
    return head, change, part, array


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("relabels", [False, True])
def test_the_checker_finds_what_the_prover_proved(loss, relabels):
    head, change, part, array = enumerated(11, loss, relabels, 2 if loss == "squared" else 1)
    with ctx.workprec(64):
        found = checker.proved(ball_head(head, change), {"weights": array}, "here", part.proved.tolist())
    assert found == part.proved.tolist() and part.proved.any()


def test_the_checker_refuses_a_missing_choice_and_weights_of_another_one():
    head, change, part, array = enumerated(12)
    balls, size = ball_head(head, change), head.k * head.m
    short = Array((array.shape[0] - 1, size), array.values[:-size], "f")
    with pytest.raises(Invalid):
        checker.proved(balls, {"weights": short}, "here", part.proved.tolist())
    long = Array((array.shape[0] + 1, size), array.values + array.values[:size], "f")
    with pytest.raises(Invalid):
        checker.proved(balls, {"weights": long}, "here", part.proved.tolist())
    with pytest.raises(Invalid):
        checker.proved(balls, {}, "here", part.proved.tolist())
    with ctx.workprec(64):
        turned = Array(array.shape, array.values[size:] + array.values[:size], "f")  # each choice has another's weights
        assert sum(checker.proved(balls, {"weights": turned}, "here", part.proved.tolist())) < part.proved.sum()
        asked = [True] * len(head.points)  # rows that were not proved are not proved now
        assert checker.proved(balls, {"weights": array}, "here", asked) == (part.proved & (head.today >= 0)).tolist()


def test_the_checker_goes_through_the_choices_in_the_order_of_the_prover():
    head = drawn_head(np.random.default_rng(0), "cross_entropy", n=5)
    change = any_rows(head, 2, True)
    ours = [tuple(zip(r.tolist(), c.tolist(), strict=True)) for size in range(3)
            for batch in choices_of(head, change, size, 7) for r, c in zip(batch.rows, batch.codes, strict=True)]
    assert ours == list(checker.changes_of(ball_head(head, change)))
    assert len(ours) == sum(change.choices(head, size) for size in range(3))


def test_labels_after_a_change_are_open_where_the_weights_are_poor():
    head = drawn_head(np.random.default_rng(6), "logistic", free=True)
    change = any_rows(head, 1, True)
    with ctx.workprec(64):
        poor = labels_after(ball_head(head, change), [()], [[300.0] * 3])
    assert poor == [[-1] * len(head.points)]


def test_a_class_that_may_lose_all_its_rows_leaves_everything_open_and_says_so():
    head = drawn_head(np.random.default_rng(7), "logistic", n=8, free=True)
    head.label[:] = 0
    head.label[3] = 1
    head.Y[:] = head.codes[head.label]
    found = survey(head, any_rows(head, 1, False), 8.0)
    assert not found.proved.any() and "class 1 has 1 rows, and" in " ".join(found.reasons)


def test_labels_after_a_change_are_known_at_weights_whose_gradient_is_nothing():
    # of a constant target the refit is the constant, to the last bit: the ball about it has no size
    head = drawn_head(np.random.default_rng(8), "squared", free=True)
    head.Y[:] = 1.0
    with ctx.workprec(64):
        weights = [[0.0, 0.0, 1.0], [0.0, 0.0, -9.0]]
        exact, poor = labels_after(ball_head(head, any_rows(head, 1, False)), [(), ()], weights)
    assert exact == [1] * len(head.points) and poor != [0] * len(head.points)


def test_a_head_of_one_input_is_answered():
    head = drawn_head(np.random.default_rng(9), "logistic", free=False, apart=3.0)
    head = replace(head, phi=head.phi[:, 1:2], V=head.V[:, 1:2], points=head.points[:, 1:2], decayed=head.decayed[:1])
    change = any_rows(head, 1, True)
    found = survey(head, change, 8.0, methods=("cells", "enumeration"))
    assert not (found.proved & ~stays(head, change)).any() and found.proved.any()
    assert not survey(head, change, 8.0, methods=("cells",)).proved.any()


@pytest.mark.parametrize(("seconds", "first"), [(9.0, "energy"), (11.0, "enumeration")])
def test_enumeration_goes_before_energies_where_its_time_fits_into_half_of_what_is_left(monkeypatch, seconds, first):
    head = drawn_head(np.random.default_rng(3), "logistic")
    monkeypatch.setattr(Enumeration, "complete", lambda self, head, change: False)
    monkeypatch.setattr(Enumeration, "seconds", lambda self, head, change: 5.0)
    names = list(order(head, any_rows(head, 2, True), Budget(seconds), tuple(CLASSES)))
    assert sorted(names) == sorted(set(CLASSES) - {"separate_boxes"})  # separate_bent does all that it does
    assert min(names.index("energy"), names.index("enumeration")) == names.index(first)
    assert list(order(head, any_rows(head, 2, True), Budget(seconds), ("energy",))) == ["energy"]


def test_the_time_of_an_enumeration_is_that_of_its_refits():
    head = drawn_head(np.random.default_rng(3), "logistic", n=30)
    one, two = (Enumeration().seconds(head, any_rows(head, m, True)) for m in (1, 2))
    assert 0 < one < 60 and 0 < two < 60
    assert Enumeration().seconds(head, any_rows(head, 0, True)) < one + 60


def test_a_tree_of_few_deletions_goes_before_covers():
    head = drawn_head(np.random.default_rng(3), "logistic", n=30)
    for count, relabels, first in ((3, False, "box_tree"), (11, False, "cells"), (3, True, "cells")):
        names = list(order(head, any_rows(head, count, relabels), Budget(10.0), ("cells", "box_tree")))
        assert names[0] == first and sorted(names) == ["box_tree", "cells"]
    assert list(order(head, any_rows(head, 3, False), Budget(10.0), ("cells",))) == ["cells"]


@pytest.mark.parametrize(("count", "seconds", "large", "late"), [
    (4, 600.0, True, True), (3, 600.0, True, False), (4, 60.0, True, False), (4, 600.0, False, False)])
def test_one_box_goes_after_a_tree_of_pairs_where_it_takes_long(count, seconds, large, late, monkeypatch):
    head = drawn_head(np.random.default_rng(3), "logistic", n=30)
    monkeypatch.setattr(box, "VAST", head.phi.size + (not large))
    names = list(order(head, any_rows(head, count, False), Budget(seconds), ("box", "pair_tree")))
    assert names == (["pair_tree", "box"] if late else ["box", "pair_tree"])


@pytest.mark.parametrize(("seconds", "wanted"), [(0.0, "the time was up"), (30.0, "ended before the time was up")])
def test_more_time_is_advised_only_where_it_was_up(seconds, wanted):
    head = drawn_head(np.random.default_rng(5), "logistic", n=16, apart=4.0, decay=1.0)
    found = survey(head, any_rows(head, 1, True), seconds, methods=())  # the search for flips alone
    assert found.undecided.any() and wanted in remedy(found.tried, found.cut)
    assert ("give more time" in remedy(found.tried, found.cut)) == (seconds == 0.0)


@pytest.mark.parametrize("relabels", [False, True])
def test_no_time_is_advised_where_more_would_not_be_used(relabels, monkeypatch):
    """The search for flips has an end of its own, whatever time there is."""
    head = drawn_head(np.random.default_rng(5), "logistic", n=16, apart=4.0, decay=1.0)
    for longest, advised in ((0.0, False), (1e9, True)):
        monkeypatch.setattr(searched, "LONGEST", longest)
        monkeypatch.setattr(searched, "SHORTER", longest)
        seconds = 30.0 if not advised else 1e-9
        found = survey(head, any_rows(head, 1, relabels), seconds, methods=())
        assert found.undecided.any() and found.cut == advised


def test_time_that_proofs_leave_goes_to_changes_that_flip(monkeypatch):
    """The share of the time that the search has at first may be none on a machine with other work."""
    head = drawn_head(np.random.default_rng(5), "logistic", n=16, apart=1.0, decay=0.1)
    wanted = survey(head, any_rows(head, 2, True), 60.0, methods=("enumeration",)).attacked
    assert wanted.any()
    monkeypatch.setattr(surveys, "ATTACK", 0.0)
    found = survey(head, any_rows(head, 2, True), 60.0, methods=("box",))
    assert (found.attacked == wanted).all()


def test_what_more_time_would_do_is_said(monkeypatch):
    """A method that waits for more time says how much; the search for flips alone proves nothing."""
    head = drawn_head(np.random.default_rng(3), "cross_entropy", n=14, decay=0.1)
    change = any_rows(head, 2, True)
    monkeypatch.setattr(energy, "too_long", lambda *_: "its first step needs 28 min")
    found = survey(head, change, 30.0, methods=("energy",))
    said = remedy(found.tried, found.cut, found.more, found.fewer)
    assert found.cut and "did not begin: its first step needs 28 min; give a smaller count" in said
    assert "give more time" not in said
    for seconds, longest, longer in ((1e-9, 1e9, True), (30.0, 0.0, False)):
        monkeypatch.setattr(searched, "LONGEST", longest)
        found = survey(head, change, seconds, methods=())
        assert found.undecided.any()
        assert (surveys.LONGER in remedy(found.tried, found.cut, found.more)) == longer


@pytest.mark.parametrize(("patient", "needed", "advised", "said"), [
    (1e9, 0.0, True, ""), (0.0, 0.0, False, "nothing was decided in"), (1e9, 301.0, False, "would need about 5 min"),
    (0.0, 299.0, True, ""), (0.0, 1e6, False, "about 277.8 h would be needed"),
])
def test_more_time_is_advised_where_a_stopped_method_may_use_it(monkeypatch, patient, needed, advised, said):
    """One that decided nothing in its time, or is known to need far more than there was, is no reason to wait."""
    head = drawn_head(np.random.default_rng(5), "cross_entropy", n=16, apart=4.0, decay=1.0)
    nothing = Part("softmax_tree", np.zeros(len(head.points), dtype=bool), late=True)
    monkeypatch.setattr(SoftmaxTree, "prove", lambda *_: nothing)
    monkeypatch.setattr(SoftmaxTree, "least", lambda *_: needed)
    monkeypatch.setattr(stopped, "PATIENT", patient)
    found = survey(head, any_rows(head, 2, True), 30.0, methods=("softmax_tree",))
    words = remedy(found.tried, found.cut, found.more, found.fewer)
    assert found.undecided.any() and found.cut
    assert ("give more time" in words) == advised and said in words
    assert (stopped.HARDLY in words) == (not advised and needed != 301.0)
    assert ("there were 30 s, and" in words) == (needed == 301.0)  # somebody may give that


@pytest.mark.parametrize(("needed", "said"), [
    (31.0, "a tree over the rows that pull most needs about 31 s, and there were 30 s"),
    (299.0, "a tree over the rows that pull most needs about 5 min, and there were 30 s"), (29.0, ""), (0.0, "")])
def test_how_near_the_time_was_to_what_a_method_needs_is_said(needed, said, monkeypatch):
    """One that needs 31 s and had 30 proved nothing, and nobody learned that a second was missing."""
    head = drawn_head(np.random.default_rng(5), "cross_entropy", n=16, apart=4.0, decay=1.0)
    nothing = Part("softmax_tree", np.zeros(len(head.points), dtype=bool), late=True)
    monkeypatch.setattr(SoftmaxTree, "prove", lambda *_: nothing)
    monkeypatch.setattr(SoftmaxTree, "least", lambda *_: needed)
    change = any_rows(head, 2, True)
    found = survey(head, change, 30.0, methods=("softmax_tree",))
    assert found.undecided.any() and found.near == said
    line = _reason(found, head, change)
    assert "give more time" in line and "needs about" in line if said else "needs about" not in line
    assert f"the time was up{f' ({said})' if said else ''}; give" in line


def test_no_time_is_missed_by_methods_that_do_not_apply():
    head = drawn_head(np.random.default_rng(3), "cross_entropy", n=14, decay=0.1)
    found = survey(head, any_rows(head, 3, True), 1e-9)
    missed = {line.partition(":")[0] for line in found.reasons if line.endswith("no time was left for it")}
    assert found.cut and "energy" in missed and not missed & {"squared_tree", "box", "cells", "group_tree"}


def test_bounds_that_no_certificate_states_are_named_where_they_are_for_the_question():
    for loss, apply in (("cross_entropy", True), ("squared", False)):
        head = drawn_head(np.random.default_rng(3), loss, n=14, decay=0.1)
        assert ("certify.stable_predictions in Python" in in_python(head, any_rows(head, 3, True))) == apply


def test_a_smaller_count_is_named_where_every_choice_of_it_is_looked_at():
    head = drawn_head(np.random.default_rng(3), "logistic", n=40, N=20, apart=6.0, decay=0.01)
    for count, method, fewer in ((8, "enumeration", 3), (3, "enumeration", 0), (8, "by_counts", 0)):
        found = survey(head, any_rows(head, count, True), 240.0, methods=(method,))
        assert found.undecided.any() == (count == 8) and found.fewer == fewer
        said = remedy(found.tried, found.cut, found.more, found.fewer)
        assert ("of 3 every choice is looked at" in said) == (fewer == 3)


def test_no_smaller_count_is_named_that_the_time_may_not_be_enough_for(monkeypatch):
    """Of weighed labels sums of steps go first, which may take all of it; and refits take as long as they do."""
    head = drawn_head(np.random.default_rng(3), "logistic", n=40, N=20, apart=6.0, decay=0.01)
    weighed = replace(head, weights=RowWeights(np.ones(head.n), np.array([1.0, 3.0])))
    assert {"step_sums", "every_choice"} <= leading(weighed, any_rows(head, 1, True), Budget(30.0), tuple(CLASSES))
    change = any_rows(head, 8, True)
    assert seconds_of_all(Enumeration(), head, any_rows(head, 2, True), 30.0) < 30.0
    assert seconds_of_all(Enumeration(), head, change, 30.0) == np.inf
    monkeypatch.setattr(searched.Searches, "run", lambda *_: False)
    monkeypatch.setattr(StepSums, "prove", lambda *_: None)
    for methods, fewer in ((("step_sums", "every_choice"), 0), (("every_choice",), 1)):
        found = survey(weighed, change, 60.0, methods=methods)
        assert found.undecided.all() and min(found.fewer, 1) == fewer
    monkeypatch.setattr(surveys, "seconds_of_all", lambda _, head, change, left: 16.0 if change.count > 1 else 14.0)
    assert survey(head, change, 30.0, methods=("enumeration",)).fewer == 1


@pytest.mark.parametrize("begins", [True, False])
def test_a_tree_takes_what_energies_cannot_use(monkeypatch, begins):
    head = drawn_head(np.random.default_rng(3), "cross_entropy", n=14, decay=0.1)
    change, tree = any_rows(head, 2, True), SoftmaxTree()
    monkeypatch.setattr(energy, "too_long", lambda *_: "" if begins else "long")
    assert tree.share(head, change, Budget(60.0)) == (FEWER if begins else ALONE)
    assert tree.share(head, any_rows(head, 2, False), Budget(60.0)) == SHARE  # of deletions energies know nothing
    assert tree.prove(head, change, head.today >= 0, Budget(0.0)).late


def test_no_time_is_advised_where_nothing_was_tried():
    head = drawn_head(np.random.default_rng(5), "logistic", n=16, free=True)
    found = survey(head, any_rows(head, 16, False), 30.0)  # of a label no row is left, and no minimum is there
    assert not found.tried and "no method applies" in remedy(found.tried, found.cut)


def test_a_share_that_ended_is_known_to_what_it_is_a_share_of() -> None:
    """A method with nine tenths of 15 seconds said after them that it had ended before the time was up."""
    whole = Budget(1000.0)
    own = Budget(whole.left())
    assert own.share(0.9).left() > 0 and not own.ended
    assert own.share(0.5).share(0.0).left() <= 0 and own.ended and not whole.ended
