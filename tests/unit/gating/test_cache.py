"""The cache: an unchanged run is taken from it, a changed byte never, and what was tampered with is proved again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from certify.auditing import spec_run
from certify.certificate.canonical import canonical_bytes, seal
from certify.cli.main import main
from certify.gating.cache import key as keys
from certify.gating.cache.store import SUFFIX
from tests.families.small import SPEC, gate, tensors, write

RUN = ("certificate.json", "report.html")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with a spec whose proof is in the cache beside."""
    (tmp_path / "a").mkdir()
    write(tmp_path / "a", SPEC + gate(max=1e6))
    assert run(tmp_path) == 0
    return tmp_path


def run(root: Path, name: str = "a", *more: str) -> int:
    return main(["run", str(root / name / "certify.toml"), "--cache", str(root / "cache"), *more])


def entry(root: Path) -> Path:
    (found,) = (root / "cache").iterdir()
    return found


def test_an_unchanged_run_is_the_same_bytes_without_a_proof(kept, capsys, monkeypatch):
    before = {name: (kept / "a" / name).read_bytes() for name in RUN}
    monkeypatch.setattr(spec_run, "prove", None)  # nothing is proved again
    capsys.readouterr()
    assert run(kept) == 0
    printed = capsys.readouterr()
    assert "from cache: proved 20" in printed.err and printed.out.startswith("certified modulus ≤ 1000000.0 met")
    assert {name: (kept / "a" / name).read_bytes() for name in RUN} == before
    for name in RUN:
        (kept / "a" / name).unlink()
    assert run(kept) == 0 and {name: (kept / "a" / name).read_bytes() for name in RUN} == before
    assert main(["check", str(kept / "a" / "certificate.json"), "-q"]) == 0


@pytest.mark.parametrize("change", ["spec", "model", "data", "flag", "folder", "version", "program", "machine"])
def test_a_changed_byte_or_version_is_proved_again(kept, capsys, monkeypatch, change):
    folder, more = kept / "a", ()
    if change == "spec":
        write(folder, SPEC + gate(max=2e6))
    elif change == "model":
        write(folder, SPEC + gate(max=1e6), tensors(5))
    elif change == "data":
        X = np.load(folder / "train.npz")["X"]
        X[0, 0] = np.nextafter(X[0, 0], 9)
        np.savez(folder / "train.npz", X=X, y=np.load(folder / "train.npz")["y"])
    elif change == "flag":
        more = ("--merge-duplicates",)
    elif change == "folder":
        more = ("-o", str(kept / "elsewhere" / "deep"))
    elif change == "version":
        monkeypatch.setattr(keys, "__version__", "9.9")
    elif change == "program":
        monkeypatch.setattr(keys, "program", lambda: "0" * 64)
    else:
        from certify.rigor import environment

        monkeypatch.setattr(environment, "uses_fma", lambda: not environment.fp.flushes())
        monkeypatch.setattr(environment, "_blas", lambda: "another 1.0")
        monkeypatch.setattr(environment, "_tested", cache(environment._tested.__wrapped__))  # as in another process
    capsys.readouterr()
    assert run(kept, "a", *more) == 0 and "from cache" not in capsys.readouterr().err
    assert len(list((kept / "cache").iterdir())) == 2


def altered(path: Path, **members: object) -> None:
    """Write the entry again with another certificate, whose digests all fit."""
    data = path.read_bytes()
    end = data.index(b"\n")
    head = json.loads(data[:end])
    certificate = json.loads(data[end + 1:end + 1 + head["certificate"]])
    for name, value in members.items():
        if name == "claim":
            certificate["claims"][0] |= value
        elif name == "head":
            head |= value
        else:
            certificate[name] = certificate[name] | value
    content = canonical_bytes(seal(certificate))
    head |= {"certificate": len(content), "certificate_sha256": hashlib.sha256(content).hexdigest()}
    path.write_bytes(canonical_bytes(head) + content)


GATE = {"max": 1e300, "rigour": "proved", "severity": "fail", "rationale": None, "state": "met"}
POISONS = {
    "a byte": lambda path: path.write_bytes(path.read_bytes().replace(b'"lower":1', b'"lower":0')),
    "half": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "more": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": lambda path: path.write_bytes(b""),
    "no line": lambda path: path.write_bytes(b"{" * 100_000),
    "no object": lambda path: path.write_bytes(b"[]\n"),
    "another key": lambda path: altered(path, head={"key": "0" * 64}),
    "another format": lambda path: altered(path, head={"format": "certify-cache/0"}),
    "no number": lambda path: altered(path, head={"witness": True}),
    "other files": lambda path: altered(path, subject={"model": {"path": "model.safetensors", "sha256": "0" * 64,
                                                                 "bytes": 592}}),
    "another machine": lambda path: altered(path, environment={"blas": "another 1.0"}),
    "another threshold": lambda path: altered(path, claim={"gate": GATE}),
    "no threshold": lambda path: altered(path, claim={"gate": None}),
    "another quantity": lambda path: altered(path, claim={"quantity": "distance"}),
    "a false verdict": lambda path: altered(path, claim={"lower": 2e6, "upper": 2e6}),
    "a side file that is not there": lambda path: altered(path, subject={"witness": {
        "path": "witness.safetensors", "sha256": "0" * 64, "bytes": 3}}),
}


@pytest.mark.parametrize("poison", POISONS)
def test_what_was_tampered_with_is_refused_and_proved_again(kept, capsys, poison):
    right, path = (kept / "a" / "certificate.json").read_bytes(), entry(kept)
    whole = path.read_bytes()
    POISONS[poison](path)
    assert path.read_bytes() != whole
    capsys.readouterr()
    assert run(kept, "a", "-q") == 0
    assert "is refused, and the proof is made again" in capsys.readouterr().err
    made = json.loads((kept / "a" / "certificate.json").read_bytes())
    assert made["claims"] == json.loads(right)["claims"]
    assert run(kept) == 0 and "from cache" in capsys.readouterr().err  # and mended


def test_an_entry_of_another_run_under_this_name_is_refused(kept, capsys):
    mine = entry(kept)
    shutil.copytree(kept / "a", kept / "b")
    write(kept / "b", SPEC + gate(max=2e6), tensors(5))
    assert run(kept, "b") == 0
    (other,) = set((kept / "cache").iterdir()) - {mine}
    shutil.copy(other, mine)
    capsys.readouterr()
    assert run(kept) == 0 and "it is the entry of another key" in capsys.readouterr().err


def test_no_link_is_followed_to_read_or_to_write(kept, capsys):
    path, target = entry(kept), kept / "precious"
    shutil.copy(path, target)
    before = target.read_bytes()
    path.unlink()
    path.symlink_to(target)
    capsys.readouterr()
    assert run(kept) == 0 and "is a link" in capsys.readouterr().err
    assert target.read_bytes() == before and path.is_file() and not path.is_symlink()


def test_a_pipe_is_not_waited_for(kept, capsys):
    path = entry(kept)
    path.unlink()
    os.mkfifo(path)
    assert run(kept) == 0 and "is no regular file" in capsys.readouterr().err


def test_a_folder_in_the_place_of_an_entry_stops_no_run(kept, capsys):
    path = entry(kept)
    path.unlink()
    path.mkdir()
    assert run(kept) == 0 and "not kept in the cache" in capsys.readouterr().err


def test_what_is_open_is_not_kept_and_a_file_is_no_cache(tmp_path, capsys):
    write(tmp_path, SPEC + gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n")
    args = ["run", str(tmp_path / "certify.toml"), "-q", "--cache"]
    assert main([*args, str(tmp_path / "cache")]) == 4
    assert "something is open" in capsys.readouterr().err and not (tmp_path / "cache").exists()
    assert main([*args, str(tmp_path / "train.npz")]) == 2


def test_a_baseline_and_suppressions_are_decided_anew(tmp_path, capsys):
    for name, seed in (("a", 0), ("b", 5)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, SPEC + gate(max_increase=0.01), tensors(seed))
        assert run(tmp_path, name) == 4
    capsys.readouterr()
    before = str(tmp_path / "b" / "certificate.json")
    assert run(tmp_path, "a", "--baseline", before) == 3 and "from cache" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "a" / "certificate.json"), "-q", "--baseline", before]) == 3
    assert run(tmp_path, "a") == 4 and "from cache" in capsys.readouterr().err


def test_a_side_file_comes_from_the_cache_too(tmp_path, capsys):
    write(tmp_path, SPEC + '[solution]\nmap = "sublevel"\nlevel = 3.5\n' + gate("persistence_radius", min=1e-9))
    args = ["run", str(tmp_path / "certify.toml"), "--cache", str(tmp_path / "cache")]
    witness = tmp_path / "witness.safetensors"
    assert main(args) == 0
    before = witness.read_bytes()
    witness.unlink()
    capsys.readouterr()
    assert main(args) == 0 and "from cache" in capsys.readouterr().err and witness.read_bytes() == before
    assert main(["check", str(tmp_path / "certificate.json"), "-q"]) == 0
    assert entry(tmp_path).name.endswith(SUFFIX)
    content = bytearray(entry(tmp_path).read_bytes())
    content[-1] ^= 1
    entry(tmp_path).write_bytes(content)
    assert main(args) == 0 and "its content has another digest" in capsys.readouterr().err


def test_a_spec_without_gates_takes_no_entry_with_one(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a", SPEC)
    assert run(tmp_path) == 0
    certificate = json.loads((tmp_path / "a" / "certificate.json").read_bytes())
    assert certificate["claims"][0]["gate"] is None
    altered(entry(tmp_path), claim={"gate": GATE})
    capsys.readouterr()
    assert run(tmp_path) == 0 and "its gates are not those of the spec" in capsys.readouterr().err
