"""Labels, targets and features that move at a last layer: in a direction (P4b), and what features do to it (Q6d)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, largest, norm, root
from certify.check.linalg.small.spectral import spectral
from certify.check.theorems.head.directions import at_first_order, together
from certify.check.theorems.head.layer import Effect, Layer
from certify.check.theorems.head.norms import Rows, top_of_product


def _images(layer: Layer) -> dict[tuple[int, int], Rows]:
    """`φᵀP_ab` of every evaluation row, by a and b."""
    parts = {(a, b): layer.parts[a, b] if b <= a else layer.parts[b, a].transpose()
             for a in range(layer.k) for b in range(layer.k)}
    return {key: (layer.evaluated * part).tolist() for key, part in parts.items()}


class Relabelled:
    """Label y of a row becomes any other c: `(e_y − e_c) ⊗ φ_i`, of one output `φ_i`."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.k, moving = layer, layer.k, layer.problem.moving
        assert layer.problem.labels is not None
        self.labels = [int(layer.problem.labels[i]) if layer.k > 1 else 0 for i in moving]
        phi = layer.phi.tolist()
        self.across = arb_mat([phi[i] for i in moving]).transpose()
        grams = [layer.grams[i] for i in moving]
        self.sizes = [root(largest([G[y][y] + G[c][c] - 2 * G[y][c] for c in range(self.k)]) if self.k > 1
                           else G[0][0]) for G, y in zip(grams, self.labels, strict=True)]
        self.images = _images(layer)

    def at(self, j: int) -> Any:
        """`⟨e_a ⊗ φ, e_b ⊗ φ_i⟩` of evaluation row j, all a and b, row by row."""
        flat = (arb_mat([self.images[a, b][j] for a in range(self.k) for b in range(self.k)]) * self.across).tolist()
        return [flat[a * self.k:(a + 1) * self.k] for a in range(self.k)]

    def first(self, pairs: Any, a: int, b: int | None, length: arb) -> arb:
        """`sup_u |⟨c, B⁻¹Δ_u⟩|`."""
        return at_first_order(self.layer, self._values(pairs, a, b), self.sizes, length)

    def _values(self, pairs: Any, a: int, b: int | None) -> list[arb]:
        """The largest `|⟨(e_a − e_b) ⊗ φ, (e_y − e_c) ⊗ φ_i⟩|` over c; of one output `|⟨φ, φ_i⟩|`."""
        if b is None:
            return [abs(x) for x in pairs[a][0]]
        D = [[x - y for x, y in zip(one, two, strict=True)] for one, two in zip(pairs[a], pairs[b], strict=True)]
        return [largest([abs(D[y][i] - D[c][i]) for c in range(self.k) if c != y]) for i, y in enumerate(self.labels)]


class Moving:
    """Targets that move, or features: the linear part by the length of a vector a row, of features the rest too."""

    def __init__(self, layer: Layer) -> None:
        self.layer, moving = layer, layer.problem.moving
        phi, slopes = layer.phi.tolist(), layer.slopes.tolist()
        self.across = arb_mat([phi[i] for i in moving]).transpose()
        self.slopes = arb_mat([slopes[i] for i in moving])
        self.curves = [layer.curves[i] for i in moving]
        self.images = _images(layer)

    def at(self, j: int) -> Any:
        """`(Pc)_b` of `c = e_a ⊗ φ`, φ evaluation row j, all a and b."""
        k = self.layer.k
        return [[self.images[a, b][j] for b in range(k)] for a in range(k)]

    def first(self, pairs: Any, a: int, b: int | None, length: arb) -> arb:
        """`sup_u |⟨c, B⁻¹Δ_u⟩|`; `|B⁻¹c − Pc| ≤ ‖R‖·(scale² − 1)·|Rc|` and `‖R‖² ≤ 2/λ`, an entry at most as much."""
        layer, k = self.layer, self.layer.k
        off = ((layer.scale ** 2 - 1) * (2 / layer.decay).sqrt() * length).upper()
        ball = arb(0, off)
        beta = [[x + ball for x in row] for row in pairs[a]] if b is None else [
            [x - y + ball for x, y in zip(one, two, strict=True)] for one, two in zip(pairs[a], pairs[b], strict=True)]
        x = (arb_mat(beta) * self.across).transpose().tolist()  # bφ_i
        if layer.problem.moves.outer:
            return together(layer, [norm(row) for row in x])
        inputs = layer.W.ncols()
        y = arb_mat([[sum((p * q for p, q in zip(M[r], row, strict=True)), ZERO) for r in range(k)]
                     for M, row in zip(self.curves, x, strict=True)])
        v = (y * layer.W + self.slopes * arb_mat([row[:inputs] for row in beta])).tolist()
        size, omega, r = norm([x for row in beta for x in row]), self.layer.reach, layer.radius
        spread = [largest(row) + largest([-z for z in row]) if k > 1 else abs(row[0]) for row in x]
        square = [(omega ** 2 * (self.third * steep * wide + size * slope)).upper()
                  for steep, wide, slope in zip(self.steep, spread, self.slope, strict=True)]
        linear = [(omega * norm(row)).upper() for row in v]
        if not layer.problem.budget.joint:
            return together(layer, [(p + r * q).upper() for p, q in zip(linear, square, strict=True)])
        return together(layer, linear) + largest(square) * r ** 2 / layer.n

    @cached_property
    def bent(self) -> arb:
        """ς, at least 2^-10, below which the functions of it lose digits."""
        assert self.layer.effect is not None
        return self.layer.effect.bent.max(arb(2) ** -10).upper()

    @cached_property
    def third(self) -> arb:
        """`(e^ς − 1 − ς)/ς²`, which bounds what the slopes add to `M_iWd_i`, over `d_iᵀWᵀM_iWd_i` and the spread."""
        if self.layer.loss.quadratic:
            return ZERO
        return ((self.bent.expm1() - self.bent) / self.bent ** 2).upper()

    @cached_property
    def steep(self) -> list[arb]:
        """`λ_max(M_i^½WWᵀM_i^½)`."""
        gram = (self.layer.W * self.layer.W.transpose()).tolist()
        return [top_of_product(M, gram) for M in self.curves]

    @cached_property
    def slope(self) -> list[arb]:
        """`|γ_i|/|d_i|` for inputs that move by the whole radius: `√2W·min(1, ς/4)`, or `η√(‖M_i‖λ_max)`."""
        layer = self.layer
        if layer.loss.quadratic:
            return [norm(layer.W.entries())] * len(self.curves)
        assert layer.effect is not None
        bend = layer.turned(layer.effect.bent)
        r, growth = layer.reach * layer.radius, self.bent.expm1() / self.bent
        fine = [(growth * root(norm([x for row in M for x in row]) * steep)).upper()
                for M, steep in zip(self.curves, self.steep, strict=True)]
        if not r > 0:  # nothing moves
            return fine
        crude = arb(2).sqrt() * bend / r
        return [f.min(crude * layer.weights[i]).upper() for f, i in zip(fine, layer.problem.moving, strict=True)]


def _features(layer: Layer) -> Effect:
    """Q6d: slopes that move, slopes that move times inputs that move, inputs that move."""
    problem, count, n, k = layer.problem, layer.count, layer.n, layer.k
    squared, W = layer.loss.quadratic, layer.W.tolist()
    r = (layer.reach * arb(problem.radius or 0.0)).upper()
    gram = (layer.W * layer.W.transpose()).tolist()
    steep = [top_of_product(layer.curves[i], gram) for i in problem.moving]
    sizes = [norm(x for row in layer.curves[i] for x in row) for i in problem.moving]
    size = norm(layer.W.entries())
    wide = size if k == 1 else largest([norm(x - y for x, y in zip(W[a], W[b], strict=True))
                                        for a in range(k) for b in range(a)])
    bent = ZERO if squared else (wide * r).upper()
    factor = ONE if squared or not bent > 0 else bent.expm1() / bent
    first = factor * r * root(layer.top(steep) / n / layer.theta)
    part = layer.turned(bent)
    gamma = size * r if squared else largest(layer.weights) * arb(2).sqrt() * part
    slope = spectral(arb_mat([[layer.slopes[i, a] for i in problem.moving] for a in range(k)]))
    rest = gamma * r * count / n + r * (arb(count) / n).sqrt() * slope / arb(n).sqrt()
    eta = (r * r * layer.theta * layer.top(sizes) / n / layer.decay).upper()
    lost = (((eta * eta + 4 * eta).sqrt() - eta) / 2).upper()  # t²/(1 − t) = η
    least = layer.decay.sqrt()
    return Effect((first + rest / least).upper(), lost, (arb(2).sqrt() * r / least).upper(), bent)


ROWS: dict[str, Callable[[Layer], Relabelled | Moving]] = {
    "labels": Relabelled, "targets": Moving, "features": Moving}
"""What every row's change does, by what moves."""

EFFECTS = {"features": _features}
"""The same of the gradient and of curvature."""
