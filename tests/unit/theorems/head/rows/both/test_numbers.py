"""D33, D32, number by number: what is stated bears every error that is stated, and every choice that is asked about."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED
from certify.systems.head.rows.changes.both import BothChange
from certify.theorems.head.rows.both_squared import base, sets
from certify.theorems.head.rows.both_sums.case import BothCase, single_changes, single_steps, some_steps
from certify.theorems.head.rows.squared.contrasts import Swing
from certify.theorems.head.rows.step_sums import bound as bounds
from certify.theorems.head.rows.step_sums.kinds import Kinds
from tests.families.heads import drawn_head
from tests.families.near_flips import cornered
from tests.families.other_heads import other_head

ERROR = 1e-3


def hat(rng: np.random.Generator, n: int, size: float = 0.6) -> Array:
    """A matrix that may be a hat matrix: between 0 and `size`."""
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    return np.asarray((Q * rng.uniform(0.0, size, n)) @ Q.T)


def all_sets(rows: list[int], most: int) -> list[tuple[int, ...]]:
    return [some for r in range(most + 1) for some in combinations(rows, r)]


def coupled(K: Array, D: Array, x: Array, moved: Array, deleted: int, relabelled: int) -> Array:
    """`(n,)` the largest entry of `⟨N⟩⁻¹(|O||x_M| + |K_ML|Δ_L)` over all sets M and L, of sizes K."""
    n, found = len(K), np.zeros(len(K))
    for gone in all_sets(list(range(n)), deleted)[1:]:
        at, rest = list(gone), [i for i in range(n) if i not in gone]
        for new in combinations(rest, min(relabelled, len(rest))):
            O = K[np.ix_(at, at)] - np.diag(np.diagonal(K)[at])
            right = O @ x[at] + K[np.ix_(at, list(new))] @ moved[list(new)]
            found[at] = np.maximum(found[at], np.linalg.solve(np.diag(D[at]) - O, right))
    return found


@pytest.mark.parametrize("most", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)])
def test_a_comparison_bears_every_set_of_deleted_and_relabelled_rows(most: tuple[int, int]) -> None:
    rng, there = np.random.default_rng(most), 0
    for _ in range(12):
        n, few = 6, rng.random() < 0.5  # where labels do little what deleted rows do to each other counts
        K = np.abs(hat(rng, n, 0.9))
        D, x = 1.0 - np.diagonal(K), rng.exponential(size=n)
        moved = rng.exponential(size=n) * (0.01 if few else 1.0)
        omega = base.comparison(K, D, x, moved, *most)
        if omega is not None:
            there += 1
            assert (omega >= coupled(K, D, x, moved, *most)).all()
    assert there >= 4
    for share in (0.5, 0.8, 0.84, 0.85, 0.86, 0.88):  # where steps grow little and yet go on
        K = np.full((3, 3), 0.5 * share)
        np.fill_diagonal(K, 0.5)
        omega = base.comparison(K, np.full(3, 0.5), np.ones(3), np.zeros(3), 2, 1)
        assert omega is None or (omega >= coupled(K, np.full(3, 0.5), np.ones(3), np.zeros(3), 2, 1)).all()
    apart = np.full((4, 4), 0.45)  # three of these rows together are no H-matrix
    np.fill_diagonal(apart, 0.5)
    assert base.comparison(apart, 1.0 - np.diagonal(apart), np.ones(4), np.ones(4), 3, 1) is None


@pytest.mark.parametrize("labels", [2, 3])
def test_what_is_known_before_deletions_bears_the_errors_of_its_root(labels: int, monkeypatch: pytest.MonkeyPatch,
                                                                     ) -> None:
    own = base.root_of

    def rough(*args: Any) -> Any:
        root = own(*args)
        return replace(root, factor=replace(root.factor, error=ERROR), er=ERROR)

    given: list[Array] = []

    def noted(*args: Any) -> Any:
        given[:] = args[:4]
        return compared(*args)

    compared = base.comparison
    monkeypatch.setattr(base, "root_of", rough)
    monkeypatch.setattr(base, "comparison", noted)
    rng, most = np.random.default_rng(labels), (2, 1)
    for _ in range(4):
        head = (cornered(rng, "squared", 8, 4, 2.0) if labels == 3 else
                drawn_head(rng, "squared", n=8, N=3, decay=0.8))
        found = base.base_of(head, BothChange(*most, tuple(range(8))), 2, np.arange(len(head.points)), lambda: False)
        assert found is not None and found.omega is not None and head.codes is not None and head.label is not None
        K, R, (sizes, low, x, moved) = found.K, found.root.R, given
        D = 1.0 - np.diagonal(K)
        assert (found.low <= D - ERROR).all() and low is found.low and (sizes >= np.abs(K) + ERROR).all()
        assert (found.omega >= coupled(sizes, low, x, moved, *most)).all()
        for a, b in {(int(p), int(q)) for p, q in zip(found.root.pairs.a, found.root.pairs.b, strict=True)}:
            r, off = (R[:, a], ERROR) if b < 0 else (R[:, a] - R[:, b], 2 * ERROR)
            assert (x >= (np.abs(r) + off) / (D - ERROR)).all()
            for sign in (-1.0, 1.0):
                true = (r + sign * off * np.sign(r)) / (D - sign * ERROR)
                assert (np.abs(true - r / D) <= found.x_error).all()
            told = head.codes[:, a] - (0.0 if b < 0 else head.codes[:, b])
            assert (moved >= np.abs(told - told[head.label][:, None]).max(axis=1)).all()


@pytest.mark.parametrize("loose", ["K", "c", "r", "targets", "all"])
@pytest.mark.parametrize("size", [1, 2])
def test_what_sets_of_deletions_take_bears_the_errors_that_are_stated(loose: str, size: int) -> None:
    rng = np.random.default_rng([size, len(loose)])
    eK, ec, er, coarse = (ERROR * (loose in (word, "all")) for word in ("K", "c", "r", "targets"))
    n, m = 6, 2
    for _ in range(60):
        K, c, r = hat(rng, n), rng.normal(size=n), rng.normal(size=n)
        high, low = rng.normal(size=n), rng.normal(size=n)
        gone = np.sort(rng.permutation(n)[:size])
        rest = np.setdiff1d(np.arange(n), gone)

        def value(K: Array, c: Array, r: Array, high: Array, low: Array, gone: Array = gone, rest: Array = rest,
                  ) -> tuple[float, Array, Array, Array, Array]:
            N = np.eye(len(gone)) - K[np.ix_(gone, gone)]
            x, y = np.linalg.solve(N, r[gone]), np.linalg.solve(N, c[gone])
            after = c[rest] + K[np.ix_(rest, gone)] @ y
            drops = np.maximum(np.maximum(after * high[rest], after * low[rest]), 0.0)
            which = np.argsort(-drops)[:m]
            q = np.where(after[which] * high[rest][which] >= after[which] * low[rest][which],
                         high[rest][which], low[rest][which]) * (drops[which] > 0)
            return float(c[gone] @ x + drops[which].sum()), x, y, rest[which], q

        # what is stored errs in the direction in which less is taken: a step against the slope of what is taken
        _, x, y, which, q = value(K, c, r, high, low)
        after = c + K[:, gone] @ y
        stored_K, stored_c, stored_r = K.copy(), c.copy(), r.copy()
        total = x + np.linalg.solve(np.eye(size) - K[np.ix_(gone, gone)], K[np.ix_(gone, which)] @ q)
        step = np.zeros((n, n))
        step[np.ix_(gone, gone)] = np.sign(np.outer(y, total) + np.outer(total, y))
        step[np.ix_(which, gone)] = np.sign(np.outer(q, y))
        step[np.ix_(gone, which)] = np.sign(np.outer(q, y)).T
        stored_K -= eK * step
        stored_r[gone] -= er * np.sign(y)
        stored_c[gone] -= ec * np.sign(total)
        stored_c[which] -= ec * np.sign(q)
        off = coarse * np.sign(after)
        swing = Swing(high - off, low - off, coarse, 4.0)
        root: Any = SimpleNamespace(factor=SimpleNamespace(error=eK), R=np.zeros((n, 1)), er=er)
        of = base.Base(root, np.arange(n), stored_K, 2, m, {}, np.ones(n), np.zeros(n), 0.0)
        said = sets.taken(of, sets.One(stored_c, ec, stored_r, 1.0, 0.0, swing), gone[None])[0][0]
        assert said >= value(K, c, r, high, low)[0]
        none = sets.taken(of, sets.One(stored_c, ec, stored_r, 1.0, 0.0, swing), np.zeros((1, 0), np.int64))[0][0]
        assert none >= np.sort(np.maximum(np.maximum(c * high, c * low), 0.0))[-m:].sum() - 3 * ec * 4


def test_sets_without_a_proved_inverse_take_anything() -> None:
    K = np.array([[0.6, 0.5], [0.5, 0.6]])
    root: Any = SimpleNamespace(factor=SimpleNamespace(error=0.0), R=np.zeros((2, 1)), er=0.0)
    of = base.Base(root, np.arange(2), K, 2, 1, {}, np.ones(2), np.zeros(2), 0.0)
    one = sets.One(np.ones(2), 0.0, np.ones(2), 1.0, 0.0, Swing(np.ones(2), np.ones(2), 0.0, 1.0))
    found = sets.taken(of, one, np.array([[0, 1]]))[0]
    assert np.isinf(found).all() and found[0] > 0
    assert np.isinf(sets.taken(of, replace(one, r=np.array([np.nan, 1.0])), np.array([[0]]))[0]).all()
    assert sets.worst(np.ones((2, 3)), 0).tolist() == [0.0, 0.0]


def test_what_a_deletion_takes_bears_errors_of_influences_and_quotients() -> None:
    rng = np.random.default_rng(0)
    K, omega = np.diag([0.3, 0.5, 0.2]), np.array([0.2, 0.1, 0.4])
    for _ in range(30):
        c, r = rng.normal(size=3), rng.normal(size=3)
        x = r / (1.0 - np.diagonal(K))
        of = base.Base(None, np.arange(3), K, 2, 1, {}, np.ones(3), omega, ERROR)  # type: ignore[arg-type]
        said = sets.shares(of, sets.One(c, ERROR, r, 1.0, 0.0, Swing(np.ones(3), np.ones(3), 0.0, 1.0)))
        for a in (-ERROR, ERROR):
            for b in (-ERROR, ERROR):
                assert (said >= np.maximum((c + a) * (x + b) + np.abs(c + a) * omega, 0.0)).all()


def proper(rows: Array, kinds: Kinds) -> list[list[int]]:
    """All choices of changes of different rows with at most so many of each kind, as numbers of changes."""
    return [list(some) for some in all_sets(list(range(len(rows))), kinds.k)[1:]
            if len({int(rows[u]) for u in some}) == len(some)
            and all((kinds.of[list(some)] == kind).sum() <= most for kind, most in enumerate(kinds.most))]


@pytest.mark.parametrize("most", [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("weights", ["", "rows", "both"])
def test_sums_of_both_kinds_bear_every_choice(most: tuple[int, int], weights: str, monkeypatch: pytest.MonkeyPatch,
                                              ) -> None:
    rng = np.random.default_rng([*most, len(weights)])
    head = other_head(rng, "logistic", 9, 2, 3, decay=0.6, free=False, weights=weights)
    single, kinds = single_changes(head, BothChange(*most, tuple(range(6))))
    st = single_steps(head, single, lambda: None)
    assert st is not None and head.label is not None
    if weights:  # as where some changes are hot
        kept = np.setdiff1d(np.arange(len(single)), rng.permutation(len(single))[:2])
        st, kinds = some_steps(st, kept), Kinds(kinds.of[kept], kinds.most)
    seen: dict[str, tuple[Array, Array]] = {}

    def noted(name: str) -> None:
        given = getattr(bounds, name)

        def told(first: Array, *args: Any) -> Any:
            found = given(first, *args)
            seen[name] = first, found
            return found

        monkeypatch.setattr(bounds, name, told)

    noted("kept_part")
    noted("most_between")
    b = bounds.bound(st, kinds)
    assert b is not None
    (least, d), (_, steepest) = seen["kept_part"], seen["most_between"]
    gone, own, factors = st.choices.codes[:, 0] == DELETED, head.weights, np.ones(2)
    before = np.ones(9) if own is None else own.rows
    if own is not None and own.labels is not None:
        factors = own.labels
    after = np.where(gone, 0.0, before[st.rows] * factors[1 - head.label[st.rows]])
    before = before * factors[head.label]
    S, tau = head.phi * head.Y, (head.phi * head.Y) @ st.delta.T
    long = np.sqrt(np.einsum("ja,ab,jb->j", S, b.X, S))
    A = (S.T * d) @ S + np.diag(np.where(head.decayed, head.mu()[0], 0.0))
    assert np.abs(A @ b.X - np.eye(3)).max() <= 1e-9 and (d <= least).all()
    gained = np.abs(after - before[st.rows])
    lost = np.maximum(1.0 - after / before[st.rows], 0.0)
    assert (b.taken >= (1 - 1e-9) * lost * (d * long**2)[st.rows]).all()
    for some in proper(st.rows, kinds):
        pulls, kappa = (len(some) + 1) * b.still + b.alone[some].sum(), b.taken[some].sum()
        for part in all_sets(some, len(some)):
            D = 1.0 / (2.0 + 2.0 * np.cosh(st.t + tau[:, list(part)].sum(axis=1)))
            assert (least <= before * D).all() and (steepest >= D * (1 - 1e-12)).all()
        for u, v in combinations(some, 2):
            pulls += sum((gained[x] * steepest[st.rows[x]] * long[st.rows[x]] * abs(tau[st.rows[x], y]))
                         for x, y in ((u, v), (v, u)))
            # the slopes of all rows, with the second derivative of the loss at the margins of the centre
            second = before * np.abs(np.tanh(0.5 * st.t)) / (2.0 + 2.0 * np.cosh(st.t))
            pulls += np.sqrt(((second * tau[:, u] * tau[:, v]) ** 2 / d).sum())
        far = float(b.far(np.array([some]))[0])
        assert far >= pulls / (1.0 - kappa) * (1 - 1e-9)
        assert b.shares[some].sum() + b.still / b.kept >= far * (1 - 1e-9)


@pytest.mark.parametrize("most", [(3, 3), (2, 4), (4, 2), (2, 1)])
def test_of_few_rows_none_is_deleted_and_relabelled_at_once(most: tuple[int, int]) -> None:
    rng = np.random.default_rng(most)
    head = drawn_head(rng, "logistic", n=9, d=2, decay=5.0, free=False)
    single, kinds = single_changes(head, BothChange(*most, tuple(range(5))))
    st = single_steps(head, single, lambda: None)
    b = None if st is None else bounds.bound(st, kinds)
    assert b is not None
    found = BothCase(b, kinds.of).worst(rng.normal(size=(30, len(single))))
    rows = np.sort(single.rows[:, 0][found], axis=1)
    assert (rows[:, 1:] != rows[:, :-1]).all() and found.shape[1] == min(sum(most), 5)
    assert ((kinds.of[found] == 1).sum(axis=1) == most[1]).all()
