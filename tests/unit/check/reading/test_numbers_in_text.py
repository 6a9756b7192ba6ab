"""Numbers in specs and on the command line: huge ones are refused in words, and only decimal spellings are read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from certify.check.main import main, number_of
from certify.check.reading.certificate import FileRecord
from certify.check.reading.files import Places, read_file
from certify.check.reading.spec import read_spec
from certify.cli.main import main as certify
from certify.format.canonical import show
from certify.format.errors import SpecError
from certify.format.refusal import Invalid
from certify.spec.load import parse_spec
from tests.families.small import SPEC

HUGE = ["0x" + "f" * 6000, "0b1" + "0" * 30000, "9" * 6000, "-" + "9" * 6000]
LINES = [*SPEC.splitlines(), '[solution]', 'map = "sublevel"', "level = 1.0", "[run]", "time_limit = 1.0",
         "memory_limit = 1", "[perturbation]", 'set = "sparse"', "radius = 1.0", "count = 1", "rows = [1]", "norm = 2",
         "columns = [1]", "scale = { 0 = 1.0 }", "[aubin]", "radius_u = 1.0", "[window]", "radius = 1.0", "[weights]",
         'norm = "function"', "tau = 1.0", "[training]", "weight_decay = 0.1", "[[gate]]", 'quantity = "modulus"',
         "max = 1.0"]


@pytest.mark.parametrize("value", HUGE, ids=["hex", "binary", "decimal", "negative"])
@pytest.mark.parametrize("form", ["{}", "[{}]", "[1, [{}]]", "{{ 0 = {} }}"])
def test_integers_of_thousands_of_digits_are_refused_in_words(value: str, form: str) -> None:
    """By the checker and by the prover, at every place of a spec; Python itself does not write them."""
    for at, line in enumerate(LINES):
        if "=" in line:
            text = "\n".join([*LINES[:at], f"{line.split(' =')[0]} = {form.format(value)}", *LINES[at + 1:]]).encode()
            with pytest.raises(Invalid) as refused:
                read_spec(text)
            assert len(str(refused.value)) < 1000
            with pytest.raises(SpecError) as wrong:
                parse_spec(text)
            assert len(str(wrong.value)) < 1000


def test_what_is_shown_is_cut_before_it_is_written() -> None:
    assert show(16**6000) == '"an integer of 24001 bits"'
    assert show({"a": [1, -(16**6000)]}) == '{"a":[1,"an integer of 24001 bits"]}'
    assert show("x" * 10**6) == '"' + "x" * 118 + "…" and show(10**30) == "1" + "0" * 30
    assert show(list(range(10**5)), 12) == "[0,1,2,3,4,…"


@pytest.mark.parametrize("text", ["1_0", " 1", "1 ", "1\n", "nan", "inf", "-Infinity", "1e999", "0x10", "١٠", "", "e5",
                                  ".", "1e", "1.5.2", "+-1", "1e1_0"])
def test_what_only_python_reads_is_no_number(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert number_of(text) is None
    assert main(["certificate.json", "--max", f"distance={text}"]) == 2
    assert "is not a finite number" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "value"), [("10", 10.0), ("-1.5e-3", -1.5e-3), (".5", 0.5), ("5.", 5.0),
                                             ("+2E2", 200.0)])
def test_decimal_numbers_are_read(text: str, value: float) -> None:
    assert number_of(text) == value


@pytest.mark.parametrize("option", [("stability", "--count", "1_0"), ("stability", "--length", "0_1"),
                                    ("stability", "--length", "nan"), ("stability", "--seed", "١"),
                                    ("algorithm1", "--members", "1_0"), ("algorithm1", "--seed", "1e3")])
def test_other_verbs_read_decimal_numbers_alone(
    option: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    verb, name, value = option
    assert certify([verb, "spec.toml", name, value]) == 2
    assert value in capsys.readouterr().err


def test_a_file_of_another_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse file of 40 GB behind `bytes: 10` costs nothing."""
    record = FileRecord("data.npz", hashlib.sha256(b"0" * 10).hexdigest(), 10)
    with (tmp_path / "data.npz").open("wb") as file:
        file.truncate(40 << 30)
    places = Places({"data": record}, tmp_path, dict.fromkeys(("data",)))
    with pytest.raises(Invalid, match="the certificate binds 10 bytes, but it has another number") as refused:
        read_file(places, "data")
    assert "42949672960" not in str(refused.value)  # nothing of a foreign file is said
    (tmp_path / "data.npz").write_bytes(b"0" * 10)
    assert read_file(places, "data") == b"0" * 10
    own = os.fstat

    class Smaller:
        st_size = 10

    (tmp_path / "data.npz").write_bytes(b"0" * 11)  # it grew after it was looked at
    monkeypatch.setattr(os, "fstat", lambda number: Smaller() if number else own(number))
    with pytest.raises(Invalid, match="it has another number"):
        read_file(places, "data")
