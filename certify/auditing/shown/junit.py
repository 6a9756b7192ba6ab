"""Set an audit as JUnit XML, which every CI system shows: one test case an answer.

A threshold that somebody gave and that is refuted is a failure, one that is open an error of type ``inconclusive``. An
answer without a threshold passes where it is proved; where it is open it is skipped with its reason, unless nothing of
the audit is proved, which its exit status tells, too. A question that somebody asked and that has no answer is an
error; one that does not apply and nobody asked is skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from certify.report.exporters.junit import clean

if TYPE_CHECKING:
    from certify.auditing.audit import Audit

ERROR, FAILURE, SKIPPED = "error", "failure", "skipped"
NAMES = {FAILURE: "failures", ERROR: "errors", SKIPPED: "skipped"}


def as_junit(found: Audit) -> str:
    """One test suite, with a case for each answer and each question without one.

    Args:
        found: the audit.
    """
    nothing = found.verdict == "inconclusive"
    took = {one.slug: one.seconds for one in found.answers}  # of a question, which its first answer has
    cases = [(one.slug.replace("-", " "), f"{one.question} ({one.quantity})", took.pop(one.slug, 0.0), one.sentence,
              one.reason, _kind(one.verdict, one.asked, nothing)) for one in found.answers]
    cases += [("not asked", one.question, 0.0, one.question, one.reason, ERROR if one.asked else SKIPPED)
              for one in found.skipped]
    suite = Element("testsuite", name="certify audit", tests=str(len(cases)), hostname="localhost")
    properties = SubElement(suite, "properties")
    for name, value in (("verdict", found.verdict), ("model", found.subject.words())):
        SubElement(properties, "property", name=name, value=clean(value))
    for group, name, seconds, sentence, reason, kind in cases:
        case = SubElement(suite, "testcase", name=clean(name), classname=clean(f"certify audit.{group}"),
                          time=f"{seconds:.3f}")
        if not kind:
            SubElement(case, "system-out").text = clean(sentence)
            continue
        told = SubElement(case, kind, message=clean(f"{sentence}: {reason}" if reason else sentence))
        if kind != SKIPPED:
            told.set("type", "failed" if kind == FAILURE else "inconclusive")
    for kind, plural in NAMES.items():
        suite.set(plural, str(sum(one[-1] == kind for one in cases)))
    if found.alarms:
        SubElement(suite, "system-out").text = clean("\n".join(f"WARNING: {one}" for one in found.alarms))
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _kind(verdict: str, asked: bool, nothing: bool) -> str:
    """What an answer counts as; "" where it passes.

    >>> _kind("refuted", True, False), _kind("inconclusive", False, False), _kind("certified", True, False)
    ('failure', 'skipped', '')
    """
    if verdict == "certified":
        return ""
    return FAILURE if verdict == "refuted" else ERROR if asked or nothing else SKIPPED
