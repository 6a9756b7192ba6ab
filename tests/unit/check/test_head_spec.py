"""The rules for heads and evaluation rows are looked at only where one of them could be wrong."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

from certify.check.reading import head_spec
from certify.check.reading.certificate import QUANTITIES
from certify.check.reading.spec import read_spec
from certify.check.reading.spec_parts import head_rules

PLAIN = b"""version = 1
[model]
file = "m.safetensors"
widths = [3, 4, 2]
activation = "tanh"
[data]
file = "d.npz"
targets = "y"
"""


def test_what_is_not_looked_at_is_not_wrong():
    plain, seen = read_spec(PLAIN), 0
    chosen = [set(some) for size in (0, 1, 2) for some in combinations(QUANTITIES, size)]
    for words in product(("interpolation", "critical", "sublevel"), ("given", "nearby"), ("total", "sparse", "given"),
                         (2, "inf"), ("euclidean", "relative"), ("features", "labels", "sample_weights"),
                         ("squared", "logistic"), ("all", 2), (None, 0.5), (None, "e.npz"), (None, "down")):
        names = ("map", "base", "set", "norm", "weight_norm", "parameter", "loss", "layer", "radius", "evaluation",
                 "direction")
        spec = replace(plain, **dict(zip(names, words, strict=True)))
        some = chosen[seen % len(chosen)]
        seen += 1
        for quantities in (some, set()):
            if not head_rules(spec, quantities):
                assert not any(wrong for wrong, *_ in head_spec.rules(spec, quantities))
    assert seen > 4000
