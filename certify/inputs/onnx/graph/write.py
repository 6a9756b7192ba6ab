"""The graph file of an ONNX model, and its tensors beside it."""

from __future__ import annotations

from pathlib import Path

from certify.inputs.graph_file import graph_bytes
from certify.inputs.graphs.new_file import write_new
from certify.inputs.onnx.graph.compared import compared
from certify.inputs.onnx.graph.read import read_graph
from certify.spec.sources import read_source


def write_onnx_graph(model: Path, path: Path) -> tuple[dict[str, int], Path, bool, str]:
    """Write what an ONNX model does as a graph file, and its tensors as a model file of the same name.

    Args:
        model: the `.onnx` file.
        path: the graph file; neither it nor the model file beside it is replaced.

    Returns:
        How often each operation occurs, the model file, whether a BatchNorm was folded by the exporter, and what came
        of comparing the graph with the file.

    Raises:
        InputError: the model is no graph, or a file cannot be written.
    """
    from safetensors.numpy import save

    source, asked = read_source(model, "model").content, f"model file {model}"
    network, folded = read_graph(source, asked, model.parent)
    said = compared(source, network, asked, model.parent)
    tensors = path.with_suffix(".safetensors")
    content = save({name: array.copy() for name, array in network.tensors.items()})
    write_new(path, graph_bytes(network.nodes, network.shape, network.output, network.input), "graph file")
    write_new(tensors, content, "model file")
    return network.operations, tensors, folded, said
