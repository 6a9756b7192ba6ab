"""Another spec under the same claims: its words are changed, and the certificate says what the new ones give.

The problem of the certificate is then the checker's own reading of the new spec, so that only the claims can be wrong.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem, describe
from certify.check.systems.nearness import nearness
from certify.format.refusal import Invalid
from reports.studies.tampering import mutants

Json = dict[str, Any]
SPARSE = 'set = "sparse"\n'


def _number(name: str, *factors: float) -> Callable[[random.Random, str], str]:
    """A number of the spec, times something."""
    return lambda rng, text: re.sub(rf"(?m)^{name} = ([0-9.e-]+)$", lambda found: (
        f"{name} = {float(found[1]) * rng.choice(factors)!r}"), text)


def _count(rng: random.Random, text: str) -> str:
    return re.sub(r"(?m)^count = (\d+)$", lambda found: f"count = {int(found[1]) + rng.choice((-1, 1))}", text)


def _weights(_: random.Random, text: str) -> str:
    """Balanced labels or none."""
    line = 'class_weight = "balanced"\n'
    return text.replace(line, "") if line in text else text.replace("[solution]\n", f"{line}[solution]\n")


def _rows(_: random.Random, text: str) -> str:
    """Weights of rows or none."""
    line = 'weights = "c"\n'
    return text.replace(line, "") if line in text else text.replace("[training]\n", f"{line}[training]\n")


def _groups(_: random.Random, text: str) -> str:
    """Whole groups or single rows."""
    line = 'groups = "user"\n'
    return text.replace(line, SPARSE) if line in text else text.replace(SPARSE, line)


def _threshold(rng: random.Random, text: str) -> str:
    """Another one."""
    value = rng.choice((0.0, 1e-9, 0.1, -0.25, 1.0))
    if re.search(r"(?m)^threshold = ", text):
        return re.sub(r"(?m)^threshold = .*$", f"threshold = {value}", text)
    return text.replace("\n\n[[gate]]", f"\nthreshold = {value}\n\n[[gate]]")


WORDS: Mapping[str, Callable[[random.Random, str], str]] = {
    "weight_decay": _number("weight_decay", 0.5, 0.999, 1 + 1e-9, 1.5, 4.0),
    "radius": _number("radius", 0.5, 1.01, 4.0),
    "count": _count, "class_weight": _weights, "weights": _rows, "groups": _groups, "threshold": _threshold,
    "bias_decay": lambda _, text: text.replace("bias_decay = true", "bias_decay = 0").replace(
        "bias_decay = false", "bias_decay = true").replace("bias_decay = 0", "bias_decay = false"),
    "parameter": lambda rng, text: re.sub(r'parameter = "\w+"', lambda _: (
        f'parameter = "{rng.choice(("deletions", "labels", "targets", "features"))}"'), text),
    "loss": lambda rng, text: re.sub(r'loss = "\w+"', lambda _: (
        f'loss = "{rng.choice(("squared", "logistic", "squared_hinge", "cross_entropy", "one_vs_rest"))}"'), text),
    "targets": lambda rng, text: text.replace('targets = "y"', f'targets = "{rng.choice(("c", "user"))}"'),
    "evaluation": lambda _, text: text.replace('file = "more.npz"', 'file = "data.npz"'),
    "gate": _number("(?:max|min)", 0.5, 2.0, 12.0),
}
"""By what is changed."""


def changed(rng: random.Random, top: Json, folder: Path, text: bytes) -> bytes:
    """Another spec; the certificate binds it, and mostly states its problem."""
    new = WORDS[rng.choice(sorted(WORDS))](rng, text.decode()).encode()
    top["subject"]["spec"] |= {"sha256": hashlib.sha256(new).hexdigest(), "bytes": len(new)}
    if b'file = "data.npz"' in new.partition(b"[evaluation]")[2]:
        top["subject"]["evaluation"] = dict(top["subject"]["data"])
    if rng.random() < 0.9:
        stated(top, folder, new)
    return new


def stated(top: Json, folder: Path, text: bytes) -> None:
    """The problem as the checker reads it, and the gates of the new spec, held against the stated ends."""
    contents = {role: (folder / record["path"]).read_bytes() for role, record in top["subject"].items()
                if role not in ("spec", "witness")}
    try:
        spec = read_spec(text)
        problem = build_problem(spec, contents["model"], contents["data"], False,
                                evaluation=contents.get("evaluation"))
        near = nearness(spec, problem, top["base"]["distance"])
    except Invalid:
        return
    top["problem"] = describe(problem, spec, False) | near.members
    for claim, gate in zip(top["claims"], spec.gates, strict=False):
        for side in ("max", "min"):
            if claim["gate"] and side in claim["gate"] and gate.side == side:
                claim["gate"][side] = gate.value
    mutants.judged(top)
