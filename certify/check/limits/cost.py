"""About what a check costs, from the sizes of the problem alone: said before it begins, and held against limits.

Fitted to the checks of the published reports, in processor seconds of one core: 78 of 96 lie within a factor of three,
all within ten. What boxes and trees take is estimated when their side file is read; what other searches take that a
certificate brings along is not in its sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from certify.check.reading.arrays import Array
from certify.check.reading.certificate import Claim, Witness, array_names
from certify.check.reading.subject import Problem
from certify.check.table import row_of, system_of

Claims = Sequence[Claim[object]]

HEAD, STARTED = "head", 30.0
"""The rules of a last layer alone; and megabytes of the program itself."""

MORE = {"aubin.sublevel": 25.0, "aubin.interpolation": 4.0, "persistence.radius": 6.0, "distance.given_change": 3.0,
        "distance.compensation": 3.0, "predictions.labels": 3.0}
"""How many times as long as the others of their system some rules take."""


MANY = 800
"""Equations beyond which random probes stand for a factorisation, where they may."""


@dataclass(frozen=True)
class Cost:
    """What a check takes.

    Attributes:
        seconds: of one core.
        megabytes: at most at once.
    """

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2g} s and {self.megabytes:.2g} MB" if self.megabytes < 1e3 else (
            f"{self.seconds:.2g} s and {self.megabytes / 1e3:.2g} GB" if self.seconds < 1e3 else
            f"{self.seconds / 3600:.2g} h and {self.megabytes / 1e3:.2g} GB")


def _units(problem: Problem) -> int:
    """Inputs and units of all layers; of a graph the inputs and what its parameters would be of one square layer."""
    if not problem.layers:
        return len(problem.features[0]) + int(problem.parameters ** 0.5)
    return problem.layers[0].inputs + sum(layer.outputs for layer in problem.layers)


def _interpolation(problem: Problem, probed: bool) -> Cost:
    """Passes over the rows, the kernel entry by entry, and factorisations of it, or what stands for them."""
    N, depth = problem.equations + len(problem.reference) * problem.outputs, len(problem.layers) + 1
    passes = problem.parameters * N
    if probed and N > MANY:  # between a factor of floats and, where the kernel is ill-conditioned, a sharper one
        return Cost(1 + 6e-6 * N**2 + 2e-9 * N**3 + 6e-7 * passes, 40 + 3.2e-4 * N**2 + 5e-6 * passes)
    return Cost(1 + 2.4e-6 * N**2 * depth + 1.2e-8 * N**3 + 6e-7 * passes, 40 + 2e-4 * N**2 * depth + 5e-6 * passes)


def _critical(problem: Problem, probed: bool) -> Cost:
    """Passes, second derivatives entry by entry, their inverse, and what every row does to the gradient."""
    if probed:
        return _probed(problem)
    p, n, k = problem.parameters, len(problem.features), problem.outputs
    columns = len(problem.features[0]) if problem.moves.inputs else 1
    seconds = 0.2 + 1.2e-6 * n * k * _units(problem) + 5e-5 * n * p + 6.5e-6 * p**2 * columns + 2e-8 * p**3
    return Cost(seconds, 10 + 4.4e-5 * n * k * _units(problem) + 9e-4 * n * p + 8.5e-6 * p**2 * columns)


def _probed(problem: Problem) -> Cost:
    """The critical map where random probes decide: an inverse and motions of all rows from another process, a pass."""
    p, n = problem.parameters, len(problem.features)
    motions = p * len(problem.moving) * len(problem.features[0])
    seconds = 0.5 + 6.5e-11 * p**3 + 3.3e-11 * p * motions + 5e-7 * motions + 2.6e-7 * p**2 + 4.2e-6 * n * p
    return Cost(seconds, 80 + 1.6e-5 * motions + 3e-5 * p**2 + 2e-4 * n * p)


def _sublevel(problem: Problem, probed: bool) -> Cost:
    """Passes."""
    n, p = len(problem.features), problem.parameters
    return Cost(0.1 + 4.1e-8 * n * p + 5.1e-6 * n * _units(problem),
                15 + 1.6e-6 * n * p + 2.6e-4 * n * _units(problem) + 8.4e-4 * p)


def _head(problem: Problem, probed: bool) -> Cost:
    """Outputs of the last layer, and the second derivatives of the whole loss."""
    n, p, k = len(problem.features) + len(problem.evaluation), problem.parameters, problem.outputs
    return Cost(1.5 + 1.7e-4 * n * k + 1.2e-5 * p**2 * k, 27 + 8.7e-3 * n * k + 8.3e-5 * p**2 * k)


SYSTEMS: dict[str, Callable[[Problem, bool], Cost]] = {
    "interpolation": _interpolation, "critical": _critical, "sublevel": _sublevel, HEAD: _head}
"""By the map of the problem, but for the rules of a last layer alone."""


TREE, CLASSES, CHOICES = "pair_tree.parent", "softmax_pairs.hot", "by_choice.parent"
LABELS, GROUPS, SUMS = "softmax_labels.parts", "group_tree.sets", "label_sums.weights"
"""Arrays that tell of a tree: one number a node; of pairs of several classes: one a hot row; of wrong labels; of
groups of rows, one line a node; and of sums of steps."""

BOX, BENT, BOXES, WIDE = "rows.box.slabs", "bent_box.slabs", "box_tree.parent", 48
"""Of a box for all choices, of one to second order, and of a tree of boxes; and of how many rows a box has products
where it does not say."""

TWO = "both_pairs.weights"
"""Of a deleted and a relabelled row: one line a choice of one row at most."""

PARTED = "separate_boxes.box_wide"
"""Of outputs that are fitted apart: one number a box."""

FURTHER = 0.5
"""What each further bound of a node takes beside its first one, with which the steps are formed."""


def tree(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """A tree of pairs of rows, D12 and D13, by its nodes: what a tree brings along is in its arrays alone.

    At a node after which two rows and more follow, steps of up to 1,536 rows, and of all where labels change, are held
    against all rows, once more for each further bound; below it a step for each of some rows, and of labels a refit
    for each leaf.
    """
    n, p = len(problem.features), len(problem.features[0]) + 1
    arrays = [side.get(f"{start}{name}") for name in ("parent", "hot_count", "box_count", "leaf_count")]
    if any(array is None for array in arrays):  # it is refused when it is read
        return Cost(0.0, 0.0)
    parents, hot, boxes, leaves = ([int(x) for x in array.values] for array in arrays if array is not None)
    inner = {x for x in parents if x >= 0} or {0}
    followed = sum(x for at, x in enumerate(hot) if at not in inner)  # of labels alone
    own, last = n if followed or n <= 1536 else 1024, len(parents) - len(inner)
    more = FURTHER * sum(max(x - 1, 0) for at, x in enumerate(boxes) if at in inner)
    below = 3.5e-6 * n * p * last + 5e-7 * n * followed + 3e-6 * n * sum(leaves)
    return Cost(8e-6 * own * n * (len(inner) + more) + below, 60 + 1.2e-4 * own * n)


def classes(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """Pairs of rows of several classes, D16, by its hot rows: what of it a certificate brings along are arrays alone.

    The root has steps of up to some hundred rows, each formed some times, and bounds of all pairs; a child of a hot row
    a matrix of all weights, its inverse, blocks of it for all rows, and steps that are formed again.
    """
    n, p, k = len(problem.features), len(problem.features[0]) + 1, problem.outputs
    hot, N = len(side[f"{start}hot"].values), p * problem.outputs
    steps, evaluated = min(n, 640) * n * k, len(problem.evaluation)
    root = 0.3 + 5e-6 * steps + 1e-8 * N**3 + 1e-8 * n * N**2
    child = 0.05 + 4e-7 * steps + 6e-9 * N**3 + 1.5e-9 * (n + evaluated) * N**2
    return Cost(root + hot * child, 60 + 5e-5 * steps + 5e-4 * N**2)


def choices(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """Choices of two and three rows one by one, D17, by the nodes of their tree.

    A node after which two rows and more follow has two matrices of all weights with their inverses, or one and the
    root's, steps of some hundred rows that are held against all rows, and products of some thousand rows with each
    other; where three rows follow thousands of pairs are formed, and all triples are looked at. What a last node takes
    is less.
    """
    n, p = len(problem.features), len(problem.features[0]) + 1
    depth = list[int]()
    for parent in [int(x) for x in side[f"{start}parent"].values]:
        depth.append(depth[parent] + 1 if 0 <= parent < len(depth) else 0)
    left = [max(problem.at_once - x, 1) for x in depth]
    node = 2.5e-9 * n * p**2 + 5e-8 * p**3 + 1.2e-5 * min(n, 384) * n
    first = node + 2.5e-6 * min(n, 512) * n + 1.3e-9 * min(n * n // 2, 8500) * n * p + 2.5e-6 * min(n, 512) ** 3 / 6
    seconds = sum({1: 0.1 * node, 2: node}.get(k, first) for k in left)
    return Cost(seconds, 60 + 4e-4 * n * p + 1.5e-4 * min(n, 512) * n + 1.4e-4 * min(n, 3072) ** 2)


def labels(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """One wrong label of several classes, D18: a matrix of all weights or two, and every choice by itself."""
    n, N, k = len(problem.features), len(problem.evaluation), problem.outputs
    size, weights = (len(problem.features[0]) + 1) * k, side.get(f"{start}weights")
    count = weights.shape[0] if weights is not None and weights.shape else 0
    matrices = side[f"{start}parts"].shape[0] * (6e-9 * size**3 + 2.8e-9 * n * size**2)
    return Cost(0.3 + matrices + count * (1.4e-6 * n * k + 1e-6 * N * k), 60 + 3.2e-5 * count * size + 5e-4 * size**2)


def grouped(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """Steps of groups, D21: at each node a matrix and a system for each group, and products of steps with all rows."""
    sets, groups = side[f"{start}sets"], len((problem.kind or {}).get("together") or ())
    n, p, count = len(problem.features), len(problem.features[0]) + 1, sets.shape[1] if len(sets.shape) == 2 else 0
    left = sum(any(x < 0 for x in sets.values[at : at + count]) for at in range(0, len(sets.values), count or 1))
    seconds = 1e-7 * (n * p**2 * len(sets.values) / (count or 1) + groups * p**3 * left) + 3e-7 * n * groups * left
    return Cost(seconds, 60 + 1e-4 * n * groups + 8e-5 * groups**2)


def summed(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """Sums of linear steps, D20: for each case of balanced labels, or once, moves of all rows by all steps."""
    moves = len(problem.features) * len(problem.moving)
    cases = max(sum(name.startswith(start) for name in side) - 1, 1)
    return Cost(6e-7 * moves * cases, 10 + 1.2e-5 * moves)


def paired(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """A deleted and a relabelled row, D1c: single refits in balls, and all pairs in whole numbers."""
    n, weights = len(problem.features), side[f"{start}weights"]
    single = weights.shape[0] if weights.shape else 0
    return Cost(5e-6 * n * single + 7.5e-8 * n * single**2, 40 + 4e-2 * n)


def bounded(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """One box for all choices of changed rows, D5, and what it leaves of the margins of all evaluation rows."""
    wide = side.get(f"{start}box.wide")
    return _boxes(problem, [wide.values[0] if wide is not None and wide.values else WIDE], len(problem.evaluation))


def bent(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """One box to second order, D24: of each row, its negative and each point what all rows do along it, and a form."""
    n, p = len(problem.features), len(problem.features[0]) + 1
    along = 2 * n + len(problem.evaluation)
    return Cost(2.5e-6 * along * n + along * (5e-10 * n * p**2 + 3e-7 * p**2), 60 + 1.2e-2 * n + 1.6e-5 * n * p**2)


def grown(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """A tree of boxes, D6, by its boxes and leaves."""
    counts, leaves, numbers = (side.get(f"{start}{name}") for name in ("box_count", "leaf_count", "numbers"))
    if counts is None or leaves is None or numbers is None:  # it is refused when it is read
        return Cost(0.0, 0.0)
    wide = side.get(f"{start}wide")
    of = [max(x, WIDE) for x in wide.values] if wide is not None else [WIDE] * int(sum(counts.values))
    found = _boxes(problem, of, sum(x >= 0 for x in numbers.values))
    return Cost(found.seconds + 5e-6 * len(problem.features) * sum(leaves.values), found.megabytes)


def parted(problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """Boxes of outputs that are fitted apart, D34, by boxes and refits."""
    wide, leaves, numbers = (side.get(f"{start}{name}") for name in ("box_wide", "leaf_row", "numbers"))
    if wide is None or leaves is None or numbers is None:  # it is refused when it is read
        return Cost(0.0, 0.0)
    found = _boxes(problem, [max(x, WIDE) for x in wide.values], sum(x >= 0 for x in numbers.values))
    return Cost(found.seconds + 5e-6 * len(problem.features) * len(leaves.values), found.megabytes)


def _boxes(problem: Problem, wide: Sequence[float], points: int) -> Cost:
    """Products of all rows once, for each box two inverses and products of so many rows, and margins of points."""
    n, p = len(problem.features), len(problem.features[0]) + 1
    each = 8e-5 * n + 1.3e-8 * n * p**2
    seconds = 5e-5 * n + 1e-6 * n * p + 8e-9 * points * n * p
    seconds += 1.5 * sum(each + n * x * (2.5e-7 + 9e-9 * p) for x in wide)
    return Cost(seconds, 60 + 4.5e-4 * n * p + 1.6e-5 * n * max(wide, default=0.0))


Kind = Callable[[Problem, Mapping[str, Array], str], Cost]
KINDS: dict[str, Kind] = {
    TREE: tree, CLASSES: classes, CHOICES: choices, LABELS: labels, BOX: bounded, BENT: bent,
    BOXES: grown, PARTED: parted, GROUPS: grouped, SUMS: summed, TWO: paired}
"""By the end of the name of an array that there is one of for each."""


def _read(kind: Kind, problem: Problem, side: Mapping[str, Array], start: str) -> Cost:
    """What is there costs; nothing where its numbers are no sizes: it is refused when it is read."""
    try:
        return kind(problem, side, start)
    except (OverflowError, IndexError, MemoryError):
        return Cost(0.0, 0.0)


def searched(problem: Problem, claims: Claims) -> bool:
    """Whether a claim about a last layer brings along what a search found, which the sizes do not tell."""
    return any(isinstance(claim.witness, Witness) and array_names(claim.witness)
               and row_of(claim, problem).module.startswith(f"{HEAD}.") for claim in claims)


def cost_of(problem: Problem, claims: Claims, probed: bool = True, side: Mapping[str, Array] | None = None) -> Cost:
    """About what the claims cost together: those of one system share what they rest on.

    Args:
        problem, claims: of the certificate.
        probed: whether critical points may be left to probes of one pass, where they are for it.
        side: the arrays of the claims, once they are read.
    """
    if probed and problem.nearby:  # what is loaded for an estimate alone would count with what a verdict rests on
        large = import_module("certify.check.systems.critical_nearby").large
        suited = import_module("certify.check.probed.suited").suited
        probed = large(problem) and suited(problem, claims)
    else:
        probed = False
    found: dict[str, tuple[float, float]] = {}
    for claim in claims:
        module = row_of(claim, problem).module
        system = HEAD if module.startswith(f"{HEAD}.") else system_of(claim, problem)
        one, (seconds, megabytes) = SYSTEMS[system](problem, probed), found.get(system, (0.0, 0.0))
        found[system] = max(seconds, one.seconds * MORE.get(module, 1.0)), max(megabytes, one.megabytes)
    trees = [_read(kind, problem, side or {}, name.removesuffix(end.partition(".")[2]))
             for name in side or () for end, kind in KINDS.items() if name.endswith(end)]
    found[TREE] = sum(x.seconds for x in trees), max((x.megabytes for x in trees), default=0.0)
    return Cost(sum(s for s, _ in found.values()), STARTED + sum(m for _, m in found.values()))
