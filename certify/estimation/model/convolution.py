r"""Convolutions whose derivatives of every order are convolutions, and frozen BatchNorms folded into them.

A convolution is one of three maps that are linear in each of their two arguments,

    F(x, W) = y,   B(g, W) = ∂⟨g, F(x, W)⟩/∂x,   C(x, g) = ∂⟨g, F(x, W)⟩/∂W,

and `⟨g, F(x, W)⟩ = ⟨B(g, W), x⟩ = ⟨C(x, g), W⟩`: the derivatives of each are the two others. Torch differentiates B
and C by rules of its own, which transpose batches and channels and are slower; and its B is, for few channels.

A BatchNorm with stored statistics is `y = s x + t` in each channel, `s = γ/√(v + ε)`, `t = β − m s`. After a
convolution with bias b it is the convolution with weights `s W` and bias `s b + t`: what is left of it are products of
the size of the parameters, in every derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch.autograd import Function
from torch.nn.grad import conv2d_input, conv2d_weight
from torch.overrides import TorchFunctionMode

FEW = 16
"""Channels of x below which torch's B takes up to three times as long as an F with the kernel turned round."""

Pair = tuple[int, int]


class How(NamedTuple):
    """How the kernel moves."""

    stride: Pair
    padding: Pair
    dilation: Pair


Known = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Forward(Function):
    """`F(x, W) + b`; where z, s and t are known with the value `s z + t`, that is what they give."""

    @staticmethod
    def forward(  # noqa: D102
        ctx: Any, x: torch.Tensor, W: torch.Tensor, b: torch.Tensor | None, how: How, known: Known | None
    ) -> torch.Tensor:
        ctx.save_for_backward(x, W)
        ctx.how = how
        return F.conv2d(x, W, b, *how) if known is None else _scaled(*known)

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: D102
        x, W = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (Backward.apply(g, W, x.shape, ctx.how) if needs[0] else None,
                Weights.apply(x, g, W.shape, ctx.how) if needs[1] else None,
                g.sum((0, 2, 3)) if needs[2] else None, None, None)


class Backward(Function):
    """`B(g, W)` for x of a given shape."""

    @staticmethod
    def forward(ctx: Any, g: torch.Tensor, W: torch.Tensor, shape: torch.Size, how: How) -> torch.Tensor:  # noqa: D102
        ctx.save_for_backward(g, W)
        ctx.how = how
        far = [d * (size - 1) - p for d, size, p in zip(how.dilation, W.shape[2:], how.padding, strict=True)]
        if shape[1] < FEW and how.stride == (1, 1) and min(far) >= 0:
            return F.conv2d(g, W.flip(2, 3).transpose(0, 1), None, 1, far, how.dilation)
        return conv2d_input(shape, W, g, *how)

    @staticmethod
    def backward(ctx: Any, x: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: D102
        g, W = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (Forward.apply(x, W, None, ctx.how, None) if needs[0] else None,
                Weights.apply(x, g, W.shape, ctx.how) if needs[1] else None, None, None)


class Weights(Function):
    """`C(x, g)` for W of a given shape."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, g: torch.Tensor, shape: torch.Size, how: How) -> torch.Tensor:  # noqa: D102
        ctx.save_for_backward(x, g)
        ctx.how = how
        return conv2d_weight(x, shape, g, *how)

    @staticmethod
    def backward(ctx: Any, W: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: D102
        x, g = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return (Backward.apply(g, W, x.shape, ctx.how) if needs[0] else None,
                Forward.apply(x, W, None, ctx.how, None) if needs[1] else None, None, None)


class Last(NamedTuple):
    """The last convolution, with its value and the versions of x and that: later ones were changed in place."""

    x: torch.Tensor
    W: torch.Tensor
    b: torch.Tensor | None
    how: How
    value: torch.Tensor
    node: Any
    versions: tuple[int, int]

    def gave(self, z: torch.Tensor) -> bool:
        """Whether z is what it gave, and still is: recorded, not detached since, and with no hook on its gradient."""
        recorded = self.node is not None and z.grad_fn is self.node and not z._backward_hooks
        return self.value is z and recorded and (self.x._version, z._version) == self.versions


class Recording(TorchFunctionMode):
    """While this is on, `conv2d` and `batch_norm` of torch are recorded as at the top of this file; values are theirs.

    For reverse derivatives alone: transforms of `torch.func` and batched gradients do not pass through.

    Args:
        folds: whether frozen BatchNorms are recorded otherwise than torch does.

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    >>> x = torch.randn(1, 1, 4, 4)
    >>> with Recording():
    ...     out = net(x)
    >>> torch.allclose(out, net(x), atol=1e-6), type(out.grad_fn).__name__
    (True, 'ForwardBackward')
    """

    def __init__(self, folds: bool = True) -> None:
        super().__init__()
        self.folds = folds
        self.last: Last | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """As torch calls it."""
        kwargs = kwargs or {}
        if func is torch.conv2d:
            return self._convolved(*args, **kwargs)
        if func is F.batch_norm and self.folds:
            return self._normalised(*args, **kwargs)
        return func(*args, **kwargs)

    def _convolved(
        self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> torch.Tensor:
        if input.ndim != 4 or groups != 1 or isinstance(padding, str):
            return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        how = How(_pair(stride), _pair(padding), _pair(dilation))
        out: torch.Tensor = Forward.apply(input, weight, bias, how, None)
        self.last = Last(input, weight, bias, how, out, out.grad_fn, (input._version, out._version))
        return out

    def _normalised(
        self, input: torch.Tensor, running_mean: torch.Tensor | None, running_var: torch.Tensor | None,
        weight: torch.Tensor | None = None, bias: torch.Tensor | None = None, training: bool = False,
        momentum: float = 0.1, eps: float = 1e-5,
    ) -> torch.Tensor:
        if training or running_mean is None or running_var is None:
            return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        s = torch.rsqrt(running_var + eps)
        s = s if weight is None else s * weight
        t = -running_mean * s if bias is None else torch.addcmul(bias, running_mean, s, value=-1)
        last, self.last = self.last, None
        if last is None or not last.gave(input):
            return _scaled(input, s, t)
        known = input.detach(), s.detach(), t.detach()
        b = t if last.b is None else torch.addcmul(t, last.b, s)
        out: torch.Tensor = Forward.apply(last.x, last.W * s.view(-1, 1, 1, 1), b, last.how, known)
        return out


def _scaled(z: torch.Tensor, s: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    shape = (-1,) + (1,) * (z.ndim - 2)
    return torch.addcmul(t.view(shape), z, s.view(shape))


def _pair(value: Any) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))
