"""The critical map in words: weights at which the gradient of the training loss vanishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from certify.certificate.schema import Base, Problem
from certify.report.digits import upper_end
from certify.report.maps.solution_map import Described, Examined, Point, SolutionMap, Terms, average_loss, loss_facts
from certify.report.normalization import fixed_note
from certify.report.phrases.losses import LOSSES
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.statements import Entry, Phrase, code, say
from certify.spec.convexity import asks_for_convexity


def _lead_nearby(at: Examined) -> Phrase:
    """What has to be known before claims about a critical point nearby are read."""
    if at.base.distance is None:
        return say("The claims would be about weights near the given ones at which the gradient of the training loss "
                   "vanishes. No such weights were proved to exist.")
    return say(
        "“Today’s critical point” stands for weights at which the gradient of the training loss is exactly zero. "
        "They are proved to exist, within {d} of the given weights.", d=upper_end(at.base.distance, 3))


def _lead_given(at: Examined) -> Phrase:
    """What has to be known before claims about tilted losses are read."""
    base = at.base
    if base.tilt is None:
        return say("The given weights could not be made an exact critical point, so nothing is claimed.")
    tilt = "through the outputs of the network" if base.tilt == "output" else "in the space of the weights"
    norm = "" if base.shift_norm is None else upper_end(base.shift_norm, 3)
    return say("The claims are about the training loss after a linear term was added that makes the given weights an "
               "exact critical point. The term acts {tilt}; its length is at most {norm}.", tilt=tilt, norm=norm)


def _given(at: Examined) -> Described:
    """The linear term that makes the given weights critical."""
    base, entries = at.base, _gradient(at.base)
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {g}: a linear "
                "term is added to the training loss, which makes the gradient zero at the given weights.",
                g=code("given"))
    if base.tilt is None:
        return (first, say("No such term that the theorems allow was found.")), tuple(entries)
    loss = LOSSES[at.problem.loss]
    second = "It acts on the weights themselves, which is allowed only because the Hessian was proved nonsingular."
    if base.tilt == "output":
        second = loss.tilt_with_decay if at.problem.weight_decay else loss.tilt
    return (first, say(second)), (*entries, *_shift(base))


def _gradient(base: Base) -> list[Entry]:
    """The gradient at the given weights, where it is known."""
    if base.residual is None:
        return []
    size = say("at most {r}", r=upper_end(base.residual))
    return [Entry("length of the gradient at the given weights", size)]


def _shift(base: Base) -> list[Entry]:
    """The size of the tilt."""
    entries = []
    if base.shift_norm is not None:
        whole = "length of the whole shift" if base.tilt == "output" else "length of the linear term"
        entries.append(Entry(whole, say("at most {r}", r=upper_end(base.shift_norm))))
    if base.shift_worst is not None:
        where = "" if base.shift_worst_row is None else f", at row {base.shift_worst_row}"
        entries.append(Entry("largest shift of one row", say("at most {r}{w}", r=upper_end(base.shift_worst), w=where)))
    if base.shift_loss is not None:
        entries.append(Entry("change of the training loss by it", say("at most {r}", r=upper_end(base.shift_loss))))
    return entries


def _nearby(at: Examined) -> Described:
    """A critical point near the given weights, or the only one there is."""
    base, entries = at.base, _gradient(at.base)
    if at.only:
        if at.problem.bias_decay is False:
            return _only_with_free_biases(base, entries)
        return _only(base, entries, at.problem.layer == "all")
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {n}: they are "
                "about weights close to the given ones where it is.", n=code("nearby"))
    if base.distance is None:
        return (first, say("That there are such weights was not proved.")), tuple(entries)
    second = say("Nobody knows these weights digit for digit. A small ball is known that holds them (theorem Q2; its "
                 "centre is in the side file), and every claim was proved for the whole ball.")
    where = Entry("distance from the given weights", say("at most {d}", d=upper_end(base.distance)))
    radius = () if base.radius is None else (Entry("radius of the ball", say("at most {r}", r=upper_end(base.radius))),)
    return (first, second), (*entries, where, *radius)


def _only(base: Base, entries: Sequence[Entry], whole: bool) -> Described:
    """The one solution of a strongly convex training loss; `whole`: the last layer is all of the network."""
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {n}: they "
                "are about the one point where it is.", n=code("nearby"))
    convex = ("With a weight decay the training loss of this one layer is strongly convex" if whole else
              "With the other layers as they are and a weight decay the training loss is strongly convex in the last "
              "layer")
    second = say("{convex}: there is exactly one such point, for today’s data and for any changed data, and training "
                 "{it} to its end finds it. {where}", convex=convex, it="it" if whole else "the last layer",
                 where="How far it lies from the given weights was not proved." if base.distance is None else
                 "It lies no further from the given weights than the length of the gradient there divided by the "
                 "weight decay (theorem Q6).")
    if base.distance is None:
        return (first, second), tuple(entries)
    where = Entry("distance from the given weights", say("at most {d}", d=upper_end(base.distance)))
    return (first, second), (*entries, where)


def _only_with_free_biases(base: Base, entries: Sequence[Entry]) -> Described:
    """The minimum of a convex last layer whose biases carry no weight decay: no length over the decay says where."""
    first = say("Training hardly ever ends where the gradient is exactly zero. The claims here use base {n}: they "
                "are about the minimum, where it is.", n=code("nearby"))
    where = ("How far it lies from the given weights was not proved." if base.distance is None else
             "It lies within the distance below of the given weights, proved from weights near it, the centre in the "
             "side file (theorem D1).")
    second = say("The training loss is convex in this layer, and all its minima give the same predictions; training it "
                 "to its end finds one. {where}", where=where)
    if base.distance is None:
        return (first, second), tuple(entries)
    return (first, second), (*entries, Entry("distance from the given weights",
                                             say("at most {d}", d=upper_end(base.distance))))


class Critical(SolutionMap):
    """Critical points of the training loss."""

    points = {
        "given": Point(False, "the given weights", "the given weights", "", "",
                       " “Training loss” includes the linear term named above.", _lead_given, _given),
        "nearby": Point(True, "today’s critical point", "the one examined", ", from a critical point nearby,",
                        ", at a critical point that theorem Q2 proves", "", _lead_nearby, _nearby),
    }
    closest, kind = "critical point of the training loss", "critical point"
    other_layers = "may be smaller or larger: all layers together solve another system."  # H⁻¹C of a block is no part
    every_change = True

    def solution(self, problem: Problem) -> str:
        """What a claim says to exist."""
        return f"weights at which the gradient of the training loss {PARAMETERS[problem.parameter].under} vanishes"

    def meaning(self, at: Examined) -> tuple[str, Mapping[str, Phrase | str]]:
        """What the training loss is, that it is tilted, and what it is divided by where rows are left out."""
        note = fixed_note(at.problem.model_dump(), {claim.quantity for claim in at.claims})
        divided = f"Where rows are left out, {note}. " if note else ""
        return f"{average_loss(at.problem, 'the weights and biases')}{self.point(at.problem).means} {divided}", {}

    def facts(self, problem: Problem) -> Terms:
        """The equations, for a table."""
        equations = f"gradient of the training loss = 0, {problem.equations} equations, base {problem.base}"
        return [("solution map", f"{problem.map}: {equations}"), *loss_facts(problem)]

    def terms(self) -> Terms:
        """The terms that only a report on critical points uses."""
        return [
            ("critical point", "weights at which the gradient of the training loss is zero, as it is at every minimum"),
            ("solution map S (critical)", "the set of all critical points, as it depends on the training data"),
            ("Hessian", "the matrix of second derivatives of the training loss with respect to the weights"),
            ("symmetry", "a way to change the weights that leaves the network’s function alone, or the loss; along it "
             "the Hessian is zero"),
        ]

    def scope(self, problem: Problem, quantities: Collection[str], near: bool, found: bool) -> Terms:
        """What is not claimed of critical points; of a strongly convex last layer there is one, the minimum."""
        if not near:
            return []
        if asks_for_convexity(problem.map, quantities, problem.set):
            return _of_the_minimum(problem)
        point = self.point(problem)
        entries = [
            ("Minima", "A critical point need not be a minimum; whether it is one is not examined."),
            ("What training would find", "The claims are about which critical points exist. Whether a training "
             "procedure, run again on the moved data, ends near any of them is another question."),
            ("Other solutions", "A network has many critical points. The claims concern those closest to "
             f"{point.others}, not all of them."),
        ]
        # the distance after one change counts from the point examined, and no other enters
        if point.nearby and found and not SETS[problem.set].one:
            entries.append(("The closest critical point", "Today’s critical point lies within the distance given; that "
                            "no other lies closer to the given weights is not claimed."))
        return entries


def _of_the_minimum(problem: Problem) -> Terms:
    """What is not claimed of the one minimum of a strongly convex last layer."""
    before = [("Layers before the last", "They keep their weights. What training all layers again would give is not "
               "claimed.")]
    return [
        *([] if problem.layer == "all" else before),
        ("Training that stops early", "The claims are about the one minimum of the training loss in this layer. A "
         "procedure that stops before it ends elsewhere."),
    ]
