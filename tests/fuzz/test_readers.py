"""A short run of the fuzzer over every format, and planted defects that it has to notice."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from certify.format.errors import InputError
from tests.fuzz import readers as fuzz_readers

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("form", fuzz_readers.FORMATS)
def test_damaged_files_are_read_or_refused(form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    tally, messages, _ = fuzz_readers.chunk(form, 1, range(60))
    assert not messages and tally["refused"] > 0


@pytest.mark.parametrize("form", fuzz_readers.FORMATS)
def test_whole_files_are_read_or_refused_as_they_should(form):
    """The damage starts from files that are read, so that the fuzzer reaches what lies behind the first check."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    read = 0
    for name, content in fuzz_readers.seeds(form):
        try:
            fuzz_readers.use(form, name, content)
            read += 1
        except InputError:
            pass
    assert read


DEFECTS = {
    "writes": (lambda folder: (folder / "a").write_text("x"), "it did open"),
    "starts a process": (lambda folder: os.system("true"), "it did os.system"),
    "unpickles": (lambda folder: pickle.loads(pickle.dumps(os.getpid)), "pickle.find_class"),
    "runs code": (lambda folder: exec("1"), "it did exec"),
    "crashes": (lambda folder: {}["a"], "KeyError"),
    "is slow": (lambda folder: time.sleep(0.2), "0.2 s"),
    "says two lines": (lambda folder: (_ for _ in ()).throw(TwoLines("a", "b", "c")), "two lines"),
}


class TwoLines(InputError):
    def __str__(self):
        return "a\nb"


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defects_are_noticed(defect, tmp_path, monkeypatch):
    act, words = DEFECTS[defect]
    fuzz_readers.one("csv", 1, 0)  # everything is loaded
    monkeypatch.setattr(fuzz_readers, "SECONDS", 0.1 if defect == "is slow" else 5.0)
    monkeypatch.setattr(fuzz_readers, "use", lambda *_: act(tmp_path))
    outcome, said = fuzz_readers.one("csv", 1, 0)
    assert outcome == "violated" and words in said


def test_memory_is_noticed_in_a_process_of_its_own():
    """The peak of a process never falls, so a test among others would hide behind theirs."""
    script = ("from tests.fuzz import readers as f; f.one('csv', 1, 0); "
              "f.use = lambda *_: bytearray(b'x' * (1 << 20)) * 400; print(*f.one('csv', 1, 0))")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("violated") and done.stdout.endswith(" MiB\n")


@pytest.mark.parametrize("number", [722, 3273])
def test_offsets_beyond_the_file_are_refused(number):
    """Found by fuzzing: a zip archive whose member begins at 2^64 or so made zipfile raise OverflowError."""
    outcome, words = fuzz_readers.one("pt", 20261125, number)
    assert (outcome, words) == ("refused", "")


def test_names_with_line_breaks_are_shown_in_one_line(tmp_path):
    """Found by fuzzing: the name of a member went into the message as it was."""
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("a\nb\x1b[31m", b"")
    with pytest.raises(InputError, match=r"^data file f.npz: it holds 'a\\nb\\x1b\[31m', which is no array"):
        fuzz_readers.use("npz", "f.npz", (tmp_path / "f.npz").read_bytes())
