"""Torch modules over sequences traced into graphs: they compute what torch computes, and the rest is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from certify.format.errors import InputError  # noqa: E402
from certify.inputs.graph_file import graph_bytes, parse_graph  # noqa: E402
from certify.inputs.torch.trace import require_same, trace, write_graph  # noqa: E402
from certify.network.graph.balls import descend_in_balls  # noqa: E402
from certify.network.graph.compiled import compile_graph  # noqa: E402
from certify.network.graph.floats import outputs_in_floats  # noqa: E402
from certify.rigor.arithmetic import Binary64  # noqa: E402

T, D, H = 4, 6, 2


class Lambda(nn.Module):
    """A function of the row, then linear layers."""

    def __init__(self, function, width=D, **parts):
        super().__init__()
        self.function, self.parts, self.last = function, nn.ModuleDict(parts), nn.Linear(width, 3)

    def forward(self, x):
        return self.last(self.function(x, self.parts))


class Encoded(nn.Module):
    """An encoder layer between linear layers, with learned positions."""

    def __init__(self, **options):
        super().__init__()
        self.enter, self.position = nn.Linear(5, D), nn.Parameter(torch.randn(1, T, D))
        self.block = nn.TransformerEncoderLayer(D, H, 8, batch_first=True, **options)
        self.last = nn.Linear(D, 3)

    def forward(self, x):
        return self.last(self.block(self.enter(x) + self.position).mean(dim=1))


class Own(nn.Module):
    """Attention as people write it, in several forms."""

    def __init__(self, form):
        super().__init__()
        self.form, self.enter, self.all = form, nn.Linear(5, D), nn.Linear(D, 3 * D)
        self.places, self.last = nn.Embedding(T, D), nn.Linear(D, 3)
        self.scale, self.shift = nn.Parameter(torch.rand(D)), nn.Parameter(torch.rand(D))

    def forward(self, x):
        x = self.enter(x) + self.places(torch.arange(T))
        b, t, c = x.shape
        z = self.all(F.layer_norm(x, (D,), self.scale, self.shift, eps=1e-3))
        if self.form == "pieces":
            q, k, v = z.reshape(b, t, 3, H, c // H).permute(2, 0, 3, 1, 4).unbind(0)
            weights = (q * 0.75) @ k.transpose(-2, -1)
            weights = weights.masked_fill(torch.ones(T, T).tril().view(1, 1, T, T) == 0, float("-inf"))
            y = (F.dropout(weights.softmax(dim=-1), 0.1, self.training) @ v).transpose(1, 2).reshape(b, t, c)
        elif self.form == "rows":
            q, k, v = (u.reshape(b, t, H, -1).transpose(1, 2).reshape(b * H, t, -1)
                       for u in (z[..., :D], z[..., D:2 * D], z[..., 2 * D:]))
            y = torch.bmm(F.softmax(torch.bmm(q, k.transpose(1, 2)) / 2.0, dim=2), v)
            y = y.view(b, H, t, -1).transpose(1, 2).reshape(b, t, c)
        elif self.form == "split":
            q, k, v = z.split(D, dim=2)
            q, k, v = (u.view(b, t, H, c // H).transpose(1, 2) for u in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).contiguous().view(b, t, c)
        elif self.form == "unbind":
            q, k, v = z.reshape(b, t, 3, H, c // H).permute(2, 0, 3, 1, 4).unbind(0)
            y = F.scaled_dot_product_attention(q, k, v, scale=0.25).transpose(1, 2).flatten(2)
        else:
            q, k, v = z.chunk(3, dim=-1)
            y = F.scaled_dot_product_attention(q, k, v)
        return self.last((x + F.gelu(y, approximate="tanh"))[:, -1])


class Patches(nn.Module):
    """A convolution whose places are tokens."""

    def __init__(self):
        super().__init__()
        self.patch, self.norm, self.last = nn.Conv2d(1, D, 2, 2), nn.LayerNorm(D), nn.Linear(D, 3)

    def forward(self, x):
        return self.last(F.silu(self.norm(self.patch(x).flatten(2).transpose(1, 2))).mean(1))


class Vision(nn.Module):
    """A vision transformer of one layer: patches, a class token, learned positions."""

    def __init__(self):
        super().__init__()
        self.patch, self.token = nn.Conv2d(1, D, 2, 2), nn.Parameter(torch.randn(1, 1, D))
        self.position, self.last = nn.Parameter(torch.randn(5, D)), nn.Linear(D, 3)
        self.layer = nn.TransformerEncoderLayer(D, H, 8, batch_first=True)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.position.unsqueeze(0)[:, :5]
        return self.last(self.layer(x)[:, 0])


class Fixed(Encoded):
    """Positions that are no parameter, of more places than there are tokens, and a scaled embedding."""

    def __init__(self):
        super().__init__()
        del self.position
        self.register_buffer("position", torch.randn(T, D))
        self.gate = nn.Linear(D, 2 * D)
        self.norm = nn.RMSNorm(D, eps=1e-3)

    def forward(self, x):
        x = self.block(self.enter(x) * -2.5 + self.position[: x.shape[1]])
        a, b = self.gate(self.norm(x)).chunk(2, -1)
        return self.last((F.silu(a) * b).mean(1))


def with_itself(x, parts):
    y, _ = parts["attend"](x, x, x, need_weights=False)
    return F.dropout(x + y, 0.5, training=False).mean(1)


MODULES = {
    "norm behind": (Encoded(), (T, 5)), "norm before": (Encoded(norm_first=True, activation="gelu"), (T, 5)),
    "no biases": (Encoded(bias=False, activation=nn.SiLU()), (T, 5)),
    "encoder": (nn.Sequential(nn.TransformerEncoder(nn.TransformerEncoderLayer(
        D, H, 8, batch_first=True), 2, nn.LayerNorm(D), enable_nested_tensor=False), nn.Flatten(), nn.Linear(T * D, 3)),
        (T, D)),
    "split, causal": (Own("split"), (T, 5)), "unbind, scaled": (Own("unbind"), (T, 5)),
    "one head": (Own("one"), (T, 5)), "pieces": (Own("pieces"), (T, 5)), "heads as rows": (Own("rows"), (T, 5)),
    "fixed positions, a gate": (Fixed(), (T, 5)), "patches": (Patches(), (1, 4, 4)),
    "class token": (Vision(), (1, 4, 4)),
    "multihead": (Lambda(with_itself, attend=nn.MultiheadAttention(D, H, batch_first=True)), (T, D)),
    "tokens": (Lambda(lambda x, parts: parts["of"](x).mean(1), of=nn.Embedding(7, D)), (T,)),
    "a row as tokens": (Lambda(lambda x, parts: parts["n"](x.view(-1, T, D)).mean(dim=1), n=nn.LayerNorm(
        D, elementwise_affine=False)), (T * D,)),
    "transposed": (Lambda(lambda x, parts: parts["n"](x.transpose(1, 2)).mean(1), T, n=nn.GELU("tanh")), (T, D)),
}


def settled(module):
    """With weights that are not those of the start."""
    torch.manual_seed(7)
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("name", MODULES)
def test_a_traced_module_computes_what_torch_computes(name):
    module, shape = MODULES[name]
    module = settled(module)
    rng = np.random.default_rng(1)
    X = rng.integers(0, 7, size=(3, *shape)) if name == "tokens" else rng.normal(size=(3, *shape))
    net = trace(module, shape)
    out = module(torch.tensor(X))
    loss = F.cross_entropy(out, torch.tensor([0, 2, 1]))
    loss.backward()
    norm = float(sum((p.grad**2).sum() for p in module.parameters()).sqrt())
    wanted, flat = out.detach().numpy(), X.reshape(3, -1).astype(float)
    assert np.abs(outputs_in_floats(compile_graph(net, Binary64()), flat) - wanted).max() < 1e-12
    found = descend_in_balls(net, flat, "cross_entropy", None, np.array([0, 2, 1]), 0.0, None, 1e-6)
    assert (np.linalg.norm(found.output.mid.hi - wanted, axis=1) <= found.output.rad + 1e-12).all()
    assert float(found.weight_norm.lower) - 1e-12 <= norm <= float(found.weight_norm.upper) + 1e-12
    assert net.parameters("all") == sum(p.numel() for p in module.parameters())
    assert parse_graph(graph_bytes(net.nodes, net.shape, net.output), "graph")[0] == net.nodes
    require_same(net, trace(module, shape), "factory")


def masked(x, parts):
    return F.scaled_dot_product_attention(x, x, x, attn_mask=torch.ones(T, T).tril() == 1).mean(1)


def attended(**options):
    return nn.MultiheadAttention(D, H, **({"batch_first": True} | options))


@pytest.mark.parametrize("module, words", [
    (Lambda(masked), "a mask.*scaled_dot_product_attention"),
    (Lambda(lambda x, parts: F.scaled_dot_product_attention(x, x, x, dropout_p=0.1).mean(1)), "dropout 0.1"),
    (Lambda(lambda x, parts: F.dropout(x, 0.1).mean(1)), "dropout that is on"),
    (Lambda(lambda x, parts: F.dropout(x).mean(1)), "dropout that is on"),
    (Lambda(lambda x, parts: parts["a"](x, x, x + x)[0].mean(1), a=attended()), "different sequences"),
    (Lambda(lambda x, parts: parts["a"](x, x, x, attn_mask=torch.zeros(T, T))[0].mean(1), a=attended()), "a mask"),
    (Lambda(lambda x, parts: parts["a"](x, x, x)[1].mean(1), T, a=attended()), "weights of an attention"),
    (Lambda(lambda x, parts: parts["a"](x, x, x)[0].mean(1), a=attended(batch_first=False)), "batch_first"),
    (Lambda(lambda x, parts: parts["a"](x, x, x)[0].mean(1), a=attended(add_zero_attn=True)), "added zeros"),
    (Lambda(lambda x, parts: parts["n"](x).mean(1), n=nn.LayerNorm((T, D))), "LayerNorm over the axes"),
    (Lambda(lambda x, parts: ((x @ x.transpose(1, 2)).softmax(1) @ x).mean(1)), "softmax of something else"),
    (Lambda(lambda x, parts: ((x @ x.transpose(1, 2)) @ x).mean(1)), "product of values outside"),
    (Lambda(lambda x, parts: (x @ x.transpose(1, 2)).mean(1), T), "used otherwise"),
    (Lambda(lambda x, parts: ((x @ x.transpose(1, 2)).masked_fill(torch.eye(T) == 1, -math.inf).softmax(-1) @ x).mean(
        1)), "mask other than the causal"),
    (Lambda(lambda x, parts: (F.dropout((x @ x.transpose(1, 2)).softmax(-1), 0.1) @ x).mean(1)), "dropout that is on"),
    (Lambda(lambda x, parts: x.softmax(-1).mean(1)), "softmax"),
    (Lambda(lambda x, parts: torch.cat([x, x], 1).mean(1)), "something else than learned tokens"),
    (Lambda(lambda x, parts: parts["a"].weight.repeat(2, 1).mean(1), a=nn.Linear(D, 2)), "repeated|rows"),
    (Lambda(lambda x, parts: x.flip(1).mean(1)), "flip"),
    (Lambda(lambda x, parts: x[:, ::2].mean(1)), "getitem"),
    (Lambda(lambda x, parts: (x + torch.ones(T, D)).mean(1)), "sum of something else"),
    (Lambda(lambda x, parts: (x + parts["n"].weight).mean(1), n=nn.LayerNorm(D)), "parameter of shape"),
    (Lambda(lambda x, parts: parts["n"](x).mean(1), n=nn.RMSNorm(D)), "eps of the numbers' type"),
    (Lambda(lambda x, parts: x.mean(2), T), "mean over something else"),
    (Lambda(lambda x, parts: x.transpose(0, 1).mean(1)), "shape|rows"),
], ids=str)
def test_what_a_graph_cannot_say_of_a_sequence_is_refused(module, words):
    with pytest.raises(InputError, match=f"(?s){words}") as found:
        trace(module, (T, D))
    assert "its forward raised" not in str(found.value)


class Half(Vision):
    """Fewer positions than there are."""

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position[:4]
        return self.last(self.layer(x)[:, 0])


def test_a_part_of_a_parameter_is_refused():
    with pytest.raises(InputError, match=r"a value of shape \(4, 6\)"):
        trace(Half(), (1, 4, 4))


def test_a_scale_by_the_number_of_rows_is_refused():
    with pytest.raises(InputError, match="how many rows pass through"):
        trace(Lambda(lambda x, parts: (x / x.shape[0]).mean(1)), (T, D))
    with pytest.raises(InputError, match="how many rows pass through"):
        trace(Lambda(lambda x, parts: (((x * x.shape[0]) @ x.transpose(1, 2)).softmax(-1) @ x).mean(1)), (T, D))


def test_embeddings_that_rescale_are_refused():
    with pytest.raises(InputError, match="max_norm"):
        trace(Lambda(lambda x, parts: parts["of"](x).mean(1), of=nn.Embedding(7, D, max_norm=1.0)), (T,))


def test_a_forward_that_raises_is_refused_in_words():
    with pytest.raises(InputError, match=r"its forward raised RuntimeError at rows of shape \(4, 9\)"):
        trace(Encoded(), (T, 9))


def test_dropout_of_a_module_in_training_mode_counts_for_nothing(tmp_path):
    module = Encoded(dropout=0.5).train()
    assert "dropout" not in trace(module, (T, 5)).operations and module.training


def test_a_shape_of_two_numbers_is_tokens_and_channels(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n\n"
        "def made():\n    return nn.Sequential(nn.LayerNorm(3), nn.Flatten(), nn.Linear(6, 2))\n")
    assert write_graph("mine:made", "2,3", tmp_path / "graph.json") == {"linear": 1, "flatten": 1, "layer_norm": 1}
