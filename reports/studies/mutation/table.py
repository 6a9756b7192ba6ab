"""The tables of the page, from what was recorded and why what nothing noticed is so.

    python -m reports.studies.mutation.table
"""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CLASSES = {
    "equivalent": "the same for every input",
    "effort": "another way to the same answer, or how much is tried",
    "proposal": "a proposal, which is judged afterwards",
    "words": "words of a message or of a page",
    "refuses more": "true claims are refused, and none is accepted",
    "rounding": "a bound less by its last place or by the product of two errors: a slip that no double shows",
    "open": "not settled: no test of those tried notices it",
}
Json = dict[str, Any]


def records() -> list[Json]:
    """Of all mutants."""
    return [json.loads(line) for line in (HERE / "mutants.jsonl").read_text(encoding="utf-8").splitlines()]


def explained() -> dict[str, list[str]]:
    """By file the class of a mutant that nothing noticed, and why it is that."""
    found: dict[str, list[str]] = json.loads((HERE / "explained.json").read_text(encoding="utf-8"))
    return found


def word(one: Json) -> str:
    """What became of one."""
    return "not applied" if one["how"] == "not applied" else "noticed" if one["by"] else "not noticed"


def folder(one: Json) -> str:
    """The part of the checker that it is in."""
    parts = one["file"].split("/")[:-1]
    return "/".join(parts[:4]) if parts[:3] == ["theorems", "head", "rows"] else "/".join(parts[:2]) or "."


def lines() -> list[str]:
    """By folder, by kind, and one by one what nothing noticed."""
    known, why = [one for one in records() if word(one) != "not applied"], explained()
    missed = [one for one in known if not one["by"]]
    out = [f"{len(known)} mutants, of as many files: {len(known) - len(missed)} noticed, {len(missed)} not.", "",
           "| why nothing noticed it | mutants |", "|---|---:|"]
    classes = collections.Counter(why[one["file"]][0] for one in missed)
    out += [f"| **{name}**: {CLASSES[name]} | {classes[name]} |" for name in CLASSES if classes[name]]
    for title, of in (("part of the checker", folder), ("error", lambda one: str(one["kind"]))):
        every, left = (collections.Counter(map(of, some)) for some in (known, missed))
        out += ["", f"| {title} | mutants | noticed | not |", "|---|---:|---:|---:|"]
        out += [f"| {name} | {every[name]} | {every[name] - left[name]} | {left[name]} |" for name in sorted(every)]
    out += ["", "| not noticed | error | why |", "|---|---|---|"]
    for one in sorted(missed, key=lambda one: str(one["file"])):
        kind, reason = why[one["file"]]
        change = f"`{short(one['old'])}` → `{short(one['new'])}`"
        out.append(f"| `{one['file']}:{one['line']}` | {change} | **{kind}**: {reason} |")
    return out


def short(text: str) -> str:
    """In one line of a table."""
    one = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return one if len(one) <= 70 else one[:67] + "…"


if __name__ == "__main__":
    page = HERE / "README.md"
    head = page.read_text(encoding="utf-8").partition("<!-- table -->\n")[0]
    page.write_text(head + "<!-- table -->\n" + "\n".join(lines()) + "\n", encoding="utf-8")
