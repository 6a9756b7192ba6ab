"""What speaks against a result, in whole sentences: for the command line, its JSON and the page alike.

Against an estimate: :func:`cautions`. Against reading a proof as one about the weights in the file: :func:`distant`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from certify.format.digits import at_most, shortest
from certify.format.words import Base
from certify.problem.perturbations.parameters import MOVING
from certify.systems.head.nearness import FAR

Json = Mapping[str, Any]

FAR_FROM_LINEAR: Final = 0.25
"""First-order ratios further from 1 than this are pointed out."""

TRAINED: Final = 0.1
"""Share of the length of the weights within which they should lie of the critical point that they stand for."""

FEW: Final = 2000
"""Parameters up to which the matrix of a system is worth forming."""

_PLAIN: Final = {"damping": 0.0, "chosen": False, "undamped": None, "least_curvature": None}
"""The system of an estimate that names none, as those of older versions did."""

_WHY: Final = {
    "solved directly": "It was solved directly, so that no budget would help: its matrix is singular, or nearly, in "
                       "{precision} arithmetic.",
    "budget used up": "The budget was used up first; a larger one would help.",
    "outside the range": "No weights answer the change exactly, not even to first order: what is left lies outside "
                         "what they can reach. The step comes nearest.",
    "stalled at rounding": "Rounding in {precision} arithmetic kept the solver from it; a larger budget would not "
                           "help.",
    "negative curvature": 'The curvature is negative along some direction, where this solver ends; solver = '
                          '"minres_qlp" goes on.',
}
"""Why a residual is larger than it was asked to be, by how the solve ended."""


def cautions(document: Json) -> list[str]:
    """What speaks against an estimate, in whole sentences; empty where nothing was found.

    Args:
        document: the content of ``estimate.json``.
    """
    result, options = document["result"], document["options"]
    e = result["evidence"]
    found: list[str] = []
    before, after, aim = e["loss_before"], e["loss_after"], e["loss_predicted"]
    if None in (before, after, aim, e["loss_all_after"]):
        return ["A loss is not finite: the step leads to weights at which the network cannot be computed."]
    found += _unsolved(result, options, document["problem"])  # first, because it explains others
    found += _untrained(result, document["problem"])
    sizes = (result["residual"], result.get("system", _PLAIN)["undamped"] or 0.0)
    poor = None in sizes or max(sizes) > FAR_FROM_LINEAR
    # with correctors the step goes where first order does not lead: what that predicts is no measure of it
    taken = [one["left"] for one in result["correctors"] if one["taken"]]
    tried = result["correctors"] or (result["space"] == "weights" and not Base(document["problem"]["base"]).near)
    mend = f"A smaller change{'' if tried else ', or a corrector step,'} would help."
    if not taken and abs(after - aim) > abs(before - aim):
        found.append("On the moved rows the loss at the new weights is further from what the theory predicts than at "
                     "the old ones. " + ("The system was not solved well enough" if poor else
                                        "The change is too large for a first-order estimate")
                     + ": do not use these weights.")
    moved = document["problem"]["parameter"]
    raised = MOVING[moved].inputs and before > e["loss_original"]
    if raised and after > before:
        found.append("On the moved rows the loss at the new weights is higher than at the old ones: do not use these "
                     "weights.")
    if not taken and raised and aim >= before:
        why = "It was hardly solved for" if poor else ("The change of the data is too large for its linear part to say "
                                                      "what it did")
        found.append(f"Not even to first order does the step lower the loss on the moved rows. {why}: do not use these "
                     "weights.")
    if raised and e["loss_all_after"] > e["loss_all_before"]:
        found.append("The change of the data raised the loss, and over all rows together the new weights do not mend "
                     f"that: their mean loss is {shortest(e['loss_all_after'], e['loss_all_before'])}, that of the old "
                     f"ones {shortest(e['loss_all_before'], e['loss_all_after'])}.")
    ratios = dict(e["validity"])
    if not taken and ratios.get(1.0) is not None and abs(ratios[1.0] - 1) > FAR_FROM_LINEAR:
        found.append("At the full size of the change the network does not do what the first-order theory predicts (see "
                     f"“Is the change small enough?”). {mend}")
    if MOVING[moved].inputs and e["data_error"] is None and document["problem"]["change"]["norm"]:
        found.append("To first order the change of the data does nothing, and so nothing is answered: the network does "
                     "not depend smoothly on what moved (rounding, an embedding, a dead unit).")
    if not taken and e["data_error"] is not None and e["data_error"] > FAR_FROM_LINEAR:
        share = f"{e['data_error']:.2g}"
        found.append(f"The change of the data is far from linear: its effect differs by {share} times its linear part "
                     f"from what the theory takes into account. {mend}")
    if e["gradient_left"] is not None and e["gradient_left"] > FAR_FROM_LINEAR:
        share = f"{e['gradient_left']:.2g}"
        found.append(f"At the new weights {share} times the gradient that the change causes is left: they are not near "
                     "a solution" + (": do not use these weights." if e["gradient_left"] > 1 else f". {mend}"))
    far = e["gradient_left"] is None or e["gradient_left"] > FAR_FROM_LINEAR
    if far and e["loss_all_after"] > 2 * max(e["loss_all_before"], e["loss_all_original"]):
        found.append(f"Over all rows the mean loss is {shortest(e['loss_all_after'])} at the new weights, and "
                     f"{shortest(e['loss_all_before'])} at the old ones: do not use these weights.")
    if taken and taken[-1] > FAR_FROM_LINEAR:
        found.append(f"The correctors left {taken[-1]:.2g} of the error of the first-order step. A smaller change, or "
                     "more of them, would help.")
    if result["moved_rows_only"]:
        found.append("Only the moved rows were looked at: nothing kept the other rows in place.")
    return found


def distant(base: Json, claims: Sequence[Json]) -> str:
    """That the one solution of a convex last layer is not the weights in the file, and why; empty where it is near.

    Args:
        base: the member `base` of a certificate.
        claims: its claims; where it is far those of Q6 state the length of the weights, and what explains the gradient.
    """
    stated = {h["name"]: h["value"] for claim in claims if claim["theorem"] == "Q6" for h in claim["hypotheses"]}
    length, distance = stated.get("weights"), base["distance"]
    if length is None or distance is None or distance <= FAR * length:
        return ""
    share = f", {at_most(distance / length, 2)} times their length" if length else ""
    text = (f"The one solution lies up to {at_most(distance, 3)} from the weights in the file{share}. The claims are "
            "about that solution, which may be another model; labels are compared with those that the weights in the "
            "file give.")
    if "bias" in stated:
        return text + (" The gradient at these weights is the weight decay times the biases: was the bias left out of "
                       "the decay? Here the decay counts the biases too.")
    return text + " Train on, with the loss and the weight decay of the spec: `certify polish SPEC` does."


def _untrained(result: Json, problem: Json) -> list[str]:
    """That the step is training on rather than an answer to the change."""
    towards, answer = result["stationary_norm"], result["response_norm"]
    if not Base(problem["base"]).near or towards is None or towards <= max(answer, TRAINED * problem["weights_norm"]):
        return []
    return [f"The step towards a critical point has length {shortest(towards)}, the response to the change "
            f"{shortest(answer)}: the given weights are far from a critical point of this loss. Train on first, with "
            'the loss and the weight decay of the spec, or use base = "given".']


def _unsolved(result: Json, options: Json, problem: Json) -> list[str]:
    """That the linear system was not solved as well as was asked, and why."""
    residual, system = result["residual"], result.get("system", _PLAIN)
    if residual is not None and residual <= options["tolerance"]:
        return _damped(system, options)
    why = _WHY.get(result["ended"], "").format(precision=problem["precision"])
    if result["ended"] == "budget used up" and result["space"] == "weights" and problem["parameters"] <= FEW:
        why += ' So few parameters can also be solved for with solver = "direct".'
    return [f"The linear system was not solved to the tolerance asked for. {why}".rstrip()]


def _damped(system: Json, options: Json) -> list[str]:
    """What the damping of a system that was solved leaves of the one without it."""
    left = system["undamped"]
    if left is None or left <= options["tolerance"]:
        return []
    if not system["chosen"]:
        return [f"The damping of {system['damping']:.3g} leaves {left:.2g} times what the change asks for unanswered, "
                "to first order."]
    bent = system["least_curvature"] is not None
    why = "is indefinite: the given weights are at no minimum" if bent else "was not solved within the budget"
    mend = "Training on would help" if bent else "A larger budget would help"
    return [f"Without damping the system {why}. The damping of {system['damping']:.3g} was chosen here, and leaves "
            f"{left:.2g} times what the change asks for unanswered, to first order. {mend}; damping = 0 asks for the "
            "system as it is."]
