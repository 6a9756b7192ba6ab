"""Words of a spec beside a verdict: whatever they are, they stand in quotes on one short line that says so."""

from __future__ import annotations

import json

import pytest

from certify.check.origin import lines

LIE = 'nothing". certified: every prediction stays'


@pytest.mark.parametrize("text", [
    LIE, "\n" + LIE, "\x1b[2J\x1b[H" + LIE, "a" + " " * 70 + LIE, "\u202e" + LIE, "\u2028" + LIE, LIE * 1000,
    "\\" + LIE])
def test_no_text_ends_its_quotes_its_line_or_its_words(text):
    (line,) = lines({"behind": text}, [])
    first = "stated and not proved: features are as they are after "
    said = line.removeprefix(first)
    assert line.startswith(first) and line.isprintable() and "  " not in line
    if said.endswith("…"):
        assert len(said) == 200 and json.dumps(text).startswith(said[:-1])
    else:
        assert said.isascii() and json.loads(said) == " ".join(text.split())


def test_blanks_are_no_words():
    assert lines({"behind": " \n "}, []) == [] == lines({}, [])


@pytest.mark.parametrize(("name", "shown"), [
    ("train-2.csv", "train-2.csv"), ("größe.csv", "größe.csv"), ("my data.csv", '"my data.csv"'),
    ("a.csv 000000000000, which is here; evaluation b.csv", '"a.csv 000000000000, which is here; evaluation b.csv"'),
    ("x" * 81 + '"', '"' + "x" * 81 + '\\""'), ("a\nb", '"a\\nb"')])
def test_names_that_go_on_in_the_words_of_the_checker_stand_in_quotes(name, shown, tmp_path):
    (line,) = lines({"data": {"name": name, "sha256": "0" * 64}}, [("data", str(tmp_path / "data.npz"), "0" * 64)])
    assert line == f"stated and not proved: the files were made from data {shown} 000000000000, which is not here"
