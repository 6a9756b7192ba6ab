"""Reading a spec: every way of getting it wrong is one line that says what to change; nothing else escapes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.format import words
from certify.format.errors import CertifyError, InputError, SpecError
from certify.format.quantities import ESTIMATED, QUANTITIES
from certify.spec import Spec, json_schema, literals, load_spec, models, parse_spec, vocabulary
from tests.families.small import SPEC, gate


def refusal(text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        parse_spec(text.encode() if isinstance(text, str) else text, "certify.toml")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_contract_example_is_understood_up_to_what_is_not_built():
    text = SPEC + """
[training]
loss = "squared"
weight_decay = 0.0
[solution]
map = "interpolation"
base = "given"
layer = "all"
[weights]
norm = "euclidean"
[perturbation]
parameter = "features"
rows = "all"
set = "total"
norm = 2
radius = 0.01
""" + gate(max=20, rigour="proved", severity="warn", rationale="a reason")
    spec = parse_spec(text.encode())
    assert spec.gate[0].max == 20.0 and isinstance(spec.gate[0].max, float)
    assert spec.gate[0].rigour == "proved" and spec.gate[0].severity == "warn"
    assert spec.model.widths == (3, 8, 1)
    assert spec.perturbation.radius == 0.01


def test_defaults_and_immutability():
    spec = parse_spec(SPEC.encode())
    assert (spec.solution.layer, spec.perturbation.rows, spec.gate) == ("all", "all", ())
    with pytest.raises(ValueError):
        spec.solution.layer = 2


@pytest.mark.parametrize("wrong, parts", [
    ("actvation", ["unknown key 'actvation' in [model]", "did you mean 'activation'?"]),
    ("file_name", ["unknown key 'file_name'", "file, widths, activation, factory"]),
])
def test_unknown_key_names_it_and_the_nearest(wrong, parts):
    message = refusal(SPEC.replace("activation", wrong))
    assert all(part in message for part in parts)


def test_unknown_keys_elsewhere():
    assert "did you mean 'perturbation'?" in refusal(SPEC + "[pertubation]\nrows = [1]\n")
    assert "unknown key 'maximum' in gate 2" in refusal(SPEC + gate(max=1) + gate(maximum=1))
    assert "it belongs in [perturbation] or [window]" in refusal(SPEC + "radius = 1\n")
    assert "it belongs in the top level" in refusal(SPEC.replace("version = 1\n", "") + "version = 1\n")
    assert r"'a\nb'" in refusal('"a\\nb" = 1\n' + SPEC)


@pytest.mark.parametrize("text, place", [
    (SPEC.replace("version = 1", "version = "), "certify.toml line 1, column 11"),
    (SPEC.replace('"tanh"', '"tanh'), "certify.toml line 5"),
    (SPEC + "[data]\n", "certify.toml line 10"),
    (SPEC + 'x = "', "certify.toml line 10, the end of the file"),
    (SPEC.encode() + b"\xff", "certify.toml line 10"),
    (SPEC + "x = " + "[" * 5000, "nested too deeply"),
    (SPEC + "x = " + "9" * 5000, "thousands of digits"),
])
def test_bad_toml_says_the_line(text, place):
    assert place in refusal(text)


@pytest.mark.parametrize("text, parts", [
    ("version = 2\n" + SPEC[12:], ["version: found 2; give 1"]),
    ("version = true\n" + SPEC[12:], ["version: found True"]),
    ("version = 1.0\n" + SPEC[12:], ["version: found 1.0"]),
    (SPEC[12:], ["version: missing", "`version = 1`"]),
    ("version = 1\n", ["[model]: missing", "add a [model] section"]),
    (SPEC.replace("[3, 8, 1]", "[3]"), ["model.widths: found [3]", "a list of at least 2"]),
    (SPEC.replace("[3, 8, 1]", "[3, 8.0, 1]"), ["model.widths, entry 1: found 8.0; give an integer"]),
    (SPEC.replace("[3, 8, 1]", "[3, true, 1]"), ["model.widths, entry 1: found True"]),
    (SPEC.replace("[3, 8, 1]", "[3, 0, 1]"), ["model.widths, entry 1: found 0", "at least 1"]),
    (SPEC.replace("tanh", "tahn"), ["found 'tahn'", "'relu', 'leaky_relu', 'elu',", "mean 'tanh'"]),
    (SPEC + "[solution]\nlayer = 0\n", ["solution.layer: found 0", "'all' or 'last' or a number of at least 1"]),
    (SPEC + "[solution]\nlayer = true\n", ["solution.layer: found True"]),
    (SPEC + '[perturbation]\nrows = "al"\n', ["found 'al'", "did you mean 'all'?"]),
    (SPEC + "[perturbation]\nrows = []\n", ["found []", "'all' or a list of at least 1"]),
    (SPEC + "[perturbation]\nrows = [1.5]\n", ["rows, entry 0: found 1.5; give an integer"]),
    (SPEC + f"[perturbation]\nrows = [0x{'f' * 5000}]\n", ["thousands of digits", "at most 2^53"]),
    (SPEC + "[perturbation]\nradius = 0\n", ["radius: found 0; give a number above 0"]),
    (SPEC + "[perturbation]\nradius = -1.0\n", ["radius: found -1.0"]),
    (SPEC + "[perturbation]\nradius = inf\n", ["radius: found inf; give a finite number"]),
    (SPEC + "[perturbation]\nnorm = true\n", ["norm: found True"]),
    (SPEC + "[perturbation]\nnorm = 3\n", ["norm: found 3", "1, 2 or 'inf'"]),
    (SPEC + "[training]\nweight_decay = -1\n", ["weight_decay: found -1", "at least 0"]),
    (SPEC + gate(max=1).replace("= 1", "= nan"), ["gate 1: max: found nan; give a finite number"]),
    (SPEC + gate(max="20"), ["gate 1: max: found '20'; give a finite number"]),
    (SPEC + gate(max=10**17), ["gate 1: max", "give a float"]),
    (SPEC + gate(max=1, rigour="prooved"), ["gate 1: rigour", "did you mean 'proved'?"]),
    (SPEC + gate("modulos", max=1), ["did you mean 'modulus'?", "built so far: modulus, sample_modulus"]),
    (SPEC + "[perturbation]\nscale = {age = 0.0}\n", ["scale.age: found 0.0", "hold a feature fixed, list the others"]),
    (SPEC + "[[gate]]\nmax = 1\n", ["gate 1: quantity: missing"]),
    (SPEC + '[gate]\nquantity = "modulus"\nmax = 1\n', ["write every gate as [[gate]]"]),
    ("model = 3\nversion = 1\n", ["[model]: found 3; give a section"]),
    (SPEC.replace('"train.npz"', '""'), ["data.file: found ''", "not empty"]),
])
def test_wrong_values_say_what_would_be_right(text, parts):
    message = refusal(text)
    assert all(part in message for part in parts), message


def test_words_are_listed_once_where_all_of_them_are_built():
    assert "built so far" not in refusal(SPEC.replace("tanh", "mish"))
    assert "built so far: modulus" in refusal(SPEC + '[[gate]]\nquantity = "moduluss"\nmax = 1\n')


def test_missing_file_and_folder(tmp_path):
    (tmp_path / "certify.toml").write_text("")
    with pytest.raises(InputError, match=r"no such file.*there is a 'certify.toml'"):
        load_spec(tmp_path / "certfy.toml")
    with pytest.raises(InputError, match="a folder"):
        load_spec(tmp_path)


lines = st.lists(st.sampled_from([
    *SPEC.splitlines(), "[perturbation]", "[[gate]]", 'quantity = "modulus"', "max = 1", "min = 2", "rows = [0]",
    "[solution]", "layer = 1", 'layer = "all"', "[", "radius = 1e400", "norm = 1", 'set = "sparse"', "[window]",
]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6,
)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(content):
    with pytest.raises(SpecError):
        parse_spec(content)


@given(lines)
def test_shuffled_lines_raise_nothing_else(chosen):
    try:
        assert isinstance(parse_spec("\n".join(chosen).encode()), Spec)
    except CertifyError as error:
        assert "\n" not in str(error)


@given(st.data())
def test_any_value_at_any_key_raises_nothing_else(data):
    sections = {s: list(models.__dict__[s.capitalize()].model_fields) for s in (
        "model", "data", "training", "solution", "weights", "perturbation", "window", "aubin", "estimate", "run",
        "gate")}
    section = data.draw(st.sampled_from(sorted(sections)))
    key, value = data.draw(st.sampled_from(sections[section])), data.draw(values)
    literal = json.dumps(value).replace("null", '""') if not isinstance(value, dict) else "{}"
    header = "[[gate]]" if section == "gate" else f"[{section}]"
    kept = {"model": SPEC[: SPEC.index("[model]")] + SPEC[SPEC.index("[data]"):],
            "data": SPEC[: SPEC.index("[data]")]}.get(section, SPEC)
    try:
        parse_spec(f"{kept}{header}\n{key} = {literal}\n".replace("NaN", "nan").replace("Infinity", "inf").encode(),
                   verb=data.draw(st.sampled_from(["run", "estimate"])))
    except SpecError as error:
        assert "\n" not in str(error)


def test_schema_knows_every_section_and_is_closed():
    schema = json_schema()
    assert set(schema["properties"]) == set(Spec.model_fields)
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if part["type"] == "object")
    json.dumps(schema)


def test_words_of_the_models_are_those_of_the_format():
    from typing import get_args

    assert get_args(literals.Activation) == words.words(words.Activation)
    assert get_args(literals.Quantity) == (*QUANTITIES, *ESTIMATED)
    for section, key, kind in (
        (models.Training, "loss", words.Loss), (models.Solution, "map", words.Map),
        (models.Solution, "base", words.Base), (models.Weights, "norm", words.WeightNorm),
        (models.Perturbation, "parameter", words.Parameter), (models.Perturbation, "set", words.Set),
        (models.Run, "arithmetic", words.Arithmetic), (models.Gate, "severity", words.Severity),
    ):
        assert get_args(section.model_fields[key].annotation) == words.words(kind)


def test_built_activations_are_the_ones_the_network_takes():
    from certify.rigor.activation import ACTIVATIONS

    assert set(vocabulary.BUILT["model.activation"]) == set(ACTIVATIONS)
