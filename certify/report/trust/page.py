"""The page "What this verdict rests on": theorems, hypotheses, files, programs, and what nobody has proved.

It is made of a certificate and of what the checker said of it a moment ago, and written where that accepted it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from certify.attestation.summary import SOUNDNESS
from certify.certificate.schema import Certificate, Claim
from certify.format.texts import text
from certify.format.theorems import THEOREMS, Theorem
from certify.report.digits import count
from certify.report.exporters.markdown import escaped
from certify.report.reading import open_certificate
from certify.report.trust.formal import of as formal
from certify.report.trust.words import HYPOTHESES

DIGITS: Final = 12
"""Digits of a file's SHA-256 that are shown."""

STATED: Final = (
    "`created`, `certify_version`, `environment`, `reason`, `statement`: stated in the certificate, left out here",
    "That the files are the ones you mean, and who trained the model on what. The digests above say which bytes it is "
    "about, no more",
    "How the model runs in floating point. The claims are about the exact real function that the files give",
)
DISTRUSTED: Final = (
    "Not trusted: the program that wrote the certificate, its machine and its rounding, the witness and its side file. "
    "Whatever they say was derived again."
)


@dataclass(frozen=True)
class Checked:
    """What the checker said when it accepted the certificate.

    Attributes:
        line: its verdict line.
        rings: name, number of files and of lines of each part of it that was loaded.
        programs: what it ran on, each with its version.
    """

    line: str
    rings: tuple[tuple[str, int, int], ...]
    programs: tuple[str, ...]


def render(certificate: Mapping[str, Any], checked: Checked) -> str:
    """The page, as Markdown.

    Args:
        certificate: the dictionary read from ``certificate.json``.
        checked: what the checker said of this very certificate.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    opened = open_certificate(certificate)
    parts = (
        ("# What this verdict rests on", [
            f"**{escaped(checked.line)}**",
            f"`certify check` derived this again from the files when this page was written. Certificate "
            f"`{opened.digest}`."]),
        ("## Theorems", [_table(("theorem", "what it says", "proof"), _theorems(opened)), *_rests(opened),
                         *_formal(opened)]),
        ("## Hypotheses, verified on these files", [_hypotheses(opened)]),
        ("## Files that it is about", [_table(("file", "path", "SHA-256"), _files(opened))]),
        ("## Programs that you trust", [_list(_programs(checked))]),
        ("## How numbers were proved", [f"Mode `proved`: {SOUNDNESS}. No proof depends on a random draw, and no "
                                        "comparison has a tolerance.", DISTRUSTED]),
        ("## Assumed or only stated, and not proved", [_list((*STATED, *_told(opened)))]),
    )
    return "\n\n".join("\n\n".join((title, *body)) for title, body in parts) + "\n"


def _row(claim: Claim, opened: Certificate) -> Theorem | None:
    """The row of the table by which a claim is stated."""
    return next((row for row in THEOREMS if row.map == opened.problem.map and row.states(claim.theorem)
                 and claim.quantity in [quantity.name for quantity in row.quantities]), None)


def _theorems(opened: Certificate) -> list[tuple[str, ...]]:
    """Every theorem that a claim names, with its sentence and its proof."""
    found: dict[str, tuple[str, ...]] = {}
    for claim in opened.claims:
        row = _row(claim, opened)
        if row is not None:
            found.setdefault(claim.theorem, (claim.theorem, escaped(text(claim.theorem).statement),
                                             f"`proofs/{row.page}`"))
    return list(found.values())


def _rests(opened: Certificate) -> list[str]:
    """The theorems that these use, by name."""
    rows = [row for claim in opened.claims if (row := _row(claim, opened)) is not None]
    used = dict.fromkeys(label for row in rows for label in row.rests)
    named = [f"{label} ({text(label).name})" for label in used]
    said = [f"They use {escaped(', '.join(named))}. `certify explain NAME` says each."] if named else []
    if any(row.page.startswith("heads.md") for row in rows):
        said.append("D1 is about each prediction by itself: `status` in the witness file says which method keeps it, "
                    "and `proofs/heads.md` and the pages beside it (D2 to D13) say why that proves it.")
    return said


def _formal(opened: Certificate) -> list[str]:
    """What Coq has checked of them, and of which it has checked nothing."""
    rows = [(claim.theorem, row) for claim in opened.claims if (row := _row(claim, opened)) is not None]
    used = dict.fromkeys(label for stated, row in rows for label in (stated, row.label, *row.rests))
    heads = any(row.page.startswith("heads.md") for _, row in rows)
    by = {label: formal([label]) for label in (*used, *("D2", "D3", "D4")[: 3 * heads])}
    bare = [label for label, found in by.items() if not found] + ["D5 to D13"] * heads
    said = [f"Coq has checked no part of {escaped(', '.join(bare))}."] if bare else []
    lines = dict.fromkeys(one for found in by.values() for one in found)
    if not lines:
        return said
    table = _table(("theorem", "part that Coq has checked", "in `proofs/formal/`"), (
        (escaped(", ".join(label for label, found in by.items() if one in found)), one.part.replace("|", r"\|"),
         f"`{one.file}`: {', '.join(f'`{name}`' for name in one.names)}") for one in lines))
    return ["A machine has checked these parts of the proofs, about exact numbers. That the programs compute what "
            "they speak of, it has not.", table, *said]


def _hypotheses(opened: Certificate) -> str:
    """Names and values that the checker derived; the words are ours, as those of a certificate are only stated."""
    users: dict[tuple[str, float | str | None, bool], list[str]] = {}
    for claim in opened.claims:
        for h in claim.hypotheses:
            users.setdefault((h.name, h.value, h.holds), []).append(claim.quantity)
    if not users:
        return "The certificate lists none. The checker verifies what its rules need in any case."
    rows = []
    for (name, value, holds), quantities in users.items():
        said, side = HYPOTHESES[name]
        shown = "" if value is None or isinstance(value, str) else f"{side} `{value!r}`".strip()
        rows.append((f"{said} (`{name}`)", shown, "holds" if holds else "**not verified**",
                     ", ".join(dict.fromkeys(quantities))))
    return _table(("hypothesis", "verified value", "state", "for"), rows)


def _files(opened: Certificate) -> list[tuple[str, ...]]:
    roles = [(role, getattr(opened.subject, role)) for role in type(opened.subject).model_fields]
    return [(role, escaped(file.path), f"`{file.sha256[:DIGITS]}`") for role, file in roles if file is not None]


def _programs(checked: Checked) -> list[str]:
    """The checker by its parts, and what it runs on."""
    files, lines = (sum(ring[at] for ring in checked.rings) for at in (1, 2))
    parts = ", ".join(f"{name} {count(many)}" for name, _, many in checked.rings)
    return [f"The checker: {count(files)} files of `certify`, {count(lines)} lines ({parts}). `certify check CERT "
            "--trusted` lists them", *map(escaped, checked.programs),
            "SHA-256, of which no collision is known; the integer arithmetic of the machine"]


def _told(opened: Certificate) -> list[str]:
    """What this certificate has beside: words of the spec, suppressions, a baseline that was read."""
    about = opened.problem.about is not None
    said = ("Names of features and labels, and the files that those above were made from: stated in the spec",) * about
    kept = ("Who answers for gates that are not met: stated, and not heeded",) * (opened.suppressed is not None)
    over = ("The ends of the earlier certificate: read, not derived again",) * (
        opened.over_time is not None and opened.over_time.baseline is not None)
    return [*said, *kept, *over]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}." for line in lines)
