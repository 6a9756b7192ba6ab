"""Writing: a reader sees the old files or the new ones; a failure or Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import signal

import pytest

from certify.certificate import write
from certify.certificate.write import require_folder, write_together
from certify.format.errors import InputError
from tests.small import files


def test_all_or_nothing(tmp_path, monkeypatch):
    a, b = tmp_path / "a", tmp_path / "b"
    write_together({a: b"1", b: b"1"})
    assert files(tmp_path) == {"a": b"1", "b": b"1"}
    real, count = os.fsync, []

    def full(descriptor):
        count.append(descriptor)
        if len(count) == 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_together({a: b"2", b: b"2"})
    assert files(tmp_path) == {"a": b"1", "b": b"1"}


def test_interrupt_while_writing_leaves_the_old_files(tmp_path, monkeypatch):
    a = tmp_path / "a"
    a.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        write_together({a: b"new"})
    assert files(tmp_path) == {"a": b"old"}


def test_interrupt_between_two_files_waits_for_both(tmp_path, monkeypatch):
    real = os.replace

    def interrupted(*paths):
        real(*paths)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert files(tmp_path) == {"a": b"1", "b": b"2"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_removal_comes_last_and_only_with_success(tmp_path, monkeypatch):
    a, old = tmp_path / "a", tmp_path / "old"
    old.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(InputError):
            write_together({a: b"1"}, [old])
    assert files(tmp_path) == {"old": b"old"}
    real = os.replace

    def interrupted(*paths):
        assert old.exists()
        real(*paths)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together({a: b"2"}, [old])
    assert files(tmp_path) == {"a": b"2"}


def test_new_files_have_the_usual_permissions(tmp_path):
    before = os.umask(0o022)
    try:
        write_together({tmp_path / "deep" / "a": b"1"})
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "a").stat().st_mode & 0o777 == 0o644


def test_folders_that_would_do(tmp_path):
    for folder in (tmp_path, tmp_path / "new", tmp_path / "new" / "deep"):
        require_folder(folder, ("a",))
    assert not list(tmp_path.iterdir())


def test_folders_that_would_not(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "report.html").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for folder, words in ((tmp_path / "file", "a file"), (tmp_path / "file" / "x" / "y", "below the file"),
                          (tmp_path, "a folder stands where report.html"), (tmp_path / "dangling", "a file")):
        with pytest.raises(InputError, match=words):
            require_folder(folder, ("certificate.json", "report.html"))

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(write, "_create", denied)
    with pytest.raises(InputError, match=r"not writable \(Permission denied\)"):
        require_folder(tmp_path, ("a",))
