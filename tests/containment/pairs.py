"""Refits of softmax heads by all rows and pairs of outputs (D1f), in the prover and in the checker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb, ctx

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.block import Block, _signed, ones
from certify.check.theorems.head.rows.refitted.held_pairs import PRODUCT
from certify.check.theorems.head.rows.refitted.packed import HALF, numbers
from certify.check.theorems.head.rows.refitted.packed import V as UNITS
from certify.check.theorems.head.rows.refitted.packed_held import PULL
from certify.check.theorems.head.rows.refitted.packed_pairs import PackedPairs, Pulls
from certify.check.theorems.head.rows.refitted.packed_softmax import PackedSoftmax
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.paired import PairForm, Pairs
from certify.theorems.head.rows.refitted.judge_pairs import PairJudge
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families.heads import any_rows, ball_head, drawn_head

POINTS, THIN, REACHES = 6, 1e-6, (3.0, 1.5, 0.3)


def drawn(rng: np.random.Generator) -> tuple[Head, Choices, Array, Array]:
    """A head, changes of a block, weights of a block, and the refits."""
    scale = float(10.0 ** rng.uniform(-1, 1.5))
    head = drawn_head(rng, "cross_entropy", n=int(rng.integers(6, 20)), d=int(rng.integers(1, 4)),
                      classes=int(rng.integers(2, 5)), scale=scale, apart=float(rng.uniform(0, 5)),
                      decay=float(10.0 ** rng.uniform(-3, 0.5)) * min(scale, 1.0) ** 2)
    assert head.label is not None
    B, count = int(rng.choice([1, 1, 3, 8])), int(rng.integers(1, 4))
    rows = np.stack([np.sort(rng.choice(head.n, size=count, replace=False)) for _ in range(B)])
    codes = (head.label[rows] + rng.integers(1, head.k, size=rows.shape)) % head.k
    choices, refitter = Choices(rows, codes), Refitter(head)
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], B, axis=0))
    H = refitter.hessians(choices, refits)
    off = np.linalg.solve(np.linalg.cholesky(H).transpose(0, 2, 1), rng.normal(size=(B, head.V.size, 1)))
    off *= 10.0 ** rng.uniform(-2, 1.0) / np.sqrt(head.V.size)
    V = np.trunc((refits + off.reshape(refits.shape)) * 2.0**UNITS) / 2.0**UNITS  # as a checker has them
    return head, choices, V, refits


def settled(head: Head, choices: Choices, refits: Array) -> bool:
    """Whether the refits are the refits: both classes there, and nothing that rounds."""
    g = Refitter(head).gradients(choices, refits)
    return bool(np.isfinite(g).all() and np.abs(g).max() < 1e-10 * (1 + head.phi_norm.sum()))


def moved(head: Head, V: Array, refit: Array) -> Array:
    """From weights to a refit, one whose intercepts have the same sum where nothing determines it."""
    step = refit - V
    if head.free_intercept:
        step[:, -1] -= step[:, -1].mean()
    return step


def require_ball(form: PairForm, g: Array, near: float, step: Array) -> float:
    """The refit lies in the ball; what of its radius it takes."""
    rest = np.linalg.solve(form.root.T, step.ravel()) + form.root @ g / 2
    far = float(np.linalg.norm(rest))
    expect(far <= near * (1 + 1e-6) + 1e-9, "the ball about half the pull holds the refit", far=far, near=near)
    return far / near


def worst_points(rng: np.random.Generator, head: Head, form: PairForm, middle: Array, refit: Array,
                 ) -> tuple[Array, np.ndarray[Any, Any]]:
    """Points whose refit just loses a label that the middle of the ball has, by as much as can be, and the labels."""
    inverse = np.linalg.inv(form.root)
    pulls = (inverse @ inverse.T @ (middle - refit).ravel()).reshape(middle.shape)
    X, today = np.empty((POINTS, head.m)), np.empty(POINTS, dtype=np.int64)
    for j in range(POINTS):
        a, b = rng.permutation(head.k)[:2]
        w = refit[a] - refit[b]
        x = pulls[a] - pulls[b] if j % 2 else middle[a] - middle[b] + w
        x = x - w * (x @ w) / max(w @ w, 1e-300)
        x = x / max(np.linalg.norm(x), 1e-300) * float(np.median(head.phi_norm))
        X[j], today[j] = x - w / max(np.linalg.norm(w), 1e-300) * THIN * np.linalg.norm(x), a
    return X, today


def the_checkers(head: Head, choices: Choices, V: Array) -> tuple[PackedPairs, Block]:
    """Its head and a block of its own."""
    ball = replace(ball_head(head, any_rows(head, choices.rows.shape[1], True)), today=head.today.tolist())
    both = zip(choices.rows.tolist(), choices.codes.tolist(), strict=True)
    changes = [tuple(zip(r, c, strict=True)) for r, c in both]
    return PackedPairs(PackedSoftmax(ball)), Block(list(range(len(V))), changes, columns_of(V))


def columns_of(V: Array) -> list[int]:
    """Weights as a block has them."""
    return [_signed([int(x * 2.0**UNITS) + HALF for x in column]) for column in V.reshape(len(V), -1).T]


def require_checkers_gradients(pairs: PackedPairs, block: Block, found: Pulls, head: Head, V: Array, gradients: Array,
                               ) -> None:
    """Its gradients, and products of probabilities."""
    z = np.einsum("im,bam->iab", head.phi, V)
    s = np.exp(z - z.max(axis=1, keepdims=True))
    s /= s.sum(axis=1, keepdims=True)
    pulls = np.array([numbers(x + HALF * ones(block.size), block.size) for x in found.across], dtype=object) - HALF
    for b in range(block.size):
        if b in found.lost:
            continue
        off = float(np.linalg.norm(pulls[:, b].astype(float) / 2.0**PULL - gradients[:, b]))
        expect(off <= float(found.error) + 1e-9 * (1 + np.linalg.norm(gradients[:, b])), "gradients", off=off)
        for (one, two), row in zip(pairs.forms.pairs, found.products, strict=True):
            least = np.array(row, dtype=float) * 2.0**-PRODUCT * float(found.fade)
            expect(bool((least <= s[:, one, b] * s[:, two, b] + 1e-12).all()), "products", b=b)


def require_checkers_balls(pairs: PackedPairs, block: Block, head: Head, V: Array, gradients: Array, steps: list[Array],
                           ) -> None:
    """The same for the forms of the checker, and its gradients and products of probabilities."""
    mu, longest = pairs.head.mu(), arb(block.longest()) / 2**UNITS
    found = pairs.pulls(block, longest, mu, ())
    require_checkers_gradients(pairs, block, found, head, V, gradients)
    for reach in REACHES:
        form = pairs.forms.hold(found.products, found.fade, mu, reach)
        if form is None:
            continue
        seen = PairForm(reach, np.array(form.root) * 2.0**-form.unit, float(form.size))
        length = seen.lengths(gradients, float(found.error)) * (1 + 2 * float(form.off))
        for b in np.flatnonzero(length < reach):
            if b not in found.lost:
                require_ball(seen, gradients[:, b], length[b] / 2 + seen.size * float(found.error), steps[b])


@attack("rows_pairs", "D2", slow=4)
def pairs_near(rng: np.random.Generator) -> Outcome:
    """Balls about half the pull, and labels that are lost by a hair, which neither side may keep."""
    try:
        head, choices, V, refits = drawn(rng)
    except np.linalg.LinAlgError:  # nothing holds the intercepts
        return "refused"
    at = Pairs(head).at(V, choices)
    if at is None or not settled(head, choices, refits):
        return "refused"
    seen: Outcome = "refused"
    one, steps = int(rng.integers(len(V))), [moved(head, v, refit) for v, refit in zip(V, refits, strict=True)]
    with ctx.workprec(BITS):
        require_checkers_balls(*the_checkers(head, choices, V), head, V, at.gradient, steps)
    for reach in REACHES:
        form = Pairs(head).hold(at.products, reach)
        if form is None:
            continue
        length = form.lengths(at.gradient, at.error)
        for b in np.flatnonzero((length < reach) & at.near):  # of the others nothing is said
            seen, g = "decided", at.gradient[:, b]
            require_ball(form, g, length[b] / 2 + form.size * at.error, steps[b])
        if reach == 1.5 or length[one] < reach < 1.5:
            middle = V[one] - (form.root.T @ (form.root @ at.gradient[:, one])).reshape(V[one].shape) / 2
            X, today = worst_points(rng, head, form, middle, refits[one])
            point = replace(head, points=X, points_rad=np.zeros(len(X)))
            point.__dict__["today"] = today
            judge = PairJudge(point)
            for j in range(POINTS):
                expect(not judge.keeps(choices, V, np.array([j]))[one], "the prover keeps a label that is lost", j=j)
            with ctx.workprec(BITS):
                pairs, block = the_checkers(point, choices, V)
                for j in range(POINTS):
                    expect(not pairs.keep(block, [j])[one], "the checker keeps a label that is lost", j=j)
    return seen
