"""Ranks that share the rows: the same bytes whatever their number, and what happens when one is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from sklearn.linear_model import RidgeClassifier

import certify
from certify.format.errors import InputError
from certify.prove.stored import local, predictions
from certify.systems.head.rows.stored import rows as stored
from certify.systems.head.rows.stored.ranks import reading
from certify.systems.head.rows.stored.ranks import store as stores
from certify.systems.head.rows.stored.ranks.channel import RankLost

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 512 rows; other ranks are told."""
    monkeypatch.setattr(stored, "AT_ONCE", 1)


def drawn(folder: Path, n: int = 4000, classes: int = 3):
    rng = np.random.default_rng([n, classes])
    means = 1.2 * rng.standard_normal((classes, 5))
    y = rng.integers(0, classes, n)
    X = np.round(means[y] + rng.standard_normal((n, 5)), 1)  # many rows are the same, and take the same
    np.save(folder / "rows.npy", X)
    model = RidgeClassifier().fit(X, y)
    return model, X, y, np.array([near(model, rng, 4 + j // 4) for j in range(40)])


def near(model: RidgeClassifier, rng: np.random.Generator, halvings: int) -> np.ndarray:
    """A point near to where the label changes."""
    one, other = rng.standard_normal((2, 5)) * 3.0
    while model.predict(one[None]) == model.predict(other[None]):
        other = 3.0 * rng.standard_normal(5)
    for _ in range(halvings):
        middle = 0.5 * (one + other)
        one, other = (middle, other) if model.predict(middle[None]) == model.predict(one[None]) else (one, middle)
    return one


@pytest.mark.parametrize(("asked", "name", "ranks"), [({"delete": 7}, "rows.npy", 4), ({"relabel": 12}, "rows.npy", 2),
                                                      ({"delete": 2}, "rows.parquet", 2)])
def test_one_two_and_four_ranks_give_the_same_bytes(short: None, tmp_path: Path, asked: dict[str, int], name: str,
                                                    ranks: int) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    table = pyarrow.table({f"x{j}": X[:, j] for j in range(X.shape[1])})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=970)
    alone = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, **asked)
    shared = certify.stored_predictions(model, tmp_path / name, y, X_eval, **asked, ranks=ranks)
    assert shared.json() == alone.json()
    assert len(alone.proved)
    assert len(alone.flipped)


def test_ranks_give_the_same_bytes_where_rows_are_compared(short: None, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    X = np.c_[np.round(rng.standard_normal((1500, 3)), 1), np.zeros((1500, 3))]
    X[[0, 700, 1400], [3, 4, 5]] = 2.0, 2.0, -2.0  # leverages that add up to more than 1
    y = X[:, 0] + 0.5 * rng.standard_normal(1500) > 0
    np.save(tmp_path / "rows.npy", X)
    model, X_eval = RidgeClassifier().fit(X, y), X[:200] * [0.05, 1, 1, 1, 1, 1]
    answers = [certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=3, ranks=ranks)
               for ranks in (1, 2)]
    assert answers[0].json() == answers[1].json()
    assert len(answers[0].proved) > 100 and len(answers[0].flipped) > 0


def test_rows_that_a_rank_cannot_read_are_refused_as_one_process_refuses_them(short: None, tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path, 2000, 2)
    X[1900, 2] = np.nan  # in what rank 1 reads
    np.save(tmp_path / "rows.npy", X)
    said = set()
    for ranks in (1, 2):
        with pytest.raises(InputError, match="rows 1536 to 1999, row 364, column 2: nan") as refused:
            certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=1, ranks=ranks)
        said.add(str(refused.value))
    assert len(said) == 1
    for bad in (0, -1, 10**9, "two", True, 1.5):
        with pytest.raises(InputError, match="ranks"):
            certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=1, ranks=bad)
    with pytest.raises(InputError, match="torchrun, and this process was not started by it"):
        certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, delete=1, ranks="torchrun")


def alive(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def test_a_killed_rank_ends_the_others_and_another_run_goes_on(short: None, monkeypatch: pytest.MonkeyPatch,
                                                              tmp_path: Path) -> None:
    model, _, y, X_eval = drawn(tmp_path)
    path, folder, begun, honest = tmp_path / "rows.npy", tmp_path / "kept", [], predictions.deleted
    (tmp_path / "empty").mkdir()
    asked = certify.stored_predictions(model, path, y, X_eval, delete=7, checkpoint=tmp_path / "empty").json()
    assert not list((tmp_path / "empty").iterdir())
    start = local._start

    def noted(rank: int):
        begun.append(start(rank))
        return begun[-1]

    def kill(*given: object) -> object:
        begun[0][0].send_signal(signal.SIGKILL)
        return honest(*given)

    with monkeypatch.context() as patched:
        patched.setattr(local, "_start", noted)
        patched.setattr(predictions, "deleted", kill)
        since = time.monotonic()
        with pytest.raises(RankLost, match="rank 1: its process was killed by signal 9; ask again"):
            certify.stored_predictions(model, path, y, X_eval, delete=7, ranks=3, checkpoint=folder)
        assert time.monotonic() - since < 20.0
        assert not any(alive(process) for process, _ in begun)
    assert [entry for entry in folder.iterdir() if entry.name.endswith(stores.ENDING)]
    (folder / f"{next(folder.glob('*' + stores.ENDING)).name[:32]}-x.certify-tmp").touch()  # what a kill may leave
    read, seen = reading.Share.message, []

    def watched(share: reading.Share):
        seen.append(type(share.task).__name__)
        return read(share)

    taken, honest_part = [], type(predictions.opened(path, True)).part

    def counted(self: object, begin: int, end: int):
        taken.append(begin)
        return honest_part(self, begin, end)

    with monkeypatch.context() as patched:  # squares and normal matrix are there: with any number of ranks
        patched.setattr(reading.Share, "message", watched)
        patched.setattr(type(predictions.opened(path, True)), "part", counted)
        again = certify.stored_predictions(model, path, y, X_eval, delete=7, checkpoint=folder)
    assert again.json() == asked
    assert "Influences" in seen
    assert taken.count(512) == 2  # by lengths and influences: of four readings two were kept
    assert not list(folder.iterdir())


def test_what_is_kept_of_an_unfinished_reading_is_gone_on_with(short: None, monkeypatch: pytest.MonkeyPatch,
                                                               tmp_path: Path) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path, folder = tmp_path / "rows.npy", tmp_path / "kept"
    asked = certify.stored_predictions(model, path, y, X_eval, relabel=12).json()
    kind = type(predictions.opened(path, True))
    honest, parts = kind.part, []

    def ended(self: object, begin: int, end: int):
        parts.append(begin)
        if len(parts) == 20:
            raise KeyboardInterrupt
        return honest(self, begin, end)

    monkeypatch.setattr(stores, "EVERY", 0.0)
    runs, found = 0, None
    with monkeypatch.context() as patched:
        patched.setattr(kind, "part", ended)
        while found is None and runs < 9:
            parts, runs = [], runs + 1
            try:
                found = certify.stored_predictions(model, path, y, X_eval, relabel=12, checkpoint=folder).json()
            except KeyboardInterrupt:
                continue
    assert found == asked
    assert runs > 1
    certify.stored_predictions(model, path, y, X_eval, relabel=12)
    with pytest.raises(InputError, match="checkpoint"):
        certify.stored_predictions(model, path, y, X_eval, relabel=12, checkpoint=path)


def test_what_is_kept_is_of_the_same_rows_and_undamaged(short: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                        ) -> None:
    model, X, y, X_eval = drawn(tmp_path)
    path, folder = tmp_path / "rows.npy", tmp_path / "kept"
    monkeypatch.setattr(stores.Store, "clear", lambda self: None)
    certify.stored_predictions(model, path, y, X_eval, delete=7, checkpoint=folder)
    for entry in folder.iterdir():
        data = bytearray(entry.read_bytes())
        data[len(data) // 2] ^= 1
        entry.write_bytes(data)
    again = certify.stored_predictions(model, path, y, X_eval, delete=7, checkpoint=folder)
    assert again.json() == certify.stored_predictions(model, path, y, X_eval, delete=7).json()
    np.save(path, -X)
    other = certify.stored_predictions(model, path, y, X_eval, delete=7, checkpoint=folder)
    assert other.json() == certify.stored_predictions(model, path, y, X_eval, delete=7).json() != again.json()


def test_a_rank_that_reads_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    np.lib.format.open_memmap(tmp_path / "rows.npy", mode="w+", dtype=np.float64, shape=(10**7, 5)).flush()  # holes
    code = f"""\
import os, signal
import numpy as np
from certify.prove.stored import local
from certify.prove.stored.site import Site, opened
from certify.systems.head.rows.stored.normal import Squares
from certify.systems.head.rows.stored.ranks.reading import Share
begun, start = [], local._start
local._start = lambda rank: begun.append(start(rank)) or begun[-1]
site = Site(opened({str(tmp_path / 'rows.npy')!r}, True), np.ones((1, 1)), np.zeros(1, dtype=np.int64), 2, "", "")
with local.started(1, site) as channels:
    channels[0].send(Share(Squares(), np.ones(6), 1, 0, 10**7).message())
    print(begun[0][0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    place, until = Path(f"/proc/{ran.stdout.strip()}/cmdline"), time.monotonic() + 10.0
    while _runs(place) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(place)


def _runs(place: Path) -> bool:
    """Whether a process is there that is no dead one."""
    try:
        return bool(place.read_bytes())
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])


def test_ranks_of_torch_give_the_same_bytes_and_refuse_other_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                  ) -> None:
    pytest.importorskip("torch.distributed")
    model, X, y, X_eval = drawn(tmp_path, 3000, 2)
    bad, other = X.copy(), X.copy()
    bad[2900, 1], other[2900, 1] = np.inf, other[2900, 1] + 1.0
    for name, rows in (("copy", X), ("other", other), ("short", X[:-1]), ("bad", bad)):
        np.save(tmp_path / f"{name}.npy", rows)
    np.savez(tmp_path / "asked.npz", X=X, y=y, X_eval=X_eval)
    more = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "PYTHONPATH": str(ROOT)}
    script = Path(__file__).with_name("rank_of_torch.py")
    ranks = [subprocess.Popen([sys.executable, str(script), str(tmp_path)], env={**os.environ, **more, "RANK": str(r)},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for r in (0, 1)]
    told = [rank.communicate(timeout=60) for rank in ranks]
    one, two = ([json.loads(line) for line in out.splitlines()] for out, _ in told)
    assert len(one) == 7 and len(two) == 6, told
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    for at, asked in enumerate(({"delete": 3}, {"relabel": 4})):
        alone = certify.stored_predictions(model, tmp_path / "rows.npy", y, X_eval, **asked).json()
        assert one[at][0] == two[at][0] == alone
    for at, words in ((2, "other rows than rank"), (3, "give a label for every row"), (4, "options than rank 0"),
                      (5, "inf; correct it")):
        for said, seconds in (one[at], two[at]):
            assert said.startswith("InputError"), said
            assert words in said
            assert seconds < 20.0
    said, seconds = one[6]
    assert said.startswith("RankLost: rank 1: its process has ended")
    assert seconds < 20.0
    assert ranks[1].returncode == -signal.SIGKILL
