"""What the switchboards of prover and checker say of a combination of words; goes when they go.

Run as a script it asks them the whole grid and keeps the answers in `grid.xz`.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np

from certify.check import claims, table
from certify.check.reading import spec as checked
from certify.format.errors import CertifyError
from certify.format.question import Question
from certify.format.refusal import Invalid
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.units import WEIGHT_DISTANCE
from certify.prove import critical, interpolation, sublevel
from certify.prove import head as convex_distance
from certify.prove.critical import Critical
from certify.prove.meaning import quantities, require_meaning
from certify.spec import models
from certify.spec.convexity import CONVEX, asks_for_convexity
from certify.spec.validity import require_spec
from certify.systems.critical.words import critical_unit
from certify.theorems.aubin.sublevel import require_built
from certify.theorems.modulus import exact
from certify.theorems.modulus.set_quantities import theorem_of
from certify.theorems.persistence.radius import persistence_unit
from tests.house.grid import AUBIN, LATER, PLAIN, REFUSED
from tests.house.specs import DECAY, LAYER, LEVEL, RADIUS, WIDTHS, spec_of


class Chain(Network):
    """A network of words alone."""

    activation, depth, widths = "relu", 0, (2, 1)

    def __init__(self, depth: int) -> None:
        object.__setattr__(self, "depth", depth)

    def layers(self, layer):
        return tuple(range(1, self.depth + 1)) if layer == "all" else (layer,)

    def parameters(self, layer):
        return 9


CHAINS = {"all": Chain(3), "inner": Chain(3), "last": Chain(3), "only": Chain(1)}
GRAPH = object.__new__(GraphNetwork)
X = np.zeros((2, 2))
CHANGE = {"features": X, "targets": X[:, :1], "sample_weights": X[:, :1], "labels": X[:, :1]}


def problem_of(at: Question, spec: models.Spec) -> Problem:
    """The problem of words alone: nothing of it was read."""
    problem, classes = object.__new__(Problem), at.loss != "squared" and at.map != "interpolation"
    labels = np.array([0, 1]) if classes and at.targets else None
    for name, value in dict(
        network=GRAPH if at.network == "graph" else CHAINS[at.layer], X=X, labels=labels,
        y=np.zeros((2, 1)) if at.targets and not classes else None, parameter=at.parameter, rows=(0, 1),
        layer=LAYER[at.layer], merge_duplicates=False, groups=(), spec=spec, map=at.map, base=at.base, loss=at.loss,
        weight_decay=DECAY if at.decay else 0.0, level=LEVEL if at.level else None, set=at.set,
        scale=np.ones(2) if at.units else None, weight_norm=at.weight_norm,
        reference=object() if at.reference else None, norm=at.norm, radius=RADIUS if at.radius else None,
        count=1 if at.count else None, change=CHANGE[at.parameter] if at.change else None, arithmetic=at.arithmetic,
        evaluation=X if at.evaluation else None, direction="down" if at.down else None,
    ).items():
        object.__setattr__(problem, name, value)
    return problem


def of_prover(at: Question) -> str:
    """The claims that the prover would state, `REFUSED` where it reads no such spec, `LATER` where it stops after."""
    spec = spec_of(at)
    try:
        require_spec(spec)
    except CertifyError:
        return REFUSED
    problem, said = problem_of(at, spec), []
    try:
        with patch.object(Problem, "_require_critical", _require_critical):
            problem._require_words()
        names = quantities(problem)
        convex = asks_for_convexity(at.map, [gate.quantity for gate in spec.gate], at.set)
        if at.arithmetic == "exact":
            exact.require_exact(problem)
        if at.down and not convex:
            return LATER
        for name in names:
            said.append(f"{name} {_claim(problem, name, convex)}")
    except CertifyError:
        return LATER
    return "; ".join(said)


_whole = Problem._require_critical


def _require_critical(problem: Problem) -> None:
    """The check without the numbers of the one change: its labels are in order."""
    with patch("certify.problem.perturbations.flips.require_flips", lambda _: None):
        _whole(problem)


def _claim(problem: Problem, name: str, convex: bool) -> str:
    """Theorem and unit of one claim."""
    if convex:
        with patch.object(convex_distance, "enclose_last_layer", lambda *_: None):
            convex_distance.convex_parts(problem)
        if name not in CONVEX:
            raise CertifyError(name, "not built", "")
        return f"Q6 {convex_distance.UNITS[name]}"
    kind = {"interpolation": interpolation, "critical": critical, "sublevel": sublevel}[problem.map]
    if name not in kind.QUANTITIES:
        raise CertifyError(name, "not built", "")
    me = SimpleNamespace(problem=problem)
    if kind is interpolation:
        require_meaning(problem, name)
        unit = "evaluation rows" if name == "stable_predictions" else interpolation.Interpolation._unit(me, name)
        return f"{theorem_of(problem, name)} {unit}"
    if kind is critical:
        Critical._require_meaning(me, name)
        theorem = {"distance": "Q7", "first_order_prediction_change": "P1"}.get(name, "M5")
        return f"{theorem} {critical_unit(problem, name)}"
    if name == "aubin":
        require_built(problem)
    if name == "persistence_radius":
        if problem.network is GRAPH and problem.parameter == "features":
            raise CertifyError(name, "not built", "")
        return f"M6 {persistence_unit(problem)}"
    moved = {"features": "feature change", "targets": "target change"}.get(problem.parameter, "")
    moved = moved or "change of the sample weights"
    return f"{'Q5' if name == 'aubin' else 'M6'} {WEIGHT_DISTANCE[problem.weight_norm]} per unit of {moved}"


@cache
def gate_of(name: str) -> checked.Gate:
    return checked.Gate(name, "max", 1.0)


def of_checker(at: Question) -> str:
    """The claims that the checker would accept; it reads no network without widths, and looks at no arithmetic."""
    if at.network == "module":
        return REFUSED
    graph = at.network == "graph"
    spec = checked.Spec(
        widths=() if graph else WIDTHS[at.layer], activation="tanh", features="X", targets="y" if at.targets else None,
        loss=at.loss, layer=LAYER[at.layer], parameter=at.parameter, rows="all",
        gates=() if at.quantity in (PLAIN, AUBIN) else (gate_of(at.quantity),), model="m.safetensors", data="d.npz",
        map=at.map, base=at.base, level=LEVEL if at.level else None, weight_decay=DECAY if at.decay else 0.0,
        set=at.set, columns=(0,) if at.units else None, scale=None, radius=RADIUS if at.radius else None,
        weight_norm=at.weight_norm, reference="d.npz" if at.reference else None, graph="g.json" if graph else None,
        norm=at.norm, count=1 if at.count else None, direction="down" if at.down else None,
        change="u.npz" if at.change else None, aubin=at.quantity == AUBIN, window=1.0 if at.window else None,
        evaluation="d.npz" if at.evaluation else None)
    if graph and at.layer != "all" or at.reference != (at.weight_norm == "function"):  # both refused while it is read
        return REFUSED
    try:
        checked._consistent(spec)
    except Invalid:
        return REFUSED
    said = []
    for name in _wanted(spec):
        problem = SimpleNamespace(map=at.map, set=at.set, norm=at.norm, base=at.base, parameter=at.parameter,
                                  weight_norm=at.weight_norm, kept=(0, 1), features=(0, 1))
        stated = "P1" if name == "first_order_prediction_change" else "M5"
        claim = SimpleNamespace(quantity=name, theorem=stated, lower=None, upper=None, rows=(), where="")
        rule = table.rule_of(claim, problem)
        theorem = rule.theorem(claim, SimpleNamespace(problem=problem, tilt=None))
        said.append(f"{name} {theorem} {rule.units(claim, problem)[0]}")
    return "; ".join(said)


class _Asked(Exception):
    pass


def _wanted(spec: checked.Spec) -> list[str]:
    """What the checker wants claims about, as its refusal of none says."""
    if spec.gates:
        return [gate.quantity for gate in spec.gates]
    try:
        claims.check_claims((), spec, None, None, {})
    except Invalid as refused:
        import json

        return json.loads(refused.found.removeprefix("the spec asks for "))
    raise AssertionError("no claims satisfy no spec")


def main() -> None:
    """Ask all, keep all, and say how many."""
    from collections import Counter

    from tests.house.grid import SIZE, freeze, point

    pairs = [(of_prover(at), of_checker(at)) for at in map(point, range(SIZE))]
    freeze(pairs)
    print(SIZE, Counter((a if a in (REFUSED, LATER) else "proved", b if b == REFUSED else "checked") for a, b in pairs))


if __name__ == "__main__":
    main()
