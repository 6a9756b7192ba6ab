"""Loss and gradients of a graph, rows in chunks: one forward and one backward pass (M6, G5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.network.graph.compiled import Compiled, compile_graph
from certify.network.graph.graph import GraphNetwork, Node
from certify.network.graph.passes import GraphForward, graph_backward, graph_forward
from certify.network.layers.gradients import Norm, array_norm, row_norm_ends
from certify.network.layers.passes import Kink
from certify.network.loss.losses import LossTerms, enclose_losses
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array

NUMBERS = 4_000_000
"""Numbers of a chunk of rows: the values of all nodes and the windows of one."""


@dataclass(eq=False)
class GradientSum:
    """`Σ_i ∂ℓ_i/∂θ` of one node's parameters, as an array within `error` in the Frobenius norm."""

    value: Pair
    error: Fraction

    def add(self, term: Pair, error: Fraction, arithmetic: Arithmetic) -> GradientSum:
        """The sum with the part of another chunk: `unit·(|sum| + |term|)` is lost at most."""
        sizes = Fraction(_size(self.value)) + Fraction(_size(term))
        lost = Fraction(arithmetic.unit) * sizes * Fraction(RAISE)
        return GradientSum(arithmetic.add(self.value, term), self.error + error + lost)


def _size(M: Pair) -> float:
    return fp.frobenius(M.hi) * (1.0 if M.lo is None else RAISE)


@dataclass(frozen=True, eq=False)
class GraphDescent:
    """Loss terms and gradients of all rows.

    Attributes:
        terms: losses and slopes of the rows.
        output: balls around the outputs.
        weight_norm: ends of `|∇_w L|`.
        input_lower, input_upper: ends of `|∂ℓ_i/∂x_i ∘ scale|`.
        kinks: units not proved away from a kink: their number and the first few.
        margin: least proved distance from a kink; None for graphs without kinks.
    """

    terms: LossTerms
    output: Balls
    weight_norm: Norm
    input_lower: Array
    input_upper: Array
    kinks: tuple[int, tuple[Kink, ...]]
    margin: float | None


def chunk_rows(network: GraphNetwork, extended: bool) -> int:
    """Rows worked on at a time."""
    return max(1, NUMBERS // (numbers_of_row(network) * (4 if extended else 1)))


def numbers_of_row(network: GraphNetwork) -> int:
    """Numbers that a pass keeps for each row: values, slopes and masks of all nodes, and the windows of one."""
    windows = [network.windows(node) for node in network.nodes]
    return 4 * network.units + 3 * max(windows)


def descend_graph(
    network: GraphNetwork, X: Array, loss: str, targets: Array | None, labels: Array | None, decay: float,
    scale: Array | None, arithmetic: Arithmetic, tell: Callable[[float], None] = lambda _: None, fixed: bool = False,
) -> GraphDescent:
    """Enclose losses and gradients at all rows.

    Args:
        network: the graph.
        X: `(n, d)` data, exact.
        loss, targets, labels: as in :func:`certify.network.loss.losses.enclose_losses`.
        decay: the weight decay λ.
        scale: unit of each feature, or None.
        arithmetic: what computes the midpoints.
        tell: told the fraction done.
        fixed: whether the rows' features do not move; their gradients are then of no use.
    """
    made = compile_graph(network, arithmetic)
    sums: dict[str, GradientSum] = {}
    parts: list[tuple[LossTerms, Balls, Array, Array]] = []
    count, first, margin = 0, tuple[Kink, ...](), np.inf
    step = chunk_rows(network, arithmetic.extended)
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        passed = graph_forward(made, X[rows], arithmetic, fixed)
        output = passed.values[network.output]
        terms = enclose_losses(loss, output, None if targets is None else targets[rows],
                               None if labels is None else labels[rows], arithmetic)
        at_inputs = graph_backward(made, passed, terms.slopes, arithmetic, _collector(made, passed, sums, arithmetic))
        parts.append((terms, output, *row_norm_ends(at_inputs, scale)))
        found = tuple(replace(k, row=k.row + start) for k in passed.kinks[1])
        kept = sorted(first + found, key=lambda k: not k.twins)[:5]  # what no arithmetic decides, first
        count, first, margin = count + passed.kinks[0], tuple(kept), min(margin, passed.margin)
        tell(min(1.0, (start + step) / len(X)))
    terms, output, lower, upper = zip(*parts, strict=True)
    norm = _norm(network, sums, len(X), decay, arithmetic)
    distance = (0.0 if np.isinf(margin) else margin) if network.kinked else None
    return GraphDescent(_joined_terms(list(terms)), _joined(list(output)), norm, np.concatenate(lower),
                        np.concatenate(upper), (count, first), distance)


def _collector(
    made: Compiled, passed: GraphForward, sums: dict[str, GradientSum], arithmetic: Arithmetic
) -> Callable[[Node, Balls], None]:
    """Adds the parameter gradients of a chunk to the sums, as the adjoint of each node goes by."""

    def visit(node: Node, v: Balls) -> None:
        if node.weight is None and node.bias is None:
            return
        if node.op == "batch_norm":
            term, error = _channel_gradient(made, node, v, passed.normed[node.name], arithmetic)
        else:
            term, error = _window_gradient(made, node, v, passed.values[node.inputs[0]], arithmetic)
        known = sums.get(node.name)
        sums[node.name] = GradientSum(term, error) if known is None else known.add(term, error, arithmetic)

    return visit


def _window_gradient(made: Compiled, node: Node, v: Balls, x: Balls, arithmetic: Arithmetic) -> tuple[Pair, Fraction]:
    """`Σ_i V_iᵀ[P_i, 1]` over the windows of a chunk: one product (G5)."""
    window = made.windows[node.name][0]
    n, places, q = len(v.rad), window.places, window.kernel.value.shape[0]
    ones = np.ones((0 if node.bias is None else 1, n * places))
    left = _turned(v.mid, n, q, places)
    A = window.windows(x.mid)
    right = Pair(np.vstack([A.hi.T, ones]), None if A.lo is None else np.vstack([A.lo.T, np.zeros_like(ones)]))
    wide = Balls(x.mid, window.spread * x.rad * RAISE, window.spread * x.norm * RAISE)
    return arithmetic.product(left, right), _gradient_error(v, wide, len(ones) * places, n * places, arithmetic)


def _channel_gradient(
    made: Compiled, node: Node, v: Balls, normed: Balls, arithmetic: Arithmetic
) -> tuple[Pair, Fraction]:
    """`Σ v·x̂` and `Σ v` for each channel of a BatchNorm: a product of two rows for each channel (G5)."""
    places = made.norms[node.name].places
    n, c = len(v.rad), v.mid.shape[1] // places
    left, right = _turned(v.mid, n, c, places), _turned(normed.mid, n, c, places)
    ones = Pair(np.ones((1, n * places)), None if right.lo is None else np.zeros((1, n * places)))
    rows = []
    for channel in range(c):
        parts = [*([_row(right, channel)] if node.weight else []), *([ones] if node.bias else [])]
        rows.append(arithmetic.product(_row(left, channel), _stacked(parts)))
    return _stacked(rows), _gradient_error(v, normed, places, n * places, arithmetic)


def _gradient_error(v: Balls, x: Balls, ones: int, length: int, arithmetic: Arithmetic) -> Fraction:
    """`c·|V||A| + Σ_i (r_i^v α_i + ν_i r_i^a)`, `α_i = √(|a_i|² + ones)`: product and balls (G5)."""
    alpha = np.sqrt(x.norm**2 + ones) * RAISE
    balls = float(np.sum(v.rad * alpha + v.norm * x.rad)) * (1.0 + 2 * fp.dot_unit(len(alpha)))
    floors = (v.mid.shape[1] + x.mid.shape[1] + 1) * Fraction(fp.FLOOR)  # of the rows' norms
    size_v, size_a = (Fraction(float(fp.row_norms(part[None, :])[0])) + floors for part in (v.norm, alpha))
    product = Fraction(arithmetic.product_unit(length)) * size_v * size_a
    return (product + fp.exact(balls)) * Fraction(RAISE)


def _turned(M: Pair, n: int, channels: int, places: int) -> Pair:
    """`(n, channels·places)` as `(channels, n·places)`."""
    def turn(part: Array) -> Array:
        return np.ascontiguousarray(part.reshape(n, channels, places).transpose(1, 0, 2)).reshape(channels, n * places)

    return Pair(turn(M.hi), None if M.lo is None else turn(M.lo))


def _row(M: Pair, at: int) -> Pair:
    return Pair(M.hi[at : at + 1], None if M.lo is None else M.lo[at : at + 1])


def _stacked(parts: list[Pair]) -> Pair:
    low = [part.lo for part in parts if part.lo is not None]
    return Pair(np.vstack([part.hi for part in parts]), np.vstack(low) if low else None)


def _norm(
    network: GraphNetwork, sums: dict[str, GradientSum], n: int, decay: float, arithmetic: Arithmetic
) -> Norm:
    """`|∇_w L|` from the sums: adds nλθ, takes norms, divides by n."""
    squares = [Fraction(0), Fraction(0)]
    for node in network.nodes:
        if node.name not in sums:
            continue
        total = sums[node.name]
        if decay:
            W = _matrix(network, node)
            scaled = n * decay
            size = Fraction(fp.frobenius(W))
            lost = abs(Fraction(n) * Fraction(decay) - Fraction(scaled)) * size
            lost += Fraction(arithmetic.unit) * Fraction(scaled) * size * Fraction(RAISE)
            total = total.add(arithmetic.multiply(Pair(W), Pair(np.full((1, 1), scaled))), lost, arithmetic)
        norm = array_norm(total.value, total.error)
        squares = [squares[0] + norm.lower**2, squares[1] + norm.upper**2]
    return Norm(fp.sqrt_down(squares[0]) / n, fp.sqrt_up(squares[1]) / n)


def _matrix(network: GraphNetwork, node: Node) -> Array:
    """A node's parameters, arranged as their gradient."""
    columns = []
    if node.weight is not None:
        W = network.tensors[node.weight]
        columns.append(W.reshape(len(W), -1))
    if node.bias is not None:
        columns.append(network.tensors[node.bias][:, None])
    return np.hstack(columns)


def _joined(parts: list[Balls]) -> Balls:
    low = [part.mid.lo for part in parts if part.mid.lo is not None]
    mid = Pair(np.concatenate([part.mid.hi for part in parts]), np.concatenate(low) if low else None)
    return Balls(mid, np.concatenate([part.rad for part in parts]), np.concatenate([part.norm for part in parts]))


def _joined_terms(parts: list[LossTerms]) -> LossTerms:
    return LossTerms(np.concatenate([t.value for t in parts]), np.concatenate([t.value_error for t in parts]),
                     _joined([t.slopes for t in parts]), np.concatenate([t.slope_lipschitz for t in parts]))
