"""`certify graph`: the graph file of a module or of an ONNX model, and what was written."""

from __future__ import annotations

import sys
from pathlib import Path

from certify.cli.text import one_line
from certify.format.errors import SpecError


def write(named: str, shape: str | None, out: Path) -> None:
    """Write a graph file, and say on standard error what it holds.

    Args:
        named: `package.module:callable`, or the path of an `.onnx` file.
        shape: of one row; needed for a module, and said by the file otherwise.
        out: the graph file.

    Raises:
        SpecError, InputError: with one line that says what to change.
    """
    if named.lower().endswith(".onnx"):
        from certify.inputs.onnx.graph.write import write_onnx_graph

        if shape is not None:
            raise SpecError("graph --shape", f"{named} says the shape of its rows", "leave the option out")
        operations, tensors, folded, said = write_onnx_graph(Path(named), out)
        _say(f"{out} and {tensors}", operations)
        print(one_line(f"note: {said}"), file=sys.stderr)
        if folded:
            print("note: a BatchNorm was folded when the file was exported: claims are about the folded parameters",
                  file=sys.stderr)
        return
    from certify.inputs.torch.trace import write_graph

    if shape is None:
        raise SpecError("graph", "no --shape", "give that of one row, as 3,32,32")
    _say(str(out), write_graph(named, shape, out))


def _say(files: str, operations: dict[str, int]) -> None:
    print(one_line(f"wrote {files}: {', '.join(f'{times} {op}' for op, times in operations.items())}"), file=sys.stderr)
