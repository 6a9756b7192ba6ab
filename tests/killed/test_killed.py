"""A process that is killed leaves whole files and nothing in the way; two in one folder do not mix their files.

A few kills of every work, each at another place; `python -m tests.killed` makes them all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from certify.certificate.alone import LOCK, placing, working
from certify.certificate.write import write_together
from certify.format.errors import InputError
from tests.effort import some
from tests.killed.folder import checked, faults_of, left
from tests.killed.works import ROOT, WORKS, called, head, killed, undisturbed

SHARES = {
    "run": (0.6, 1.0), "run again, another spec before": (0.72, 1.0), "run that fills a cache": (0.7,),
    "run from a cache": (0.6,), "baseline update of an earlier one": (0.75,), "run against a baseline": (0.9,),
    "audit": some((0.3, 0.42, 0.58, 0.8), 2), "audit again": (0.1, 0.5)}
"""Of the changes of the folder, before which of them each work is killed."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("killed")


@pytest.mark.parametrize(("name", "share"), [(name, share) for name, shares in SHARES.items() for share in shares])
def test_a_kill_leaves_whole_files_and_the_next_run_says_the_same(name, share, place):
    point = killed(WORKS[name], place, at=max(1, round(share * undisturbed(WORKS[name], place).changes)))
    assert point.status == -9 and point.faults == ()


def test_a_kill_of_a_process_with_an_interpreter_of_its_own(place):
    work = WORKS["run"]
    point = killed(work, place, at=undisturbed(work, place).changes // 2, fresh=True)
    assert point.status == -9 and point.faults == ()


@pytest.mark.long
@pytest.mark.parametrize("name", WORKS)
def test_a_kill_at_every_seventh_change_and_at_times_between(name, place):
    work = WORKS[name]
    points = [*(killed(work, place, at=at) for at in range(1, undisturbed(work, place).changes + 1, 7)),
              *(killed(work, place, share=share / 8) for share in range(1, 8)),
              *(killed(work, place, unfinished=number) for number in (1, 3))]
    assert [point for point in points if point.faults] == []


def test_the_looker_sees_halves_and_what_is_lost(tmp_path):
    """What this file would say of a product that wrote in place."""
    (tmp_path / "certificate.json").write_text('{"digest"')
    (tmp_path / "report.html").write_text("<html><p>half")
    assert len(faults_of(tmp_path)) == 2
    (tmp_path / "certificate.json").unlink()
    (tmp_path / "report.html").write_text("<html></html>\n")
    assert faults_of(tmp_path) == []
    assert faults_of(tmp_path, "proved  all stay\n") == ["printed and not on the disk: proved  all stay"]
    (tmp_path / "audit.json").write_text('{"answers": [{"answer": "all stay", "certificate": "certificate.json"}]}')
    assert faults_of(tmp_path, "proved  all stay\n") == ["listed, with no certificate: certificate.json"]


def test_two_runs_of_two_specs_in_one_folder_leave_the_files_of_one(tmp_path):
    head(tmp_path)
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen([sys.executable, "-m", "certify", "run", spec, "-o", "out", "-q"], cwd=tmp_path, env=env,
                             stdout=subprocess.DEVNULL) for spec in ("certify.toml", "other.toml")]
    assert all(process.wait(120) in (0, 3, 4) for process in both)
    assert faults_of(tmp_path / "out") == [] and left(tmp_path / "out") == []
    assert checked(tmp_path / "out" / "certificate.json") in (0, 3, 4)


def test_a_second_audit_in_one_folder_is_refused_while_the_first_works(tmp_path):
    head(tmp_path)
    (tmp_path / "out").mkdir()
    arguments = WORKS["audit"].arguments
    with working(tmp_path / "out"):
        second = called(tmp_path, arguments)
        assert second.status == 2 and "another audit is writing into it" in second.errors.splitlines()[-1]
        assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK]
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "out" / LOCK).touch()  # as a killed audit leaves it
    assert called(tmp_path, arguments).status == 0
    assert faults_of(tmp_path / "out") == [] and left(tmp_path / "out") == []


def test_who_writes_waits_for_who_is_writing(tmp_path, monkeypatch):
    monkeypatch.setattr("certify.certificate.alone.LONGEST", 0.05)
    with placing([tmp_path]) as locked:
        assert locked
        with pytest.raises(InputError, match="another process is writing into it"):
            write_together({tmp_path / "a": b"1"})
    write_together({tmp_path / "a": b"1"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_process_left_goes_and_nothing_that_only_looks_like_it(tmp_path: Path):
    for name in (".a.12.0123abcd.certify-tmp", ".probe.7.ffffffff.certify-tmp", ".a.12.0123abcd.tmp",
                 "a.12.0123abcd.certify-tmp", ".a.certify-tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".b.1.00000000.certify-tmp").symlink_to("a")
    write_together({tmp_path / "a": b"1"})
    assert {path.name for path in tmp_path.iterdir()} == {
        "a", ".a.12.0123abcd.tmp", "a.12.0123abcd.certify-tmp", ".a.certify-tmp", ".b.1.00000000.certify-tmp"}
