"""How many questions have an answer, which are open, and which do not apply: one sentence for terminal and page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from certify.report.phrases.decisions.beside import AGAIN

INCONCLUSIVE: Final = "inconclusive"

REFUTED: Final = "refuted"

ALONE: Final = "leave_one_out"
"""What a ranking measures, which no certificate states. It alone answers a question that has it: what is proved beside
it, e.g. which predictions stay, is no answer to which rows matter."""


def settled(answers: Sequence[tuple[str, str]]) -> bool:
    """Whether one question has an answer that is proved or refuted.

    Args:
        answers: quantity and verdict of each of its answers.

    >>> settled([("stable_predictions", "certified")]), settled([(ALONE, INCONCLUSIVE), ("distance", "certified")])
    (True, False)
    """
    own = [verdict for quantity, verdict in answers if quantity == ALONE]
    return any(verdict != INCONCLUSIVE for verdict in own or [verdict for _, verdict in answers])


def headline(content: Mapping[str, Any]) -> str:
    """The sentence.

    A question that does not apply to the model counts neither as answered nor as open.

    Args:
        content: the object of `--json`.

    >>> answer = {"question": "which predictions stay", "ask": "rows deleted", "verdict": "certified"}
    >>> skipped = {"question": "labels wrong", "reason": "no labels", "applies": False}
    >>> headline({"answers": [answer, answer | {"question": "which", "ask": "which rows", "verdict": "inconclusive"}],
    ...           "skipped": [skipped]})
    '1 of 2 questions answered with a proof; 1 open (which rows); 1 does not apply (labels wrong)'
    >>> headline({"answers": [answer, answer | {"question": "which", "ask": "noise", "verdict": "refuted"}],
    ...           "skipped": []})
    '2 of 2 questions answered with a proof, 1 of them refuted (noise)'
    >>> headline({"answers": [answer | {"total": 38, "lower": 11.0, "upper": 28.0}], "skipped": []})
    '1 of 1 question answered with a proof; 1 leaves predictions open (rows deleted)'
    >>> headline({"answers": [answer | {"about": "the minimum"}], "skipped": []})[-78:]
    'training again is about the minimum on these rows, and not about these weights'
    >>> headline({"answers": [], "skipped": [skipped, skipped]})
    'no question applies; 2 do not apply (labels wrong, labels wrong)'
    """
    found: dict[str, list[tuple[str, str]]] = {}
    names: dict[str, str] = {}
    for answer in content["answers"]:
        asked = answer["question"]
        names[asked] = answer.get("ask", asked)
        found.setdefault(asked, []).append((answer.get("quantity", ""), answer["verdict"]))
    proved = {asked: settled(answers) for asked, answers in found.items()}
    failed = [one["question"] for one in content["skipped"] if one.get("applies")]
    apart = [one["question"] for one in content["skipped"] if not one.get("applies")]
    count, done = len(proved) + len(failed), sum(proved.values())
    several = "" if count == 1 else "s"
    first = f"{done} of {count} question{several} answered with a proof" if count else "no question applies"
    against = [asked for asked, answers in found.items() if proved[asked] and any(
        verdict == REFUTED for _, verdict in answers)]
    if against:  # the first word of the line is the verdict, which one of several decides
        of_them = "and it is refuted" if done == 1 else f"{len(against)} of them refuted"
        first += f", {of_them} ({', '.join(names[asked] for asked in against)})"
    partly = [names[asked] for asked, said in proved.items() if said and any(
        answer["question"] == asked and _leaves_open(answer) for answer in content["answers"])]
    beside = any("about" in answer and answer["verdict"] != INCONCLUSIVE for answer in content["answers"])
    last = (f"; {AGAIN}" if beside else "") + ("; read the warning first" if content.get("alarms") else "")
    first += _listed("leaves predictions open", "leave predictions open", partly)
    return first + _listed("open", "open", [names[asked] for asked, said in proved.items() if not said]) + _listed(
        "stopped by an error", "stopped by an error", failed) + _listed("does not apply", "do not apply", apart) + last


def _leaves_open(answer: Mapping[str, Any]) -> bool:
    """Whether an answer counts predictions, and some of them are neither proved to stay nor to flip."""
    return bool(answer.get("total")) and (answer["upper"] is None or (answer["lower"] or 0.0) < answer["upper"])


def _listed(one: str, several: str, names: Sequence[str]) -> str:
    return f"; {len(names)} {one if len(names) == 1 else several} ({', '.join(names)})" if names else ""
