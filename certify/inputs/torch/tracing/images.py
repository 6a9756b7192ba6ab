"""Functions of torch on images, and means, told as operations of a graph."""

from __future__ import annotations

from typing import Any

from certify.inputs.torch.tracing.recorder import Recorder


def padded(recorder: Recorder, n: Any, x: Any, args: list[Any], options: dict[str, Any]) -> None:
    """F.pad of channels with zeros."""
    values = dict(zip(("pad", "mode", "value"), args, strict=False)) | options
    pad = list(values.get("pad", ()))
    if (len(pad) != 6 or any(pad[:4]) or min(pad) < 0 or values.get("mode", "constant") != "constant"
            or values.get("value") not in (None, 0)):
        recorder.refuse(n, "padding of something else than channels with zeros")
    recorder.emit(n, "pad_channels", x, before=int(pad[4]), after=int(pad[5]))


def strided(recorder: Recorder, n: Any, x: Any, at: Any) -> None:
    """Every so many rows and columns of an image."""
    every = slice(None)
    parts = list(at) if isinstance(at, tuple) else [at]
    if parts[:1] == [Ellipsis]:
        parts = [every] * (5 - len(parts)) + parts[1:]
    parts += [every] * (4 - len(parts))
    whole = [part for part in parts if isinstance(part, slice) and part.start in (None, 0) and part.stop is None]
    steps = [part.step or 1 for part in whole]
    if len(recorder.shape(x)) != 4 or len(steps) != 4 or steps[:2] != [1, 1] or min(steps) < 1:
        recorder.refuse(n, "a slice of something else than every so many rows and columns from the first")
    recorder.emit(n, "subsample", x, stride=(steps[2], steps[3]))


def averaged(
    recorder: Recorder, n: Any, x: Any, args: list[Any], options: dict[str, Any], shape: tuple[int, ...],
) -> None:
    """Means over height and width, or over tokens."""
    before = recorder.shape(x)
    axes = args or [options.get("dim")]
    if len(before) == 3 and set(options) <= {"dim"} and axes in ([1], [-2], [(1,)], [[1]]):
        recorder.emit(n, "mean_tokens", x)
        return
    over = axes[0] if isinstance(axes[0], tuple | list) else axes[:1]
    if len(before) != 4 or shape not in (before[:2], (*before[:2], 1, 1)) or set(options) - {"dim", "keepdim"} or (
            sorted(axis % 4 for axis in over if isinstance(axis, int)) != [2, 3]):
        recorder.refuse(n, "a mean over something else than height and width")
    kernel = before[2:]
    name = f"{n.name}_pool" if len(shape) == 2 else n.name
    recorder.write(name, "avg_pool", (recorder.names[x],), kernel=kernel, stride=kernel)
    recorder.names[n] = name
    if len(shape) == 2:
        recorder.write(n.name, "flatten", (name,))
        recorder.names[n] = n.name


def two(value: Any) -> tuple[int, int]:
    """A number for both axes, or two."""
    pair = (value, value) if isinstance(value, int) else tuple(value or ())
    return (int(pair[0]), int(pair[1])) if len(pair) == 2 and None not in pair else (0, 0)
