"""Files are read once: the bytes that are parsed are the bytes that are hashed."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from certify.format.errors import InputError
from certify.inputs import read_source, recording, sha256_file
from certify.problem.load import load_problem
from tests.small import write


def test_digest_is_that_of_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    source = read_source(path, "data")
    assert (source.content, source.size, source.sha256) == (b"abc", 3, hashlib.sha256(b"abc").hexdigest())
    assert sha256_file(path) == source.sha256
    assert "abc" not in repr(source)


def test_recording_keeps_the_digests_of_what_a_problem_was_built_from(tmp_path):
    spec = write(tmp_path)
    with recording() as digests:
        load_problem(spec)
    for path in tmp_path.iterdir():
        path.write_bytes(b"changed at once")
    assert list(digests) == ["spec", "model", "data"]
    assert all(d.sha256 != hashlib.sha256(b"changed at once").hexdigest() for d in digests.values())


def test_each_file_is_opened_once(tmp_path, monkeypatch):
    opened: list[str] = []
    real = os.open

    def counting(path, *more, **named):
        opened.append(os.path.basename(path))
        return real(path, *more, **named)

    spec = write(tmp_path)
    monkeypatch.setattr(os, "open", counting)
    load_problem(spec)
    assert sorted(opened) == ["certify.toml", "model.safetensors", "train.npz"]


def test_recordings_do_not_mix(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with recording() as outer:
        with recording() as inner:
            read_source(path, "data")
        read_source(path, "spec")
        other = threading.Thread(target=read_source, args=(path, "model"))
        other.start()
        other.join()
    read_source(path, "data")
    assert list(inner) == ["data"] and list(outer) == ["spec"]


def test_what_is_no_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    cases = {tmp_path / "pipe": "not a regular file", tmp_path: "a folder", tmp_path / "no" / "such": "no such file",
             tmp_path / "a\0b": "cannot be read", tmp_path / ("x" * 300): "cannot be read"}
    if os.path.exists("/dev/zero"):
        cases["/dev/zero"] = "not a regular file"
    for path, words in cases.items():
        with pytest.raises(InputError, match=words):
            read_source(path if not isinstance(path, str) else tmp_path / path, "data")


def test_a_file_below_a_file_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        read_source(tmp_path / "a" / "b", "data")
