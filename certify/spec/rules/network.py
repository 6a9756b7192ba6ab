"""Keys that name the network: which are given together, which is missing, and which layer there is."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.format.words import Activation, words

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_network(spec: Spec, name: str) -> None:
    """Refuse a network named twice, or not enough, and a layer that it does not have.

    Raises:
        SpecError: with what would work.
    """
    if spec.model.graph is not None:
        _require_graph_alone(spec, name)
    elif spec.model.factory is None:
        _require_chain(spec, name)
    widths, layer = spec.model.widths, spec.solution.layer
    if layer == "last" and spec.model.graph is None:
        raise SpecError(f"{name}: solution.layer", '"last", which names the last layer of a graph',
                        f"give {len(widths) - 1}, the number of the last layer" if widths else "give its number")
    if isinstance(layer, int) and spec.model.graph is not None:
        raise SpecError(f"{name}: solution.layer", f"layer {layer} of a graph, whose layers have no numbers",
                        'give "all" or "last"')
    if widths and isinstance(layer, int) and layer >= len(widths):
        raise SpecError(f"{name}: solution.layer", f"layer {layer} of a network of {len(widths) - 1}",
                        f'give 1 … {len(widths) - 1} or "all"')


def _require_graph_alone(spec: Spec, name: str) -> None:
    model = spec.model
    for key in ("widths", "activation"):
        if getattr(model, key) is not None:
            raise SpecError(f"{name}: model.{key}", "given with model.graph, which says it", f"remove {key}, or graph")
    if PurePath(model.file).suffix.lower() in (".pt2", ".onnx"):
        raise SpecError(f'{name}: model.file = "{model.file}"', "it has a graph of its own",
                        "save the state_dict as .safetensors")


def _require_chain(spec: Spec, name: str) -> None:
    model = spec.model
    if model.widths is None:
        raise SpecError(f"{name}: [model]", "'widths' is missing",
                        "give widths, e.g. widths = [30, 64, 64, 1], or a factory")
    if model.activation is None:
        remedy = (f"give activation, the one it was trained with ({', '.join(words(Activation))}): the weights do not "
                  "say it; or give a factory")
        if len(model.widths) == 2:
            remedy = 'give activation = "identity", which is exact for one layer'
        raise SpecError(f"{name}: [model]", "'activation' is missing", remedy)
