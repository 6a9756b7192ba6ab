"""Containment of the features that the last layer of a graph reads, and of margins of heads on nearby inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb, ctx

from certify.network.graph.features import features
from certify.theorems.head.rows.softmax.nominal import nominal
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.families.graph_heads import checked_head
from tests.families.heads import drawn_head
from tests.oracles.graph import BITS, random_graph
from tests.oracles.head_refit import refit
from tests.oracles.sequences import random_sequence
from tests.unit.network.graph.test_features import true_features

Rng = np.random.Generator


@attack("graph_features", "D1", slow=20)
def graph_features(rng: Rng) -> Outcome:
    kind = rng.integers(3)
    net = random_graph(rng) if kind == 0 else random_sequence(rng, 3, kind == 1)
    X = rng.integers(0, 5, size=(2, net.widths[0])).astype(float) if net.discrete else rng.normal(
        size=(2, net.widths[0])) * 10.0 ** rng.integers(-3, 3)
    found = refusing(lambda: features(net, X))
    if found is None:
        return "refused"
    true, (mid, rad) = true_features(net, X), found
    with ctx.workprec(64):
        checked = checked_head(net, X).enter([tuple(x) for x in X.tolist()])
    with ctx.workprec(BITS):
        for row, near, r, balls in zip(true, mid.tolist(), rad.tolist(), checked, strict=True):
            away = sum(((x - arb(m)) ** 2 for x, m in zip(row, near, strict=True)), arb(0))
            expect(not away > arb(r) ** 2, "features", X=X)
            expect(all(ball.overlaps(x) for ball, x in zip(balls, row, strict=True)), "the checker's features", X=X)
    return "decided"


@attack("softmax_radii", "D9", slow=20)
def softmax_radii(rng: Rng) -> Outcome:
    true = drawn_head(rng, "cross_entropy", n=int(rng.integers(4, 8)), free=False, scale=10.0 ** rng.uniform(-1, 1))
    rad, points_rad = (10.0 ** rng.uniform(-9, 0, size=n) for n in (true.n, len(true.points)))

    def moved(x: np.ndarray, r: np.ndarray) -> np.ndarray:
        way = rng.normal(size=x.shape)
        way[:, -1] = 0.0
        return np.asarray(x + way * (r * (1 - 1e-9) / np.linalg.norm(way, axis=1))[:, None])

    head = replace(true, phi=moved(true.phi, rad), phi_rad=rad, points=moved(true.points, points_rad),
                   points_rad=points_rad)
    slack, gone = nominal(head).slack, rng.choice(true.n, size=int(rng.integers(0, 3)), replace=False).tolist()
    with ctx.workprec(BITS):
        mu = arb(true.weight_decay) * true.n
        V, W = (refit(one.phi.tolist(), one.Y.tolist(), "cross_entropy", mu, one.decayed.tolist(), gone)
                for one in (true, head))
        for x, y, most in zip(true.points.tolist(), head.points.tolist(), slack.tolist(), strict=True):
            f, g = ([sum((v * arb(t) for v, t in zip(row, at, strict=True)), arb(0)) for row in one]
                    for one, at in ((V, x), (W, y)))
            for a in range(true.k):
                for b in range(a):
                    expect(bool(abs((f[a] - f[b]) - (g[a] - g[b])) <= arb(most)), "margins", phi=true.phi)
    return "decided"
