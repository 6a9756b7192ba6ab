"""Set a certificate as JUnit XML, which every CI system shows: one test case a claim.

A gate that failed is a failure, one that is open an error of type ``inconclusive``, and a gate of severity ``warn``
that is not met is skipped with its reason. A claim without a gate is a case that passes where it is certified; where
it is not it is skipped, or an error where there is no gate at all and so decides the exit status.

`time` is what the proof took in the run that writes the file: the first claim of a quantity has all of it, as another
gate on it is held against the same proof. Of a certificate alone, or of a proof from a cache, it is not known and left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from certify.format.words import State
from certify.prove.gates import gates_of
from certify.report.exporters.exporter import UNTIMED, Exporter, placed
from certify.report.exporters.outcomes import Outcome, outcomes
from certify.report.messages import verdict_line
from certify.report.phrases.decisions.suppressed import words
from certify.report.statements import prose

Json = Mapping[str, Any]

KINDS = {State.FAILED: ("failure", "failed"), State.OPEN: ("error", "inconclusive")}


def render(certificate: Json, folder: str = "", seconds: Mapping[str, float] = UNTIMED) -> str:
    """Return one test suite of one case a claim.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        folder: where it lies, as seen from where the reader is.
        seconds: what each quantity took; empty where that is not known.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    every = outcomes(certificate)
    spec = placed(folder, certificate["subject"]["spec"]["path"])
    suite = Element("testsuite", name=f"certify {clean(spec)}", tests=str(len(every.claims)),
                    timestamp=certificate["created"].rstrip("Z"), hostname="localhost")
    properties = SubElement(suite, "properties")
    for name, value in (("verdict", certificate["verdict"]), ("gates", gates_of(certificate)),
                        ("certificate", certificate["digest"]), ("certify", certificate["certify_version"])):
        SubElement(properties, "property", name=name, value=clean(value))
    if seconds:
        suite.set("time", f"{sum(seconds.values()):.3f}")
    tally = {"failure": 0, "error": 0, "skipped": 0}
    left = dict(seconds)
    for one in every.claims:
        took = left.pop(one.quantity, 0.0) if seconds else None
        kind = _case(suite, one, spec, every.said(one), took)
        if kind:
            tally[kind] += 1
    for kind, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(name, str(tally[kind]))
    SubElement(suite, "system-out").text = clean(verdict_line(certificate))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _case(suite: Element, one: Outcome, spec: str, said: str, took: float | None) -> str:
    """Add a claim; what it counts as, empty where it passes."""
    case = SubElement(suite, "testcase", name=clean(one.asked), classname=clean(spec))
    if took is not None:
        case.set("time", f"{took:.3f}")
    properties = SubElement(case, "properties")
    for name, value in (("lower", one.lower), ("upper", one.upper), ("unit", one.unit), ("rigour", one.rigour),
                        ("theorem", one.theorem), ("fingerprint", one.fingerprint)):
        SubElement(properties, "property", name=name, value=clean("none" if value is None else str(value)))
    if one.state is State.MET:
        return ""
    kind, word = KINDS[one.state] if one.decides else ("skipped", "")
    why = f": {prose(words(one.suppression))}" if one.suppression else ""
    found = SubElement(case, kind, message=clean(one.line + why))
    if word:
        found.set("type", word)
        found.text = clean(said)
    return kind


def clean(text: str) -> str:
    r"""Foreign text without the characters that XML 1.0 has no place for.

    >>> clean("a" + chr(0) + "b" + chr(0xFFFE) + chr(10) + "c")
    'a�b�\nc'
    """
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
                   else "\ufffd" for c in text)


EXPORTER = Exporter("junit", ".xml", "application/xml", render, places=True, timed=True)
