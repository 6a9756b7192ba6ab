"""Ranks that torchrun, SLURM or Kubernetes started: messages go by torch.distributed, over gloo, as bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from certify.format.errors import InputError, MissingPackage
from certify.systems.head.rows.stored.ranks.channel import ENDED, RankLost, lost
from certify.systems.head.rows.stored.ranks.wire import LENGTHS, Malformed, Message, decoded, encoded, lengths_of

PATIENCE: Final = timedelta(days=1)
"""How long a rank may read for one task. One that ends is seen at once; a machine that vanishes, after this."""

AT_ONCE: Final = 2**28
"""Bytes of a tensor that is sent."""


class TorchChannel:
    """To a rank of a group of torch.distributed.

    Args:
        rank: the number of the other end.
        group: over gloo.
    """

    def __init__(self, rank: int, group: Any) -> None:
        self.rank, self._group = rank, group

    def send(self, message: Message) -> None:
        """Hand over a message."""
        data = encoded(message)
        self._send(data[:LENGTHS])
        self._send(data[LENGTHS:])

    def receive(self) -> Message:
        """The next message."""
        try:
            start = self._bytes(LENGTHS)
            return decoded(start + self._bytes(sum(lengths_of(start))))
        except Malformed as error:
            raise RankLost(f"rank {self.rank}", f"a message that is none ({error})", "ask again") from None

    def ready(self) -> bool:
        """Gloo does not say."""
        return False

    def _send(self, data: bytes) -> None:
        import torch
        import torch.distributed as dist

        for start in range(0, len(data), AT_ONCE):
            tensor = torch.frombuffer(bytearray(data[start : start + AT_ONCE]), dtype=torch.uint8)
            try:
                dist.send(tensor, self.rank, group=self._group)
            except RuntimeError as error:
                raise lost(self.rank, _how(error)) from None

    def _bytes(self, count: int) -> bytes:
        import torch
        import torch.distributed as dist

        found = bytearray()
        for start in range(0, count, AT_ONCE):
            tensor = torch.empty(min(AT_ONCE, count - start), dtype=torch.uint8)
            try:
                dist.recv(tensor, self.rank, group=self._group)
            except RuntimeError as error:
                raise lost(self.rank, _how(error)) from None
            found += tensor.numpy().tobytes()
        return bytes(found)


@dataclass(frozen=True)
class Group:
    """This rank, how many there are, and a group over gloo that nobody else uses."""

    rank: int
    size: int
    group: Any


@contextmanager
def joined() -> Iterator[Group]:
    """The ranks of torch.distributed: of its group if there is one, else of the one that the environment names.

    Raises:
        MissingPackage: torch is not installed.
        InputError: there is no group, and the environment names none.
    """
    try:
        import torch.distributed as dist
    except ImportError:
        raise MissingPackage("ranks", "torch is not installed", "pip install torch, or give ranks a number") from None
    if not dist.is_initialized():
        if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ):
            raise InputError("ranks", "torchrun, and this process was not started by it",
                             "start it with torchrun, or give ranks a number")
        dist.init_process_group("gloo", timeout=PATIENCE)  # once: the next question finds it
    group = dist.new_group(backend="gloo", timeout=PATIENCE)
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), group)
    finally:
        dist.destroy_process_group(group)


def _how(error: RuntimeError) -> str:
    """What gloo says, on one line."""
    said = " ".join(str(error).split())[:120]
    return f"{ENDED} ({said})"
