"""Two readers, written apart: what `certify run` takes, `certify check` takes too, and reads the same from it."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem, describe
from certify.check.systems.nearness import nearness
from certify.format.errors import CertifyError
from certify.problem.load import load_problem
from certify.problem.nearness import weights_length, within
from certify.spec import parse_spec
from tests.effort import examples
from tests.families.small import SPEC, features, tensors, write

number = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
positive = number.map(abs).filter(bool)
words = {
    "training": {"loss": ["squared", "cross_entropy", "logistic"], "weight_decay": positive},
    "solution": {"map": ["interpolation"], "base": ["given"], "layer": ["all", 1, 2]},
    "weights": {"norm": ["euclidean", "relative"]},
    "perturbation": {"parameter": ["features", "targets"], "set": ["total", "per_sample"], "norm": [2],
                     "radius": positive,
                     "rows": st.just("all") | st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)},
    "run": {"arithmetic": ["float"], "time_limit": positive,
            "memory_limit": st.floats(1, 1e300) | st.sampled_from(["8 GB", "512 MiB", "1.5TB", "7 B", "2 kB"])},
}
gate = {"severity": ["fail", "warn"], "rigour": ["proved", "conditional", "estimated"],
        "rationale": st.text(st.characters(codec="ascii"), max_size=9)}


def toml(value: object) -> str:
    import json

    return json.dumps(value).replace("\x7f", "\\u007f")


@st.composite
def specs(draw):
    lines = [SPEC]
    for name, keys in [*words.items(), *[("[gate]", gate)] * draw(st.integers(0, 2))]:
        lines.append(f"[{name}]")
        if keys is gate:
            lines.append(f'quantity = "{draw(st.sampled_from(["modulus", "sample_modulus"]))}"')
            side = draw(st.sampled_from(["max", "min"]))
            lines.append(f"{side} = {toml(draw(number if side == 'max' else positive))}")
        for key in draw(st.lists(st.sampled_from(sorted(keys)), unique=True)):
            choice = keys[key]
            lines.append(f"{key} = {toml(draw(st.sampled_from(choice) if isinstance(choice, list) else choice))}")
    return "\n".join(lines)


@given(specs())
def test_specs(text):
    ours = parse_spec(text.encode())
    theirs = read_spec(text.encode())
    assert (theirs.widths, theirs.activation) == (ours.model.widths, ours.model.activation)
    assert (theirs.loss, theirs.layer) == (ours.training.loss, ours.solution.layer)
    assert (theirs.parameter, theirs.rows) == (ours.perturbation.parameter, ours.perturbation.rows)
    assert [(g.quantity, g.side, g.value, g.rigour, g.severity, g.rationale) for g in theirs.gates] == [
        (g.quantity, "min" if g.max is None else "max", g.min if g.max is None else g.max, g.rigour, g.severity,
         g.rationale) for g in ours.gate]


@given(positive, st.sampled_from([1, 2, "all"]), st.sampled_from([0.0, 0.5]),
       st.sampled_from(["critical", "interpolation"]), st.booleans(), st.integers(-1080, 1000))
@settings(max_examples=examples(60), deadline=None)
def test_how_near_a_solution_has_to_be(tmp_path_factory, share, layer, decay, kind, said, power):
    """Prover and checker give the same share and the same length, to the last bit, whatever the size of the weights."""
    folder = tmp_path_factory.mktemp("near")
    model = {key: np.ldexp(value, power) for key, value in tensors().items()}
    words = f"within = {toml(share)}\n" if said else ""
    decays = "" if kind == "interpolation" else f"[training]\nweight_decay = {decay}\n"
    text = SPEC + f'{decays}[solution]\nmap = "{kind}"\nbase = "nearby"\nlayer = {toml(layer)}\n{words}'
    path = write(folder, text, model, X=features(4), y=np.ones(4))
    ours, spec = load_problem(path), read_spec(text.encode())
    data = (folder / "train.npz").read_bytes()
    theirs = nearness(spec, build_problem(spec, save(model), data, False), 0.0)
    assert theirs is not None and theirs.members == {"within": within(ours), "weights_length": weights_length(ours)}
    assert theirs.within == (share if said else None if (kind, layer, decay) == ("critical", 2, 0.5) else 1e-6)


KINDS = ["<f2", "<f4", "<f8", ">f4", ">f8", "i1", "i4", ">i8", "u2", "u8", "?"]


@given(st.data(), st.booleans(), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_problems(tmp_path_factory, data, compressed, merge):
    folder = tmp_path_factory.mktemp("problem")
    kind = st.sampled_from(KINDS)
    X = data.draw(hnp.arrays(data.draw(kind), (10, 3)))
    y = data.draw(hnp.arrays(data.draw(kind), st.sampled_from([(10,), (10, 1)])))
    text = data.draw(specs())
    buffer = io.BytesIO()
    X = np.asarray(X, order=data.draw(st.sampled_from("CF")))
    (np.savez_compressed if compressed else np.savez)(buffer, X=X, y=y)
    model = save({k: v.astype(data.draw(st.sampled_from(["f2", "f4", "f8"]))) for k, v in tensors().items()})
    (folder / "train.npz").write_bytes(buffer.getvalue())
    (folder / "model.safetensors").write_bytes(model)
    (folder / "certify.toml").write_text(text)
    try:
        ours = load_problem(folder / "certify.toml", merge)
    except CertifyError:
        assume(False)
    spec = read_spec(text.encode())
    theirs = build_problem(spec, model, buffer.getvalue(), merge)
    assert np.array_equal(np.array(theirs.features), ours.X)
    assert (theirs.targets is None) == (ours.y is None)
    assert ours.y is None or np.array_equal(np.array(theirs.targets), ours.y)
    for layer, W, b in zip(theirs.layers, ours.network.weights, ours.network.biases, strict=True):
        assert np.array_equal(np.array(layer.weights), W.ravel()) and np.array_equal(np.array(layer.biases), b)
    assert (theirs.kept, theirs.moving, theirs.groups) == (ours.kept, ours.rows, ours.groups)
    stated = describe(theirs, spec, merge)
    assert (stated["equations"], stated["parameters"]) == (ours.equations, ours.parameters)
