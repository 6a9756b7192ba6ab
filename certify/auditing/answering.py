"""One question answered: its spec is proved, its thresholds become what was proved, and all is written."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from certify.auditing.known import Known
from certify.auditing.questions.base import Asked, Options, Question, Wanted
from certify.auditing.ranked.left_out import Ranking
from certify.auditing.ranked.named import named
from certify.auditing.shown.after import labels_after
from certify.auditing.shown.alarm import astray
from certify.auditing.shown.both_kinds import told_apart
from certify.auditing.shown.headline import ALONE, settled
from certify.auditing.shown.held import held
from certify.auditing.shown.predictions import Column, column
from certify.auditing.spec_run import CERTIFICATE, REPORT, WITNESS, Loaded, Proved, load, prove, tested, write
from certify.auditing.subject import Subject
from certify.certificate.audit_folder import DRAFT, SPEC
from certify.certificate.build import Claim
from certify.certificate.write import require_folder
from certify.format.digits import at_least, at_most
from certify.format.errors import InputError
from certify.format.labels import COUNTED
from certify.format.quantities import PREDICTION_CHANGE, QUANTITIES, STABLE_PREDICTIONS
from certify.format.words import Verdict
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.limits import limits_of
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.prove.changed.lost import said_of_lost, several_left
from certify.prove.gates import evaluate
from certify.report.messages import cautions_of
from certify.report.phrases.decisions.beside import about, another_point
from certify.rigor.fp import Array
from certify.spec.load import parse_spec
from certify.spec.models import Spec
from certify.spec.sources import Digest
from certify.spec.text.toml_text import spec_text

FOUND: Final = "The threshold is what was proved when this was written."
NOTHING: Final = "No useful end was proved when this was written: the threshold is one that stayed open."
UNSEEN: Final = "Not looked at yet: write what you need."

APART: Final = 10.0
"""How many times the lower end the upper end of a size may be for a reader to learn something from it."""

UNHELD: Final = "no certificate holds this ranking"

UNCHECKED: Final = ("what is said of each row by itself is proved by this run alone: no certificate holds it, and "
                    "`certify check` does not derive it again")

FIRST, LEAST = 0.6, 0.25
"""Of the time left, what a ranking that is the answer is given; of all, what it or another spec has at least."""


@dataclass(frozen=True)
class Answer:
    """What became of one claim of one question.

    Attributes:
        question: in words.
        slug: of the question.
        quantity: what was bounded.
        lower, upper: its ends, None where there is none.
        unit: of them.
        verdict: ``certified`` (without a threshold: a useful end was proved), ``refuted`` or ``inconclusive``.
        sentence: the answer in words.
        reason: why no more is proved; "" where all is.
        cautions: what speaks against reading it as one about the weights in the file.
        total: of how many predictions it is a count; 0 where it is none.
        asked: whether somebody gave the threshold.
        seconds: of the question.
        folder: where its spec, certificate and page are.
        ranking: training rows by what hangs on each, as `--json` has them; None where the question names none.
        predictions: what its certificate says of every prediction, with the first answer of a question; None: nothing.
        alarm: what has to be read before it; "": nothing.
        in_certificate: whether its certificate holds it, so that `certify check` derives it; else this run alone does.
        methods: what each method left open, or why it was not tried, by its name.
        beside: whether it is about the minimum on these rows, which the given weights are not known to be.
    """

    question: str
    slug: str
    quantity: str
    lower: float | None
    upper: float | None
    unit: str
    verdict: str
    sentence: str
    reason: str
    cautions: tuple[str, ...]
    total: int
    asked: bool
    seconds: float
    folder: Path
    ranking: Mapping[str, Any] | None = None
    in_certificate: bool = True
    predictions: Column | None = None
    alarm: str = ""
    methods: tuple[str, ...] = ()
    beside: bool = False

    def as_json(self) -> dict[str, Any]:
        """Its members for `--json`; the folder as a path from that of the audit is the caller's."""
        return {"question": self.question, "ask": self.slug.replace("-", " "), "quantity": self.quantity,
                "lower": self.lower, "upper": self.upper, "unit": self.unit, "total": self.total,
                "verdict": self.verdict, "answer": self.sentence, "reason": self.reason,
                "cautions": list(self.cautions), "seconds": round(self.seconds, 2),
                "in_certificate": self.in_certificate} | ({} if self.ranking is None else {"ranking": self.ranking}) | (
            {"methods": list(self.methods)} if self.methods else {}) | about(self.beside)


def answered(subject: Subject, question: Question, options: Options, folder: Path, tell: Progress,
             announce: Callable[[Mapping[Path, bytes]], None] = lambda contents: None,
             known: Known | None = None) -> list[Answer]:
    """Answer a question, and write `certify.toml`, `certificate.json` and `report.html` into a folder.

    Args:
        subject: what it is about; the paths in its tables are relative to `folder`.
        question: the question; it can be asked.
        options: what was said of it.
        folder: where to write.
        tell: told the stage and the fraction done.
        announce: told the spec before it is written.
        known: what questions before it proved.

    Raises:
        CertifyError: what the spec asks for has no answer, or the machine none.
    """
    started, points = time.monotonic(), subject.points
    require_folder(folder, (SPEC, CERTIFICATE, REPORT, WITNESS))
    subject = question.narrowed(subject, options)
    asked, sentence = held_to(question.asked(subject, options), subject, options), question.sentence(subject, options)
    tables = _limited(subject, asked, options)
    audit = _loaded(folder, _spec_text(sentence, tables, asked, None))
    _require_same(subject, audit.problem)
    subject, lost = _losing(subject, audit.problem, asked)
    sentence = question.sentence(subject, options)
    environment = tested(audit.problem, {"ended": subject.ended} if subject.stored else {})

    def ranking(share: float) -> Ranking | str | None:
        seconds = max(share * (options.seconds - (time.monotonic() - started)), LEAST * options.seconds)
        parted = None if audit.problem.evaluation is None else subject.threshold  # a spec may count no labels
        return question.ranking(subject, options, replace(audit.problem, threshold=parted), seconds, tell)
    known = Known() if known is None else known

    def proof(asked: Asked) -> Proved:
        found = known.find(folder, asked)
        if found is None:  # what is asked instead of another has some time, whatever that one took
            begun = max(started, time.monotonic() - (1.0 - LEAST) * options.seconds)
            found = prove(audit.problem, tell, limits_of(audit.problem, begun))
            known.keep(folder, asked, found)
        return found

    ranked = ranking(FIRST) if question.ranks_first else None
    proved = proof(asked)
    given = any(one.threshold is not None for one in asked.wanted)
    other = None if given else question.instead(subject, options, _bounds(proved))
    if other is not None:
        other = held_to(other, subject, options)
        ranked = ranked or ranking(FIRST)  # is the answer then
        asked, tables = other, _limited(subject, other, options)
        audit = _loaded(folder, _spec_text(sentence, tables, asked, None))
        proved = proof(asked)
    ranked = ranked or ranking(1.0)
    text = _spec_text(sentence, tables, asked, _bounds(proved))
    final, claims = _held(audit, proved, folder, text)
    announce(spec := {folder / SPEC: text.encode()})
    certificate = told_apart(write(final, claims, environment, folder, spec), proved.arrays)
    answers = [_answer(subject, question, options, wanted, claim, _bounds(proved)[wanted.quantity], folder)
               for wanted, claim in zip(asked.wanted, certificate["claims"], strict=True)]
    answers = _with_ranking(subject, question, options, ranked, certificate, answers, folder)
    cautions, doubt = (*lost, *cautions_of(certificate)), question.doubt(subject, options, certificate)
    common = partial(replace, seconds=time.monotonic() - started, alarm=astray(certificate),
                     beside=another_point(certificate))
    answers = [common(one, cautions=cautions if one.in_certificate or one.lower is None else (UNCHECKED, *cautions))
               for one in answers]
    if not doubt:
        told = _told(subject, question, sentence, certificate, points, proved)
        return [replace(answers[0], predictions=told), *answers[1:]]
    return [replace(one, verdict=str(Verdict.INCONCLUSIVE), sentence=f"{sentence} is left open", reason=doubt,
                    ranking=None) for one in answers]


def _told(subject: Subject, question: Question, sentence: str, certificate: Mapping[str, Any], points: int,
          proved: Proved) -> Column | None:
    """What is said of every prediction, with the label that one has after the change that flips it."""
    bounds = _bounds(proved)
    after = labels_after(subject, bounds.get(STABLE_PREDICTIONS.name), proved.arrays)
    moved = bounds.get(PREDICTION_CHANGE.name)
    # where one bound holds of all a column of it would repeat the answer
    none = moved is None or subject.classifies or not moved.each
    return column(question.slug.replace("-", " "), sentence, certificate, points, subject.owners, after,
                  None if moved is None or none else moved.each)


def _losing(subject: Subject, problem: Problem, asked: Asked) -> tuple[Subject, tuple[str, ...]]:
    """The subject of a question about changes that may leave a label without rows, and the caution that says so."""
    said = said_of_lost(problem, None, not all(one.quantity in COUNTED for one in asked.wanted))
    return (replace(subject, lost=several_left(problem)), (said,)) if said else (subject, ())


def _limited(subject: Subject, asked: Asked, options: Options) -> dict[str, Any]:
    """The tables of a spec with the time for it, and what it tells readers."""
    return {**asked.stated, "run": {"time_limit": float(options.seconds)}, "about": subject.about}


def held_to(asked: Asked, subject: Subject, options: Options) -> Asked:
    """A spec with the thresholds that somebody gave to quantities of it; a share is one of its predictions."""
    given = {one.quantity: one for one in options.thresholds}
    return replace(asked, wanted=tuple(
        one if (own := given.get(one.quantity)) is None else
        replace(one, side=own.side, threshold=own.of(subject.points)) for one in asked.wanted))


def _bounds(proved: Proved) -> dict[str, Bound]:
    return {claim.bound.quantity: claim.bound for claim in proved.claims}


def _spec_text(sentence: str, tables: Mapping[str, Any], asked: Asked, bounds: Mapping[str, Bound] | None) -> str:
    """The spec of a question; its thresholds are what was proved, where that is known."""
    comment = [f"{sentence[0].upper()}{sentence[1:]}?", "Written by `certify audit`; `certify run` proves it again."]
    return spec_text(comment, tables, [_gate(wanted, None if bounds is None else bounds[wanted.quantity])
                                       for wanted in asked.wanted])


def _with_ranking(subject: Subject, question: Question, options: Options, ranking: Ranking | str | None,
                  certificate: Mapping[str, Any], answers: list[Answer], folder: Path) -> list[Answer]:
    """The answers with the rows that were ranked, and with what the ranking says where no claim says it."""
    first, *others = answers
    if ranking is None:
        return [replace(first, ranking=question.tabled(subject, certificate)), *others]
    if isinstance(ranking, str):
        rows = {"rows": [], "reason": ranking}
        if not question.needs_ranking(certificate):
            return [replace(first, ranking=rows), *others]
        return [_alone(subject, question, options, None, f"{question.sentence(subject, options)} is left open",
                       ranking, folder, rows), *answers]
    rows, sentence = named(subject, ranking), question.ranked(subject, options, ranking, certificate)
    if not sentence:
        return [replace(first, ranking=rows), *others]
    low, high = ranking.most.size[0], ranking.upper
    why = "" if low or high <= 0 else "no row is proved to change anything"
    return [_alone(subject, question, options, (low, high), f"{sentence}; {UNHELD}", why, folder, rows), *answers]


def _alone(subject: Subject, question: Question, options: Options, ends: tuple[float, float] | None, sentence: str,
           reason: str, folder: Path, rows: Mapping[str, Any]) -> Answer:
    """The answer of a ranking, which no certificate states; it is open where there is a reason, as where no ends are.

    Args:
        subject: what it is about.
        question: that it answers.
        options: of the question.
        ends: the most that is proved to be changed, and what nothing changes more than; None where nothing is ranked.
        sentence: the answer in words.
        reason: why it is open; "" where it is proved.
        folder: of the question.
        rows: member `ranking`.
    """
    low, high = ends or (None, math.inf)
    return Answer(question.sentence(subject, options), question.slug, ALONE, low, high if math.isfinite(high) else None,
                  "", str(Verdict.INCONCLUSIVE if reason else Verdict.CERTIFIED), sentence, reason, (), 0, False, 0.0,
                  folder, rows, False)


def draft(subject: Subject, question: Question, options: Options) -> str:
    """The text of the spec that asks a question, with thresholds that nobody has looked at yet."""
    if question.option == "prediction":
        raise InputError("the spec of one prediction", "none ranks rows", "use certify audit --prediction NUMBER")
    asked, sentence = question.asked(subject, options), question.sentence(subject, options)
    return spec_text([f"{sentence[0].upper()}{sentence[1:]}?"], asked.stated, [_gate(w, None) for w in asked.wanted])


def _loaded(folder: Path, text: str) -> Loaded:
    """The problem of a spec that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / DRAFT
    try:
        path.write_text(text, encoding="utf-8")
        return load(path, False)
    finally:
        path.unlink(missing_ok=True)


def _require_same(subject: Subject, problem: Problem) -> None:
    """Refuse a spec whose files say something else than what was understood: they changed in between.

    Raises:
        InputError: what differs.
    """
    mine, theirs = subject.network, problem.network
    if isinstance(mine, Network) and isinstance(theirs, Network):
        layers = zip((*mine.weights, *mine.biases), (*theirs.weights, *theirs.biases), strict=True)
        if mine.widths != theirs.widths or not all(_equal(one, other) for one, other in layers):
            raise InputError("model file", "it changed while the audit ran", "run it again")
    pairs: list[tuple[Array | None, Array | None]] = [(subject.X, problem.X)]
    if problem.y is not None or problem.labels is not None:
        pairs += [(subject.y, problem.y), (subject.labels, problem.labels)]
    if problem.weights is not None and not problem.weights.by_label:
        pairs += [(subject.weights, problem.weights.rows)]
    if not all(_equal(one, other) for one, other in pairs):
        raise InputError("data file", "it changed while the audit ran", "run it again")


def _equal(one: Array | None, other: Array | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _held(audit: Loaded, proved: Proved, folder: Path, text: str) -> tuple[Loaded, Proved]:
    """The same bounds under the spec with its final thresholds."""
    content = text.encode()
    spec: Spec = parse_spec(content, SPEC)
    digest = Digest(folder / SPEC, hashlib.sha256(content).hexdigest(), len(content))
    problem = replace(audit.problem, spec=spec, files={**(audit.problem.files or {}), "spec": folder / SPEC})
    bounds = _bounds(proved)
    claims = [Claim(bounds[gate.quantity], gate, evaluate(bounds[gate.quantity], gate, proved.far))
              for gate in spec.gate]
    return Loaded(problem, {**audit.sources, "spec": digest}), replace(proved, claims=claims)


def _gate(wanted: Wanted, bound: Bound | None) -> dict[str, Any]:
    """A gate: the threshold somebody gave, else what is proved, in few digits; else the least that says something."""
    if wanted.threshold is not None:
        return {"quantity": wanted.quantity, wanted.side: float(wanted.threshold)}
    counts = QUANTITIES[wanted.quantity].counts
    if bound is None:
        return {"quantity": wanted.quantity, wanted.side: 1.0, "rationale": UNSEEN}
    side, end, rationale = wanted.side, bound.lower if wanted.side == "min" else bound.upper, FOUND
    if side == "min" and bound.upper == 0:  # none, and that is proved: no threshold from below says it
        side, number = "max", 0.0
    elif end is None or not end > 0:
        number, rationale = _open(side, bound), NOTHING
    elif counts:
        number = float(end)
    else:
        number = float(at_least(end, 3) if side == "min" else at_most(end, 3))
    return {"quantity": wanted.quantity, side: number, "rationale": rationale}


def _open(side: str, bound: Bound) -> float:
    """A threshold that the bound neither meets nor fails, as nobody asked for it: 1, or the nearest that does so."""
    if side == "min":
        return 1.0 if bound.upper is None or bound.upper >= 1 else float(at_least(bound.upper, 3))
    return max(1.0, float(at_most(bound.lower or 0.0, 3)))


def _answer(subject: Subject, question: Question, options: Options, wanted: Wanted, claim: Mapping[str, Any],
            bound: Bound, folder: Path) -> Answer:
    row, given = QUANTITIES[wanted.quantity], wanted.threshold is not None
    verdict, reason = claim["verdict"], ""
    if verdict == "inconclusive" or row.counts and claim["lower"] != claim["upper"]:
        reason = bound.reason or str(claim["reason"] or "")
    total = subject.points if row.counts and not row.per_row else 0
    if not given and verdict == "certified" and not _says_something(wanted, claim, total):
        verdict = "inconclusive"
        reason = bound.reason or "the ends lie too far apart to say much"
    low, high = claim["lower"], claim["upper"]
    if total:  # a count is never below 0, nor above all there is
        low, high = low or 0, total if high is None else high
    told = any(one.quantity == wanted.quantity for one in options.thresholds)  # not one that the question itself has
    answer = held(wanted.side, wanted.threshold if told else None, claim, question.answer(subject, options, claim))
    return Answer(question.sentence(subject, options), question.slug, claim["quantity"], low, high, claim["unit"],
                  verdict, answer, reason, (), total, given, 0.0, folder, methods=bound.methods if reason else ())


def _says_something(wanted: Wanted, claim: Mapping[str, Any], total: int) -> bool:
    """Whether the upper end of a size is not far beyond what is reached, and a count is open for no more than half."""
    if wanted.side == "min":
        if total and (claim["upper"] if claim["upper"] is not None else total) - (claim["lower"] or 0) > total / 2:
            return False
        return bool(claim["lower"]) or claim["upper"] == 0
    return claim["upper"] is not None and claim["upper"] <= APART * (claim["lower"] or 0.0)


def overall(answers: Sequence[Answer]) -> str:
    """The verdict of an audit.

    Refuted if a threshold that somebody gave is; certified if a question is answered and no such threshold is open;
    else inconclusive.
    """
    given = [answer.verdict for answer in answers if answer.asked]
    if "refuted" in given:
        return "refuted"
    if "inconclusive" in given or not any(
            settled([(one.quantity, one.verdict) for one in answers if one.question == question])
            for question in {one.question for one in answers}):
        return "inconclusive"
    return "certified"
