"""Peers of `peers.py` that factor a curvature first: captum (eigenvectors of the Hessian), kronfluence (EK-FAC).

Neither hands out an inverse-Hessian product. captum's influence is `(Rᵀg)·(Rᵀh)` with `RRᵀ ≈ (H + δI)⁻¹`, so its
product is `R(Rᵀg)`. kronfluence fits factors with its analyzer; what it puts in the place of the product is
`Q_S((Q_Sᵀ G Q_A)/(Λ + δ))Q_Aᵀ` for each layer, which is computed here from these factors: its estimate of the
Gauss–Newton matrix, with labels drawn from the model, in the place of the Hessian.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from peers_nets import Case
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

Run = Callable[[Case, torch.Tensor, int], torch.Tensor]


def captum(name: str, size: int) -> Run:
    """`naive`: the Hessian, `size` of its eigenvectors (0: all); `arnoldi`: a Krylov space of `size` products."""
    from captum.influence._core.arnoldi_influence_function import ArnoldiInfluenceFunction
    from captum.influence._core.influence_function import NaiveInfluenceFunction

    def run(c: Case, G: torch.Tensor, r: int) -> torch.Tensor:
        rows = DataLoader(TensorDataset(c.X, c.y), batch_size=len(c.X))
        shared: dict[str, Any] = {
            "model": c.module, "train_dataset": rows, "checkpoint": "",
            "loss_fn": nn.CrossEntropyLoss(),
            "checkpoints_load_func": lambda model, file: 0.0, "sample_wise_grads_per_batch": True,
            "hessian_reg": len(c.X) * c.damping, "hessian_inverse_tol": 1e-12}
        if name == "naive":
            R = NaiveInfluenceFunction(projection_dim=size or c.p, **shared).R
        else:
            found = ArnoldiInfluenceFunction(projection_dim=size, arnoldi_dim=size, arnoldi_tol=1e-9, **shared).R
            R = torch.stack([torch.cat([part.flatten() for part in one]) for one in found], 1)
        R = R.to(G.dtype)
        return (len(c.X) * ((G @ R) @ R.T)).detach()  # its Hessian is that of the sum of the losses

    return run


def kronfluence() -> Run:
    """EK-FAC factors of all rows, then the product from them."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments
    from kronfluence.task import Task

    class Classes(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> torch.Tensor:
            logits = model(batch[0])
            with torch.no_grad():
                drawn = torch.multinomial(logits.softmax(-1), 1).flatten() if sample else batch[1]
            return F.cross_entropy(logits, drawn, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> torch.Tensor:
            return F.cross_entropy(model(batch[0]), batch[1], reduction="sum")

    def run(c: Case, G: torch.Tensor, r: int) -> torch.Tensor:
        torch.manual_seed(0)
        logging.disable(logging.WARNING)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            task = Classes()
            own = c.to(c.X.dtype).module
            analyzer = Analyzer("peer", prepare_model(own, task), task, cpu=True, output_dir=folder,
                                disable_tqdm=True, disable_model_save=True)
            kind = FactorArguments(strategy="ekfac", eigendecomposition_dtype=torch.float32)
            analyzer.fit_all_factors("all", TensorDataset(c.X, c.y), per_device_batch_size=len(c.X), factor_args=kind,
                                     overwrite_output_dir=True)
            factors = analyzer.load_all_factors("all")
        return _products(c, G, factors)

    return run


def _products(c: Case, G: torch.Tensor, factors: Any) -> torch.Tensor:
    """A weight that is in no factor (BatchNorm) gets nothing, as in its scores."""
    places, at = {}, 0
    for name, p in c.module.named_parameters():
        places[name] = (slice(at, at + p.numel()), p.shape)
        at += p.numel()
    out = torch.zeros_like(G)
    for layer, Qa in factors["activation_eigenvectors"].items():
        Qs = factors["gradient_eigenvectors"][layer].to(G.dtype)
        Qa = Qa.to(G.dtype)
        scale = factors["lambda_matrix"][layer].to(G.dtype) / factors["num_lambda_processed"][layer] + c.damping
        weight, shape = places[f"{layer}.weight"]
        M = G[:, weight].reshape(len(G), shape[0], -1)
        bias = places.get(f"{layer}.bias")
        if bias is not None:
            M = torch.cat([M, G[:, bias[0]].reshape(len(G), -1, 1)], 2)
        M = Qs @ ((Qs.T @ M @ Qa) / scale) @ Qa.T
        if bias is not None:
            out[:, bias[0]] = M[:, :, -1]
            M = M[:, :, :-1]
        out[:, weight] = M.reshape(len(G), -1)
    return out
