"""The nearest question that a theorem answers, from which messages say what would work.

The prover's messages need this; no verdict does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count, product
from types import MappingProxyType
from typing import Any, Final

from certify.format import words
from certify.format.quantities import QUANTITIES
from certify.format.question import KEYS, NEEDS, Answer, Domain, Question
from certify.format.support import BOUNDING, applying, broken
from certify.format.theorems import Theorem
from certify.format.words import Layer, Network

ANSWERS: Final[Mapping[str, tuple[Answer, ...]]] = MappingProxyType({key: (True, False) for key in KEYS} | {
    "quantity": tuple(QUANTITIES), "map": tuple(words.Map), "base": tuple(words.Base), "network": tuple(Network),
    "layer": tuple(Layer), "loss": tuple(words.Loss), "set": tuple(words.Set), "parameter": tuple(words.Parameter),
    "norm": words.ROW_NORMS, "weight_norm": tuple(words.WeightNorm), "arithmetic": tuple(words.Arithmetic)})
"""Every answer to every key of a question."""



@dataclass(frozen=True)
class Key:
    """A key of a question as a spec writes it.

    Attributes:
        path: section and key.
        cost: how much a user gives up who changes it: the nearest domain has the least cost.
        words: an answer in words, where `path = "answer"` is not how a spec writes it.
    """

    path: str
    cost: int = 1
    words: Mapping[Any, str] = field(default_factory=dict)

    def use(self, answer: Answer) -> str:
        """How to write an answer.

        >>> WRITTEN["base"].use("nearby"), WRITTEN["radius"].use(True), WRITTEN["layer"].use("last")
        ('use solution.base = "nearby"', 'give perturbation.radius', 'use solution.layer = the last one')
        """
        if isinstance(answer, bool):
            return self.words.get(answer, f"give {self.path}" if answer else f"remove {self.path}")
        return f"use {self.say(answer)}"

    def say(self, answer: Answer) -> str:
        """An answer as it stands in a spec.

        >>> WRITTEN["norm"].say(1), WRITTEN["level"].say(False), WRITTEN["network"].say("graph")
        ('perturbation.norm = 1', 'no solution.level', 'a network given by a graph')
        """
        if isinstance(answer, bool):
            return self.path if answer else f"no {self.path}"
        if answer in self.words:
            return self.words[answer]
        return f"{self.path} = {answer}" if isinstance(answer, int) else f'{self.path} = "{answer}"'


_LAYERS: Final = {Layer.ALL: 'solution.layer = "all"', Layer.LAST: "solution.layer = the last one",
                  Layer.ONLY: "a network of one layer", Layer.INNER: "solution.layer = one before the last"}
_NETWORKS: Final = {Network.CHAIN: "model.widths and model.activation", Network.MODULE: "a network without widths",
                    Network.GRAPH: "a network given by a graph"}

WRITTEN: Final[Mapping[str, Key]] = MappingProxyType({
    "quantity": Key("gate.quantity", 6), "map": Key("solution.map", 9), "base": Key("solution.base", 3),
    "network": Key("model.graph", 20, _NETWORKS), "layer": Key("solution.layer", 4, _LAYERS),
    "loss": Key("training.loss", 10), "set": Key("perturbation.set", 5), "parameter": Key("perturbation.parameter", 8),
    "norm": Key("perturbation.norm", 2), "weight_norm": Key("weights.norm", 2), "arithmetic": Key("run.arithmetic", 1),
    "decay": Key("training.weight_decay", 4, {True: "give a training.weight_decay above 0"}),
    "down": Key("perturbation.direction", 2), "targets": Key("data.targets", 2), "radius": Key("perturbation.radius"),
    "level": Key("solution.level", 2), "count": Key("perturbation.count"), "change": Key("perturbation.file"),
    "reference": Key("weights.reference"), "units": Key("perturbation.columns and perturbation.scale"),
    "window": Key("[window] radius"), "evaluation": Key("[evaluation] file"),
})
"""Every key of a question."""


@dataclass(frozen=True)
class Nearest:
    """The nearest question that a theorem answers.

    Attributes:
        question: it.
        theorem: which answers it.
        changes: the keys in which it differs from what was asked, in the order of :data:`KEYS`.
    """

    question: Question
    theorem: Theorem
    changes: tuple[str, ...]

    @property
    def remedy(self) -> str:
        """What to change, as a spec writes it.

        >>> nearest(Question("modulus", set="sparse", count=True)).remedy
        'use perturbation.set = "total", and remove perturbation.count'
        """
        verbs: dict[str, list[str]] = {"use": [], "give": [], "remove": []}
        for key in self.changes:
            verb, what = WRITTEN[key].use(getattr(self.question, key)).split(" ", 1)
            verbs[verb].append(what)
        return ", and ".join(f"{verb} {_and(what)}" for verb, what in verbs.items() if what)


def nearest(question: Question, keep: Iterable[str] = ()) -> Nearest | None:
    """The question that costs least to ask instead, and has an answer; None if `keep` leaves none.

    Args:
        question: one that may have no answer.
        keep: keys whose answers must stay, for example `("quantity",)`.
    """
    return _nearest(question, frozenset(keep))


@lru_cache(maxsize=4096)
def _nearest(question: Question, keep: frozenset[str]) -> Nearest | None:
    order = count()
    waiting: list[tuple[int, int, Question, frozenset[str]]] = [(0, next(order), question, keep)]
    seen: set[Question] = set()
    while waiting:
        cost, _, at, fixed = heapq.heappop(waiting)
        if at in seen:
            continue
        seen.add(at)
        found = applying(at)
        if found:
            changes = tuple(key for key in KEYS if getattr(at, key) != getattr(question, key))
            return Nearest(at, found[0], changes)
        for changed in _steps(at, fixed):
            further = cost + sum(WRITTEN[key].cost for key in changed)
            heapq.heappush(waiting, (further, next(order), replace(at, **changed), fixed | changed.keys()))
    return None


def _steps(at: Question, fixed: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """Changes after which the first broken law holds, or which lead into a domain, or to another quantity."""
    law = broken(at)
    if law is not None:
        yield from _into(law.then, at, fixed)
        for key, given in law.when.keys.items():
            if key not in fixed:
                yield from ({key: answer} for answer in ANSWERS[key] if answer not in given)
        return
    for theorem in BOUNDING.get(at.quantity, ()):
        for domain in theorem.applies:
            yield from _into(domain, at, fixed)
    if "quantity" not in fixed:
        yield from ({"quantity": name} for name in QUANTITIES if name != at.quantity)


def _into(domain: Domain, at: Question, fixed: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """Every change of the differing keys that leads into a domain; none if one of them is fixed."""
    keys = domain.differs(at)
    if not fixed & set(keys):
        yield from (dict(zip(keys, answers, strict=True)) for answers in product(*(domain.keys[key] for key in keys)))


@dataclass(frozen=True)
class Refusal:
    """Why a question has no answer: what was asked, what is the matter with it, what would work."""

    asked: str
    found: str
    remedy: str


def refusal(question: Question) -> Refusal | None:
    """Why no theorem answers a question, and what would work; None if one does.

    >>> why = refusal(Question("distance", map="critical", base="given", set="given", change=True))
    >>> why.asked, why.found
    ('distance', 'no theorem here bounds it with solution.base = "given"')
    >>> why.remedy
    'use solution.base = "nearby"'
    """
    if applying(question):
        return None
    near, same = nearest(question), nearest(question, keep=("quantity",))
    ways = ", or ".join(dict.fromkeys(way.remedy for way in (same, near) if way is not None))
    changes = next((way.changes for way in (same, near) if way is not None), ())
    law, missing = broken(question), {key for need in NEEDS for key in need.then.keys}
    keys = [key for key in changes if key != "quantity"]
    if law is not None and (law not in NEEDS or set(keys) <= missing):
        stated = law.when.keys if law not in NEEDS and len(law.when.keys) == 1 else ()
        keys = [key for key in (*stated, *law.then.differs(question)) if key != "quantity"]
        return Refusal(question.quantity, f"found {_said(question, keys)}, and {law.because}", ways)
    keys = [key for key in keys if law is None or key not in missing]  # what it lacks beside that is in the remedy
    return Refusal(question.quantity, f"no theorem here bounds it with {_said(question, keys)}", ways)


def _said(question: Question, keys: list[str]) -> str:
    return _and([WRITTEN[key].say(getattr(question, key)) for key in keys])


def _and(parts: list[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"


