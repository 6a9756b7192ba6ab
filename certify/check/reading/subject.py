"""The problem, rebuilt from the bytes of spec, model and data alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.data import Vector
from certify.check.reading.data_file import read_data
from certify.check.reading.spec import Question, Spec
from certify.check.words.losses import LOSSES
from certify.check.words.solutions import MAPS, NEARBY, SolutionMap
from certify.check.words.weight_norms import WEIGHT_NORMS, WeightNorm
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.graph import Graph
    from certify.check.reading.optional.changed import Changed
    from certify.check.reading.optional.functionals import Functionals
    from certify.check.words.parameters import Parameter
    from certify.check.words.row_norms.base import RowNorm
    from certify.check.words.sets.base import PerturbationSet

UNREAD = (".pt", ".pth", ".th", ".pt2", ".onnx", ".parquet")


@dataclass(frozen=True)
class Layer:
    """One layer: `outputs × inputs` weights in row-major order, and its biases or None."""

    outputs: int
    inputs: int
    weights: Vector
    biases: Vector | None

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return len(self.weights) + len(self.biases or ())


@dataclass(frozen=True, kw_only=True)
class Problem(Question):
    """Network, data and perturbation, as exact numbers.

    Attributes:
        layers: the network's layers.
        free: numbers (from 1) of the layers whose parameters may move.
        features: every data row.
        targets: every row's targets, or None where the spec names none or they are class labels.
        groups: groups of two or more rows with equal features, ascending.
        kept: numbers of the rows that give equations, ascending.
        moving: numbers of the rows that may move, ascending, all of them kept.
        labels: every row's class label, or None.
        kind, row_weights: as in the spec; kind with its groups `together`, weights by row.
        scale: unit of every feature, 0 for one that may not move; None: all 1.
        names: name of every feature; None where the data has no names.
        reference: the reference rows of the function norm; empty without it.
        graph: the network where a graph file gives it: no layers then, or its last node, which reads `enter(rows)`.
        change: the one change of `given`, by moving row.
        evaluation: features of the rows on which predictions are compared; empty where no quantity needs them.
        right: the right labels of these rows as their file has them, where it is asked how many are; None elsewhere.
        functionals: of the weights, where the evaluation rows are such.
        changed: the loss after that change; None: as it is in the files (critical map).
    """

    layers: tuple[Layer, ...]
    free: tuple[int, ...]
    features: tuple[Vector, ...]
    targets: tuple[Vector, ...] | None
    groups: tuple[tuple[int, ...], ...]
    kept: tuple[int, ...]
    moving: tuple[int, ...]
    labels: Vector | None
    names: tuple[str, ...] | None
    scale: Vector | None = None
    reference: tuple[Vector, ...] = ()
    graph: Graph | None = None
    change: Mapping[int, Sequence[float | arb]] | None = None
    evaluation: tuple[Vector, ...] = ()
    right: Array | None = None
    functionals: Functionals | None = None
    changed: Changed | None = None
    kind: Json | None = None
    row_weights: Sequence[float | arb] | None = None
    enter: Callable[[Sequence[Any]], Sequence[Any]] = tuple

    @cached_property
    def budget(self) -> PerturbationSet:
        """What the set is."""
        from certify.check.words.sets.base import set_of

        return set_of(self.set)

    @property
    def moves(self) -> Parameter:
        """What moves."""
        from certify.check.words.parameters import PARAMETERS

        return PARAMETERS[self.parameter]

    @property
    def row_norm(self) -> RowNorm:
        """The norm of one row's change; of one number all are equal."""
        from certify.check.words.row_norms.base import norm_of

        return norm_of(2 if self.moves.single else self.norm)

    @property
    def lengths(self) -> WeightNorm:
        """What the weights are measured in."""
        return WEIGHT_NORMS[self.weight_norm]

    @property
    def solutions(self) -> SolutionMap:
        """What the map is."""
        return MAPS[self.map]

    @property
    def nearby(self) -> bool:
        """Whether the solution is proved near the weights in the file."""
        return NEARBY[self.base]

    @property
    def points(self) -> tuple[Vector, ...] | tuple[tuple[arb, ...], ...]:
        """Every data row, after the change where the loss is the changed one."""
        return self.features if self.changed is None or self.changed.points is None else self.changed.points

    @property
    def outputs(self) -> int:
        """Number k of network outputs."""
        return self.layers[-1].outputs if self.graph is None else self.graph.outputs

    @property
    def kinked(self) -> bool:
        """Whether the network has a kink anywhere."""
        if self.graph is not None:
            return self.graph.kinked
        return ACTIVATIONS[self.activation].kinked and len(self.layers) > 1

    @property
    def contrasts(self) -> bool:
        """Whether the outputs count only up to one number a row: critical points of the cross-entropy (M5a)."""
        return self.solutions.stationary and LOSSES[self.loss].shares

    @property
    def block(self) -> int:
        """Equations a row gives, where the solution is one of `f(x_i, w) = …`: the outputs or their contrasts."""
        return self.outputs - self.contrasts

    @property
    def equations(self) -> int:
        """Number of equations: kept rows times outputs; parameters (critical map); 1 for the sublevel map."""
        return self.solutions.equations(len(self.kept) * self.outputs, self.parameters)

    @property
    def interpolation_rows(self) -> int:
        """Rows of the kernel of an interpolation system, also where critical points are its solutions (M5a)."""
        return len(self.kept) * self.block + len(self.reference) * self.outputs

    @property
    def at_once(self) -> int:
        """Most rows that move at once."""
        return len(self.moving) if self.count is None else min(self.count, len(self.moving))

    @property
    def full(self) -> int:
        """Most rows that move by the whole radius at once."""
        return self.budget.full(len(self.moving), self.count)

    @property
    def parameters(self) -> int:
        """Number p of parameters that may move."""
        if self.graph is not None and not self.layers:
            return sum(node.parameters for node in self.graph.nodes)
        return sum(self.layers[h - 1].parameters for h in self.free)


def build_problem(
    spec: Spec, model: bytes, data: bytes, merge: bool, graph: bytes | None = None, change: bytes | None = None,
    reference: bytes | None = None, evaluation: bytes | None = None,
) -> Problem:
    """The problem that spec and bytes of files describe; `merge`: rows with equal features count as one."""
    if merge and not MAPS[spec.map].by_row:
        raise Invalid("problem.merge_duplicates", "true", f"the {spec.map} map counts every row")
    arrays, net = read_arrays(model, named("model", spec.model)), None
    others = {"graph": graph, "change": change, "reference": reference, "evaluation": evaluation}
    plain = spec.plain and all(there is None for there in others.values())
    if not plain:
        spec, net = _part("optional.beside").network(spec, arrays, others)
    layers = _network(arrays, spec.widths) if net is None else ()
    table = read_data(data, spec, named("data", spec.data))
    features = table.features
    groups = equal_rows(features)
    first = {row: group[0] for group in groups for row in group} if merge else {}
    kept = tuple(i for i in range(len(features)) if first.get(i, i) == i)
    listed = range(len(features)) if isinstance(spec.rows, str) else spec.rows
    if max(listed) >= len(features):
        raise Invalid("spec, perturbation.rows", f"row {max(listed)} is listed", f"the data has {len(features)} rows")
    found = Problem(
        **{word.name: getattr(spec, word.name) for word in fields(Question)},
        layers=layers, labels=table.labels, names=table.names or None, graph=net,
        free=tuple(range(1, len(layers) + 1)) if isinstance(spec.layer, str) else (spec.layer,),
        features=features, targets=table.targets, groups=groups, kept=kept,
        moving=tuple(sorted({first.get(i, i) for i in listed})),
    )
    return found if plain else _part("optional.beside").completed(found, spec, others, data)


def _part(name: str) -> Any:
    """What only some problems need, loaded for them alone."""
    return import_module(f"certify.check.reading.{name}")


def describe(problem: Problem, spec: Spec, merge: bool) -> Json:
    """The member `problem` that a certificate about this problem must have."""
    network: Json = {"widths": list(spec.widths), "activation": spec.activation,
                     "biases": [layer.biases is not None for layer in problem.layers]}
    network = network if spec.plain else _part("optional.beside").described(problem, spec, network)
    return network | {
        "map": spec.map, "base": spec.base, "layer": spec.layer, "parameter": spec.parameter,
        "rows": spec.rows if isinstance(spec.rows, str) else sorted(spec.rows),
        "set": spec.set, "norm": spec.norm, "weight_norm": spec.weight_norm,
        "n": len(problem.features), "inputs": len(problem.features[0]), "outputs": problem.outputs,
        "parameters": problem.parameters, "equations": problem.equations,
        "scale": None if problem.scale is None else list(problem.scale), "loss": spec.loss,
        "weight_decay": spec.weight_decay, "level": spec.level,
        "merge_duplicates": merge, "groups": [list(group) for group in problem.groups],
        "radius": spec.radius,
        "reparameterised": False,  # in the formats that are read here nothing is folded
        "names": None if problem.names is None else list(problem.names),
        "count": spec.count,
    }


def equal_rows(features: tuple[Vector, ...]) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more equal rows, each ascending, in the order of their first rows (−0 equals 0).

    >>> equal_rows(((0.0, 1.0), (2.0, 2.0), (-0.0, 1.0)))
    ((0, 2),)
    """
    seen: dict[Vector, list[int]] = {}
    for i, row in enumerate(features):
        seen.setdefault(row, []).append(i)
    return tuple(tuple(group) for group in seen.values() if len(group) > 1)


def named(role: str, file: str) -> str:
    """How to call a file; one of a format that this checker does not read is refused."""
    ending = "." + file.rpartition(".")[2].lower()
    if ending in UNREAD:
        raise Invalid(f"{role} file", f"the spec names {show(file)}",
                      f"this checker does not read {ending}; it reads .safetensors, .npz and, for data, .csv")
    return f"{role} file"


def _network(arrays: dict[str, Array], widths: tuple[int, ...]) -> tuple[Layer, ...]:
    """Weight and bias pairs in natural key order."""
    weights: dict[str, Array] = {}
    biases: dict[str, Array] = {}
    for key, array in arrays.items():
        prefix, _, last = key.rpartition(".")
        if last not in ("weight", "bias"):
            raise Invalid("model file", f"it holds {show(key)}", "every key must end in weight or bias")
        (weights if last == "weight" else biases)[prefix] = array
    order = sorted(weights, key=_natural)
    if len(order) != len(widths) - 1 or not set(biases) <= set(weights):
        raise Invalid("model file", f"it holds {show(sorted(arrays))}",
                      f"widths {list(widths)} need {len(widths) - 1} weights and no bias without one")
    layers = []
    for prefix, (inputs, outputs) in zip(order, pairwise(widths), strict=True):
        weight, bias = weights[prefix], biases.get(prefix)
        if weight.shape != (outputs, inputs):
            raise Invalid("model file", f"the weight of {show(prefix)} has shape {weight.shape}",
                          f"widths {list(widths)} need {(outputs, inputs)}")
        if bias is not None and bias.shape != (outputs,):
            raise Invalid("model file", f"the bias of {show(prefix)} has shape {bias.shape}",
                          f"widths {list(widths)} need {(outputs,)}")
        layers.append(Layer(outputs, inputs, weight.values, None if bias is None else bias.values))
    return tuple(layers)


def _natural(key: str) -> list[tuple[int, int, str]]:
    """A sorting key in which runs of digits count as numbers and come before other text."""
    parts = [part for part in re.split(r"([0-9]+)", key) if part]
    return [(0, int(part), "") if re.fullmatch("[0-9]+", part) else (1, 0, part) for part in parts]
