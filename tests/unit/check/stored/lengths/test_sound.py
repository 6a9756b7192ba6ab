"""Logistic regressions of rows on disk (D14): what is proved holds after every choice, and what is false is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from certify.check.kernel import CHANCE
from certify.check.stored.lengths import decided
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.effort import examples, turn
from tests.families.stored_logistic import Logistic, crowd, with_witness, written


def accepted(path: Path) -> bool:
    try:
        check(path, path.read_bytes(), {}, lambda _: None)
    except Invalid as refusal:
        assert "evaluation row" in str(refusal) or "witness file" in str(refusal)
        return False
    return True


@pytest.mark.parametrize("seed", range(examples(18)))
@pytest.mark.parametrize("change", ["labels", "deletions"])
def test_what_is_proved_holds_after_every_choice(seed: int, change: str, tmp_path: Path) -> None:
    rng = np.random.default_rng([20261129, seed])
    count = 1 + seed % 2
    problem = crowd(rng, 30 if count == 2 else 60, bool(seed % 3), 12)
    choices, w = problem.refits(change, count)
    margins = problem.margins(w)
    for j, own in turn(list(enumerate(margins)), seed, 2):
        if accepted(written(tmp_path, problem, change, count, [j])):
            assert own.min() > 0, "it is proved to stay, and some choice flips it"
        M = choices[int(own.argmin())]
        if accepted(written(tmp_path, problem, change, count, [], [j], [M])):
            assert own.min() < 0, "it is proved to flip, and the rows named do not do it"


@pytest.mark.parametrize("change", ["labels", "deletions"])
def test_both_ends_are_near_the_truth(change: str, tmp_path: Path) -> None:
    """Of evaluation rows put where the worst choice leaves a given part of what it takes."""
    rng = np.random.default_rng(4)
    base = crowd(rng, 400, True, 8)
    choices, w = base.refits(change, 1)
    phi = base.with_ones(base.new)
    stays = flips = 0
    for j in range(len(phi)):
        for part in (-0.5, -0.001, 0.001, 0.5):
            # moved along the first column until the worst refit has `part` of what it took left
            out, sign = phi[j] @ w.T, np.sign(phi[j] @ w[0])
            taken = (sign * out[0] - (sign * out).min())
            worst = int((sign * out).argmin())
            new = base.new[j].copy()
            new[0] += sign * (part * taken - sign * out[worst]) / w[worst, 0] * sign * sign
            problem = replace(base, new=new[None])
            left = problem.margins(w)[0]
            stay = accepted(written(tmp_path, problem, change, 1, [0]))
            flip = accepted(written(tmp_path, problem, change, 1, [], [0], [choices[int(left.argmin())]]))
            assert not (stay and left.min() <= 0) and not (flip and left.min() >= 0)
            stays, flips = stays + (stay and part > 0.4), flips + (flip and part < -0.4)
    assert stays >= 4 and flips >= 4


def test_probes_and_the_whole_matrix_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(np.random.default_rng(7), 400, True, 30)
    problem = problem.near(np.linspace(-0.5, 0.5, 30))
    said = list[list[int]]()
    for probed in (False, True):
        monkeypatch.setattr(decided, "PROBED", 1)
        drawn = list[str]()
        token = CHANCE.set(drawn if probed else None)
        try:
            said.append([j for j in range(30) if accepted(written(tmp_path, problem, "deletions", 2, [j]))])
        finally:
            CHANCE.reset(token)
        assert bool(drawn) is probed
    assert said[0] == said[1] and 5 < len(said[0]) < 30


def test_few_bits_that_do_not_do_are_followed_by_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(np.random.default_rng(7), 400, True, 30)
    path = written(tmp_path, problem, "deletions", 2, [j for j in range(30) if abs(problem.margins(
        problem.weights())[j, 0]) > 1.0])
    words, cuts_of = list[str](), decided.cuts_of

    def rough(*given: object) -> list[object]:
        first, *rest = cuts_of(*given)  # type: ignore[arg-type]
        return [replace(first, margin=first.margin + 1), *(rest or [first])]

    monkeypatch.setattr(decided, "cuts_of", rough)
    check(path, path.read_bytes(), {}, words.append)
    assert any("do not do" in one for one in words)


def test_weights_far_from_the_minimum_name_labels_alone(tmp_path: Path) -> None:
    """The model is the minimum, whatever the weights are: those that give other labels flip before any change."""
    problem = crowd(np.random.default_rng(5), 400, True, 20)
    own = problem.margins(problem.weights())[:, 0]
    j = int(own.argmax())
    turned = -problem.weights()
    assert accepted(written(tmp_path, problem, "labels", 1, [j]))
    assert not accepted(written(tmp_path, problem, "labels", 1, [j], given=turned))
    path = written(tmp_path, problem, "labels", 1, [], [j], [[]], given=turned)
    found = check(path, path.read_bytes(), {}, lambda _: None)
    assert found.already == 1 and found.near is not None and 2.0 <= found.near < 2.001


def test_how_far_weights_are_from_the_minimum_is_said(tmp_path: Path) -> None:
    problem = crowd(np.random.default_rng(5), 400, True, 20)
    w = problem.weights()
    for part in (0.0, 1e-4, 0.05):
        given = w * (1 + part)
        path = written(tmp_path, problem, "labels", 1, [], given=given)
        found = check(path, path.read_bytes(), {}, lambda _: None).near
        away = float(np.linalg.norm(given - w) / np.linalg.norm(given))
        assert found is not None and away <= found < 1.001 * away + 1e-3


def test_a_class_that_may_lose_its_rows_neither_stays_nor_wins(tmp_path: Path) -> None:
    """Where the minimum that no row of a class is left for is known as well, and moves no label."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((300, 2)) - [2.0, 0.0]
    X[:2] = [[3.0, 0.0], [2.5, 0.5]]
    problem = Logistic(X, (np.arange(300) < 2).astype(int), np.array([[30.0, 0.0], [-3.0, 0.0]]), 200.0, False)
    assert (problem.with_ones(problem.new) @ problem.weights() > 0).tolist() == [True, False]
    for change in ("labels", "deletions"):
        assert accepted(written(tmp_path, problem, change, 1, [0, 1]))
        assert accepted(written(tmp_path, problem, change, 2, [1]))
        path = written(tmp_path, problem, change, 2, [0])
        with pytest.raises(Invalid, match="its class has 2 rows"):
            check(path, path.read_bytes(), {}, lambda _: None)
        path = written(tmp_path, problem, change, 2, [], [1], [[0, 1]])
        with pytest.raises(Invalid, match="leave no row of the other class"):
            check(path, path.read_bytes(), {}, lambda _: None)


def test_another_witness_moves_no_statement(tmp_path: Path) -> None:
    """Whatever is proposed, a false statement is not proved: the witness is a start and no premise."""
    problem = crowd(np.random.default_rng(11), 60, True, 16)
    choices, w = problem.refits("labels", 1)
    margins = problem.margins(w)
    false = [j for j in range(16) if margins[j].min() < 0 < margins[j, 0]]
    assert false
    own = problem.witness("labels", 1)
    rng = np.random.default_rng(0)
    for j in false[:2]:
        path = written(tmp_path, problem, "labels", 1, [j])
        for trial in range(examples(24)):
            part = 10.0 ** rng.uniform(-6, 0.5)
            witness = {
                "centre": own["centre"] * (1 + part * rng.standard_normal(3)),
                "curvature": own["curvature"] * (1 + part * rng.standard_normal() * (trial % 3 == 0)),
                "distance": own["distance"] * 10.0 ** rng.uniform(-2, 1)}
            assert not accepted(with_witness(path, **witness))
