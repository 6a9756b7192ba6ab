"""Damage: random bytes are refused in words, and a process that is killed leaves the old file or the new one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.certificate.canonical import canonical_bytes, seal
from certify.certificate.read import parse_certificate, read_certificate
from certify.cli.main import main
from certify.format.errors import CertifyError
from certify.gating.cache.entry import Entry, Refused, packed, read
from certify.gating.cache.key import Key, key_of
from certify.gating.cache.store import SUFFIX, keep
from certify.gating.suppressions import read_suppressions
from certify.gating.update import update
from certify.spec.load import load_spec
from tests.effort import FULL, examples
from tests.families.small import SPEC, write

ROOT = Path(__file__).resolve().parents[3]
KILLS = 40 if FULL else 16


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[Path, Key, Entry]:
    """A run that is in a cache."""
    root = tmp_path_factory.mktemp("kept")
    spec = write(root, SPEC)
    assert main(["run", str(spec), "-q", "--cache", str(root / "cache")]) == 0
    key = key_of(load_spec(spec), spec, root, False)
    assert isinstance(key, Key)
    found = read(root / "cache" / f"{key.mark}{SUFFIX}", key, [])
    assert found is not None and found.certificate == read_certificate(root / "certificate.json")
    return root, key, found


@settings(max_examples=examples(150), deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_no_damaged_entry_is_taken(kept, place, bit, cut):
    root, key, whole = kept
    content = bytearray(packed(key, whole))
    at = int(place * len(content))
    if cut:
        del content[at:]
    else:
        content[at] ^= 1 << bit
    path = root / "damaged"
    path.write_bytes(content)
    with contextlib.suppress(Refused):
        found = read(path, key, [])
        assert found is not None and (found.certificate, found.witness) == (whole.certificate, whole.witness)


@settings(max_examples=examples(100), deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda s: f"[[suppress]]\n{s}".encode())))
def test_no_file_of_suppressions_crashes(kept, content):
    path = kept[0] / "suppress.toml"
    path.write_bytes(content)
    with contextlib.suppress(CertifyError):
        assert isinstance(read_suppressions(path), tuple)


def killed(work, seconds: float) -> None:
    """Do something again and again in a process of its own, which is killed."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                work()
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.forks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_kills_leave_a_whole_entry(kept):
    root, key, first = kept
    later = replace(first, certificate=seal(first.certificate | {"created": "2031-01-01T00:00:00Z"}))
    place = root / "killed"
    keep(place, key, first, print)

    def work() -> None:
        keep(place, key, later, print)
        keep(place, key, first, print)

    moments = random.Random(4)
    for _ in range(KILLS):
        killed(work, moments.uniform(0.0, 0.02))
        found = read(place / f"{key.mark}{SUFFIX}", key, [])
        assert found is not None and found.certificate in (first.certificate, later.certificate)


@pytest.mark.forks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_kills_leave_a_whole_baseline(kept, tmp_path):
    root, _, first = kept
    baseline, contents = tmp_path / "baseline.json", []
    for number, when in enumerate((first.certificate["created"], "2031-01-01T00:00:00Z")):
        contents.append(canonical_bytes(seal(first.certificate | {"created": when})))
        (root / f"certificate-{number}.json").write_bytes(contents[-1])
    update(root / "certificate-0.json", baseline, lambda _: None)

    def work() -> None:
        for number in (1, 0):
            update(root / f"certificate-{number}.json", baseline, lambda _: None)

    moments = random.Random(5)
    for _ in range(KILLS):
        killed(work, moments.uniform(0.0, 0.02))
        assert baseline.read_bytes() in contents and parse_certificate(baseline.read_bytes())


def test_runs_at_once_share_a_cache_and_a_folder(kept):
    root, key, whole = kept
    path = root / "cache" / f"{key.mark}{SUFFIX}"
    path.unlink()
    command = [sys.executable, "-m", "certify", "run", str(root / "certify.toml"), "-q", "--cache", str(path.parent)]
    runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [one.wait() for one in runs] == [0, 0, 0]
    found, written = read(path, key, []), read_certificate(root / "certificate.json")
    assert found is not None and found.certificate["claims"] == whole.certificate["claims"] == written["claims"]
    assert not [one for one in (*root.iterdir(), *path.parent.iterdir()) if one.name.endswith(".tmp")]
