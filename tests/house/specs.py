"""The spec that states a combination of words."""

from __future__ import annotations

from functools import cache

from certify.format.question import Question
from certify.spec import models
from tests.house.grid import AUBIN, PLAIN

RADIUS, LEVEL, DECAY = 0.5, 0.1, 0.01
WIDTHS = {"all": (2, 5, 4, 1), "inner": (2, 5, 4, 1), "last": (2, 5, 4, 1), "only": (2, 1)}
LAYER = {"all": "all", "inner": 2, "last": 3, "only": "all"}


@cache
def section(kind: type[models.Section], **members: object) -> models.Section:
    return kind(**members)


def spec_of(at: Question) -> models.Spec:
    """The spec that states a combination."""
    graph, module = at.network == "graph", at.network == "module"
    more = {"widths": None if graph or module else WIDTHS[at.layer], "activation": None if graph or module else "tanh",
            "graph": "g.json" if graph else None, "factory": "a:b" if module else None}
    function = {"reference": "d.npz"} if at.reference else {}
    gate = () if at.quantity in (PLAIN, AUBIN) else (section(models.Gate, quantity=at.quantity, max=1.0),)
    return models.Spec.model_construct(
        version=1, model=section(models.Model, file="m.safetensors", **more),
        data=section(models.Data, file="d.npz", targets="y" if at.targets else None),
        training=section(models.Training, loss=at.loss, weight_decay=DECAY if at.decay else 0.0,
                         bias_decay=not at.undecayed, normalization=str(at.normalization)),
        solution=section(models.Solution, map=at.map, base=at.base, layer=LAYER[at.layer],
                         level=LEVEL if at.level else None),
        weights=section(models.Weights, norm=at.weight_norm, **function),
        perturbation=section(
            models.Perturbation, parameter=at.parameter, set=at.set, norm=at.norm,
            radius=RADIUS if at.radius else None, count=1 if at.count else None, file="u.npz" if at.change else None,
            columns=(0,) if at.units else None, direction="down" if at.down else None, relative=at.relative),
        window=section(models.Window, radius=1.0) if at.window else None,
        aubin=section(models.Aubin) if at.quantity == AUBIN else None,
        evaluation=section(models.Evaluation, file="d.npz") if at.evaluation else None, estimate=None,
        run=section(models.Run, arithmetic=at.arithmetic), gate=gate)
