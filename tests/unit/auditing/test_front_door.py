"""What a new user met at the front door: images to predict, paths as given, scalers that differ, pictures, options."""

from __future__ import annotations

import numpy as np
import pytest

from certify.cli.main import main


@pytest.mark.parametrize(("shape", "status"), [((-1, 3, 8, 8), 0), ((-1, 192), 0), ((-1, 8, 8, 3), 2)])
def test_images_to_predict_have_the_shape_of_those_of_the_training(tmp_path, capsys, shape, status):
    from tests.unit.check.enclosure.test_graph import write
    from tests.unit.network.graph.test_graph import small_resnet

    rng = np.random.default_rng(5)
    net = small_resnet(rng)
    X = rng.normal(size=(5, net.widths[0]))
    write(tmp_path, net, X[:3].reshape(-1, 3, 8, 8), np.array([0, 2, 1]))
    np.savez(tmp_path / "new.npz", X=X[3:].reshape(shape), y=np.array([1, 0]))
    found = main(["audit", str(tmp_path / "model.safetensors"), str(tmp_path / "rows.npz"), "--graph",
                  str(tmp_path / "graph.json"), "--eval", str(tmp_path / "new.npz"), "--loss", "cross_entropy",
                  "--weight-decay", "0", "-o", str(tmp_path / "out"), "-q"])
    said = capsys.readouterr()
    assert found == status, said
    assert status == 0 or "shape (2, 8, 8, 3)" in said.err


def test_files_are_named_as_they_were_given(tmp_path, monkeypatch, capsys):
    from safetensors.numpy import save_file

    monkeypatch.chdir(tmp_path)
    save_file({"0.weight": np.ones((1, 3)), "0.bias": np.zeros(1)}, "m.safetensors")
    np.savez("narrow.npz", X=np.ones((4, 2)), y=np.ones(4))
    np.savez("train.npz", X=np.eye(3), y=np.array([1.0, 2.0, 0.0]))
    told = ["--loss", "squared", "--weight-decay", "0", "-o", "out", "-q"]
    for files in (["narrow.npz"], ["train.npz", "--eval", "narrow.npz"]):
        assert main(["audit", "m.safetensors", *files, *told]) == 2
        said = capsys.readouterr().err
        assert "file narrow.npz" in said and ".." not in said
    assert main(["audit", "m.safetensors", "train.npz", *told, "--ask", "noise"]) == 0
    assert 'file = "../train.npz"' in (tmp_path / "out" / "certify.toml").read_text()  # as its spec sees it
    assert main(["check", "out/certificate.json"]) == 0


def test_what_audit_and_init_both_take_is_said_and_read_alike():
    from typer.main import get_command

    from certify.cli.commands import app

    verbs = get_command(app).commands
    audit, init = ({name: (option.help, option.metavar, option.default)
                    for option in verbs[verb].params for name in option.opts if name.startswith("--")}
                   for verb in ("audit", "init"))
    shared = set(audit) & set(init) - {"--ask", "--help", "--eval"}  # init takes one question, and finds rows itself
    assert shared == {"--activation", "--loss", "--weight-decay", "--no-bias-decay", "--normalization", "--graph"}
    assert audit["--eval"][1:] == init["--eval"][1:]
    assert {name: audit[name] for name in shared} == {name: init[name] for name in shared}


@pytest.mark.parametrize("option", [
    ("--activation", "relux"), ("--loss", "squarred"), ("--weight-decay", "-1"), ("--normalization", "sum")])
def test_a_word_that_is_none_is_refused_alike(tmp_path, capsys, option):
    np.savez(tmp_path / "train.npz", X=np.eye(3), y=np.arange(3.0))
    files = [str(tmp_path / "m.safetensors"), str(tmp_path / "train.npz")]
    assert main(["audit", *files, *option]) == 2
    said = capsys.readouterr().err.removeprefix("certify: ")
    assert main(["init", str(tmp_path), *option]) == 2
    assert capsys.readouterr().err.removeprefix("certify: init ") == said


def test_rows_to_predict_are_for_a_question(tmp_path, capsys):
    assert main(["init", str(tmp_path), "--eval", str(tmp_path / "new.npz")]) == 2
    assert "add --ask" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_rows_of_tokens_are_not_asked_to_move(tmp_path, capsys):
    from tests.oracles.graph import Builder
    from tests.unit.check.enclosure.test_graph import write

    rng = np.random.default_rng(5)
    b = Builder(rng, (3,))
    b.add("embedding", weight=b.tensor("weight", b.numbers(5, 4)))
    b.add("mean_tokens")
    b.linear(3)
    write(tmp_path, b.network(), rng.integers(0, 5, size=(4, 3)), np.array([0, 2, 1, 1]))
    assert main(["audit", str(tmp_path / "model.safetensors"), str(tmp_path / "rows.npz"), "--graph",
                 str(tmp_path / "graph.json"), "--loss", "cross_entropy", "--weight-decay", "0",
                 "-o", str(tmp_path / "out"), "-q", "--ask", "which rows matter"]) == 4
    said = "".join(capsys.readouterr())
    assert "error:" not in said and "Traceback" not in said
    assert "which rows matter)" in said and ": its rows are whole numbers" in said


def test_a_pipeline_that_reads_words_is_told_what_to_save(tmp_path, capsys):
    skops, pandas = pytest.importorskip("skops.io"), pytest.importorskip("pandas")
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    import certify
    from certify.format.errors import InputError

    X = pandas.DataFrame({"months": [1.0, 2.0, 30.0, 40.0, 3.0, 50.0], "contract": ["month-to-month", "year"] * 3})
    y = np.array([1, 1, 0, 0, 1, 0])
    words = make_pipeline(OneHotEncoder(sparse_output=False), PCA(1))
    model = make_pipeline(ColumnTransformer([("words", words, ["contract"])], remainder="passthrough"),
                          LogisticRegression()).fit(X, y)
    skops.dump(model, tmp_path / "model.skops")
    X.assign(y=y).to_csv(tmp_path / "train.csv", index=False)
    assert main(["audit", str(tmp_path / "model.skops"), str(tmp_path / "train.csv"), "-o", str(tmp_path / "o")]) == 2
    cure = "a pipeline with PCA; apply it to X and X_eval before (from files: save model[-1], and tables"
    kept = "answers are then about refits with these steps as they were fitted, whichever rows change"
    said = capsys.readouterr().err
    assert cure in said and kept in said
    with pytest.raises(InputError) as refused:
        certify.from_sklearn(model, X, y)
    assert cure in str(refused.value)
    problem = certify.from_sklearn(model[-1], model[:-1].transform(X), y)
    assert len(problem.X) == 6


@pytest.mark.parametrize(("name", "wanted"), [
    ("xgb.json", "of trees, as those of XGBoost, nothing is proved"), ("lr.joblib", "`certify audit` reads .skops too"),
    ("lr.onx", "`certify audit` reads .skops too")])
def test_a_model_of_another_format_is_told_all_that_are_read(tmp_path, capsys, name, wanted):
    from certify.auditing.doors import DOORS

    (tmp_path / name).write_text("{}")
    np.savez(tmp_path / "train.npz", X=np.eye(3), y=np.arange(3.0))
    assert main(["audit", str(tmp_path / name), str(tmp_path / "train.npz"), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert wanted in said and all(ending in said for ending in DOORS)


def test_a_threshold_says_which_labels_it_parts(tmp_path, capsys):
    from sklearn.linear_model import Ridge

    X = np.arange(12.0)[:, None]
    y = 20.0 * X[:, 0] + 5.0 * np.cos(9 * X[:, 0])
    model = Ridge().fit(X, y)
    np.savez(tmp_path / "m.npz", coef=model.coef_, intercept=model.intercept_)
    np.savez(tmp_path / "d.npz", X=X, y=y)
    assert main(["audit", str(tmp_path / "m.npz"), str(tmp_path / "d.npz"), "--loss", "squared", "--weight-decay",
                 repr(1 / 12), "--no-bias-decay", "--threshold", "120.5", "--ask", "rows deleted", "-o",
                 str(tmp_path / "out")]) == 0
    assert "note: a label says whether an output is above 120.5: a prediction stays" in capsys.readouterr().err
    assert "above 120.5" in (tmp_path / "out" / "audit.html").read_text()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "A linear model, " in page and "identity network" not in page


@pytest.mark.parametrize(("arrays", "said"), [
    ("sparse", "a sparse matrix of scipy; save its rows with numpy.savez"), ("flat", "a row a sample")])
def test_what_are_no_rows_is_refused_in_a_line(tmp_path, capsys, arrays, said):
    skops, sparse = pytest.importorskip("skops.io"), pytest.importorskip("scipy.sparse")
    from sklearn.linear_model import LogisticRegression

    X, y = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [1.0, 4.0]]), np.array([1, 1, 0, 0])
    skops.dump(LogisticRegression().fit(X, y), tmp_path / "model.skops")
    if arrays == "sparse":
        sparse.save_npz(tmp_path / "train.npz", sparse.csr_matrix(X))
    else:
        np.savez(tmp_path / "train.npz", X=X[:, 0], y=y)
    assert main(["audit", str(tmp_path / "model.skops"), str(tmp_path / "train.npz"), "-o", str(tmp_path / "o")]) == 2
    assert said in capsys.readouterr().err


def test_a_factory_without_a_loss_is_told_the_options(tmp_path, capsys):
    torch = pytest.importorskip("torch")

    (tmp_path / "nets_without_loss.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 3)).double().eval()\n")
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3), torch.nn.Linear(3, 3)).double()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    np.savez(tmp_path / "train.npz", X=np.eye(4)[:, :2], y=np.array([0, 1, 2, 1]))
    files = [str(tmp_path / "net.pt"), str(tmp_path / "train.npz"), "-o", str(tmp_path / "o")]
    assert main(["audit", *files, "--factory", "nets_without_loss:make"]) == 2
    assert capsys.readouterr().err.startswith("certify: --loss --weight-decay: not stated, and several fit")
    assert main(["audit", *files, "--factory", "nets_without_loss:make", "--weight-decay", "0.1"]) == 2
    assert capsys.readouterr().err.startswith("certify: --loss: not stated")


def test_labels_in_words_are_read_from_an_archive_as_from_a_table(tmp_path, capsys, monkeypatch):
    pytest.importorskip("skops")
    import skops.io
    from sklearn.linear_model import RidgeClassifier

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(8)
    X = rng.normal(size=(24, 2))
    y = np.array(["ham", "spam"])[(X[:, 0] > 0).astype(int)]
    np.savez("train.npz", X=X[:20], y=y[:20])
    np.savez("new.npz", X=X[20:], y=y[20:])
    np.savez("pickled.npz", X=X[:20], y=y[:20].astype(object))
    skops.io.dump(RidgeClassifier().fit(X[:20], y[:20]), "m.skops")
    assert main(["audit", "m.skops", "train.npz", "--eval", "new.npz", "--delete", "1", "-o", "out", "-q"]) in (0, 4)
    assert main(["check", "out/certificate.json", "-q"]) in (0, 4)
    capsys.readouterr()
    assert main(["audit", "m.skops", "pickled.npz", "-o", "other", "-q"]) == 2
    assert "labels to words with .astype(str); nothing in it was executed" in capsys.readouterr().err


def test_labels_in_words_of_a_parquet_file_give_the_audit_of_the_table(tmp_path, monkeypatch):
    pytest.importorskip("skops")
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    import skops.io
    from safetensors.numpy import load_file
    from sklearn.linear_model import RidgeClassifier

    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(8).normal(size=(20, 2))
    table = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": np.array(["ham", "spam"])[(X[:, 0] > 0).astype(int)]})
    skops.io.dump(RidgeClassifier().fit(table[["a", "b"]], table.y), "m.skops")
    table.to_csv("train.csv", index=False)
    table.to_parquet("train.parquet")
    stored = []
    for ending in ("csv", "parquet"):
        assert main(["audit", "m.skops", f"train.{ending}", "--ask", "rows deleted", "-o", ending, "-q"]) in (0, 4)
        stored.append(load_file(tmp_path / ending / "data.safetensors"))
    assert stored[0].keys() == stored[1].keys()
    assert all(np.array_equal(array, stored[1][name]) for name, array in stored[0].items())


def test_a_column_of_targets_that_is_not_there_is_named(tmp_path, capsys):
    """It was said that there are none, and that --targets names them, to someone who had named them."""
    from pathlib import Path

    example = Path(__file__).resolve().parents[3] / "examples" / "breast-cancer"
    assert main(["audit", str(example / "model.skops"), str(example / "train.csv"), "--targets", "daignosis",
                 "-o", str(tmp_path / "out"), "-q"]) == 2
    said = capsys.readouterr().err
    assert "no column named 'daignosis', which --targets asks for; it holds" in said and "correct --targets" in said
