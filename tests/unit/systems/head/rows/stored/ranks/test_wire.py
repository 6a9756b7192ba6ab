"""Messages come out as they went in, and bytes that are none are refused."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.systems.head.rows.stored.ranks import wire
from certify.systems.head.rows.stored.ranks.channel import RankLost, SocketChannel
from certify.systems.head.rows.stored.ranks.wire import Malformed, Message, decoded, encoded

SENT = Message("told", {"a": 1, "b": [0.1, None], "c": "µ"}, {
    "x": np.array([[0.1, np.inf], [-0.0, 5e-324]]), "none": np.zeros((0, 3)), "at": np.array([2**60]),
    "yes": np.array([True, False])})


def test_numbers_come_out_to_the_last_bit() -> None:
    got = decoded(encoded(SENT))
    assert (got.about, dict(got.words)) == (SENT.about, SENT.words)
    for name, array in SENT.arrays.items():
        assert got.arrays[name].dtype == array.dtype
        assert got.arrays[name].shape == array.shape
        assert got.arrays[name].tobytes() == array.tobytes()
        got.arrays[name][...] = 0  # it is the receiver's own


@settings(max_examples=200)
@given(st.data())
def test_damaged_messages_are_refused_or_read_as_some_message(data: st.DataObject) -> None:
    whole = bytearray(encoded(SENT))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    del whole[data.draw(st.integers(0, len(whole))) :]
    try:
        got = decoded(whole)
    except Malformed:
        return
    assert sum(array.nbytes for array in got.arrays.values()) <= len(whole)


@pytest.mark.parametrize("words", [
    b"[]", b"[1, 2]", b'["a", {}, [["x", "float64", [-1]]]]', b'["a", {}, [["x", "float64", [true]]]]',
    b'["a", {}, [["x", "object", [1]]]]', b'["a", {}, [["x", "float64", [99999999999]]]]', b'["a", [], []]', b"{",
    b'["a", {}, [["x", "float64", 3]]]', b'["a", {}, [[[], "float64", [0]]]]' + b" " * 3, b"[" * 9000])
def test_what_is_no_message_is_refused(words: bytes) -> None:
    data = len(words).to_bytes(8, "big") + (16).to_bytes(8, "big") + words + bytes(16)
    with pytest.raises(Malformed):
        decoded(data)


def test_lengths_beyond_any_message_are_refused_before_memory_is_asked_for() -> None:
    with pytest.raises(Malformed, match="too long"):
        wire.lengths_of((8).to_bytes(8, "big") + (2**41).to_bytes(8, "big"))
    mine, theirs = socket.socketpair()
    with mine, theirs:
        theirs.sendall(b"\xff" * 16)
        with pytest.raises(RankLost, match="a message that is none"):
            SocketChannel(1, mine).receive()


def test_a_closed_end_is_a_rank_that_is_lost() -> None:
    mine, theirs = socket.socketpair()
    channel = SocketChannel(3, mine)
    with mine:
        assert not channel.ready()
        theirs.sendall(encoded(SENT)[:40])
        theirs.close()
        assert channel.ready()
        assert channel.gone(0.0)
        with pytest.raises(RankLost, match="rank 3: its process has ended"):
            channel.receive()
        with pytest.raises(RankLost, match="rank 3"):
            channel.send(SENT)
