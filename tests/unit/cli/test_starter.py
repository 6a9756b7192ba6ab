"""`certify init`: what the files say is written, what changes the mathematics is never guessed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from certify.auditing.facts import loss_facts
from certify.cli.main import main
from certify.spec import load_spec
from certify.spec.vocabulary import ACTIVATIONS
from tests.families.onnx_bytes import model, node, put, tensor
from tests.families.small import features, files, tensors, write

CLASSES = np.arange(10) % 2
REAL = features(10, 1)[:, 0]


@pytest.fixture
def call(capsys):
    def call(*arguments):
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def folder(tmp_path):
    """A folder with the small model, and the data asked for."""
    def folder(model=None, **arrays):
        write(tmp_path, model=model, **arrays).unlink()
        return tmp_path

    return folder


def onnx(extra: bytes = b"") -> bytes:
    """An exported 3-8-1 relu chain, by hand; `extra` goes into the first tensor."""
    arrays = {name: array.astype("f4") for name, array in tensors().items()}
    nodes = [node("Gemm", ["x", "0.weight", "0.bias"], "z", transB=1), node("Relu", ["z"], "a"),
             node("Gemm", ["a", "2.weight", "2.bias"], "y", transB=1)]
    content = model(nodes, arrays)
    if extra:
        plain = put(5, tensor("0.weight", arrays["0.weight"]))
        longer = put(5, tensor("0.weight", arrays["0.weight"]) + extra)
        graph = b"".join(put(1, n) for n in nodes) + b"".join(
            put(5, tensor(name, array)) for name, array in arrays.items()) + put(11, put(1, "x")) + put(12, put(1, "y"))
        content = put(1, 9) + put(7, graph.replace(plain, longer)) + put(8, put(2, 20))
    return content


# --- the activation ----------------------------------------------------------------------------------------------

def test_an_activation_that_no_file_says_is_left_out_and_run_refuses(folder, call):
    path = folder(X=features(), y=REAL) / "certify.toml"
    status, _, err = call("init", path.parent)
    text = path.read_text()
    assert status == 0 and "widths = [3, 8, 1]" in text and 'targets = "y"' in text
    assert not re.search(r"^activation", text, re.M) and all(word in text for word in ACTIVATIONS)
    assert "activation is left out" in err and "training loss" not in err
    assert max(map(len, text.splitlines())) <= 120
    status, out, err = call("run", path, "-q")
    assert (status, out) == (2, "") and "'activation' is missing" in err and "give activation" in err
    assert set(files(path.parent)) == {"certify.toml", "model.safetensors", "train.npz"}
    status, _, err = call("init", path.parent)
    assert status == 2 and "there is one already" in err and path.read_text() == text


@pytest.mark.parametrize("word", ACTIVATIONS)
def test_an_activation_that_is_named_is_written_and_the_result_runs(folder, call, word):
    path = folder(X=features(), y=REAL) / "certify.toml"
    status, _, err = call("init", path.parent, "--activation", word)
    assert status == 0 and load_spec(path).model.activation == word
    assert re.search(r"training loss .* \(squared: mean of ½\|f − y\|²\) on 10 rows with this network: is this what",
                     err)
    assert call("run", path, "--plan")[0] == 0


def test_one_layer_needs_no_activation(folder, call):
    path = folder(tensors(widths=(30, 1)), X=features(5, 30), y=CLASSES[:5]) / "certify.toml"
    assert call("init", path.parent)[0] == 0
    assert load_spec(path).model.activation == "identity"
    assert call("run", path, "-q")[0] == 0


def test_options_that_are_no_words_are_refused_and_write_nothing(folder, call):
    there = folder(X=features(), y=REAL)
    for options, words in (
        (("--activation", "tanhh"), "give one of relu, "), (("--loss", "mse"), "squared, cross_entropy, logistic"),
        (("--weight-decay", "-1"), "from 0 on"), (("--weight-decay", "nan"), "from 0 on"),
        (("--graph", "g.json", "--estimate"), "estimates take none"),
    ):
        status, out, err = call("init", there, *options)
        assert (status, out) == (2, "") and words in err and err.count("\n") == 1
    assert set(files(there)) == {"model.safetensors", "train.npz"}


def test_a_loss_that_the_outputs_rule_out_is_refused(folder, call):
    """One output takes no classes side by side, several outputs are no logistic loss."""
    there = folder(X=features(), y=CLASSES)
    status, _, err = call("init", there, "--loss", "cross_entropy")
    assert status == 2 and "an output for each class, and the network has one" in err and "give logistic" in err
    there = folder(tensors(widths=(3, 8, 2)), X=features(), y=CLASSES)
    status, _, err = call("init", there, "--loss", "logistic")
    assert status == 2 and "it takes one output, and the network has 2" in err and "give cross_entropy" in err
    assert set(files(there)) == {"model.safetensors", "train.npz"}


def test_a_folder_that_is_not_there_is_said(tmp_path, call):
    status, _, err = call("init", tmp_path / "nowhere")
    assert status == 2 and "there is no such folder" in err


# --- the loss ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("outputs, y, word, likely", [
    (1, CLASSES, None, "logistic"), (1, CLASSES.astype(float), None, "logistic"), (1, CLASSES.astype(bool), None,
                                                                                    "logistic"),
    (1, 2 * CLASSES - 1, None, "logistic"), (1, 2.0 * CLASSES[:, None] - 1, None, "logistic"),
    (2, CLASSES, None, "cross_entropy"), (2, CLASSES[:, None], None, "cross_entropy"),
    (10, np.arange(10), None, "cross_entropy"), (0, np.arange(10), None, "cross_entropy"),
    (10, np.arange(10.0), None, "cross_entropy"), (2, np.eye(2)[CLASSES], None, "cross_entropy"),
    (1, np.arange(10), None, "squared"), (1, REAL, "squared", "squared"), (2, features(10, 2), "squared", "squared"),
    (2, np.ones((10, 2), int), "squared", "squared"), (1, None, None, "squared"),
])
def test_a_loss_is_written_only_where_one_alone_takes_the_targets(outputs, y, word, likely):
    found = loss_facts(y, outputs)
    assert (found.word, found.likely) == (word, likely) and found.why


def test_classes_of_one_output_leave_the_loss_out(folder, call):
    path = folder(X=features(), y=CLASSES) / "certify.toml"
    status, _, err = call("init", path.parent, "--activation", "tanh")
    text = path.read_text()
    assert status == 0 and '# loss = "logistic" ' in text and "loss" not in load_spec(path).training.model_fields_set
    assert "loss is left out" in err and re.search(r"training loss \S+ \(logistic\), accuracy \S+ % of 10 rows", err)
    assert max(map(len, text.splitlines())) <= 120


def test_classes_of_several_outputs_are_refused_until_the_loss_is_said(tmp_path, call):
    from safetensors.numpy import save

    (tmp_path / "net.safetensors").write_bytes(save(tensors(widths=(2, 40, 3))))
    rows = "".join(f"{a:.3f},{b:.3f},{i % 3}\n" for i, (a, b) in enumerate(features(6, 2)))
    (tmp_path / "data.csv").write_text("age,dose,kind\n" + rows)
    path = tmp_path / "certify.toml"
    assert call("init", tmp_path, "--activation", "tanh")[0] == 0
    text = path.read_text()
    assert '# loss = "cross_entropy" ' in text and 'features = ["age", "dose"]' in text
    status, _, err = call("run", path, "-q")
    assert status == 2 and 'training.loss = "cross_entropy"' in err
    path.unlink()
    assert call("init", tmp_path, "--activation", "tanh", "--loss", "cross_entropy", "--weight-decay", "0.01")[0] == 0
    assert load_spec(path).training.weight_decay == 0.01
    text = path.read_text().replace("weight_decay = 0.01", "weight_decay = 0.0")
    assert max(map(len, text.splitlines())) <= 120
    assert call("run", path, "-q")[0] == 0
    for key in ("level", "columns", "scale"):  # the keys that are commented out are right as they stand
        text = text.replace(f"# {key} = ", f"{key} = ")
    path.write_text(text.replace('map = "interpolation"', 'map = "sublevel"').replace("level = 0.1", "level = 1e3"))
    status, out, _ = call("run", path, "-q")
    assert status == 0 and out.startswith("certified modulus proved 0: the level lies above the loss")


def test_no_weight_decay_is_the_default_and_the_comment_says_what_it_is_not(folder, call):
    path = folder(X=features(), y=REAL) / "certify.toml"
    assert call("init", path.parent)[0] == 0
    line = next(line for line in path.read_text().splitlines() if line.startswith("weight_decay"))
    assert line.startswith("weight_decay = 0.0 ") and "AdamW" in line


# --- the files ---------------------------------------------------------------------------------------------------

def test_no_spec_is_written_about_a_file_that_is_not_there_or_could_be_another(tmp_path, call):
    from safetensors.numpy import save

    status, _, err = call("init", tmp_path)
    assert status == 2 and "no model file" in err and "it holds no file" in err and "--model FILE" in err
    (tmp_path / "clf.joblib").write_bytes(b"\x80\x04.")
    status, _, err = call("init", tmp_path)
    assert status == 2 and "the files there are clf.joblib" in err and "scikit-learn" in err
    (tmp_path / "a.safetensors").write_bytes(save(tensors()))
    status, _, err = call("init", tmp_path)
    assert status == 2 and "no data file" in err and "--data FILE" in err
    for name in ("train.npz", "old.npz", "test.npz"):
        np.savez(tmp_path / name, X=features(), y=REAL)
    status, _, err = call("init", tmp_path)
    assert status == 2 and "3 files could be the data: old.npz, test.npz, train.npz" in err and "--data FILE" in err
    (tmp_path / "b.pt").write_bytes(b"")
    status, _, err = call("init", tmp_path, "--data", tmp_path / "train.npz")
    assert status == 2 and "2 files could be the model: a.safetensors, b.pt" in err and err.count("\n") == 1
    assert call("init", tmp_path / "none")[0] == 2
    assert not (tmp_path / "certify.toml").exists()
    (tmp_path / "b.pt").rename(tmp_path / "witness.safetensors")  # what `certify run` writes is no model
    assert call("init", tmp_path, "--data", tmp_path / "train.npz")[0] == 0


def test_files_that_are_named(tmp_path, call):
    (tmp_path / 'a "b"').mkdir()
    write(tmp_path / 'a "b"', inputs=features(), labels=np.zeros(10))
    (tmp_path / "sub").mkdir()
    data, model = tmp_path / 'a "b"' / "train.npz", tmp_path / 'a "b"' / "model.safetensors"
    assert call("init", tmp_path / "sub", "--model", model, "--data", data, "--activation", "tanh")[0] == 0
    spec = load_spec(tmp_path / "sub" / "certify.toml")
    assert spec.model.file == '../a "b"/model.safetensors' and spec.data.features == "inputs"
    assert call("run", tmp_path / "sub" / "certify.toml", "-q")[0] == 0


def test_features_alone_leave_the_targets_out(folder, call):
    path = folder(X=features()) / "certify.toml"
    status, _, err = call("init", path.parent, "--activation", "tanh")
    assert status == 0 and load_spec(path).data.targets is None and "training loss not known" in err
    assert call("run", path, "-q")[0] == 0


def test_an_estimate_names_no_factory_of_its_own(folder, call):
    there = folder(X=features(), y=REAL)
    path = there / "certify.toml"
    assert call("init", there, "--estimate", "--activation", "tanh")[0] == 0
    text = path.read_text()
    assert load_spec(path, "estimate").model.widths == (3, 8, 1) and max(map(len, text.splitlines())) <= 120
    for line in ("members", "device", "quantity", "max", "rigour"):  # what is commented out is right as it stands
        text = text.replace(f"# {line} = ", f"{line} = ")
    path.write_text(text.replace("# [[gate]]", "[[gate]]"))
    assert load_spec(path, "estimate").gate[0].quantity == "loss_after"
    path.unlink()
    there = folder({"conv.weight": np.ones((2, 1, 3, 3))}, X=features(), y=REAL)
    assert call("init", there, "--estimate")[0] == 0
    text = path.read_text()
    assert max(map(len, text.splitlines())) <= 120 and "widths" not in text
    path.write_text(text.replace("# factory", "factory"))
    assert load_spec(path, "estimate").model.factory == "nets:make"


def test_a_graph_says_its_activations(tmp_path, call):
    from tests.unit.check.enclosure.test_graph import write as write_graph
    from tests.unit.network.graph.test_graph import small_resnet

    rng = np.random.default_rng(3)
    net = small_resnet(rng)
    X, y = rng.standard_normal((4, net.widths[0])), rng.integers(0, net.widths[1], 4)
    path = write_graph(tmp_path, net, X, y)
    path.unlink()
    assert call("init", tmp_path)[0] == 2 and not path.exists()  # by itself the file is no chain
    status, _, err = call("init", tmp_path, "--graph", tmp_path / "graph.json", "--loss", "cross_entropy")
    assert status == 0 and "(cross_entropy), accuracy" in err and "activation" not in err
    spec = load_spec(path)
    assert (spec.model.graph, spec.model.widths, spec.model.activation) == ("graph.json", None, None)
    assert spec.solution.map == "sublevel" and max(map(len, path.read_text().splitlines())) <= 120
    assert call("run", path, "--plan")[0] == 0


def test_onnx_says_its_activation(tmp_path, call):
    (tmp_path / "net.onnx").write_bytes(onnx())
    np.savez(tmp_path / "train.npz", X=features(), y=REAL)
    path = tmp_path / "certify.toml"
    status, _, err = call("init", tmp_path, "--activation", "tanh")
    assert status == 2 and "are joined by relu" in err and not path.exists()
    status, _, err = call("init", tmp_path)
    assert status == 0 and load_spec(path).model.activation == "relu" and "training loss" in err
    assert call("run", path, "--plan")[0] == 0


def test_onnx_with_its_tensors_elsewhere_names_the_argument(tmp_path, call):
    (tmp_path / "net.onnx").write_bytes(onnx(put(14, 1)))
    np.savez(tmp_path / "train.npz", X=features(), y=REAL)
    status, _, err = call("init", tmp_path)
    assert status == 2 and "lies in another file" in err and "torch.onnx.export(…, external_data=False)" in err
    assert not (tmp_path / "certify.toml").exists()


def test_biases_without_decay_and_another_normalization_are_written_when_asked(folder, call):
    path = folder(X=features(), y=REAL) / "certify.toml"
    more = ("--activation", "tanh", "--loss", "squared", "--weight-decay", "0.5")
    assert call("init", path.parent, *more, "--normalization", "n")[0] == 2 and not path.exists()
    assert call("init", path.parent, "--estimate", "--no-bias-decay")[0] == 2 and not path.exists()
    status, _, err = call("init", path.parent, *more, "--no-bias-decay", "--normalization", "remaining")
    text = path.read_text(encoding="utf-8")
    assert status == 0 and "certify explain deletions" in err and "(squared: mean of" in err
    assert "bias_decay = false " in text and 'normalization = "remaining" ' in text
    assert call("run", path, "--plan")[0] == 2  # until the spec asks about rows that are left out
    plain, own = text.replace("bias_decay = false", "# no"), path.with_name("own.toml")
    own.write_text(plain.replace('normalization = "remaining"', "# no"), encoding="utf-8")
    assert call("run", own, "--plan")[0] == 0
    path.unlink()
    assert call("init", path.parent, *more)[0] == 0
    assert not any(word in path.read_text(encoding="utf-8") for word in ("bias_decay", "normalization"))


@pytest.mark.parametrize("ask", [(), ("--ask", "rows deleted", "--loss", "squared", "--weight-decay", "0.1",
                                      "--activation", "relu")])
def test_a_folder_that_is_not_there_is_made_where_the_files_are_named(folder, call, ask):
    here = folder(X=features(), y=REAL)
    files = ("--model", here / "model.safetensors", "--data", here / "train.npz")
    status, _, err = call("init", here / "new" / "spec", *files, *ask)
    assert status == 0, err
    assert (here / "new" / "spec" / "certify.toml").is_file()
    status, _, err = call("init", here / "train.npz", *files, *ask)
    assert status == 2 and "no folder can be made there" in err
    status, _, err = call("init", here / "nowhere", *ask)
    assert status == 2 and "--model FILE and --data FILE: then it is made" in err and not (here / "nowhere").exists()


# --- rows to predict, and a spec that is there --------------------------------------------------------------------

ASKED = ("--ask", "rows deleted", "--loss", "logistic", "--weight-decay", "0.1", "--activation", "relu")


@pytest.mark.parametrize("ask", [(), ("--ask", "rows deleted")])
def test_data_is_the_one_file_that_is_not_called_as_rows_to_predict_are(folder, call, ask):
    here = folder(X=features(), y=CLASSES)
    np.savez(here / "new.npz", X=features(4), y=CLASSES[:4])
    said = ASKED if ask else ("--activation", "tanh", "--loss", "logistic")
    status, _, err = call("init", here, *said)
    assert status == 0 and load_spec(here / "certify.toml").data.file == "train.npz" and "data is train.npz" in err
    (here / "train.npz").rename(here / "test.npz")  # two files of rows to predict, and no training rows
    status, _, err = call("init", here, *said, "--force")
    assert status == 2 and "2 files could be the data: new.npz, test.npz" in err


@pytest.mark.parametrize(("rows", "kind"), [(41, "interpolation"), (42, "critical")])
def test_a_spec_that_exact_fits_rule_out_asks_about_a_critical_point_and_runs(folder, call, rows, kind):
    """The network has 41 weights and one output: with 42 rows exact fits are refused before anything is proved."""
    path = folder(X=features(rows), y=features(rows, 1)[:, 0]) / "certify.toml"
    found, _, err = call("init", path.parent, "--activation", "tanh", "--weight-decay", "0.1")
    assert found == 0 and str(load_spec(path).solution.map) == kind
    assert ("42 equations (rows × outputs) are more than 41 weights" in err) == (kind == "critical")
    assert max(map(len, path.read_text().splitlines())) <= 120
    assert call("run", path, "--plan")[0] == 0
    if kind == "critical":
        text = path.read_text().replace('map = "critical"', 'map = "interpolation"')
        path.write_text(text.replace('base = "nearby"', 'base = "given"'))
        assert call("run", path, "--plan")[0] == 2


def test_rows_to_predict_are_the_file_that_is_called_so(folder, call):
    here = folder(X=features(), y=CLASSES)
    status, _, err = call("init", here, *ASKED)
    spec = load_spec(here / "certify.toml")
    assert status == 0 and spec.evaluation.file == "train.npz" and "about any: the training rows" in err
    np.savez(here / "new.npz", X=features(4), y=CLASSES[:4])
    named = ("--data", here / "train.npz", "--force")
    status, _, err = call("init", here, *ASKED, *named)
    assert status == 0 and "new.npz (--eval names others)" in err
    spec = load_spec(here / "certify.toml")
    assert (spec.data.file, spec.evaluation.file) == ("train.npz", "new.npz")
    assert call("init", here, *ASKED, *named, "--eval", here / "train.npz")[0] == 0
    assert load_spec(here / "certify.toml").evaluation.file == "train.npz"
    assert call("init", here, *named)[0] == 0  # a spec without a question names them in its example
    assert '# file = "new.npz"' in (here / "certify.toml").read_text()
    np.savez(here / "test.npz", X=features(4), y=CLASSES[:4])
    status, _, err = call("init", here, *ASKED, *named)
    assert status == 2 and "2 files could be the rows to predict: new.npz, test.npz" in err and "--eval" in err


def test_a_spec_is_replaced_by_force_alone_and_only_by_a_whole_one(folder, call):
    here = folder(X=features(), y=REAL)
    path = here / "certify.toml"
    path.write_text("mine")
    for ask in ((), ASKED):
        status, _, err = call("init", here, *ask)
        assert status == 2 and "add --force to replace it" in err and path.read_text() == "mine"
    status, _, err = call("init", here, "--force", "--ask", "no such question")
    assert status == 2 and path.read_text() == "mine"
    assert call("init", here, "--force")[0] == 0 and "[model]" in path.read_text()
    assert set(files(here)) == {"certify.toml", "model.safetensors", "train.npz"}
