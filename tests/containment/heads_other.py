"""Attack on D1, D2 with losses that heads alone know, and with weights: each answer against every refit in 300 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx

from certify.check.reading.optional.class_weight import balanced
from certify.check.theorems.head.rows import enumeration
from certify.check.theorems.head.rows.by_counts import method as checked
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.refit import distances
from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.nearest import nearest
from certify.systems.head.rows.plainly import enclose_slopes
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.survey import survey
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.heads import any_rows, ball_head
from tests.families.other_heads import LABELLED, NUMBERS, other_head
from tests.families.row_heads import as_checked, stored
from tests.oracles import head_refit, head_rows

WEIGHTS = ("", "", "rows", "labels", "both", "balanced")


@attack("heads_other_losses", "D1", slow=20)
def answers(rng: np.random.Generator) -> Outcome:
    """Any loss and weights, scales, decays and thin margins: what stays and what flips, and the checker's answer."""
    loss = str(rng.choice([*LABELLED, *NUMBERS]))
    weights = str(rng.choice(WEIGHTS if loss in LABELLED else WEIGHTS[:3]))
    relabels = bool(loss in LABELLED and rng.random() < 0.5)
    head = other_head(rng, loss, n=int(rng.integers(5, 8)), d=1, N=4, weights=weights,
                      k=int(rng.integers(2, 4)) if loss == "one_vs_rest" else int(rng.choice([1, 1, 2])),
                      scale=float(10.0 ** rng.choice([-3.0, -1.0, 0.0, 1.0, 2.0])),
                      decay=float(10.0 ** rng.uniform(-5, 1)),
                      remaining=bool(rng.random() < 0.5) and not relabels)
    if head.k == 1:  # a thin margin, and weights that were stopped early
        f = head.points @ head.V[0]
        head = replace(head, threshold=float(f[0] * (1 + 10.0 ** -rng.uniform(1, 13))))
    head = replace(head, V=head.V * (1 + 1e-4 * rng.normal(size=head.V.shape)))
    if isinstance(head.weights, RowWeights) and rng.random() < 0.3:
        head = replace(head, weights=replace(head.weights, rows=head.weights.rows * 10.0 ** rng.uniform(-4, 4)))
    change = any_rows(head, 1, relabels)
    found = survey(head, change, methods=("enumeration",))
    if not (found.proved | found.attacked).any():
        return "refused"
    try:
        truth = head_rows.stays(head, change)
    except (AssertionError, ZeroDivisionError):  # some refit does not exist
        if found.proved.any():
            raise Violation("a prediction is proved to stay, and a refit does not exist") from None
        return "refused"
    if (found.proved & ~truth).any() or (found.attacked & truth).any():
        raise Violation(f"{loss}, {weights}: {found.status} is stated, {truth} stay")
    if not weights and "enumeration" in found.parts:
        arrays = stored(dict(found.parts["enumeration"].arrays))
        with ctx.workprec(BITS):
            asked = found.proved.tolist()
            own = enumeration.proved(ball_head(head, change), arrays, "it", asked)
        if [yes and not own[j] for j, yes in enumerate(asked)].count(True):
            raise Violation(f"{loss}: the checker refuses what the prover states")
    return "decided"


@attack("heads_other_near", "D1", slow=20)
def near(rng: np.random.Generator) -> Outcome:
    """Gradients at weights beside a refit, of rows known within radii, and distances to it: as far as can be."""
    loss, k = str(rng.choice([*LABELLED, *NUMBERS])), int(rng.choice([1, 1, 2]))
    flat = bool(rng.random() < 0.4)  # the decay holds all but the intercept, and the bound has no room
    head = other_head(rng, loss, n=int(rng.integers(5, 8)), d=1, N=1, k=3 if loss == "one_vs_rest" else k,
                      scale=1e-2 if flat else float(10.0 ** rng.uniform(-2, 1)),
                      decay=1e2 if flat else float(10.0 ** rng.uniform(-4, 1)), free=True if flat else None,
                      remaining=bool(rng.random() < 0.5), weights=str(rng.choice(["", "", "rows"])))
    gone, blurred = int(rng.integers(head.n)), bool(rng.random() < 0.5)
    meant = head.phi.copy()
    if blurred:
        rad = 10.0 ** rng.uniform(-8, 0.3) * rng.uniform(0.5, 1.0, size=head.n)
        meant[:, 0] += rad * rng.choice([-1.0, 1.0]) * (1 - 1e-9)
        head = replace(head, phi_rad=rad)
    try:
        exact = _refit(head, meant, gone)
        start = exact if flat else _refit(head, head.phi, gone)
    except (AssertionError, ZeroDivisionError):  # it does not exist, or only just
        return "refused"
    V = np.array([[float(x) for x in row] for row in start])
    step = _sideways(rng, head) if flat else rng.normal(size=V.shape) * 10.0 ** rng.uniform(-18, 0)
    V = V + step
    out = Choices(np.array([[gone]]), np.array([[DELETED]]))
    found = float(enclose_refits(head, out, V[None])[0])
    with ctx.workprec(head_refit.BITS):
        far = _length([arb(x) - y for v, w in zip(V.tolist(), exact, strict=True) for x, y in zip(v, w, strict=True)])
        if not far <= found:
            raise Violation(f"{loss}: the refit is {far} away, and {found} is proved")
        pull, most = _length(_gradient(head, meant, gone, V)), float(enclose_slopes(head, out, V[None]).size[0])
        if not pull <= most:
            raise Violation(f"{loss}: the gradient is {pull} long, and {most} is proved")
    if not blurred and head.weights is None:
        with ctx.workprec(BITS):
            own, = distances(ball_head(head, any_rows(head, 1, False)), [((gone, DELETED),)], [V.ravel().tolist()])
        if not far <= own:
            raise Violation(f"{loss}: the refit is {far} away, and the checker finds {own}")
    return "decided" if np.isfinite(found) else "refused"


@attack("heads_other_base", "D1", slow=20)
def base(rng: np.random.Generator) -> Outcome:
    """How near the refit of today's data is: columns far off, rows known within radii, and a bound without room."""
    loss, k = str(rng.choice(["squared", "logistic", *LABELLED, *NUMBERS])), int(rng.choice([1, 1, 2]))
    kind, place = str(rng.choice(["flat", "tilted", "any"])), float(rng.choice([0.0, 1.0, 25.0, 300.0]))
    scale, decay = {"flat": (1e-2, 1e2), "tilted": (1e-3, 1e-2)}.get(
        kind, (float(10.0 ** rng.uniform(-2, 1)), float(10.0 ** rng.uniform(-4, 1))))
    head = other_head(rng, loss, n=int(rng.integers(5, 8)), d=1, N=1, free=True, remaining=bool(rng.random() < 0.5),
                      k=3 if loss == "one_vs_rest" else 1 if loss in ("squared", "logistic") else k,
                      scale=scale, decay=decay, weights=str(rng.choice(["", "", "rows"])))
    place *= kind != "flat"
    head = replace(head, phi=head.phi + np.array([place, 0.0]))
    meant, blurred = head.phi.copy(), bool(rng.random() < 0.3)
    if blurred:
        rad = 10.0 ** rng.uniform(-8, -1) * rng.uniform(0.5, 1.0, size=head.n)
        meant[:, 0] += rad * rng.choice([-1.0, 1.0]) * (1 - 1e-9)
        head = replace(head, phi_rad=rad)
    try:
        exact = _refit(head, meant, None)
    except (AssertionError, ZeroDivisionError):
        return "refused"
    V = np.array([[float(x) for x in row] for row in exact])
    if kind == "tilted":  # the decay alone holds what turns the outputs about the rows
        V = V + np.array([1.0, -place]) * rng.normal(size=(head.k, 1)) * 10.0 ** rng.uniform(-6, -1)
    else:
        V = V + (_sideways(rng, head) if kind == "flat" else rng.normal(size=V.shape) * 10.0 ** rng.uniform(-18, 0))
    found = nearest(head, V)
    with ctx.workprec(head_refit.BITS):
        far = _length([arb(x) - y for v, w in zip(V.tolist(), exact, strict=True) for x, y in zip(v, w, strict=True)])
        if not far <= found:
            raise Violation(f"{loss}: the refit is {far} away, and {found} is proved")
    if not blurred:
        with ctx.workprec(BITS):
            ball = ball_head(head, any_rows(head, 1, False))
            if head.weights is not None:
                ball = replace(ball, weights=[arb(c) for c in head.weights.rows.tolist()])
            own, = distances(ball, [()], [V.ravel().tolist()])
        if not far <= own:
            raise Violation(f"{loss}: the refit is {far} away, and the checker finds {own}")
    return "decided" if np.isfinite(found) else "refused"


def _sideways(rng: np.random.Generator, head: Head) -> np.ndarray:
    """Steps of the intercepts alone, of any size up to 2: beyond about 0.4 no ball holds curvature that fades."""
    u = rng.uniform(-3, 3, size=(head.k, 1))
    return np.append(np.zeros(head.m - 1), 1.0) * np.sign(u) * 10.0 ** (1.1 * np.abs(u) - 3.0)


def _terms(head: Head, gone: int | None) -> tuple[arb, list[float]]:
    """μ, and what every row counts."""
    own = [1.0] * head.n if head.weights is None else head.weights.rows.tolist()
    left = head.n - (head.remaining and gone is not None)
    return arb(head.weight_decay) * left, [0.0 if i == gone else c for i, c in enumerate(own)]


def _refit(head: Head, phi: np.ndarray, gone: int | None) -> list[list[arb]]:
    """In 300 bits, of rows that the head may stand for."""
    with ctx.workprec(head_refit.BITS):
        mu, counts = _terms(head, gone)
        return head_refit.refit(phi.tolist(), head.Y.tolist(), head.loss.name, mu, head.decayed.tolist(),
                                () if gone is None else (gone,), None, counts)


def _gradient(head: Head, phi: np.ndarray, gone: int, V: np.ndarray) -> list[arb]:
    """At weights, entry by entry."""
    mu, counts = _terms(head, gone)
    found = [[mu * x if held else arb(0) for x, held in zip(row, head.decayed.tolist(), strict=True)]
             for row in V.tolist()]
    for x, y, c in zip(phi.tolist(), head.Y.tolist(), counts, strict=True):
        z = [sum((arb(w) * b for w, b in zip(row, x, strict=True)), arb(0)) for row in V.tolist()]
        for a, g in enumerate(head_refit._slope(head.loss.name, z, y)):
            found[a] = [old + c * g * b for old, b in zip(found[a], x, strict=True)]
    return [x for row in found for x in row]


def _length(v: list[arb]) -> arb:
    return sum((x * x for x in v), arb(0)).mid().sqrt()


@attack("rows_by_counts", "D19", slow=20)
def by_counts(rng: np.random.Generator) -> Outcome:
    """Balanced weights of rows that are left out, labels of very different numbers, points near the edge."""
    count = int(rng.integers(1, 3))
    n = int(rng.integers(14, 27)) if count == 1 else int(rng.integers(8, 13))
    head = other_head(rng, "logistic", n=n, d=1, N=12, weights="balanced", decay=float(10.0 ** rng.uniform(-1, 0.5)),
                      scale=float(10.0 ** rng.choice([-0.5, 0.0, 0.5])))
    assert head.codes is not None
    label = (np.arange(n) >= n - int(rng.integers(3, n // 2 + 1))).astype(np.int64)
    head = replace(head, label=label, Y=head.codes[label])
    head = replace(head, V=Refitter(head).V0)
    edge = -head.V[0, 1] / (head.V[0, 0] or 1.0)
    head = replace(head, points=np.stack([edge + rng.normal(size=12) * head.phi[:, 0].std(), np.ones(12)], axis=1))
    change = any_rows(head, count, False)
    found = survey(head, change, methods=("by_counts",))
    if not found.proved.any():
        return "refused"
    if (found.proved & ~head_rows.stays(head, change)).any():
        raise Violation(f"{found.status} is stated, and a refit says otherwise")
    with ctx.workprec(BITS):
        seen = as_checked(head, change)
        seen = replace(seen, balanced=True, weights=balanced(seen.codes.label, 2))
        arrays = stored(dict(found.parts["by_counts"].arrays))
        if checked.proved(seen, arrays, "by_counts", found.proved.tolist()) != found.proved.tolist():
            raise Violation("the checker does not follow")
    return "decided"
