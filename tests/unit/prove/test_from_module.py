"""Trained modules as problems: answers about the last layer against refits by scipy, and what is refused."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from certify import bound, from_module, leave_one_out, stable_predictions
from certify.format.errors import InputError
from certify.problem.problem import Problem
from certify.prove.modules import from_factory

torch = pytest.importorskip("torch")
nn = torch.nn
F = nn.functional

DECAY = 1e-2
CLASSES = 3


class Residual(nn.Module):
    """A convolution added to its input, with BatchNorm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        return x + torch.relu(self.norm(self.conv(x)))


class Attention(nn.Module):
    """A transformer block and the mean of its places."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, activation="gelu", batch_first=True)
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.fc(self.norm(self.block(x)).mean(1))


class Words(nn.Module):
    """A bag of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.bag, self.fc = nn.EmbeddingBag(20, 8, mode="mean", padding_idx=0), nn.Linear(8, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.fc(torch.tanh(self.bag(x)))


def cnn() -> Any:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 8), nn.GELU(),
                         nn.Linear(8, CLASSES))


def batch_norm() -> Any:
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, CLASSES))


def resnet() -> Any:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), Residual(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(4, CLASSES))


def rows(shape: tuple[int, ...], n: int = 100) -> tuple[Any, Any]:
    rng = np.random.default_rng(len(shape))
    y = rng.integers(CLASSES, size=n)
    X = rng.normal(size=(n, *shape))
    X.reshape(n, -1)[:, :CLASSES] += 2.0 * np.eye(CLASSES)[y]
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def words(n: int = 100) -> tuple[Any, Any]:
    rng = np.random.default_rng(7)
    y = rng.integers(CLASSES, size=n)
    return torch.tensor(np.where(rng.random((n, 6)) < 0.5, y[:, None] * 6 + rng.integers(1, 7, (n, 6)),
                                 rng.integers(0, 20, (n, 6)))), torch.tensor(y)


def trained(net: Any, X: Any, y: Any, steps: int = 40) -> Any:
    torch.manual_seed(0)
    for part in net.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    step = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=DECAY)
    for _ in range(steps):
        step.zero_grad()
        F.cross_entropy(net(X), y).backward()
        step.step()
    return net.eval()


def problem_of(net: Any, X: Any, y: Any, **more: Any) -> Problem:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return from_module(net, X, y, **{"loss": "cross_entropy", "weight_decay": DECAY, **more})


def refit(features: np.ndarray, y: np.ndarray, start: np.ndarray, n: int) -> np.ndarray:
    """The exact minimum of the last layer by another solver; the sum is divided by n, as before rows were left out."""
    A = np.hstack([features, np.ones((len(features), 1))])

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        V = v.reshape(CLASSES, -1)
        z = A @ V.T
        value = -log_softmax(z, axis=1)[np.arange(len(y)), y].sum() / n + DECAY / 2 * float(v @ v)
        return value, ((softmax(z, axis=1) - np.eye(CLASSES)[y]).T @ A / n + DECAY * V).ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15})
    assert np.abs(loss(found.x)[1]).max() < 1e-6
    return found.x.reshape(CLASSES, -1)


@pytest.mark.parametrize(("make", "data"), [
    (cnn, lambda: rows((1, 8, 8))), (batch_norm, lambda: rows((5,))), (Attention, lambda: rows((4, 8))),
    (Words, words), (resnet, lambda: rows((1, 6, 6))),
], ids=["cnn", "batch norm", "transformer", "embedding bag", "resnet"])
def test_answers_hold_when_every_row_is_left_out_by_scipy(make: Callable[[], Any], data: Callable[[], Any]) -> None:
    X, y = data()
    net = trained(make(), X, y)
    X_eval = X[:40].flip(-1)  # rows that were not trained on
    with pytest.warns(UserWarning, match="on its . features as the frozen part computes them in float64"):
        problem = from_module(net, X, y, loss="cross_entropy", weight_decay=DECAY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the weights were trained briefly
        found = stable_predictions(problem, X_eval, delete=1, seconds=30)

    wide = copy.deepcopy(net).double()
    kept: list[Any] = []
    last = [part for part in wide.modules() if type(part) is nn.Linear][-1]
    last.register_forward_pre_hook(lambda part, inputs: kept.append(inputs[0].detach().numpy()))
    given = X if X.dtype == torch.int64 else X.double()
    outputs = wide(given[:40].flip(-1)).detach().numpy()
    wide(given)
    points, features = kept
    assert np.allclose(problem.X, features, rtol=0, atol=1e-12)
    start = np.hstack([last.weight.numpy(force=True), last.bias.numpy(force=True)[:, None]])
    base, today = refit(features, y.numpy(), start, 100), outputs.argmax(axis=1)
    flips = np.zeros(40, dtype=bool)
    for i in range(100):
        V = refit(np.delete(features, i, axis=0), np.delete(y.numpy(), i), base, 100)
        flips |= (np.hstack([points, np.ones((40, 1))]) @ V.T).argmax(axis=1) != today
    assert not flips[found.proved].any() and flips[found.attacked].all()
    assert ", last layer alone: " in repr(found)
    assert found.lower > 20 and [one.label for one in found.rows()] == today.tolist()


def test_a_plain_chain_is_taken_whole_with_its_own_activation() -> None:
    class Code(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.out = nn.Linear(5, 4), nn.Linear(4, 4), nn.Linear(4, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.out(F.silu(self.b(F.silu(self.a(x)))))

    X, y = rows((5,))
    net = trained(Code(), X, y)
    problem = problem_of(net, X, y)
    assert problem.network.activation == "silu" and problem.network.widths == (5, 4, 4, 3) and problem.layer == "all"
    assert (problem.parameter, problem.map, problem.base) == ("sample_weights", "critical", "nearby")
    assert (problem.network.weights[1] == net.b.weight.detach().double().numpy()).all() and problem.prepare is None
    assert "parameter" not in repr(problem) and "loss 'cross_entropy'" in repr(problem)  # nobody asked anything yet
    last = problem_of(net, X, y, layer="last")
    assert last.layer == 3 and last.parameter == "deletions" and "parameter 'deletions'" in repr(last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stable_predictions(last, X[:10], delete=1, seconds=20)
    assert found.lower > 0 and repr(found).startswith("StablePredictions(any 1 row deleted, last layer alone: ")
    with pytest.warns(UserWarning, match="the last alone is trained again"):
        assert stable_predictions(problem, X[:10], delete=1, seconds=20).lower > 0


def test_a_modulus_of_a_chain_that_was_trained_to_its_end() -> None:
    X, y = rows((3,), 40)
    net = trained(nn.Sequential(nn.Linear(3, CLASSES)).double(), X.double(), y, 600)
    problem = problem_of(net, X, y)
    assert problem.layer == "all" and problem.parameter == "deletions"
    moved = Problem(problem.network, problem.X, None, "sample_weights", problem.rows, labels=problem.labels,
                    map="critical", base="nearby", loss="cross_entropy", weight_decay=DECAY)
    found = bound(moved, "modulus")
    assert found.upper is not None and found.upper < 100
    assert leave_one_out(problem, X[:5]) is not None


def test_rows_of_a_chain_that_flattens_keep_their_shape_for_the_user() -> None:
    X, y = rows((2, 3))
    net = trained(nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, CLASSES)), X, y)
    problem = problem_of(net, X, y, layer="last")
    assert problem.network.widths == (6, 4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stable_predictions(problem, X[:8], delete=1, seconds=20)
    assert [one.label for one in found.rows()] == net(X[:8]).argmax(1).tolist()
    with pytest.raises(InputError, match=r"rows of shape \(6,\); give \(2, 3\)"):
        stable_predictions(problem, X.reshape(-1, 6), delete=1)


def test_batch_norm_of_a_chain_is_folded_where_a_layer_is_given() -> None:
    X, y = rows((5,))
    net = trained(batch_norm(), X, y)
    with pytest.warns(UserWarning, match="reparameterised"):
        problem = from_module(net, X, y, loss="cross_entropy", weight_decay=DECAY, layer="all")
    assert problem.network.reparameterised and problem.network.widths == (5, 8, 3)
    before = trained(nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 4), nn.ReLU(), nn.BatchNorm1d(4),
                                   nn.Linear(4, CLASSES)), X, y)
    assert problem_of(before, X, y, layer=2).layer == 2


def test_train_mode_is_said_and_leaves_the_module_as_it_was() -> None:
    X, y = rows((5,))
    net = trained(batch_norm(), X, y).train()
    with pytest.warns(UserWarning, match="the module was in train mode, and a copy of it in eval mode is used; claims"):
        problem = from_module(net, X, y, loss="cross_entropy", weight_decay=DECAY)
    assert net.training and net[0].weight.dtype == torch.float32 and net[0].weight.requires_grad
    assert (problem.X == problem_of(net.eval(), X, y).X).all()
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(("tail", "outputs", "loss"), [
    (nn.LogSoftmax(1), CLASSES, "cross_entropy"), (nn.Softmax(1), CLASSES, "cross_entropy"),
    (nn.Sigmoid(), 1, "logistic")])
def test_what_a_module_ends_in_is_taken_off_with_the_loss_that_belongs_to_it(
    tail: Any, outputs: int, loss: str
) -> None:
    X, y = rows((1, 4, 4))
    y = y if outputs > 1 else (y > 0).long()
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, outputs), tail).eval()
    with pytest.warns(UserWarning, match="its outputs are those before the"):
        problem = from_module(net, X, y, weight_decay=DECAY)
    assert problem.loss == loss and problem.network.widths == (8, outputs)
    with pytest.raises(InputError, match=f"'squared_hinge' of a module that ends in .*; use '{loss}'"):
        problem_of(net, X, y, loss="squared_hinge")


def test_other_targets_and_forms_of_data() -> None:
    X, y = rows((1, 4, 4), 60)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0)).eval()
    real = torch.randn(60)
    problem = problem_of(net, X, real, loss="squared")
    assert problem.y is not None and problem.y.shape == (60, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, real), batch_size=7)
    again = problem_of(net, loader, None, loss="squared")
    assert (again.X == problem.X).all() and (again.y == problem.y).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stable_predictions(problem, loader, delete=1, threshold=0.0)
        assert found.lower == stable_predictions(problem, X.numpy(), delete=1, threshold=0.0).lower
    codes = np.eye(CLASSES)[y.numpy()]
    wide = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, CLASSES)).eval()
    with pytest.raises(InputError, match=r"several fit \(mean loss of a row today: squared 1[.0-9]+, cross_e"):
        problem_of(wide, X, codes, loss=None)


CODE = """
from torch import nn


def make():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
"""


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_a_factory_with_the_weights_of_a_file_is_the_same_problem(tmp_path: Path, ending: str) -> None:
    X, y = rows((1, 4, 4))
    (tmp_path / f"nets_{ending}.py").write_text(CODE, encoding="utf-8")
    scope: dict[str, Any] = {}
    exec(CODE, scope)
    net = trained(scope["make"](), X, y, 5)
    file = tmp_path / f"w.{ending}"
    if ending == "pt":
        torch.save(net.state_dict(), file)
    else:
        from safetensors.torch import save_file

        save_file(net.state_dict(), file)
    more = {"loss": "cross_entropy", "weight_decay": DECAY}
    with pytest.warns(UserWarning, match="^claims are about the last layer '4' on its 8 features"):
        found = from_factory(f"nets_{ending}:make", file.name, X, y, folder=tmp_path, **more)
    same = problem_of(net, X, y)
    assert (found.X == same.X).all() and (found.network.weights[0] == same.network.weights[0]).all()
    torch.save(net, tmp_path / "code.pt")
    with pytest.raises(InputError, match="nothing in it was executed|cannot be read|save"):
        from_factory(f"nets_{ending}:make", "code.pt", X, y, folder=tmp_path, **more)
    other = nn.Linear(2, 2).state_dict()
    torch.save(other, tmp_path / "other.pt")
    with pytest.raises(InputError, match="the file lacks '0.weight'.* and the module has no 'weight', 'bias'"):
        from_factory(f"nets_{ending}:make", "other.pt", X, y, folder=tmp_path, **more)


# what is refused


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc, self.scale = nn.Conv2d(1, 2, 3), nn.Linear(8, CLASSES), nn.Parameter(torch.tensor(2.0))

    def features(self, x: Any) -> Any:
        return torch.tanh(self.conv(x)).flatten(1)

    def forward(self, x: Any) -> Any:
        return self.scale * self.fc(self.features(x))


class Batch(Scaled):
    def forward(self, x: Any) -> Any:
        z = self.features(x)
        return self.fc(z - z.mean(0))


class Chance(Scaled):
    def forward(self, x: Any) -> Any:
        return self.fc(F.dropout(self.features(x), 0.5))


class Twice(Scaled):
    def forward(self, x: Any) -> Any:
        z = self.features(x)
        return self.fc(z + self.fc(z) @ self.fc.weight)


class Inside(Scaled):
    def forward(self, x: Any) -> Any:
        z = self.features(x)
        return self.fc(z + z @ self.fc.weight.T @ self.fc.weight)


class Table(Scaled):
    def forward(self, x: Any) -> Any:
        return {"logits": self.fc(self.features(x))}


class Single(Scaled):
    def forward(self, x: Any) -> Any:
        return self.fc(self.features(x).float())


class Places(nn.Module):
    def __init__(self, pools: bool) -> None:
        super().__init__()
        self.pools, self.rest, self.fc = pools, nn.LayerNorm(4), nn.Linear(4, CLASSES)

    def forward(self, x: Any) -> Any:
        z = self.fc(self.rest(x.flatten(1, 2)))
        return z.mean(1) if self.pools else z


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag, self.fc = nn.EmbeddingBag(20, 8), nn.Linear(8, 20)
        self.fc.weight = self.bag.weight

    def forward(self, x: Any) -> Any:
        return self.fc(self.bag(x))


def hooked() -> Any:
    net = cnn()
    net[0].register_forward_hook(lambda *_: None)
    return net


def parametrised() -> Any:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, CLASSES))
    nn.utils.parametrizations.weight_norm(net[2])
    return net


IMAGES = (1, 4, 4)


@pytest.mark.parametrize(("net", "message"), [
    (Scaled, "module: its output is not that of its last linear layer 'fc', nor a softmax or sigmoid of it"),
    (Batch, "row 0 has other features alone than among others, as statistics of the batch make them"),
    (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False), nn.Flatten(),
                           nn.Linear(8, CLASSES)), "row 0 has other features alone than among others"),
    (Chance, "its features differ from one pass to the next"),
    (Twice, "its last linear layer 'fc' is used 2 times"),
    (Inside, "the parameters of its last layer 'fc' are used before it too"),
    (Table, "it returns a dict; wrap it in a module that returns the tensor"),
    (Single, "its forward raised RuntimeError at rows of shape .1, 4, 4. and type float64: .*; give the rows"),
    (lambda: Places(False), r"it returns shape \(64, 4, 3\) for 64 rows, outputs at every place of a sequence"),
    (lambda: Places(True), "its last linear layer 'fc' is used at several places of each row"),
    (lambda: nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten()), "its last layer with parameters is Conv2d '0', and no"),
    (lambda: nn.Sequential(nn.Flatten()), "module: it has no nn.Linear; give"),
    (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, CLASSES), nn.PReLU()),
     "its last layer with parameters is PReLU '3', and no nn.Linear"),
    (hooked, "Conv2d '0' has hooks, which are code; remove them"),
    (parametrised, "its last layer '2' has parametrised weights, as LoRA and weight norm make them"),
    (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, CLASSES, dtype=torch.complex64)),
     "its tensor '2.weight' is torch.complex64; give a module of real parameters"),
    (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(9, CLASSES)),
     r"its forward raised RuntimeError at rows of shape \(1, 4, 4\) and type float64: mat1 and mat2"),
    (lambda: torch.jit.trace(nn.Linear(4, CLASSES), torch.zeros(1, 4)), "a TorchScript module, whose parts cannot"),
    (lambda: "net", "a str; give a torch.nn.Module; estimators of scikit-learn take certify.from_sklearn"),
], ids=lambda one: "" if not isinstance(one, str) else one[:30])
def test_modules_that_are_refused(net: Callable[[], Any], message: str) -> None:
    X, y = rows(IMAGES)
    with pytest.raises(InputError, match=message):
        problem_of(net(), X, y)


def test_the_weights_of_an_embedding_are_refused_as_the_last_layer() -> None:
    X, _ = words()
    with pytest.raises(InputError, match="its last layer's 'fc.weight' is 'bag.weight' too"):
        problem_of(Tied().eval(), X, torch.arange(100) % 20)


def test_a_chain_that_drops_by_chance_is_refused() -> None:
    class Careless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(5, 4), nn.Linear(4, CLASSES)

        def forward(self, x: Any) -> Any:
            return self.b(F.dropout(torch.relu(self.a(x)), 0.5))

    with pytest.raises(InputError, match="its features differ from one pass to the next"):
        problem_of(Careless(), *rows((5,)))


@pytest.mark.parametrize(("more", "message"), [
    ({"loss": None}, "not stated, and several fit .mean loss of a row today: cross_entropy .*; give the loss"),
    ({"loss": "hinge"}, "loss: 'hinge'; use one of squared, cross_entropy"),
    ({"loss": "logistic"}, "y, entry .: label 2; labels of the logistic loss are"),
    ({"loss": "squared"}, "1 numbers a row, and the module has 3 outputs; give .n, 3. numbers for the squared loss"),
    ({"weight_decay": 0.0}, "weight_decay: 0, and without it .* the decay of AdamW is none"),
    ({"weight_decay": -1.0}, "weight_decay: -1.0; give a finite number from 0 on"),
    ({"layer": "all"}, "layer: 'all' of a module that is no plain chain"),
    ({"y": None}, "y: none, and X gives rows alone; give y"),
    ({"y": np.arange(99) % 3}, r"y: shape \(99,\) for 100 rows"),
])
def test_questions_that_are_refused(more: dict[str, Any], message: str) -> None:
    X, y = rows(IMAGES)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, CLASSES)).eval()
    with pytest.raises(InputError, match=message):
        problem_of(net, X, **{"y": y, **more})


def test_layers_that_a_chain_does_not_have() -> None:
    X, y = rows((5,))
    with pytest.raises(InputError, match="layer: 3 of a network of 2; give 'all', 'last' or 1 … 2"):
        problem_of(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, CLASSES)), X, y, layer=3)


def test_evaluation_rows_that_are_refused() -> None:
    X, y = words()
    problem = problem_of(trained(Words(), X, y, 3), X, y)
    with pytest.raises(InputError, match=r"X_eval: rows of shape \(5,\); give \(6,\), that of the training rows"):
        stable_predictions(problem, X[:, :5], delete=1)
    with pytest.raises(InputError, match="X_eval: numbers of type float64 for an embedding; give integers"):
        stable_predictions(problem, X.double(), delete=1)
    with pytest.raises(InputError, match="its forward raised RuntimeError at .* type int64: embedding_bag"):
        stable_predictions(problem, X + 20, delete=1)
    images, labels = rows(IMAGES)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, CLASSES)).eval()
    far = images.double()
    far[3] = 1e308
    net[0].weight.data.fill_(2.0)
    with pytest.raises(InputError, match="X_eval, row 3: features that are NaN or infinite"):
        stable_predictions(problem_of(net, images, labels), far, delete=1)


def test_a_loss_that_nobody_stated_is_said_where_others_fit_the_last_layer() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).eval()
    X, y = np.arange(24.0).reshape(12, 2) / 24, np.arange(12) % 3
    with pytest.warns(UserWarning, match="loss: not stated, and taken for cross_entropy.*one_vs_rest, squared_hinge"):
        assert from_module(net, X, y, weight_decay=0.01).loss == "cross_entropy"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_module(net, X, y, loss="cross_entropy", weight_decay=0.01)
