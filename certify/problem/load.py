"""From a spec and the files it names to the problem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import SpecError
from certify.format.labels import CORRECT
from certify.format.words import Parameter, Set
from certify.network.functionals import Functionals
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.norms.function import DEFAULT_TAU, Reference
from certify.problem.problem import Problem, equal_rows
from certify.problem.sample_weights import SampleWeights
from certify.problem.validity import require_problem
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.spec.models import Spec


def load_problem(path: str | Path, merge_duplicates: bool = False) -> Problem:
    """Read a spec and the files it names, refuse what is invalid, and return the problem.

    Args:
        path: the spec, a TOML file.
        merge_duplicates: treat rows with equal features as one row.

    Raises:
        SpecError, InputError: with one line that says what to change.
    """
    from certify.inputs import load_data, load_reference, read_graph_network, read_network, units
    from certify.inputs.arrays import placed_change
    from certify.inputs.groups import load_groups
    from certify.spec import load_spec
    from certify.spec.validity import require_rows

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
    if spec.about is not None:
        spec.about.require(network.widths[0], network.widths[-1])
    shape = network.shape if isinstance(network, GraphNetwork) else ()
    data = load_data(spec, folder, network.widths, shape)
    X = data.X
    reference = None
    if spec.weights.reference is not None:
        files["reference"] = folder / spec.weights.reference
        tau = DEFAULT_TAU if spec.weights.tau is None else spec.weights.tau
        reference = Reference(load_reference(spec, folder, network.widths, data.names), tau)
    if spec.evaluation is not None and spec.evaluation.file is not None:
        files["evaluation"] = folder / spec.evaluation.file
    evaluation, right, functionals = _evaluated(spec, folder, network.widths, data.names, shape)
    require_rows(spec, len(X))
    groups = equal_rows(X)
    listed = spec.perturbation.rows
    rows = tuple(range(len(X))) if listed == "all" else tuple(sorted(set(listed)))
    first = {i: g[0] for g in groups for i in g} if merge_duplicates else {}
    change = None
    if not Set(spec.perturbation.set).sized and not Parameter(spec.perturbation.parameter).leaves:
        files["change"] = folder / str(spec.perturbation.file)
        widths = {Parameter.FEATURES: network.widths[0], Parameter.TARGETS: network.widths[-1]}
        width = widths.get(Parameter(spec.perturbation.parameter), 1)
        change = placed_change(spec, folder, range(len(X)) if listed == "all" else listed, (len(X), width), first)
    rows = tuple(sorted({first.get(i, i) for i in rows}))
    problem = Problem(
        network=network, X=X, y=data.y, parameter=spec.perturbation.parameter, rows=rows,
        layer=spec.solution.layer, merge_duplicates=merge_duplicates, groups=groups, spec=spec,
        labels=data.labels, map=spec.solution.map, base=spec.solution.base, loss=spec.training.loss,
        weight_decay=spec.training.weight_decay, bias_decay=spec.training.bias_decay,
        normalization=spec.training.normalization, level=spec.solution.level, set=spec.perturbation.set,
        scale=units(spec.perturbation, network.widths[0], data.names), names=data.names,
        files=files, weight_norm=spec.weights.norm, reference=reference, norm=spec.perturbation.norm,
        radius=spec.perturbation.radius, relative=spec.perturbation.relative,
        count=spec.perturbation.count, change=change, arithmetic=spec.run.arithmetic,
        evaluation=evaluation, right=right, functionals=functionals, direction=spec.perturbation.direction,
        threshold=None if spec.evaluation is None else spec.evaluation.threshold,
        together=None if spec.perturbation.groups is None else load_groups(spec, folder, len(X)),
        relabelled=spec.perturbation.relabelled, pairs=spec.perturbation.pairs,
        fresh=spec.perturbation.fresh, box=spec.perturbation.box,
        weights=_weighed(spec, folder, len(X)),
    )
    require_problem(problem)
    return problem


def _weighed(spec: Spec, folder: Path, n: int) -> SampleWeights | None:
    """What rows count: the numbers of the data, or by how many rows each label has; None: all the same."""
    from certify.inputs.groups import load_weights

    given = spec.training.class_weight
    if isinstance(given, tuple):
        return SampleWeights(labels=np.array(given))
    if given is not None:
        return SampleWeights(balanced=True)
    return None if spec.data.weights is None else SampleWeights(load_weights(spec, folder, n))


def _weights(spec: Spec, inputs: int, names: tuple[str, ...] | None) -> tuple[Array, Functionals]:
    """Every weight that is listed as a row of its own, without the intercept."""
    from certify.inputs.scale import columns_of

    assert spec.evaluation is not None and spec.evaluation.coefficients is not None
    columns = columns_of(spec.evaluation.coefficients, "evaluation.coefficients", inputs, names)
    called = tuple(f"column {j}" if names is None else names[j] for j in columns)
    return np.eye(inputs)[list(columns)], Functionals(np.zeros(len(columns)), called)


def _evaluated(spec: Spec, folder: Path, widths: tuple[int, ...], names: tuple[str, ...] | None,
               shape: tuple[int, ...]) -> tuple[Array | None, Array | None, Functionals | None]:
    """The evaluation rows, their right labels where a gate counts these, and what makes functionals of them.

    Raises:
        SpecError: such a gate, and no labels.
    """
    from certify.inputs import load_evaluated, load_intercepts

    if spec.evaluation is None:
        return None, None, None
    if spec.evaluation.file is None:
        rows, found = _weights(spec, widths[0], names)
        return rows, None, found
    asked = any(gate.quantity == CORRECT for gate in spec.gate)
    evaluation, right = load_evaluated(spec, folder, widths, names, labels=asked, shape=shape)
    if asked and right is None:
        raise SpecError(f"gate on {CORRECT}", "the evaluation file has no array or column of right labels, such as "
                        f"{spec.evaluation.targets or spec.data.targets!r}", "name it with [evaluation] targets")
    if spec.evaluation.intercept is None:
        return evaluation, right, None
    return evaluation, right, Functionals(load_intercepts(spec, folder, len(evaluation)))
