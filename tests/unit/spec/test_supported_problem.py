"""A problem built in Python is refused where no theorem is about it, whatever is asked."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from certify.format.errors import InputError
from certify.format.quantities import QUANTITIES
from certify.format.support import applying
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.question import question_of
from certify.problem.rules.supported import require_answerable, require_words
from tests.house.grid import ONE, point
from tests.house.specs import LAYER

DEPTH = {"all": 3, "inner": 3, "last": 3, "only": 1}
NET = Network((np.array([[1.0]]),), (None,), "identity")


def stated(at) -> SimpleNamespace:
    """Words and members of a problem, without numbers."""
    graph = object.__new__(GraphNetwork)
    return SimpleNamespace(
        network=graph if at.network == "graph" else SimpleNamespace(depth=DEPTH[at.layer]), map=at.map, base=at.base,
        layer=LAYER[at.layer], loss=at.loss, set=at.set, parameter=at.parameter, norm=at.norm,
        weight_norm=at.weight_norm, weight_decay=0.1 if at.decay else 0.0, direction="down" if at.down else None,
        y=0 if at.targets else None, labels=None, radius=0.5 if at.radius else None, level=0.1 if at.level else None,
        count=1 if at.count else None, change=0 if at.change else None, reference=0 if at.reference else None,
        spec=None, scale=None, units=None, evaluation=None, arithmetic=at.arithmetic, normalization=at.normalization,
        bias_decay=not at.undecayed, weights=None, relative=at.relative)


def test_some_theorem_is_about_every_problem_that_is_accepted():
    kept = refused = 0
    for number in range(3, ONE, 7919):
        at = replace(point(number), units=False, arithmetic="float")
        if at.parameter == "sample_weights":
            at = replace(at, down=False)  # which a problem of any map may say
        if at.network == "module":
            continue
        some = any(applying(replace(at, quantity=name, radius=radius, level=at.level or name == "persistence_radius",
                                    window=True, evaluation=True))
                   for name in QUANTITIES for radius in {at.radius, at.radius or at.parameter != "labels"})
        problem = stated(at)
        require_words(problem)
        if some:
            require_answerable(problem)
        else:
            with pytest.raises(InputError):
                require_answerable(problem)
        kept, refused = kept + some, refused + (not some)
    assert kept > 20 and refused > 200


@pytest.mark.parametrize("members, name, parts", [
    ({"map": "none"}, "map", ["'none'", "use one of interpolation, critical, sublevel"]),
    ({"parameter": "sample_weights"}, "parameter",
     ["parameter 'sample_weights' with map 'interpolation'", "any sample weights", "use parameter = 'features'"]),
    ({"map": "critical", "level": 0.5}, "level", ["level given with map 'critical'", "leave level out"]),
    ({"map": "sublevel", "base": "nearby"}, "base", ["base 'nearby' with map 'sublevel'", "use base = 'given'"]),
    ({"map": "sublevel", "set": "sparse", "count": 1}, "map", ["and no theorem is about it", "use map ="]),
    ({"norm": 1}, "norm", ["norm 1 with set 'total'", "use norm = 2"]),
    ({"direction": "down"}, "direction", ["direction given with parameter 'features'", "leave direction out"]),
    ({"map": "critical", "loss": "logistic", "y": None, "labels": np.array([0, 1]), "parameter": "labels"}, "parameter",
     ["parameter 'labels'", "use "]),
    ({"merge_duplicates": True, "map": "critical"}, "merge_duplicates", ["every row is a term", "leave it out"]),
    ({"layer": 2}, "layer", ["2 of a network of 1", "'all' or 1"]),
    ({"weight_norm": "function"}, "reference", ["no reference with weight_norm 'function'", "give reference"]),
])
def test_what_no_theorem_is_about_is_refused_with_a_way_out(members, name, parts):
    problem = {"y": np.array([[1.0], [2.0]]), "parameter": "features"} | members
    with pytest.raises(InputError) as refused:
        Problem(NET, np.array([[1.0], [3.0]]), rows=(0, 1), **problem)
    assert str(refused.value).startswith(name) and all(part in str(refused.value) for part in parts), refused.value


def test_a_question_of_a_problem():
    found = question_of(Problem(NET, np.array([[1.0]]), None, "features", (0,)), "modulus")
    assert (found.layer, found.targets, found.network) == ("only", False, "chain") and applying(found)
