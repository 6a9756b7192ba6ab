"""What the recipes of the critical reports share: full-batch Adam, then Newton's method down to the rounding level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import training

NEWTON_STEPS = 60
GRADIENT = 1e-13


def decayed(net: Any, loss: Callable[[Any], Any], decay: float) -> Callable[[], Any]:
    """`mean loss + decay/2·|w|²` over all parameters, biases too."""
    def value() -> Any:
        total = loss(net)
        return total + 0.5 * decay * sum((p * p).sum() for p in net.parameters())

    return value


def newton(net: Any, loss: Callable[[Any], Any], decay: float) -> None:
    """Damped Newton steps `w ← w − a|H|⁻¹∇L` in place, |H| with the absolute eigenvalues, until `|∇L|` is below 1e-13.

    a is halved until the loss does not rise; eigenvalues below 1e-9 of the largest are left out (symmetries).
    """
    import torch
    from torch.func import functional_call, grad, hessian

    names = [name for name, _ in net.named_parameters()]
    shapes = [p.shape for p in net.parameters()]
    sizes = [p.numel() for p in net.parameters()]

    def whole(w: Any) -> Any:
        parts = {n: v.reshape(s) for n, v, s in zip(names, w.split(sizes), shapes, strict=True)}
        return loss(lambda x: functional_call(net, parts, (x,))) + 0.5 * decay * (w * w).sum()

    w = torch.nn.utils.parameters_to_vector(net.parameters()).detach()
    best, kept = float("inf"), w
    for step in range(NEWTON_STEPS):
        g = grad(whole)(w).numpy()
        size = float(np.linalg.norm(g))
        training.say(f"Newton step {step}: |gradient| = {size:.2e}, loss {whole(w).item():.12g}")
        if size < best:
            best, kept = size, w
        if size < GRADIENT:
            break
        values, vectors = np.linalg.eigh(hessian(whole)(w).numpy())
        use = np.abs(values) > 1e-9 * np.abs(values).max()
        move = torch.from_numpy(vectors[:, use] @ ((vectors[:, use].T @ g) / np.abs(values[use])))
        length, value = 1.0, whole(w).item()
        while whole(w - length * move).item() > value + 1e-14 and length > 1e-6:
            length /= 2
        w = w - length * move
    torch.nn.utils.vector_to_parameters(kept, net.parameters())
