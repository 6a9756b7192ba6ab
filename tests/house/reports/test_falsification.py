"""The searches of the falsification study find nothing against what is proved, and something against half of it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.effort import some

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """A script of a report as a module, forgotten afterwards."""

    def loaded(folder: str, name: str) -> ModuleType:
        (path,) = (ROOT / "reports").glob(f"*/{folder}/{name}.py")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return loaded


@pytest.mark.parametrize("number", some(range(8), 4))
def test_a_last_layer(number: int, script: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("falsification", "last_layer")
    monkeypatch.setattr(module, "BATCH", 400)  # one of changes drawn at random, one of the worst
    found = module.search(number, 800)
    assert found["broken"] == 0 and found["tries"] == 800 and found["nearest"] > 0.05
    right = module.enclose_motion

    def wrong(*arguments: Any) -> Any:
        return tuple(replace(moved, distance=moved.distance * found["nearest"] / 20) for moved in right(*arguments))

    monkeypatch.setattr(module, "enclose_motion", wrong)
    assert module.search(number, 800)["broken"] > 0


def test_exact_fits_and_windows(script: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    script("aubin", "falsify")
    module = script("falsification", "fits")
    monkeypatch.setattr(module, "TRIES", 4000)
    for search in (module.distance, module.persistence):
        for total in (True, False):
            found = search(0, total)
            assert found["broken"] == 0 and found["beaten"] > 0
    assert module.window(0)["broken"] == 0
    right = module.enclose_window_excess

    def wrong(*arguments: Any) -> Any:
        found = right(*arguments)
        less = replace(found.expansion, lower=0.0, upper=found.expansion.upper * 0.9)
        return replace(found, expansion=less)

    monkeypatch.setattr(module, "enclose_window_excess", wrong)
    assert module.window(0)["broken"] > 0
    bound = module.bound

    def half(problem: Any, quantity: str) -> Any:
        found = bound(problem, quantity)
        if quantity == "distance":
            return replace(found, upper=found.upper / 4)
        return replace(found, lower=found.lower * 2) if quantity == "persistence_radius" else found

    monkeypatch.setattr(module, "bound", half)
    assert module.distance(0, True)["broken"] > 0 and module.persistence(0, True)["broken"] > 0


def test_the_sublevel_map(script: Callable[[str, str], ModuleType]) -> None:
    """No try breaks κ; a smaller factor is broken, the modulus is at ten times the radii, and so is κ far outside."""
    for name in ("attack", "falsify"):
        script("aubin", name)
    maps, module = script("aubin", "sublevel"), script("aubin", "sublevel_tries")
    problem = maps.named()[1][1]
    (lip, radii), floats = maps.claimed(problem, 1.5), maps.Map(problem)
    own = module.search(floats, radii.kappa, radii.radius_u, radii.radius_w, 1000, 7, 250)
    assert own.tries >= 1000 and own.broken == 0 and 0.9 * lip < own.worst < radii.kappa
    first, again = (module.search(floats, radii.kappa, radii.radius_u, radii.radius_w, 250, 7, 250) for _ in range(2))
    assert first == again
    for kappa, times in ((0.9 * lip, 1), (1.0001 * lip, 10), (radii.kappa, 100)):
        assert module.search(floats, kappa, times * radii.radius_u, times * radii.radius_w, 500, 7, 250).broken > 0


def test_the_recorded_search_of_the_sublevel_map(script: Callable[[str, str], ModuleType]) -> None:
    """`sublevel.json` is long enough, about the claims that are proved today, and what the table shows."""
    for name in ("attack", "falsify"):
        script("aubin", name)
    maps, module = script("aubin", "sublevel"), script("aubin", "sublevel_tries")
    records = json.loads((ROOT / "reports" / "audits" / "aubin" / "sublevel.json").read_text(encoding="utf-8"))
    small = [r for r in records if r["network"] != maps.DIABETES]
    assert sum(r["own"]["tries"] for r in small) >= 100_000 and all(r["own"]["broken"] == 0 for r in records)
    assert all(r["own"]["factor"] == r["kappa"] and r["own"]["scale"] == 1 for r in records)
    assert all(r[key]["broken"] > 0 for r in small for key in ("near", "far", "shrunk", "beyond"))
    page = (ROOT / "reports" / "audits" / "aubin" / "README.md").read_text(encoding="utf-8")
    assert "\n".join(module.table(records)) in page
    problems = dict(maps.named())
    for r in small[:2]:
        lip, radii = maps.claimed(problems[r["network"]], r["times"])
        assert radii.kappa == pytest.approx(r["kappa"], rel=1e-6) and lip == pytest.approx(r["modulus"], rel=1e-9)
        assert radii.radius_u == pytest.approx(r["radius_u"], rel=1e-2)
