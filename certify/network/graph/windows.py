"""Index tables of convolutions and pooling: which input entries each output entry reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
Shape = tuple[int, ...]
Size = tuple[int, int]


def output_size(size: Size, kernel: Size, stride: Size, padding: Size) -> Size:
    """Height and width after a window: `⌊(size + 2 padding − kernel)/stride⌋ + 1`; 0 or less where none fits."""
    h, w = ((s + 2 * p - k) // t + 1 for s, k, t, p in zip(size, kernel, stride, padding, strict=True))
    return h, w


def _axes(size: Size, kernel: Size, stride: Size, padding: Size) -> tuple[Index, Index]:
    """Rows and columns read by each output place and tap: `(oh, ow, kh, kw)` each, −1 for padding."""
    oh, ow = output_size(size, kernel, stride, padding)
    y = np.arange(oh)[:, None] * stride[0] - padding[0] + np.arange(kernel[0])[None, :]
    x = np.arange(ow)[:, None] * stride[1] - padding[1] + np.arange(kernel[1])[None, :]
    y, x = np.where((y >= 0) & (y < size[0]), y, -1), np.where((x >= 0) & (x < size[1]), x, -1)
    full = (oh, ow, kernel[0], kernel[1])
    return np.broadcast_to(y[:, None, :, None], full), np.broadcast_to(x[None, :, None, :], full)


def patches(shape: Shape, kernel: Size, stride: Size, padding: Size) -> Index:
    """`(oh·ow, c·kh·kw)` places in the flattened `(c, h, w)` input; `c·h·w` stands for a zero of the padding.

    >>> patches((1, 2, 2), (2, 2), (1, 1), (0, 0)).tolist()
    [[0, 1, 2, 3]]
    """
    c, h, w = shape
    y, x = _axes((h, w), kernel, stride, padding)
    inside = (y >= 0) & (x >= 0)
    place = (y * w + x)[:, :, None] + (np.arange(c) * h * w)[None, None, :, None, None]
    place = np.where(inside[:, :, None], place, c * h * w)
    return place.reshape(y.shape[0] * y.shape[1], c * kernel[0] * kernel[1])


def channel_patches(shape: Shape, kernel: Size, stride: Size, padding: Size) -> Index:
    """`(c·oh·ow, kh·kw)` places: windows within one channel, as pooling reads them."""
    c, h, w = shape
    one = patches((1, h, w), kernel, stride, padding)
    place = np.where(one == h * w, c * h * w, one[None] + (np.arange(c) * h * w)[:, None, None])
    return place.reshape(-1, one.shape[1])


def turned(index: Index, inputs: int, outputs: int, taps: int, channels: int) -> Index:
    """The table of the transposed map: which outputs each input reads back, for each output channel and tap.

    Args:
        index: `(places, c·taps)` or `(c·places, taps)`, from :func:`patches` or :func:`channel_patches`.
        inputs: number of input entries; this entry number stands for padding.
        outputs: number of output entries of one channel of the kernel.
        taps: number of taps of a channel.
        channels: number of channels the kernel's rows make of each place; the output is `(channels, outputs)`.

    Returns:
        `(inputs, channels·taps)` places in the flattened `(channels, outputs)`; `channels·outputs` where there is none.
    """
    place, column = np.nonzero(index < inputs)
    back = np.full((inputs, taps), -1, dtype=np.int64)
    back[index[place, column], column % taps] = place
    every = back[:, None, :] + (np.arange(channels) * outputs)[None, :, None]
    return np.where(back[:, None, :] < 0, channels * outputs, every).reshape(inputs, channels * taps)


def multiplicity(index: Index, entries: int) -> int:
    """How often the most used entry occurs in a table: `|Px|² ≤ m|x|²` for the patches `Px` of x."""
    return int(np.bincount(index.ravel(), minlength=entries + 1)[:entries].max(initial=1))
