"""Modules whose graph would compute something else are refused, whatever hides it from the trace."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from certify.format.errors import InputError  # noqa: E402
from certify.inputs.torch.trace import trace  # noqa: E402

T, D = 4, 6


class Lambda(nn.Module):
    """Modules by letters around a function, then a linear layer."""

    def __init__(self, function, width=D, **parts):
        super().__init__()
        self.function, self.parts, self.last = function, nn.ModuleDict(parts), nn.Linear(width, 3)

    def forward(self, x):
        return self.last(self.function(x, self.parts).flatten(1))


def lines(names: str, width: int = T * D, **parts):
    return {"width": width, **{name: nn.Linear(D, D) for name in names}, **parts}


def summed(x, p):
    h = p["a"](x)
    z = h
    z += p["b"](x)
    return z + h


def on_a_view(x, p):
    h = p["a"](x)
    F.relu(h[:, :2], inplace=True)
    return h


IN_PLACE = {
    "function": (lambda x, p: (lambda h: F.relu(h, inplace=True) + h)(p["a"](x)), lines("a")),
    "module": (lambda x, p: (lambda h: p["r"](h) + h)(p["a"](x)), lines("a", r=nn.ReLU(inplace=True))),
    "sum": (summed, lines("ab")), "method": (lambda x, p: (lambda h: h.add_(p["b"](x)) + h)(p["a"](x)), lines("ab")),
    "view": (on_a_view, lines("a"))}


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_step_in_place_whose_input_is_read_again_is_refused(name: str) -> None:
    function, parts = IN_PLACE[name]
    with pytest.raises(InputError, match="in place"):
        trace(Lambda(function, **parts), (T, D))


def test_a_step_in_place_alone_is_traced() -> None:
    made = trace(Lambda(lambda x, p: p["r"](p["a"](x)), **lines("a", r=nn.ReLU(inplace=True))), (T, D))
    assert made.operations["relu"] == 1


def test_a_forward_that_was_replaced_is_refused() -> None:
    module = Lambda(lambda x, p: p["a"](x), **lines("a"))
    module.parts["a"].forward = lambda x: 2 * x
    with pytest.raises(InputError, match="replaced"):
        trace(module, (T, D))


class Doubled(nn.TransformerEncoderLayer):
    """Not what torch.nn says."""

    def _ff_block(self, x):
        return 2 * super()._ff_block(x)


class Twice(nn.LayerNorm):
    """Not what torch.nn says."""

    def forward(self, x):
        return 2 * super().forward(x)


def test_other_classes_within_an_encoder_are_refused() -> None:
    layer = nn.TransformerEncoderLayer(D, 2, 8, batch_first=True)
    normed = nn.TransformerEncoderLayer(D, 2, 8, batch_first=True)
    normed.norm2 = Twice(D)
    for part, word in ((nn.TransformerEncoder(Doubled(D, 2, 8, batch_first=True), 1), "Doubled"), (normed, "Twice"),
                       (nn.TransformerEncoder(layer, 1, nn.RMSNorm(D, eps=0.1)), "RMSNorm")):
        with pytest.raises(InputError, match=f"a {word} where a"):
            trace(Lambda(lambda x, p: p["e"](x).mean(dim=1), D, e=part), (T, D))


def attention(softmax, apart: bool):
    def function(x, p):
        q, k, v = (p[name](x) for name in "abc")
        if apart:
            q, k, v = (y.reshape(-1, T, 2, D // 2).transpose(1, 2) for y in (q, k, v))
        y = softmax(q @ k.transpose(-2, -1), p) @ v
        return (y.transpose(1, 2) if apart else y).reshape(-1, T, D).mean(dim=1)

    return function


@pytest.mark.parametrize("apart", [False, True])
def test_a_softmax_without_an_axis_is_refused(apart: bool) -> None:
    for softmax in (lambda s, p: p["s"](s), lambda s, p: F.softmax(s)):
        with pytest.raises(InputError), pytest.warns(UserWarning, match="Implicit dimension"):
            trace(Lambda(attention(softmax, apart), **lines("abc", D, s=nn.Softmax())), (T, D))
    made = trace(Lambda(attention(lambda s, p: p["s"](s), apart), **lines("abc", D, s=nn.Softmax(-1))), (T, D))
    assert made.operations["attention"] == 1


IMAGE = (6, 6, 6)


@pytest.mark.parametrize("axes", [(1, 2), (1, 3)])
def test_a_mean_over_channels_of_a_cube_is_refused(axes: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="height and width"):
        trace(Lambda(lambda x, p: p["c"](x).mean(axes), 6, c=nn.Conv2d(6, 6, 3, padding=1)), IMAGE)


def test_an_ellipsis_before_one_slice_means_the_last_axis() -> None:
    made = trace(Lambda(lambda x, p: p["c"](x)[..., ::2], 108, c=nn.Conv2d(6, 6, 3, padding=1)), IMAGE)
    assert next(node for node in made.nodes if node.op == "subsample").stride == (1, 2)


def test_an_average_with_a_divisor_is_refused() -> None:
    parts = {"c": nn.Conv2d(6, 6, 3, padding=1), "a": nn.AvgPool2d(2, divisor_override=3)}
    with pytest.raises(InputError, match="divisor"):
        trace(Lambda(lambda x, p: p["a"](p["c"](x)), 54, **parts), IMAGE)


def test_as_many_tokens_as_rows_are_refused() -> None:
    with pytest.raises(InputError, match="how many rows"):
        trace(Lambda(lambda x, p: p["a"](x)[:, : x.shape[0]].mean(dim=1), **lines("a", D)), (T, D))


def test_one_parameter_with_two_names_is_refused() -> None:
    parts = lines("ab")
    parts["b"].weight = parts["a"].weight
    with pytest.raises(InputError, match="are one"):
        trace(Lambda(lambda x, p: p["b"](torch.relu(p["a"](x))), **parts), (T, D))
