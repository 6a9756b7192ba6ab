"""Proposals of another process that lie, never come or come for another matrix: no proof, no crash, no long wait."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.kernel import CHANCE
from certify.check.linalg import by_probes, inverse, proposals
from certify.check.linalg.by_probes import ByProbes, Found, definite_by_proposal
from certify.check.linalg.definite import Definiteness, Truth
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.probes import MOST
from tests.families.processes import runs

ROOT, N = Path(__file__).resolve().parents[4], 20


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance is allowed, and matrices are large from few rows on."""
    monkeypatch.setattr(inverse, "PROBED", 10)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


def unit(scaled: int = 1, columns: int = N) -> fmpz_mat:
    return fmpz_mat(N, columns, [fmpz(scaled * (i == j)) for i in range(N) for j in range(columns)])


def test_bits_that_make_one_a_fraction_are_refused(monkeypatch):
    """A matrix with a negative number of bits, and a proposal with none: 1 is no integer there."""
    A, told = Fixed(unit(), -80, arb(0)), Fixed(unit(), 0, arb(0))
    monkeypatch.setattr(by_probes, "proposed", lambda *_: [told, told, told])
    monkeypatch.setattr(proposals, "proposed", lambda *_: [told])
    with ctx.workprec(128):
        assert definite_by_proposal(A, {}) is None
        X = inverse.proposed(A, 60)
        assert X is not None and X.bits != 0 and inverse.judged(A, X).X is not None


def test_more_vectors_than_can_be_judged_soon_are_none():
    def answer(columns: int) -> bytes:
        sizes = json.dumps([[9, 1], [9, columns], [9, columns]]).encode() + b"\n"
        return sizes + bytes(16 * (1 + 2 * columns))

    assert proposals.read(answer(64), 1, 3) is not None
    assert proposals.read(answer(65), 1, 3) is None


@pytest.mark.parametrize("program, executable", [
    ("import time; time.sleep(60)", sys.executable), ("", sys.executable), ("import os; os.abort()", sys.executable),
    ("print('[[9, 20]]')", sys.executable), ("", None), ("", ""), ("", "/nowhere/python"), ("", str(ROOT)),
])
def test_a_process_that_hangs_dies_or_is_not_there_proposes_nothing(program, executable, monkeypatch):
    monkeypatch.setattr(proposals, "PROGRAM", program)
    monkeypatch.setattr(proposals, "PATIENCE", 1)
    monkeypatch.setattr(sys, "executable", executable)
    start = time.perf_counter()
    assert proposals.proposed("inverse", Fixed(unit(), 0, arb(0)), 60) is None
    assert time.perf_counter() - start < 20


def test_beyond_the_bounds_that_chance_may_decide_nothing_is_proved(said):
    """The last one proves the factor; those of eigenvalues, asked later, are infinite."""
    with ctx.workprec(128):
        said += ["one"] * (MOST - 1)
        found = definite_by_proposal(Fixed(unit(1 << 60), 60, arb(0)), {})
        assert found is not None and len(said) == MOST
        assert not ByProbes(found, {}, 60).is_above(0.5) and len(said) == MOST
        del said[1:]
        assert ByProbes(found, {}, 60).is_above(0.5)


@pytest.mark.parametrize("rest", [0, 1, -1, 1 << 59, (1 << 63) - 1, -(1 << 63)])
def test_what_the_first_words_lack_is_in_their_radius(rest):
    """Whatever the second words are, and exactly as much where all are alike."""
    first = [(-1) ** j * (1 << 57) + j for j in range(9)]
    body = b"".join(x.to_bytes(8, "little", signed=True) for x in (*first, *[rest] * 9))
    R, short = proposals.read(b"[[99, 3]]\n" + body, 3, 1)
    with ctx.workprec(400):
        apart = (R.balls() - arb_mat(short.mid) * arb(2) ** -short.bits).entries()
        size = sum((x * x for x in apart), arb(0)).sqrt()
        assert size <= short.radius <= size * (1 + arb(2) ** -20) and (rest == 0 or size > 0)
    assert len(proposals.read(b"[[59, 3]]\n" + body, 3, 1)) == 1, "of numbers of one word there are none"


def test_a_factor_whose_second_words_are_long_proves_no_more(monkeypatch):
    """`‖R‖ < 2` by its first words alone is no proof: what they lack is as large."""
    R = Fixed(unit(1 << 80), 80, arb(0))
    told = [R, Fixed(unit(1 << 40, 5), 40, arb(0)), Fixed(unit(1 << 40, 5), 40, arb(0)), Fixed(unit(0), 20, R.size)]
    monkeypatch.setattr(by_probes, "proposed", lambda *_: told)
    with ctx.workprec(128):
        found = definite_by_proposal(Fixed(unit(1 << 60), 60, arb(0)), {})
        at = ByProbes(found, {}, 60)
        assert at._factor is told[3] and not at.is_above(0.9) and ByProbes(found, {}, 120).is_above(0.9)


@pytest.mark.parametrize("first, second", [(400, 500), (-500, -400)])
def test_the_largest_block_counts_where_floats_cannot_tell(first, second):
    with ctx.workprec(128):
        R, V = arb_mat(unit()) / 3, Fixed(unit(1 << 40, 5), 40, arb(0))
        at = ByProbes(Found(Definiteness(Truth.PROVED, R.mid(), arb(0)), enclosed(R.mid(), 96), (V, V)),
                      {0: [[arb(10) ** first]], 1: [[arb(10) ** second]]}, 60)
        r = at._factor.radius
        assert r > 0 and at._moved.plain.radius >= 2 * r / 3 * arb(10) ** second


@pytest.mark.skipif(os.name != "posix", reason="no parents to look for")
def test_a_proposal_that_nobody_waits_for_ends():
    """A check that is killed, as `--seconds` does, leaves no process behind."""
    inner = "import time; from certify.finders.proposals.parent import end_with_parent; end_with_parent(); " \
            "print('ready', flush=True); time.sleep(60)"
    outer = "import subprocess, sys; " \
            f"p = subprocess.Popen([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE); " \
            "p.stdout.readline(); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", outer], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        inside = int(process.stdout.readline())
        os.kill(inside, 0)
        process.send_signal(signal.SIGKILL)
    until = time.perf_counter() + 20
    while runs(inside) and time.perf_counter() < until:
        time.sleep(0.1)
    assert not runs(inside)

