"""Turn a certificate into the statements of a report: what is said, before any medium."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from posixpath import basename

from certify.certificate.schema import Base, Certificate, Claim, File, Problem
from certify.report import words
from certify.report.digits import count, cut, upper_end
from certify.report.findings import find_findings, find_gates, find_undecided
from certify.report.reading import open_certificate
from certify.report.statements import (
    Assumption,
    BoundFile,
    Entry,
    Phrase,
    Report,
    Span,
    VerdictWords,
    prose,
    say,
    visible,
)

LISTED = 12


def build(certificate: Mapping[str, object]) -> Report:
    """Return everything a report on this certificate says.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    opened = open_certificate(certificate)
    problem, subject, claims = opened.problem, opened.subject, opened.claims
    layer = None if problem.layer == "all" else problem.layer
    base, shift = _base(opened.base)
    return Report(
        title=f"Sensitivity of {visible(basename(subject.model.path))} to its training data",
        subtitle=_subtitle(problem),
        created=_date(opened.created),
        version=prose(opened.certify_version),
        digest=opened.digest,
        verdict=VerdictWords(opened.verdict, words.VERDICT_MEANING.get(opened.verdict, words.ALL_PROVED)),
        gates_state=_gates_state(opened),
        gates=find_gates(claims),
        undecided=find_undecided(claims),
        advice=words.MERGE_ADVICE if any(claim.witness.equal_rows for claim in claims) else (),
        findings=find_findings(claims, problem),
        fit=_fit(problem),
        limit=words.LIMIT if any(claim.upper is not None for claim in claims) else words.LIMIT_ALONE,
        layer=layer,
        parameter=problem.parameter,
        base=base,
        shift=shift,
        assumptions=_assumptions(claims),
        facts=_facts(problem),
        not_claimed=words.not_claimed(problem.parameter, problem.rows != "all", layer),
        commands=_commands(opened),
        files=(
            _file(subject.spec, "specification"),
            _file(subject.model, "network"),
            _file(subject.data, "training data"),
        ),
        environment=tuple(_flat(opened.environment)),
        glossary=words.GLOSSARY,
    )


def _date(created: str) -> str:
    """The time stamp of the certificate as people write it; one that is no date stays as it is."""
    try:
        moment = datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return prose(created)
    month = ("January February March April May June July August September October November December").split()
    return f"{moment.day} {month[moment.month - 1]} {moment.year}, {moment:%H:%M} UTC"


def _gates_state(opened: Certificate) -> VerdictWords:
    """The state of the gates that count, in words; a state that rests on an estimate says so."""
    gated = [claim for claim in opened.claims if claim.gate is not None]
    counting = [claim for claim in gated if claim.gate is not None and claim.gate.severity == "fail"]
    if not gated:
        return VerdictWords("none set", words.NO_GATE)
    if not counting:
        return VerdictWords("none that counts", words.NO_GATE_THAT_COUNTS)
    state = opened.gates
    deciding = [claim for claim in counting if claim.gate is not None and claim.gate.state == state]
    weakest = next((r for r in ("estimated", "conditional") if r in {claim.rigour for claim in deciding}), None)
    word = f"{state} ({weakest})" if weakest and state != "open" else state
    tail = words.WARN_ONLY if len(counting) < len(gated) else ""
    return VerdictWords(word, words.gates_meaning(state, len(deciding), len(counting)) + tail)


def _architecture(problem: Problem) -> str:
    return "–".join(map(str, problem.widths))


def _subtitle(problem: Problem) -> Phrase:
    moving = "its {n} training rows" if problem.rows == "all" else "{listed} of its {n} training rows"
    return say(
        "A fully connected {activation} network, {widths}, whose {parameters} parameters{layer} may adjust when the "
        "{moved} of " + moving + " move.",
        activation=problem.activation,
        widths=Span("whole" if len(problem.widths) < 8 else "text", _architecture(problem)),
        parameters=count(problem.parameters),
        layer="" if problem.layer == "all" else f" in layer {problem.layer}",
        moved=problem.parameter,
        listed="" if problem.rows == "all" else _rows(problem.rows),
        n=count(problem.n),
    )


def _rows(rows: Sequence[int]) -> str:
    return f"row{'s' * (len(rows) != 1)} {_listing(rows)}"


def _moving(problem: Problem) -> str:
    if problem.rows == "all":
        return f"the {problem.parameter} of every row"
    return f"the {problem.parameter} of {_rows(problem.rows)}"


def _listing(rows: Sequence[int]) -> str:
    shown = ", ".join(map(str, rows[:LISTED]))
    return shown if len(rows) <= LISTED else f"{shown} and {len(rows) - LISTED} others"


def _fit(problem: Problem) -> Phrase:
    """What an exact fit means, and how moves and weights are measured."""
    return say(
        "“Fits exactly” means: gives, on every training row, {what}. "
        "δ and the distance between weights are {norm} lengths.",
        what="the output that the given network gives today"
        if problem.parameter == "features"
        else "the output that the given network gives today, plus the move of that row’s target",
        norm=problem.weight_norm.capitalize(),
    )


def _base(base: Base) -> tuple[tuple[Phrase, ...], tuple[Entry, ...]]:
    entries = []
    if base.residual is not None:
        entries.append(Entry("length of the whole shift", say("at most {r}", r=upper_end(base.residual))))
    if base.shift_worst is not None:
        where = "" if base.shift_worst_row is None else f", at row {base.shift_worst_row}"
        entries.append(Entry("largest shift of one row", say("at most {r}{w}", r=upper_end(base.shift_worst), w=where)))
    entries.append(Entry("distance to the exact fit", say("{d}", d=upper_end(base.distance))))
    return words.base_given(base.residual is not None), tuple(entries)


def _assumptions(claims: Sequence[Claim]) -> tuple[Assumption, ...]:
    """The hypotheses of all claims, each once, with the quantities that use it."""
    users: dict[tuple[str, str, float | str | None, bool], list[str]] = {}
    for claim in claims:
        for h in claim.hypotheses:
            users.setdefault((h.name, h.statement, h.value, h.holds), []).append(claim.quantity)
    return tuple(
        Assumption(
            name=visible(name),
            statement=prose(statement),
            value=() if value is None else say("{v}", v=value if isinstance(value, str) else cut(value)),
            holds=holds,
            used_by=tuple(dict.fromkeys(quantities)),
        )
        for (name, statement, value, holds), quantities in users.items()
    )


def _facts(problem: Problem) -> tuple[Entry, ...]:
    biases = problem.biases
    with_bias = "every layer has a bias" if all(biases) else "no layer has a bias" if not any(biases) else "some biases"
    outputs = f"{count(problem.outputs)} output{'s' * (problem.outputs != 1)}"
    adjusting = f"weights and bias of layer {problem.layer}; the other layers stay as they are"
    counted = ", equal rows counted once" if problem.merge_duplicates and problem.groups else ""
    facts = [
        ("network", f"fully connected, {_architecture(problem)}, {problem.activation}; {with_bias}"),
        ("training data", f"{count(problem.n)} rows, {count(problem.inputs)} features and {outputs} each"),
        ("what may move", _moving(problem)),
        ("size of a move δ", f"Euclidean length over all rows that may move, together{counted}"),
        ("what may adjust", "all weights and biases" if problem.layer == "all" else adjusting),
        ("equations", f"{count(problem.equations)} (rows × outputs), in {count(problem.parameters)} parameters"),
        ("solution map", f"{problem.map}, base {problem.base}"),
        ("distance between weights", problem.weight_norm.capitalize()),
    ]
    if problem.groups:
        listed = "; ".join(_listing(group) for group in problem.groups[:LISTED])
        more = f" and {len(problem.groups) - LISTED} more groups" if len(problem.groups) > LISTED else ""
        treated = "each group treated as one row" if problem.merge_duplicates else "treated as separate rows"
        facts.append(("equal rows", f"{listed}{more}; {treated}"))
    elif problem.merge_duplicates:
        facts.append(("equal rows", "none found"))
    return tuple(Entry(term, say("{t}", t=text)) for term, text in facts)


def _commands(opened: Certificate) -> tuple[tuple[str, str], ...]:
    """The command that makes the certificate again and the one that checks it, quoted for a shell."""
    spec = opened.subject.spec.path
    run = ["certify", "run", *(["--merge-duplicates"] if opened.problem.merge_duplicates else [])]
    run += [*(["-o", "."] if "/" in spec else []), spec if not spec.startswith("-") else f"./{spec}"]
    check = ["certify", "check", "certificate.json"]
    for claim in opened.claims:
        if claim.gate is not None:
            side, value = ("min", claim.gate.min) if claim.gate.max is None else ("max", claim.gate.max)
            check += [f"--{side}", f"{claim.quantity}={value!r}"]
    return (
        ("Make it again, in the folder of the certificate", visible(shlex.join(run))),
        ("Check it against the original files, with independent code", visible(shlex.join(check))),
    )


def _file(file: File, role: str) -> BoundFile:
    return BoundFile(role, visible(file.path), f"{count(file.bytes)} bytes", file.sha256)


def _flat(members: Mapping[str, object], path: str = "") -> list[Entry]:
    """The members of a nested object as lines, their keys joined."""
    lines: list[Entry] = []
    for key in sorted(members):
        member, term = members[key], f"{path} {prose(key.replace('_', ' '))}".strip()
        if isinstance(member, Mapping):
            lines += _flat(member, f"{term}:")
        elif isinstance(member, list | tuple):
            lines.append(Entry(term, say("{t}", t=", ".join(map(_plain, member)))))
        else:
            lines.append(Entry(term, say("{t}", t=_plain(member))))
    return lines


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "—" if value is None else prose(str(value))
