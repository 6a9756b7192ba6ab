"""What a problem states: network, data, perturbation and solution map, with nothing refused and nothing computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from certify.format.words import Base, Map
from certify.network.functionals import Functionals
from certify.network.graph.graph import GraphNetwork
from certify.network.layer_scale import LayerScale
from certify.network.loss.base import Loss
from certify.network.loss.losses import LOSSES
from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.problem.norms.row_norm import ROW_NORMS
from certify.problem.norms.table import WEIGHT_NORMS
from certify.problem.norms.weight_norm import WeightNorm
from certify.problem.perturbations.moving import Moving
from certify.problem.perturbations.parameters import MOVING
from certify.problem.sample_weights import SampleWeights
from certify.problem.sets.perturbation_set import Budget
from certify.problem.sets.table import BUDGETS, SETS

if TYPE_CHECKING:
    from certify.spec.models import Spec


@dataclass(frozen=True, eq=False)
class Statement:
    """Network + data + perturbation + solution map.

    Interpolation, base `given`: the equations are `f(x_i, w) = f(x_i, w̄)` for each row i that stands for its
    group: with ``merge_duplicates`` rows with equal features are one row, represented by the first of them.
    Critical: `∇L(u, w) = 0`, L tilted (base `given`) or at an exact critical point (`nearby`).
    Sublevel: `L(u, w) ≤ ℓ`. The arrays are kept read-only; writable ones are copied.

    Attributes:
        network: a fully connected network; or for the sublevel map, and where the last layer alone moves, a graph.
        X: `(n, d)` features, float64, finite.
        y: `(n, k)` real targets, or None where the targets are class labels.
        parameter: what the perturbation moves: ``"features"``, ``"targets"``, ``"sample_weights"``, ``"labels"`` or
            ``"deletions"`` (these two of the critical map, at finite size).
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
        bias_decay: whether the biases carry the weight decay too.
        classes: what a user calls the labels, in the order of their numbers; None: as the data has them.
        weights: of the rows in the sum of the losses, by row and by label; None: all 1. Known of heads whose rows are
            left out or get other labels; by label, but for balanced ones, in Python alone.
        prepare: what is done to rows of features before the network, in floats; None: nothing. X is prepared already.
            It may say how many `columns` a row has before it, and whether what it makes is `of_rows`: of the training
            rows, so that a new row would have others.
            One that is a :class:`certify.inputs.prepared.Reads` takes rows in a form of its own, such as images.
        normalization: what the losses are divided by where rows are left out: ``"fixed"``: n; ``"remaining"``: the
            number of rows that are left.
        level: the level ℓ; None: the loss at the given weights.
        set: ``"total"``, ``"per_sample"``, ``"sparse"`` or ``"given"``: how the budget is shared.
        norm: 1, 2 or ``"inf"``: the norm of one row's change (`total` takes 2).
        radius: the budget, None where no quantity needs it.
        relative: whether the radius is a share of each target's own size.
        count: most rows that move at once (`sparse`).
        direction: ``"down"``: sample weights only fall; None: both ways.
        change: `(n, d)`, `(n, k)` or, of sample weights, `(n, 1)`: the one change of `given`, 0 on rows that do not
            move; of labels `(n, 1)` the new label of every row in `rows`. Of rows that are left out there is none.
        together: groups of rows that change as one, each ascending, in the order of their first rows; `count` is then
            how many of them change at once. None: every row by itself.
        relabelled: beside `count` rows that are left out, how many others get another label at once.
        pairs: labels (a, b), as the data has them: a may become b, and nothing else changes. None: any other.
        arithmetic: ``"float"`` or ``"exact"`` (rationals, for small piecewise linear problems).
        scale: `(d,)` unit of each feature, 0 for one that may not move; None: all 1.
        names: names of the features, for a reader; None where the data has none.
        weight_norm: ``"euclidean"``, ``"relative"`` or ``"function"``: how a motion of the weights is measured.
        reference: the rows of the function norm with its τ, else None.
        evaluation: `(N, d)` rows on which predictions are compared, else None.
        right: `(N,)` or `(N, k)` their right labels as the file has them, where it has some and they are asked about.
        threshold: of one output: the label of such a row is whether the output lies above it; None: above 0.
        ended: whether the weights keep the rule by which the solver of their fit ends; None: nobody knows it.
        functionals: what multiplies the intercept in the evaluation rows, where these are functionals of a head's
            weights; None: they are rows that are predicted.
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
    relative: bool = False
    count: int | None = None
    change: np.ndarray | None = None
    arithmetic: str = "float"
    evaluation: np.ndarray | None = None
    direction: str | None = None
    threshold: float | None = None
    bias_decay: bool = True
    normalization: str = "fixed"
    right: np.ndarray | None = None
    together: tuple[tuple[int, ...], ...] | None = None
    relabelled: int | None = None
    pairs: tuple[tuple[float, float], ...] | None = None
    fresh: str | None = None
    box: tuple[tuple[float, float], ...] | None = None
    classes: tuple[Any, ...] | None = None
    weights: SampleWeights | None = None
    prepare: Callable[[np.ndarray], np.ndarray] | None = None
    functionals: Functionals | None = None
    ended: bool | None = None

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
    def solutions(self) -> Map:
        """The solution map, with what it says of itself."""
        return Map(self.map)

    @property
    def inputs(self) -> int:
        """Number d of features."""
        return self.network.widths[0]

    @property
    def columns(self) -> int:
        """Number of columns of a row as a caller has it, before `prepare`."""
        return int(getattr(self.prepare, "columns", self.inputs))

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """Names of these columns, where they are known."""
        return self.names or getattr(self.prepare, "names", None)

    @property
    def outputs(self) -> int:
        """Number k of network outputs."""
        return self.network.widths[-1]

    @property
    def equations(self) -> int:
        """Number of equations: nk for interpolation, p for critical points, the one inequality for the sublevel map."""
        if self.solutions.stationary:
            return self.parameters
        return 1 if self.solutions.levels else len(self.kept) * self.outputs

    @property
    def parameters(self) -> int:
        """Number p of free parameters: those of the chosen layers."""
        return self.network.parameters(self.layer)

    @property
    def kernel_size(self) -> int:
        """Rows of the kernel that is computed with: equations, and outputs at the reference rows."""
        return self.equations + self.measure.rows * self.outputs

    @property
    def nearby(self) -> bool:
        """Whether the map is examined at an exact solution near the given weights."""
        return Base(self.base).near

    @property
    def row_budgets(self) -> bool:
        """Whether every row has a budget of its own, and not all rows together one."""
        return SETS[self.set].by_row

    @property
    def budget(self) -> Budget:
        """How the sizes of the rows' changes add up; of every set but the one given change."""
        return BUDGETS[self.set]

    @property
    def moving(self) -> Moving:
        """What of the data moves."""
        return MOVING[self.parameter]

    @property
    def reweighted(self) -> bool:
        """Whether sample weights move."""
        return self.moving.reweighs

    @property
    def row_loss(self) -> Loss:
        """The loss of one row."""
        return LOSSES[self.loss]

    @property
    def read_by_loss(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Targets and labels, of which the loss reads one: the other is None."""
        if self.row_loss.slides:
            return self.y, None
        return (self.y if self.labels is None else None), self.labels

    @property
    def width(self) -> int:
        """Numbers of one row that may change."""
        return self.moving.width(self.inputs, self.outputs)

    @property
    def units(self) -> np.ndarray | None:
        """Unit of each feature, where features move; None: all 1."""
        return self.moving.units(self.scale)

    @property
    def movable(self) -> NDArray[np.intp]:
        """The numbers of one row that may change: features with a unit, all targets, the one sample weight."""
        return self.moving.movable(self.inputs, self.outputs, self.scale)

    @property
    def boxes(self) -> bool:
        """Whether one row's change lies in a box, and not in a ball that the Euclidean one contains."""
        return ROW_NORMS[self.norm].box

    @property
    def rational(self) -> bool:
        """Whether rational arithmetic is asked for."""
        return self.arithmetic == "exact"

    @cached_property
    def measure(self) -> WeightNorm:
        """The norm in which a motion of the weights is measured."""
        return WEIGHT_NORMS[self.weight_norm](self.reference)

    @property
    def most_rows(self) -> int:
        """How many rows may move at once."""
        return len(self.rows) if self.count is None else self.count

    @cached_property
    def layer_scale(self) -> LayerScale:
        """The scale of every layer in the norm of the weights; all 1 but for the relative norm."""
        net = self.network
        if isinstance(net, GraphNetwork):
            return LayerScale(())
        return self.measure.scale(net, net.layers(self.layer))
