"""One question, asked by one process or several that share the rows."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Final

import numpy as np

from certify._version import __version__
from certify.format.errors import CertifyError, InputError
from certify.prove.stored.local import started
from certify.prove.stored.site import Site
from certify.prove.stored.tasks import TASKS
from certify.systems.head.rows.stored.ranks.channel import Channel
from certify.systems.head.rows.stored.ranks.digests import Digests
from certify.systems.head.rows.stored.ranks.reading import Share, read
from certify.systems.head.rows.stored.ranks.serving import serve
from certify.systems.head.rows.stored.ranks.store import Store
from certify.systems.head.rows.stored.ranks.team import ERRORS, Team, answered, refusal
from certify.systems.head.rows.stored.ranks.wire import Message
from certify.systems.head.rows.stored.rows import Rows

Tell = Callable[[float], None]
"""Told how many readings of the rows are done."""

Prepare = Callable[[], tuple[Site, Callable[[Team], Message]]]
"""What a rank does first: to the rows as it has them, and from whoever reads the rows to the answer."""

MOST: Final = 1024
"""Processes on one machine."""

TORCHRUN: Final = "torchrun"


def spread(ranks: int | str, prepare: Prepare, tell: Tell) -> Message:
    """The answer, which does not depend on who has read which rows.

    Args:
        ranks: processes on this machine, this one among them; or "torchrun": those of torch.distributed, each of which
            calls this with the same question and returns the same answer.
        prepare: called by this process; what it refuses, all ranks are told.
        tell: told by rank 0 how many readings are done.
    """
    if ranks == TORCHRUN:
        return _by_torch(prepare, tell)
    if not isinstance(ranks, Integral) or isinstance(ranks, bool) or not 1 <= ranks <= MOST:
        raise InputError("ranks", repr(ranks), f'give a number of processes from 1 to {MOST}, or "{TORCHRUN}"')
    site, ask = prepare()
    store = site.store()
    if ranks == 1:
        found = ask(Team(site.per_row(), (), store, tell))
    else:
        with started(int(ranks) - 1, site) as channels:
            found = ask(Team(site.per_row(), channels, store, tell))
    return _kept(found, store)


def _kept(found: Message, store: Store | None) -> Message:
    """The answer; what was found on the way is not needed any more."""
    if store is not None:
        store.clear()
    return found


def _by_torch(prepare: Prepare, tell: Tell) -> Message:
    from certify.systems.head.rows.stored.ranks.by_torch import TorchChannel, joined

    with joined() as group:
        if group.rank:
            return _served(prepare, TorchChannel(0, group.group))
        channels = [TorchChannel(rank, group.group) for rank in range(1, group.size)]
        try:
            site, ask = prepare()
            store = site.store()
            _require_same(site, channels)
            found = ask(Team(site.per_row(), channels, store, tell))
        except BaseException as error:
            _tell(channels, error)
            raise
        for channel in channels:
            channel.send(found)
        return _kept(found, store)


def _served(prepare: Prepare, channel: Channel) -> Message:
    """Of every rank but 0."""
    try:
        site, _ = prepare()
        store = site.store()
    except CertifyError as error:
        channel.send(refusal(error))
        raise
    channel.send(_hello(site))
    found = serve(channel, (site.source, site.source.require_unchanged), TASKS, site.per_row(), store)
    if found.about == "refused":
        words = [str(found.words.get(part, "")) for part in ("asked", "found", "remedy")]
        raise ERRORS.get(str(found.words.get("error")), CertifyError)(*words)
    return _kept(found, store)


def _tell(channels: Sequence[Channel], error: BaseException) -> None:
    """Tell all that are left why there is no answer."""
    known = error if isinstance(error, CertifyError) else CertifyError("rank 0", f"ended ({type(error).__name__})",
                                                                       "ask again")
    for channel in channels:
        try:
            channel.send(refusal(known))
        except CertifyError:
            continue


def _hello(site: Site) -> Message:
    """What a rank sees."""
    return Message("hello", {"version": __version__, "inputs": site.inputs, "host": socket.gethostname(),
                             "state": list(site.source.state), "shape": list(site.source.shape)})


def _require_same(site: Site, channels: Sequence[Channel]) -> None:
    """Refuse ranks that see other rows, or ask another question.

    Where they do not share a file, every rank reads its own part and that of the next one: where all digests are the
    same, no two ranks read different numbers for any row.

    Raises:
        InputError: naming the rank.
    """
    mine, shared = _hello(site).words, True
    for rank, channel in enumerate(channels, 1):
        words = answered(channel).words
        for key, what in (("version", "another version of certify"), ("shape", "rows of another shape"),
                          ("inputs", "another model, other labels, evaluation rows or options")):
            if words.get(key) != mine[key]:
                raise InputError(f"rank {rank}", f"{what} than rank 0", "give all ranks the same")
        shared &= (words.get("host"), words.get("state")) == (mine["host"], mine["state"])
    if not shared:
        _require_same_rows(site, channels)


def _require_same_rows(site: Site, channels: Sequence[Channel]) -> None:
    rows, size = Rows(site.source, np.ones(site.source.shape[1])), len(channels) + 1
    step = rows.step()
    parts = -(-len(rows) // step)
    ends = [parts * rank // size for rank in range(size + 1)]
    seen: list[dict[int, bytes]] = []
    for turn in (0, 1):
        shares = [Share(Digests(), rows.scale, step, ends[at], ends[at + 1])
                  for at in ((rank + turn) % size for rank in range(size))]
        for channel, share in zip(channels, shares[1:], strict=True):
            channel.send(share.message())
        tally = shares[0].task.tally()
        read(site.source, shares[0], tally, None, lambda: None)
        told = [tally.told(), *(answered(channel).arrays for channel in channels)]
        seen.append({(rank + turn) % size: one["digest"].tobytes() for rank, one in enumerate(told)})
    for at in range(size):
        if seen[0][at] != seen[1][at]:
            raise InputError(f"rank {at}", f"other rows than rank {(at - 1) % size} in what it reads",
                             "give all ranks the same file")
