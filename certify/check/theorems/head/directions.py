"""How far a linear function of the last layer's weights may move, in its own direction (P4b), in balls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from flint import arb, arb_mat

from certify.check.linalg.balls import ONE, ZERO, largest, norm, root
from certify.check.theorems.head.layer import Layer, Motion
from certify.check.theorems.head.norms import Rows, top_of_product


class Steer:
    """First order, and what curvature adds.

    `low·B⁻¹ ⪯ H̄⁻¹ ⪯ high·B⁻¹`, so `|⟨c, v⟩| ≤ ½(high + low)·A + ½(high − low)·|c|N + high·|c||e|`, A the most that
    `⟨c, B⁻¹Δ⟩` can be over the budget.
    """

    def __init__(self, moved: Motion) -> None:
        assert moved.layer is not None and moved.layer.effect is not None
        layer, effect = moved.layer, moved.layer.effect
        self.layer, self.start, self.effect = layer, moved.start, effect
        spread = (moved.reach * (largest(layer.spans) + effect.wider)).upper()
        growth = ONE if layer.loss.quadratic else effect.bent.exp() * (
            ONE if spread == 0 else spread.expm1() / spread)
        self.high = (1 / (1 - effect.lost)).upper()
        left = 1 - effect.lost if layer.problem.moves.inputs else ONE
        gained = ZERO if layer.problem.direction else effect.lost  # where weights only fall no row gains curvature
        self.low = (layer.theta * left / (growth * (1 + gained))).lower()
        self.rows: Leaving | Relabelled | Moving = ROWS[layer.problem.parameter](layer)

    def stays(self, f: list[arb], G: Rows, j: int, rivals: Sequence[int]) -> bool:
        """Whether these outputs of evaluation row j, with outputs f and Gram matrix G, stay below the largest one.

        Of one output f says how far it lies above the threshold.
        """
        pairs = self.rows.at(j)
        if len(f) == 1:
            if isinstance(self.rows, Leaving) and f[0] < 0:  # the output keeps its side
                pairs = [[-x for x in row] for row in pairs]
            return bool(abs(f[0]) > self._most(pairs, 0, None, G[0][0]))
        a = leading(f)
        return all(f[a] - f[b] > self._most(pairs, a, b, G[a][a] + G[b][b] - 2 * G[a][b]) for b in rivals)

    def _most(self, pairs: Any, a: int, b: int | None, square: arb) -> arb:
        length = root(square)
        first, far = self.rows.first(pairs, a, b, length), length * self.layer.scale
        return ((self.high + self.low) / 2 * first + (self.high - self.low) / 2 * far * self.effect.gradient
                + self.high * far * self.start)


def leading(f: Sequence[arb]) -> int:
    """The output whose middle is the largest: where it is not the largest output, nothing is proved of it."""
    return max(range(len(f)), key=lambda b: float(f[b].mid()))


def _together(layer: Layer, values: list[arb]) -> arb:
    """`Σ |u_i| v_i / n` over the budget."""
    return layer.radius / layer.n * layer.together(values)


def _first(layer: Layer, values: list[arb], sizes: list[arb], length: arb) -> arb:
    """`sup_u |⟨c, B⁻¹Δ_u⟩|` from every row's `|⟨c, Py_i⟩|` and P-length, c of the P-length given.

    `|P − B⁻¹|` is the loose part of both lengths.
    """
    extra = (layer.scale ** 2 - 1) * length
    return _together(layer, [(v + extra * s).upper() for v, s in zip(values, sizes, strict=True)])


class Leaving:
    """A row's own gradient `y_i` leaves, or is weighted anew."""

    def __init__(self, layer: Layer) -> None:
        assert layer.pulls is not None
        self.layer, self.pulls, self.sizes = layer, layer.pulls, layer.pulls.sizes
        self.evaluated = layer.evaluated.tolist()

    def at(self, j: int) -> Any:
        """Inner products of `e_a ⊗ φ` of evaluation row j, all a, with every `y_i`."""
        return self.pulls.along(self.evaluated[j])

    def first(self, pairs: Any, a: int, b: int | None, length: arb) -> arb:
        """`sup_u |⟨c, B⁻¹Δ_u⟩|`."""
        return _first(self.layer, self._values(pairs, a, b), self.sizes, length)

    def _values(self, pairs: Any, a: int, b: int | None) -> list[arb]:
        """`|⟨(e_a − e_b) ⊗ φ, y_i⟩|` of every row that may move; without b `|⟨e_a ⊗ φ, y_i⟩|`.

        Where weights only fall: how much a row that leaves pulls them down, or 0.
        """
        values = pairs[a] if b is None else [x - y for x, y in zip(pairs[a], pairs[b], strict=True)]
        return [(-x).max(ZERO) if self.layer.problem.direction else abs(x) for x in values]


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
        return _first(self.layer, self._values(pairs, a, b), self.sizes, length)

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
            return _together(layer, [norm(row) for row in x])
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
            return _together(layer, [(p + r * q).upper() for p, q in zip(linear, square, strict=True)])
        return _together(layer, linear) + largest(square) * r ** 2 / layer.n

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


ROWS: dict[str, Callable[[Layer], Leaving | Relabelled | Moving]] = {
    "sample_weights": Leaving, "labels": Relabelled, "targets": Moving, "features": Moving}
"""What every row's change does, by what moves."""
