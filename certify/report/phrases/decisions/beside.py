"""Whether claims are about a minimum beside the weights in the file, in one short sentence beside what is proved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from certify.format.words import Loss
from certify.problem.fit import recorded
from certify.systems.head.nearness import FAR, NOT_THESE, beside

Json = Mapping[str, Any]

CLAIMS: Final = f"claims are {NOT_THESE}"
AGAIN: Final = f"what is proved of training again is {NOT_THESE}"
"""The sentence for a certificate, and for an audit, some of whose answers are about the weights as they are."""


def share_of(problem: Json, distance: float | None) -> float | None:
    """A distance as a share of the length of the free weights, about; None where a certificate does not say it."""
    length = problem.get("weights_length")
    return distance / length if distance is not None and length else None


def ended_of(certificate: Json) -> bool | None:
    """Whether the weights keep the rule by which their solver ends, as the run keeps it; None: nobody knows it."""
    fit = recorded(certificate.get("environment", {}).get("fit"))
    return None if fit is None else fit.ended


def beside_minimum(certificate: Json) -> bool:
    """Whether a caution is due: the one minimum of a last layer, which claims are about, may not be the given weights.

    It may not where it is only proved within more than `FAR` of their length, or where they break the rule by which
    their solver ends.

    >>> head = {"problem": {"within": None, "weights_length": 2.0}, "base": {"distance": 1e-4}}
    >>> beside_minimum(head), beside_minimum({**head, "base": {"distance": 1.0}})
    (False, True)
    """
    problem = certificate["problem"]
    share = share_of(problem, certificate["base"]["distance"])
    if problem.get("within", 0) is not None or share is None:
        return False
    return share > FAR or ended_of(certificate) is False


def another_point(certificate: Json) -> bool:
    """Whether what is proved says beside itself that it is not about the given weights.

    Solvers of other losses than the squared one stop a little short of the minimum, which is not what makes another
    fit of them: that is as :func:`certify.systems.head.nearness.beside` has it.

    >>> head = {"problem": {"within": None, "weights_length": 2.0, "loss": "logistic"}, "base": {"distance": 0.1}}
    >>> another_point(head), another_point({**head, "base": {"distance": 1.0}})
    (False, True)
    """
    problem = certificate["problem"]
    loss = problem.get("loss")
    squared = loss is not None and Loss(loss).least_squares
    return beside_minimum(certificate) and bool(beside(
        certificate["base"]["distance"], problem["weights_length"], squared, ended_of(certificate)))


def about(beside: bool) -> dict[str, str]:
    """The member `about` of an object: what it is about where that is not the given weights; else none.

    >>> about(True), about(False)
    ({'about': 'the minimum on these rows, and not about these weights'}, {})
    """
    return {"about": NOT_THESE.removeprefix("about ")} if beside else {}
