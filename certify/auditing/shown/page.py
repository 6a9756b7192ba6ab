"""The page of an audit: what was understood, every answer in a sentence, and where its proof lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from certify.auditing.ranked.shown import ends, few, flips_alone, rounded, signed
from certify.auditing.shown.headline import headline
from certify.auditing.shown.owners import short
from certify.auditing.shown.predictions import MOST, Table, named, named_groups
from certify.report.exporters.html import running

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def page(content: Mapping[str, Any], predictions: Table | None = None) -> str:
    """One self-contained HTML page.

    Args:
        content: the object of `--json`.
        predictions: what was said of each of them, of which the page shows the first.
    """
    answers = _grouped(content)
    return _environment().get_template("audit.html").render(
        audit=content, answers=answers, predictions=predictions, most=MOST, percent=_percent,
        summary=headline(content), coded=_coded,
        stopped=[one for one in content["skipped"] if one.get("applies")],
        apart=[one for one in content["skipped"] if not one.get("applies")])


def rows_page(network: str, question: str, sentence: str, ranking: Mapping[str, Any]) -> str:
    """The page of the rows that an answer names, with all their columns.

    Args:
        network: in words.
        question: in words.
        sentence: the answer.
        ranking: as `--json` has it.
    """
    return _environment().get_template("rows.html").render(
        network=network, question=question, sentence=sentence, ranking=ranking)


def fragment(content: Mapping[str, Any]) -> str:
    """The answers as a table for a notebook."""
    return _environment().get_template("fragment.html").render(audit=content, answers=_grouped(content))


def _grouped(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers, those of one question together; a caution stands under the first question that it is about."""
    found: list[dict[str, Any]] = []
    warned: set[str] = set()
    for answer in content["answers"]:
        if not found or found[-1]["question"] != answer["question"]:
            found.append({"question": answer["question"], "answers": [], "certificate": answer["certificate"],
                          "report": answer["certificate"].replace("certificate.json", "report.html"),
                          "spec": answer["certificate"].replace("certificate.json", "certify.toml"),
                          "rows": answer["certificate"].replace("certificate.json", "rows.html"),
                          "seconds": answer["seconds"],
                          "cautions": [words for words in answer["cautions"] if words not in warned],
                          "again": len(warned.intersection(answer["cautions"]))})
            warned.update(answer["cautions"])
        said = found[-1]["answers"]
        if any(one["answer"] == answer["answer"] for one in said):
            continue  # a question that is open says the same of each of its quantities
        told = {one["reason"] for one in said} | {(answer.get("ranking") or {}).get("reason")}
        new = bool(answer["reason"]) and answer["reason"] not in told
        lines = (line.partition(": ") for line in (answer.get("methods", ()) if new else ()))
        said.append({**answer, "why": answer["reason"] if new else "",
                     "ways": [(name, words) for name, _, words in lines]})
    return found


def _coded(text: str) -> Markup:
    """Words as HTML, with what stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _ended(text: str) -> str:
    """The point at the end of a sentence that has none.

    >>> _ended("it holds"), _ended("is it all?")
    ('.', '')
    """
    return "" if text.endswith((".", "?", "!")) else "."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(f"certify.{place}", "templates") for place in ("auditing.shown", "report")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals |= {"signed": signed, "flips_alone": flips_alone, "ends": ends, "few": few, "short": short}
    made.globals |= {"rounded": rounded, "named": named, "named_groups": named_groups}
    made.globals |= running() | {"ended": _ended}
    return made
