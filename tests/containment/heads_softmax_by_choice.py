"""Containment of D18: every refit without a few rows lies as near to any candidate as is said of it."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.refit import enclose_slopes
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax.trap import hessian
from certify.theorems.head.rows.softmax_by_choice import candidates, search, sums
from certify.theorems.head.rows.softmax_by_choice import metric as metrics
from certify.theorems.head.rows.softmax_by_choice.metric import Metric
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.class_heads import class_head, refit

NEAR = 1e-7


def drawn(rng: np.random.Generator) -> Head:
    """A head of few rows, most of them with little decay: single rows move others far."""
    return class_head(rng, int(rng.integers(8, 14)), int(rng.integers(2, 5)), 8, float(10.0 ** rng.uniform(-2.5, 0.5)),
                      None, float(rng.uniform(0.7, 3.0)))


def without(head: Head, out: tuple[int, ...]) -> Array:
    """The refit without some rows."""
    left = np.ones(head.n, dtype=bool)
    left[list(out)] = False
    return np.asarray(refit(head.phi[left], head.Y[left], head.n * head.weight_decay, head.decayed))


def worst(head: Head, W: Array) -> Array:
    """`(N,)` least margins of today's labels."""
    F = head.points @ W.T
    own = F[np.arange(len(F)), head.today].copy()
    F[np.arange(len(F)), head.today] = -np.inf
    return np.asarray(own - F.max(axis=1))


def candidate(rng: np.random.Generator, head: Head, out: tuple[int, ...], W: Array, V: Array) -> Array:
    """Weights near the refit without some rows, or the refit of all, or far ones."""
    kind = int(rng.integers(4))
    if kind == 0:
        return V
    if kind == 1:
        return np.asarray(V + sum((without(head, (i,)) - V for i in out), start=np.zeros_like(V)))
    away = rng.standard_normal(W.shape) if kind == 2 else W - V
    return np.asarray(W + away * 10.0 ** rng.uniform(-4.0, -0.3))


def matrix(rng: np.random.Generator, head: Head, V: Array) -> Metric | None:
    """A matrix at the refit of all, at that without a row or at other weights, with all curvature or parts of it."""
    at = [V, without(head, (int(rng.integers(head.n)),)), V * rng.uniform(0.3, 1.2)][int(rng.integers(3))]
    out = (int(rng.integers(head.n)),) if rng.random() < 0.3 else ()
    h = np.ones(head.n) if rng.random() < 0.5 else 10.0 ** rng.uniform(-3.0, 0.0, head.n)
    return metrics.metric(metrics.as_it_is(centre(head, np.asarray(at), out)), np.asarray(h))


@attack("changed_rows_softmax_by_choice", "D18", slow=10)
def changed_rows_softmax_by_choice(rng: np.random.Generator) -> Outcome:
    """Candidates of every kind for refits without up to three rows, in matrices of every kind; and a whole search."""
    head = drawn(rng)
    V = without(head, ())
    with np.errstate(all="ignore"):
        found = [_candidates(rng, head, V) for _ in range(6)]
        whole(head, RowChange(False, 2, tuple(range(head.n - int(rng.integers(3))))), float("inf"))
    return "decided" if any(found) else "refused"


def _candidates(rng: np.random.Generator, head: Head, V: Array) -> bool:
    """Some choices in one matrix; whether anything was proved of one."""
    m = matrix(rng, head, V)
    if m is None:
        return False
    H = hessian(m.c, m.h)
    lines = candidates.lines_of(head, np.arange(len(head.points)))
    lengths, decided = lines.lengths(m), False
    for _ in range(6):
        out = tuple(sorted(rng.choice(head.n, int(rng.integers(0, 4)), replace=False).tolist()))
        W = without(head, out)
        Vt = candidate(rng, head, out, W, V)
        rows = np.array([out], dtype=np.int64).reshape(1, len(out))
        slopes = enclose_slopes(head, candidates.deletions(rows), Vt[None])
        e, left = metrics.left_at(metrics.ranges(m, slopes.Z, slopes.off)), candidates.left_of(m, slopes)
        decided |= near(head, m, H, W, Vt, float(metrics.distances(m, e, left, rows)[0]), out)
        other = rng.spawn(1)[0]
        a = float(10.0 ** other.uniform(-3.0, 1.0))
        for found in leaves(m, head, V, Vt, rows):
            part = float(metrics.kept(m, found.e, np.array([a]), rows)[0])
            steep(other.spawn(1)[0], head, m, H, Vt, out, part, a)
            seen = candidates.look(m, found, rows, Vt[None], lines, lengths)
            r = float(metrics.distances(m, found.e, candidates.long_of(m, found.gradient, found.error), rows)[0])
            near(head, m, H, W, Vt, r, out)
            if (~seen.open[0] & (worst(head, W) < -NEAR)).any():
                raise Violation(f"without {out}: a point is moved that was said to stay")
        steep(other, head, m, H, Vt, out, float(metrics.kept(m, e, np.array([a]), rows)[0]), a)
        decided |= one_more(rng, head, m, H, Vt, out, e, left)
    return decided


def leaves(m: Metric, head: Head, V: Array, Vt: Array, rows: Array) -> list[sums.Found]:
    """What a candidate leaves: by itself, and as a step from other weights."""
    base, steps = sums.base_of(m, V), sums.steps_of(head, Vt[None], V)
    if base is None:
        return []
    first = np.zeros(1, dtype=np.int64)
    return [sums.at_weights(base, rows, Vt[None]), sums.at_sums(base, steps, first, rows, Vt[None])]


def steep(rng: np.random.Generator, head: Head, m: Metric, H: Array, V: Array, out: tuple[int, ...], part: float,
          a: float) -> None:
    """`⟨∇G_T(V + v) − ∇G_T(V), v⟩ ≥ θ(1 − κ)|v|²` where `|v| ≤ a`, in directions that rows feel most and in others."""
    u = rng.standard_normal((24, head.k))
    u[8:] = 0.0
    j, q, r = rng.integers(head.n, size=16), *np.array([rng.choice(head.k, 2, replace=False) for _ in range(16)]).T
    u[np.arange(8, 24), q], u[np.arange(8, 24), r] = 1.0, -1.0
    rows = np.concatenate([rng.integers(head.n, size=8), j])
    pulls = np.einsum("dk,dp->dkp", u, head.phi[rows]).reshape(24, -1)
    v = np.concatenate([np.linalg.solve(H, pulls.T).T, rng.standard_normal((6, H.shape[0]))])
    v *= (a * rng.choice([1.0, 0.5], len(v)) / np.sqrt(np.einsum("di,ij,dj->d", v, H, v)))[:, None]
    D, Z = np.einsum("jp,dkp->djk", head.phi, v.reshape(-1, head.k, head.m)), head.phi @ V.T
    left = ~np.isin(np.arange(head.n), out)
    found = (((shares(Z + D) - shares(Z)) * D).sum(axis=2) * left).sum(axis=1)
    w = v.reshape(-1, head.k, head.m)
    found += (m.c.decay * w * w).sum(axis=(1, 2)) + m.c.tie * w[:, :, -1].sum(axis=1) ** 2
    least = part * np.einsum("di,ij,dj->d", v, H, v)
    if (found < least * (1.0 - 1e-6) - 1e-12).any():
        raise Violation(f"without {out}: {found.min()} below {least.max()}: less of the curvature is kept")


def shares(Z: Array) -> Array:
    """The softmax of outputs."""
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return np.asarray(E / E.sum(axis=-1, keepdims=True))


def one_more(rng: np.random.Generator, head: Head, m: Metric, H: Array, Vt: Array, out: tuple[int, ...], e: Array,
             left: Array) -> bool:
    """The same candidate for one row more, without a step for it."""
    l = int(rng.choice(np.setdiff1d(np.arange(head.n), out)))
    z = head.phi[l] @ Vt.T
    slope = shares(z) - head.Y[l]
    pull = np.sqrt(np.einsum("a,ab,b->", slope, m.own[l], slope)) * (1.0 + 1e-9)
    r = metrics.without_steps(m, e[:, 0], left + pull, m.lever[[l]], np.array(out, dtype=np.int64))
    return near(head, m, H, without(head, (*out, l)), Vt, float(r[0]), (*out, l))


def near(head: Head, m: Metric, H: Array, W: Array, V: Array, r: float, out: tuple[int, ...]) -> bool:
    """Whether something is said of the distance; it has to be true."""
    v = W - V
    if head.free_intercept:
        v[:, -1] -= v[:, -1].mean()  # of all minimisers that with the tie around the candidate
    far = float(np.sqrt(max(v.ravel() @ H @ v.ravel(), 0.0)))
    if far > r * (1.0 + 1e-6) + NEAR:
        raise Violation(f"without {out}: {far} above {r}")
    return bool(np.isfinite(r))


def whole(head: Head, change: RowChange, seconds: float) -> tuple[int, int]:
    """A whole search against all refits: how many predictions it proves, and how many stay."""
    choices = [T for size in range(3) for T in combinations(change.rows, size)]
    least = np.min([worst(head, without(head, T)) for T in choices], axis=0)
    s = search.Search(head, change, lambda: seconds)
    good = s.run(head.today >= 0)
    if (good & (least < -NEAR)).any() or (s.found.flipped & (least > NEAR)).any():
        raise Violation("a point is moved that was said to stay, or the other way round")
    return int(good.sum()), int(((least > NEAR) & (head.today >= 0)).sum())

