"""The page of an audit: what was understood, every answer in a sentence, and where its proof lies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def page(content: Mapping[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        content: the object of `--json`.
    """
    return _environment().get_template("audit.html").render(audit=content, answers=_grouped(content), percent=_percent)


def fragment(content: Mapping[str, Any]) -> str:
    """The answers as a table for a notebook."""
    return _environment().get_template("fragment.html").render(audit=content, answers=_grouped(content))


def _grouped(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers, those of one question together."""
    found: list[dict[str, Any]] = []
    for answer in content["answers"]:
        if not found or found[-1]["question"] != answer["question"]:
            found.append({"question": answer["question"], "answers": [], "certificate": answer["certificate"],
                          "report": answer["certificate"].replace("certificate.json", "report.html"),
                          "spec": answer["certificate"].replace("certificate.json", "certify.toml"),
                          "seconds": answer["seconds"], "cautions": answer["cautions"]})
        if not any(said["answer"] == answer["answer"] for said in found[-1]["answers"]):
            found[-1]["answers"].append(answer)  # a question that is open says the same of each of its quantities
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(f"certify.{place}", "templates") for place in ("auditing.shown", "report")])
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
