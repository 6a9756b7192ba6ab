"""How far a linear function of the last layer's weights may move, in its own direction (P2b), in balls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flint import arb, arb_mat

from certify.check.balls import ONE, largest, norm, root

if TYPE_CHECKING:
    from certify.check.convex import Layer, Motion, Rows

STEERED = ("sample_weights", "labels")


class Steer:
    """First order, and what curvature adds.

    `low·B⁻¹ ⪯ H̄⁻¹ ⪯ high·B⁻¹`, so `|⟨c, v⟩| ≤ ½(high + low)·A + ½(high − low)·|c|N + high·|c||e|`, A the most that
    `⟨c, B⁻¹Δ⟩` can be over the budget.
    """

    def __init__(self, moved: Motion) -> None:
        assert moved.layer is not None and moved.layer.effect is not None
        self.layer, self.start, self.effect = moved.layer, moved.start, moved.layer.effect
        layer = moved.layer
        spread = (moved.reach * largest(layer.spans)).upper()
        growth = ONE if layer.problem.loss == "squared" or not spread > 0 else spread.expm1() / spread
        self.high = (1 / (1 - self.effect.lost)).upper()
        self.low = (layer.theta / (growth * (1 + self.effect.lost))).lower()
        self.loose = layer.scale ** 2 - 1
        self.pulls: Leaving | Relabelled = (
            Leaving(layer) if layer.problem.parameter == "sample_weights" else Relabelled(layer))

    def stays(self, f: list[arb], G: Rows, j: int) -> bool:
        """Whether the label of evaluation row j, with outputs f and Gram matrix G, is proved to stay."""
        pairs = self.pulls.at(j)
        if len(f) == 1:
            return bool(abs(f[0]) > self._most(self.pulls.values(pairs, 0, None), G[0][0]))
        a = max(range(len(f)), key=lambda b: float(f[b].mid()))
        return all(f[a] - f[b] > self._most(self.pulls.values(pairs, a, b), G[a][a] + G[b][b] - 2 * G[a][b])
                   for b in range(len(f)) if b != a)

    def _most(self, values: list[arb], square: arb) -> arb:
        layer, problem = self.layer, self.layer.problem
        length = root(square)
        extra = self.loose * length
        tops = [(v + extra * s).upper() for v, s in zip(values, self.pulls.sizes, strict=True)]
        total = norm(tops) if problem.set == "total" else layer.top(tops)
        first, far = layer.radius / layer.n * total, length * layer.scale
        return ((self.high + self.low) / 2 * first + (self.high - self.low) / 2 * far * self.effect.gradient
                + self.high * far * self.start)


class Leaving:
    """A row's own gradient `y_i` leaves, or is weighted anew: its inner products with `e_a ⊗ φ`, all a."""

    def __init__(self, layer: Layer) -> None:
        assert layer.pulls is not None
        self.across, self.sizes = layer.pulls.transpose(), [norm(row) for row in layer.pulls.tolist()]
        R, m = layer.factor.tolist(), layer.m
        self.images = [(layer.evaluated * arb_mat([row[a * m:(a + 1) * m] for row in R]).transpose()).tolist()
                       for a in range(layer.k)]

    def at(self, j: int) -> Any:
        """Those of evaluation row j."""
        return (arb_mat([image[j] for image in self.images]) * self.across).tolist()

    def values(self, pairs: Any, a: int, b: int | None) -> list[arb]:
        """`|⟨(e_a − e_b) ⊗ φ, y_i⟩|` of every row that may move; without b `|⟨e_a ⊗ φ, y_i⟩|`."""
        if b is None:
            return [abs(x) for x in pairs[a]]
        return [abs(x - y) for x, y in zip(pairs[a], pairs[b], strict=True)]


class Relabelled:
    """Label y of a row becomes any other c: `(e_y − e_c) ⊗ φ_i`, of one output `φ_i`."""

    def __init__(self, layer: Layer) -> None:
        self.k, moving = layer.k, layer.problem.moving
        assert layer.problem.labels is not None
        self.labels = [int(layer.problem.labels[i]) if layer.k > 1 else 0 for i in moving]
        phi = layer.phi.tolist()
        self.across = arb_mat([phi[i] for i in moving]).transpose()
        grams = [layer.grams[i] for i in moving]
        self.sizes = [root(largest([G[y][y] + G[c][c] - 2 * G[y][c] for c in range(self.k)]) if self.k > 1
                           else G[0][0]) for G, y in zip(grams, self.labels, strict=True)]
        parts = {(a, b): layer.parts[a, b] if b <= a else layer.parts[b, a].transpose()
                 for a in range(self.k) for b in range(self.k)}
        self.images = {key: (layer.evaluated * part).tolist() for key, part in parts.items()}

    def at(self, j: int) -> Any:
        """`⟨e_a ⊗ φ, e_b ⊗ φ_i⟩` of evaluation row j, all a and b, row by row."""
        flat = (arb_mat([self.images[a, b][j] for a in range(self.k) for b in range(self.k)]) * self.across).tolist()
        return [flat[a * self.k:(a + 1) * self.k] for a in range(self.k)]

    def values(self, pairs: Any, a: int, b: int | None) -> list[arb]:
        """The largest `|⟨(e_a − e_b) ⊗ φ, (e_y − e_c) ⊗ φ_i⟩|` over c; of one output `|⟨φ, φ_i⟩|`."""
        if b is None:
            return [abs(x) for x in pairs[a][0]]
        D = [[x - y for x, y in zip(one, two, strict=True)] for one, two in zip(pairs[a], pairs[b], strict=True)]
        return [largest([abs(D[y][i] - D[c][i]) for c in range(self.k) if c != y]) for i, y in enumerate(self.labels)]
