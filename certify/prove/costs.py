"""What each way of computing costs, and in which order they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from certify.network.graph.graph import GraphNetwork
from certify.problem.convexity import concerns_convexity
from certify.problem.cost import JACOBIAN_LIMIT, Cost
from certify.spec.convexity import CONVEX, FIRST_ORDER
from certify.theorems.predictions.interpolation import prediction_entries

if TYPE_CHECKING:
    from certify.problem.limits import Limits
    from certify.problem.problem import Problem

BASE_MEMORY: Final = 150 << 20
"""Bytes of the program itself."""

DIRECT_FROM = 1500
"""Equations from which the direct tier goes first."""

FINE_PASSES_FROM = 6000
"""Equations from which the direct tier starts with double-double passes: they cost less than a failed Cholesky."""

CONGRUENCE_LIMIT, EXTENDED_LIMIT = 12_000, 6000
"""Most equations for the congruence and for the double-double tier, whatever the memory: beyond, BLAS takes hours."""

# Measured, one thread. Interpolation: numbers of N² in memory at the peak, floating-point operations of N³, and seconds
# of N² that do not scale with matrix products; of the Jacobian tier numbers of N·p and operations of N²·p beside.
_DIRECT: Final = (3, 3.0, 2e-7)
_CONGRUENCE: Final = (15, 40.0, 3e-7)
_DOUBLE_DOUBLE: Final = (30, 100.0, 4e-6)
_JACOBIAN: Final = (20, 72.0)
_AUBIN: Final = (4, 6, 6.0, 2e-4)  # numbers of N²p and N³, operations of N³(p + N), seconds of N² in tangents
_WINDOW: Final = (4000, 1e-6)  # bytes of q², seconds of q³, q the inputs of the last layer
_BUDGETS: Final = (30.0, 1200.0)  # operations of N³, and of N²·√(2N), in the search for the dual of row budgets
_CONSTANTS: Final = (6, 30.0, 0.02)  # numbers of s², operations of s³ and seconds for each row and layer, s units
_GRADIENTS: Final = 3  # numbers of an entry of a gradient of a prediction, or of an effect on one
_HESSIAN: Final = (10, 16.0, 3e-7)
_MIXED: Final = (3, 4.0, 4e-8)
_CHANGES: Final = 600.0  # operations, for each entry of the factored form and root of twice the rows, of the search
# Sublevel: numbers and seconds for each row and unit of the network; of the persistence radius seconds and, for each
# number of a chunk of per-row Jacobians, numbers.
_PASS: Final = (10, 1e-6)
_PASS_DOUBLE: Final = (30, 1.5e-5)
_PERSISTENCE: Final = (4, 1.2e-4)
_DESCENTS: Final = (40, 2e-4)  # some 200 passes forward and backward along a direction
_KRYLOV: Final = 100  # directions that are kept, and their images
_GRAPH: Final = (3, 1.3e-8)
_GRAPH_DOUBLE: Final = (12, 2.6e-7)
_GRAPH_BALLS: Final = (120, 2e-6)  # bytes and seconds of a number of windows


def costs(problem: Problem) -> tuple[Cost, ...]:
    """The tiers of a problem, in the order in which they are tried."""
    if concerns_convexity(problem):
        return (last_layer_cost(problem),)
    if problem.map == "critical":
        return _second_order(problem)
    return _passes(problem) if problem.map == "sublevel" else _matrices(problem)


def last_layer_cost(problem: Problem) -> Cost:
    """:class:`certify.prove.head.ConvexLayer`: a metric and the images of all rows, for every θ."""
    p, n = problem.parameters, problem.n
    images = n * p * problem.outputs
    work = 26.0 * (6 * p**3 + n * p * (p + min(n, 4000)) + images * p / problem.outputs)
    return Cost("last layer", BASE_MEMORY + 8 * (10 * p**2 + 3 * images + 3 * min(n, 4000) ** 2), work, 1.0, CONVEX)


def _second_order(problem: Problem) -> tuple[Cost, ...]:
    """The parts of :class:`certify.prove.critical.Critical`: Hessian with its inverse, mixed derivative."""
    p, k = problem.parameters, problem.outputs
    both = ("modulus", "sample_modulus", "first_order_distance")
    numbers, flops, rest = _HESSIAN
    entries = problem.n * sum(problem.network.widths)
    passes = _PASS_DOUBLE[1] * entries * (8 if problem.base == "nearby" else 2)
    jacobian = problem.n * k * p if problem.base == "given" and problem.n * k * p <= JACOBIAN_LIMIT else 0
    work = flops * p**3 + problem.n * p**2 * (6 if problem.base == "nearby" else 2) + 2 * jacobian * p
    given = problem.set == "given"  # distance: a second Newton's method, and the Hessian decomposed
    first = Cost("Hessian", BASE_MEMORY + 8 * (numbers * p**2 + 4 * jacobian), work * (4 if given else 1),
                 rest * p**2 + passes + 0.3, (*both, FIRST_ORDER, "distance") if given else (*both, FIRST_ORDER))
    columns = len(problem.rows) * {"features": problem.inputs, "targets": k}.get(problem.parameter, 1)
    numbers, flops, rest = _MIXED
    kept, work = min(columns * p, 1 << 26), flops * columns * p**2 + _HESSIAN[1] * p**3 / 4
    if problem.set in ("per_sample", "sparse"):
        numbers, kept = 2 * numbers, columns * p
        work = 2 * work + _CHANGES * columns * min(columns, p) * (2 * len(problem.rows)) ** 0.5
    second = Cost("mixed derivative", BASE_MEMORY + 8 * (_HESSIAN[0] * p**2 + numbers * kept), work,
                  rest * columns * p + 0.2, both)
    if problem.evaluation is None:
        return first, second
    from certify.theorems.predictions.critical import GRADIENTS

    outputs = len(problem.evaluation) * k  # the mixed derivative, and products of every gradient with X and C
    held = _GRADIENTS * (min(outputs * p, GRADIENTS) + min(outputs * columns, GRADIENTS))
    seconds = second.rest + _PASS[1] * len(problem.evaluation) * sum(problem.network.widths)
    third = Cost("predictions", second.memory + 8 * held, second.flops + 2.0 * outputs * p * (p + columns), seconds,
                 (FIRST_ORDER,))
    return first, second, third


def _matrices(problem: Problem) -> tuple[Cost, ...]:
    """The tiers of :class:`certify.prove.interpolation.Interpolation`."""
    N, p = problem.kernel_size, problem.parameters + problem.kernel_size - problem.equations
    whole = ("modulus", "first_order_distance")
    both = ("modulus", "sample_modulus", "first_order_distance", FIRST_ORDER)
    by_rows = problem.set in ("per_sample", "sparse")
    search = (_BUDGETS[0] * N**3 + _BUDGETS[1] * N**2 * (2 * N) ** 0.5) if by_rows else 0.0
    found: list[Cost] = []
    entries = prediction_entries(problem)
    points = 0 if problem.evaluation is None or entries > JACOBIAN_LIMIT else len(problem.evaluation) * problem.outputs

    def add(name: str, need: tuple[int, float, float], bounds: tuple[str, ...] = both, more: int = 0,
            pairs: int = 0) -> None:
        numbers, flops, rest = need
        fine = numbers == _DOUBLE_DOUBLE[0]
        each = (_JACOBIAN if fine else (_GRADIENTS, 2.0)) if points and FIRST_ORDER in bounds else (0, 0.0)
        memory = BASE_MEMORY + 8 * (numbers * N**2 + more * _JACOBIAN[0] * N + 6 * pairs + each[0] * entries)
        seconds = rest * N**2 + _PASS_DOUBLE[1] * pairs / 2 + 0.2
        found.append(Cost(name, memory, flops * N**3 + more * _JACOBIAN[1] * N * N + search + each[1] * points * N * p,
                          seconds, bounds))

    if problem.base == "nearby":
        add("solution", _DOUBLE_DOUBLE)
    if problem.set == "total" and DIRECT_FROM <= N < FINE_PASSES_FROM:
        add("direct", _DIRECT, whole)
    if problem.set == "total" and DIRECT_FROM <= N:
        entries = N * sum(problem.network.widths)
        add("finer direct", _DIRECT, whole, pairs=entries)
    add("distance", _DOUBLE_DOUBLE, ("distance", "stable_predictions"), more=p if N * p <= JACOBIAN_LIMIT else 0)
    found += _layer_constants(problem, found[-1])
    tensor = 8 * N * N * (_AUBIN[0] * p + _AUBIN[1] * N)
    found.append(Cost("aubin", BASE_MEMORY + tensor, _AUBIN[2] * N**3 * (p + N), 0.5 + _AUBIN[3] * N * N, ("aubin",)))
    if problem.set == "given":
        q = problem.network.widths[-2] + 1
        found.append(Cost("window", BASE_MEMORY + _WINDOW[0] * q**2, 0.0, 0.5 + _WINDOW[1] * q**3,
                          ("excess", "hausdorff")))
    if N <= CONGRUENCE_LIMIT:
        add("congruence", _CONGRUENCE)
    if N <= EXTENDED_LIMIT:
        add("double-double", _DOUBLE_DOUBLE)
        if N * p <= JACOBIAN_LIMIT:
            add("Jacobian", _DOUBLE_DOUBLE, more=p)
    return tuple(found)


def _layer_constants(problem: Problem, whole: Cost) -> list[Cost]:
    """`distance` over a budget with LipSDP for every row, behind one or more layers; none where it is not tried."""
    if problem.set == "given" or problem.parameter != "features" or isinstance(problem.network, GraphNetwork):
        return []
    from certify.theorems.distance.layer_constants import LARGEST

    net, n, rows = problem.network, len(problem.kept), len(problem.rows)
    widths, largest, work, layers = net.widths, 0, 0.0, 0
    for h in net.layers(problem.layer):
        size = min(widths[:2]) + sum(widths[1:h])
        if h > 1 and widths[h - 1] + (net.biases[h - 1] is not None) >= n and rows * size**3 <= LARGEST:
            largest, work, layers = max(largest, size), work + rows * size**3, layers + 1
    memory = whole.memory + 8 * _CONSTANTS[0] * largest**2
    rest = whole.rest + _CONSTANTS[2] * rows * layers
    return [Cost("constants", memory, whole.flops + _CONSTANTS[1] * work, rest, whole.quantities)] if layers else []


def _passes(problem: Problem) -> tuple[Cost, ...]:
    """The tiers of :class:`certify.prove.sublevel.Sublevel`: passes through the network, no matrix over the rows."""
    from certify.network.lipschitz.reach import CHUNK

    if isinstance(problem.network, GraphNetwork):
        return _graph_passes(problem, problem.network)
    rows = 0 if problem.reference is None else len(problem.reference.X)
    entries, M = (problem.n + rows) * sum(problem.network.widths), problem.kernel_size if rows else 0
    formed = M * (problem.parameters + M)  # entries of the matrix of S2

    def cost(name: str, need: tuple[int, float], bounds: tuple[str, ...], more: int = 0) -> Cost:
        memory = BASE_MEMORY + 8 * (need[0] * entries + more + _JACOBIAN[0] * formed)
        return Cost(name, memory, _JACOBIAN[1] * M * formed, need[1] * entries + 0.2, bounds)

    pointwise = ("modulus", "sample_modulus")
    found = [cost("passes", _PASS, (*pointwise, "persistence_radius")), cost("double-double", _PASS_DOUBLE, pointwise),
             cost("aubin", _DESCENTS, ("aubin",), more=_KRYLOV * problem.parameters)]
    if problem.parameter == "features":
        chunk = min(CHUNK, problem.n * problem.inputs * max(problem.network.widths[1:]))
        need = (_PASS[0], _PERSISTENCE[1])
        found.append(cost("radius", need, ("persistence_radius",), more=_PERSISTENCE[0] * chunk))
    return tuple(found)


def _graph_passes(problem: Problem, network: GraphNetwork) -> tuple[Cost, ...]:
    """Passes through a graph, in chunks of rows: memory does not grow with the rows but for the data."""
    from certify.network.graph.gradients import chunk_rows, numbers_of_row

    each, entries = numbers_of_row(network), problem.n * numbers_of_row(network)
    data = 3 * problem.n * problem.inputs
    pointwise = ("modulus", "sample_modulus")

    def cost(name: str, need: tuple[int, float], bounds: tuple[str, ...], extended: bool) -> Cost:
        rows = min(problem.n, chunk_rows(network, extended))
        return Cost(name, BASE_MEMORY + 8 * (need[0] * rows * each + data), 0.0, need[1] * entries + 1.0, bounds)

    windows = sum(network.windows(node) for node in network.nodes) + network.units
    memory = BASE_MEMORY + 2 * _GRAPH_BALLS[0] * windows + 8 * data + 200 * network.parameters("all")
    return (cost("passes", _GRAPH, (*pointwise, "persistence_radius"), False),
            cost("double-double", _GRAPH_DOUBLE, pointwise, True),
            Cost("balls", memory, 0.0, 2.0 + _GRAPH_BALLS[1] * problem.n * windows, pointwise))


def remedy(problem: Problem, quantity: str, limits: Limits) -> str:
    """What would fit into the limits, in words."""
    memory = limits.memory
    if quantity in CONVEX and problem.map == "critical" and problem.set != "given":
        more = "raise memory_limit" if limits.stated else "use a machine with more memory"
        wanted = more if last_layer_cost(problem).memory > memory else "raise time_limit"
        return f"use fewer rows, fewer outputs or a narrower last layer, or {wanted}"
    able = [cost for cost in costs(problem) if quantity in cost.quantities]
    if not able:
        return "list fewer rows in the data, or ask for modulus"
    if problem.map == "critical":
        more = "raise memory_limit" if limits.stated else "use a machine with more memory"
        wanted = [more] if max(cost.memory for cost in able) > memory else ["raise time_limit"]
        return ", or ".join(["use a smaller network, or one layer of it", *wanted])
    always = [cost.memory for cost in able if cost.name in ("solution", "radius")]
    need = max([*always, min(cost.memory for cost in able)])
    parts = []
    others = [c for c in costs(problem) if "modulus" in c.quantities and c.name != "solution"]
    if quantity == "sample_modulus" and not always and any(c.memory <= memory for c in others):
        parts.append("ask for modulus alone with a gate")
    if need > memory:
        share = max((memory - BASE_MEMORY) / (need - BASE_MEMORY), 0.0)
        sublevel = problem.map == "sublevel"
        fit = int(problem.n * share) if sublevel else int(problem.equations * share**0.5) // problem.outputs
        parts += [f"use at most about {fit} rows"] if fit else []
        parts.append("raise memory_limit" if limits.stated else "use a machine with more memory")
    elif limits.seconds is not None:
        parts.append("raise time_limit")
    return ", or ".join(parts)
