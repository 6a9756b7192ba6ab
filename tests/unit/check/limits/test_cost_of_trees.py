"""What a check of a tree of pairs is said to take, and that a limit refuses it by that."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from certify.check.limits import cost, held
from certify.check.main import ROLES
from certify.check.reading.arrays import Array
from certify.check.run import check

SECONDS, MEGABYTES = 64.0, 845.0
"""What a check of Caravan's tree for any 2 deleted rows at C = 0.1 took, a root and 41 children."""

AUDITS = Path(__file__).parents[4] / "reports" / "audits"
CARAVAN = SimpleNamespace(nearby=False, features=((0.0,) * 85,) * 4366)


def side(parents: list[int], hot: list[int], leaves: list[int], first: int = 1) -> dict[str, Array]:
    names = {"parent": parents, "hot_count": hot, "leaf_count": leaves,
             "box_count": [first, *[1] * (len(parents) - 1)]}
    return {f"a.pair_tree.{name}": Array((len(values),), tuple(map(float, values)), "i")
            for name, values in names.items()}


def deletions(children: int) -> dict[str, Array]:
    return side([-1, *[0] * children], [children, *[0] * children], [0] * (children + 1))


def test_what_was_measured_lies_within_a_factor_of_three() -> None:
    said = cost.tree(CARAVAN, deletions(41), "a.pair_tree.")  # type: ignore[arg-type]
    assert SECONDS / 3 < said.seconds < SECONDS * 3 and MEGABYTES / 3 < said.megabytes < MEGABYTES * 3


def test_more_children_hot_rows_and_leaves_cost_more() -> None:
    few, many = (cost.tree(CARAVAN, deletions(c), "a.pair_tree.").seconds for c in (4, 400))  # type: ignore[arg-type]
    labels = side([-1, *[0] * 345], [345, *[1100] * 345], [0, *[106] * 345])
    assert many > 5 * few and cost.tree(CARAVAN, labels, "a.pair_tree.").seconds > many  # type: ignore[arg-type]


def test_further_bounds_of_a_node_cost_more() -> None:
    one, ten = (cost.tree(CARAVAN, side([-1], [0], [0], bounds), "a.pair_tree.").seconds  # type: ignore[arg-type]
                for bounds in (1, 10))
    assert ten > 5 * one


@pytest.mark.parametrize("name", ["hot_count", "box_count", "leaf_count"])
def test_a_tree_without_an_array_is_left_to_its_reader(name: str) -> None:
    """It is refused as invalid: the estimate before that must not fail."""
    arrays = deletions(4)
    del arrays[f"a.pair_tree.{name}"]
    assert cost.tree(CARAVAN, arrays, "a.pair_tree.").seconds == 0.0  # type: ignore[arg-type]


def test_the_memory_of_a_tree_of_choices_is_what_was_seen() -> None:
    """The root of MNIST 1/7, any 3 deleted, took 7.0 GB, of which some 0.3 are said without the tree."""
    mnist = SimpleNamespace(features=((0.0,) * 784,) * 13007, at_once=3)
    side_ = {"a.by_choice.parent": Array((1,), (-1.0,), "i")}
    said = cost.choices(mnist, side_, "a.by_choice.")  # type: ignore[arg-type]
    assert 0.85 < said.megabytes / 6700.0 < 1.15 and 100.0 < said.seconds < 1000.0


def test_what_a_tree_of_groups_took_lies_within_a_factor_of_three() -> None:
    """2,000 rows of 15 columns and 300 users, any 3 deleted: 12 nodes, none after three groups, took 5.3 s."""
    users = SimpleNamespace(features=((0.0,) * 15,) * 2000, kind={"together": ((0,),) * 300})
    sets = [-1.0] * 3 + [1.0, -1.0, -1.0] * 11
    arrays = {"a.group_tree.sets": Array((12, 3), tuple(sets), "i")}
    said = cost.grouped(users, arrays, "a.group_tree.")  # type: ignore[arg-type]
    assert 5.3 / 3 < said.seconds < 5.3 * 3
    for shape in ((36,), (0, 3), (12, 0)):  # its reader refuses it
        bad = Array(shape, tuple(sets) if len(shape) == 1 else (), "i")
        assert cost.grouped(users, {"a.group_tree.sets": bad}, "a.group_tree.").seconds < 10.0  # type: ignore[arg-type]


def test_a_limit_refuses_the_tree_by_its_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    judge = held.Limits(seconds=100.0).afford(told.append)
    judge(CARAVAN, (), True, deletions(41))
    assert "with the trees of the side file" in told[-1]
    with pytest.raises(held.TooLarge, match="nothing was checked: it would take about"):
        judge(CARAVAN, (), True, deletions(4000))
    with pytest.raises(held.TooLarge, match="--memory"):
        held.Limits(memory=10**8).afford(told.append)(CARAVAN, (), True, deletions(41))


@pytest.mark.parametrize(("folder", "said"), [
    ("breast-cancer-logistic/last-layer-any-5", "at least about"), ("wine/interpolation", "about")])
def test_the_first_line_is_no_promise(folder: str, said: str) -> None:
    """Of a search the sizes tell the least alone; of other claims how far such estimates lay from what was measured."""
    told: list[str] = []

    class Enough(Exception):
        pass

    def first(*known: Any) -> None:
        held.Limits().afford(told.append)(*known)
        raise Enough

    with pytest.raises(Enough):
        check(AUDITS / folder / "certificate.json", dict.fromkeys(ROLES), afford=first)
    (line,) = told
    assert line.startswith(f"{said} ") and ("three times that" in line) == (said == "about")


EMBEDDINGS = SimpleNamespace(nearby=False, features=((0.0,) * 128,) * 20_000, evaluation=((0.0,) * 128,) * 500)


def boxes(n: int, count: int, points: int, leaves: int = 0) -> dict[str, Array]:
    """One box for all choices, and a tree of boxes in whose numbers so many points are named."""
    whole = {"parent": [-1], "box_count": [count], "leaf_count": [leaves], "numbers": [0] * points + [-1] * 3}
    return {"a.rows.box.slabs": Array((n,), (1.0,) * n, "i")} | {
        f"a.rows.box_tree.{name}": Array((len(x),), tuple(map(float, x)), "i") for name, x in whole.items()}


def test_boxes_that_were_measured_lie_within_a_factor_of_two() -> None:
    """20,000 rows of 128 columns, any 10 deleted: the whole check took 64 s of processor, and 5 were said; 1.4 GB."""
    said = cost.cost_of(EMBEDDINGS, (), False, boxes(20_000, 4, 6))  # type: ignore[arg-type]
    assert 64 / 2 < said.seconds < 64 * 2 and 1400 / 2 < said.megabytes < 1400 * 2


@pytest.mark.parametrize(("n", "p", "wide", "seconds"), [
    (2000, 20, 2000, 3.14), (1000, 100, 1000, 2.24), (4000, 64, 48, 1.59), (8000, 30, 48, 1.73)])
def test_single_boxes_that_were_measured(n: int, p: int, wide: int, seconds: float) -> None:
    problem = SimpleNamespace(features=((0.0,) * p,) * n, evaluation=((0.0,) * p,) * 100)
    side = {"a.rows.box.wide": Array((1,), (float(wide),), "i")}
    said = cost.bounded(problem, side, "a.rows.").seconds  # type: ignore[arg-type]
    assert seconds / 2 < said < seconds * 2


def test_a_box_to_second_order_that_was_measured() -> None:
    """1,000 rows of 34 columns, 100 points: 6.8 s of processor."""
    problem = SimpleNamespace(features=((0.0,) * 34,) * 1000, evaluation=((0.0,) * 34,) * 100)
    name = "a.rows.bent_box.slabs"
    kinds = [kind for end, kind in cost.KINDS.items() if name.endswith(end)]
    assert kinds == [cost.bent]
    assert 6.8 / 2 < cost.bent(problem, {}, "a.rows.").seconds < 6.8 * 2  # type: ignore[arg-type]


def test_more_boxes_points_and_leaves_cost_more() -> None:
    def said(*of: int) -> float:
        return cost.cost_of(EMBEDDINGS, (), False, boxes(20_000, *of)).seconds  # type: ignore[arg-type]

    assert said(40, 6) > 3 * said(4, 6) and said(4, 5000) > 1.5 * said(4, 6) and said(4, 6, 1000) > 1.5 * said(4, 6)


@pytest.mark.parametrize("name", ["box_count", "leaf_count", "numbers"])
def test_a_tree_of_boxes_without_an_array_is_left_to_its_reader(name: str) -> None:
    arrays = boxes(20_000, 4, 6)
    del arrays[f"a.rows.box_tree.{name}"]
    assert cost.grown(EMBEDDINGS, arrays, "a.rows.box_tree.").seconds == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize(("cases", "seconds"), [((), 1.08), (("0-1", "0-2", "1-0", "1-1", "2-0"), 4.3)])
def test_sums_of_steps_that_were_measured(cases: tuple[str, ...], seconds: float) -> None:
    """1,200 rows of 7 columns: any 3 wrong labels, weights by label, without choices; balanced, any 2, as a whole."""
    problem = SimpleNamespace(features=((0.0,) * 7,) * 1200, moving=tuple(range(1200)), evaluation=((0.0,) * 7,) * 150)
    side = {f"a.rows.label_sums.{name}": Array((8,), (0.0,) * 8, "f") for name in ("weights", *cases)}
    starts = [name.removesuffix(end.partition(".")[2]) for name in side for end, kind in cost.KINDS.items()
              if name.endswith(end) and kind is cost.summed]
    assert starts == ["a.rows.label_sums."]
    said = cost.summed(problem, side, starts[0]).seconds  # type: ignore[arg-type]
    assert seconds / 2 < said < seconds * 2


def test_trees_by_counts_cost_what_trees_of_boxes_do() -> None:
    """One for each case of how many rows of each label go."""
    every = {"a.rows.by_counts.weights", *(f"a.rows.by_counts.{case}.box_tree.{name}" for case in ("0-1", "1-0")
                                           for name in ("parent", "box_count", "leaf_count", "numbers"))}
    starts = [name.removesuffix(end.partition(".")[2]) for name in every for end, kind in cost.KINDS.items()
              if name.endswith(end) and kind is cost.grown]
    assert sorted(starts) == ["a.rows.by_counts.0-1.box_tree.", "a.rows.by_counts.1-0.box_tree."]


@pytest.mark.parametrize(("boxes_", "refits", "seconds"), [(276, 14, 4.5), (1605, 4735, 23.1)])
def test_outputs_that_are_fitted_apart_cost_what_was_measured(boxes_: int, refits: int, seconds: float) -> None:
    """Wine, any 3 deleted: one logistic regression for each label, and a `LinearSVC`."""
    problem = SimpleNamespace(features=((0.0,) * 13,) * 133, evaluation=((0.0,) * 13,) * 45)
    whole = {"box_wide": [72] * boxes_, "leaf_row": [0] * refits, "numbers": [0] * 45}
    arrays = {f"a.rows.separate_boxes.{name}": Array((len(x),), tuple(map(float, x)), "i") for name, x in whole.items()}
    kinds = [kind for name in arrays for end, kind in cost.KINDS.items() if name.endswith(end)]
    assert kinds == [cost.parted]
    said = cost.parted(problem, arrays, "a.rows.separate_boxes.").seconds  # type: ignore[arg-type]
    assert seconds / 3 < said < seconds * 3
    for name in list(arrays):
        less = {one: x for one, x in arrays.items() if one != name}
        assert cost.parted(problem, less, "a.rows.separate_boxes.").seconds == 0.0  # type: ignore[arg-type]


def test_pairs_of_a_deleted_and_a_relabelled_row_cost_what_was_seen() -> None:
    """Breast cancer, 426 rows: 25 s of processor; and what has another form is left to its reader."""
    rows = SimpleNamespace(features=((0.0,) * 30,) * 426)
    said = cost.paired(rows, {"a.weights": Array((853, 31), (), "f")}, "a.")  # type: ignore[arg-type]
    assert 25.0 / 3 < said.seconds < 25.0 * 3
    assert cost.paired(rows, {"a.weights": Array((), (1.0,), "f")}, "a.").seconds == 0.0  # type: ignore[arg-type]
    assert cost.KINDS[cost.TWO] is cost.paired


@pytest.mark.parametrize(("name", "shape", "value"), [
    ("softmax_labels.parts", (), 0.5), ("pair_tree.leaf_count", (2,), 1.5e308), ("box_tree.box_count", (1,), 1e300)])
def test_arrays_that_tell_no_size_are_left_to_their_reader(name: str, shape: tuple[int, ...], value: float) -> None:
    """Likewise where an array has no axis, or counts what nothing could hold."""
    method = name.partition(".")[0]
    arrays = {f"a.{method}.{other}": Array((1,), (0.0,), "i")
              for other in ("parent", "hot_count", "box_count", "leaf_count", "numbers")}
    arrays[f"a.{name}"] = Array(shape, (value,) * max(1, sum(shape)), "f")
    problem = SimpleNamespace(nearby=False, features=((0.0,) * 4,) * 8, evaluation=(), outputs=3)
    found = cost.cost_of(problem, [], side=arrays)  # type: ignore[arg-type]
    assert (found.seconds, found.megabytes) == (0.0, cost.STARTED)
