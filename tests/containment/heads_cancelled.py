"""Attack on bounds in doubles (D6, D12, D17, D20): rows that pull against each other, beside others near no double.

Pulls cancel along one input, and are tiny along another, so that a gradient is above 0 and next to nothing; the point
is as long as they are short. A term of it that underflows is missed by no other. The two inputs are fitted apart, and
the truth is each refit in 2,600 bits. Weights of centres and refits are those, or 0 where they are tiny, as a forger
would state them, whom no prover stops: arrays are made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from itertools import combinations

import numpy as np
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.enumeration import changes_of
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.format.refusal import Invalid
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.logistic_heads import stored

BITS, STEPS, FAINT = 2600, 14, 2.0**-1000
PARTS = {"weights": (-1, 2), "leaf_weights": (-1, 2), "slabs": None, "numbers": (-1, 1)}
"""Shapes of arrays that have two dimensions; slabs one for each row."""


@dataclass(frozen=True, eq=False)
class Case:
    """Rows `(big, 0)` whose sum is 0 and rows `(0, tiny)`, all of one label; at most `count` of `moving` change."""

    rows: list[list[float]]
    mu: float
    point: list[float]
    moving: tuple[int, ...]
    count: int
    relabels: bool

    def refit(self, changed: tuple[int, ...]) -> list[arb]:
        """The two weights: the inputs of no row are both above 0."""
        found = []
        for k in range(2):
            own = [arb(-row[k] if i in changed else row[k]) for i, row in enumerate(self.rows)
                   if row[k] and (self.relabels or i not in changed)]
            w = arb(0)
            for _ in range(STEPS):
                p = [1 / (1 + (x * w).exp()) for x in own]
                slope = self.mu * w - sum((a * b for a, b in zip(p, own, strict=True)), arb(0))
                bend = self.mu + sum((a * (1 - a) * b * b for a, b in zip(p, own, strict=True)), arb(0))
                w = (w - slope / bend).mid()
            found.append(w)
        return found

    def head(self, threshold: float) -> Head:
        """What a checker reads of it, the point's label said to be above the threshold."""
        phi, seen, n = arb_mat(self.rows), arb_mat([self.point]), len(self.rows)
        return Head(
            phi=phi, rows=phi.tolist(), sizes=[norm(x).upper() for x in phi.tolist()], targets=[[1.0]] * n,
            codes=Codes([[-1.0], [1.0]], [1] * n, [[1.0]] * n), loss=row_loss("logistic"), k=1, m=2, biased=False,
            bias_decay=False, decay=arb(self.mu) / n, remaining=False, evaluated=seen,
            lengths=[norm(x).upper() for x in seen.tolist()], threshold=threshold, today=[1], moving=self.moving,
            count=self.count, relabels=self.relabels)


def drawn(rng: np.random.Generator) -> Case:
    """A decay, tiny pulls that are doubles, and a point at which they count."""
    m = int(rng.integers(8, 120))
    tiny, short = max(-1073, m // 2 - 1075 + int(rng.integers(-14, 4))), 2.0 ** -int(rng.integers(330, 1000))
    big = [-short * x for x in rng.integers(1, 5, 3)]
    big.append(-sum(big) if rng.random() < 0.7 else big[0] - big[1] - big[2])  # or once the first has its other label
    rows = [[float(x), 0.0] for x in big if x]
    some = (np.ldexp(float(rng.integers(1, 16)), tiny) * rng.choice([-1, 1]) for _ in range(int(rng.integers(1, 4))))
    rows += [[0.0, float(x)] for x in some if x]
    long = 2.0 ** int(rng.integers(450, 511 + m // 2))
    point = [float(rng.choice([-1, 1])) * long * 2.0 ** -int(rng.integers(0, 12)), float(rng.choice([-1, 1])) * long]
    count = int(rng.integers(1, 3))
    moving = rng.choice(len(rows), size=int(rng.integers(count, min(len(rows) - 1, 4) + 1)), replace=False)
    return Case(rows, 2.0**m, point, tuple(sorted(moving.tolist())), count, bool(rng.random() < 0.6))


def arrays_of(case: Case, seen: dict[tuple[int, ...], list[float]]) -> dict[str, dict[str, object]]:
    """What a certificate states by every method: a tree with all moving rows, and a refit of every choice."""
    hot, slab = list(case.moving), 2000
    tree: dict[str, object]
    if case.count == 1:
        tree = {"parent": [-1], "branch": [0], "weights": [seen[()]], "hot_count": [len(hot)], "hot": hot,
                "numbers": [], "box_count": [1], "box": [0], "slabs": [[slab] * len(case.rows)],
                "leaf_count": [len(hot)], "leaf": hot, "leaf_weights": [seen[i,] for i in hot]}
        return {"box_tree": tree}
    none = [0] * (len(hot) + 1)
    tree = {"parent": [-1] + [0] * len(hot), "branch": [0, *range(len(hot))],
            "weights": [seen[()], *(seen[i,] for i in hot)], "hot_count": [len(hot), *none[1:]], "hot": hot,
            "numbers": [[len(hot)]], "box_count": [1] * len(hot) + [0], "box": [0] * len(hot),
            "slabs": [[slab] * len(case.rows)] * len(hot), "leaf_count": none, "leaf": [], "leaf_weights": []}
    return {"pair_tree": tree, **({} if case.relabels else {"by_choice": tree})}


@attack("rows_that_cancel", "D12", slow=10)
def cancelled(rng: np.random.Generator) -> Outcome:
    """A threshold between two outputs, or near one; what any method accepts has to be above it after every choice."""
    with np.errstate(all="ignore"):
        case, accepted = drawn(rng), False
    with ctx.workprec(BITS):
        some = [M for size in range(case.count + 1) for M in combinations(case.moving, size)]
        refits = {M: case.refit(M) for M in some}
        outputs = [arb(case.point[0]) * w[0] + arb(case.point[1]) * w[1] for w in refits.values()]
        least = reduce(lambda x, y: y if y < x else x, outputs)
        around = [least, outputs[int(rng.integers(len(outputs)))], arb(case.point[1]) * refits[()][1]]
        share = float(rng.choice([0.5, 0.6, 0.75, 0.99, 1.01, 1.3, 1.8, 2.0]))
        threshold = float((around[int(rng.integers(3))] * arb(share)).mid())
        true = all(bool(x > threshold) for x in outputs)
    seen = {M: _plain(rng, w) for M, w in refits.items()}
    head = case.head(threshold)
    stated = arrays_of(case, seen)
    stated["enumeration"] = {"weights": [seen[tuple(i for i, _ in M)] for M in changes_of(head)]}
    if case.relabels:
        stated["label_sums"] = {"weights": seen[()]}
    for name, arrays in stated.items():
        given = {key: _array(key, value, len(case.rows)) for key, value in arrays.items()}
        given = {key: array.ravel() if name == "label_sums" else array for key, array in given.items()}
        method = import_module(f"certify.check.theorems.head.rows.{name}")
        try:
            with ctx.workprec(64):
                stays = method.proved(head, stored(given), "claim", [True])
        except (Invalid, OverflowError, ZeroDivisionError):
            continue
        if stays[0] and not true:
            raise Violation(f"{name} accepts what is false: {case}, threshold {threshold}, weights {seen}")
        accepted |= bool(stays[0])
    return "decided" if accepted else "refused"


def _plain(rng: np.random.Generator, w: list[arb]) -> list[float]:
    """Weights in doubles, without those that are tiny: centres at which gradients are exact."""
    v = [float(x) for x in w]
    v = [x if abs(x) >= FAINT else 0.0 for x in v]
    return [0.0, 0.0] if rng.random() < 0.3 else [v[0], 0.0] if rng.random() < 0.85 else v


def _array(name: str, value: object, n: int) -> np.ndarray:
    shape = {**PARTS, "slabs": (-1, n)}.get(name, (-1,))
    return np.array(value, dtype=np.float64 if "weights" in name else np.int64).reshape(shape)
