"""A problem: network, data, perturbation and solution map, with nothing computed yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.format.errors import InputError
from certify.network.graph.graph import GraphNetwork
from certify.network.layer_scale import LayerScale
from certify.network.network import Network, owned
from certify.problem.norms.function import DEFAULT_TAU, Reference
from certify.problem.training import check_label_changes, check_losses, check_threshold

if TYPE_CHECKING:
    from certify.estimation import ModuleProblem
    from certify.spec import Spec


@dataclass(frozen=True, eq=False)
class Problem:
    """Network + data + perturbation + solution map.

    Interpolation, base `given`: the equations are `f(x_i, w) = f(x_i, w̄)` for each row i that stands for its
    group: with ``merge_duplicates`` rows with equal features are one row, represented by the first of them.
    Critical: `∇L(u, w) = 0`, L tilted (base `given`) or at an exact critical point (`nearby`).
    Sublevel: `L(u, w) ≤ ℓ`. The arrays are kept read-only; writable ones are copied.

    Attributes:
        network: a fully connected network, or for the sublevel map a graph.
        X: `(n, d)` features, float64, finite.
        y: `(n, k)` real targets, or None where the targets are class labels.
        parameter: ``"features"``, ``"targets"``, ``"sample_weights"`` or ``"labels"`` (of the critical map, at finite
            size): what the perturbation moves.
        rows: row numbers that may move, ascending (all of them representatives).
        layer: ``"all"`` or a layer number from 1; the other layers are frozen.
        merge_duplicates: whether rows with equal features are treated as one.
        groups: groups of two or more rows with equal features, each ascending (found if not given).
        spec: the spec this problem was read from, None if built in Python.
        files: paths of spec, model and data where the problem was read from files.
        labels: `(n,)` class labels, or None where the targets are real or missing.
        map: ``"interpolation"``, ``"critical"`` or ``"sublevel"``.
        base: ``"given"`` or ``"nearby"``.
        loss, weight_decay: the training loss (critical, sublevel).
        level: the level ℓ; None: the loss at the given weights.
        set: ``"total"``, ``"per_sample"``, ``"sparse"`` or ``"given"``: how the budget is shared.
        norm: 1, 2 or ``"inf"``: the norm of one row's change (`total` takes 2).
        radius: the budget, None where no quantity needs it.
        count: most rows that move at once (`sparse`).
        direction: ``"down"``: sample weights only fall; None: both ways.
        change: `(n, d)`, `(n, k)` or, of sample weights, `(n, 1)`: the one change of `given`, 0 on rows that do not
            move.
        arithmetic: ``"float"`` or ``"exact"`` (rationals, for small piecewise linear problems).
        scale: `(d,)` unit of each feature, 0 for one that may not move; None: all 1.
        names: names of the features, for a reader; None where the data has none.
        weight_norm: ``"euclidean"``, ``"relative"`` or ``"function"``: how a motion of the weights is measured.
        reference: the rows of the function norm with its τ, else None.
        evaluation: `(N, d)` rows on which predictions are compared, else None.
        threshold: of one output: the label of such a row is whether the output lies above it; None: above 0.
    """

    network: Network | GraphNetwork
    X: np.ndarray
    y: np.ndarray | None
    parameter: str
    rows: tuple[int, ...]
    layer: str | int = "all"
    merge_duplicates: bool = False
    groups: tuple[tuple[int, ...], ...] | None = None
    spec: Spec | None = None
    files: dict[str, Path] | None = None
    labels: np.ndarray | None = None
    map: str = "interpolation"
    base: str = "given"
    loss: str = "squared"
    weight_decay: float = 0.0
    level: float | None = None
    set: str = "total"
    scale: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    weight_norm: str = "euclidean"
    reference: Reference | None = None
    norm: int | str = 2
    radius: float | None = None
    count: int | None = None
    change: np.ndarray | None = None
    arithmetic: str = "float"
    evaluation: np.ndarray | None = None
    direction: str | None = None
    threshold: float | None = None

    @staticmethod
    def from_module(
        module: Any, X: Any, y: Any, loss: str = "cross_entropy", weight_decay: float = 0.0, map: str = "critical",
        base: str = "given", **more: Any,
    ) -> ModuleProblem:
        """Any torch module with its training data, for :func:`certify.estimate`; nothing can be proved about it.

        Args:
            module: a `torch.nn.Module` in eval mode, of which a copy is taken.
            X: `(n, …)` array or tensor.
            y: `(n,)` integer labels, or `(n, k)` real targets (squared) or rows of probabilities (cross_entropy).
            loss, weight_decay: `L = (1/n) Σ ℓ_i + (weight_decay/2)|w|²`.
            map: ``"critical"`` or ``"interpolation"``.
            base: ``"given"`` or ``"nearby"``.
            more: `batch_statistics`, `chunk`, `device` of :func:`certify.estimation.module_problem`.

        Raises:
            InputError: what does not fit together.
            MissingPackage: torch is not installed.
        """
        from certify.estimation import module_problem

        unknown = sorted(set(more) - {"batch_statistics", "chunk", "device", "tell"})
        if unknown:
            raise InputError("from_module", f"there is no '{unknown[0]}'", "use batch_statistics, chunk, device")
        return module_problem(module, X, y, loss=loss, weight_decay=weight_decay, map=map, base=base, **more)

    def __post_init__(self) -> None:
        """Refuse what the theorems do not allow, whoever built the problem."""
        _require_real(self.X, (len(self.X), self.network.widths[0]), "features X")
        if self.y is not None:
            _require_real(self.y, (self.n, self.network.widths[-1]), "targets y")
        if self.scale is not None:
            _require_real(self.scale, (self.network.widths[0],), "scale")
        for name in ("X", "y", "scale", "labels", "change"):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):  # the groups of equal rows, and all bounds, are those of these numbers
                object.__setattr__(self, name, owned(array))
        self._check_words()
        self._check_norm()
        check_losses(self)
        check_threshold(self)
        found = equal_rows(self.X)
        if self.groups not in (None, (), found):
            raise InputError("groups", f"{self.groups}", f"the groups of equal rows are {found}")
        object.__setattr__(self, "groups", found)
        if self.base == "nearby" and self.merge_duplicates:
            self._check_merged(found)
        if not self.rows or list(self.rows) != sorted(set(self.rows)) or not set(self.rows) <= set(self.kept):
            raise InputError("rows", f"{list(self.rows)[:5]}…", "give row numbers, ascending; of merged rows the first")

    def _check_words(self) -> None:
        """Refuse words outside the vocabulary, and combinations no theorem is about."""
        for name, value, words in (
            ("map", self.map, ("interpolation", "critical", "sublevel")), ("base", self.base, ("given", "nearby")),
            ("parameter", self.parameter, ("features", "targets", "sample_weights", "labels")),
            ("weight_norm", self.weight_norm, ("euclidean", "relative", "function")),
            ("set", self.set, ("total", "per_sample", "sparse", "given")),
            ("loss", self.loss, ("squared", "cross_entropy", "logistic")),
        ):
            if value not in words:
                raise InputError(name, f"'{value}'", f"use one of {', '.join(words)}")
        if isinstance(self.network, GraphNetwork):
            self._check_graph()
            return
        depth = self.network.depth
        if self.layer != "all" and not (isinstance(self.layer, int) and 1 <= self.layer <= depth):
            raise InputError("layer", f"{self.layer!r} of a network of {depth}", f"give 'all' or 1 … {depth}")
        self._check_combinations()

    def _check_graph(self) -> None:
        """What is built for graphs: the sublevel map over all parameters."""
        if self.map != "sublevel":
            raise InputError("map", f"'{self.map}' for a graph network", "use map = 'sublevel'")
        if self.layer != "all":
            raise InputError("layer", f"{self.layer!r} of a graph network", "use 'all'")
        self._check_combinations()

    def _check_combinations(self) -> None:
        if self.map == "interpolation" and self.parameter == "sample_weights":
            raise InputError("parameter", "sample_weights with interpolation", "use features or targets")
        if self.map == "sublevel" and (self.merge_duplicates or self.base != "given"):
            raise InputError("map", "sublevel with merged rows or base nearby", "use base given, without merging")
        if self.map == "critical":
            self._check_critical()
        elif self.base == "nearby" and self.y is None:
            raise InputError("base", "nearby without real targets", "give targets y, or use base given")
        if self.parameter == "labels":
            check_label_changes(self)
        self._check_set()

    def _check_set(self) -> None:
        """Refuse a perturbation set no theorem is about."""
        if self.norm not in (1, 2, "inf"):
            raise InputError("norm", f"{self.norm!r}", "use 1, 2 or 'inf'")
        if self.map == "sublevel" and (self.norm != 2 or self.set in ("sparse", "given")):
            raise InputError("set", f"'{self.set}' with norm {self.norm} and the sublevel map",
                             "use total or per_sample with norm 2")
        if self.norm != 2 and self.set in ("total", "given"):
            raise InputError("norm", f"{self.norm!r} with set '{self.set}'", "use norm 2")
        if self.radius is not None and not (math.isfinite(self.radius) and self.radius > 0):
            raise InputError("radius", f"{self.radius}", "give a finite number above 0")
        if (self.count is None) != (self.set != "sparse") or (self.count is not None and self.count < 1):
            raise InputError("count", f"{self.count} with set '{self.set}'", "give 1 or more with set 'sparse' alone")
        if self.direction not in (None, "down") or (self.direction and self.parameter != "sample_weights"):
            raise InputError("direction", f"{self.direction!r} of {self.parameter}",
                             "give None, or 'down' where sample weights move")
        if (self.change is None) != (self.set != "given"):
            raise InputError("change", f"{'none' if self.change is None else 'one'} with set '{self.set}'",
                             "give it with set 'given' alone")
        if self.change is not None:
            width = {"features": self.inputs, "targets": self.outputs}.get(self.parameter, 1)
            _require_real(self.change, (self.n, width), "change")
            still = np.ones(self.n, dtype=bool)
            still[list(self.rows)] = False
            if _bits(self.change)[still].any():
                raise InputError("change", "a row that may not move changes", "list it in rows, or give it 0")

    def _check_norm(self) -> None:
        """Refuse a norm of the weights that this network or this map does not have."""
        if (self.weight_norm == "function") != (self.reference is not None):
            raise InputError("weight_norm", f"'{self.weight_norm}' {'with' if self.reference else 'without'} reference",
                             "the function norm takes reference rows, the others none")
        if self.reference is not None:
            _require_real(self.reference.X, (len(self.reference.X), self.network.widths[0]), "reference rows")
            if not 2.0**-40 <= self.reference.tau <= 2.0**40:
                raise InputError("tau", f"{self.reference.tau}", "give a number from 2^-40 to 2^40")
            object.__setattr__(self, "reference", Reference(owned(self.reference.X), float(self.reference.tau)))
        if self.weight_norm != "euclidean" and isinstance(self.network, GraphNetwork):
            raise InputError("weight_norm", f"'{self.weight_norm}' for a graph network", "use 'euclidean'")
        _ = self.layer_scale  # refuses a layer without size

    def _check_critical(self) -> None:
        """Every row is a term of the loss; targets move where the loss has real ones."""
        if self.merge_duplicates:
            raise InputError("merge_duplicates", "with map critical, where every row is a term of the loss",
                             "leave it out")
        if self.level is not None:
            raise InputError("level", f"{self.level} with map critical", "leave it out, it belongs to the sublevel map")
        if self.set == "given" and self.base == "nearby":
            from certify.problem.perturbations.flips import check_flips

            check_flips(self)
            return
        if self.parameter == "targets" and self.loss != "squared":
            raise InputError("parameter", f"targets with the {self.loss} loss", "use features or sample_weights")

    def _check_merged(self, groups: tuple[tuple[int, ...], ...]) -> None:
        """Refuse to merge rows whose targets differ: no network gives equal features two outputs."""
        assert self.y is not None
        y = _bits(self.y)
        for i, *others in groups:
            for j in others:
                if (y[i] != y[j]).any():
                    raise InputError("merge_duplicates with base nearby",
                                     f"rows {i} and {j} have equal features and different targets",
                                     'give them one target, drop one of them, or use base = "given"')

    @property
    def n(self) -> int:
        """Number of data rows in the file."""
        return int(self.X.shape[0])

    @property
    def kept(self) -> tuple[int, ...]:
        """Rows that give equations: all, or one per group of equal rows when merging."""
        if not self.merge_duplicates:
            return tuple(range(self.n))
        dropped = {i for group in self.groups or () for i in group[1:]}
        return tuple(i for i in range(self.n) if i not in dropped)

    @property
    def inputs(self) -> int:
        """Number d of features."""
        return self.network.widths[0]

    @property
    def outputs(self) -> int:
        """Number k of network outputs."""
        return self.network.widths[-1]

    @property
    def equations(self) -> int:
        """Number of equations: nk for interpolation, p for critical points, the one inequality for the sublevel map."""
        if self.map == "critical":
            return self.parameters
        return 1 if self.map == "sublevel" else len(self.kept) * self.outputs

    @property
    def parameters(self) -> int:
        """Number p of free parameters: those of the chosen layers."""
        return self.network.parameters(self.layer)

    @property
    def kernel_size(self) -> int:
        """Rows of the kernel that is computed with: equations, and outputs at the reference rows."""
        return self.equations + (0 if self.reference is None else len(self.reference.X) * self.outputs)

    @cached_property
    def layer_scale(self) -> LayerScale:
        """The scale of every layer in the norm of the weights; all 1 but for the relative norm."""
        net = self.network
        if isinstance(net, GraphNetwork):
            return LayerScale(())
        if self.weight_norm == "relative":
            return LayerScale.relative(net, net.layers(self.layer))
        return LayerScale.euclidean(net.depth)


def _require_real(array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Refuse anything but a finite float64 array of that shape: other types would be computed with, or rounded."""
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(name, "a masked array", "fill or drop the masked entries")
    if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.shape != shape or array.size == 0:
        found = f"{getattr(array, 'dtype', type(array).__name__)} of shape {np.shape(array)}"
        raise InputError(name, found, f"give a nonempty float64 array of shape {shape}")
    if not np.isfinite(array).all():
        raise InputError(name, "NaN or infinity", "give finite numbers only")


def _bits(x: np.ndarray) -> np.ndarray:
    """Bit patterns, −0 as 0: equal where the numbers are, even on a thread that reads a subnormal as 0."""
    bits = np.ascontiguousarray(x, dtype=np.float64).view(np.uint64)
    return np.where(bits == np.uint64(1 << 63), np.uint64(0), bits)


def equal_rows(X: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more rows that are equal as real vectors (−0 equals 0), ascending.

    >>> equal_rows(np.array([[1.0], [2.0], [1.0]]))
    ((0, 2),)
    """
    seen: dict[bytes, list[int]] = {}
    for i, row in enumerate(_bits(X)):
        seen.setdefault(row.tobytes(), []).append(i)
    return tuple(tuple(g) for g in seen.values() if len(g) > 1)


def load_problem(path: str | Path, merge_duplicates: bool = False) -> Problem:
    """Read a spec and the files it names, refuse what is invalid, and return the problem.

    Args:
        path: the spec, a TOML file.
        merge_duplicates: treat rows with equal features as one row.

    Raises:
        SpecError, InputError: with one line that says what to change.
    """
    from certify.inputs import load_data, load_evaluation, load_reference, read_graph_network, read_network, units
    from certify.inputs.arrays import placed_change
    from certify.spec import load_spec
    from certify.spec.validity import check_problem, check_rows

    path = Path(path)
    spec = load_spec(path)
    folder = path.parent
    network: Network | GraphNetwork
    files = {"spec": path, "model": folder / spec.model.file, "data": folder / spec.data.file}
    if spec.model.graph is None:
        network = read_network(spec, folder)
    else:
        files["graph"] = folder / spec.model.graph
        network = read_graph_network(spec, folder)
    shape = network.shape if isinstance(network, GraphNetwork) else ()
    data = load_data(spec, folder, network.widths, shape)
    X = data.X
    reference = None
    if spec.weights.reference is not None:
        files["reference"] = folder / spec.weights.reference
        tau = DEFAULT_TAU if spec.weights.tau is None else spec.weights.tau
        reference = Reference(load_reference(spec, folder, network.widths, data.names), tau)
    evaluation = None
    if spec.evaluation is not None:
        files["evaluation"] = folder / spec.evaluation.file
        evaluation = load_evaluation(spec, folder, network.widths, data.names)
    check_rows(spec, len(X))
    groups = equal_rows(X)
    listed = spec.perturbation.rows
    rows = tuple(range(len(X))) if listed == "all" else tuple(sorted(set(listed)))
    first = {i: g[0] for g in groups for i in g} if merge_duplicates else {}
    change = None
    if spec.perturbation.set == "given":
        files["change"] = folder / str(spec.perturbation.file)
        width = {"features": network.widths[0], "targets": network.widths[-1]}.get(spec.perturbation.parameter, 1)
        change = placed_change(spec, folder, range(len(X)) if listed == "all" else listed, (len(X), width), first)
    rows = tuple(sorted({first.get(i, i) for i in rows}))
    problem = Problem(
        network=network, X=X, y=data.y, parameter=spec.perturbation.parameter, rows=rows,
        layer=spec.solution.layer, merge_duplicates=merge_duplicates, groups=groups, spec=spec,
        labels=data.labels, map=spec.solution.map, base=spec.solution.base, loss=spec.training.loss,
        weight_decay=spec.training.weight_decay, level=spec.solution.level, set=spec.perturbation.set,
        scale=units(spec.perturbation, network.widths[0], data.names), names=data.names,
        files=files, weight_norm=spec.weights.norm, reference=reference, norm=spec.perturbation.norm,
        radius=spec.perturbation.radius, count=spec.perturbation.count, change=change, arithmetic=spec.run.arithmetic,
        evaluation=evaluation, direction=spec.perturbation.direction,
        threshold=None if spec.evaluation is None else spec.evaluation.threshold,
    )
    check_problem(problem)
    return problem
