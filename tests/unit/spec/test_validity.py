"""What does not make sense, and what is not built: refused by name, with what would work."""

from __future__ import annotations

import re

import numpy as np
import pytest

from certify.format.errors import SpecError
from certify.problem.load import load_problem
from certify.spec import parse_spec
from certify.spec.vocabulary import BUILT, UNBUILT_KEYS
from tests.families.small import SPEC, features, gate, tensors, write
from tests.unit.spec.test_load import refusal

LIMIT = "first_order_prediction_change"
CONVEX = ('[training]\nloss = "squared"\nweight_decay = 0.5\n'
          '[solution]\nmap = "critical"\nbase = "nearby"\nlayer = 2\n'
          '[perturbation]\nparameter = "sample_weights"\nset = "sparse"\ncount = 1\nradius = 1\n'
          + gate("distance", max=1))
FLIPS = (CONVEX.replace("squared", "logistic").replace("sample_weights", "labels").replace("radius = 1\n", ""))
WINDOW = '[solution]\nlayer = 2\n[perturbation]\nset = "given"\nfile = "u.npz"\n[window]\nradius = 1\n'


@pytest.mark.parametrize("extra, parts", [
    ('[perturbation]\nparameter = "sample_weights"\n', ["interpolating network stays", '"features" or "targets"']),
    ('[perturbation]\nnorm = "inf"\n',
     ['perturbation.norm = "inf": with', 'set = "total"', "use perturbation.norm = 2"]),
    ("[perturbation]\nnorm = 1\n", ["perturbation.norm = 1", 'set = "total"', 'for set = "per_sample" or "sparse"']),
    ("[perturbation]\ncount = 3\n", ["perturbation.count", 'belongs to set = "sparse"']),
    ('[perturbation]\nfile = "u.npz"\n', ["perturbation.file", 'belongs to set = "given"']),
    ('[perturbation]\nset = "sparse"\n' + gate(max=1),
     ["gate 1", 'set = "sparse"', "not a norm", 'use perturbation.set = "total" or "per_sample"']),
    ('[perturbation]\nset = "sparse"\n',
     ["perturbation.count: missing", "give perturbation.radius", "and perturbation.count (the most rows"]),
    ('[perturbation]\nset = "sparse"\nradius = 1\n', ["perturbation.count: missing", "most rows"]),
    ('[perturbation]\nset = "given"\n', ["perturbation.file: missing", ".npz"]),
    ('[perturbation]\nset = "given"\nfile = "u.npz"\n' + gate(max=1),
     ["gate 1", 'set = "given"', "no modulus", "first_order_distance"]),
    ('[perturbation]\nset = "given"\nfile = "u.npz"\ncolumns = [0]\n', ["perturbation.columns", "as it is"]),
    ("[perturbation]\nnorm = 1\n", ['set = "total"', "use perturbation.norm = 2"]),
    (gate("first_order_distance", max=1), ["gate 1", "no perturbation.radius", "give perturbation.radius"]),
    ('[solution]\nmap = "sublevel"\n[perturbation]\nset = "sparse"\ncount = 1\nradius = 1\n',
     ["first_order_distance", 'solution.map = "sublevel"', 'use solution.map = "interpolation" or "critical"']),
    ('[solution]\nmap = "sublevel"\n[perturbation]\nset = "per_sample"\nnorm = 1\n',
     ["perturbation.norm = 1", "use perturbation.norm = 2"]),
    ('[solution]\nmap = "sublevel"\n[perturbation]\nradius = 1\n' + gate("first_order_distance", max=1),
     ["gate 1", 'first_order_distance with solution.map = "sublevel"', 'gate.quantity = "modulus"']),
    ("[perturbation]\nrows = [2, 1, 2]\n", ["row 2 is listed 2 times"]),
    ("[perturbation]\nrows = [0, -1]\n", ["found -1", "counted from 0"]),
    ('[perturbation]\nparameter = "targets"\ncolumns = [1]\n',
     ["perturbation.columns: given", 'parameter = "targets"', "remove perturbation.columns"]),
    ('[perturbation]\nparameter = "targets"\nscale = { a = 1.0 }\n',
     ["perturbation.scale: given", 'parameter = "targets"', "remove perturbation.scale"]),
    ("[perturbation]\ncolumns = []\n", ["perturbation.columns: found []"]),
    ("[perturbation]\nscale = { a = 0 }\n", ["perturbation.scale.a: found 0; give a number above 0"]),
    ("[solution]\nlayer = 3\n", ["layer 3 of a network of 2", '1 … 2 or "all"']),
    ("[solution]\nlevel = 0.1\n", ["belongs to the sublevel map"]),
    ('[solution]\nmap = "critical"\nlevel = 0.1\n', ["belongs to the sublevel map"]),
    ("[solution]\nwithin = 1e-6\n", ["solution.within", 'base = "given"', 'belongs to base = "nearby"']),
    ('[solution]\nbase = "nearby"\nwithin = 0.0\n', ["solution.within: found 0.0; give a number above 0"]),
    ('[solution]\nbase = "nearby"\nwithin = true\n', ["solution.within"]),
    ('[solution]\nmap = "critical"\n[perturbation]\nset = "sparse"\ncount = 1\n',
     ["first_order_distance", "no perturbation.radius", "give perturbation.radius"]),
    ('[solution]\nmap = "critical"\n[perturbation]\nset = "sparse"\ncount = 1\nradius = 1\n' + gate("modulus", max=1),
     ["not a norm", "first_order_distance"]),
    ('[solution]\nmap = "critical"\n[weights]\nnorm = "function"\n', ["weights.reference is missing"]),
    ('[solution]\nmap = "critical"\n' + gate("first_order_distance", max=1), ["needs a size of the change"]),
    ('[solution]\nmap = "critical"\n' + gate("distance", max=1),
     ["gate 1", 'with solution.base = "given"', 'use solution.base = "nearby"']),
    (CONVEX.replace("layer = 2", "layer = 1"), ["layer = 1", "need not be convex", "use solution.layer = 2"]),
    (CONVEX.replace('base = "nearby"\n', ""), ['solution.base = "given"', 'use solution.base = "nearby"']),
    (CONVEX.replace("0.5", "0.0"), ["weight_decay", "above 0"]),
    (CONVEX.replace("radius = 1\n", ""), ["no perturbation.radius", "give perturbation.radius"]),
    (CONVEX.replace("radius = 1\n", "radius = 1.5\n"), ["at most 1", "deletes a row"]),
    (CONVEX.replace('set = "sparse"\ncount = 1', 'set = "per_sample"\nnorm = 1'),
     ["perturbation.norm = 1", "use perturbation.norm = 2"]),
    (FLIPS.replace("count = 1", "count = 1\nradius = 1"),
     ["perturbation.radius: given", "has no size", "remove perturbation.radius"]),
    (FLIPS.replace('set = "sparse"\ncount = 1', 'set = "total"'), ['perturbation.set = "total"', '"per_sample"']),
    (FLIPS.replace('"logistic"', '"squared"').replace('set = "sparse"\ncount = 1', 'set = "per_sample"'),
     ['gate 1', "distance", 'perturbation.set = "per_sample"', 'perturbation.set = "sparse"']),
    (FLIPS.replace(gate("distance", max=1), gate("first_order_distance", max=1)), ["no small change", '"distance"']),
    ('[perturbation]\nparameter = "labels"\n',
     ['parameter = "labels": with perturbation.set = "total"', "row by row", 'perturbation.parameter = "features"']),
    ('[training]\nloss = "logistic"\n[perturbation]\nparameter = "labels"\nset = "sparse"\ncount = 1\n',
     ["first_order_distance, asked for without a gate", 'parameter = "labels"', "no small change"]),
    (CONVEX.replace("radius = 1\n", 'radius = 1\ndirection = "down"\n').replace("sample_weights", "targets"),
     ["perturbation.direction", "belongs to sample weights", "remove perturbation.direction"]),
    ('[training]\nweight_decay = 0.5\n[solution]\nmap = "critical"\n[perturbation]\nparameter = "sample_weights"\n'
     'direction = "down"\n',
     ["perturbation.direction", "limits are for changes both ways", "remove perturbation.direction"]),
    ('[perturbation]\ndirection = "down"\n',
     ["perturbation.direction", "belongs to sample weights", "remove perturbation.direction"]),
    (CONVEX.replace("radius = 1\n", 'radius = 1\ndirection = "up"\n'), ["perturbation.direction", "down"]),
    (CONVEX + gate("sample_modulus", max=1), ["gate 2", "no modulus", 'use perturbation.set = "total"']),
    (CONVEX + gate("first_order_distance", max=1), ["gate 2: first_order_distance beside", "spec of its own"]),
    (CONVEX.replace('set = "sparse"\ncount = 1', 'set = "total"') + gate(max=1), ["modulus beside", "spec of its own"]),
    (CONVEX + gate("stable_predictions", min=1), ["gate 2: found no [evaluation]", "give [evaluation] file"]),
    (CONVEX + '[evaluation]\nfile = "a.npz"\n', ["[evaluation]: no gate is about stable_predictions", "remove"]),
    (CONVEX + gate("prediction_change", max=1) + '[evaluation]\nfile = "a.txt"\n', ["'.txt'", ".npz"]),
    ('[solution]\nmap = "sublevel"\n[evaluation]\nfile = "a.npz"\n' + gate(LIMIT, max=1),
     ["gate 1", 'with solution.map = "sublevel"', '"interpolation" or "critical"']),
    ('[evaluation]\nfile = "a.npz"\n' + gate(LIMIT, max=1),
     ["gate 1: found no perturbation.radius", "give perturbation.radius"]),
    ('[evaluation]\nfile = "a.npz"\n' + gate("prediction_change", max=1),
     ["gate 1", 'solution.map = "interpolation"', 'use solution.map = "critical"', "training.weight_decay (above 0)"]),
    ('[evaluation]\nfile = "a.npz"\n' + gate("stable_predictions", min=1), ["gate 1", "needs a size of the change"]),
    ('[perturbation]\nradius = 0.1\n' + gate("stable_predictions", min=1),
     ["gate 1: found no [evaluation]", "give [evaluation] file"]),
    ('[solution]\nbase = "nearby"\n[evaluation]\nfile = "a.npz"\n' + gate("stable_predictions", min=1),
     ["gate 1", 'stable_predictions with solution.base = "nearby"', 'use solution.base = "given"']),
    ('[perturbation]\nparameter = "targets"\nradius = 1\n[evaluation]\nfile = "a.npz"\n'
     + gate("stable_predictions", min=1),
     ["gate 1", 'perturbation.set = "total"', 'use perturbation.set = "given"', "give perturbation.file"]),
    ('[weights]\nnorm = "function"\nreference = "r.npz"\n[perturbation]\nradius = 1\n[evaluation]\nfile = "a.npz"\n'
     + gate("stable_predictions", min=1), ["gate 1", 'weights.norm = "function"', '"relative"']),
    ('[solution]\nmap = "sublevel"\n[evaluation]\nfile = "a.npz"\n' + gate("stable_predictions", min=1),
     ["gate 1", 'with solution.map = "sublevel"', 'use solution.map = "interpolation"']),
    ('[solution]\nmap = "critical"\n' + gate(LIMIT, max=1),
     ["gate 1: found no perturbation.radius", "and [evaluation] file"]),
    ('[solution]\nmap = "critical"\n[evaluation]\nfile = "a.npz"\n' + gate(LIMIT, max=1),
     ["gate 1: found no perturbation.radius", "give perturbation.radius"]),
    ('[solution]\nmap = "critical"\n[weights]\nnorm = "relative"\n[evaluation]\nfile = "a.npz"\n' + gate(LIMIT, max=1),
     ['weights.norm = "relative"', 'use weights.norm = "euclidean"']),
    (CONVEX + '[evaluation]\nfile = "a.npz"\n' + gate(LIMIT, max=1), [LIMIT + " beside", "spec of its own"]),
    ('[solution]\nmap = "critical"\n[training]\nloss = "logistic"\n[perturbation]\nparameter = "targets"\n',
     ['parameter = "targets": with training.loss = "logistic"', '"features" or "sample_weights"']),
    ('[solution]\nmap = "sublevel"\nbase = "nearby"\n',
     ['solution.base = "nearby": with solution.map = "sublevel"', 'use solution.base = "given"']),
    (gate("persistence_radius", min=1),
     ["gate 1", 'persistence_radius with solution.map = "interpolation"', 'use solution.map = "sublevel"']),
    ('[weights]\nnorm = "function"\n', ["weights.reference is missing", "name the data file"]),
    ('[weights]\nnorm = "relative"\nreference = "r.npz"\n', ["weights.reference", 'given with norm = "relative"']),
    ('[weights]\ntau = 0.1\n', ["weights.tau", 'given with norm = "euclidean"']),
    ('[weights]\nnorm = "function"\nreference = "r.npz"\ntau = 1e-20\n', ["weights.tau", "from 2^-40 to 2^40"]),
    ('[weights]\nnorm = "function"\nreference = "r.txt"\n', ["weights.reference", "'.txt' is none of its formats"]),
    ("[run]\ntime_limit = 0\n", ["run.time_limit", "a number above 0"]),
    ('[run]\nmemory_limit = "8 apples"\n', ["run.memory_limit", "found '8 apples'", '"8 GB"']),
    ("[run]\nmemory_limit = 0\n", ["run.memory_limit", "at least 1"]),
    (gate(), ["gate 1: neither max nor min"]),
    (gate(max=1, min=0), ["gate 1: both max and min", "two gates"]),
    (gate(max=1) + '[aubin]\nradius_u = 1.0\n', ["[aubin]", "no gate is about aubin", "remove the section"]),
    ('[aubin]\nradius_w = 0\n', ["aubin.radius_w", "above 0"]),
    ('[solution]\nmap = "critical"\n' + gate("aubin", max=1),
     ["gate 1", 'aubin with solution.map = "critical"', 'use solution.map = "interpolation" or "sublevel"']),
    ('[solution]\nmap = "sublevel"\nlevel = 1.0\n' + gate("aubin", max=1),
     ["gate 1", "aubin with solution.level", "remove solution.level"]),
    ('[solution]\nmap = "sublevel"\n[perturbation]\nparameter = "sample_weights"\n' + gate("aubin", max=1),
     ["gate 1", 'parameter = "sample_weights"', 'use perturbation.parameter = "features" or "targets"']),
    ('[solution]\nbase = "nearby"\n[aubin]\n',
     ["aubin, asked for without a gate", 'base = "nearby"', 'use solution.base = "given"']),
    ('[solution]\nlayer = 1\n' + gate("aubin", max=1), ["gate 1", 'layer = "all"']),
    ('[weights]\nnorm = "relative"\n' + gate("aubin", max=1), ["gate 1", 'norm = "euclidean"']),
    ('[run]\narithmetic = "exact"\n' + gate("aubin", max=1), ["gate 1", 'arithmetic = "float"']),
    (gate("excess", max=1),
     ["gate 1", 'excess with solution.layer = "all"', "use solution.layer = 2, the last one", "[window] radius"]),
    (WINDOW.replace("layer = 2\n", "layer = 1\n"),
     ["excess, asked for without", "layer = 1", "use solution.layer = 2"]),
    (WINDOW.replace("layer = 2\n", 'base = "nearby"\nlayer = 2\n') + gate("hausdorff", max=1),
     ["gate 1", 'hausdorff with solution.base = "nearby"', 'use solution.base = "given"']),
    (WINDOW.replace("layer = 2\n", 'map = "critical"\nlayer = 2\n') + gate("excess", max=1),
     ['map = "critical"', 'use solution.map = "interpolation"']),
    (WINDOW.replace('set = "given"\nfile = "u.npz"\n', "") + gate("excess", max=1), ['set = "total"', 'set = "given"']),
    (WINDOW + '[weights]\nnorm = "relative"\n',
     ["excess", 'weights.norm = "relative"', 'use weights.norm = "euclidean"']),
    (WINDOW + '[run]\narithmetic = "exact"\n', ['run.arithmetic = "exact"', 'use run.arithmetic = "float"']),
    (WINDOW.replace("[window]\nradius = 1\n", "") + gate("excess", max=1),
     ["gate 1: found no [window] radius", "give [window] radius (of the ball around the given weights)"]),
    (WINDOW + gate("distance", max=1), ["[window]", "no gate is about excess or hausdorff", "add one"]),
    (WINDOW.replace("radius = 1", "radius = 0"), ["window.radius", "above 0"]),
    (WINDOW + gate("loss_after", max=1), ["gate 1", "certify estimate"]),
])
def test_refused_with_a_way_out(extra, parts):
    message = refusal(SPEC + extra)
    assert all(part in message for part in parts), message


def test_a_window_on_many_inputs_and_one_of_an_estimate():
    message = refusal((SPEC + WINDOW).replace("[3, 8, 1]", "[3, 400, 1]"))
    assert "400 inputs of the last layer" in message and "fewer than 400" in message
    parse_spec((SPEC + WINDOW).replace("[3, 8, 1]", "[3, 399, 1]").encode())
    with pytest.raises(SpecError, match=r"\[window\]: not built yet for estimates; remove the section"):
        parse_spec((SPEC + WINDOW.replace("layer = 2\n", "")).encode(), verb="estimate")


@pytest.mark.parametrize("old, words", [
    ('targets = "y"\n', "data.targets: missing"),
])
def test_maps_that_need_targets(old, words):
    for extra in ('[solution]\nmap = "sublevel"\n', '[solution]\nbase = "nearby"\n'):
        assert words in refusal(SPEC.replace(old, "") + extra)


@pytest.mark.parametrize("old, new, parts", [
    ("model.safetensors", "m.npz", ["'.npz' is none of its formats"]),
    ("model.safetensors", "m.pkl", ["'.pkl' is none of its formats"]),
    ("model.safetensors", "model", ["a name without an ending"]),
    ("train.npz", "d.npy", ["'.npy' is none of its formats"]),
    ('widths = [3, 8, 1]\n', "", ["'widths' is missing", "widths = [30, 64, 64, 1]"]),
    ('activation = "tanh"\n', "", ["'activation' is missing", "the one it was trained with (relu, leaky_relu,"]),
    ('widths = [3, 8, 1]\nactivation = "tanh"\n', "widths = [3, 1]\n",
     ["'activation' is missing", 'give activation = "identity", which is exact for one layer']),
])
def test_models_and_formats(old, new, parts):
    message = refusal(SPEC.replace(old, new))
    assert all(part in message for part in parts), message


def test_lists_of_what_is_not_built_name_real_keys():
    spec = parse_spec(SPEC.encode())
    for path in (path for paths in UNBUILT_KEYS.values() for path in paths):
        section, key = path.split(".")
        assert key in type(getattr(spec, section)).model_fields
    for path in BUILT:
        section, _ = path.split(".")
        assert section in type(spec).model_fields


def problem_refusal(folder, *more, **arrays):
    with pytest.raises(SpecError) as caught:
        load_problem(write(folder, *more, **arrays))
    return str(caught.value)


def test_rows_beyond_the_data(tmp_path):
    assert "row 10 of 10; rows are 0 … 9" in problem_refusal(tmp_path, SPEC + "[perturbation]\nrows = [3, 10]\n")
    sparse = '[perturbation]\nset = "sparse"\nrows = [3, 4]\nradius = 1\ncount = 3\n'
    assert "count = 3: only 2 rows may move; give a count of at most 2" in problem_refusal(tmp_path, SPEC + sparse)


def test_more_equations_than_parameters_hands_over_changes_that_work(tmp_path):
    n = 60  # p = 41
    message = problem_refusal(tmp_path, X=features(n), y=np.zeros(n))
    assert "n·k = 60 equations for p = 41 parameters" in message
    assert "keep at most 41 rows" in message and "widths = [3, 12, 1]" in message
    wide = SPEC.replace("[3, 8, 1]", "[3, 12, 1]")
    write(tmp_path, wide, tensors(widths=(3, 12, 1)), X=features(n), y=np.zeros(n))
    assert load_problem(tmp_path / "certify.toml").equations == 60
    write(tmp_path, X=features(41), y=np.zeros(41))
    assert load_problem(tmp_path / "certify.toml").parameters == 41


def test_frozen_layers_and_equal_rows_as_ways_out(tmp_path):
    assert 'use layer = "all" (p = 41)' in problem_refusal(tmp_path, SPEC + "[solution]\nlayer = 2\n")
    X = np.vstack([features()] * 5)
    assert "use --merge-duplicates (10 equations)" in problem_refusal(tmp_path, X=X, y=np.zeros(50))
    assert load_problem(tmp_path / "certify.toml", merge_duplicates=True).equations == 10


def test_no_hidden_layer_is_offered_one(tmp_path):
    spec = SPEC.replace("[3, 8, 1]", "[3, 1]")
    model = {"weight": np.ones((1, 3)), "bias": np.zeros(1)}
    message = problem_refusal(tmp_path, spec, model, X=features(), y=np.zeros(10))
    assert "widths = [3, 2, 1]" in message


@pytest.mark.parametrize("ending, words", [
    (".keras", "kernels transposed"), (".joblib", "a pickle can run code"), (".ckpt", "name it .pt"),
    (".npz", "safetensors.numpy.save_file as '0.weight'"), (".tflite", "export it as .onnx"),
    (".xyz", "save it as .safetensors or"),
])
def test_model_files_of_others_are_told_what_to_become(ending, words):
    with pytest.raises(SpecError, match=re.escape(words)):
        parse_spec(SPEC.replace(".safetensors", ending).encode())
