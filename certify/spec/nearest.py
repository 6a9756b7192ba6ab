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
from certify.format.question import KEYS, NEEDS, Answer, Domain, Law, Question
from certify.format.support import BOUNDING, applying, broken
from certify.format.theorems import Theorem
from certify.format.words import Layer, Network

ANSWERS: Final[Mapping[str, tuple[Answer, ...]]] = MappingProxyType({key: (True, False) for key in KEYS} | {
    "quantity": tuple(QUANTITIES), "map": tuple(words.Map), "base": tuple(words.Base), "network": tuple(Network),
    "layer": tuple(Layer), "loss": tuple(words.Loss), "set": tuple(words.Set), "parameter": tuple(words.Parameter),
    "norm": words.ROW_NORMS, "weight_norm": tuple(words.WeightNorm), "arithmetic": tuple(words.Arithmetic),
    "normalization": tuple(words.Normalization)})
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

        >>> WRITTEN["base"].use("nearby"), WRITTEN["level"].use(True), WRITTEN["layer"].use("last")
        ('use solution.base = "nearby"', 'give solution.level', 'use solution.layer = the last one')
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
    "norm": Key("perturbation.norm", 2), "weight_norm": Key("weights.norm", 2), "arithmetic": Key("run.arithmetic"),
    "normalization": Key("training.normalization", 2),
    "decay": Key("training.weight_decay", 4, {True: "give training.weight_decay (above 0)"}),
    "undecayed": Key("training.bias_decay = false", 2),
    "relative": Key("perturbation.relative = true", 2),
    "down": Key("perturbation.direction", 2), "targets": Key("data.targets", 2),
    "radius": Key("perturbation.radius", 1, {True: "give perturbation.radius (the size of the change)"}),
    "level": Key("solution.level", 2),
    "count": Key("perturbation.count", 1, {True: "give perturbation.count (the most rows that change at once)"}),
    "change": Key("perturbation.file", 1, {True: "give perturbation.file (a .npz or .safetensors that holds the one "
                                                 "change)"}),
    "reference": Key("weights.reference"), "units": Key("perturbation.columns and perturbation.scale"),
    "window": Key("[window] radius", 1, {True: "give [window] radius (of the ball around the given weights)"}),
    "evaluation": Key("[evaluation] file", 1, {True: "give [evaluation] file (the rows whose predictions are "
                                                     "compared)"}),
    "weighed": Key("data.weights", 3), "balanced": Key("training.class_weight", 3),
})
"""Every key of a question."""
WORDY: Final = frozenset(("network", "layer"))
"""Keys whose answers are told in words of their own."""

REASONS: Final[tuple[tuple[str, Domain, str], ...]] = (
    *((label, domain, why) for label in ("Q6", "D1") for domain, why in (
        (Domain(layer=(Layer.ALL, Layer.INNER)), "the training loss need not be convex in other layers"),
        (Domain(decay=False), "without weight decay the solution need be neither unique nor stable"),
        (Domain(base=words.Base.GIVEN), "it is the one solution near the weights in the file that moves"))),
    ("S14", Domain(layer=(Layer.ALL, Layer.INNER)), "only in the weights of the last layer the exact fits are affine"),
    ("", Domain(down=True), "limits are for changes both ways, and one given change has its own"),
    ("Q6", Domain(parameter=words.Parameter.LABELS), "labels of the squared loss change any count at once, or these"),
    ("", Domain(parameter=words.Parameter.LABELS), "a label has no small change"),
    ("", Domain(parameter=words.Parameter.DELETIONS), "a row is left out or stays, which is no small change"),
    ("", Domain(undecayed=True), "it is proved where every weight that moves carries the decay"),
)
"""Why a theorem, or any, has no answer: its label, the answer that is in its way, and the reason as a clause."""


@dataclass(frozen=True)
class Nearest:
    """The nearest question that a theorem answers, or that has a meaning.

    Attributes:
        question: it.
        theorem: which answers it; None where a meaning is all that was looked for.
        changes: the keys in which it differs from what was asked, in the order of :data:`KEYS`.
    """

    question: Question
    theorem: Theorem | None
    changes: tuple[str, ...]

    @property
    def remedy(self) -> str:
        """What to change, as a spec writes it.

        >>> nearest(Question("modulus", set="sparse", count=True)).remedy
        'use perturbation.set = "total" or "per_sample", and remove perturbation.count'
        """
        verbs: dict[str, list[str]] = {"use": [], "give": [], "remove": []}
        for key in self.changes:
            verb, what = WRITTEN[key].use(getattr(self.question, key)).split(" ", 1)
            verbs[verb].append(what)
        if len(verbs["use"]) == 1:
            verbs["use"] = [" or ".join((*verbs["use"], *self._others()))]
        return ", and ".join(f"{verb} {_and(what)}" for verb, what in verbs.items() if what)

    def _others(self) -> Iterator[str]:
        """Other answers to the one key that gets another word, as good."""
        (key,) = (key for key in self.changes if not isinstance(getattr(self.question, key), bool))
        for answer in ANSWERS[key] if key != "quantity" and key not in WORDY else ():
            changed: Mapping[str, Any] = {key: answer}
            other = replace(self.question, **changed)
            fine = applying(other) if self.theorem is not None else not broken(other)
            if fine and answer != getattr(self.question, key):
                yield f'"{answer}"' if isinstance(answer, str) else str(answer)


def nearest(question: Question, keep: Iterable[str] = ()) -> Nearest | None:
    """The question that costs least to ask instead of the same model, and has an answer; None if `keep` leaves none.

    Args:
        question: one that may have no answer.
        keep: keys whose answers must stay, for example `("quantity",)`.
    """
    return _nearest(question, frozenset((*keep, *facts_of(question))), True)


def meaningful(question: Question) -> Nearest | None:
    """The question about the same quantity that costs least to ask instead, and breaks no law.

    >>> found = meaningful(Question("loss_after", set="given", change=True, norm=1))
    >>> found.remedy
    'use perturbation.norm = 2'
    """
    return _nearest(question, frozenset(("quantity", *facts_of(question))), False)


def facts_of(question: Question) -> tuple[str, ...]:
    """Keys that say how the model was trained: another answer would describe another model, so none is proposed.

    Without a weight decay no intercept is spared it, and nothing is lost.
    """
    return ("undecayed",) if question.decay else ()


@lru_cache(maxsize=4096)
def _nearest(question: Question, keep: frozenset[str], answered: bool) -> Nearest | None:
    order = count()
    waiting: list[tuple[int, int, Question, frozenset[str]]] = [(0, next(order), question, keep)]
    seen: set[Question] = set()
    while waiting:
        cost, _, at, fixed = heapq.heappop(waiting)
        if at in seen:
            continue
        seen.add(at)
        found = applying(at) if answered else ()
        if found or not (answered or broken(at)):
            changes = tuple(key for key in KEYS if getattr(at, key) != getattr(question, key))
            return Nearest(at, found[0] if found else None, changes)
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
    """Why a question has no answer: what was asked, what is the matter with it, what would work.

    Attributes:
        key: the key at fault; `quantity` where it is what is asked for.
    """

    asked: str
    found: str
    remedy: str
    key: str


def refusal(question: Question) -> Refusal | None:
    """Why no theorem answers a question, and what would work; None if one does.

    >>> why = refusal(Question("distance", map="critical", base="given", set="given", change=True))
    >>> why.key, why.found
    ('quantity', 'no theorem here bounds distance with solution.base = "given"')
    >>> why.remedy
    'use solution.base = "nearby"'
    """
    if applying(question):
        return None
    law, missing = broken(question), {key for need in NEEDS for key in need.then.keys}
    facts = facts_of(question)
    same, near = nearest(question, keep=("quantity",)), nearest(question)
    ways = tuple(way for way in (same, near) if way is not None)
    remedy = ", or ".join(dict.fromkeys(way.remedy for way in ways))
    keys = [key for key in (ways[0].changes if ways else ()) if key != "quantity"]
    if law is not None and (law not in NEEDS or set(keys) <= missing):
        return _against(law, question, remedy, keys)
    keys = [key for key in keys if law is None or key not in missing]  # what it lacks beside that is in the remedy
    label = ways[0].theorem.label if ways and ways[0].theorem else ""
    because = next((f": {why}" for of, domain, why in REASONS
                    if of in ("", label) and domain.holds(question) and set(domain.keys) <= {*keys, *facts}), "")
    return Refusal(question.quantity, f"no theorem here bounds {question.quantity}{_of_network(question, keys)} with "
                   f"{_said(question, keys)}{because}", remedy, "quantity")


def _of_network(question: Question, keys: list[str]) -> str:
    """The kind of network, where it is what makes the answers of these keys too few; a chain is the usual one."""
    if "network" in keys or not applying(replace(question, network=Network.CHAIN)):
        return ""
    return f" of {WRITTEN['network'].say(question.network)}"


def meaningless(question: Question) -> Refusal | None:
    """Why a question has no meaning, whatever would answer it; None if it has one.

    >>> why = meaningless(Question("loss_after", set="given", change=True, norm=1))
    >>> why.key, why.found
    ('norm', 'with perturbation.set = "given", and this norm is that of one row, for set = "per_sample" or "sparse"')
    """
    law, near = broken(question), meaningful(question)
    if law is None:
        return None
    return _against(law, question, "" if near is None else near.remedy, () if near is None else near.changes)


def _against(law: Law, question: Question, remedy: str, changes: Iterable[str]) -> Refusal:
    """The refusal of a question that breaks a law; the key at fault is one that the remedy changes."""
    stated = tuple(law.when.keys) if law not in NEEDS and len(law.when.keys) == 1 else ()
    differs, because = law.then.differs(question), law.because.format(asked=question.quantity)
    if "quantity" in law.when.keys and law in NEEDS or "quantity" in stated:
        said = [key for key in (*stated, *differs) if key != "quantity"]
        return Refusal(question.quantity, f"found {_said(question, said)}, and {because}", remedy, "quantity")
    at = next((key for key in changes if key != "quantity" and (key in law.when.keys or key in differs)), differs[0])
    others = [key for key in (*stated, *differs) if key != at] or [at]
    answer = getattr(question, at)
    how = ("given with" if answer else "missing with") if isinstance(answer, bool) else "with"
    return Refusal(question.quantity, f"{how} {_said(question, others)}, and {because}", remedy, at)


def _said(question: Question, keys: list[str]) -> str:
    return _and([WRITTEN[key].say(getattr(question, key)) for key in keys])


def _and(parts: list[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"
