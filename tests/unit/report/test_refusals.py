"""A certificate that is malformed, or that says more than its own numbers do, gets no report."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from certify.certificate import seal
from certify.format.errors import CertificateError
from certify.report.exporters.html import render
from tests.families import report_samples as samples

Json = dict[str, Any]


def claim(made: Json) -> Json:
    return made["claims"][0]


OVERCLAIMS: dict[str, Callable[[Json], object]] = {
    "certified above the threshold": lambda c: claim(c)["gate"].update(max=5.0),
    "certified without an upper end": lambda c: claim(c).update(upper=None),
    "certified without a proof": lambda c: claim(c).update(rigour="estimated"),
    "refuted below the threshold": lambda c: (claim(c).update(verdict="refuted"), c.update(verdict="refuted")),
    "gate failed below the threshold": lambda c: (claim(c)["gate"].update(state="failed"), c.update(gates="failed")),
    "overall verdict better than the claims": lambda c: claim(c).update(verdict="inconclusive"),
    "overall gates better than the gates": lambda c: claim(c)["gate"].update(state="open"),
    "overall gates worse than the gates": lambda c: c.update(gates="open"),
    "ends in the wrong order": lambda c: claim(c).update(lower=6.0),
    "row ends in the wrong order": lambda c: c["claims"][1]["row_lower"].__setitem__(4, 100.0),
    "row lists of different lengths": lambda c: c["claims"][1]["row_lower"].pop(),
    "no claims": lambda c: c.update(claims=[]),
    "unknown member": lambda c: c.update(extra=1),
    "unknown format": lambda c: c.update(format="certify/9"),
    "verdict of another kind": lambda c: c.update(verdict="probably"),
    "two thresholds in a gate": lambda c: claim(c)["gate"].update(min=1.0),
    "not a number": lambda c: claim(c).update(lower="5"),
    "one equal row": lambda c: claim(c).update(witness={"equal_rows": [3]}),
}


@pytest.mark.parametrize("name", OVERCLAIMS)
def test_refuses(name: str) -> None:
    made = samples.certified()
    render(made)
    OVERCLAIMS[name](made)
    with pytest.raises(CertificateError) as refusal:
        render(seal(made))
    assert "\n" not in str(refusal.value) and str(refusal.value).startswith("certificate")


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, object()])
def test_refuses_what_is_not_json(value: object) -> None:
    made = samples.certified()
    claim(made)["lower"] = value
    with pytest.raises(CertificateError):
        render(made)


def test_refuses_a_changed_certificate() -> None:
    made = samples.certified()
    made["base"]["residual"] = 0.0
    with pytest.raises(CertificateError, match="digest"):
        render(made)


def test_refuses_other_objects() -> None:
    for other in ([], None, {}, "certificate"):
        with pytest.raises(CertificateError):
            render(other)  # type: ignore[arg-type]


def test_every_missing_member_is_refused() -> None:
    whole = samples.certified()
    for path in _paths(whole):
        made = copy.deepcopy(whole)
        *above, key = path
        node: Any = made
        for step in above:
            node = node[step]
        del node[key]
        with pytest.raises(CertificateError):
            render(made)


def _paths(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all members of objects, but not below the environment and the witness, whose content is free."""
    found: list[tuple[Any, ...]] = []
    if isinstance(node, dict):
        for key, member in node.items():
            found.append((*path, key))
            if key not in {"environment", "witness"}:
                found += _paths(member, (*path, key))
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        found += _paths(node[0], (*path, 0))
    return found
