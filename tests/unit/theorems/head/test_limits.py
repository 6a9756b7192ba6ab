"""A last layer's claims where memory or time run out: open in words, with what was proved by then, and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.errors import EnclosureError
from certify.format.refusal import Invalid
from certify.problem.bound import Bound
from certify.problem.limits import Limits
from certify.problem.load import load_problem
from certify.prove.prover import answer
from certify.systems.head import point as head_point
from certify.systems.head.point import HeadPoint
from certify.theorems.head import claims as convex_distance
from certify.theorems.head import reached as convex_reached
from tests.effort import some
from tests.unit.check.theorems.head.test_claims import NONE, forge, made

QUANTITIES = ("distance", "stable_predictions", "prediction_change")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    made(folder)
    return folder


def limited(folder: Path, into: Path, line: str) -> Path:
    """The same spec with a limit, elsewhere."""
    for name in ("model.safetensors", "data.npz", "more.npz"):
        (into / name).write_bytes((folder / name).read_bytes())
    text = (folder / "spec.toml").read_text(encoding="utf-8").replace('severity = "warn"\n', "")
    (into / "spec.toml").write_text(text + f"[run]\n{line}\n", encoding="utf-8")
    return into / "spec.toml"


@pytest.mark.parametrize(("line", "words"), [
    ("memory_limit = 1000", "memory_limit is 1000 B|memory_limit is 1 KiB"),
    ("time_limit = 1e-9", "time_limit"),
])
def test_a_limit_too_small_is_written_open_and_checked(folder: Path, tmp_path: Path, line: str, words: str) -> None:
    certificate = run_audit(limited(folder, tmp_path, line))
    assert (certificate["verdict"], certificate["gates"]) == ("inconclusive", "open")
    for claim in certificate["claims"]:
        assert (claim["lower"], claim["upper"], claim["witness"]) == (None, None, {})
        assert "raise " + line.split()[0] in claim["reason"]
    assert certificate["base"]["residual"] is None and certificate["base"]["distance"] is None
    assert "limit" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert check(tmp_path / "certificate.json", NONE).gates == "open"
    forge(tmp_path, certificate, ("claims", 0, "lower"), 0.0)
    with pytest.raises(Invalid, match="no solution is stated"):
        check(tmp_path / "certificate.json", NONE)
    forge(tmp_path, certificate, ("base", "radius"), 0.0)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


@pytest.fixture(scope="module")
def whole(folder: Path) -> dict[str, Bound]:
    """What is proved with all the time."""
    proving = HeadPoint(load_problem(folder / "spec.toml"), answer)
    return {name: proving.bound(name) for name in QUANTITIES}


@pytest.mark.parametrize("late", some(range(1, 40), 3))
def test_time_that_is_up_at_any_step_keeps_what_was_proved(folder: Path, whole: dict[str, Bound], late: int) -> None:
    """The clock stops the run at its n-th look: no end says more than without a limit, and each reason says why."""
    problem = load_problem(folder / "spec.toml")
    limits, looks = Limits(1 << 40, seconds=1e6), []
    left = Limits.left

    def clock(self: Limits) -> float:
        looks.append(1)
        return -1.0 if len(looks) >= 3 * late else left(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Limits, "left", clock)
        proving = HeadPoint(problem, answer, limits=limits)
        bounds = {name: proving.bound(name) for name in QUANTITIES}
    for name, bound in bounds.items():
        most = whole[name]
        assert most.lower is not None and most.upper is not None
        assert (bound.lower or 0.0) <= most.lower
        assert bound.upper is None or bound.upper >= most.upper
        same = (bound.lower, bound.upper) == (most.lower, most.upper)
        assert same or "time_limit" in bound.reason


def expiring(limits: Limits, work, after: int):  # type: ignore[no-untyped-def]
    """The same function, whose call number `after` ends when the time is up."""
    calls = []

    def late(*args, **more):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == after:
            object.__setattr__(limits, "seconds", 1e-9)
            limits.check()
        return work(*args, **more)

    return late


def test_the_motion_proved_by_then_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, limits = load_problem(folder / "spec.toml"), Limits(1 << 40, seconds=1e6)
    whole = HeadPoint(problem, answer).bound("distance")
    monkeypatch.setattr(convex_distance, "enclose_motion", expiring(limits, convex_distance.enclose_motion, 9))
    bound = HeadPoint(problem, answer, limits=limits).bound("distance")
    assert bound.upper is not None and whole.upper is not None and bound.upper >= whole.upper
    assert "was reached before the metrics of the last layer" in bound.reason and "theta" in bound.witness


def test_a_change_found_by_then_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, limits = load_problem(folder / "spec.toml"), Limits(1 << 40, seconds=1e6)
    monkeypatch.setattr(convex_reached, "enclose_reached", expiring(limits, convex_reached.enclose_reached, 2))
    bound = HeadPoint(problem, answer, limits=limits).bound("distance")
    assert bound.lower is not None and bound.lower > 0 and "z" in bound.witness


def test_labels_counted_by_then_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, limits = load_problem(folder / "spec.toml"), Limits(1 << 40, seconds=1e6)
    monkeypatch.setattr(convex_distance, "enclose_predictions",
                        expiring(limits, convex_distance.enclose_predictions, 3))
    bound = HeadPoint(problem, answer, limits=limits).bound("stable_predictions")
    assert bound.lower is not None and bound.lower > 0 and "time_limit" in bound.reason


def test_memory_that_runs_out_in_the_midst_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    problem = load_problem(folder / "spec.toml")
    monkeypatch.setattr(head_point, "layer_of", full)
    bound = HeadPoint(problem, answer).bound("distance")
    assert (bound.lower, bound.upper) == (None, None) and "ran out of memory" in bound.reason


def test_a_last_layer_that_cannot_be_enclosed_leaves_the_claim_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beyond(*_: object) -> None:
        raise EnclosureError("Hessian of the last layer", "it overflows", "scale the features")

    monkeypatch.setattr(head_point, "layer_of", beyond)
    bound = HeadPoint(load_problem(folder / "spec.toml"), answer).bound("prediction_change")
    assert bound.upper is None and bound.reason.startswith("it overflows")
