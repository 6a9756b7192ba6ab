"""D15: every single row of small softmax heads left out, pairs of rows, and labels, fitted again to the end."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import combinations, product

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.systems.head.rows.stored.rows import Held, Rows
from certify.theorems.head.rows.classes import alone as alone_module
from certify.theorems.head.rows.classes import centre as centres
from certify.theorems.head.rows.classes import reach as reaches
from certify.theorems.head.rows.classes.alone import Alone, alone, by_lengths, refits
from certify.theorems.head.rows.classes.answered import Asked, asked
from certify.theorems.head.rows.classes.centre import Centre, Ground, settled
from certify.theorems.head.rows.classes.per_row import Each
from certify.theorems.head.rows.lengths.centre import scaled

Array = np.ndarray
SIZES = np.array([1.0, 8.0, 1.0])


@lru_cache
def data(seed: int, n: int, k: int, long: float = 1.0) -> tuple[Array, Array]:
    """Features with a 1, of columns of different sizes, and classes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    X[0] *= long
    y = (X @ rng.standard_normal((2, k)) * 1.5 + rng.gumbel(size=(n, k))).argmax(axis=1)
    y[:k] = np.arange(k)
    return np.c_[X, np.ones(n)] * SIZES, y


def fitted(phi: Array, y: Array, keep: Array, k: int, decay: float) -> Array:
    """(T, k, 3) minima for (T, n) classes and weights of rows, the free shift at 0."""
    S = phi / SIZES
    mu, W = np.array([decay, decay / 64.0, 0.0]), np.zeros((len(y), k, 3))
    if len(y) > 1:
        W += fitted(phi, y[:1], keep[:1], k, decay) * SIZES  # the first choice is none
    eye = np.eye(k)
    free = np.kron(np.ones((k, k)), np.diag([0.0, 0.0, 1.0]))
    pairs = (S[:, :, None] * S[:, None, :]).reshape(len(S), 9)
    for _ in range(25 if len(y) == 1 else 9):
        Z = np.einsum("np,tkp->tnk", S, W)
        E = np.exp(Z - Z.max(axis=2, keepdims=True))
        sigma = E / E.sum(axis=2, keepdims=True)
        G = np.einsum("tn,tnk,np->tkp", keep, sigma - eye[y], S) + mu * W
        A = keep[:, :, None, None] * (sigma[..., None] * eye - sigma[..., :, None] * sigma[..., None, :])
        H = (A.reshape(*A.shape[:2], k * k).transpose(0, 2, 1) @ pairs).reshape(-1, k, k, 3, 3).transpose(0, 1, 3, 2, 4)
        H = H.reshape(len(y), 3 * k, 3 * k) + np.kron(eye, np.diag(mu)) + free
        W = W - np.linalg.solve(H, G.reshape(len(y), -1, 1)).reshape(W.shape)
    assert np.abs(G).max() < 1e-11
    return W / SIZES


def centre(seed: int, n: int, k: int, decay: float, long: float = 1.0) -> tuple[Centre, Array]:
    """A centre, and the numbers of its rows."""
    phi, y = data(seed, n, k, long)
    decayed = np.array([True, True, False])
    rows = scaled(Rows(Held(phi), np.ones(3)), decay, decayed)
    mu = np.where(decayed, decay, 0.0) * rows.scale**2
    c = settled(Ground(rows, rows.per_row(y), mu, 0.0), np.zeros((k - 1, 3)))
    by = c.measure
    return c, rows.tallied(Each(c.V, rows.per_row(y), by.R, by.size, by.gap)).numbers()


def choices(y: Array, k: int, count: int, relabels: bool) -> tuple[list[tuple[int, ...]], Array, Array]:
    """All of at most so many rows, with the classes and the weights of rows after each."""
    found = [((), y, np.ones(len(y)))]
    for size in range(1, count + 1):
        for M in combinations(range(len(y)), size):
            for codes in product(*([a for a in range(k) if a != y[i]] for i in M)) if relabels else [()]:
                new, keep = y.copy(), np.ones(len(y))
                if relabels:
                    new[list(M)] = codes
                else:
                    keep[list(M)] = 0.0
                found.append((M, new, keep))
    return [M for M, _, _ in found], np.array([new for _, new, _ in found]), np.array([keep for _, _, keep in found])


def points_of(seed: int, c: Centre, k: int, near: float) -> Asked:
    """Evaluation rows, most of them near a boundary."""
    rng = np.random.default_rng(seed + 99)
    E = np.c_[rng.standard_normal((60, 2)), np.ones(60)] * SIZES * c.ground.rows.scale
    V = np.vstack([c.V, np.zeros(3)])
    for j in range(45):  # along the first column to where two classes are nearly even
        Z = V @ E[j]
        a, b = np.argsort(-Z)[:2]
        E[j, 0] -= (Z[a] - Z[b]) / (V[a] - V[b])[0] * (1.0 - near * rng.standard_normal())
    return asked(c.measure, E, (E @ V.T).argmax(axis=1))


def margins(points: Asked, scale: Array, W: Array) -> Array:
    """(N, T) least margins of the labels at refits."""
    Z = np.einsum("np,tkp->ntk", points.points, W / scale)
    rows = np.arange(len(Z))
    gaps = Z[rows, :, points.label][:, :, None] - Z
    gaps[rows, :, points.label] = np.inf
    return np.asarray(gaps.min(axis=2))


CASES = [(0, 60, 3, 1.0, 1.0), (1, 60, 4, 8.0, 1.0), (2, 150, 3, 0.5, 3.0), (3, 200, 2, 1.0, 1.0)]


def wrong(case: tuple[int, int, int, float, float], near: float = 0.3) -> tuple[int, int, Alone]:
    """How often refits without one row contradict what is said, how many labels are decided, and what is said."""
    seed, n, k, decay, long = case
    c, numbers = centre(seed, n, k, decay, long)
    points = points_of(seed, c, k, near)
    found = alone(c, numbers, points)
    _, y = data(seed, n, k, long)
    chosen, new, keep = choices(y, k, 1, False)
    exact = margins(points, c.ground.rows.scale, fitted(data(seed, n, k, long)[0], new, keep, k, decay))
    stays = (found.least > 0.0) & (found.stuck < 0)
    bad = (found.least > exact.min(axis=1) + 1e-9) & (found.stuck < 0)  # of no row at all too
    bad |= stays & (found.flips >= 0)
    for j in np.flatnonzero(found.flips >= 0):
        bad[j] |= exact[j, chosen.index((int(found.flips[j]),))] > 1e-9
    return int(bad.sum()), int((stays | (found.flips >= 0)).sum()), found


def stay_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row gets a step."""
    real = alone_module.newton_of
    monkeypatch.setattr(alone_module, "newton_of", lambda c, rows: replace(
        real(c, rows), first=np.zeros((len(rows), *c.V.shape))))


@pytest.mark.parametrize("case", CASES)
def test_every_single_row(case: tuple[int, int, int, float, float]) -> None:
    bad, decided, found = wrong(case)
    assert bad == 0
    assert found.stuck < 0
    assert decided >= 50
    assert (found.flips >= 0).any()


@pytest.mark.parametrize("case", [(0, 60, 3, 1.0, 1.0), (2, 150, 3, 0.5, 3.0)])
def test_minima_without_a_row_lie_within_their_distances(case: tuple[int, int, int, float, float]) -> None:
    seed, n, k, decay, long = case
    c, numbers = centre(*case)
    phi, y = data(seed, n, k, long)
    _, new, keep = choices(y, k, 1, False)
    W = fitted(phi, new, keep, k, decay) / c.ground.rows.scale
    V = (W[:, :-1] - W[:, -1:]).reshape(len(W), -1)
    L = np.linalg.inv(c.system.R)
    found = refits(c, numbers, np.arange(n))
    off = (V[1:] - found.W.reshape(n, -1)) @ L
    size = np.sqrt(np.einsum("nm,nm->n", off, off))
    assert (size <= found.distance).all()
    assert np.median(size / found.distance) > 0.2
    whole = (V[1:] - c.V.ravel()) @ L
    assert np.sqrt(np.einsum("nm,nm->n", whole, whole)).max() > 20 * np.median(size)  # steps lead there


@pytest.mark.parametrize(("n", "k", "count", "relabels"), [(300, 3, 1, False), (300, 3, 1, True), (90, 3, 2, False),
                                                           (60, 3, 2, True), (40, 2, 2, True)])
def test_choices_by_lengths(n: int, k: int, count: int, relabels: bool) -> None:
    decay = 1000.0 if count > 1 else 10.0
    c, numbers = centre(5, n, k, decay)
    phi, y = data(5, n, k)
    _, new, keep = choices(y, k, count, relabels)
    W = fitted(phi, new, keep, k, decay) / c.ground.rows.scale
    off = ((W[:, :-1] - W[:, -1:]).reshape(len(W), -1) - c.V.ravel()) @ np.linalg.inv(c.system.R)
    pull = np.sort(numbers[2 if relabels else 1])[::-1][:count].sum()
    lost = 0.0 if relabels else np.sort(numbers[3])[::-1][:count].sum()
    distance = by_lengths(c, numbers, float(pull), float(lost))
    farthest = float(np.sqrt(np.einsum("nm,nm->n", off, off)).max())
    assert farthest <= distance < 4.0 * farthest
    points = points_of(5, c, k, 2.0)
    low, high = points.margins(c.V[None], np.array([distance]))
    exact = margins(points, c.ground.rows.scale, W * c.ground.rows.scale)
    assert (low[:, 0] <= exact.min(axis=1) + 1e-12).all()
    assert (high[:, 0] >= exact.max(axis=1) - 1e-12).all()


def test_nothing_rests_on_where_the_centre_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centres, "SETTLED", 0.05)  # a centre far from the minimum
    monkeypatch.setattr(centres, "STUCK", 0.2)
    for case in CASES[:2]:
        assert wrong(case)[0] == 0


def test_a_row_that_no_step_follows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone_module, "ROUNDS", 1)
    stay_put(monkeypatch)
    _, _, found = wrong((2, 60, 3, 0.01, 12.0))
    assert found.stuck >= 0


def test_weights_that_do_not_settle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centres, "MATRICES", 1)
    with pytest.raises(EnclosureError, match="do not reach the minimum"):
        centre(0, 60, 3, 1.0)


@pytest.mark.parametrize("broken", ["gradient", "distance", "margins", "own row", "pull"])
def test_wrong_versions_are_caught(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "gradient":  # steps are taken for minima
        real = alone_module.gradients
        monkeypatch.setattr(alone_module, "gradients", lambda *given: replace(
            real(*given), bound=np.full(len(given[3]), 1e-3)))
        stay_put(monkeypatch)
    elif broken == "distance":
        monkeypatch.setattr(reaches, "RAISE", 0.3)
        stay_put(monkeypatch)
    elif broken == "margins":
        monkeypatch.setattr(alone_module, "NEAR", 10.0)
        real_lengths = alone_module.Asked.margins
        monkeypatch.setattr(alone_module.Asked, "margins", lambda self, W, d: real_lengths(self, W, np.zeros(len(d))))
    elif broken == "own row":  # the row that goes is kept
        real_task = centres.Stepped
        monkeypatch.setattr(centres, "Stepped", lambda V, W, without, *rest: real_task(V, W, 0 * without - 1, *rest))
    else:
        monkeypatch.setattr(alone_module, "GENTLE", 1e9)
        monkeypatch.setattr(alone_module, "LEAST", 1e9)
        monkeypatch.setattr(alone_module, "by_lengths", lambda c, numbers, pull, lost: 0.3 * pull)
    assert any(wrong(case, near=1.0)[0] for case in CASES)


def test_no_row_at_all_is_a_choice() -> None:
    """Every row has a step of its own; a label that the minimum of all rows does not have is not proved."""
    c, numbers = centre(0, 60, 3, 1.0)
    points = points_of(0, c, 3, 0.3)
    other = replace(points, label=(points.label + 1) % 3)
    assert (alone(c, numbers, other).least < 0.0).all()
    far = replace(c, residual=5.0)  # a centre of which little is known
    assert not (alone(far, numbers, points).least > 0.0).any()
