"""Memory and time: a bound that does not fit is left open in words, keeps what was proved before, and never crashes."""

from __future__ import annotations

import json
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from certify.auditing.spec_run import load, run_audit
from certify.problem.cost import Cost
from certify.problem.limits import Limits, OutOfTime, free_memory
from certify.prove.prover import prover
from certify.systems.interpolation import point
from certify.theorems import fits
from certify.theorems.modulus.total import Total
from certify.theorems.persistence import radius
from tests.families.small import SPEC, gate, write

TWO_TIERS = ["congruence", "double-double"]
PERSISTENCE = '[solution]\nmap = "sublevel"\nlevel = 5.0\n' + gate("persistence_radius", min=1e-9)


@pytest.fixture
def problem(tmp_path):
    def make(more=""):
        return load(write(tmp_path, SPEC + more), False).problem

    return make


def busy(seconds):
    """Python at work for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


def test_the_alarm_ends_work_that_never_looks_at_the_clock():
    before = signal.getsignal(signal.SIGALRM)
    start = time.monotonic()
    found = Limits(1 << 40, seconds=0.2).attempt("a loop", lambda: busy(20))
    assert time.monotonic() - start < 5
    assert found == "time_limit (0.2 s) was reached before a loop was done"
    assert signal.getsignal(signal.SIGALRM) is before and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_in_another_thread_the_time_is_looked_at_between_stages():
    found = []

    def work():
        limits = Limits(1 << 40, seconds=0.05)
        tell = limits.watched(lambda stage, fraction: None)
        found.append(limits.attempt("a loop", lambda: [tell("", busy(0.02) or 0.0) for _ in range(1000)]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0].startswith("time_limit (0.05 s) was reached")


def test_the_alarm_of_somebody_else_is_left_alone():
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 100)
        assert Limits(1 << 40, seconds=50).attempt("it", lambda: 7) == 7
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 90
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_without_limits_nothing_is_refused_or_ended():
    limits = Limits(free_memory())
    assert limits.refusal(Cost("congruence", 1 << 20, 1e30, 1e9)) == ""
    assert limits.attempt("it", lambda: 7) == 7 and not limits.expired()
    assert (1 << 20) < free_memory() < (1 << 50)


def test_an_estimate_far_beyond_the_time_left_is_not_begun():
    limits = Limits(1 << 40, seconds=10.0)
    assert "needs about 2 min, and" in limits.refusal(Cost("congruence", 0, 0.0, 100.0))
    assert limits.refusal(Cost("congruence", 0, 0.0, 30.0)) == ""  # an estimate may be off


@pytest.mark.parametrize("error", [MemoryError, OutOfTime])
def test_a_later_tier_that_fails_keeps_what_an_earlier_one_proved(problem, monkeypatch, error):
    found = problem()
    whole = prover(found).bound("modulus")
    attempt = fits.TieredRule._attempt

    def failing(self, at, quantity, tier, *kept):
        if tier.arithmetic.name != "binary64":
            raise error
        return attempt(self, at, quantity, tier, *kept)

    monkeypatch.setattr(fits.TieredRule, "_attempt", failing)
    monkeypatch.setattr(fits, "GAP", 0.0)  # go on to the next tier
    bound = prover(found, limits=Limits(1 << 40, seconds=1e6)).bound("modulus")
    assert bound.lower <= whole.upper and whole.lower <= bound.upper
    words = "ran out of memory" if error is MemoryError else "was reached before"
    assert words in bound.reason and "the double-double computation" in bound.reason


@pytest.mark.parametrize("more", ["", '[solution]\nbase = "nearby"\n', '[solution]\nmap = "sublevel"\n', PERSISTENCE])
@pytest.mark.parametrize("limits", [
    Limits(1 << 20, stated=True), Limits(1 << 40, seconds=1.0, started=time.monotonic() - 2.0),
], ids=["memory", "time"])  # fmt: skip
def test_no_end_is_claimed_without_memory_or_time(problem, more, limits):
    found = problem(more)
    quantity = "persistence_radius" if "persistence" in more else "modulus"
    bound = prover(found, limits=limits).bound(quantity)
    assert bound.lower is None and bound.upper is None and not bound.refuted
    assert "limit" in bound.reason and bound.reason.count("needs about") + bound.reason.count("was reached") >= 1


@pytest.mark.parametrize("when", [1, 4, 9])
def test_persistence_radius_keeps_what_was_proved_by_then(problem, monkeypatch, when):
    found = problem(PERSISTENCE)
    whole = prover(found).bound("persistence_radius")
    limits = Limits(1 << 40, seconds=1e6)
    steps = []
    rise = radius.Growth.rise

    def slow(self, epsilon):
        steps.append(epsilon)
        if len(steps) >= when:
            object.__setattr__(limits, "seconds", 1e-9)
            limits.check()
        return rise(self, epsilon)

    monkeypatch.setattr(radius.Growth, "rise", slow)
    bound = prover(found, limits=limits).bound("persistence_radius")
    assert len(steps) == when and "time_limit was reached" in bound.reason
    assert bound.upper is None and 0 <= bound.lower <= whole.upper
    assert (bound.lower > 0) == (when > 1)


def test_out_of_memory_in_the_midst_is_inconclusive_and_written(tmp_path, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    path = write(tmp_path, SPEC + gate(max=1e6))
    monkeypatch.setattr(point, "linearise", full)
    certificate = run_audit(path)
    assert (certificate["verdict"], certificate["gates"]) == ("inconclusive", "open")
    assert "the congruence computation ran out of memory" in certificate["claims"][0]["reason"]
    assert json.loads((tmp_path / "certificate.json").read_bytes())["gates"] == "open"


def test_tiers_are_chosen_by_what_fits(problem, monkeypatch):
    found = problem()
    need = {cost.name: cost.memory for cost in Total().cost(found)}
    assert need["congruence"] < need["double-double"] < need["Jacobian"]
    monkeypatch.setattr(fits, "GAP", -1.0)  # nothing is ever enough
    tried = []
    attempt = fits.TieredRule._attempt
    monkeypatch.setattr(fits.TieredRule, "_attempt", lambda self, at, quantity, tier, *kept: tried.append(
        tier.arithmetic.name) or attempt(self, at, quantity, tier, *kept))
    for most, names in ((need["congruence"] - 1, 0), (need["congruence"], 1), (need["double-double"], 2),
                        (need["Jacobian"], 3)):
        tried.clear()
        bound = prover(found, limits=Limits(most, stated=True)).bound("modulus")
        assert len(tried) == names and bound.reason.count("needs about") == 3 - names
        assert (bound.upper is None) == (names == 0)


def test_results_do_not_depend_on_limits_that_suffice(problem):
    found = problem()
    free, tight = prover(found), prover(found, limits=Limits(1 << 40, seconds=1e6))
    assert free.bound("modulus") == tight.bound("modulus") and not np.isnan(free.bound("modulus").upper)


def test_a_stage_told_outside_of_an_attempt_ends_nothing():
    """Nobody would take it there; the next attempt ends in words."""
    limits, told = Limits(1 << 40, seconds=1.0, started=time.monotonic() - 2.0), []
    tell = limits.watched(lambda stage, fraction: told.append(stage))
    tell("outside", 0.0)
    assert told == ["outside"]
    assert "was reached before it was done" in limits.attempt("it", lambda: pytest.fail("it was begun"))
    ended = Limits(1 << 40, seconds=1e6)

    def work():
        object.__setattr__(ended, "seconds", 1e-9)
        ended.watched(lambda *_: None)("inside", 0.5)

    assert "was reached before it was done" in ended.attempt("it", work)


EXACT = '[run]\narithmetic = "exact"\n'
SEVERAL = ['[solution]\nmap = "critical"\n', '[solution]\nmap = "critical"\nbase = "nearby"\n', EXACT]


@pytest.mark.parametrize("more", ["", '[solution]\nmap = "sublevel"\n', PERSISTENCE, *SEVERAL])
@pytest.mark.parametrize("late", range(1, 12))
def test_time_that_is_up_at_any_stage_reaches_nobody(problem, more, late):
    """Every prover, ended at every stage that it tells of, answers in words."""
    found = problem(more) if "exact" not in more else replace(
        problem(), network=replace(problem().network, activation="relu"), arithmetic="exact")
    limits, stages = Limits(1 << 40, seconds=1e6), []

    def tell(stage, fraction):
        stages.append(stage)
        if len(stages) == late:
            object.__setattr__(limits, "seconds", 1e-9)

    proving = prover(found, tell, limits)
    for quantity in ("persistence_radius",) if "persistence" in more else ("modulus", "sample_modulus"):
        if "exact" not in more or quantity == "modulus":
            bound = proving.bound(quantity)
            assert len(stages) < late or bound.upper is not None or "limit" in bound.reason
