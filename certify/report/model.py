"""Turn a certificate into the statements of a report: what is said, before any medium."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from posixpath import basename
from typing import Any

from certify.certificate.schema import Certificate, Claim, File, Problem, Subject
from certify.format.labels import QUANTITY as LABELS
from certify.format.labels import label_meaning
from certify.problem.fit import recorded
from certify.report import words
from certify.report.cautions import distant
from certify.report.digits import as_given, count, cut, lower_end, upper_end
from certify.report.messages import unchecked
from certify.report.moves import LISTED, NOUN, listing, named_rows, size_of_move, units, what_moves
from certify.report.reading import open_certificate
from certify.report.sections import critical
from certify.report.sections.findings import find_findings, find_gates, find_undecided
from certify.report.sections.glossary import glossary
from certify.report.sections.limit import limit
from certify.report.sections.point import lead, meaning, point
from certify.report.sections.scope import not_claimed
from certify.report.statements import (
    Assumption,
    BoundFile,
    Entry,
    Phrase,
    Report,
    Span,
    Symbols,
    VerdictWords,
    prose,
    say,
    visible,
)

AT_MOST, AT_LEAST = ("loss", "solution", "tilt", "contraction", "bias"), ("rank", "gradient", "interior", "weights")
"""Hypotheses whose value is an upper bound, and those whose value is a lower bound."""


def build(certificate: Mapping[str, Any]) -> Report:
    """Return everything a report on this certificate says.

    Args:
        certificate: the dictionary read from ``certificate.json``.

    Raises:
        CertificateError: the certificate is malformed or contradicts itself.
    """
    opened = open_certificate(certificate)
    problem, subject, claims = opened.problem, opened.subject, opened.claims
    layer = None if problem.layer == "all" else problem.layer
    quantities = {claim.quantity for claim in claims}
    base, shift = point(opened.base, problem, claims)
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
        lead=(*lead(opened.base, problem), *_distant(certificate)),
        findings=find_findings(claims, problem),
        meaning=meaning(problem, claims),
        limit=limit(problem, claims),
        symbols=Symbols(
            map=problem.map, base=problem.base, parameter=problem.parameter, set=problem.set, layer=layer,
            found=opened.base.distance is not None, scaled=problem.scale is not None,
            level=None if problem.level is None else as_given(problem.level),
            decay=as_given(problem.weight_decay) if problem.weight_decay else None,
        ),
        base=base,
        shift=shift,
        assumptions=_assumptions(claims),
        facts=_facts(problem, LABELS in quantities) + _fit(opened.environment),
        not_claimed=not_claimed(problem, quantities, opened.base.distance is not None),
        commands=_commands(opened),
        files=_files(subject),
        environment=tuple(_flat({key: entry for key, entry in opened.environment.items() if key != "fit"})),
        glossary=glossary(problem, quantities),
    )  # fmt: skip


def _distant(certificate: Mapping[str, Any]) -> Phrase:
    """That the one solution is not the weights in the file, where it lies far from them."""
    caution = distant(certificate["base"], certificate["claims"])
    return say(" Caution: {words}", words=caution) if caution else ()


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
        proved = any(claim.verdict != "inconclusive" for claim in opened.claims)
        return VerdictWords("none set", words.NO_GATE + ("" if proved else words.NOTHING_PROVED))
    if not counting:
        return VerdictWords("none that counts", words.NO_GATE_THAT_COUNTS)
    state = opened.gates
    deciding = [claim for claim in counting if claim.gate is not None and claim.gate.state == state]
    weakest = next((r for r in ("estimated", "conditional") if r in {claim.rigour for claim in deciding}), None)
    word = f"{state} ({weakest})" if weakest and state != "open" else state
    tail = words.WARN_ONLY if len(counting) < len(gated) else ""
    return VerdictWords(word, words.gates_meaning(state, len(deciding), len(counting)) + tail)


def _architecture(problem: Problem) -> str:
    return "–".join(map(str, problem.widths or ()))


_OPERATIONS = {
    "conv2d": "convolution", "linear": "linear layer", "batch_norm": "frozen batch normalisation",
    "avg_pool": "average pooling", "max_pool": "maximum pooling", "add": "residual sum",
    "subsample": "subsampling", "pad_channels": "channel padding",
}


def _operations(problem: Problem) -> str:
    """The operations of a graph but for changes of shape, counted, in words."""
    assert problem.graph is not None
    names = {op: _OPERATIONS.get(op, f"{op.replace('_', ' ')} activation") for op in problem.graph.operations}
    return ", ".join(f"{count(times)} {names[op]}{'s' * (times != 1)}"
                     for op, times in problem.graph.operations.items() if op != "flatten")


_VERB = {(True, None): " change", (False, None): " move", (True, "down"): " fall"}


def _subtitle(problem: Problem) -> Phrase:
    rows = "its {n} training rows" if problem.rows == "all" else "{listed} of its {n} training rows"
    kind = "a critical point" if problem.map == "critical" else "an exact fit"
    may = " may adjust" if problem.base == "given" else f" may adjust, from {kind} nearby,"
    network = "A fully connected {activation} network, {widths}," if problem.graph is None else "A network of {widths},"
    widths = Span("whole" if len(problem.widths or ()) < 8 else "text", _architecture(problem))
    if problem.graph is not None:
        widths = Span("text", _operations(problem))
    return say(
        network + " whose {parameters} parameters{layer}" + may + " when the "
        "{moved} of " + rows + _VERB[problem.parameter in ("sample_weights", "labels"), problem.direction] + ".",
        activation=problem.activation or "",
        widths=widths,
        parameters=count(problem.parameters),
        layer="" if problem.layer == "all" else f" in layer {problem.layer}",
        moved=NOUN[problem.parameter],
        listed="" if problem.rows == "all" else named_rows(problem.rows),
        n=count(problem.n),
    )


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
            value=_verified(name, value, holds),
            holds=holds,
            used_by=tuple(dict.fromkeys(quantities)),
        )
        for (name, statement, value, holds), quantities in users.items()
    )


def _verified(name: str, value: float | str | None, holds: bool) -> Phrase:
    """The verified value, rounded outward where it is a bound."""
    if value is None:
        return say("proved without a number") if name == "rank" and holds else ()
    if isinstance(value, str):
        return say("{v}", v=value)
    rounded = upper_end if name in AT_MOST else lower_end if name in AT_LEAST else cut
    return say("{v}", v=rounded(value))


def _network(problem: Problem) -> str:
    """Kind, size and biases of the network."""
    if problem.graph is not None:
        shape = " × ".join(map(str, problem.graph.shape))
        return f"a graph, rows of shape {shape}: {_operations(problem)}"
    biases = problem.biases or []
    with_bias = "every layer has a bias" if all(biases) else "no layer has a bias" if not any(biases) else "some biases"
    return f"fully connected, {_architecture(problem)}, {problem.activation}; {with_bias}"


def _adjusting(problem: Problem) -> str:
    if problem.graph is not None:
        normed = "batch_norm" in problem.graph.operations
        stays = ", also of the batch normalisations; their running statistics stay as they are"
        return "all weights and biases" + (stays if normed else "")
    if problem.layer == "all":
        return "all weights and biases"
    return f"weights and bias of layer {problem.layer}; the other layers stay as they are"


def _facts(problem: Problem, labels: bool) -> tuple[Entry, ...]:
    outputs = f"{count(problem.outputs)} output{'s' * (problem.outputs != 1)}"
    facts = [
        ("network", _network(problem)),
        ("training data", f"{count(problem.n)} rows, {count(problem.inputs)} features and {outputs} each"),
        ("what may move", what_moves(problem)),
        ("size of a move δ", size_of_move(problem)),
        ("units of the features", units(problem)),
        ("what may adjust", _adjusting(problem)),
        *_map_facts(problem),
        ("distance between weights", words.WEIGHT_NORMS[problem.weight_norm]),
        *([] if problem.window is None else [("window", f"the ball of radius {as_given(problem.window).text} around "
                                              "the given weights")]),
        *_reference_facts(problem),
        *([("evaluation rows", count(problem.evaluation_rows))] if problem.evaluation_rows else []),
        *([("label of a row", label_meaning(problem.outputs, problem.threshold))] if labels else []),
    ]
    if problem.groups:
        listed = "; ".join(listing(group) for group in problem.groups[:LISTED])
        more = f" and {len(problem.groups) - LISTED} more groups" if len(problem.groups) > LISTED else ""
        treated = "each group treated as one row" if problem.merge_duplicates else "treated as separate rows"
        facts.append(("equal rows", f"{listed}{more}; {treated}"))
    elif problem.merge_duplicates:
        facts.append(("equal rows", "none found"))
    return tuple(Entry(term, say("{t}", t=text)) for term, text in facts if text)


def _fit(environment: Mapping[str, object]) -> tuple[Entry, ...]:
    """How well the network as understood fits its data, where the certificate keeps it."""
    found = recorded(environment.get("fit"))
    if found is None:
        return ()
    text = f"{found.sentence()} Plain floating point, no part of any claim; what `certify check` does not look at."
    return (Entry("today’s fit", say("{t}", t=prose(text))),)


def _reference_facts(problem: Problem) -> list[tuple[str, str]]:
    """Reference rows and τ of the function norm."""
    if problem.tau is None or problem.reference_rows is None:
        return []
    return [("reference rows", count(problem.reference_rows)), ("τ", as_given(problem.tau).text)]


def _map_facts(problem: Problem) -> list[tuple[str, str]]:
    """The solution map, and what defines it."""
    parameters = f"in {count(problem.parameters)} parameters"
    if problem.map == "critical":
        return critical.facts(problem)
    if problem.map == "interpolation":
        return [
            ("equations", f"{count(problem.equations)} (rows × outputs), {parameters}"),
            ("solution map", f"{problem.map}, base {problem.base}"),
        ]
    level = "the training loss of the given weights" if problem.level is None else as_given(problem.level).text
    return [
        ("solution map", f"{problem.map}: one inequality, training loss ≤ level, {parameters}"),
        ("level", level),
        ("loss of a row", f"{problem.loss.replace('_', '-')}: {words.LOSSES[problem.loss]}"),
        ("weight decay", as_given(problem.weight_decay).text if problem.weight_decay else "none"),
    ]


def _commands(opened: Certificate) -> tuple[tuple[str, str], ...]:
    """The command that makes the certificate again and the one that checks it if it can, quoted for a shell."""
    spec = opened.subject.spec.path
    run = ["certify", "run", *(["--merge-duplicates"] if opened.problem.merge_duplicates else [])]
    run += [*(["-o", "."] if "/" in spec else []), spec if not spec.startswith("-") else f"./{spec}"]
    check = ["certify", "check", "certificate.json"]
    for claim in opened.claims:
        if claim.gate is not None and claim.gate.severity == "fail":  # a threshold given to the checker always counts
            side, value = ("min", claim.gate.min) if claim.gate.max is None else ("max", claim.gate.max)
            check += [f"--{side}", f"{claim.quantity}={value!r}"]
    barred = unchecked({"model": opened.subject.model.path, "data": opened.subject.data.path})
    but = "".join(f". It {words}" for words in barred)
    return (
        ("Make it again, in the folder of the certificate", visible(shlex.join(run))),
        (visible(f"Check it against the original files, with independent code{but}"), visible(shlex.join(check))),
    )


def _files(subject: Subject) -> tuple[BoundFile, ...]:
    named = [(subject.spec, "specification"), (subject.model, "network"), (subject.data, "training data")]
    if subject.change is not None:
        named.append((subject.change, "change of the data"))
    if subject.graph is not None:
        named.insert(2, (subject.graph, "graph of the network"))
    if subject.reference is not None:
        named.append((subject.reference, "reference rows"))
    if subject.evaluation is not None:
        named.append((subject.evaluation, "evaluation rows"))
    witness = () if subject.witness is None else (_file(subject.witness, "side file (witness)"),)
    return (*(_file(file, role) for file, role in named), *witness)


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
