"""The table of theorems answers every combination of words as the switchboards did whose place it took.

Their answers to the whole grid are kept in `grid.xz`. Here every 61st combination is asked;
`python -m tests.house.test_grid` asks all 3 904 384 in about a minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from certify.check.reading.spec import read_spec
from certify.format.errors import SpecError
from certify.format.question import Domain, Question
from certify.format.support import applying
from certify.format.theorems import THEOREMS
from certify.spec import parse_spec
from certify.spec import question as of_prover
from certify.spec.nearest import nearest, refusal
from tests.house import checker_question as of_checker
from tests.house.grid import LATER, ONE, REFUSED, SIZE, answer, asked, point, thaw
from tests.house.specs import spec_of

DIFFERENCES = (
    ("prover: exact arithmetic where it is not built", Domain(arithmetic="exact"),
     "the old prover read the spec and refused it when it began; the table refuses the spec"),
    ("prover: sample weights of exact fits, one change", Domain(map="interpolation", parameter="sample_weights",
                                                               set="given"),
     "the old prover read the spec and refused the problem; the table refuses the spec"),
)
"""Where the table refuses earlier than the old prover did. Nothing that was refused is accepted now."""

MOVED = ("stable_predictions", "distance", "prediction_change")

SINCE: tuple[tuple[str, Domain, str], ...] = (
    ("D1: two targets of the squared loss, or rows that mark an output, are labels too", Domain(
        parameter="labels", loss="squared", set="sparse", quantity="stable_predictions"), "D1"),
    ("D1: these labels become others", Domain(parameter="labels", set="given", quantity=MOVED), "D1"),
    ("D1: how far labels of the squared loss move a head", Domain(
        parameter="labels", loss="squared", set="sparse", quantity=MOVED), "D1"),
    ("D22: how far targets that are off move outputs, where the intercept carries no decay", Domain(
        undecayed=True, parameter="targets", set="per_sample", loss="squared", quantity="prediction_change"), "D22"),
)
"""What theorems answer that had no answer when the grid was kept: name, domain, label. A new theorem goes here."""

SUCCEEDED = (
    ("D1: any count labels become others", Domain(parameter="labels", set="sparse", quantity="stable_predictions"),
     "stable_predictions Q6", "stable_predictions D1"),
    *((f"D1: how far any count labels move {what}", Domain(parameter="labels", set="sparse", quantity=quantity),
       f"{quantity} Q6", f"{quantity} D1") for quantity, what in (
           ("distance", "the solution"), ("prediction_change", "outputs"))),
    ("D22: how far targets that are off move outputs", Domain(
        parameter="targets", set="per_sample", loss="squared", quantity="prediction_change"),
     "prediction_change Q6", "prediction_change D22"),
)
"""What another theorem answers now, which says more: name, domain, what was said, what is said."""

CHECKER = (
    ("checker: a network without widths", Domain(network="module"), "the checker builds nobody's code"),
    ("checker: arithmetic", Domain(arithmetic="exact"), "the checker has its own, and does not look at this key"),
)
"""What the checker reads otherwise than the prover; its adapter says the same question without them."""


NEW = {label for _, _, label in SINCE}
"""Theorems that no kept answer names."""


def to_checker(at: Question) -> str:
    """What the table says of a combination as the checker reads it."""
    if CHECKER[0][1].holds(at):
        return REFUSED
    return answer(replace(at, arithmetic="float"))


def disagreements(numbers: Iterable[int]) -> list[tuple[int, str, str]]:
    """Combinations that the table answers otherwise than kept, but for the differences listed."""
    kinds, which = thaw()
    found = []
    for number in numbers:
        at, (proved, checked) = point(number), kinds[which[number]]
        said = answer(at)
        for _, domain, before, now in SUCCEEDED:
            if domain.holds(at):
                proved, checked = proved.replace(before, now), checked.replace(before, now)
        if proved == LATER and any(domain.holds(at) for _, domain, _ in DIFFERENCES):
            proved = REFUSED
        since, checks = [label for _, domain, label in SINCE if domain.holds(at)], to_checker(at)
        if REFUSED in (proved, checked) and any(label in said for label in since):
            continue
        if said != proved:
            found.append((number, said, proved))
        # the checker does not look at arithmetic, which the prover refuses
        if checks != checked and not (checked == REFUSED and any(label in checks for label in since)):
            found.append((number, checks, checked))
    return found


@pytest.mark.parametrize("step", [127, pytest.param(17, marks=pytest.mark.long)])
def test_the_table_answers_as_the_switchboards_did(step):
    assert not disagreements(range(0, SIZE, step))


def test_the_grid_is_whole_and_its_answers_are_many():
    kinds, which = thaw()
    assert len(which) == SIZE == 3_904_384
    for theorem in (theorem for theorem in THEOREMS if theorem.label not in NEW):
        for quantity in theorem.quantities:
            said = f"{quantity} {theorem} "
            assert any(said in f"{proved}; {checked}" for proved, checked in kinds), said


def test_every_listed_difference_is_there():
    kinds, which = thaw()
    later = [point(n) for n in range(0, ONE, 7) if kinds[which[n]][0] == LATER]
    for name, domain, _ in DIFFERENCES:
        assert any(domain.holds(at) for at in later), name


def test_a_theorem_less_is_noticed(monkeypatch):
    from certify.format import support

    for theorem in (theorem for theorem in THEOREMS if theorem.label not in NEW):
        fewer = {name: tuple(t for t in rows if t is not theorem) for name, rows in support.BOUNDING.items()}
        monkeypatch.setattr(support, "BOUNDING", fewer)
        label, quantity = theorem.label, theorem.quantities[0].name
        kinds, which = thaw()
        wanted = {i for i, (proved, _) in enumerate(kinds) if proved.startswith(f"{quantity} {label} ")}
        hits = (n for n in range(ONE) if which[n] in wanted and str(point(n).map) == theorem.system.replace(
            "head", "critical"))
        first = next(hits)
        assert answer(point(first)) == REFUSED, label


@pytest.mark.parametrize("step", [17_011, pytest.param(7001, marks=pytest.mark.long)])
def test_what_is_suggested_works_and_says_what_changes(step):
    refused = 0
    for number in range(0, SIZE, step):
        at = point(number)
        for name in asked(at):
            question = replace(at, quantity=name)
            if applying(question):
                assert refusal(question) is None
                continue
            near, why = nearest(question), refusal(question)
            assert near is not None and applying(near.question) == (near.theorem,)
            assert near.changes and why is not None and near.remedy in why.remedy
            refused += 1
    assert refused > 3_000_000 // step


def test_specs_read_from_their_bytes_ask_the_same():
    kinds, which = thaw()
    seen = dict.fromkeys(kinds, 0)
    for number in range(0, SIZE, 13 * 5 + 4):
        proved, checked = kinds[which[number]]
        if seen[proved, checked] == 2 and (proved, checked) != (REFUSED, REFUSED) or seen[proved, checked] == 300:
            continue
        seen[proved, checked] += 1
        at = point(number)
        content = toml(spec_of(at).model_dump(mode="json", exclude_none=True, exclude_defaults=True))
        if checked != REFUSED:
            _same(at, of_checker.questions(read_spec(content)), "arithmetic")
        if proved in (REFUSED, LATER) and answer(at) == REFUSED:
            with pytest.raises(SpecError):
                parse_spec(content)
        else:
            _same(at, of_prover.questions(parse_spec(content)))
    assert sum(seen.values()) > 500


def _same(at: Question, found: tuple[Question, ...], *besides: str) -> None:
    assert [question.quantity for question in found] == list(asked(at))
    for question in found:
        wanted = replace(at, quantity=question.quantity)
        for key in vars(wanted):
            assert key in besides or getattr(question, key) == getattr(wanted, key), key


def toml(spec: dict[str, object]) -> bytes:
    """The bytes of a spec."""
    lines = []
    for name, given in ({"version": 1} | spec).items():
        if name == "gate":
            for gate in given:
                lines.append("[[gate]]")
                lines += [f"{key} = {json.dumps(value)}" for key, value in gate.items()]
        elif isinstance(given, dict):
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in given.items()]
        else:
            lines.append(f"{name} = {json.dumps(given)}")
    return "\n".join(lines).encode()


if __name__ == "__main__":
    found = disagreements(range(SIZE))
    print(f"{SIZE} combinations, {len(found)} disagreements")
    raise SystemExit(bool(found))
