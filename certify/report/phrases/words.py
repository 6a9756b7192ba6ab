"""The fixed words of a report: what verdicts, gates and rigour mean."""

from __future__ import annotations

from certify.report.statements import code, say

OPENING = {
    "proved": "If",
    "conditional": "Under a hypothesis that was not proved: if",
    "estimated": "By an estimate, without proof: if",
}
"""How the sentence on a claim begins, by its rigour."""

RIGOUR = {
    "proved": "Proved, with every rounding error enclosed",
    "conditional": "Proved under a hypothesis that was not itself proved",
    "estimated": "An estimate; nothing is proved",
}

VERDICT_MEANING = {
    "refuted": "It is proved that at least one thing asked for does not hold. The certificate carries the evidence, "
    "and anyone can check it.",
    "inconclusive": "At least one thing asked for was neither proved nor disproved. It may hold and it may fail; "
    "nothing should be concluded from it until it is decided.",
}
ALL_PROVED = "Everything asked for is proved, with every rounding error of the computation enclosed."
THIS_MODEL_PROVED = (
    "What was asked about this model alone is proved, with every rounding error of the computation enclosed. Whether "
    "it got worse than the baseline is asked apart: see the gates.")
"""The same beside a gate over time that is not met."""

NO_GATE = "No threshold was set, so there is nothing to meet or to fail."
NOTHING_PROVED = " Nothing of what was asked is proved. The command ends with status 4."
NO_GATE_THAT_COUNTS = "Only thresholds of severity “warn” were set; they are reported but do not count."
WARN_ONLY = " Thresholds of severity “warn” are reported below but do not count."

SUPPRESSED = "Suppressed gates, listed below, do not count for the exit status of the command."

MERGE_ADVICE = (
    say("Run {run} to treat equal rows as one row, or", run=code("certify run SPEC --merge-duplicates")),
    say("remove all but one of the equal rows from the data, and run again."),
)


def gates_meaning(state: str, decided: int, total: int, suppressed: bool = False) -> str:
    """What the state of the gates that count means, and with which status the command ends.

    Args:
        state: of all of them.
        decided, total: how many are in that state, and how many there are.
        suppressed: whether somebody answers for one, which then does not count for the status.
    """
    status = {"met": 0, "failed": 3, "open": 4}[state]
    several = {1: "The threshold", 2: "Both thresholds"}.get(total, f"All {total} thresholds")
    some = "The threshold" if total == 1 else f"{decided} of {total} thresholds"
    words = {
        "met": f"{several} {'holds' if total == 1 else 'hold'}.",
        "failed": f"{some} {'does' if decided == 1 else 'do'} not hold.",
        "open": f"{some} could not be decided.",
    }
    if suppressed:
        return f"{words[state]} {SUPPRESSED}"
    more = " (0 with --on-inconclusive warn or pass)" if state == "open" else ""
    return f"{words[state]} The command ends with status {status}{more}."
