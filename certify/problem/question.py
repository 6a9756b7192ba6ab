"""What is asked of a problem, in the words of :mod:`certify.format.question`, and the theorem that answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.format.errors import InputError, SpecError
from certify.format.quantities import QUANTITIES
from certify.format.question import Question
from certify.format.support import applying, default_quantities
from certify.format.theorems import Theorem
from certify.format.words import Layer, Network
from certify.network.graph.graph import GraphNetwork
from certify.spec.nearest import refusal

if TYPE_CHECKING:
    from certify.problem.statement import Statement


def question_of(problem: Statement, quantity: str) -> Question:
    """One question about a problem, whoever built it.

    Args:
        problem: its words are known to the format.
        quantity: what is asked for.
    """
    spec = problem.spec
    return Question(
        quantity=quantity, map=problem.map, base=problem.base, network=_network(problem), layer=_layer(problem),
        loss=problem.loss, set=problem.set, parameter=problem.parameter, norm=problem.norm,
        weight_norm=problem.weight_norm, arithmetic=problem.arithmetic, normalization=problem.normalization,
        decay=problem.weight_decay > 0, undecayed=not problem.bias_decay,
        relative=problem.relative, down=problem.direction is not None,
        targets=problem.y is not None or problem.labels is not None,
        radius=problem.radius is not None, level=problem.level is not None, count=problem.count is not None,
        change=problem.change is not None, reference=problem.reference is not None, units=problem.units is not None,
        window=spec is not None and spec.window is not None, evaluation=problem.evaluation is not None,
        weighed=problem.weights is not None and not problem.weights.balanced,
        balanced=problem.weights is not None and problem.weights.balanced)


def _network(problem: Statement) -> Network:
    if isinstance(problem.network, GraphNetwork):
        return Network.GRAPH
    return Network.MODULE if problem.spec is not None and problem.spec.model.widths is None else Network.CHAIN


def _layer(problem: Statement) -> Layer:
    if isinstance(problem.network, GraphNetwork):
        return Layer.ALL if problem.layer == "all" else Layer.LAST
    depth = problem.network.depth
    if isinstance(problem.layer, str):
        return Layer.ONLY if depth == 1 else Layer.ALL
    return Layer.LAST if problem.layer == depth else Layer.INNER


def answering(problem: Statement, quantity: str) -> Theorem:
    """The theorem that bounds a quantity of a problem.

    Raises:
        SpecError: there is none, with what would work.
    """
    if quantity not in QUANTITIES:
        raise SpecError(f"quantity '{quantity}'", "not built", f"use {', '.join(QUANTITIES)}")
    question = question_of(problem, quantity)
    why = refusal(question)
    if why is not None:
        raise SpecError(f"quantity '{quantity}' of the {problem.map} map", why.found, why.remedy)
    return applying(question)[0]


def asked(problem: Statement) -> tuple[str, ...]:
    """The quantities that the spec of a problem asks for: those of its gates, or the default ones, each once."""
    spec = problem.spec
    assert spec is not None
    return tuple(dict.fromkeys(gate.quantity for gate in spec.gate)) or default_quantities(
        problem.set, problem.norm, problem.parameter, spec.aubin is not None, spec.window is not None)


def require_covered(problem: Statement, quantity: str, theorem: Theorem) -> None:
    """Refuse a problem that a theorem is not about.

    Args:
        problem: the problem.
        quantity: of the theorem.
        theorem: the one that is about to be applied.

    Raises:
        InputError: with what would work.
    """
    question = question_of(problem, quantity)
    if theorem in applying(question):
        return
    why = refusal(question)
    found = f"map '{problem.map}'" if why is None else why.found
    use = f"solution.map = \"{theorem.map}\"" if why is None else why.remedy
    raise InputError(quantity, found, f"{theorem.label} is built for other problems: {use}")
