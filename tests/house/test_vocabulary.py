"""No word of the vocabulary is compared outside `format` and the class that owns it: a ratchet, room by room.

A word belongs to one class or one frozen row, in a table keyed by the word; where a problem is built the row is looked
up once, and from then on it is asked what it does. Numbers here only fall.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import vocabulary
from tests.house.vocabulary import COINCIDENCES, OWNERS, by_room, comparisons, in_package

ROOT = Path(__file__).resolve().parents[2]

ALLOWED: dict[str, int] = {
    "check": 12, "inputs": 1, "report": 7, "spec": 2,
}
"""The largest number of comparisons of a room; a room that is not listed has none."""


def test_no_room_compares_more_words_than_it_did():
    found = in_package(ROOT / "certify")
    counts = by_room(found)
    risen = {room: [str(one) for one in found if vocabulary.room(one.file) == room]
             for room, count in counts.items() if count > ALLOWED.get(room, 0)}
    assert not risen, "give the word an object that knows what is asked here (rule 3 of the house)"
    fallen = {room: counts.get(room, 0) for room, most in ALLOWED.items() if counts.get(room, 0) < most}
    assert not fallen, "lower these numbers in ALLOWED"


def test_owners_and_coincidences_are_there():
    for owner in OWNERS:
        assert (ROOT / "certify" / owner).exists(), owner
    for file, word in COINCIDENCES:
        text = (ROOT / "certify" / file).read_text(encoding="utf-8")
        assert f'"{word}"' in text and word in vocabulary.VOCABULARY, (file, word)


COMPARING = (
    'if p == "features": pass',
    'if "features" != p: pass',
    'if p in ("features", "rows"): pass',
    'if p not in {"labels"}: pass',
    'if (a, b) == ("critical", c): pass',
    'if set(names) - {"modulus"} < {"distance"}: pass',
    'x = {"total": 1, "other": 2}[kind]',
    'x = {"total": 1}.get(kind)',
    'match loss:\n    case "squared" | "hinge":\n        pass',
    "if p is Parameter.FEATURES: pass",
    "if p in (words.Map.CRITICAL, other): pass",
    'LOSS = "squared"\nif loss == LOSS: pass',
    'A, B = "given", 3\nif base is A: pass',
    "BOTH = (Map.CRITICAL, Map.SUBLEVEL)\nif map in BOTH: pass",
    "from certify.format.quantities import MODULUS as M\nif quantity == M: pass",
    "from certify.format import quantities as q\nif row is q.MODULUS: pass",
    "if name == q.MODULUS.name: pass",
    'if label == "M5a": pass',
    'if norm == "inf": pass',
)
QUIET = (
    'if p == "rows": pass',
    'x = table["features"]',
    'LOSSES = {"squared": Squared()}\nloss = LOSSES[word]',
    "if domain.holds(question): pass",
    'raise InputError("map", \'"critical"\', "say")',
    "if x is None or n == 2: pass",
    "if loss.slides: pass",
)


@pytest.mark.parametrize("source", COMPARING)
def test_a_comparison_is_seen(source):
    found = comparisons(source)
    assert len(found) == 1 and found[0].line == source.count("\n", 0, source.find("if ") if "if " in source else 0) + (
        2 if "case" in source else 1)


@pytest.mark.parametrize("source", QUIET)
def test_what_is_no_comparison_is_not(source):
    assert not comparisons(source)


def test_a_module_that_compares_one_word_more_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "certify"
    for file, text in (("format/words.py", COMPARING[0]), ("sets/ball.py", COMPARING[0]), ("sets/base.py", QUIET[0])):
        (package / file).parent.mkdir(parents=True, exist_ok=True)
        (package / file).write_text(text + "\n", encoding="utf-8")
    assert [str(one) for one in in_package(package)] == ["sets/ball.py:1 compares features"]
    monkeypatch.setattr("tests.house.test_vocabulary.ROOT", tmp_path)
    for allowed, words in (({}, "give the word an object"), ({"sets": 2}, "lower these numbers"), ({"sets": 1}, "")):
        monkeypatch.setattr("tests.house.test_vocabulary.ALLOWED", allowed)
        if words:
            with pytest.raises(AssertionError, match=words):
                test_no_room_compares_more_words_than_it_did()
        else:
            test_no_room_compares_more_words_than_it_did()


def test_a_coincidence_counts_in_its_own_file_alone():
    (file, word), *_ = COINCIDENCES
    source = f'if method == "{word}": pass'
    assert not comparisons(source, file) and comparisons(source, "rigor/other.py")
