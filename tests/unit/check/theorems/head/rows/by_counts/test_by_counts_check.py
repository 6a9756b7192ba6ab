"""D19, derived again: what the checker follows holds of every refit, and it refuses what is no cover of the cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.reading.optional.class_weight import balanced
from certify.check.theorems.head.rows import box_tree
from certify.check.theorems.head.rows.by_counts import cases as derived
from certify.check.theorems.head.rows.by_counts import method as checker
from certify.check.theorems.head.rows.claims import check_classes
from certify.check.theorems.head.rows.head import BITS, OPEN
from certify.check.theorems.head.rows.head import Head as Seen
from certify.check.theorems.head.rows.refitted.refit import counted, distance, labels_after
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.rigor import fp
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.by_counts import method as prover
from certify.theorems.head.rows.by_counts.method import ByCounts, Case
from certify.theorems.head.rows.method import Budget
from tests.families.heads import any_rows
from tests.families.other_heads import other_head, weights_of
from tests.families.row_heads import as_checked, stored
from tests.oracles import head_rows
from tests.oracles.head_refit import refit
from tests.unit.theorems.head.rows.by_counts.test_by_counts import uneven


def seen(head: Head, change: RowChange) -> Seen:
    """The checker's twin, with today's balanced weights."""
    twin = as_checked(head, change)
    return replace(twin, balanced=True, weights=balanced(twin.codes.label, len(twin.codes.rows)))


def even(seed: int, n: int, few: int, wide: float = 3.0) -> Head:
    """The same head with no row on the wrong side, and points farther from where labels part."""
    head = uneven(seed, n, few)
    assert head.label is not None
    phi = head.phi.copy()
    phi[-1, 0] = phi[head.label == 1, 0][:-1].mean()
    head = replace(head, phi=phi)
    head = replace(head, V=Refitter(head).V0)
    edge = -head.V[0, 1] / head.V[0, 0]
    return replace(head, points=np.stack([edge + np.linspace(-wide, wide, 80), np.ones(80)], axis=1))


def followed(head: Head, change: RowChange, arrays: Mapping[str, Any], asked: np.ndarray) -> np.ndarray:
    """Which points the checker proves with these arrays."""
    with ctx.workprec(BITS):
        return np.array(checker.proved(seen(head, change), stored(dict(arrays)), "here", asked.tolist()))


@pytest.mark.parametrize(("seed", "n", "count", "few", "level"), [
    (0, 24, 1, 8, 0.0), (1, 14, 2, 4, 0.0), (2, 14, 2, 4, 0.0), (3, 14, 2, 4, 0.5), (4, 14, 2, 4, -0.5)])
def test_it_follows_the_prover_and_says_nothing_false(seed: int, n: int, count: int, few: int, level: float) -> None:
    head = replace(even(seed, n, few), threshold=level)
    change = any_rows(head, count, False)
    part = ByCounts().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    assert (followed(head, change, part.arrays, part.proved) == part.proved).all()
    assert not (part.proved & ~head_rows.stays(head, change)).any()


def test_some_rows_alone() -> None:
    """Rows of one label may go: two cases."""
    head = even(3, 12, 4)
    change = RowChange(False, 2, (8, 9, 11))
    part = ByCounts().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    assert {name.partition(".")[0] for name in part.arrays} == {"0-1", "0-2", "weights"}
    assert (followed(head, change, part.arrays, part.proved) == part.proved).all()
    assert not (part.proved & ~head_rows.stays(head, change)).any()


@pytest.mark.parametrize("given", ["today", "reversed", "plain"])
def test_trees_of_other_weights_prove_what_is_true(given: str) -> None:
    """Arrays are proposals: the checker's own counts decide."""
    said = 0
    for seed in range(3):
        head = uneven(seed, 12, 3)
        change = any_rows(head, 1, False)
        every = list(prover.cases(head, change))
        own = every[-1].weights
        wrong = {"today": own, "reversed": own[::-1].copy(), "plain": np.ones(head.n)}[given]
        trees = [replace(case, weights=wrong, mu=every[-1].mu) for case in every]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(prover, "cases", lambda head, change, trees=trees: iter(trees))
            part = ByCounts().prove(head, change, head.today >= 0, Budget())
        assert part is not None
        if not part.proved.any():
            continue
        found, stays = followed(head, change, part.arrays, part.proved), head_rows.stays(head, change)
        assert not (found & ~stays).any()
        said += int(part.proved.sum())
    assert said


def wrong_weights(head: Seen, case: derived.Case) -> Seen:
    """The number of the own label for that of the other."""
    one = right(head, case)
    assert one.weights is not None
    total = sum(head.codes.label.count(y) - gone for y, gone in enumerate(case))
    return replace(one, weights=[total - c for c in one.weights])


def todays_weights(head: Seen, case: derived.Case) -> Seen:
    """Weights that stay as they are."""
    return replace(right(head, case), weights=head.weights, decay=head.decay)


def one_label_alone(head: Seen, case: derived.Case) -> Seen:
    """Rows of label 0 where both labels lose some."""
    one = right(head, case)
    return one if not all(case) else replace(one, moving=tuple(i for i in one.moving if head.codes.label[i] == 0))


def more_decay(head: Seen, case: derived.Case) -> Seen:
    """Twice μ, as if `n'/(2n'_y)` were `n'/n'_y`."""
    return replace(right(head, case), decay=2 * right(head, case).decay)


def fewer(head: Seen, where: str) -> list[derived.Case]:
    """No case of as many rows as may go."""
    return [case for case in derived.cases(head, where) if sum(case) < head.count]


def of_one_label(head: Seen, where: str) -> list[derived.Case]:
    """No case in which both labels lose rows."""
    return [case for case in derived.cases(head, where) if not all(case)]


def spent_too_soon(head: Seen, case: derived.Case) -> Any:
    """A label of which one row has gone loses no further one."""
    label = head.codes.label
    return lambda out, free: [i for i in free if label[i] not in [label[j] for j in out]]


def spent_in_turn(head: Seen, case: derived.Case) -> Any:
    """After a row of one label the other loses none."""
    label = head.codes.label
    return lambda out, free: [i for i in derived.following(head, case)(out, free) if label[i] == label[out[0]]]


right = derived.head_of
WRONG: dict[Callable[[Seen, Any], Any], tuple[str, int]] = {
    wrong_weights: ("head_of", 1), todays_weights: ("head_of", 1), more_decay: ("head_of", 1),
    one_label_alone: ("head_of", 2), spent_too_soon: ("following", 2), spent_in_turn: ("following", 2),
    fewer: ("cases", 2), of_one_label: ("cases", 2)}
"""Wrong versions, with the function that each stands for and the number of rows that finds it out."""


def as_proved(head: Head, one: Seen, gone: tuple[int, int]) -> Case:
    """The prover's case of a checker's head."""
    assert one.weights is not None
    mu = one.mu()
    return Case(gone, RowChange(False, one.count, one.moving), np.array([float(c) for c in one.weights]),
                (float(mu.mid()), fp.up(abs(fp.exact(float(mu.rad())))) + 2.0**-52 * float(mu.mid())))


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_versions_are_found_out(wrong: Callable[[Seen, derived.Case], Seen],
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """With trees for wrong heads a checker that derives them so accepts what is false, and the right one does not."""
    lies, (name, count) = 0, WRONG[wrong]
    for seed in range(8):
        head = uneven(seed, 9, 3) if wrong is todays_weights else even(seed, 12, 4, 0.5)
        change = any_rows(head, count, False)
        twin = seen(head, change)
        made = {"cases": derived.cases, "head_of": right, "following": derived.following, name: wrong}
        trees = [as_proved(head, made["head_of"](twin, case), case) for case in made["cases"](twin, "here")]
        monkeypatch.setattr(prover, "cases", lambda head, change, trees=trees: iter(trees))
        monkeypatch.setattr(prover, "following", lambda head, gone, twin=twin, made=made: lambda out, free: np.array(
            made["following"](twin, gone)(list(out), free.tolist()), np.int64))
        part = ByCounts().prove(head, change, head.today >= 0, Budget())
        if part is None or not part.proved.any():
            continue
        stays = head_rows.stays(head, change)
        monkeypatch.setattr(checker, name, wrong)
        lies += int((followed(head, change, part.arrays, part.proved) & ~stays).sum())
        monkeypatch.setattr(checker, name, getattr(derived, name))
        try:
            assert not (followed(head, change, part.arrays, part.proved) & ~stays).any()
        except Invalid:
            pass  # a tree of another depth
        if lies:
            return
    raise AssertionError("no head tells it from the right one")


def test_what_is_no_cover_is_refused() -> None:
    head = even(1, 14, 4)
    change = any_rows(head, 2, False)
    part = ByCounts().prove(head, change, head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    arrays = dict(part.arrays)
    names = {name.partition(".")[0] for name in arrays} - {"weights"}
    assert names == {f"{a}-{b}" for a in range(3) for b in range(3 - a)} - {"0-0"}
    for gone in names:
        with pytest.raises(Invalid, match="trees of"):
            followed(head, change, {name: array for name, array in arrays.items() if not name.startswith(gone)},
                     part.proved)
    for edit in ({"weights": np.zeros(2, np.int64)}, {"weights": np.zeros(3)}, {"weights": None}):
        with pytest.raises(Invalid, match="weights"):
            followed(head, change, {name: array for name, array in {**arrays, **edit}.items() if array is not None},
                     part.proved)
    assert not followed(head, change, {**arrays, "weights": -arrays["weights"]}, part.proved).any()
    with pytest.raises(Invalid, match="trees of"):
        followed(head, change, arrays | {"1-1.parent": np.array([-1])}, part.proved)
    for extra in ("0-0", "3-0", "", "1-1-0", "01-1", "-1-0"):
        with pytest.raises(Invalid, match="trees of"):
            followed(head, change, arrays | {f"{extra}.box_tree.parent": np.array([-1])}, part.proved)
    with pytest.raises(Invalid, match="trees of"):
        followed(head, change, {"weights": arrays["weights"]}, part.proved)
    with pytest.raises(Invalid, match="arrays are"):
        followed(head, change, {name: array for name, array in arrays.items() if name != "1-1.box_tree.slabs"},
                 part.proved)


def test_other_problems_are_refused() -> None:
    head = even(1, 14, 4)
    change = any_rows(head, 2, False)
    part = ByCounts().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    twin, arrays, asked = seen(head, change), stored(dict(part.arrays)), part.proved.tolist()
    for one, words in ((replace(twin, balanced=False), "balanced"), (replace(twin, relabels=True), "left out"),
                       (replace(twin, count=4), "all its 4 rows"), (replace(twin, remaining=True), "fixed decay"),
                       (replace(twin, threshold=float("nan")), "finite threshold")):
        with pytest.raises(Invalid, match=words):
            checker.proved(one, arrays, "here", asked)
    tree = {name.removeprefix("1-1.box_tree."): array for name, array in arrays.items() if name.startswith("1-1.")}
    with pytest.raises(Invalid, match="weights that stay"):
        box_tree.proved(twin, tree, "here", asked)
    several = seen(other_head(np.random.default_rng(1), "cross_entropy", n=12, weights="balanced"), change)
    with pytest.raises(Invalid, match="two labels"):
        checker.proved(several, arrays, "here", asked)
    check_classes(twin, twin.change, "here", "5")
    with pytest.raises(Invalid, match="balanced weights have no meaning"):
        check_classes(twin, replace(twin, count=4).change, "here", "5")


def test_a_label_that_is_open_today_and_at_the_refit_does_not_stay() -> None:
    """No row may go, so there is no tree, which would refuse it."""
    head = even(1, 14, 4)
    twin, arrays = seen(head, RowChange(False, 1, ())), {"weights": head.V.ravel()}
    asked = [True] * len(head.points)
    with ctx.workprec(BITS):
        assert any(checker.proved(twin, stored(arrays), "here", asked))
        far = stored({"weights": head.V.ravel() + 1e3})
        assert not any(checker.proved(replace(twin, today=[OPEN] * len(asked)), far, "here", asked))


@pytest.mark.parametrize("seed", range(3))
def test_weights_that_are_off_are_as_far_as_they_are(seed: int) -> None:
    """Each row's curvature counts once: of an intercept without decay, short features and much decay little is lost."""
    head = other_head(np.random.default_rng([19, seed]), "logistic", n=9, free=True, weights="balanced", scale=1e-3,
                      decay=1e3)
    twin, own = seen(head, any_rows(head, 1, False)), weights_of(head, [3], {})
    with ctx.workprec(300):
        V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, arb(head.weight_decay) * head.n,
                  head.decayed.tolist(), [3], {}, own)[0]
        off = [float(x) + (2.0**-10 if j == len(V) - 1 else 0.0) for j, x in enumerate(V)]
        truth = float(sum(((x - y) ** 2 for x, y in zip(off, V, strict=True)), arb(0)).sqrt())
    with ctx.workprec(BITS):
        assert truth <= distance(twin, ((3, -1),), off, twin.outputs(off)) <= 1.1 * truth


@pytest.mark.parametrize("loss", ["logistic", "squared", "cross_entropy", "squared_hinge"])
def test_refits_carry_the_weights_of_their_own_labels(loss: str) -> None:
    """Of deleted and of relabelled rows, against 300 bits; no row of a label is refused."""
    for seed in range(3):
        head = other_head(np.random.default_rng([19, seed]), loss, n=9, free=seed % 2 == 0, weights="balanced")
        if head.codes is None or head.label is None:
            head = replace(head, codes=np.unique(head.Y, axis=0), label=np.arange(head.n) % 2)
            head = replace(head, Y=head.codes[[0, -1]][head.label], codes=head.codes[[0, -1]])
        twin = seen(head, any_rows(head, 1, False))
        other = (int(head.label[3]) + 1) % len(head.codes)
        for change in ((), ((3, -1),), ((3, other),), ((0, -1), (3, other))):
            gone, new = [i for i, c in change if c < 0], {i: c for i, c in change if c >= 0}
            own = weights_of(head, gone, new)
            with ctx.workprec(300):
                V = refit(head.phi.tolist(), head.Y.tolist(), head.loss.name, arb(head.weight_decay) * head.n,
                          head.decayed.tolist(), gone, {i: head.codes[c].tolist() for i, c in new.items()}, own)
                V = [[float(x) for x in row] for row in V]
            with ctx.workprec(BITS):
                flat = [x for row in V for x in row]
                assert distance(twin, change, flat, twin.outputs(flat)) < 1e-9
                counts = counted(twin, change)
                assert own is not None and counts is not None
                assert all(c == 0 if i in gone else abs(c - own[i]) < 1e-12 for i, c in enumerate(counts))
    every = tuple((i, -1) for i, y in enumerate(twin.codes.label) if y == 0)
    with pytest.raises(Invalid, match="no meaning"):
        labels_after(twin, [every], [flat])


def test_weights_of_rows_do_not_follow() -> None:
    head = uneven(1, 12, 4)
    plain = replace(head, weights=RowWeights(np.ones(head.n)))
    twin = replace(as_checked(plain, any_rows(plain, 1, False)), weights=[arb(1)] * head.n)
    assert counted(twin, ((0, -1),)) is twin.weights
