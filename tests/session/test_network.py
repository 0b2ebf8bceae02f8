"""What a session tells the system of its socket."""

from __future__ import annotations

import socket

import pytest

from mailbatch.smtp.network import acknowledge


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be told to")
def test_what_was_read_is_acknowledged_at_once():
    """The system leaves the mode in which it waits for something to send along."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        with ours, theirs:
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 0
            acknowledge(ours)
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
