"""The verdict, and the state of the gates, with what they mean."""

from __future__ import annotations

from dataclasses import dataclass

from certify.certificate.schema import Certificate
from certify.prove.gates import BY_WEIGHT
from certify.report.phrases import words
from certify.report.section import Section
from certify.report.statements import VerdictWords


@dataclass(frozen=True)
class Verdict:
    """Both outcomes."""

    verdict: VerdictWords
    gates: VerdictWords


def _build(opened: Certificate) -> Verdict:
    apart = any(gate.state != "met" for gate in (opened.over_time.gates if opened.over_time else ()))
    meaning = words.VERDICT_MEANING.get(opened.verdict, words.THIS_MODEL_PROVED if apart else words.ALL_PROVED)
    return Verdict(VerdictWords(opened.verdict, meaning), _gates_state(opened))


def _gates_state(opened: Certificate) -> VerdictWords:
    """The state of the gates that count, in words; a state that rests on an estimate says so."""
    gated = [(claim.gate.severity, claim.gate.state, str(claim.rigour)) for claim in opened.claims if claim.gate]
    gated += [(gate.severity, gate.state, "proved") for gate in (opened.over_time.gates if opened.over_time else ())]
    counting = [one for one in gated if one[0] == "fail"]
    if not gated:
        proved = any(claim.verdict != "inconclusive" for claim in opened.claims)
        return VerdictWords("none set", words.NO_GATE + ("" if proved else words.NOTHING_PROVED))
    if not counting:
        return VerdictWords("none that counts", words.NO_GATE_THAT_COUNTS)
    state = next(state for state in BY_WEIGHT if state in {one[1] for one in counting})
    deciding = [one for one in counting if one[1] == state]
    weakest = next((r for r in ("estimated", "conditional") if r in {one[2] for one in deciding}), None)
    word = f"{state} ({weakest})" if weakest and state != "open" else state
    tail = words.WARN_ONLY if len(counting) < len(gated) else ""
    suppressed = any(not one.expired for one in opened.suppressed or ())
    return VerdictWords(word, words.gates_meaning(state, len(deciding), len(counting), suppressed) + tail)


SECTION = Section("verdict", "", _build)
