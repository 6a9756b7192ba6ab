"""D21, derived again: what the checker follows holds of every refit, and it refuses what is no tree of groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.changes.groups import Groups
from certify.check.theorems.head.rows.group_tree import method as checker
from certify.check.theorems.head.rows.group_tree import steps as stepping
from certify.check.theorems.head.rows.group_tree import tree as growing
from certify.check.theorems.head.rows.head import BITS
from certify.finders.head.boxes import minimiser
from certify.format.refusal import Invalid
from certify.theorems.head.rows.box_tree import oriented as oriented_in_floats
from certify.theorems.head.rows.group_tree.method import GroupTrees
from certify.theorems.head.rows.method import Budget
from tests.families.group_heads import Grouped, flipped, grouped
from tests.families.logistic_heads import stored

NEAR = 1e-9


def prove(one: Grouped) -> Any:
    """What the prover says."""
    part = GroupTrees().prove(one.head, one.change, one.head.today >= 0, Budget())
    assert part is not None and part.proved.any()
    return part


def followed(one: Grouped, arrays: Mapping[str, Any], asked: np.ndarray, **other: Any) -> np.ndarray:
    """Which points the checker proves with these arrays."""
    whole = {name: array for name, array in stored(dict(arrays)).items()}
    for name in ("sets", "aside", "aside_count"):
        if name in whole and whole[name].kind == "i":
            whole[name] = replace(whole[name], values=tuple(int(x) for x in whole[name].values))
    with ctx.workprec(BITS):
        return np.array(checker.proved(replace(one.twin, **other), whole, "here", asked.tolist()))


@pytest.fixture(scope="module")
def deep() -> tuple[Grouped, Any]:
    """A head whose proof has nodes after two groups, and some that are set aside for every point."""
    for seed in range(100):
        one = grouped(np.random.default_rng([5, seed]), 2, n=30)
        part = GroupTrees().prove(one.head, one.change, one.head.today >= 0, Budget())
        if part is not None and part.proved.all() and part.arrays["aside_count"][0] > 1 and (
                part.arrays["sets"][:, 1] >= 0).any():
            return one, part
    raise AssertionError("none was drawn")


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_follows_the_prover_and_says_nothing_false(count: int, weighed: bool) -> None:
    said = 0
    for seed in range(6):
        one = grouped(np.random.default_rng([count, seed, weighed, 1]), count, weighed=weighed)
        part = GroupTrees().prove(one.head, one.change, one.head.today >= 0, Budget())
        assert part is not None
        if not part.proved.any():
            continue
        assert (followed(one, part.arrays, part.proved) == part.proved).all()
        everything = followed(one, part.arrays, one.head.today >= 0)  # points that the prover does not state too
        assert not (everything & flipped(one.margins())).any()
        said += int(part.proved.sum())
    assert said > 5


def distances(one: Grouped, off: float = 0.0) -> float:
    """The largest distance of a refit from the sum of steps, as a part of what is derived of it; 0 if nothing is."""
    s, _ = oriented_in_floats(one.head, one.change.within)
    w = minimiser(s, s.whole, one.head.V[0]) + off * np.cos(np.arange(one.head.m))
    groups = list(range(len(one.change.groups)))
    with ctx.workprec(BITS):
        t, _ = oriented(one.twin, "here")
        b = base(centre(t, [], w.tolist()))
        it = None if b is None else stepping.steps(b, groups, one.change.groups, one.change.count)
        if b is None or it is None:
            return 0.0
        delta = np.array([[float(x) for x in row] for row in it.delta.tolist()]).T
        H = (s.S.T * (s.whole * np.array([float(x) for x in b.c.D]))) @ s.S + np.diag(s.decay)
    worst = 0.0
    for choice in one.choices():
        v = one.without(choice) - w - delta[list(choice)].sum(axis=0)
        most = it.fixed + sum(it.push[g] for g in choice)
        worst = max(worst, float(np.sqrt(max(v @ H @ v, 0.0)) / (most + NEAR)))
    return worst


def heads(count: int) -> list[Grouped]:
    """Heads by which wrong versions are found out."""
    return [grouped(np.random.default_rng([7, count, seed]), count, n=30) for seed in range(24)]


def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other groups hold along a step is left out."""
    monkeypatch.setattr(stepping, "_others", lambda shares, times, k: [0.0] * len(times))


def no_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curvature does not change along the steps."""
    right = stepping._moved
    monkeypatch.setattr(stepping, "_moved", lambda *given: (lambda x: replace(x, bends=[0.0] * len(x.bends)))(
        right(*given)))


def one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sum over k groups is that of the largest alone."""
    right = stepping.largest_sum
    monkeypatch.setattr(stepping, "largest_sum", lambda values, k: right(values, min(k, 1)))
    no_others(monkeypatch)


def all_curvature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups take no curvature with them, and none is lost around the sums."""
    monkeypatch.setattr(stepping, "_room", lambda rows, gone, a: 1.0)


def whole_hessian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps with the rows of the group still in the Hessian."""
    right = stepping._solved

    def wrong(b: Any, some: Any, w: Any) -> Any:
        found = right(b, some, w)
        assert found is not None
        t = b.c.sums
        pulls = [t.across * arb_mat(t.n, 1, [b.c.p[j] if j in set(rows) else arb(0) for j in range(t.n)])
                 for rows in some]
        return arb_mat([(-(b.X * P)).entries() for P in pulls]).transpose(), *found[1:]

    monkeypatch.setattr(stepping, "_solved", wrong)


WRONG: dict[Callable[[pytest.MonkeyPatch], None], int] = {
    no_others: 2, no_bends: 1, one_alone: 3, all_curvature: 1, whole_hessian: 1}
"""Wrong versions, with how many groups go where they are found out."""


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_versions_are_found_out(wrong: Callable[[pytest.MonkeyPatch], None],
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(distances(one) for one in heads(WRONG[wrong])[:8]) <= 1.0
    wrong(monkeypatch)
    assert any(distances(one) > 1.0 for one in heads(WRONG[wrong]))


def test_weights_far_from_refits_prove_less_and_nothing_false() -> None:
    found = [distances(one, 1e-3) for one in heads(2)]
    assert max(found) <= 1.0 and any(found)


def test_every_node_counts(deep: tuple[Grouped, Any]) -> None:
    """Without a node, or with one of its groups in the place of another, points are open, and none is false."""
    one, part = deep
    arrays, sets = part.arrays, part.arrays["sets"]
    falls, T = flipped(one.margins()), len(sets)
    starts = np.concatenate([[0], np.cumsum(arrays["aside_count"])])
    lost = 0
    for at in range(1, T):
        rest = np.delete(np.arange(T), at)
        aside = np.concatenate([arrays["aside"][starts[i] : starts[i + 1]] for i in rest])
        less = {"sets": arrays["sets"][rest], "weights": arrays["weights"][rest],
                "aside_count": arrays["aside_count"][rest], "aside": aside}
        found = followed(one, less, part.proved)
        lost += int((part.proved & ~found).any())
        assert not (found & falls).any()
    assert lost
    nobody = {**arrays, "aside_count": np.zeros(T, np.int64), "aside": np.zeros(0, np.int64)}
    assert not (followed(one, nobody, part.proved) & falls).any()
    for scale in (-1.0, 0.0, 2.0, 1e200):
        found = followed(one, {**arrays, "weights": scale * arrays["weights"]}, one.head.today >= 0)
        assert not (found & falls).any()
        assert scale == 2.0 or not found.any()
    for bad in (np.inf, np.nan):
        with pytest.raises(Invalid, match="not finite"):
            followed(one, {**arrays, "weights": np.where(sets[:, :1] < 0, bad, arrays["weights"])}, part.proved)


def test_arrays_that_are_no_tree_are_refused(deep: tuple[Grouped, Any]) -> None:
    one, part = deep
    arrays, sets = part.arrays, part.arrays["sets"]
    last = len(one.change.groups)

    def line(*new: int) -> dict[str, Any]:
        return {"sets": np.concatenate([[[-1, -1]], [list(new)], sets[2:]])}

    for edit, words in (
            ({"sets": sets[:, :1]}, "sets"), ({"sets": sets.astype(float)}, "sets"), ({"sets": sets[1:]}, "weights"),
            (line(1, 0), "sets"), (line(-1, 0), "sets"), (line(0, 0), "sets"), (line(last, -1), "sets"),
            (line(-2, -1), "sets"), (line(*sets[2].tolist()), "sets|aside"), (line(-1, -1), "sets"),
            ({"weights": arrays["weights"][:, 1:]}, "weights"), ({"weights": sets}, "weights"),
            ({"aside_count": arrays["aside_count"] + 1}, "aside"), ({"aside": arrays["aside"][::-1]}, "aside"),
            ({"aside": arrays["aside"] + last}, "aside"), ({"aside": arrays["aside"] * 0 - 1}, "aside"),
            ({"aside_count": -arrays["aside_count"]}, "aside"), ({"more": sets}, "are needed")):
        with pytest.raises(Invalid, match=words):
            followed(one, {**arrays, **edit}, part.proved)
    for name in arrays:
        with pytest.raises(Invalid, match="are needed"):
            followed(one, {other: array for other, array in arrays.items() if other != name}, part.proved)
    away = np.flatnonzero((sets >= 0).any(axis=1))
    with pytest.raises(Invalid, match="no node is without"):
        followed(one, {"sets": sets[away], "weights": arrays["weights"][away],
                       "aside_count": np.zeros(len(away), np.int64), "aside": np.zeros(0, np.int64)}, part.proved)


def test_other_problems_are_refused(deep: tuple[Grouped, Any]) -> None:
    one, part = deep
    twin = one.twin
    assert isinstance(twin.kind, Groups)
    for other, words in (({"kind": None}, "groups of rows"), ({"kind": replace(twin.kind, relabels=True)}, "groups"),
                         ({"relabels": True}, "groups"), ({"remaining": True}, "fixed decay"),
                         ({"threshold": float("inf")}, "finite threshold"), ({"balanced": True}, "balanced")):
        with pytest.raises(Invalid, match=words):
            followed(one, part.arrays, part.proved, **other)
    more = replace(twin.kind, count=3)
    with pytest.raises(Invalid, match="sets"):
        followed(one, part.arrays, part.proved, kind=more)
    less = followed(one, part.arrays, part.proved, decay=twin.decay / 64)
    assert not less.all()


def test_numbers_that_are_none_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nan, inf = float("nan"), float("inf")
    assert str(stepping.largest_sum([1.0, nan, 2.0], 1)) == "nan" and stepping.up(arb("nan")) != stepping.up(arb("nan"))
    fine = [(1.0, 0.1, 0.9)] * 3
    assert stepping._factor(fine, (0.1, 0.0), 0.1) is not None
    for rows, gone, whole in ((fine, (nan, 0.0), 0.1), (fine, (0.1, nan), 0.1), (fine, (0.1, 0.0), nan),
                              ([*fine, (nan, 0.1, 0.9)], (0.1, 0.0), 0.1), (fine, (1.0, 0.0), 0.1),
                              ([*fine, (1.0, 0.1, 0.0)], (0.1, 0.0), 0.1), (fine, (0.1, 0.0), inf),
                              (fine, (0.1, 0.0), 2.0), (fine, (0.1, 1.0), 0.1)):
        assert stepping._factor(rows, gone, whole) is None
    one = grouped(np.random.default_rng(3), 1, n=40)
    part = prove(one)
    right = growing.Tree._judged

    def spoiled(self: Any, it: Any, point: int) -> Any:
        left, pushes = right(self, it, point)
        return left, [*pushes[:-1], nan]

    monkeypatch.setattr(growing.Tree, "_judged", spoiled)
    assert not followed(one, part.arrays, part.proved).any()


def test_rows_of_other_sizes_move_farther_than_is_looked_at_or_are_followed() -> None:
    """Far beyond what doubles hold nothing is said, and nothing is raised."""
    one = grouped(np.random.default_rng(3), 2, n=30)
    for scale in (1e-200, 1e-60, 1e-9, 1e9, 1e60, 1e150):
        phi = one.head.phi * np.append(np.full(one.head.m - 1, scale), 1.0)
        points = one.head.points * np.append(np.full(one.head.m - 1, scale), 1.0)
        wide = replace(one, head=replace(one.head, phi=phi, points=points))
        with ctx.workprec(BITS):
            t, _ = oriented(wide.twin, "here")
            own = one.head.V[0] / np.append(np.full(one.head.m - 1, scale), 1.0)
            for w in (np.zeros(one.head.m), one.head.V[0], own):
                b = base(centre(t, [], w.tolist()))
                if b is not None:
                    stepping.steps(b, list(range(len(one.change.groups))), one.change.groups, 2)


def test_what_few_bits_leave_out_bends_as_much_as_the_rest() -> None:
    """A row that hardly moves by one step and far by another: its product with the first is 0 in few bits."""
    row = [1.0, 1.0 - 0.49 * 2.0**-28]
    first, other = [8.0 * (1 + 0.49 * 2.0**-28), -8.0 * (1 - 0.49 * 2.0**-28)], [3.9, 3.9]
    with ctx.workprec(BITS):
        t = sums([row], [arb(1), arb(1)], False)
        b: Any = SimpleNamespace(c=SimpleNamespace(kept=[True], p=[arb(2) ** -60], sums=t))
        size = [stepping.up(norm([arb(x) for x in step])) for step in (first, other)]
        found = stepping._moved(b, arb_mat([first, other]).transpose(), [0.25], size, ([[0], []], 2))
    moved = [abs(sum(Fraction(x) * Fraction(y) for x, y in zip(row, step, strict=True))) for step in (first, other)]
    z = float(sum(moved))
    assert z <= found.far[0] < stepping.FARTHEST
    assert found.bends[0] >= (0.25 * (2.0 * (math.expm1(z) - z) / z**2) ** 2 * float(moved[0]) ** 4) ** 0.25
