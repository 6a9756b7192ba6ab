"""Products in a trace: an attention that is written in pieces, followed until it is whole."""

from __future__ import annotations

import math
import operator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, Final

from certify.inputs.graphs import moved as graphs
from certify.inputs.graphs.attention import Scores, Times, attended, in_the_form, scores_of
from certify.inputs.graphs.moved import Moved, standing
from certify.inputs.torch.tracing.recorder import Recorder

_NAMES: Final = {
    "matmul": "product", "bmm": "product", "mul": "times", "imul": "times", "div": "over", "truediv": "over",
    "itruediv": "over", "softmax": "softmax", "masked_fill": "mask", "dropout": "dropout"}
"""What each name of a function or method is here."""


def followed(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any], result: Any) -> bool:
    """Follow a step of an attention in pieces; whether it is one."""
    kind = _kind(n)
    known = [recorder.scores.get(x) for x in args[:2] if _a_step(x)]
    if kind is None or not known or not (any(known) or kind in ("product", "times", "over")):
        return False
    step = {"product": _product, "times": _times, "over": _times, "softmax": _softmax, "mask": _mask,
            "dropout": _dropout}[kind]
    made = step(recorder, n, args, options)
    if made is None:
        return False
    if isinstance(made, Moved):
        recorder.moved[n] = made
        if made.whole(recorder.rows):
            recorder.names[n] = made.source
            del recorder.moved[n]
    else:
        recorder.scores[n] = made
    return True


def multiplied(recorder: Recorder, n: Any, x: Any) -> None:
    """Make a value times a number a node; scores that are used otherwise are refused."""
    times = recorder.scores[x]
    if x in recorder.names:
        return
    if not isinstance(times, Times):
        recorder.refuse(n, "scores or weights of an attention that are used otherwise")
    name = graphs.written(times.moved, recorder.rows, x.name, recorder.write, partial(recorder.refuse, x))
    recorder.names[x] = recorder.write(f"{x.name}_times", "times", (name,), factor=float(times.factor))


def gated(recorder: Recorder, n: Any, x: Any, args: list[Any], options: dict[str, Any]) -> bool:
    """Write a product of two values of one shape; whether it is one."""
    if len(args) != 2 or options or not all(recorder.known(a) for a in args):
        return False
    if recorder.shape(args[0]) != recorder.shape(args[1]):
        return False
    recorder.emit(n, "multiply", *args)
    return True


def _a_step(x: Any) -> bool:
    return type(x).__name__ == "Node"


def _kind(n: Any) -> str | None:
    from torch import nn

    if n.op == "call_method":
        return _NAMES.get(n.target)
    if n.op == "call_module":
        part = n.graph.owning_module.get_submodule(n.target)
        if type(part) is nn.Softmax and part.dim == -1:
            return "softmax"
        return "dropout" if type(part) is nn.Dropout else None
    known = getattr(n.target, "__module__", "") or ""
    if n.op != "call_function" or not (known.startswith(("torch", "_operator", "operator")) or hasattr(
            operator, getattr(n.target, "__name__", ""))):
        return None
    return _NAMES.get(getattr(n.target, "__name__", ""))


def _entries(recorder: Recorder, x: Any) -> Moved | Times | Scores | None:
    if not _a_step(x):
        return None
    found = recorder.scores.get(x) or recorder.moved.get(x)
    if isinstance(found, tuple):
        return None
    if found is None and x in recorder.names:
        return standing(recorder.names[x], recorder.shape(x)[1:], recorder.rows)
    return found


def _product(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> Any:
    if len(args) != 2 or options:
        return None
    left, right = (_entries(recorder, x) for x in args)
    if isinstance(left, Scores) and left.weighed and isinstance(right, Moved):
        name, heads = attended(left, right, recorder.rows, n.name, recorder.write, partial(recorder.refuse, n))
        shape = recorder.shape(n)
        channels = shape[-1] * (heads if math.prod(shape[:-2]) > recorder.rows else 1)
        return in_the_form(left.q, name, shape[-2], channels, heads, recorder.rows)
    if not isinstance(left, Moved | Times) or not isinstance(right, Moved | Times) or len(recorder.shape(n)) < 3:
        recorder.refuse(n, "a product of values outside an attention")
    return scores_of(left, right)


def _times(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> Any:
    if len(args) != 2 or options:
        return None
    x, number = args if _a_step(args[0]) else args[::-1]
    over = _kind(n) == "over"
    known = _entries(recorder, x)
    if type(number) not in (int, float) or not math.isfinite(number) or known is None or (over and (
            not number or x is not args[0])):
        return None
    factor = 1 / Fraction(number) if over else Fraction(number)
    if isinstance(known, Moved):
        return Times(known, factor)
    if isinstance(known, Scores) and known.weighed:
        recorder.refuse(n, "a number times the weights of an attention")
    return replace(known, factor=known.factor * factor)


def _softmax(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> Any:
    scores = recorder.scores.get(args[0])
    missing = -1 if n.op == "call_module" else None  # of a function without dim torch picks one by the number of axes
    axis = options.get("dim", args[1] if len(args) > 1 else missing)
    plain = set(options) <= {"dim", "_stacklevel", "dtype"} and options.get("dtype") is None
    if not isinstance(scores, Scores) or scores.weighed or not plain or axis not in (-1, len(recorder.shape(n)) - 1):
        recorder.refuse(n, "a softmax of something else than the scores of an attention, over the keys")
    return replace(scores, weighed=True)


def _mask(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> Any:
    """A mask that leaves the tokens up to each: causal."""
    import torch

    scores, values = recorder.scores.get(args[0]), dict(zip(("mask", "value"), args[1:], strict=False)) | options
    mask = values["mask"]
    mask = recorder.results[mask] if _a_step(mask) else mask
    shape = recorder.shape(n)
    later = torch.ones(shape[-2:], dtype=torch.bool).triu(1)
    if not isinstance(scores, Scores) or scores.weighed or shape[-1] != shape[-2] or values["value"] != -math.inf or (
            mask.dtype != torch.bool or not bool((mask.expand(shape) == later).all())):
        recorder.refuse(n, "a mask other than the causal one")
    return replace(scores, causal=True)


def _dropout(recorder: Recorder, n: Any, args: list[Any], options: dict[str, Any]) -> Any:
    if n.op == "call_function" and (args[2] if len(args) > 2 else options.get("training", True)) and (
            args[1] if len(args) > 1 else options.get("p", 0.5)):
        recorder.refuse(n, "a dropout that is on in eval mode, which is chance (training=self.training)")
    return recorder.scores[args[0]]
