"""The page of an estimate warns of steps that lead away, where `validity` has nothing to say too."""

from __future__ import annotations

import pytest

from certify.report import cautions as module

GOOD = {
    "loss_original": 1e-6, "loss_before": 4e-3, "loss_after": 1.1e-6, "loss_predicted": 1e-6, "loss_all_before": 7e-4,
    "loss_all_after": 7e-4, "loss_all_original": 7e-4, "validity": [[1.0, 1.0], [0.5, 1.0], [0.25, 1.0]],
    "data_error": 0.05, "gradient_left": None,
}


UNDAMPED = {"matrix": "hessian", "damping": 0.0, "chosen": False, "why": "", "undamped": None, "least_curvature": None,
            "preconditioner": "", "formula": "H"}


def cautions(result=None, system=None, base="given", change=1.0, **changed):
    found = {"system": UNDAMPED | (system or {}),
             "evidence": GOOD | changed, "residual": 1e-3, "moved_rows_only": False, "ended": "converged",
             "correctors": [], "space": "outputs", "stationary_norm": None, "response_norm": 1.0} | (result or {})
    return module.cautions({"result": found, "options": {"tolerance": 1e-2},
                            "problem": {"parameter": "features", "precision": "float32", "parameters": 700,
                                        "base": base, "weights_norm": 20.0, "change": {"norm": change}}})


def test_nothing_is_said_of_a_good_estimate():
    assert cautions() == []


@pytest.mark.parametrize(("changed", "words"), [
    ({"loss_after": 2.5}, "On the moved rows the loss at the new weights is higher than at the old ones: do not use"),
    ({"loss_predicted": 38.0, "loss_after": 2.5, "validity": [[1.0, None]]}, "Not even to first order does the step"),
    ({"loss_predicted": 38.0, "loss_after": 2.5, "validity": [[1.0, None]]}, "higher than at the old ones"),
    ({"validity": [[1.0, 0.5]]}, "does not do what the first-order theory predicts"),
    ({"data_error": 0.9}, "far from linear"), ({"loss_after": None}, "not finite"),
])
def test_what_speaks_against_it_is_said(changed, words):
    assert any(words in line for line in cautions(**changed))


def test_all_rows_are_told_with_enough_digits_to_differ():
    found = cautions(loss_all_before=7.0001e-4, loss_all_after=7.0002e-4)
    assert "mean loss is 0.00070002, that of the old ones 0.0007." in found[0]
    assert cautions(loss_all_before=7.0002e-4, loss_all_after=7.0001e-4) == []


def test_a_move_that_lowered_the_loss_is_no_failure():
    assert cautions(loss_original=5e-3, loss_before=4e-3, loss_after=5e-3, loss_predicted=5e-3) == []


@pytest.mark.parametrize(("ended", "words", "helps"), [
    ("budget used up", "a larger one would help", True), ("solved directly", "in float32 arithmetic", False),
    ("outside the range", "No weights answer the change exactly", False), ("stalled at rounding", "Rounding", False),
    ("negative curvature", 'solver = "minres_qlp" goes on', False), ("not finite", "was not solved", False),
])
def test_a_larger_budget_is_advised_only_where_it_would_help(ended, words, helps):
    found = cautions({"residual": 0.5, "ended": ended})
    assert len(found) == 1 and words in found[0]
    assert ("larger one would help" in found[0]) == helps
    assert cautions({"residual": 1e-3, "ended": ended}) == []
    assert len(cautions({"residual": None, "ended": ended})) == 1


def test_damping_is_named_where_it_is_what_leaves_a_residual():
    asked = {"damping": 0.1, "undamped": 0.5}
    assert "damping of 0.1 leaves 0.5 times" in cautions(system=asked)[0]
    assert "damping" not in cautions({"residual": 0.5, "ended": "budget used up"}, asked)[0]
    assert cautions(system=asked | {"undamped": 5e-3}) == []


@pytest.mark.parametrize(("least", "why", "mend"), [
    (-0.1, "at no minimum", "Training on"), (None, "within the budget", "A larger")])
def test_a_damping_that_was_chosen_is_never_told_as_if_it_were_not_there(least, why, mend):
    chosen = {"damping": 0.3, "chosen": True, "undamped": 0.4, "least_curvature": least}
    (found,) = cautions(system=chosen)
    assert "0.3 was chosen here" in found and "leaves 0.4 times" in found and "damping = 0 asks" in found
    assert why in found and mend in found
    far = cautions(system=chosen, loss_predicted=5e-3, loss_after=2.5)
    assert any("not solved well enough" in line for line in far)


def test_correctors_are_not_measured_by_first_order():
    """A step with correctors that mended it goes where the linear prediction does not."""
    far = {"loss_predicted": 38.0, "validity": [[1.0, 0.1]], "data_error": 0.9}
    assert len(cautions(**far)) >= 3
    good, poor, refused = ({"gradients": 1.0, "left": left, "taken": taken}
                           for left, taken in ((1e-3, True), (0.6, True), (2.0, False)))
    assert cautions({"correctors": [good]}, **far) == []
    assert "left 0.6 of the error" in cautions({"correctors": [poor, refused]}, **far)[0]
    assert len(cautions({"correctors": [refused]}, **far)) == len(cautions(**far))


def test_a_system_that_was_hardly_solved_is_named_first_and_as_the_reason():
    far = {"loss_predicted": 5e-3, "loss_after": 2.5}
    poor, good = (cautions({"residual": residual, "ended": "budget used up"}, **far) for residual in (0.7, 1e-3))
    assert "not solved to the tolerance" in poor[0] and not any("is too large" in line for line in poor)
    assert any("It was hardly solved for: do not use" in line for line in poor)
    assert any("The change of the data is too large" in line for line in good)


def test_few_parameters_in_weight_space_can_be_solved_for_directly():
    found = [cautions({"residual": 0.1, "ended": ended, "space": space})[0] for ended, space in (
        ("budget used up", "weights"), ("budget used up", "outputs"), ("outside the range", "weights"))]
    assert ['solver = "direct"' in line for line in found] == [True, False, False]


@pytest.mark.parametrize("left", [None, 0.5, 1e3])
def test_a_loss_of_all_rows_that_rises_manyfold_is_said_whatever_moves(left):
    found = cautions(loss_original=4e-3, loss_after=3e-3, loss_predicted=3e-3, loss_all_after=5.8, gradient_left=left)
    assert any("5.8 at the new weights, and 0.0007 at the old ones: do not use" in line for line in found)
    assert any("is left" in line and line.endswith("do not use these weights.") for line in found) == (left == 1e3)
    near = cautions(loss_original=4e-3, loss_after=3e-3, loss_predicted=3e-3, loss_all_after=5.8, gradient_left=0.01)
    assert near == []  # weight decay may raise the loss, and the objective falls all the same


@pytest.mark.parametrize(("towards", "base", "said"), [
    (16.0, "nearby", True), (1.9, "nearby", False), (0.5, "nearby", False), (None, "nearby", False),
    (16.0, "given", False),
])
def test_weights_that_were_not_trained_to_a_critical_point_are_named(towards, base, said):
    found = cautions({"stationary_norm": towards}, base=base)
    assert any("Train on first" in line and "has length 16" in line for line in found) == said


def test_a_change_that_does_nothing_to_first_order_is_named():
    assert "does nothing" in cautions(data_error=None)[0]
    assert cautions(data_error=None, change=0.0) == []


def test_correctors_are_not_advised_where_they_were_tried():
    refused = {"correctors": [{"gradients": 1.0, "left": 2.0, "taken": False}]}
    plain, tried = (" ".join(cautions(result, validity=[[1.0, 0.5]], data_error=0.9)) for result in ({}, refused))
    assert plain.count("or a corrector step,") == 2 and "corrector" not in tried
    shifted = cautions({"space": "weights"}, validity=[[1.0, 0.5]])[0]  # where they are refused
    assert "A smaller change would help." in shifted
