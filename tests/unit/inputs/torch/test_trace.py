"""Torch modules traced into graphs: they compute the same, and what no graph can say is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from certify.format.errors import InputError  # noqa: E402
from certify.inputs.graph_file import graph_bytes, parse_graph  # noqa: E402
from certify.inputs.torch.trace import require_same, trace  # noqa: E402
from certify.network.graph.gradients import descend_graph  # noqa: E402
from certify.rigor.arithmetic import DoubleDouble  # noqa: E402


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Block(nn.Module):
    """The basic block of CIFAR's ResNets, with option-A or convolutional shortcuts."""

    def __init__(self, a, b, stride, norm=True, option="A"):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(a, b, 3, stride, 1, bias=not norm), nn.Conv2d(b, b, 3, 1, 1, bias=not norm)
        self.bn1, self.bn2 = (nn.BatchNorm2d(b), nn.BatchNorm2d(b)) if norm else (nn.Identity(), nn.Identity())
        self.shortcut = nn.Sequential()
        if stride > 1 and option == "A":
            more = (b - a) // 2
            self.shortcut = Lambda(lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more), "constant", 0))
        elif stride > 1 or a != b:
            self.shortcut = nn.Sequential(nn.Conv2d(a, b, 1, stride))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    """ResNet-20 with one block a stage and few channels."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        self.layers = nn.Sequential(Block(4, 4, 1), Block(4, 8, 2), Block(8, 16, 2))
        self.linear = nn.Linear(16, 10)

    def forward(self, x):
        out = self.layers(F.relu(self.bn1(self.conv1(x))))
        out = F.avg_pool2d(out, out.size()[3])
        return self.linear(out.view(out.size(0), -1))


class ResNet2b(nn.Module):
    """The architecture of the alpha-beta-CROWN benchmark's ResNet-2b, with fresh weights."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, 1)
        self.layer1 = nn.Sequential(Block(8, 16, 2, False, "B"), Block(16, 16, 1, False, "B"))
        self.linear1, self.linear2 = nn.Linear(1024, 100), nn.Linear(100, 10)

    def forward(self, x):
        out = torch.flatten(self.layer1(F.relu(self.conv1(x))), 1)
        return self.linear2(F.relu(self.linear1(out)))


def settled(module):
    """With running statistics that are not 0 and 1."""
    torch.manual_seed(4)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2.0)
            for parameter in part.parameters():
                nn.init.normal_(parameter)
    return module.eval()


@pytest.mark.parametrize("make, shape, count", [(ResNet, (3, 16, 16), 5538), (ResNet2b, (3, 32, 32), 112006)])
def test_gradients_agree_with_autograd(make, shape, count):
    """Closeness to a float64 computation: for sanity, next to the containment tests of tests/unit/network."""
    torch.manual_seed(3)
    module = settled(make())
    net = trace(module, shape)
    assert net.parameters("all") == sum(p.numel() for p in module.parameters()) and (make is ResNet or count == 112006)
    rng = np.random.default_rng(2)
    X, labels = rng.normal(size=(3, int(np.prod(shape)))), np.array([1, 7, 3])
    found = descend_graph(net, X, "cross_entropy", None, labels, 0.0, None, DoubleDouble())
    module = module.double()
    x = torch.tensor(X.reshape(3, *shape), requires_grad=True)
    F.cross_entropy(module(x), torch.tensor(labels)).backward()
    norm = float(sum((p.grad**2).sum() for p in module.parameters())) ** 0.5
    assert found.kinks[0] == 0
    assert float(found.weight_norm.lower) == pytest.approx(norm, rel=1e-9)
    assert float(found.weight_norm.upper) == pytest.approx(norm, rel=1e-9)
    rows = 3 * x.grad.flatten(1).norm(dim=1).numpy()
    assert found.input_lower == pytest.approx(rows, rel=1e-9) and found.input_upper == pytest.approx(rows, rel=1e-9)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.l = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        x = F.max_pool2d(F.softplus(self.c(x)), 2).relu()
        x = F.adaptive_avg_pool2d(torch.tanh(x), 1).mean((2, 3), keepdim=True)
        return self.l(F.dropout(x.reshape(x.shape[0], -1), training=False))


class Averaged(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.l = nn.Conv2d(3, 4, (3, 1), padding=(1, 0)), nn.Linear(4, 2)

    def forward(self, x):
        return self.l(torch.sigmoid(self.c(x)[..., ::3, :]).mean([2, 3]))


@pytest.mark.parametrize("module", [
    nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2, 1, 1), nn.LeakyReLU(), nn.AvgPool2d(3, padding=1), nn.Tanh(),
                  nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(4, 2), nn.Identity()),
    nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.BatchNorm2d(4, affine=False), nn.GELU(), nn.Flatten(),
                  nn.Linear(64, 2, False)),
    Functional(), Averaged(),
], ids=["modules", "no affine", "functional", "averaged"])
def test_a_traced_graph_computes_what_the_module_computes(module):
    torch.manual_seed(1)
    net = trace(settled(module), (3, 9, 9))
    X = np.random.default_rng(2).normal(size=(2, 243))
    found = descend_graph(net, X, "squared", np.zeros((2, 2)), None, 0.0, None, DoubleDouble())
    with torch.no_grad():
        out = module.double()(torch.tensor(X.reshape(2, 3, 9, 9))).numpy()
    assert found.output.mid.hi == pytest.approx(out, rel=1e-12, abs=1e-12)
    nodes, shape, output, entry = parse_graph(graph_bytes(net.nodes, net.shape, net.output), "graph")
    assert (nodes, shape, output, entry) == (net.nodes, net.shape, net.output, net.input)


class Other(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function, self.c = function, nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.function(self.c(x)).flatten(1)


def _branch(x):
    return x if x.sum() > 0 else -x


@pytest.mark.parametrize("module, words", [
    (nn.Sequential(nn.Conv2d(3, 3, 3, groups=3), nn.Flatten()), "groups"),
    (nn.Sequential(nn.Conv2d(3, 3, 3, dilation=2), nn.Flatten()), "dilation"),
    (nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), nn.Flatten()), "padding"),
    (nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten()), "running statistics"),
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.AvgPool2d(2, ceil_mode=True), nn.Flatten()), "ceil_mode"),
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.AvgPool2d(2, padding=1, count_include_pad=False), nn.Flatten()),
     "uncounted"),
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten()), "adaptive"),
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.LeakyReLU(0.2), nn.Flatten()), "negative_slope"),
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.Softmax(1), nn.Flatten()), "Softmax"),
    (Other(lambda x: x / x), "truediv"), (Other(lambda x: x + 1.0), "sum of something else"),
    (Other(lambda x: torch.cat([x, x], 1)), "something else"), (Other(lambda x: x[:, :, 1::2]), "slice"),
    (Other(lambda x: F.pad(x, (1, 1, 1, 1))), "padding"), (Other(lambda x: x.transpose(1, 2)), "transpose"),
    (Other(_branch), "cannot trace"), (Other(lambda x: F.elu(x, 2.0)), "elu"),
    (nn.Sequential(nn.Conv2d(3, 3, 1)), "output"),
    (Other(lambda x: x.mean(1, keepdim=True)), "mean"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_graph_cannot_say_is_refused(module, words):
    with pytest.raises(InputError, match=words):
        trace(module, (3, 6, 6), "the module")


def test_shared_and_unused_parameters_are_refused():
    shared = nn.Conv2d(3, 3, 1)
    with pytest.raises(InputError, match="twice"):
        trace(nn.Sequential(shared, shared, nn.Flatten()), (3, 4, 4))
    module = Other(lambda x: x)
    module.extra = nn.Linear(2, 2)
    with pytest.raises(InputError, match="extra"):
        trace(module, (3, 4, 4))


def test_a_module_with_hooks_is_refused():
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten())
    module[0].register_forward_hook(lambda *_: None)
    with pytest.raises(InputError, match="hooks"):
        trace(module, (3, 4, 4))


def test_a_factory_is_held_against_the_graph(tmp_path, monkeypatch):
    from dataclasses import replace

    from safetensors.numpy import save_file

    import certify

    (tmp_path / "made_here.py").write_text(
        "from torch import nn\ndef net():\n"
        "    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))\n")
    module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    net = trace(module, (1, 3, 3))
    save_file({k: v.numpy() for k, v in module.state_dict().items()}, tmp_path / "m.safetensors")
    np.savez(tmp_path / "d.npz", X=np.ones((1, 9)), y=np.array([1]))
    (tmp_path / "certify.toml").write_text(
        'version = 1\n[model]\nfile = "m.safetensors"\ngraph = "g.json"\nfactory = "made_here:net"\n'
        '[data]\nfile = "d.npz"\nfeatures = "X"\ntargets = "y"\n[training]\nloss = "cross_entropy"\n'
        '[solution]\nmap = "sublevel"\n')
    renamed = tuple(replace(n, name=f"x{n.name}", inputs=tuple(i if i == "input" else f"x{i}" for i in n.inputs))
                    for n in net.nodes)
    (tmp_path / "g.json").write_bytes(graph_bytes(renamed, net.shape, f"x{net.output}"))
    assert certify.load_problem(tmp_path / "certify.toml").parameters == 28
    wrong = tuple(replace(n, op="tanh") if n.op == "relu" else n for n in net.nodes)
    (tmp_path / "g.json").write_bytes(graph_bytes(wrong, net.shape, net.output))
    with pytest.raises(InputError, match="does not compute node"):
        certify.load_problem(tmp_path / "certify.toml")


def test_check_same_sees_an_option():
    module = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Flatten())
    other = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, stride=2), nn.Flatten())
    with pytest.raises(InputError, match="does not compute"):
        require_same(trace(module, (3, 4, 4)), trace(other, (3, 4, 4)), "key")


def test_the_verb_writes_a_graph_file_once(tmp_path, monkeypatch):
    from certify.cli.main import main

    (tmp_path / "also_here.py").write_text(
        "from torch import nn\ndef net():\n"
        "    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))\n")
    out = tmp_path / "graph.json"

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["certify", "graph", *arguments])
        try:
            return main() or 0
        except SystemExit as left:
            return left.code or 0

    assert call("also_here:net", "--shape", "1,3,3", "-o", str(out)) == 0
    nodes, shape, _, _ = parse_graph(out.read_bytes(), "graph")
    assert [n.op for n in nodes] == ["conv2d", "relu", "flatten", "linear"] and shape == (1, 3, 3)
    assert call("also_here:net", "--shape", "1,3,3", "-o", str(out)) == 2
    assert call("also_here:net", "--shape", "3x3", "-o", str(tmp_path / "b.json")) == 2
    assert call("also_here:none", "--shape", "1,3,3", "-o", str(tmp_path / "b.json")) == 2
    assert not (tmp_path / "b.json").exists()
