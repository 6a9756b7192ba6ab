"""The losses of theory.md as functions of the outputs, with the two derivatives that estimates need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import torch
import torch.nn.functional as F

from certify.estimation.model.functional import as_tensor, require_finite
from certify.format.errors import InputError

FAR = 30.0
"""A logarithm beyond which e^x only says "far": nothing overflows."""


class Loss(ABC):
    """A loss ℓ(f, y) of one row: value, slope `∂ℓ/∂f` and curvature `∂²ℓ/∂f²` applied to a vector."""

    name: str
    shift: bool = False
    """Whether adding one number to all outputs of a row changes nothing."""
    slides: bool = True
    """Whether its targets can move a little where they are numbers."""
    reached: bool = False
    """Whether its targets are outputs that a network may have, and no labels."""

    @abstractmethod
    def targets(self, y: Any, n: int, k: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """The targets as a tensor, or an InputError that says what fits."""

    @abstractmethod
    def values(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """ℓ of every row, (rows,)."""

    @abstractmethod
    def slopes(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """`∂ℓ/∂f`, (rows, k)."""

    @abstractmethod
    def curve(self, f: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """`∂²ℓ/∂f² v`, (rows, k)."""

    @abstractmethod
    def towards(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Newton's step of ℓ in the outputs, `−(∂²ℓ/∂f²)⁺ ∂ℓ/∂f`, (rows, k); shortened as each loss says."""

    @abstractmethod
    def hessians(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """`∂²ℓ/∂f²`, (rows, k, k)."""

    def derivatives(self, f: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both, slopes and Hessians, of the same outputs."""
        return self.slopes(f, y), self.hessians(f, y)

    def against_curvature(self, f: torch.Tensor, y: torch.Tensor, force: torch.Tensor) -> torch.Tensor:
        """`(∂²ℓ_i)⁺ force_i`, (rows, k), refused where a row's force is not in the range.

        Raises:
            InputError: such a row.
        """
        k = f.shape[1]
        eye = torch.eye(k, dtype=f.dtype, device=f.device)
        B = torch.stack([self.curve(f, y, eye[a].expand_as(f)) for a in range(k)], dim=2).double()
        b = (torch.linalg.pinv(B, rtol=1e-12, hermitian=True) @ force.double()[:, :, None])[:, :, 0]
        left = (B @ b[:, :, None])[:, :, 0] - force
        if bool((left.norm(dim=1) > 1e-6 * force.double().norm(dim=1)).any()):
            raise InputError("u", "a change of probabilities that does not sum to 0 (or a saturated row)",
                             "keep every row's sum, so that the outputs can follow")
        return b.to(f.dtype)

    def mean(self, f: torch.Tensor, y: torch.Tensor) -> float:
        """The mean loss, in float64: losses of 1e-7 are lost among float32 logarithms."""
        return float(self.values(f.double(), y.double() if y.is_floating_point() else y).mean())


@final
class Squared(Loss):
    """`½|f − y|²`."""

    name = "squared"
    reached = True

    def targets(self, y: Any, n: int, k: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """As in :class:`Loss`."""
        t = as_tensor(y, "y")
        if t.shape == (n,) and k == 1:
            t = t.reshape(n, 1)
        if t.shape != (n, k) or t.is_complex():
            raise InputError("y", f"{t.dtype} of shape {tuple(t.shape)}", f"give real targets of shape ({n}, {k})")
        converted = t.to(dtype=dtype, device=device)
        require_finite(converted, "y", t)
        return converted

    def values(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return (f - y).square().sum(1) / 2

    def slopes(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return f - y

    def curve(self, f: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return v

    def towards(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """`y − f`: exact."""
        return y - f

    def hessians(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return torch.eye(f.shape[1], dtype=f.dtype, device=f.device).expand(len(f), -1, -1)


@final
class CrossEntropy(Loss):
    """`log Σ e^f − f_y`, or `(Σq) log Σ e^f − q·f` for a row q of probabilities."""

    name = "cross_entropy"
    shift = True

    def targets(self, y: Any, n: int, k: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """As in :class:`Loss`."""
        t = as_tensor(y, "y")
        if t.shape == (n,) and not t.is_floating_point() and not t.is_complex():
            if int(t.min()) < 0 or int(t.max()) >= k:
                raise InputError("y", f"labels from {int(t.min())} to {int(t.max())}", f"give labels 0 … {k - 1}")
            return t.to(dtype=torch.int64, device=device)
        if t.shape == (n, k) and t.is_floating_point():
            require_finite(t, "y")
            below = (t < 0).any(1)
            if bool(below.any()):
                row = int(below.nonzero()[0])
                raise InputError(f"y, row {row}", f"{float(t[row].min()):g}", "give rows of probabilities, from 0 on")
            return t.to(dtype=dtype, device=device)
        raise InputError("y", f"{t.dtype} of shape {tuple(t.shape)}",
                         f"give ({n},) integer labels or ({n}, {k}) rows of probabilities")

    def values(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        if y.is_floating_point():
            return y.sum(1) * torch.logsumexp(f, 1) - (y * f).sum(1)
        return F.cross_entropy(f, y, reduction="none")

    def slopes(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return _softmax_slopes(f.softmax(1), y)

    def curve(self, f: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        p = f.softmax(1)
        return _weights(y, f).sum(1, keepdim=True) * p * (v - (p * v).sum(1, keepdim=True))

    def towards(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        r"""`q/p − 1` for shares q = y/Σy, less its mean: a row well fitted gains a margin of 1 over every class.

        In closed form, because p of 1e-12 would be lost beside the others in a pseudo-inverse. A row is shortened so
        that no output moves by more than 1 before the mean is taken out (a label with less than half of the
        probability): further away Newton's step, 1/p, says nothing.
        """
        q = _weights(y, f).double()
        share = q / q.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
        move = torch.expm1((share.log() - f.double().log_softmax(1)).clamp_max(FAR))
        move = move / move.abs().amax(1, keepdim=True).clamp_min(1.0)
        return torch.where(q.sum(1, keepdim=True) > 0, move - move.mean(1, keepdim=True), 0.0).to(f.dtype)

    def hessians(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return _softmax_hessians(f.softmax(1), y)

    def derivatives(self, f: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As in :class:`Loss`, by one softmax."""
        p = f.softmax(1)
        return _softmax_slopes(p, y), _softmax_hessians(p, y)


@final
class Logistic(Loss):
    """`log(1 + e^{−sf})`, s = ±1 from labels −1/1 or 0/1; one output."""

    name = "logistic"
    slides = False

    def targets(self, y: Any, n: int, k: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """As in :class:`Loss`."""
        t = as_tensor(y, "y").reshape(-1)
        if t.is_floating_point():
            require_finite(t, "y")
        found = set(t.unique().tolist())
        if len(t) != n or k != 1 or not (found <= {0, 1} or found <= {-1, 1}):
            raise InputError("y", f"{len(t)} labels {sorted(found)[:4]} for {k} outputs",
                             f"give {n} labels 0/1 or -1/1 and a network with one output")
        return (t > 0).to(dtype=dtype, device=device).mul(2).sub(1).reshape(n, 1)

    def values(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return F.softplus(-y * f).sum(1)

    def slopes(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return -y * torch.sigmoid(-y * f)

    def curve(self, f: torch.Tensor, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return torch.sigmoid(f) * torch.sigmoid(-f) * v  # s(1 − s) is 0 in float32 from f = 17 on

    def towards(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """`s/σ(sf)`: the margin grows by 1 to 2; by 2 where the label has less than half of the probability."""
        return y / torch.sigmoid(y * f).clamp_min(0.5)

    def hessians(self, f: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As in :class:`Loss`."""
        return (torch.sigmoid(f) * torch.sigmoid(-f))[:, :, None]


def loss_named(name: str) -> Loss:
    """A loss by the name it has in a spec.

    >>> loss_named("squared").values(torch.tensor([[3.0]]), torch.tensor([[1.0]])).tolist()
    [2.0]
    """
    known: dict[str, Loss] = {kind.name: kind for kind in (Squared(), CrossEntropy(), Logistic())}
    if name not in known:
        raise InputError("loss", f"'{name}'", f"use one of {', '.join(known)}")
    return known[name]


def _softmax_slopes(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`(Σy)p − y` for probabilities p, (rows, k)."""
    if not y.is_floating_point():  # a matrix of ones and zeros takes as long as all else here
        return p.scatter_add(1, y[:, None], p.new_full((len(p), 1), -1.0))
    return y.sum(1, keepdim=True) * p - y


def _softmax_hessians(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """`(Σy)(diag p − ppᵀ)` for probabilities p, (rows, k, k)."""
    made = p.diag_embed() - p[:, :, None] * p[:, None, :]
    return made * y.sum(1)[:, None, None] if y.is_floating_point() else made


def _weights(y: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    return y if y.is_floating_point() else F.one_hot(y, f.shape[1]).to(f.dtype)
