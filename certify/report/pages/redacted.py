"""Leave out of a report what may be personal: names of files and columns, words of labels, people's own prose.

What is left out is taken from the certificate before anything is said, so that no section can say it. Digests stay: who
has a file can tell that it is the one. Numbers of rows stay, for without them a report says nothing of any row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from certify.certificate.schema import Certificate, Claim, File, Hypothesis, Problem
from certify.format.errors import SpecError
from certify.systems.head.rows.head import quoted

LEFT_OUT: Final = "[left out]"
SHORTEST: Final = 2
"""Shortest name that is looked for in prose; one letter would be everywhere."""

SAID: Final = (
    "Left out: names of files, of columns and of coefficients, words of labels, owners of suppressions, and the "
    "reasons that people gave for thresholds. No value of a row is on this page.",
    "Kept: digests of all files, by which whoever has a file can tell that it is the one; numbers of rows; numbers in "
    "the question, such as thresholds, units and codes of labels; versions of programs.",
)
"""What a redacted page says of itself."""


def redacted(opened: Certificate) -> Certificate:
    """A certificate without what may be personal, for a report alone: its digest is that of the whole one.

    Args:
        opened: the certificate, read strictly.
    """
    hide = _hider([*_names(opened)])
    subject = opened.subject
    files = {role: _file(role, one) for role in type(subject).model_fields if (one := getattr(subject, role))}
    return opened.model_copy(update={
        "subject": subject.model_copy(update=files),
        "problem": _problem(opened.problem),
        "claims": [_claim(claim, hide) for claim in opened.claims],
        "environment": _plain(opened.environment, hide),
        **_decisions(opened, hide),
    })


def _decisions(opened: Certificate, hide: Callable[[str], str]) -> dict[str, Any]:
    """Gates over time and suppressions without the file, the owners and the reasons that people gave."""
    over_time, suppressed = opened.over_time, opened.suppressed
    if over_time is not None:
        file = None if over_time.baseline is None else _file("baseline", over_time.baseline)
        gates = [gate.model_copy(update={"rationale": gate.rationale and LEFT_OUT, "reason": hide(gate.reason)})
                 for gate in over_time.gates]
        over_time = over_time.model_copy(update={"baseline": file, "gates": gates})
    if suppressed is not None:
        suppressed = [one.model_copy(update={"owner": LEFT_OUT, "reason": LEFT_OUT}) for one in suppressed]
    return {"over_time": over_time, "suppressed": suppressed}


def require_no_rows(rows: bool, redact: bool) -> None:
    """Refuse to show rows and to leave them out.

    Raises:
        SpecError: both were asked for.
    """
    if rows and redact:
        raise SpecError("--redact", "--rows shows values of rows", "leave out one of the two")


def _names(opened: Certificate) -> Iterator[str]:
    """Everything that is called something."""
    problem, subject = opened.problem, opened.subject
    bound = [one.path for role in type(subject).model_fields if (one := getattr(subject, role)) is not None]
    for path in (*bound, *_read_from(opened.environment.get("read_from"))):
        place = PurePosixPath(path)
        yield from (path, place.stem, *(part for part in place.parts if part not in ("/", "..")))
    yield from problem.called or ()
    yield from problem.labels or ()
    if problem.functionals is not None:
        yield from [problem.functionals] if isinstance(problem.functionals, str) else problem.functionals
    for part in (problem.grouped, problem.row_weights):
        if part is not None:
            yield part.by
    if problem.about is not None:
        yield from map(quoted, problem.about.labels or ())  # as reasons have them: long ones are cut
        made = (problem.about.model, problem.about.data, problem.about.evaluation)
        yield from (problem.about.behind or "", *(one.name for one in made if one is not None))


def _read_from(files: object) -> Iterator[str]:
    """Paths of the files that those of the certificate were made from, and of those that hold tensors of the model."""
    for role, file in files.items() if isinstance(files, dict) else ():
        yield from (str(role).removeprefix("model data "),) * str(role).startswith("model data ")
        yield from (str(file["path"]),) * (isinstance(file, dict) and "path" in file)


def _hider(names: list[str]) -> Callable[[str], str]:
    """What takes these names out of a text, the longest first, where they stand as words."""
    known = sorted({name for name in names if len(name) >= SHORTEST}, key=lambda name: (-len(name), name))
    if not known:
        return lambda text: text
    found = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in known))
    return lambda text: found.sub(LEFT_OUT, text)


def _file(role: str, one: File) -> File:
    """A file under the name of its role, with its ending where that is a usual one."""
    ending = PurePosixPath(one.path).suffix
    return one.model_copy(update={"path": role.upper() + (ending if re.fullmatch(r"\.[a-z0-9]{1,11}", ending) else "")})


def _problem(problem: Problem) -> Problem:
    hidden: dict[str, Any] = {"names": None, "about": None, "arrays": None}
    if isinstance(problem.functionals, list):
        hidden["functionals"] = [f"number {i}" for i in range(len(problem.functionals))]
    elif problem.functionals is not None:
        hidden["functionals"] = LEFT_OUT
    for key in ("grouped", "row_weights"):
        if (part := getattr(problem, key)) is not None:
            hidden[key] = part.model_copy(update={"by": LEFT_OUT})
    return problem.model_copy(update=hidden)


def _claim(claim: Claim, hide: Callable[[str], str]) -> Claim:
    hypotheses = [Hypothesis(name=hide(one.name), statement=hide(one.statement), holds=one.holds,
                             value=hide(one.value) if isinstance(one.value, str) else one.value)
                  for one in claim.hypotheses]
    gate = claim.gate
    if gate is not None and gate.rationale:
        gate = gate.model_copy(update={"rationale": LEFT_OUT})
    return claim.model_copy(update={
        "hypotheses": hypotheses, "gate": gate, "reason": hide(claim.reason), "unit": hide(claim.unit)})


def _plain(part: Any, hide: Callable[[str], str]) -> Any:
    """A nested object with every text in it looked through."""
    if isinstance(part, dict):
        return {hide(key): _plain(value, hide) for key, value in part.items()}
    if isinstance(part, list):
        return [_plain(value, hide) for value in part]
    return hide(part) if isinstance(part, str) else part
