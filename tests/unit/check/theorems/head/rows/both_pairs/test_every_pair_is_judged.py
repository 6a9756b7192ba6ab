"""Of many choices none is lost between blocks, corrections, weights of their own and groups of parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.both_pairs import method as checker
from certify.check.theorems.head.rows.both_pairs.sums import PairSums
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.block import BLOCK, Block, Corrected
from certify.check.theorems.head.rows.refitted.held import averages_of
from certify.check.theorems.head.rows.refitted.last import AT_ONCE, TOGETHER, Last
from certify.check.theorems.head.rows.refitted.packed import Packed, V
from certify.check.theorems.head.rows.refitted.packed_held import PackedHeld
from certify.systems.head.rows.change import Choices
from certify.theorems.head.rows.both_pairs import walk
from certify.theorems.head.rows.both_pairs.last import Pairs
from certify.theorems.head.rows.refitted.judge import Judge
from tests.families.pairs_both import PairsHead, pairs_head

ROWS = tuple(range(0, 80, 2))
F, M = len(ROWS), 2
PAIRS = F * (F - 1)


class Seen:
    """Judges that note what they are shown; a choice that is refused leaves nothing."""

    summed = (1.5,)

    def __init__(self, refused: object = None) -> None:
        self.refused, self.met, self.alone = refused, list[Any](), list[Any]()

    def keep(self, block: Block, which: Sequence[int], reaches: Any, elsewhere: Collection[int]) -> list[bool]:
        mine = [change for change, number in zip(block.changes, block.numbers, strict=True) if number not in elsewhere]
        self.met += [change for change in mine if change != self.refused]
        return [change != self.refused for change in block.changes]

    def after(self, changes: list[Any], weights: Any, stays: list[bool]) -> list[bool]:
        self.met += changes
        self.alone += changes
        return [yes and self.refused not in changes for yes in stays]


def all_of(seen: Seen, moved: list[int], exact: list[int]) -> list[bool]:
    weights = np.zeros((1 + 2 * F) * M).tolist()
    sums = PairSums(ROWS, [0] * F, weights, M)
    corrected = Corrected(moved, [0] * M * len(moved), [0.0] * M * M, M)
    last: Any = Last(seen, seen, sums, corrected, PAIRS, "here")  # type: ignore[arg-type]
    found: list[bool] = last.after([True], {sums.smaller + number: [0.0] * M for number in exact})
    return found


def test_each_is_met_once() -> None:
    rng = np.random.default_rng(0)
    some = rng.permutation(PAIRS)
    moved, exact = np.sort(some[:1100]).tolist(), np.sort(some[1100:1440]).tolist()
    assert len(moved) > 2 * BLOCK and len(exact) > 2 * AT_ONCE and F > TOGETHER
    seen = Seen()
    assert all_of(seen, moved, exact) == [True]
    every = [((a, -1), (b, 0)) for a in ROWS for b in ROWS if a != b]
    assert len(seen.met) == PAIRS and sorted(seen.met) == sorted(every)
    assert sorted(seen.alone) == sorted(every[number] for number in exact)


@pytest.mark.parametrize("at", [0, PAIRS // 3, PAIRS - 1])
def test_one_that_is_refused_anywhere_is_enough(at: int) -> None:
    every = [((a, -1), (b, 0)) for a in ROWS for b in ROWS if a != b]
    for moved, exact in (([], []), ([at], []), ([], [at])):
        assert all_of(Seen(every[at]), moved, exact) == [False]


def drawn() -> tuple[PairsHead, dict[str, Any], np.ndarray]:
    for seed in range(99):
        one = pairs_head(np.random.default_rng([3, seed]))
        part = one.part()
        if part.proved.any():
            return one, dict(part.arrays), part.proved
    raise AssertionError("none was drawn")


@pytest.mark.parametrize("size", [0, 1])
def test_what_single_changes_leave_open_is_open(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one, arrays, proved = drawn()
    after = checker.Balls.after

    def lost(self: checker.Balls, changes: Any, weights: Any, stays: list[bool]) -> list[bool]:
        found = after(self, changes, weights, stays)
        return [yes and size not in map(len, changes) for yes in found]

    assert one.accepted(arrays, proved) == proved.tolist()
    monkeypatch.setattr(checker.Balls, "after", lost)
    assert not any(one.accepted(arrays, proved))


def test_a_point_whose_label_is_open_today_does_not_stay() -> None:
    """It has no label that could stay, although it is as open after every change."""
    one, arrays, _ = drawn()
    head = replace(one.head, points=np.zeros_like(one.head.points), threshold=0.0)
    assert set(PairsHead(head, one.rows).twin.today) == {-1}
    assert not any(PairsHead(head, one.rows).accepted(arrays))


def test_weights_that_leave_their_place_are_refused() -> None:
    weights = np.zeros(((1 + 2 * 3), M))
    for value in (2.0**29, -(2.0**29)):
        for at in (0, 2, 5):
            weights[:] = 0.0
            weights[at, 1] = value
            with pytest.raises(OverflowError):
                PairSums((0, 1, 2), (0, 0, 0), weights.ravel().tolist(), M)
    weights[5, 1] = np.nextafter(2.0**29, 0)
    assert len(list(PairSums((0, 1, 2), (0, 0, 0), weights.ravel().tolist(), M).blocks())) == 3
    for value in (2.0 ** (62 - V), -(2.0 ** (62 - V))):
        one = Corrected([0], [1, 0], [value, 0.0, 0.0, 0.0], M)
        with pytest.raises(OverflowError):
            one.block([(0, ((0, -1), (1, 0)), [0, 0])])


def test_no_length_is_longer_than_is_said() -> None:
    """Columns are the weights of all choices, and the longest may have its largest ones in several."""
    weights = [[3.0, 4.0], [-3.0, -4.0], [0.5, 0.0]]
    columns = [sum(int(x * 2**V) << 64 * b for b, x in enumerate(column)) for column in zip(*weights, strict=True)]
    block = Block([0, 1, 2], [()] * 3, columns)
    assert 5.0 <= block.longest() / 2**V < 5.01 and 0.5 <= block.longest({0, 1}) / 2**V < 0.51


@pytest.mark.parametrize("size", [0, 1, 2])
def test_a_prover_says_nothing_of_points_that_a_refit_leaves_open(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No distance of refits after `size` changes is proved; sums of pairs, which need none, are left out."""
    one, _, _ = drawn()
    enclose = walk.enclose_refits

    def far(head: Any, choices: Any, V: Any) -> Any:
        found = enclose(head, choices, V)
        return np.full_like(found, np.inf) if choices.rows.shape[1] == size else found

    monkeypatch.setattr(Pairs, "open", lambda self, block, reaches=(): block)
    assert one.part().proved.any()
    monkeypatch.setattr(walk, "enclose_refits", far)
    assert not one.part().proved.any()


@pytest.mark.parametrize("seed", range(24))
def test_a_checker_follows_a_prover_to_its_border(seed: int) -> None:
    """The threshold at which a prover hardly says that a point stays: a checker, whose pulls are others, says so."""
    one = pairs_head(np.random.default_rng([7, seed]))
    rng, head = np.random.default_rng(seed), one.head
    assert head.label is not None
    items = [((a, DELETED), (b, 1 - int(head.label[b]))) for a in one.rows for b in one.rows if a != b][:6]
    at = one.refits[1 + 2 * len(one.rows) :][: len(items)]
    W = at + 10.0 ** rng.uniform(-6, -2) * rng.normal(size=at.shape)
    W = np.trunc(W * 2.0**V) / 2.0**V
    choices = Choices(*(np.array([[x[part] for x in item] for item in items]) for part in (0, 1)))
    judge = Judge(head, head.V)

    def kept(threshold: float) -> bool:
        judge.head = replace(head, threshold=threshold)
        return bool(judge.keeps(choices, W[:, None], np.array([0]), (1.5,)).all())

    high = float((W @ head.points[0]).min())
    low = high - 100.0
    if not kept(low):
        return
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if kept(middle) else (low, middle)
    with ctx.workprec(BITS):
        twin = replace(one.twin, threshold=low, today=[1] * len(head.points))
        shares = averages_of(judge.averages.shares.astype(float).ravel().tolist(), head.n)
        columns = [sum(int(x * 2.0**V) << 64 * b for b, x in enumerate(column)) for column in W.T]
        block = Block(list(range(len(items))), list(items), columns)
        assert shares and all(PackedHeld(Packed(twin), shares).keep(block, [0], (1.5,)))
