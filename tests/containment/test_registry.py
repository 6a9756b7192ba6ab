"""The registry of attacks: one function a name, and every name in one file."""

from __future__ import annotations

import pytest

from tests.containment import registry


def test_every_attack_is_registered_in_a_file_of_the_folder():
    found = registry.attacks()
    assert len(found) > 80 and {a.draw.__module__.rpartition(".")[0] for a in found.values()} == {"tests.containment"}
    assert all(name == attack.name for name, attack in found.items())


def test_a_second_attack_of_a_name_is_refused():
    def elsewhere(rng):
        return "refused"

    with pytest.raises(ValueError, match="both register the attack 'rounding'"):
        registry.attack("rounding")(elsewhere)
