"""The questions that a spec asks, in the words of :mod:`certify.format.question`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.question import Question
from certify.format.support import default_quantities
from certify.format.words import Layer, Network

if TYPE_CHECKING:
    from certify.spec.models import Spec


def questions(spec: Spec) -> tuple[Question, ...]:
    """One question for each quantity that a spec asks for, by its gates or without any.

    >>> from certify.spec import parse_spec
    >>> [q.quantity for q in questions(parse_spec(b'''
    ... version = 1
    ... model = { file = "m.safetensors", widths = [2, 5, 1], activation = "tanh" }
    ... data = { file = "d.npz" }
    ... '''))]
    ['modulus', 'sample_modulus']
    """
    p, solution = spec.perturbation, spec.solution
    names = tuple(dict.fromkeys(gate.quantity for gate in spec.gate)) or default_quantities(
        p.set, p.norm, p.parameter, spec.aubin is not None, spec.window is not None)
    return tuple(Question(
        quantity=name, map=solution.map, base=solution.base, network=_network(spec), layer=_layer(spec),
        loss=spec.training.loss, set=p.set, parameter=p.parameter, norm=p.norm, weight_norm=spec.weights.norm,
        arithmetic=spec.run.arithmetic, normalization=spec.training.normalization,
        decay=spec.training.weight_decay > 0, undecayed=not spec.training.bias_decay, down=p.direction is not None,
        relative=p.relative,
        targets=spec.data.targets is not None, radius=p.radius is not None, level=solution.level is not None,
        count=p.count is not None, change=p.file is not None or p.array is not None,
        reference=spec.weights.reference is not None or spec.weights.tau is not None,
        units=p.columns is not None or p.scale is not None, window=spec.window is not None,
        evaluation=spec.evaluation is not None, weighed=spec.data.weights is not None,
        balanced=spec.training.class_weight is not None) for name in names)


def _network(spec: Spec) -> Network:
    if spec.model.graph is not None:
        return Network.GRAPH
    return Network.MODULE if spec.model.widths is None else Network.CHAIN


def _layer(spec: Spec) -> Layer:
    layer, depth = spec.solution.layer, len(spec.model.widths or ()) - 1
    if layer == "last":
        return Layer.LAST
    if layer == "all":
        return Layer.ONLY if depth == 1 else Layer.ALL
    return Layer.LAST if layer == depth else Layer.INNER
