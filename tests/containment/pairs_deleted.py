"""Refits of softmax heads whose rows are deleted, by all rows and pairs of outputs (D1f), in the checker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.block import Block
from certify.check.theorems.head.rows.refitted.held_pairs import SHARE
from certify.check.theorems.head.rows.refitted.packed import V as UNITS
from certify.check.theorems.head.rows.refitted.packed_pairs import PackedPairs
from certify.check.theorems.head.rows.refitted.packed_softmax import PackedSoftmax
from certify.finders.head.refits import Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.paired import PairForm
from tests.containment.pairs import POINTS, columns_of, moved, require_checkers_gradients, settled, worst_points
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect
from tests.families.heads import any_rows, ball_head, drawn_head

REACHES, LARGEST = (3.0, 1.5, 0.3), 2.0**20
"""Lengths within which refits are looked for; nothing holds larger weights."""


def drawn(rng: np.random.Generator) -> tuple[Head, Choices, Array, Array]:
    """A head, deletions, weights, and the refits; some weights are off where a deleted row alone holds them."""
    scale = float(10.0 ** rng.uniform(-1, 1.5))
    head = drawn_head(rng, "cross_entropy", n=int(rng.integers(6, 20)), d=int(rng.integers(1, 4)),
                      classes=int(rng.integers(2, 5)), scale=scale, apart=float(rng.uniform(0, 4)),
                      decay=float(10.0 ** rng.uniform(-2, 0.5)) * min(scale, 1.0) ** 2, remaining=bool(rng.integers(2)))
    B, count = int(rng.choice([1, 1, 3, 8])), int(rng.integers(1, 4))
    rows = np.stack([np.sort(rng.choice(head.n, size=count, replace=False)) for _ in range(B)])
    choices, refitter = Choices(rows, np.full(rows.shape, DELETED)), Refitter(head)
    refits = refitter.newton(choices, np.repeat(refitter.V0[None], B, axis=0))
    H = refitter.hessians(choices, refits)
    off = np.linalg.solve(np.linalg.cholesky(H).transpose(0, 2, 1), rng.normal(size=(B, head.V.size, 1)))
    if rng.integers(2):
        one, other = rng.permutation(head.k)[:2]
        along = np.zeros((B, head.k, head.m))
        along[:, one], along[:, other] = head.phi[rows[:, 0]], -head.phi[rows[:, 0]]
        off = np.linalg.solve(H, along.reshape(B, -1, 1))
        off /= np.sqrt(np.einsum("bi,bij,bj->b", off[..., 0], H, off[..., 0]))[:, None, None]
    off *= 10.0 ** rng.uniform(-3, 0.5) / np.sqrt(head.V.size)
    V = np.trunc((refits + off.reshape(refits.shape)) * 2.0**UNITS) / 2.0**UNITS  # as a checker has them
    return head, choices, V, refits


def the_checkers(head: Head, choices: Choices, V: Array) -> tuple[PackedPairs, Block]:
    """Its head and a block of its own."""
    ball = replace(ball_head(head, any_rows(head, choices.rows.shape[1], False)), today=head.today.tolist())
    changes = [tuple((i, DELETED) for i in rows) for rows in choices.rows.tolist()]
    return PackedPairs(PackedSoftmax(ball)), Block(list(range(len(V))), changes, columns_of(V))


def share(shares: list[int], rows: list[int]) -> float:
    """What a form keeps without some rows."""
    return 1.0 - sum(shares[i] for i in rows) * 2.0**-SHARE


@attack("rows_pairs_deleted", "D2", slow=4)
def pairs_without_rows(rng: np.random.Generator) -> Outcome:
    """Balls about half the pull, wider by what deleted rows held, and labels that are lost by a hair."""
    try:
        head, choices, V, refits = drawn(rng)
    except np.linalg.LinAlgError:  # nothing holds the intercepts
        return "refused"
    if not (settled(head, choices, refits) and np.abs(V).max() < LARGEST):
        return "refused"
    seen: Outcome = "refused"
    gradients = Refitter(head).gradients(choices, V).reshape(len(V), -1).T
    one, rows = int(rng.integers(len(V))), choices.rows.tolist()
    with ctx.workprec(BITS):
        pairs, block = the_checkers(head, choices, V)
        mu, longest = pairs.head.mu(choices.rows.shape[1]), arb(block.longest()) / 2**UNITS
        try:
            found = pairs.pulls(block, longest, mu, ())
        except OverflowError:  # outputs so large are refused before anything is formed
            expect(not any(pairs.keep(block, [])), "numbers that do not fit are refused")
            return "refused"
        require_checkers_gradients(pairs, block, found, head, V, gradients)
        for reach in REACHES:
            form = pairs.forms.hold(found.products, found.fade, mu, reach)
            if form is None:
                continue
            whole = PairForm(reach, np.array(form.root) * 2.0**-form.unit, float(form.size))
            length = whole.lengths(gradients, float(found.error)) * (1 + 2 * float(form.off))
            for b in range(len(V)):
                kept = share(form.shares, rows[b])
                if b in found.lost or not kept > 0 or not length[b] < kept * reach:
                    continue
                step = moved(head, V[b], refits[b])
                rest = np.linalg.solve(whole.root.T, step.ravel()) + whole.root @ gradients[:, b] / 2
                near = (2 / kept - 1) * (length[b] / 2 + whole.size * float(found.error))
                far = float(np.linalg.norm(rest))
                expect(far <= near * (1 + 1e-6) + 1e-9, "the ball holds the refit without the rows", far=far, near=near)
                seen = "decided"
            middle = V[one] - (whole.root.T @ (whole.root @ gradients[:, one])).reshape(V[one].shape) / 2
            X, today = worst_points(rng, head, whole, middle, refits[one])
            point = replace(head, points=X, points_rad=np.zeros(len(X)))
            point.__dict__["today"] = today
            judged, same = the_checkers(point, choices, V)
            for j in range(POINTS):
                expect(not judged.keep(same, [j], (reach,))[one], "the checker keeps a label that is lost", j=j)
    return seen
