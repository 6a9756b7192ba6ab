"""The rules of first-order changes of predictions: V51 and V52 (P1)."""

from __future__ import annotations

from flint import arb

from certify.check.linalg.definite import Truth
from certify.check.systems.evidence import Evidence, Finding
from certify.check.theorems.modulus.kernel import DIGITS


def upper(evidence: Evidence, at: int, most: float) -> Finding:
    """V51: the change of the evaluation row at that place is at most `most`."""
    value = evidence.predictions.changes[at]
    return Finding(_truth(value <= arb(most), value > arb(most)), _words(value))


def lower(evidence: Evidence, at: int, least: float) -> Finding:
    """V51: some change within the budget changes an output there by at least `least`."""
    value = evidence.predictions.changes[at]
    return Finding(_truth(value >= arb(least), value < arb(least)), _words(value))


def evaluation(evidence: Evidence) -> Finding:
    """V52: the network is differentiable in its weights at every evaluation row."""
    _ = evidence.predictions  # raises NotSmooth
    return Finding(Truth.PROVED, "it is")


def agreement(evidence: Evidence, count: float) -> Finding:
    """V52: at `count` evaluation rows all critical points nearby change every output alike."""
    found = sum(evidence.predictions.agreed)
    return Finding(_truth(found >= count, False), f"it is proved of {found} evaluation rows")


def freedom(evidence: Evidence, count: float) -> Finding:
    """V52: at `count` evaluation rows the change of some output takes every value, by the critical point."""
    found = sum(evidence.predictions.free)
    return Finding(_truth(found >= count, False), f"it is proved of {found} evaluation rows")


def _truth(proved: bool, disproved: bool) -> Truth:
    return Truth.PROVED if proved else Truth.DISPROVED if disproved else Truth.UNDECIDED


def _words(value: arb) -> str:
    return f"it is {value.str(DIGITS)}"
