"""D7 in the checker: it agrees with the prover, and refuses what does not follow."""

from __future__ import annotations

import dataclasses
import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.energy import proved, replay
from certify.check.theorems.head.rows.energy.duals import Duals
from certify.check.theorems.head.rows.energy.entropies import height
from certify.check.theorems.head.rows.energy.families import Family, _line, bowl, mean_curvature
from certify.check.theorems.head.rows.energy.lines import lines_of
from certify.check.theorems.head.rows.energy.replay import CLOSED, FRESH, KEEP, LIST, SPLIT
from certify.check.theorems.head.rows.energy.scores import Scores, scores
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.energy import Energy
from certify.theorems.head.rows.energy.scores import Scores as Ours
from certify.theorems.head.rows.method import Budget, Part
from tests.effort import FULL, examples
from tests.families.class_heads import as_checked, class_head

BITS = 64


def arrays_of(part: Part) -> dict[str, Array]:
    return {
        name: Array(a.shape, tuple(a.ravel().tolist()), "i" if a.dtype.kind == "i" else "f")
        for name, a in part.arrays.items()
    }


def case(seed: int, k: int, count: int) -> tuple[Head, Part]:
    head = class_head(
        np.random.default_rng([seed, k, count]), 9 if k == 1 else 12, k, decay=0.1, apart=3.0 if k == 1 else 5.0
    )
    part = Energy().prove(head, RowChange(True, count, tuple(range(head.n))), head.today >= 0, Budget(20.0))
    assert part is not None
    return head, part


def check(head: Head, arrays: dict[str, Array], count: int, asked: list[bool]) -> list[bool]:
    with ctx.workprec(BITS):
        return proved(as_checked(head, tuple(range(head.n)), count), arrays, "claim", asked)


@pytest.mark.parametrize(("k", "count"), [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_prover_and_checker_agree(k: int, count: int) -> None:
    some = 0
    for seed in range(5):
        if seed >= 2 and some > 0 and not FULL:
            break
        head, part = case(seed, k, count)
        some += int(part.proved.sum())
        assert check(head, arrays_of(part), count, part.proved.tolist()) == part.proved.tolist()
        assert check(head, arrays_of(part), count, [False] * 5) == [False] * 5
    assert some > 0


def test_curvature_of_a_line_counts_moves_both_ways() -> None:
    """At 3, on the way to -1 and to 7, by one move or by two."""
    with ctx.workprec(BITS):
        for moved, k, t in (([-4.0], 1, -4.0), ([-2.0, -2.0, 1.0], 2, -4.0), ([4.0], 1, 4.0)):
            x, y = arb(3), arb(3) + t
            f = [v.max(arb(0)) + (-abs(v)).exp().log1p() for v in (x, y)]
            assert _line(x, moved, 0.0, k) >= 2 * (f[1] - f[0] - t / (1 + (-x).exp())) / t**2
        assert _line(arb(3), [4.0], 0.0, 1) < 0.05  # nothing moves down


def test_what_residuals_give_back_is_no_more_than_their_difference() -> None:
    """Residuals near one another and far from 0: their difference is 2, that of the nearest floats 4."""
    with ctx.workprec(BITS):
        points = Duals([[0.5, 0.5]] * 2, [[arb(2**53 + 3)], [arb(2**53 + 1)]], [0.0, 0.0])
        family = Family(arb(0), [0.0], 0.0, arb(1))
        found = scores(SimpleNamespace(mu=arb(1)), points, family, [0], 2)  # type: ignore[arg-type]
    assert found is not None
    assert -4.0 / 8 <= found.base + found.pair[0][1] <= found.base
    assert found.base + found.pair[0][1] >= -4.0 / 8
    assert -4.0 / 8 <= found.base + found.pair[1][0]


def solved_anew(monkeypatch: pytest.MonkeyPatch, k: int) -> tuple[Head, Part]:
    """A record in which inner nodes have dual points of their own."""
    monkeypatch.setattr("certify.theorems.head.rows.energy.tree.WORTHY", -1)
    for seed in range(20):
        head, part = case(seed, k, 3)
        whole = part.arrays["whole"].tolist()
        if part.proved.any() and FRESH in whole:
            return head, part
    raise AssertionError


@pytest.mark.parametrize("k", [1, 3])
def test_dual_points_of_a_node_of_its_own_are_replayed(monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    head, part = solved_anew(monkeypatch, k)
    assert check(head, arrays_of(part), 3, part.proved.tolist()) == part.proved.tolist()


def test_damaged_dual_points_of_a_node_prove_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    head, part = solved_anew(monkeypatch, 1)
    numbers = part.arrays["numbers"] * np.float32(1e20)
    with pytest.raises(Invalid):
        check(
            head,
            arrays_of(part) | {"numbers": Array(numbers.shape, tuple(numbers.tolist()), "f")},
            3,
            part.proved.tolist(),
        )


def test_new_dual_points_after_a_split_are_refused() -> None:
    """What is left of a node after its children is told by REST; numbers of alternatives would not fit before."""
    head, part = found()
    root = head.n + 1
    whole = np.array([SPLIT, 0, 0, LIST, 1, 0, FRESH, 0], dtype=np.int32)
    V = np.zeros((root + 10, head.k * head.m), dtype=np.float32)
    V[:root] = part.arrays["vectors"][:root]
    numbers = np.zeros(head.n, dtype=np.float32)
    arrays = {
        "whole": Array(whole.shape, tuple(whole.tolist()), "i"),
        "points": Array((1,), (0,), "i"),
        "vectors": Array(V.shape, tuple(V.ravel().tolist()), "f"),
        "numbers": Array(numbers.shape, tuple(numbers.tolist()), "f"),
    }
    with pytest.raises(Invalid):
        check(head, arrays, 2, [True] + [False] * 4)


def found() -> tuple[Head, Part]:
    for seed in range(20):
        head, part = case(seed, 1, 2)
        if part.proved.any() and LIST in part.arrays["whole"].tolist():
            return head, part
    raise AssertionError


def test_one_more_change_is_not_proved_by_the_same_record() -> None:
    head, part = found()
    with pytest.raises(Invalid):
        check(head, arrays_of(part), 3, part.proved.tolist())


@pytest.mark.parametrize("name", ["whole", "vectors", "numbers", "points"])
def test_arrays_that_end_early_or_late_are_refused(name: str) -> None:
    head, part = found()
    arrays = arrays_of(part)
    a = part.arrays[name]
    for changed in (a[:-1], np.concatenate([a, a[-1:]]) if len(a) else np.ones(1, a.dtype)):
        if len(changed) == len(a):
            continue
        new = Array(changed.shape, tuple(changed.ravel().tolist()), "i" if a.dtype.kind == "i" else "f")
        with pytest.raises(Invalid):
            check(head, arrays | {name: new}, 2, part.proved.tolist())
    with pytest.raises(Invalid, match="needed"):
        check(head, {k: v for k, v in arrays.items() if k != name}, 2, part.proved.tolist())


def test_a_tree_that_closes_at_once_is_refused() -> None:
    head, part = found()
    broken = 0
    for step in (CLOSED, KEEP, LIST):
        whole = np.array([1, step, 0] if step != CLOSED else [1, step], dtype=np.int32)
        arrays = arrays_of(part)
        count = head.n + 1
        V = part.arrays["vectors"][: count + 1]
        arrays |= {
            "whole": Array(whole.shape, tuple(whole.tolist()), "i"),
            "points": Array((1,), (0,), "i"),
            "vectors": Array(V.shape, tuple(V.ravel().tolist()), "f"),
            "numbers": Array((0,), (), "f"),
        }
        V[-1] = 1e3  # weights that are no centre
        arrays["vectors"] = Array(V.shape, tuple(V.ravel().tolist()), "f")
        with pytest.raises(Invalid):
            check(head, arrays, 2, [True] + [False] * 4)
        broken += 1
    assert broken == 3


def test_weights_that_are_no_refit_are_refused() -> None:
    head, part = found()
    arrays = arrays_of(part)
    V = part.arrays["vectors"].copy()
    V[-1] += 50.0
    with pytest.raises(Invalid):
        check(head, arrays | {"vectors": Array(V.shape, tuple(V.ravel().tolist()), "f")}, 2, part.proved.tolist())


@pytest.mark.parametrize("scale", [1e3, 1e30, 3e38])
def test_wild_weights_prove_nothing(scale: float) -> None:
    head, part = found()
    arrays = arrays_of(part)
    V = part.arrays["vectors"].copy()
    V[: head.n + 1] = np.float32(scale) * np.where(np.arange(V.shape[1]) % 2, -1, 1)
    with pytest.raises(Invalid):
        check(head, arrays | {"vectors": Array(V.shape, tuple(V.ravel().tolist()), "f")}, 2, part.proved.tolist())


@pytest.mark.parametrize(("k", "name"), [(1, "vectors"), (1, "numbers"), (3, "vectors")])
@pytest.mark.parametrize("scale", [1e160, 1e308])
def test_weights_that_overflow_prove_nothing(k: int, name: str, scale: float) -> None:
    """Doubles whose products are no finite numbers are refused like any others."""
    head, part = next(c for c in (case(seed, k, 1) for seed in range(20)) if c[1].proved.any())
    a = part.arrays[name]
    values = (scale * np.where(np.arange(a.size) % 2, -1.0, 1.0)).tolist()
    with pytest.raises(Invalid):
        check(head, arrays_of(part) | {name: Array(a.shape, tuple(values), "f")}, 1, part.proved.tolist())


def parted() -> tuple[Head, dict[str, Array]]:
    """A root with one child, in which no more changes may follow and which lists more sets than there are weights."""
    head, part = found()
    whole = (SPLIT, 0.0, head.n - 1.0, *map(float, range(1, head.n)), LIST, 2.0**53 - 1)
    V = part.arrays["vectors"][: head.n + 1]
    return head, {
        "whole": Array((len(whole),), whole, "i"), "points": Array((1,), (0,), "i"), "numbers": Array((0,), (), "f"),
        "vectors": Array(V.shape, tuple(V.ravel().tolist()), "f"),
    }


def test_no_number_of_sets_takes_more_than_the_file_holds() -> None:
    """Where no more changes may follow a set takes no entry: its weights bound how many there are."""
    with pytest.raises(Invalid, match="vectors: it ends too early"):
        check(*parted(), 1, [True] + [False] * 4)


def test_a_tree_too_deep_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter's frames bound how deep trees can be, whatever the file says."""
    monkeypatch.setattr(replay, "DEEPEST", 0)
    with pytest.raises(Invalid, match="more than 0 above it"):
        check(*parted(), 1, [True] + [False] * 4)


@pytest.mark.parametrize("seed", range(examples(40)))
def test_no_random_damage_proves_a_point_that_is_not(seed: int) -> None:
    """A changed entry is refused, or still proves points that the method may prove."""
    head, part = found()
    rng = np.random.default_rng(seed)
    whole = part.arrays["whole"].copy()
    at = int(rng.integers(len(whole)))
    whole[at] = int(rng.integers(0, 10))
    try:
        done = check(
            head, arrays_of(part) | {"whole": Array(whole.shape, tuple(whole.tolist()), "i")}, 2, part.proved.tolist()
        )
    except Invalid:
        return
    assert not (np.array(done) & ~part.proved).any()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_bounds_of_scores_hold_for_every_set(k: int) -> None:
    rng, count = np.random.default_rng(k), 6
    for _ in range(examples(30)):
        P = rng.standard_normal((count + 1, count + 1)) * 10.0 ** rng.uniform(-1, 1)
        P += P.T
        P[np.arange(count), np.arange(count)], P[-1, -1] = -np.inf, 0.0
        P[0, 1] = P[1, 0] = -np.inf  # alternatives of one row
        v = rng.standard_normal(count + 1)
        ours, theirs = Ours(0.3, v, P, k), Scores(0.3, v.tolist(), P.tolist(), k)
        each = np.array([theirs.most(x) for x in range(count)])
        assert ((each < 0) == (ours.each() < 0)).all()  # the first bound that is negative will do
        assert np.allclose(each[each >= 0], ours.each()[each >= 0])
        for size in range(k + 1):
            for some in combinations(range(count), size):
                items = some + (count,) * (k - size)
                score = theirs.of(items)
                assert score <= ours.worst() + 1e-9
                for x in some:
                    assert score <= each[x] + 1e-9
                    assert all(score <= theirs.beside(x)[y] + 1e-9 for y in some if y != x)
                    assert np.allclose(theirs.beside(x), ours.beside(x))


def test_deletions_and_other_losses_are_refused() -> None:
    head, part = found()
    made = as_checked(head, tuple(range(head.n)), 2)
    other = {name: getattr(made, name) for name in made.__dataclass_fields__}
    for change in ({"relabels": False}, {"threshold": float("inf")}):
        with pytest.raises(Invalid, match="are needed"):
            proved(type(made)(**(other | change)), arrays_of(part), "claim", part.proved.tolist())


@pytest.mark.parametrize("entry", [math.inf, math.nan])
def test_inputs_that_are_no_numbers_are_refused(entry: float) -> None:
    head, part = case(1, 1, 2)
    made = as_checked(head, tuple(range(head.n)), 2)
    rows = made.phi.tolist()
    rows[0][0] = arb(entry)
    with ctx.workprec(BITS), pytest.raises(Invalid, match="beyond all numbers"):
        proved(dataclasses.replace(made, phi=arb_mat(rows)), arrays_of(part), "claim", [True] * len(head.today))


def test_heights_and_curvatures_are_bounds() -> None:
    rng = np.random.default_rng(0)
    with ctx.workprec(100):
        for q in [
            *rng.random(200),
            *10.0 ** -rng.uniform(0, 25, 200),
            *(1 - 10.0 ** -rng.uniform(0, 15, 200)),
            0.0,
            1.0,
        ]:
            x = float(q)
            one = -arb(x) * arb(x).log() if x > 0 else arb(0)
            two = one - (1 - arb(x)) * (1 - arb(x)).log() if x < 1 else one
            assert arb(height([x], False)) <= one
            assert arb(height([x], True)) <= two
            assert two - height([x], True) < 1e-4 * x + 1e-12
        for _ in range(200):
            z, reach = arb(float(rng.standard_normal() * 4)), arb(float(10.0 ** rng.uniform(-4, 1)))
            bound = mean_curvature(z, reach)
            for share in np.linspace(0.01, 1, 23):
                t = reach * float(share)
                f = [v.max(arb(0)) + (-abs(v)).exp().log1p() for v in (z, z + t)]
                assert (f[1] - f[0] - t / (1 + (-z).exp())) <= bound * t * t / 2 + arb(2) ** -80


@pytest.mark.parametrize("e", [0, -900, -1060, -1080, -2000])
def test_weights_that_follow_a_set_lie_on_their_side_of_the_tiniest_row(e: int) -> None:
    """What every set moves them along an evaluation row counts, though it is below all doubles."""
    head = class_head(np.random.default_rng([3, 1, 2]), 9, 1, decay=0.1, apart=3.0)
    rng, count = np.random.default_rng(5), 2
    with ctx.workprec(BITS):
        lines = lines_of(as_checked(head, tuple(range(9)), count))
        w, P = head.V.ravel().tolist(), (np.eye(head.m) + 0.1 * rng.standard_normal((head.m, head.m))).tolist()
        row = [arb(x) * arb(2) ** e for x in (-1.0, *[0.5] * (head.m - 1))]
        numbers = ([w, [0.0] * head.m, *P], [1.0] * 9)
        found = bowl(lines, lines.tau, list(range(9)), count, numbers, row)
        moves = [sum((-a * sum(arb(s) * p for s, p in zip(step, column, strict=True))
                      for a, column in zip(row, zip(*P, strict=True), strict=True)), arb(0)) for step in lines.steps]
        least = sum((a * b for a, b in zip(row, w, strict=True)), arb(0))
        lowest = min((sum(moves[l] for l in some) for size in range(count + 1)
                      for some in combinations(range(9), size)), key=lambda x: float(arb(x) * arb(2) ** -e))
        assert lowest < 0
        assert (found.side - least - lowest) * arb(2) ** -e <= 1e-12
        assert (found.side - least - lowest) * arb(2) ** -e >= -1e-12


@pytest.mark.parametrize("step", [[KEEP], [replay.REST]])
def test_many_parts_of_parts_do_not_exhaust_the_interpreter(step: list[int]) -> None:
    head, _ = found()
    n = head.n
    whole = ([*step, n, *range(n)] if step == [KEEP] else step) * 1500 + [replay.FLAT, CLOSED]
    V = np.tile(head.V.ravel(), (n + 2, 1)).astype(np.float32)
    arrays = {
        "whole": Array((len(whole),), tuple(whole), "i"),
        "points": Array((1,), (0,), "i"),
        "vectors": Array(V.shape, tuple(V.ravel().tolist()), "f"),
        "numbers": Array((0,), (), "f"),
    }
    with pytest.raises(Invalid):
        check(head, arrays, 2, [True] + [False] * 4)


def test_of_one_change_a_split_needs_no_others() -> None:
    head, part = case(0, 1, 1)
    n = head.n
    whole = [replay.FLAT, SPLIT, 0, 0, CLOSED]
    V = np.tile(head.V.ravel(), (n + 2, 1)).astype(np.float32)
    arrays = {
        "whole": Array((len(whole),), tuple(whole), "i"),
        "points": Array((1,), (0,), "i"),
        "vectors": Array(V.shape, tuple(V.ravel().tolist()), "f"),
        "numbers": Array((0,), (), "f"),
    }
    with pytest.raises(Invalid, match="closed"):
        check(head, arrays, 1, [True] + [False] * 4)
